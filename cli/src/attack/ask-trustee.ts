/** Asks real parties, and takes their answer as they gave it: codes of a signed refusal, or the code of what they throw. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { encodeLogMessage, MemoryLog } from "@smarter-metering/log";
import type { Engine, SecretKey } from "@smarter-metering/paillier";
import {
  decodeRefusal,
  encodeAskedRequest,
  encodeRequest,
  encodeSignedTerms,
  fromUtf8,
  signedTermsOf,
  verifyRefusal,
  type NetworkView,
  type RegistryFeed,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger, type Verdict } from "@smarter-metering/runtime";
import { initialiseLedger, startTrustee } from "@smarter-metering/trustee";
import type { Observed } from "./attack.ts";
import { HandBus } from "./hand-bus.ts";
import { instantOfDay } from "./town-homes.ts";

/** Later than everything that happened, so that nothing is refused for coming early. */
const NOW_SECONDS = instantOfDay(60);

export interface TrusteeSetting {
  /** Granted before, or the attack is not the one it says. */
  readonly before?: readonly SignedRequest[];
  /** Another registry than the town's. */
  readonly view?: NetworkView;
  /** The policy that the trustee is pinned to; needed for an UNSAFE one. */
  readonly policyId?: string;
}

export interface TrusteeMeans {
  readonly epoch: number;
  readonly view: NetworkView;
  readonly engine: Engine;
  readonly secretKey: SecretKey;
  readonly signer: Signer;
  /** Operates the log too. */
  readonly aggregator: Signer;
}

/**
 * A trustee with an empty ledger in `folder`: grants what came before, then answers the request. All of them stand in the log, as far as
 * the trustee takes it.
 */
export async function askTrustee(
  { epoch, view, aggregator, ...means }: TrusteeMeans,
  request: SignedRequest,
  setting: TrusteeSetting & { readonly folder: string },
): Promise<Observed> {
  const { before = [], folder, policyId } = setting;
  const [bus, ledgerFolder] = [new HandBus(), join(folder, "ledger")];
  await mkdir(join(folder, "keys"));
  await initialiseLedger(ledgerFolder, join(folder, "keys"));
  const trustee = await startTrustee(policyId === undefined ? {} : { policyId }, {
    ...means,
    clock: manualClock(1000 * NOW_SECONDS),
    log: silentLogger,
    metrics: createMetrics(),
    bus,
    registry: feedOf(epoch, setting.view ?? view),
    ledgerFolder,
  });
  const by = "trustee";
  const log = new MemoryLog(aggregator);
  try {
    for (const earlier of before) await askInLog(bus, log, earlier);
    assert.equal(bus.of("releases").length, before.length, "what came before was granted");
    const verdict = await askInLog(bus, log, request);
    if (verdict !== undefined && "dead" in verdict) {
      return { kind: "refused", by, codes: [verdict.dead] };
    }
    const refusal = bus.of("refusals").at(-1);
    if (refusal === undefined) return { kind: "succeeded", by, why: "released" };
    const signed = decodeRefusal(refusal.body);
    await verifyRefusal(signed, means.signer.publicKey);
    return { kind: "refused", by, codes: signed.reasons.map(({ code }) => code) };
  } finally {
    await trustee.close();
  }
}

/** As an aggregator must: puts the request into the log, has the log cosigned, and asks under the cosigned head. */
async function askInLog(
  bus: HandBus,
  log: MemoryLog,
  request: SignedRequest,
): Promise<Verdict | undefined> {
  const body = encodeSignedTerms(await signedTermsOf(request));
  const message = await log.append([{ kind: "release-request", body }], NOW_SECONDS);
  await bus.publish("log", [
    { id: `${message.from}`, subject: "", body: encodeLogMessage(message) },
  ]);
  await bus.deliver("log", encodeLogMessage(message));
  const head = bus.of("cosignatures").at(-1);
  assert(head !== undefined, "the log was cosigned");
  const asked = encodeAskedRequest(fromUtf8(head.body), encodeRequest(request));
  return bus.deliver("release-requests", asked);
}

/** The code of what a party throws; an error without one goes on. */
export async function refusalOf(by: string, work: Promise<unknown>): Promise<Observed> {
  try {
    await work;
    return { kind: "succeeded", by, why: "accepted" };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && typeof error.code === "string")) throw error;
    return { kind: "refused", by, codes: [error.code] };
  }
}

/** Of an epoch that nobody signed. */
const HASH = "0".repeat(64);

/** A feed that stays where it is. */
export const feedOf = <View>(epoch: number, view: View): RegistryFeed<View> => ({
  current: () => ({ epoch, hash: HASH, issuedAt: 0, view }),
  refresh: () => Promise.resolve(false),
  at: (number) =>
    Promise.resolve(number === epoch ? { epoch, hash: HASH, issuedAt: 0, view } : undefined),
});
