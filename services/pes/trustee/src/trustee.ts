/**
 * The trustee (docs/protocol.md §8): holds the Paillier secret and decrypts aggregates that its own registry, clock, ledger and policy
 * allow. It believes nothing the aggregator says, has no way to the opener, and cannot read what it sends to the MDMS.
 */
import type { Engine, SecretKey } from "@smarter-metering/paillier";
import {
  decodeRelease,
  decodeRequest,
  encodeRefusal,
  ProtocolError,
  requestDigest,
  signRefusal,
  toHex,
  verifyRelease,
  type NetworkView,
  type RegistryFeed,
  type Signer,
  type SignedRequest,
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
import { answerRequest, type Outcome, type Reason } from "./answer.ts";
import { fault } from "./fault.ts";
import { openLedger, type Ledger } from "./ledger.ts";
import { registryContext, type Pins, type RegistryContext } from "./registry-context.ts";

/** Requests taken from the bus at once; each holds its contributions, up to 1 MiB. */
const BATCH_MAX = 16;
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
  readonly secretKey: SecretKey;
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
 * Throws TRUSTEE_LEDGER_MISSING, _TRUNCATED, _STALE, TRUSTEE_POLICY_REFUSED, TRUSTEE_WRONG_KEY, TRUSTEE_REGISTRY_INCOMPLETE: a trustee
 * that does not know what it has released, or for whom, does not start.
 */
export async function startTrustee(
  config: TrusteeConfig,
  ports: TrusteePorts,
): Promise<TrusteeService> {
  const pins = { paillierKeyId: ports.secretKey.publicKey.id, policyId: config.policyId };
  await registryContext(ports.registry.current(), pins);
  const ledger = await openLedger(ports.ledgerFolder);
  try {
    await ledger.checkAgainst(ports.bus, (bytes) => isOwnRelease(bytes, ports.signer));
    return new Trustee(ports, pins, ledger);
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

async function isOwnRelease(bytes: Uint8Array, signer: Signer): Promise<boolean> {
  try {
    await verifyRelease(decodeRelease(bytes), signer.publicKey);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
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
    this.#subscription = bus.consume("release-requests", "trustee", options, (batch) =>
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

  async #takeAll(batch: readonly Delivery[]): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const delivery of batch) {
      verdicts.push(await this.#take(delivery).catch((error: unknown) => this.#busy(error)));
    }
    return verdicts;
  }

  /** Waits out what has nothing to do with the request; anything else is a bug, and the bus counts it. */
  #busy(error: unknown): Verdict {
    const isBusy = error instanceof Error && "code" in error && BUSY_CODES.includes(error.code);
    if (!isBusy) throw error;
    this.#ports.log.error("a request waits", errorFields(error));
    return { retryAfterMs: BUSY_RETRY_MS };
  }

  async #take(delivery: Delivery): Promise<Verdict> {
    const request = decoded(delivery.body);
    if (request === undefined) return { dead: "REQUEST_MALFORMED" };
    const outcome = await this.#decide(request, delivery.attempt);
    if (outcome === "wait") return { retryAfterMs: EPOCH_RETRY_MS };
    const { terms } = request;
    const subject = terms.kind === "LOAD" ? `load/${terms.cohort}` : "bill";
    const digest = await requestDigest(request);
    const id = toHex(digest);
    if (outcome.kind === "release") {
      if (!outcome.repeated) this.#released.add();
      this.#ports.log.info("released", { requestDigest: digest, kind: terms.kind });
      return this.#publish("releases", { id, subject, body: outcome.bytes });
    }
    this.#count(outcome.reasons, digest);
    const reasons = outcome.reasons.slice(0, REASONS_MAX);
    const refusal = await signRefusal({ requestDigest: digest, reasons }, this.#ports.signer);
    // The bus's own number, not the request's id: nobody else can choose it.
    const message = { id: `${id}/${delivery.sequence}`, subject, body: encodeRefusal(refusal) };
    return this.#publish("refusals", message);
  }

  async #decide(request: SignedRequest, attempt: number): Promise<Outcome | "wait"> {
    const { registry, engine, secretKey, signer, clock } = this.#ports;
    const context = await this.#registryContext(request.terms.registryEpoch);
    if (context === undefined) {
      return refusal(fault("REGISTRY_NOT_ACCEPTED", "the registry's policy or key is not mine"));
    }
    if (request.terms.registryEpoch > registry.current().epoch) {
      if (attempt < EPOCH_ATTEMPTS_MAX) return "wait";
      return refusal(fault("REQUEST_FUTURE_EPOCH", "no such registry epoch is known"));
    }
    const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);
    const ports = { engine, secretKey, signer, ledger: this.#ledger, nowSeconds };
    return answerRequest(request, context, ports);
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

  async #publish(stream: string, message: BusMessage): Promise<Verdict> {
    const result = await this.#ports.bus.publish(stream, [message]);
    return "full" in result ? { retryAfterMs: FULL_RETRY_MS } : { ack: true };
  }
}

const refusal = (reason: Reason): Outcome => ({ kind: "refusal", reasons: [reason] });

function decoded(body: Uint8Array): SignedRequest | undefined {
  try {
    return decodeRequest(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
