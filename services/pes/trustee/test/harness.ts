/** A trustee under test: its bus by hand, its engine watched, its ledger fresh. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PaillierError, type Engine } from "@smarter-metering/paillier";
import {
  decodeRefusal,
  decodeRelease,
  encodeRequest,
  openRelease,
  requestDigest,
  toHex,
  verifyRefusal,
  verifyRelease,
  type NetworkView,
  type ReleaseContent,
  type SignedRequest,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  silentLogger,
  type Bus,
  type BusMessage,
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

/** A bus of one stream each, as far as a trustee can tell; deliveries are made by hand. */
export class HandBus implements Partial<Bus> {
  readonly published = new Map<string, BusMessage[]>();
  /** The next publish fails: the process dies there. */
  dies = false;
  full = false;
  #handle: Handler | undefined;
  #sequence = 0n;

  consume(_stream: string, _consumer: string, _options: unknown, handle: Handler) {
    this.#handle = handle;
    return { stop: () => Promise.resolve(), ended: Promise.resolve(undefined) };
  }

  publish(stream: string, messages: readonly BusMessage[]) {
    if (this.dies) return Promise.reject(new Error("the process died"));
    if (this.full) return Promise.resolve({ full: true } as const);
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
    const all = this.of(stream).map((each, i) => ({ ...each, sequence: BigInt(i), attempt: 1 }));
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

  /** One batch, as a bus hands it over. */
  async deliverAll(bodies: readonly Uint8Array[], attempt = 1): Promise<readonly Verdict[]> {
    const batch = bodies.map((body): Delivery => {
      const sequence = this.#sequence++;
      return { id: `request ${sequence}`, subject: "", body, sequence, attempt };
    });
    return (await this.#handle?.(batch)) ?? [];
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
  readonly policyId?: string;
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
  const bus = setting.bus ?? new HandBus();
  const trustee = await startTrustee(
    { policyId: setting.policyId ?? "UNSAFE-test" },
    {
      clock: manualClock(world.dayStart(setting.nowDay ?? 70) * 1000),
      log: silentLogger,
      metrics: createMetrics(),
      bus: bus as unknown as Bus, // as much of one as a trustee uses
      registry: mutableFeed(EPOCH, setting.view ?? scene.view),
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
