/** The trustee and the log: all trustees come to the same verdicts, and none goes on from a log or a memory that is not the newest. */
import assert from "node:assert/strict";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { cosignBlindly, encodeLogMessage, MemoryLog, type LogMessage } from "@smarter-metering/log";
import {
  encodeAskedRequest,
  encodeRequest,
  encodeSignedTerms,
  fromUtf8,
  signedTermsOf,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger, type Bus } from "@smarter-metering/runtime";
import { mutableFeed } from "../../../../test/support/world.ts";
import { startTrustee } from "../src/index.ts";
import { openLedger } from "../src/ledger.ts";
import { folder, freshLedger, HandBus, start, TestLog } from "./harness.ts";
import { EPOCH, makeScene } from "./requests.ts";
import { ALL, border, defined, february, load, scene, SIX } from "./stage.ts";

after(async () => {
  await scene.close();
  await rm(folder, { recursive: true });
});

const all = (): Promise<SignedRequest> => scene.loadRequest(load(1, ...ALL));
const six = (): Promise<SignedRequest> => scene.loadRequest(load(1, ...SIX));
const nowSeconds = (): number => scene.world.dayStart(70);

/** What the trustee of a ledger decided, by digest. */
async function decisionsOf(ledger: string): Promise<readonly unknown[]> {
  const opened = await openLedger(ledger);
  const { decisions } = opened;
  await opened.close();
  return decisions;
}

describe("two trustees", () => {
  test("decide alike, whichever contributions reach them and however the log was cut", async () => {
    const march = await scene.billRequest([border(27), border(58)], [28, 59]);
    const requests = [await all(), await six(), await february(), march];
    const bodies = requests.map(encodeRequest);
    const [one, other] = [await start(), await start()];
    await one.bus.deliverAll(bodies);
    for (const body of bodies) await other.bus.follow([body]);
    // The other was never asked for the first, and still does not answer the second.
    await other.bus.ask(bodies.slice(1, 3));
    assert.deepEqual(one.trustee.status(), {
      released: 3,
      refused: { R3_ALREADY_RELEASED: 1 },
    });
    assert.deepEqual(other.trustee.status(), {
      released: 1,
      refused: { R3_ALREADY_RELEASED: 1 },
    });
    await Promise.all([one.trustee.close(), other.trustee.close()]);
    assert.deepEqual(await decisionsOf(one.ledger), await decisionsOf(other.ledger));
  });

  test("of two of three: a corrupt third and the operator cannot show them two logs", async () => {
    const shared = await makeScene({ threshold: 2, trustees: 3 });
    const [corrupt, ...honest] = shared.world.shareHolders;
    const days = shared.load.get(1) ?? [];
    for (const [index, holder] of honest.entries()) {
      const request = await shared.loadRequest(days.slice(index, 7));
      const { trustee, bus } = await startShare(shared, holder);
      const message = await historyOf(shared, request);
      assert.deepEqual(await bus.hand("log", [encodeLogMessage(message)]), [{ ack: true }]);
      const own = fromUtf8(defined(bus.of("cosignatures").at(-1)).body);
      const head = await cosignBlindly(own, defined(corrupt).signer, nowSeconds());
      const asked = encodeAskedRequest(head, encodeRequest(request));
      // Two cosignatures are enough to decrypt, and not to stand.
      assert.deepEqual(await bus.hand("release-requests", [asked]), [{ dead: "LOG_HEAD_QUORUM" }]);
      assert.equal(bus.of("partial-releases").length, 0);
      await trustee.close();
    }
    await shared.close();
  });
});

type Shared = Awaited<ReturnType<typeof makeScene>>;

async function startShare(
  { world, view }: Shared,
  { share, signer }: Shared["world"]["shareHolders"][number],
) {
  const bus = new HandBus(new TestLog());
  const trustee = await startTrustee(
    { policyId: "UNSAFE-test" },
    {
      clock: manualClock(1000 * nowSeconds()),
      log: silentLogger,
      metrics: createMetrics(),
      bus: bus as unknown as Bus, // as much of one as a trustee uses
      registry: mutableFeed(EPOCH, view),
      engine: world.engine,
      secretKey: share,
      signer,
      ledgerFolder: await freshLedger(),
    },
  );
  return { trustee, bus };
}

/** A log of one request, as the operator signs it. */
async function historyOf({ world }: Shared, request: SignedRequest): Promise<LogMessage> {
  const body = encodeSignedTerms(await signedTermsOf(request));
  const log = new MemoryLog(world.parties.aggregator.signer);
  return log.append([{ kind: "release-request", body }], nowSeconds());
}

describe("a request", () => {
  test("without its terms in the log, or before they are taken, has no answer", async () => {
    const { trustee, bus, ask } = await start();
    assert((await ask(await february())).release);
    const [other, never] = [await all(), await six()];
    const head = fromUtf8(defined(bus.of("cosignatures").at(-1)).body);
    const unlogged = encodeAskedRequest(head, encodeRequest(never));
    assert.deepEqual(await bus.hand("release-requests", [unlogged]), [
      { dead: "REQUEST_NOT_LOGGED" },
    ]);
    // In the log, and the head that is shown does not reach it.
    await bus.follow([encodeRequest(other)]);
    const early = encodeAskedRequest(head, encodeRequest(other));
    assert.deepEqual(await bus.hand("release-requests", [early]), [{ dead: "REQUEST_NOT_LOGGED" }]);
    assert.equal(bus.of("releases").length, 1);
    assert((await ask(other)).release);
    await trustee.close();
  });

  test("under a head that the others cosigned first waits for the log", async () => {
    const shared = await makeScene({ threshold: 2, trustees: 4 });
    const [slow, ...others] = shared.world.shareHolders;
    const request = await shared.loadRequest((shared.load.get(1) ?? []).slice(0, 7));
    const { trustee, bus } = await startShare(shared, defined(slow));
    const message = await historyOf(shared, request);
    let { head } = message;
    for (const { signer } of others) head = await cosignBlindly(head, signer, nowSeconds());
    const asked = encodeAskedRequest(head, encodeRequest(request));
    assert.deepEqual(await bus.hand("release-requests", [asked]), [{ retryAfterMs: 250 }]);
    assert.deepEqual(await bus.hand("release-requests", [asked], 1_201), [
      { dead: "REQUEST_NOT_LOGGED" },
    ]);
    await bus.hand("log", [encodeLogMessage(message)]);
    assert.deepEqual(await bus.hand("release-requests", [asked]), [{ ack: true }]);
    assert.equal(bus.of("partial-releases").length, 1);
    await trustee.close();
    await shared.close();
  });

  test("under an epoch that was superseded a day ago is not answered, and is spent", async () => {
    const registry = mutableFeed(EPOCH, scene.view);
    const clock = manualClock(1000 * nowSeconds());
    const { trustee, bus, ask } = await start({ registry, clock });
    registry.set(EPOCH + 1, scene.view);
    assert((await ask(await scene.loadRequest(load(0, ...ALL)))).release);
    await clock.advanceTo(clock.nowMs() + 25 * 3_600_000);
    bus.nowSeconds += 25 * 3_600;
    assert.deepEqual((await ask(await all())).codes, ["REQUEST_OLD_EPOCH"]);
    const again = await scene.loadRequest(load(1, ...ALL), { registryEpoch: EPOCH + 1 });
    assert.deepEqual((await ask(again)).codes, ["R3_ALREADY_RELEASED"]);
    await trustee.close();
  });
});

describe("messages of the log", () => {
  test("come twice, and in whatever order", async () => {
    const { trustee, bus, ledger } = await start();
    for (const request of [await all(), await february(), await six()]) {
      await bus.log.append([request], nowSeconds());
    }
    const [a, b, c] = bus.log.messages.map(defined);
    const wait = { retryAfterMs: 250 };
    const ack = { ack: true };
    assert.deepEqual(await bus.hand("log", [defined(c), defined(a), defined(c)]), [
      wait,
      ack,
      wait,
    ]);
    assert.deepEqual(await bus.hand("log", [defined(b), defined(a), defined(c), defined(c)]), [
      ack,
      ack,
      ack,
      ack,
    ]);
    await trustee.close();
    assert.equal((await decisionsOf(ledger)).length, 3);
  });

  test("of another history: set aside, and nothing is cosigned after", async () => {
    const { trustee, bus, ask } = await start();
    assert((await ask(await february())).release);
    const other = new TestLog();
    await other.append([await all()], nowSeconds());
    await other.append([await six()], nowSeconds());
    const signed = bus.of("cosignatures").length;
    assert.deepEqual(await bus.hand("log", [defined(other.messages[1])]), [{ dead: "LOG_FORKED" }]);
    assert.deepEqual(await bus.hand("log", [Uint8Array.of(9)]), [{ dead: "LOG_MALFORMED" }]);
    assert.equal(bus.of("cosignatures").length, signed);
    await trustee.close();
  });

  test("of the future wait until the clock is there", async () => {
    const clock = manualClock(1000 * (nowSeconds() - 400));
    const { trustee, bus } = await start({ clock });
    bus.nowSeconds = nowSeconds();
    assert.deepEqual(await bus.follow([encodeRequest(await all())]), { retryAfterMs: 5_000 });
    await clock.advanceTo(clock.nowMs() + 101_000);
    assert.deepEqual(await bus.follow([]), { ack: true });
    await trustee.close();
  });
});

describe("a start", () => {
  /** A trustee with a release, and its ledger as it was before that. */
  async function history() {
    const running = await start();
    await running.ask(await february());
    await running.trustee.close();
    const older = join(folder, `older of ${running.ledger.split("/").at(-1) ?? ""}`);
    await cp(running.ledger, older, { recursive: true });
    const again = await start({ ledger: running.ledger, bus: running.bus });
    const request = await all();
    const { release } = await again.ask(request);
    assert(release !== undefined);
    await again.trustee.close();
    return { ...running, older, request, release };
  }

  test("reads verdicts that the ledger lost in the log again", async () => {
    const { bus, older, ledger, request } = await history();
    // Verdicts and answers of before, cosigned head of now: a crash between the two files.
    await cp(join(ledger, "log.state"), join(older, "log.state"));
    const fresh = new HandBus(bus.log);
    const { trustee } = await start({ ledger: older, bus: fresh });
    await trustee.close();
    assert.deepEqual(await decisionsOf(older), await decisionsOf(ledger));
    const again = await start({ ledger: older, bus: fresh });
    const subset = await again.ask(await six());
    assert.deepEqual(subset.codes, ["R3_ALREADY_RELEASED"]);
    assert((await again.ask(request)).release);
    await again.trustee.close();
  });

  test("answers a request under a head of before", async () => {
    const running = await start();
    const [first, second] = [await february(), await all()];
    await running.bus.follow([encodeRequest(first)]);
    const head = fromUtf8(defined(running.bus.of("cosignatures").at(-1)).body);
    await running.bus.follow([encodeRequest(second)]);
    await running.trustee.close();
    const { trustee, bus } = await start({ ledger: running.ledger, bus: running.bus });
    const asked = encodeAskedRequest(head, encodeRequest(first));
    assert.deepEqual(await bus.hand("release-requests", [asked]), [{ ack: true }]);
    assert.equal(bus.of("releases").length, 1);
    await trustee.close();
  });

  for (const [name, code, damage] of [
    [
      "with the cosigned head of before",
      "TRUSTEE_LEDGER_STALE",
      ({ older, ledger }) => cp(join(older, "log.state"), join(ledger, "log.state")),
    ],
    ["without a cosigned head", "LOG_STATE_MISSING", ({ ledger }) => rm(join(ledger, "log.state"))],
    [
      "with a damaged head",
      "LOG_STATE_DAMAGED",
      ({ ledger }) => writeFile(join(ledger, "log.state"), "x"),
    ],
    [
      "with a log that lost its end",
      "LOG_TRUNCATED",
      ({ bus }) => Promise.resolve(bus.log.messages.pop()),
    ],
    [
      "with another log",
      "LOG_FORKED",
      async ({ bus }) => {
        const other = new TestLog();
        await other.append([await six()], nowSeconds());
        await other.append([await february()], nowSeconds());
        bus.log.messages.splice(0, 2, ...other.messages);
      },
    ],
  ] as const satisfies readonly [
    string,
    string,
    (past: Awaited<ReturnType<typeof history>>) => Promise<unknown>,
  ][]) {
    test(`${name}: ${code}`, async () => {
      const past = await history();
      await damage(past);
      const fresh = new HandBus(past.bus.log);
      await assert.rejects(start({ ledger: past.ledger, bus: fresh }), { code });
    });
  }
});
