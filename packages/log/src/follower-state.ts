/**
 * What a follower must not forget (docs/protocol.md §13.5): held by one trustee, on a disk of its own. Public values
 * alone.
 */
import {
  Reader,
  Writer,
  concatBytes,
  equalBytes,
  fromUtf8,
  utf8,
  HASH_BYTES,
} from "@smarter-metering/protocol";
import { LogError, decoding, wellFormed } from "./error.ts";
import { frontierRoot, isFrontier, type Frontier } from "./frontier.ts";
import { formatHead, parseHead, signedAt, type HeadKey, type SignedHead } from "./head.ts";
import type { ForkEvidence } from "./quorum.ts";

export interface FollowerState {
  readonly frontier: Frontier;
  /** Of the last entry, epoch seconds. */
  readonly timeSeconds: number;
  /** The head at the frontier's size with the operator's signature and our own; undefined at size 0. */
  readonly cosigned: SignedHead | undefined;
  /** Once there, the follower takes nothing more. */
  readonly fork: ForkEvidence | undefined;
}

const STATE_VERSION = 1;
const NOTE_BYTES_MAX = 65_535;

export function encodeState(state: FollowerState, origin: string): Uint8Array {
  const note = (head: SignedHead | undefined): Uint8Array =>
    utf8(head === undefined ? "" : formatHead(head));
  return new Writer()
    .u8(STATE_VERSION)
    .vector(utf8(origin), 255)
    .u64(state.frontier.size)
    .vector(concatBytes(...state.frontier.hashes), NOTE_BYTES_MAX)
    .u64(state.timeSeconds)
    .vector(note(state.cosigned), NOTE_BYTES_MAX)
    .vector(note(state.fork?.first), NOTE_BYTES_MAX)
    .vector(note(state.fork?.second), NOTE_BYTES_MAX)
    .finish();
}

/** Throws LOG_STATE_DAMAGED unless it is whole, of this log, and its head signed by `own`. */
export async function decodeState(
  bytes: Uint8Array,
  origin: string,
  own: HeadKey,
): Promise<FollowerState> {
  try {
    const state = decoding("follower state", () => read(bytes, origin));
    const { cosigned, frontier } = state;
    const root = await frontierRoot(frontier);
    wellFormed((cosigned?.size ?? 0) === frontier.size, "the head is of another size");
    if (cosigned !== undefined) {
      wellFormed(equalBytes(cosigned.root, root), "the head has another root");
      wellFormed((await signedAt(cosigned, own)) !== undefined, "the head is not signed by us");
    }
    return state;
  } catch (cause) {
    const message =
      "the log follower's state is damaged, or of another log or key. Do not start without it: " +
      "a trustee that forgot what it cosigned could cosign another history; give it a new key";
    throw new LogError("LOG_STATE_DAMAGED", message, cause);
  }
}

function read(bytes: Uint8Array, origin: string): FollowerState {
  const reader = new Reader(bytes);
  const note = (): SignedHead | undefined => {
    const text = fromUtf8(reader.vector(NOTE_BYTES_MAX));
    return text === "" ? undefined : parseHead(text);
  };
  wellFormed(reader.u8() === STATE_VERSION, "unknown version");
  wellFormed(fromUtf8(reader.vector(255)) === origin, "another log");
  const size = reader.safeU64();
  const joined = reader.vector(NOTE_BYTES_MAX);
  const hashes = Array.from({ length: joined.length / HASH_BYTES }, (_, at) =>
    joined.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
  const frontier = { size, hashes };
  wellFormed(joined.length % HASH_BYTES === 0 && isFrontier(frontier), "no frontier");
  const timeSeconds = reader.safeU64();
  const [cosigned, first, second] = [note(), note(), note()];
  reader.end();
  const fork = first === undefined || second === undefined ? undefined : { first, second };
  return { frontier, timeSeconds, cosigned, fork };
}
