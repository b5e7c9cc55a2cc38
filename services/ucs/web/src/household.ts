/** The customer's own readings on this device: fetches sealed frames and envelopes, verifies and opens them (docs/protocol.md §2, §3). */
import {
  openReadings,
  type Findings,
  type HouseholdKeys,
  type PinnedMeter,
  type PortalClient,
  type Reading,
} from "@smarter-metering/customer";
import { decodeFrame, toHex } from "@smarter-metering/protocol";

export interface OpenedDay {
  readonly readings: readonly Reading[];
  readonly findings: Findings;
}

/** Sealed frames of one span, which live frames are added to. */
export interface SealedSpan {
  readonly from: number;
  readonly to: number;
  readonly frames: readonly Uint8Array[];
}

export class Household {
  readonly #client: PortalClient;
  readonly #keys: HouseholdKeys;
  #envelopes: readonly Uint8Array[] | undefined;

  constructor(client: PortalClient, keys: HouseholdKeys) {
    this.#client = client;
    this.#keys = keys;
  }

  async load(from: number, to: number): Promise<SealedSpan> {
    const frames: Uint8Array[] = [];
    for await (const page of this.#client.frames(from, to)) frames.push(...page);
    return { from, to, frames };
  }

  /** A frame that cannot be opened may be of an epoch whose envelope has come since: one more look. */
  async open({ frames }: SealedSpan): Promise<OpenedDay> {
    const first = await this.#openWith(
      (this.#envelopes ??= await this.#client.envelopes()),
      frames,
    );
    if (first.findings.unopenable === 0) return first;
    this.#envelopes = await this.#client.envelopes();
    return this.#openWith(this.#envelopes, frames);
  }

  /** The last instant that any frame covers; undefined when there is none. */
  async newestInstant(): Promise<number | undefined> {
    let newest: number | undefined;
    for await (const page of this.#client.frames(0, 99_999_999_999)) {
      for (const frame of page) newest = Math.max(newest ?? 0, lastInstant(frame) ?? 0);
    }
    return newest;
  }

  live(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#client.live(signal);
  }

  #openWith(envelopes: readonly Uint8Array[], frames: readonly Uint8Array[]): Promise<OpenedDay> {
    const { meters, recipientSecret } = this.#keys;
    return openReadings(meters, recipientSecret, { envelopes, frames });
  }
}

/** The pinned meters of one service point (hex): a customer who moved has those of his former home too. */
export const metersAt = (servicePoint: string, meters: readonly PinnedMeter[]): PinnedMeter[] =>
  meters.filter(({ networkPseudonym }) => toHex(networkPseudonym) === servicePoint);

/** The last second that a frame covers, from its clear header; undefined for what is no frame. */
export function lastInstant(bytes: Uint8Array): number | undefined {
  try {
    const { blockStart, firstSlot, count, intervalSeconds } = decodeFrame(bytes).header;
    return blockStart + (firstSlot + count) * intervalSeconds - 1;
  } catch {
    return undefined; // `openReadings` counts it.
  }
}
