/**
 * The trustee (docs/protocol.md §8): holds the Paillier secret, or a share of it, and opens aggregates that its own registry, clock,
 * ledger and policy allow. It believes nothing the aggregator says, has no way to the opener, and cannot read what it sends to the MDMS.
 */
import type { Engine } from "@smarter-metering/paillier";
import {
  decodePartialRelease,
  decodeRelease,
  decodeRequest,
  encodeRefusal,
  fromHex,
  ProtocolError,
  requestDigest,
  signRefusal,
  toHex,
  verifyPartialRelease,
  verifyRelease,
  type NetworkView,
  type RegistryFeed,
  type Signer,
} from "@smarter-metering/protocol";
import { errorFields, runtimeLogFields } from "@smarter-metering/runtime";
import type {
  Bus,
  BusMessage,
  Clock,
  Counter,
  Delivery,
  LogFields,
  Logger,
  Metrics,
  Subscription,
  Verdict,
} from "@smarter-metering/runtime";
import { answerRequests, type Asked, type Outcome } from "./answer.ts";
import { fault } from "./fault.ts";
import {
  answerStreamOf,
  consumerOf,
  isShare,
  type AnswerStream,
  type HeldKey,
} from "./held-key.ts";
import { openLedger, type Ledger, type ReadOwn } from "./ledger.ts";
import type { Reason } from "./judge-batch.ts";
import { registryContext, type Pins, type RegistryContext } from "./registry-context.ts";

/** Requests taken from the bus and answered at once; each holds its contributions, up to 1 MiB. */
const BATCH_MAX = 32;
/** A request under an epoch that this trustee has not seen yet waits for the registry, 60 times 5 s, then it is refused. */
const EPOCH_RETRY_MS = 5_000;
const EPOCH_ATTEMPTS_MAX = 60;
const FULL_RETRY_MS = 1_000;
/** The engine has too many calls, or the ledger's disk failed and somebody has to look. */
const BUSY_RETRY_MS = 10_000;
const BUSY_CODES: readonly unknown[] = ["PAILLIER_ENGINE_BUSY", "TRUSTEE_LEDGER_FAILED"];
/** As many codes as a refusal may list. */
const REASONS_MAX = 255;

/** What the trustee logs: digests and codes, no pseudonyms. */
export const trusteeLogFields: LogFields = {
  ...runtimeLogFields,
  requestDigest: "bytes",
  kind: "text",
};

export interface TrusteeConfig {
  /** The only policy this trustee serves; needed for one that is UNSAFE. Default: any that keeps the hard floors. */
  readonly policyId?: string;
}

export interface TrusteePorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: Bus;
  readonly registry: RegistryFeed<NetworkView>;
  readonly engine: Engine;
  /** The whole Paillier secret, or a share of it. */
  readonly secretKey: HeldKey;
  readonly signer: Signer;
  /** Made by `initialiseLedger`; on a disk of the trustee's own. */
  readonly ledgerFolder: string;
}

export interface TrusteeStatus {
  /** Since the trustee was initialised. */
  readonly released: number;
  /** Since this start, by code; a request may count under several. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface TrusteeService {
  status(): TrusteeStatus;
  /** Takes no more requests and finishes those in hand; the rest will be delivered again. */
  close(): Promise<void>;
}

/**
 * Throws TRUSTEE_LEDGER_MISSING, _TRUNCATED, _VERSION, _STALE, TRUSTEE_POLICY_REFUSED, TRUSTEE_WRONG_KEY, TRUSTEE_REGISTRY_INCOMPLETE: a trustee
 * that does not know what it has released, or for whom, does not start.
 */
export async function startTrustee(
  config: TrusteeConfig,
  ports: TrusteePorts,
): Promise<TrusteeService> {
  const { secretKey: heldKey, signer, bus } = ports;
  const pins = { heldKey, policyId: config.policyId };
  await registryContext(ports.registry.current(), pins);
  const ledger = await openLedger(ports.ledgerFolder);
  try {
    await ledger.checkAgainst(bus, answerStreamOf(heldKey), ownReleaseReader(heldKey, signer));
    return new Trustee(ports, pins, ledger);
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

function ownReleaseReader(held: HeldKey, { publicKey }: Signer): ReadOwn {
  return async (bytes) => {
    try {
      if (isShare(held)) {
        const partial = decodePartialRelease(bytes);
        await verifyPartialRelease(partial, publicKey);
        return partial;
      }
      const release = decodeRelease(bytes);
      await verifyRelease(release, publicKey);
      return release;
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  };
}

class Trustee implements TrusteeService {
  readonly #ports: TrusteePorts;
  readonly #pins: Pins;
  readonly #ledger: Ledger;
  readonly #subscription: Subscription;
  readonly #refused = new Map<string, number>();
  readonly #released: Counter;
  readonly #refusals: Counter;
  #context: RegistryContext | undefined;
  /** Ends when the last batch taken has; it never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: TrusteePorts, pins: Pins, ledger: Ledger) {
    this.#ports = ports;
    this.#pins = pins;
    this.#ledger = ledger;
    const { metrics, bus } = ports;
    this.#released = metrics.counter("trustee_releases_total", "Aggregates released");
    this.#refusals = metrics.counter("trustee_refusals_total", "Refusals by code", ["code"]);
    const options = { batchMax: BATCH_MAX };
    const name = consumerOf(ports.secretKey);
    this.#subscription = bus.consume("release-requests", name, options, (batch) =>
      this.#takeInTurn(batch),
    );
  }

  status(): TrusteeStatus {
    return { released: this.#ledger.releases, refused: Object.fromEntries(this.#refused) };
  }

  async close(): Promise<void> {
    await this.#subscription.stop();
    await this.#ledger.close();
  }

  /** One after the other, also across batches: the second request for a block must see the first in the ledger. */
  #takeInTurn(batch: readonly Delivery[]): Promise<Verdict[]> {
    const verdicts = this.#turn.then(() => this.#takeAll(batch));
    this.#turn = verdicts.catch(() => undefined);
    return verdicts;
  }

  /** Waits out what has nothing to do with the requests; anything else is a bug, and the bus then hands them over one by one. */
  async #takeAll(batch: readonly Delivery[]): Promise<Verdict[]> {
    try {
      return await this.#answerAll(batch);
    } catch (error) {
      const isBusy = error instanceof Error && "code" in error && BUSY_CODES.includes(error.code);
      if (!isBusy) throw error;
      const fields = { count: batch.length, ...errorFields(error) };
      this.#ports.log.error("requests wait", fields);
      return batch.map(() => ({ retryAfterMs: BUSY_RETRY_MS }));
    }
  }

  async #answerAll(batch: readonly Delivery[]): Promise<Verdict[]> {
    const taken = await Promise.all(batch.map(take));
    const requests = taken.filter((one) => one !== undefined);
    const outcomes = await this.#decide(requests);
    const answers = await Promise.all(
      requests.map((one, index) => this.#messageOf(one, outcomes[index])),
    );
    const stream = answerStreamOf(this.#ports.secretKey);
    const isReleased = await this.#publish(stream, answers);
    const isRefused = await this.#publish("refusals", answers);
    const answerTo = new Map(requests.map((one, index) => [one, answers[index]]));
    return taken.map((one) => {
      if (one === undefined) return { dead: "REQUEST_MALFORMED" };
      const answer = answerTo.get(one);
      if (answer === undefined) return { retryAfterMs: EPOCH_RETRY_MS };
      const isTaken = answer.stream === "refusals" ? isRefused : isReleased;
      return isTaken ? { ack: true } : { retryAfterMs: FULL_RETRY_MS };
    });
  }

  /** One outcome for each; undefined for a request that waits for the registry. */
  async #decide(requests: readonly Taken[]): Promise<(Outcome | undefined)[]> {
    const { engine, secretKey: heldKey, signer, clock } = this.#ports;
    const epochOf = ({ request }: Asked): number => request.terms.registryEpoch;
    const context = await this.#registryContext(Math.max(0, ...requests.map(epochOf)));
    if (context === undefined) {
      const reason = fault("REGISTRY_NOT_ACCEPTED", "the registry's policy or key is not mine");
      return requests.map(() => refusal(reason));
    }
    const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);
    const ports = { engine, heldKey, signer, ledger: this.#ledger, nowSeconds };
    const decidable = requests.filter((one) => epochOf(one) <= context.epoch);
    const outcomes = (await answerRequests(decidable, context, ports)).values();
    return requests.map((one) => {
      if (epochOf(one) <= context.epoch) return outcomes.next().value;
      if (one.delivery.attempt < EPOCH_ATTEMPTS_MAX) return undefined;
      return refusal(fault("REQUEST_FUTURE_EPOCH", "no such registry epoch is known"));
    });
  }

  async #messageOf(taken: Taken, outcome: Outcome | undefined): Promise<AnswerMessage | undefined> {
    if (outcome === undefined) return undefined;
    const { request, digest: id, delivery } = taken;
    const { terms } = request;
    const subject = terms.kind === "LOAD" ? `load/${terms.cohort}` : "bill";
    const digest = fromHex(id);
    if (outcome.kind === "release") {
      if (!outcome.repeated) this.#released.add();
      this.#ports.log.info("released", { requestDigest: digest, kind: terms.kind });
      const stream = answerStreamOf(this.#ports.secretKey);
      return { stream, id: this.#nameOf(id, outcome.bytes), subject, body: outcome.bytes };
    }
    this.#count(outcome.reasons, digest);
    const reasons = outcome.reasons.slice(0, REASONS_MAX);
    const signed = await signRefusal({ requestDigest: digest, reasons }, this.#ports.signer);
    // The bus's own number, not the request's id: nobody else can choose it.
    const body = encodeRefusal(signed);
    const name = this.#nameOf(`${id}/${delivery.sequence}`, body);
    return { stream: "refusals", id: name, subject, body };
  }

  /**
   * An answer of this trustee among those of the others: by the end of its signature, a name that nobody else can take first. The same
   * answer has the same name.
   */
  #nameOf(id: string, body: Uint8Array): string {
    return isShare(this.#ports.secretKey) ? `${id}/${toHex(body.slice(-16))}` : id;
  }

  /** The newest context; undefined when the registry has moved to a policy or key this trustee does not accept. */
  async #registryContext(wantedEpoch: number): Promise<RegistryContext | undefined> {
    const { registry, log } = this.#ports;
    if (wantedEpoch > registry.current().epoch) {
      await registry.refresh().catch((error: unknown) => {
        log.warn("the registry cannot be read", errorFields(error));
      });
    }
    const snapshot = registry.current();
    if (this.#context?.epoch === snapshot.epoch && this.#context.view === snapshot.view) {
      return this.#context;
    }
    try {
      this.#context = await registryContext(snapshot, this.#pins);
    } catch (error) {
      log.error("the registry is not accepted", errorFields(error));
      this.#context = undefined;
    }
    return this.#context;
  }

  #count(reasons: readonly Reason[], requestDigest: Uint8Array): void {
    for (const { code } of reasons) {
      this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
      this.#refusals.add(1, { code });
    }
    this.#ports.log.warn("refused", { requestDigest, errorCode: reasons[0]?.code });
  }

  /** Those answers that are for the stream; false when it is full, and none was taken. */
  async #publish(
    stream: AnswerMessage["stream"],
    answers: readonly (AnswerMessage | undefined)[],
  ): Promise<boolean> {
    const messages = answers.flatMap((answer) => {
      if (answer?.stream !== stream) return [];
      const { id, subject, body } = answer;
      return [{ id, subject, body }];
    });
    if (messages.length === 0) return true;
    return !("full" in (await this.#ports.bus.publish(stream, messages)));
  }
}

/** A request as the bus handed it over. */
interface Taken extends Asked {
  readonly delivery: Delivery;
}

interface AnswerMessage extends BusMessage {
  readonly stream: AnswerStream | "refusals";
}

const refusal = (reason: Reason): Outcome => ({ kind: "refusal", reasons: [reason] });

/** Undefined for what is no request. */
async function take(delivery: Delivery): Promise<Taken | undefined> {
  try {
    const request = decodeRequest(delivery.body);
    return { delivery, request, digest: toHex(await requestDigest(request)) };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
