/** Asks real parties, and takes their answer as they gave it: codes of a signed refusal, or the code of what they throw. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, SecretKey } from "@smarter-metering/paillier";
import {
  decodeRefusal,
  encodeRequest,
  verifyRefusal,
  type NetworkView,
  type RegistryFeed,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger } from "@smarter-metering/runtime";
import { initialiseLedger, startTrustee } from "@smarter-metering/trustee";
import type { Observed } from "./attack.ts";
import { HandBus } from "./hand-bus.ts";
import { instantOfDay } from "./town-homes.ts";

/** Later than everything that happened, so that nothing is refused for coming early. */
const LATER_DAYS = 60;

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
}

/** A trustee with an empty ledger in `folder`: grants what came before, then answers the request. */
export async function askTrustee(
  { epoch, view, ...means }: TrusteeMeans,
  request: SignedRequest,
  setting: TrusteeSetting & { readonly folder: string },
): Promise<Observed> {
  const { before = [], folder, policyId } = setting;
  const [bus, ledgerFolder] = [new HandBus(), join(folder, "ledger")];
  await mkdir(join(folder, "keys"));
  await initialiseLedger(ledgerFolder, join(folder, "keys"));
  const trustee = await startTrustee(policyId === undefined ? {} : { policyId }, {
    ...means,
    clock: manualClock(1000 * instantOfDay(LATER_DAYS)),
    log: silentLogger,
    metrics: createMetrics(),
    bus,
    registry: feedOf(epoch, setting.view ?? view),
    ledgerFolder,
  });
  const by = "trustee";
  try {
    for (const earlier of before) await bus.deliver("release-requests", encodeRequest(earlier));
    assert.equal(bus.of("releases").length, before.length, "what came before was granted");
    await bus.deliver("release-requests", encodeRequest(request));
    const refusal = bus.of("refusals").at(-1);
    if (refusal === undefined) return { kind: "succeeded", by, why: "released" };
    const signed = decodeRefusal(refusal.body);
    await verifyRefusal(signed, means.signer.publicKey);
    return { kind: "refused", by, codes: signed.reasons.map(({ code }) => code) };
  } finally {
    await trustee.close();
  }
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

/** A feed that stays where it is. */
export const feedOf = <View>(epoch: number, view: View): RegistryFeed<View> => ({
  current: () => ({ epoch, view }),
  refresh: () => Promise.resolve(false),
});
