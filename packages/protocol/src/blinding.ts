/**
 * The blinding of contributions (docs/protocol.md §6.4): ⌈|n|/2⌉ bits, big-endian, that the customer can compute again from what his
 * key opens. Known to whoever encrypts, the opener or the meter, and to the customer; with it anybody opens the ciphertext.
 */
import { primitives } from "#primitives";
import { concatBytes, utf8 } from "./bytes.ts";
import { Writer } from "./encoding.ts";
import type { PlannedMessage } from "./contribute.ts";
import { streamCode, type Stream } from "./contribution.ts";
import { wellFormed } from "./error.ts";

/** What of a frame its contributions' blindings follow from. */
export interface BlindingSource {
  /** The key epoch's data key. */
  readonly dataKey: Uint8Array;
  /** Of the frame's body, in `meter-encrypts`. */
  readonly blindingSeed?: Uint8Array;
}

/** Of a message: what its blinding follows from beside a secret. */
type Blinded = Pick<PlannedMessage, "headerBytes" | "message" | "index"> & {
  readonly header: Pick<PlannedMessage["header"], "profile" | "stream">;
};

/**
 * The blinding of a message of either profile; |n|/16 bytes. Throws PROTOCOL_MALFORMED when a frame of `meter-encrypts` comes
 * without its seed.
 */
export function blindingOf(
  planned: Blinded,
  { dataKey, blindingSeed }: BlindingSource,
  modulusBits: number,
): Promise<Uint8Array> {
  const { profile, stream } = planned.header;
  if (profile === "pes-encrypts") return openersBlinding(planned, dataKey, modulusBits);
  wellFormed(blindingSeed !== undefined, "a frame of meter-encrypts without its blinding seed");
  return metersBlinding(blindingSeed, stream, modulusBits, planned.index);
}

/** Steps have one header and may have one energy: the index keeps their ciphertexts apart. Of any other stream there is nothing to tell. */
const placeOf = (stream: Stream, index: number): Uint8Array =>
  stream === "STEPS" ? new Writer().u16(index).finish() : new Uint8Array(0);

/**
 * Profile `pes-encrypts`: from the epoch's data key, the contribution's header and the message itself. Source: RFC 5869, with the
 * message inside so that no blinding serves two messages, and a frame that comes again gives the same bytes.
 */
async function openersBlinding(
  planned: Blinded,
  dataKey: Uint8Array,
  modulusBits: number,
): Promise<Uint8Array> {
  const blindKey = await primitives.hkdfSha256(dataKey, utf8("smarter-metering/blind/v1"), 32);
  const info = concatBytes(
    await primitives.sha256(planned.headerBytes),
    await primitives.sha256(planned.message),
    placeOf(planned.header.stream, planned.index),
  );
  return primitives.hkdfSha256(blindKey, info, modulusBits / 16);
}

/**
 * Profile `meter-encrypts`: HKDF-SHA-256 (RFC 5869) of the seed that travels in the frame's body, for one stream, of STEPS for one step. It does not depend on
 * the message, so that a meter can prepare h_s^ρ in idle time: a seed must never serve two frames, or the quotient of their
 * ciphertexts, (1 + n)^(M₁ − M₂), shows the difference of their readings to everybody.
 */
export function metersBlinding(
  blindingSeed: Uint8Array,
  stream: Stream,
  modulusBits: number,
  index = 0,
): Promise<Uint8Array> {
  const domain = utf8("smarter-metering/blind-meter/v1\0");
  const info = concatBytes(domain, Uint8Array.of(streamCode(stream)), placeOf(stream, index));
  return primitives.hkdfSha256(blindingSeed, info, modulusBits / 16);
}
