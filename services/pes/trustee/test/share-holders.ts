/** A bill as two trustees with shares answer it, and as the MDMS combines what they answer. */
import assert from "node:assert/strict";
import { combinePartials, validateCiphertexts, verifyPartials } from "@smarter-metering/paillier";
import {
  decodePartialRelease,
  encodeRequest,
  openPartialRelease,
  partialContext,
  productsOf,
  releaseOf,
  requestDigest,
  type BillRelease,
  type PartialContent,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger, type Bus } from "@smarter-metering/runtime";
import { mutableFeed } from "../../../../test/support/world.ts";
import { startTrustee } from "../src/index.ts";
import { freshLedger, HandBus, logOf } from "./harness.ts";
import { EPOCH, type Scene } from "./requests.ts";
import { defined } from "./stage.ts";

/** Of a scene with three share holders, two of whom are enough, and of a bill that has a cost. */
export async function combinedBill(
  { world, view }: Scene,
  request: SignedRequest,
  epochHash: Uint8Array,
): Promise<{ contents: PartialContent[]; release: BillRelease }> {
  const { engine, mdms, shareHolders, paillier } = world;
  const contents: PartialContent[] = [];
  for (const { share, signer } of shareHolders.slice(0, 2)) {
    const ledger = await freshLedger();
    const others = shareHolders.flatMap((holder) =>
      holder.share === share ? [] : [holder.signer],
    );
    const bus = new HandBus(logOf(ledger, others));
    bus.nowSeconds = world.dayStart(70);
    await bus.log.note(epochHash, bus.nowSeconds);
    const trustee = await startTrustee(
      { policyId: "UNSAFE-test" },
      {
        clock: manualClock(bus.nowSeconds * 1000),
        log: silentLogger,
        metrics: createMetrics(),
        bus: bus as unknown as Bus, // as much of one as a trustee uses
        registry: mutableFeed(EPOCH, view),
        engine,
        secretKey: share,
        signer,
        ledgerFolder: ledger,
      },
    );
    await bus.deliver(encodeRequest(request), 1);
    const [answer] =
      bus.of("partial-releases").length > 0 ? bus.of("partial-releases") : bus.of("releases");
    const partial = decodePartialRelease(defined(answer).body);
    contents.push(await openPartialRelease(partial, mdms.secret));
    await trustee.close();
  }
  const first = defined(contents[0]);
  const { key } = defined(shareHolders[0]).share;
  const context = partialContext(await requestDigest(request), "UNSAFE-test");
  const valid = await validateCiphertexts(engine, paillier.publicKey, productsOf(first));
  const sums = valid.flatMap((each) => (each.ok ? [each.ciphertext] : []));
  assert.equal(sums.length, 2);
  const verified = await Promise.all(
    contents.map(async ({ partial }, index) => {
      const verdict = await verifyPartials(engine, key, index + 1, sums, context, partial);
      assert(verdict.ok);
      return verdict.verified;
    }),
  );
  const combined = await combinePartials(engine, key, sums, context, verified);
  assert(combined.ok);
  const [sum, costs] = combined.plaintexts;
  const plaintexts = { sum: defined(sum), cost: defined(costs) };
  const release = releaseOf(first.terms, key.publicKey, plaintexts);
  assert(release?.kind === "BILL");
  return { contents, release };
}
