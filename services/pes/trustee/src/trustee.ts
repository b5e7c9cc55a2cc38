/**
 * The trustee (docs/protocol.md §8): holds the Paillier secret, or a share of it, and opens aggregates that its own registry, clock,
 * ledger and policy allow, and that the log shows to all trustees. It believes nothing the aggregator says, has no way to the opener, and
 * cannot read what it sends to the MDMS.
 */
import { join } from "node:path";
import { LogError, registeredQuorum, trusteeKey } from "@smarter-metering/log";
import type { Engine } from "@smarter-metering/paillier";
import {
  decodeAskedRequest,
  decodePartialRelease,
  decodeRelease,
  encodeRefusal,
  fromHex,
  ProtocolError,
  requestDigest,
  signRefusal,
  toHex,
  utf8,
  verifyPartialRelease,
  verifyRelease,
  type NetworkView,
  type RegistryFeed,
  type Signer,
} from "@smarter-metering/protocol";
import {
  durableFile,
  errorFields,
  runtimeLogFields,
  type Bus,
  type BusMessage,
  type Clock,
  type Delivery,
  type Disk,
  type LogFields,
  type Logger,
  type Metrics,
  type Subscription,
  type Verdict,
} from "@smarter-metering/runtime";
import { answerRequests, type Decided, type Outcome } from "./answer.ts";
import { fault } from "./fault.ts";
import { FollowedLog, LOG_STREAM } from "./follow-log.ts";
import {
  answerStreamOf,
  consumerOf,
  isShare,
  thresholdOf,
  type AnswerStream,
  type HeldKey,
} from "./held-key.ts";
import type { Reason } from "./judge-batch.ts";
import { logStatePath, openLedger, type Ledger, type ReadOwn } from "./ledger.ts";
import { trusteeMeters, type TrusteeMeters } from "./meters.ts";
import { PolicyLineage } from "./policy-lineage.ts";
import { registryContext } from "./registry-context.ts";
import { RegistryContexts } from "./registry-contexts.ts";

/** Requests taken from the bus and answered at once; each holds its contributions, up to 1 MiB. */
const BATCH_MAX = 32;
/** A disk that fails for hours (30 s between attempts), until somebody starts the trustee again, costs no request. */
const DISK_ATTEMPTS_MAX = 1_000;
/** An entry of the log under an epoch that this trustee has not seen yet waits for the registry, 60 times 5 s. */
const EPOCH_RETRY_MS = 5_000;
const EPOCH_ATTEMPTS_MAX = 60;
/** A request whose entry was not read yet waits for the log, 5 minutes. */
const LOG_RETRY_MS = 250;
const LOG_ATTEMPTS_MAX = 1_200;
/** A head from the future waits until it is in time. */
const TIME_RETRY_MS = 5_000;
const FULL_RETRY_MS = 1_000;
/** The engine has too many calls, or the ledger's disk failed and somebody has to look. */
const BUSY_RETRY_MS = 10_000;
const BUSY_CODES: readonly unknown[] = [
  "PAILLIER_ENGINE_BUSY",
  "TRUSTEE_LEDGER_FAILED",
  "LOG_STATE_FAILED",
];
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
  /** Served beside it: an announced policy that the trustee's operator has agreed to. */
  readonly nextPolicyId?: string | undefined;
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
  /** Where the ledger is. Default: the machine's. */
  readonly disk?: Disk;
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
 * Throws TRUSTEE_LEDGER_MISSING, _TRUNCATED, _VERSION, _STALE, TRUSTEE_POLICY_REFUSED, TRUSTEE_POLICY_LOOSENED, TRUSTEE_WRONG_KEY, TRUSTEE_REGISTRY_INCOMPLETE,
 * LOG_STATE_MISSING, LOG_STATE_DAMAGED, LOG_TRUNCATED, LOG_FORKED: a trustee that does not know what it has released or cosigned, or for
 * whom, does not start.
 */
export async function startTrustee(
  config: TrusteeConfig,
  ports: TrusteePorts,
): Promise<TrusteeService> {
  const { secretKey: heldKey, signer, bus, clock, registry } = ports;
  const { policyId, nextPolicyId } = config;
  const pins = { heldKey, policyId, nextPolicyId };
  const current = await registryContext(registry.current(), pins);
  const { disk } = ports;
  const ledger = await openLedger(ports.ledgerFolder, disk);
  try {
    const file = durableFile(join(ports.ledgerFolder, "policies.json"), disk);
    const policies = await PolicyLineage.open(file, clock);
    await policies.admit(current);
    const contexts = new RegistryContexts(registry, { pins, policies }, clock);
    await ledger.checkAgainst(bus, answerStreamOf(heldKey), ownReleaseReader(heldKey, signer));
    const log = await FollowedLog.open({
      quorum: await registeredQuorum(registry.current().view, thresholdOf(heldKey)),
      signer,
      state: durableFile(logStatePath(ports.ledgerFolder), disk),
      ledger,
      contexts,
      bus,
      nowSeconds: () => Math.floor(clock.nowMs() / 1000),
    });
    const { name } = await trusteeKey(signer.publicKey);
    return new Trustee(ports, { ledger, log, contexts, name });
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

/** What a trustee knows, and the name of its key. */
interface Knowledge {
  readonly ledger: Ledger;
  readonly log: FollowedLog;
  readonly contexts: RegistryContexts;
  readonly name: string;
}

class Trustee implements TrusteeService {
  readonly #ports: TrusteePorts;
  readonly #knowledge: Knowledge;
  readonly #subscriptions: readonly Subscription[];
  readonly #endWatch: () => void;
  readonly #refused = new Map<string, number>();
  readonly #meters: TrusteeMeters;
  /** Ends when the last batch taken has; it never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: TrusteePorts, knowledge: Knowledge) {
    this.#ports = ports;
    this.#knowledge = knowledge;
    const { metrics, bus } = ports;
    this.#meters = trusteeMeters(metrics, ports.ledgerFolder, knowledge.log);
    this.#endWatch = knowledge.contexts.watch();
    const options = { batchMax: BATCH_MAX, attemptsMax: DISK_ATTEMPTS_MAX };
    const name = consumerOf(ports.secretKey);
    this.#subscriptions = [
      bus.consume(LOG_STREAM, name, options, (batch) =>
        this.#inTurn(batch, () => this.#followAll(batch)),
      ),
      bus.consume("release-requests", name, options, (batch) =>
        this.#inTurn(batch, () => this.#answerAll(batch)),
      ),
    ];
  }

  status(): TrusteeStatus {
    const { releases: released } = this.#knowledge.ledger;
    return { released, refused: Object.fromEntries(this.#refused) };
  }

  async close(): Promise<void> {
    this.#endWatch();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.stop()));
    await this.#knowledge.ledger.close();
  }

  /**
   * One batch after the other, of the log and of requests. Waits out what has nothing to do with the messages; anything else is a bug, and
   * the bus then hands them over one by one.
   */
  #inTurn(batch: readonly Delivery[], work: () => Promise<Verdict[]>): Promise<Verdict[]> {
    const verdicts = this.#turn.then(async () => {
      try {
        return await work();
      } catch (error) {
        const isBusy = error instanceof Error && "code" in error && BUSY_CODES.includes(error.code);
        if (!isBusy) throw error;
        const fields = { count: batch.length, ...errorFields(error) };
        this.#ports.log.error("messages wait", fields);
        return batch.map(() => ({ retryAfterMs: BUSY_RETRY_MS }));
      }
    });
    this.#turn = verdicts.catch(() => undefined);
    return verdicts;
  }

  async #followAll(batch: readonly Delivery[]): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const delivery of batch) verdicts.push(await this.#follow(delivery));
    return verdicts;
  }

  async #follow({ body, attempt }: Delivery): Promise<Verdict> {
    try {
      const mayWait = attempt < EPOCH_ATTEMPTS_MAX;
      const taken = await this.#knowledge.log.take(body, { mayWait });
      if ("waitsFor" in taken) {
        return { retryAfterMs: taken.waitsFor === "epoch" ? EPOCH_RETRY_MS : LOG_RETRY_MS };
      }
      const { cosigned } = taken;
      if (cosigned === undefined) return { ack: true };
      const [, size = ""] = cosigned.split("\n");
      const id = `${this.#knowledge.name}/${size}`;
      const message = { id, subject: "", body: utf8(cosigned) };
      const isFull = "full" in (await this.#ports.bus.publish("cosignatures", [message]));
      return isFull ? { retryAfterMs: FULL_RETRY_MS } : { ack: true };
    } catch (error) {
      if (!(error instanceof LogError) || BUSY_CODES.includes(error.code)) throw error;
      this.#ports.log.error("the log is not followed", errorFields(error));
      return error.code === "LOG_TIME" ? { retryAfterMs: TIME_RETRY_MS } : { dead: error.code };
    }
  }

  async #answerAll(batch: readonly Delivery[]): Promise<Verdict[]> {
    const taken: (Taken | Verdict)[] = [];
    for (const delivery of batch) taken.push(await this.#taken(delivery));
    const requests = taken.filter((one) => "request" in one);
    const outcomes = await this.#outcomesOf(requests);
    const answers = await Promise.all(requests.map((one) => this.#messageOf(one, outcomes)));
    const answerTo = new Map(requests.map((one, index) => [one, answers[index]]));
    const isReleased = await this.#publish(answerStreamOf(this.#ports.secretKey), answers);
    const isRefused = await this.#publish("refusals", answers);
    return taken.map((one) => {
      if (!("request" in one)) return one;
      const isTaken = answerTo.get(one)?.stream === "refusals" ? isRefused : isReleased;
      return isTaken ? { ack: true } : { retryAfterMs: FULL_RETRY_MS };
    });
  }

  /** A request that stands in the log under a head of the quorum, or what is to become of the message. */
  async #taken(delivery: Delivery): Promise<Taken | Verdict> {
    const { ledger, log } = this.#knowledge;
    try {
      const { request, head } = decodeAskedRequest(delivery.body);
      if (!(await log.stands(head))) {
        if (delivery.attempt > LOG_ATTEMPTS_MAX) return { dead: "REQUEST_NOT_LOGGED" };
        return { retryAfterMs: LOG_RETRY_MS };
      }
      const digest = toHex(await requestDigest(request));
      const decision = ledger.decisionOf(digest);
      if (decision === undefined || decision.index >= log.confirmedSize) {
        return { dead: "REQUEST_NOT_LOGGED" };
      }
      return { delivery, request, digest, decision };
    } catch (error) {
      if (error instanceof ProtocolError) return { dead: "REQUEST_MALFORMED" };
      if (error instanceof LogError && !BUSY_CODES.includes(error.code)) {
        return { dead: error.code };
      }
      throw error;
    }
  }

  /** One outcome for each, under the epoch that it names. */
  async #outcomesOf(requests: readonly Taken[]): Promise<ReadonlyMap<Taken, Outcome>> {
    const { engine, secretKey: heldKey, signer } = this.#ports;
    const { ledger, contexts } = this.#knowledge;
    const outcomes = new Map<Taken, Outcome>();
    const epochs = new Set(requests.map(({ request }) => request.terms.registryEpoch));
    for (const epoch of epochs) {
      const batch = requests.filter(({ request }) => request.terms.registryEpoch === epoch);
      const context = await contexts.at(epoch);
      const made =
        typeof context === "string"
          ? batch.map(({ decision }) => refusalOf(decision.reasons))
          : await answerRequests(batch, context, { engine, heldKey, signer, ledger });
      for (const [index, one] of batch.entries()) {
        outcomes.set(one, made[index] ?? refusalOf([]));
      }
    }
    return outcomes;
  }

  async #messageOf(taken: Taken, outcomes: ReadonlyMap<Taken, Outcome>): Promise<AnswerMessage> {
    const outcome = outcomes.get(taken) ?? refusalOf([]);
    const { request, digest: id, delivery } = taken;
    const { terms } = request;
    const subject = terms.kind === "LOAD" ? `load/${terms.cohort}` : "bill";
    const digest = fromHex(id);
    if (outcome.kind === "release") {
      if (!outcome.repeated) this.#meters.released.add();
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

  #count(reasons: readonly Reason[], requestDigest: Uint8Array): void {
    for (const { code } of reasons) {
      this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
      this.#meters.refusals.add(1, { code });
    }
    this.#ports.log.warn("refused", { requestDigest, errorCode: reasons[0]?.code });
  }

  /** Those answers that are for the stream; false when it is full, and none was taken. */
  async #publish(
    stream: AnswerMessage["stream"],
    answers: readonly AnswerMessage[],
  ): Promise<boolean> {
    const messages = answers
      .filter((answer) => answer.stream === stream)
      .map(({ id, subject, body }) => ({ id, subject, body }));
    if (messages.length === 0) return true;
    return !("full" in (await this.#ports.bus.publish(stream, messages)));
  }
}

/** A request as the bus handed it over. */
interface Taken extends Decided {
  readonly delivery: Delivery;
}

interface AnswerMessage extends BusMessage {
  readonly stream: AnswerStream | "refusals";
}

/** Without reasons: the registry no longer has the epoch that the request was granted under. */
const refusalOf = (reasons: readonly Reason[]): Outcome => {
  const gone = fault("REGISTRY_NOT_ACCEPTED", "the registry's policy or key is not mine");
  return { kind: "refusal", reasons: reasons.length > 0 ? reasons : [gone] };
};
