/** A trustee under test: its bus by hand, its engine watched, its ledger fresh. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cosignBlindly, encodeLogMessage, MemoryLog, type NewEntry } from "@smarter-metering/log";
import { PaillierError, type Engine } from "@smarter-metering/paillier";
import {
  decodeRefusal,
  decodeRelease,
  decodeRequest,
  encodeAskedRequest,
  encodeRequest,
  encodeSignedTerms,
  fromUtf8,
  openRelease,
  ProtocolError,
  requestDigest,
  signedTermsOf,
  toHex,
  verifyRefusal,
  verifyRelease,
  type NetworkView,
  type RegistryFeed,
  type ReleaseContent,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  silentLogger,
  type Bus,
  type BusMessage,
  type Clock,
  type Delivery,
  type Handler,
  type Verdict,
} from "@smarter-metering/runtime";
import { mutableFeed } from "../../../../test/support/world.ts";
import { initialiseLedger, startTrustee, type TrusteeService } from "../src/index.ts";
import { EPOCH } from "./requests.ts";
import { scene } from "./stage.ts";

/** Removed when the tests end. */
export const folder = await mkdtemp(join(tmpdir(), "trustee-"));

/** The log of a trustee's operator, who puts in what he is given, and the other trustees, who cosign whatever it says. */
export class TestLog {
  readonly messages: Uint8Array[] = [];
  readonly #memory: MemoryLog;
  readonly #others: readonly Signer[];
  readonly #digests = new Set<string>();

  constructor(others: readonly Signer[] = []) {
    this.#memory = new MemoryLog(scene.world.parties.aggregator.signer);
    this.#others = others;
  }

  /** Those requests that are not in it yet, as one message. */
  async append(requests: readonly SignedRequest[], nowSeconds: number): Promise<void> {
    const entries: NewEntry[] = [];
    for (const request of requests) {
      const body = encodeSignedTerms(await signedTermsOf(request));
      const digest = toHex(await requestDigest(request));
      if (!this.#digests.has(digest)) entries.push({ kind: "release-request", body });
      this.#digests.add(digest);
    }
    if (entries.length === 0) return;
    this.messages.push(encodeLogMessage(await this.#memory.append(entries, nowSeconds)));
  }

  /** A registry epoch, as aggregators note it before they name it. */
  async note(hash: Uint8Array, nowSeconds: number): Promise<void> {
    const entries: NewEntry[] = [{ kind: "registry-epoch", body: hash }];
    this.messages.push(encodeLogMessage(await this.#memory.append(entries, nowSeconds)));
  }

  /** The head that a trustee cosigned, with the cosignatures of the others. */
  async standing(cosigned: string, nowSeconds: number): Promise<string> {
    let note = cosigned;
    for (const other of this.#others) note = await cosignBlindly(note, other, nowSeconds);
    return note;
  }
}

/** A bus as far as a trustee can tell; deliveries are made by hand. Requests are logged before they are asked. */
export class HandBus implements Partial<Bus> {
  readonly published = new Map<string, BusMessage[]>();
  /** The next answer fails: the process dies there. */
  dies = false;
  full = false;
  nowSeconds = 0;
  readonly log: TestLog;
  readonly #handlers = new Map<string, Handler>();
  #sequence = 0n;
  #taken = 0;

  constructor(log = new TestLog()) {
    this.log = log;
  }

  consume(stream: string, _consumer: string, _options: unknown, handle: Handler) {
    this.#handlers.set(stream, handle);
    return { stop: () => Promise.resolve(), ended: Promise.resolve(undefined) };
  }

  publish(stream: string, messages: readonly BusMessage[]) {
    const isAnswer = stream !== "cosignatures";
    if (this.dies && isAnswer) return Promise.reject(new Error("the process died"));
    if (this.full && isAnswer) return Promise.resolve({ full: true } as const);
    this.published.set(stream, [...this.of(stream), ...messages]);
    return Promise.resolve({ accepted: messages.length, duplicates: 0 });
  }

  last(stream: string) {
    const list = this.of(stream);
    const [message] = list.slice(-1);
    if (message === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ ...message, sequence: BigInt(list.length - 1), attempt: 1 });
  }

  read(stream: string, { from }: { from: bigint }) {
    const messages =
      stream === "log"
        ? this.log.messages.map((body, i) => ({ id: `${i}`, subject: "", body }))
        : this.of(stream);
    const all = messages.map((each, i) => ({ ...each, sequence: BigInt(i), attempt: 1 }));
    return Promise.resolve(all.slice(Number(from)));
  }

  of(stream: string): readonly BusMessage[] {
    return this.published.get(stream) ?? [];
  }

  async deliver(body: Uint8Array, attempt: number): Promise<Verdict> {
    const [verdict] = await this.deliverAll([body], attempt);
    assert(verdict !== undefined);
    return verdict;
  }

  /** One batch of requests, as a bus hands it over when they are in the log. */
  async deliverAll(bodies: readonly Uint8Array[], attempt = 1): Promise<readonly Verdict[]> {
    const verdict = await this.follow(bodies, attempt);
    return "ack" in verdict ? this.ask(bodies, attempt) : bodies.map(() => verdict);
  }

  /** Logs requests, and hands the log over until a message of it is not taken. */
  async follow(bodies: readonly Uint8Array[], attempt = 1): Promise<Verdict> {
    await this.log.append(
      bodies.flatMap((body) => decodable(body) ?? []),
      this.nowSeconds,
    );
    for (const message of this.log.messages.slice(this.#taken)) {
      const [verdict] = await this.hand("log", [message], attempt);
      assert(verdict !== undefined);
      if (!("ack" in verdict)) return verdict;
      this.#taken += 1;
    }
    return { ack: true };
  }

  /** Hands requests over as one batch, under the newest head. What is none goes as it is. */
  async ask(bodies: readonly Uint8Array[], attempt = 1): Promise<readonly Verdict[]> {
    const newest = this.of("cosignatures").at(-1);
    const head = newest && (await this.log.standing(fromUtf8(newest.body), this.nowSeconds));
    const asked = bodies.map((body) =>
      head === undefined || decodable(body) === undefined ? body : encodeAskedRequest(head, body),
    );
    return this.hand("release-requests", asked, attempt);
  }

  /** Hands messages to the stream's consumer as one batch. */
  async hand(
    stream: string,
    bodies: readonly Uint8Array[],
    attempt = 1,
  ): Promise<readonly Verdict[]> {
    const batch = bodies.map((body): Delivery => {
      const sequence = this.#sequence++;
      return { id: `message ${sequence}`, subject: "", body, sequence, attempt };
    });
    return (await this.#handlers.get(stream)?.(batch)) ?? [];
  }
}

function decodable(body: Uint8Array): SignedRequest | undefined {
  try {
    return decodeRequest(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Every ciphertext that any trustee of these tests decrypted. */
export const decrypted: string[] = [];
/** The engine's calls of all trustees, by name. */
export const engineCalls: (keyof Engine)[] = [];
export function spiedEngine({ isBusy = () => false }: Pick<Setting, "isBusy"> = {}): Engine {
  const { engine, paillier } = scene.world;
  const ciphertextBytes = paillier.publicKey.bits / 4;
  return new Proxy(engine, {
    get(target, property: keyof Engine) {
      const value = target[property];
      if (typeof value !== "function") return value;
      engineCalls.push(property);
      if (property !== "decrypt") return value.bind(target);
      return (key: Parameters<Engine["decrypt"]>[0], ciphertexts: Uint8Array) => {
        if (isBusy()) return Promise.reject(new PaillierError("PAILLIER_ENGINE_BUSY", "busy"));
        for (let at = 0; at < ciphertexts.length; at += ciphertextBytes) {
          decrypted.push(toHex(ciphertexts.subarray(at, at + ciphertextBytes)));
        }
        return target.decrypt(key, ciphertexts);
      };
    },
  });
}

export interface Setting {
  readonly nowDay?: number;
  readonly view?: NetworkView;
  readonly registry?: RegistryFeed<NetworkView>;
  readonly clock?: Clock;
  readonly policyId?: string;
  readonly nextPolicyId?: string;
  readonly ledger?: string;
  readonly bus?: HandBus;
  /** Whether decryption fails, for now. */
  readonly isBusy?: () => boolean;
}

export interface Running {
  readonly trustee: TrusteeService;
  readonly bus: HandBus;
  readonly ledger: string;
  readonly ask: (request: SignedRequest, attempt?: number) => Promise<Answer>;
}

export interface Answer {
  readonly verdict: Verdict;
  readonly release: Uint8Array | undefined;
  readonly codes: readonly string[];
}

/** Those of the ledgers, which outlive a trustee's process. */
const logs = new Map<string, TestLog>();
export function logOf(ledger: string, others: readonly Signer[] = []): TestLog {
  const log = logs.get(ledger) ?? new TestLog(others);
  logs.set(ledger, log);
  return log;
}

let ledgers = 0;
export async function freshLedger(): Promise<string> {
  const ledger = join(folder, `ledger ${ledgers}`);
  const keys = join(folder, `keys ${ledgers++}`);
  await mkdir(keys);
  await initialiseLedger(ledger, keys);
  return ledger;
}

export async function start(setting: Setting = {}): Promise<Running> {
  const { world } = scene;
  const ledger = setting.ledger ?? (await freshLedger());
  const bus = setting.bus ?? new HandBus(logOf(ledger));
  bus.nowSeconds = world.dayStart(setting.nowDay ?? 70);
  const trustee = await startTrustee(
    { policyId: setting.policyId ?? "UNSAFE-test", nextPolicyId: setting.nextPolicyId },
    {
      clock: setting.clock ?? manualClock(bus.nowSeconds * 1000),
      log: silentLogger,
      metrics: createMetrics(),
      bus: bus as unknown as Bus, // as much of one as a trustee uses
      registry: setting.registry ?? mutableFeed(EPOCH, setting.view ?? scene.view),
      engine: spiedEngine(setting),
      secretKey: world.paillier.secretKey,
      signer: world.parties.trustee.signer,
      ledgerFolder: ledger,
    },
  );
  const ask = async (request: SignedRequest, attempt = 1): Promise<Answer> => {
    const releases = bus.of("releases").length;
    const refusals = bus.of("refusals").length;
    const verdict = await bus.deliver(encodeRequest(request), attempt);
    const refusal = bus.of("refusals")[refusals]?.body;
    const codes = refusal === undefined ? [] : await codesOf(refusal, request);
    return { verdict, release: bus.of("releases")[releases]?.body, codes };
  };
  return { trustee, bus, ledger, ask };
}

export async function codesOf(bytes: Uint8Array, request: SignedRequest): Promise<string[]> {
  const refusal = decodeRefusal(bytes);
  await verifyRefusal(refusal, scene.world.parties.trustee.signer.publicKey);
  assert.deepEqual(refusal.requestDigest, await requestDigest(request));
  for (const { network } of scene.world.households) {
    assert(refusal.reasons.every(({ reason }) => !reason.includes(network)));
  }
  return refusal.reasons.map(({ code }) => code);
}

export async function contentOf(bytes: Uint8Array | undefined): Promise<ReleaseContent> {
  assert(bytes !== undefined);
  const release = decodeRelease(bytes);
  await verifyRelease(release, scene.world.parties.trustee.signer.publicKey);
  return openRelease(release, scene.world.mdms.secret);
}
