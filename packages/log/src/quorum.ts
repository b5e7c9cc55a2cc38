/**
 * How many trustees must have cosigned a head before anybody acts on it (docs/protocol.md §13.4). Run by trustees,
 * before they answer a release request, and by whoever verifies a proof.
 */
import { equalBytes, fromHex, toHex, type NetworkView } from "@smarter-metering/protocol";
import { LogError, type LogErrorCode } from "./error.ts";
import { logKey, signedAt, trusteeKey, type HeadKey, type SignedHead } from "./head.ts";

/**
 * n trustees, t of them can decrypt, q = ⌈(n+t)/2⌉ must cosign.
 *
 * Why q. An honest trustee cosigns heads of one history only. Take two heads of which neither history extends the
 * other, each cosigned by q: the two sets of cosigners share at least 2q − n ≥ t trustees, and all of those cosigned
 * both, so all of them are corrupt. While fewer than t are corrupt (with t they need no log: they decrypt), there are
 * no two such heads: every honest trustee that waits for q cosignatures reads the same requests in the same order. A
 * release needs t shares, so at least one of an honest trustee; two releases of one block would need one honest share
 * each, both given to the first request for that block in the same order, which is one request.
 *
 * Why not fewer. With q − 1 the sets may share only 2(q−1) − n ≤ t − 1 trustees, and that many may be corrupt: 2-of-3
 * with two cosignatures is split by one corrupt trustee and the operator (the test does it).
 *
 * The price. Releases wait while more than n − q = ⌊(n−t)/2⌋ trustees are down: 2-of-3 none may be, 2-of-4, 3-of-5 and
 * 3-of-6 one, 3-of-7 two.
 */
export interface Quorum {
  readonly log: HeadKey;
  readonly trustees: readonly HeadKey[];
  /** t: shares that decrypt. */
  readonly threshold: number;
  /** q. */
  readonly cosignersMin: number;
}

const TRUSTEES_MAX = 32;

/**
 * Throws LOG_QUORUM_INVALID: a threshold out of range, or a key that occurs twice (a signature does not name its
 * signer).
 */
export async function createQuorum(
  logPublicKey: Uint8Array,
  trusteePublicKeys: readonly Uint8Array[],
  threshold: number,
): Promise<Quorum> {
  const count = trusteePublicKeys.length;
  const isThreshold = Number.isInteger(threshold) && threshold >= 1 && threshold <= count;
  if (!isThreshold || count > TRUSTEES_MAX) {
    throw new LogError("LOG_QUORUM_INVALID", `no quorum of ${threshold} of ${count} trustees`);
  }
  const keys = [logPublicKey, ...trusteePublicKeys];
  if (new Set(keys.map(toHex)).size < keys.length) {
    throw new LogError("LOG_QUORUM_INVALID", "log and trustees must each have a key of their own");
  }
  return {
    log: await logKey(logPublicKey),
    trustees: await Promise.all(trusteePublicKeys.map(trusteeKey)),
    threshold,
    cosignersMin: Math.ceil((count + threshold) / 2),
  };
}

export type HeadVerdict =
  | { readonly ok: true; readonly timeSeconds: number; readonly cosigners: readonly HeadKey[] }
  | { readonly ok: false; readonly code: LogErrorCode };

/**
 * Whether the operator and at least q trustees signed the head: else LOG_HEAD_ORIGIN, LOG_HEAD_SIGNATURE or
 * LOG_HEAD_QUORUM. Lines of other keys count for nothing.
 */
export async function verifyHead(head: SignedHead, quorum: Quorum): Promise<HeadVerdict> {
  if (head.origin !== quorum.log.name) return { ok: false, code: "LOG_HEAD_ORIGIN" };
  const timeSeconds = await signedAt(head, quorum.log);
  if (timeSeconds === undefined) return { ok: false, code: "LOG_HEAD_SIGNATURE" };
  const cosigners = await cosignersOf(head, quorum);
  if (cosigners.length < quorum.cosignersMin) return { ok: false, code: "LOG_HEAD_QUORUM" };
  return { ok: true, timeSeconds, cosigners };
}

/** The trustees that cosigned the head, each once. */
export async function cosignersOf(head: SignedHead, quorum: Quorum): Promise<HeadKey[]> {
  const times = await Promise.all(quorum.trustees.map((key) => signedAt(head, key)));
  return quorum.trustees.filter((_, at) => times[at] !== undefined);
}

/** Throws LogError with the verdict's code. */
export async function checkHead(head: SignedHead, quorum: Quorum): Promise<void> {
  const verdict = await verifyHead(head, quorum);
  if (verdict.ok) return;
  const message = `the head at size ${head.size} of ${head.origin} does not stand: ${verdict.code}`;
  throw new LogError(verdict.code, message);
}

/** Two notes of the same log and size with different roots. */
export interface ForkEvidence {
  readonly first: SignedHead;
  readonly second: SignedHead;
}

/**
 * Whether both are signed by `key`, the operator's or a trustee's: whoever signed them has told two stories. Anybody
 * can check it.
 */
export async function provesFork({ first, second }: ForkEvidence, key: HeadKey): Promise<boolean> {
  const isFork =
    first.origin === second.origin &&
    first.size === second.size &&
    !equalBytes(first.root, second.root);
  if (!isFork) return false;
  const times = await Promise.all([signedAt(first, key), signedAt(second, key)]);
  return times.every((time) => time !== undefined);
}

/**
 * The quorum of a registry's parties: its aggregator operates the log, its trustees cosign, `threshold` of them decrypt. In the order of
 * the view. Throws LOG_QUORUM_INVALID.
 */
export async function registeredQuorum(
  view: Pick<NetworkView, "parties">,
  threshold: number,
): Promise<Quorum> {
  const keysOf = (role: "aggregator" | "trustee"): Uint8Array[] =>
    view.parties(role).map(({ signingKey }) => fromHex(signingKey, 32));
  const [operator] = keysOf("aggregator");
  if (operator === undefined) {
    throw new LogError("LOG_QUORUM_INVALID", "the registry names no aggregator, who keeps the log");
  }
  return createQuorum(operator, keysOf("trustee"), threshold);
}
