/** The aggregator's LOAD sets: exact sums, every outcome, cutoffs, answers, a crash at any step. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { startAggregator } from "@smarter-metering/aggregator";
import {
  contributionsOf,
  decodeAskedRequest,
  encodeRefusal,
  encodeRelease,
  equalBytes,
  fromHex,
  loadPacking,
  requestDigest,
  sealRelease,
  signRefusal,
  signerFromSeed,
  toHex,
  verifyRequest,
  type ContributionHeader,
  type LoadRelease,
  type LoadRequest,
  type SignedRequest,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type BusMessage,
  type Store,
} from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { makeWorld, named, type World } from "../../../../test/support/world.ts";
import { judgePart, type Part } from "../src/judge-part.ts";
import { Cosigner } from "./cosigners.ts";
import {
  contribute,
  DAY_SLOTS,
  dayOf,
  emptyStore,
  HOUR,
  hoursOf,
  householdOf,
  LOAD_SLOTS,
  LOAD_VALUE_BITS,
  onlyStream,
  openLedger,
  publishedFileOf,
  startBench,
  sumsOf,
  TestBus,
  type Bench,
  type ContributeOptions,
  type CrashPlan,
} from "./bench.ts";

const HOUSEHOLDS = 4;
const CUTOFF = 6 * HOUR;

let world: World;
let store: Store;
/** LOAD of day 0, by household; household 0 sends it in two parts. */
let day0: BusMessage[][];
before(async () => {
  world = await makeWorld({ households: HOUSEHOLDS, loadIntervalSeconds: HOUR });
  store = await openLedger();
  const blockStart = world.dayStart(0);
  day0 = [];
  const half = DAY_SLOTS / 2;
  const morning = await contribute(world, 0, { blockStart }, dayOf(0, 0, half));
  const evening = await contribute(world, 0, { blockStart, firstSlot: half }, dayOf(0, half, half));
  day0.push(onlyStream([...morning, ...evening], "LOAD"));
  for (let index = 1; index < HOUSEHOLDS; index++) {
    day0.push(onlyStream(await contribute(world, index, { blockStart }), "LOAD"));
  }
});
after(async () => {
  await store.close();
  await world.close();
});
beforeEach(() => emptyStore(store));

const start = (nowSeconds = world.dayStart(1) + HOUR): Promise<Bench> =>
  startBench(world, store, nowSeconds);

/** LOAD requests that were published, each a verified one. */
async function loadRequests(bus: TestBus): Promise<(SignedRequest & { terms: LoadRequest })[]> {
  const found: (SignedRequest & { terms: LoadRequest })[] = [];
  for (const { id, subject, request } of bus.requests()) {
    const { terms } = request;
    if (terms.kind !== "LOAD") continue;
    assert.equal(subject, "load/north");
    assert.equal(id, toHex(await requestDigest(request)));
    await verifyRequest(request, world.parties.aggregator.signer.publicKey);
    found.push({ ...request, terms });
  }
  return found;
}

const sumsOfLoad = (request: SignedRequest): bigint[] =>
  sumsOf(world, request, loadPacking(LOAD_VALUE_BITS, world.paillier.publicKey.bits), LOAD_SLOTS);

const expectedSums = (households: readonly number[]): bigint[] =>
  Array.from({ length: LOAD_SLOTS }, (_, hour) =>
    households.reduce((sum, index) => sum + (hoursOf(index)[hour] ?? 0n), 0n),
  );

async function outcomes(bench: Bench): Promise<Record<string, number>> {
  return (await bench.aggregator.status()).contributions["LOAD"] ?? {};
}

describe("a complete set", () => {
  test("is requested at once: the exact sum of its members, in the registry's order", async () => {
    const bench = await start();
    for (const messages of day0.toReversed()) await bench.bus.deliver("contributions", messages);
    await bench.tick();
    const [request, ...others] = await loadRequests(bench.bus);
    assert(request !== undefined);
    assert.deepEqual(others, []);
    assert.deepEqual(sumsOfLoad(request), expectedSums([0, 1, 2, 3]));
    const order = contributionsOf(request).map(
      ({ header }) => `${toHex(header.networkPseudonym)} ${String(header.firstSlot).padStart(3)}`,
    );
    assert.deepEqual(order, order.toSorted());
    assert.equal(order.length, HOUSEHOLDS + 1);
    const { terms } = request;
    assert.deepEqual(
      [terms.cohort, terms.cohortVersion, terms.blockStart, terms.slotCount, terms.members],
      ["north", 1, world.dayStart(0), LOAD_SLOTS, Uint8Array.of(0b1111)],
    );
    assert.deepEqual(terms.runs, [{ slotCount: LOAD_SLOTS, members: Uint8Array.of(0b1111) }]);
    assert.deepEqual(await outcomes(bench), { accepted: 5 });
    assert.equal(bench.aggregator.contributionsSince(0), 5);
    await bench.aggregator.close();
  });

  test("shows its progress", async () => {
    const bench = await start();
    const progress = () => bench.aggregator.blockProgress("north", world.dayStart(0));
    const seen = [await progress()];
    const inOrder = [...day0.slice(1), day0[0]?.slice(0, 1) ?? [], day0[0]?.slice(1) ?? []];
    for (const messages of inOrder) {
      await bench.bus.deliver("contributions", messages);
      seen.push(await progress());
    }
    assert.deepEqual(
      seen.map(({ members, complete }) => [members, complete]),
      [0, 1, 2, 3, 3, 4].map((complete) => [HOUSEHOLDS, complete]),
    );
    assert.deepEqual(await bench.aggregator.blockProgress("south", world.dayStart(0)), {
      members: 0,
      complete: 0,
    });
    await bench.aggregator.close();
  });

  test("does not change any more: what comes later is a duplicate, late or an alarm", async () => {
    const bench = await start();
    await bench.bus.deliver("contributions", day0.flat());
    await bench.tick();
    const forked = await contribute(world, 1, { blockStart: world.dayStart(0) }, dayOf(7));
    await bench.bus.deliver("contributions", [...day0.flat(), ...onlyStream(forked, "LOAD")]);
    await bench.tick();
    assert.equal((await loadRequests(bench.bus)).length, 1);
    assert.deepEqual(await outcomes(bench), { accepted: 5, duplicate: 5, conflict: 1 });
    const kept = await store.query("select 1 as one from contribution_conflict");
    const excluded = await store.query("select 1 as one from contribution where excluded");
    assert.deepEqual([kept.length, excluded.length], [1, 0]);
    await bench.aggregator.close();
  });
});

describe("an incomplete set", () => {
  const before = () => world.dayStart(1) + CUTOFF - 1;

  test("waits for the cutoff, is summed without the missing, and takes nothing late", async () => {
    const bench = await start(before());
    await bench.bus.deliver("contributions", day0.slice(0, 3).flat());
    await bench.tick();
    assert.deepEqual(await loadRequests(bench.bus), []);
    await bench.clock.advanceTo((before() + 1) * 1000);
    await bench.tick();
    await bench.bus.deliver("contributions", day0[3] ?? []);
    await bench.tick();
    const [request, ...others] = await loadRequests(bench.bus);
    assert(request !== undefined);
    assert.deepEqual(others, []);
    assert.deepEqual(sumsOfLoad(request), expectedSums([0, 1, 2]));
    const members = world.households.map(({ network }) => network).toSorted();
    const missing = members.indexOf(householdOf(world, 3).network);
    assert.deepEqual(request.terms.members, Uint8Array.of(0b1111 & ~(1 << missing)));
    assert.deepEqual(await outcomes(bench), { accepted: 4, late: 1 });
    await bench.aggregator.close();
  });

  test("leaves out a member whose contributions contradict, and keeps both", async () => {
    const bench = await start(before());
    const blockStart = world.dayStart(0);
    const overlapping = await contribute(
      world,
      2,
      { blockStart, firstSlot: 4 },
      dayOf(2, 4, DAY_SLOTS - 4),
    );
    await bench.bus.deliver("contributions", day0[0]?.slice(0, 1) ?? []);
    await bench.bus.deliver("contributions", [...(day0[1] ?? []), ...(day0[2] ?? [])]);
    const forked = await contribute(world, 1, { blockStart }, dayOf(7));
    await bench.bus.deliver("contributions", onlyStream([...forked, ...overlapping], "LOAD"));
    // Of a member that is out already, and of one that is not.
    await bench.bus.deliver("contributions", onlyStream(forked, "LOAD"));
    await bench.bus.deliver("contributions", [...(day0[3] ?? []), ...(day0[0]?.slice(1) ?? [])]);
    await bench.tick();
    assert.deepEqual(await loadRequests(bench.bus), [], "two members are out: not complete");
    await bench.clock.advanceTo((before() + 1) * 1000);
    await bench.tick();
    const [request] = await loadRequests(bench.bus);
    assert(request !== undefined);
    assert.deepEqual(sumsOfLoad(request), expectedSums([0, 3]));
    assert.deepEqual(await outcomes(bench), { accepted: 5, conflict: 2, overlap: 1 });
    const kept = await store.query(`select 1 as one from contribution_conflict`);
    assert.equal(kept.length, 2);
    await bench.aggregator.close();
  });

  test("with missing readings waits too: the trustee calls it incomplete", async () => {
    const bench = await start(before());
    const quality = Array.from({ length: DAY_SLOTS }, (_, slot) => (slot === 5 ? 1 : 0));
    const blockStart = world.dayStart(2);
    const holed = await contribute(world, 3, { blockStart }, { ...dayOf(3), quality });
    await bench.clock.advanceTo((world.dayStart(3) + HOUR) * 1000);
    for (const index of [0, 1, 2]) {
      const messages = await contribute(world, index, { blockStart });
      await bench.bus.deliver("contributions", onlyStream(messages, "LOAD"));
    }
    await bench.bus.deliver("contributions", onlyStream(holed, "LOAD"));
    assert.deepEqual(await bench.aggregator.blockProgress("north", blockStart), {
      members: 4,
      complete: 4,
    });
    await bench.tick();
    assert.deepEqual(await loadRequests(bench.bus), []);
    await bench.clock.advanceTo((world.dayStart(3) + CUTOFF) * 1000);
    await bench.tick();
    const [request] = await loadRequests(bench.bus);
    assert(request !== undefined);
    const members = world.households.map(({ network }) => network).toSorted();
    const without = 0b1111 & ~(1 << members.indexOf(householdOf(world, 3).network));
    assert.deepEqual(request.terms.members, Uint8Array.of(0b1111), "he contributes");
    assert.deepEqual(request.terms.runs, [
      { slotCount: 1, members: Uint8Array.of(0b1111) },
      { slotCount: 1, members: Uint8Array.of(without) },
      { slotCount: LOAD_SLOTS - 2, members: Uint8Array.of(0b1111) },
    ]);
    const expected = expectedSums([0, 1, 2, 3]);
    assert.deepEqual(sumsOfLoad(request), expected.with(1, expectedSums([0, 1, 2])[1] ?? 0n));
    await bench.aggregator.close();
  });

  test("without any contribution is suppressed and says so", async () => {
    const bench = await start(world.dayStart(3) + CUTOFF);
    await bench.tick();
    const response = await bench.aggregator.http.request("/v1/sets?state=SUPPRESSED");
    const { sets } = (await response.json()) as {
      sets: { blockStart: number; codes: string[]; requestDigest: null }[];
    };
    assert.deepEqual(
      sets.map(({ blockStart, codes, requestDigest }) => [blockStart, codes, requestDigest]),
      [2, 1, 0].map((day) => [world.dayStart(day), ["NO_CONTRIBUTIONS"], null]),
    );
    assert.deepEqual((await bench.aggregator.status()).sets, { SUPPRESSED: 3 });
    await bench.aggregator.close();
  });

  test("is not held against a backlog, for an hour", async () => {
    const bench = await start(world.dayStart(1) + CUTOFF);
    bench.bus.waiting = 1;
    await bench.bus.deliver("contributions", day0.slice(0, 2).flat());
    await bench.tick();
    assert.deepEqual(await loadRequests(bench.bus), []);
    await bench.bus.deliver("contributions", day0.slice(2).flat());
    await bench.tick();
    const [request] = await loadRequests(bench.bus);
    assert(request !== undefined);
    assert.deepEqual(sumsOfLoad(request), expectedSums([0, 1, 2, 3]));
    const half = onlyStream(await contribute(world, 0, { blockStart: world.dayStart(1) }), "LOAD");
    await bench.clock.advanceTo((world.dayStart(2) + CUTOFF) * 1000);
    await bench.bus.deliver("contributions", half);
    await bench.tick();
    assert.equal((await loadRequests(bench.bus)).length, 2, "always a backlog: an hour is enough");
    await bench.aggregator.close();
  });
});

test("what must not get in is refused by code, and holds up nobody", async () => {
  const other = await signerFromSeed(named("somebody"));
  const blockStart = world.dayStart(3);
  const make = (index: number, options: ContributeOptions, header = {}) =>
    contribute(world, index, { blockStart, ...header }, dayOf(index), options);
  const zero = (bytes: Uint8Array) => new Uint8Array(bytes.length);
  const n = fromHex(world.paillier.publicKey.n.toString(16).padStart(512, "0"));
  const multiple = (bytes: Uint8Array) => {
    const out = zero(bytes);
    out.set(n, bytes.length - n.length);
    return out;
  };
  const half = new Uint8Array(2).fill(255);
  const onlyFor =
    (stream: string, change: Partial<ContributionHeader>): ContributeOptions["change"] =>
    (header) =>
      header.stream === stream ? change : {};
  const cases: readonly (readonly [
    code: string,
    stream: string,
    make: () => Promise<BusMessage[]>,
  ])[] = [
    ["CONTRIBUTION_BAD_SIGNATURE", "LOAD", () => make(0, { signer: other })],
    ["CONTRIBUTION_BAD_SIGNATURE", "BILL", () => make(0, { signer: householdOf(world, 0).meter })],
    [
      "CONTRIBUTION_KEY",
      "LOAD",
      () => make(0, { change: () => ({ paillierKeyId: named("key") }) }),
    ],
    ["CONTRIBUTION_PACKING", "LOAD", () => make(0, { change: () => ({ valueBits: 15 }) })],
    ["CONTRIBUTION_PACKING", "BILL", () => make(0, { change: () => ({ slotBits: 57 }) })],
    ["CONTRIBUTION_CIPHERTEXT", "LOAD", () => make(0, { ciphertext: zero })],
    ["CONTRIBUTION_CIPHERTEXT", "BILL", () => make(0, { ciphertext: multiple })],
    ["CONTRIBUTION_CIPHERTEXT", "LOAD", () => make(0, { ciphertext: (b) => b.subarray(1) })],
    [
      "CONTRIBUTION_PROFILE",
      "LOAD",
      () => make(0, { change: () => ({ profile: "meter-encrypts" }) }),
    ],
    [
      "CONTRIBUTION_FOREIGN",
      "LOAD",
      () => make(0, { change: () => ({ networkPseudonym: named("nobody", 16) }) }),
    ],
    [
      "CONTRIBUTION_FOREIGN",
      "BILL",
      () => make(0, { change: () => ({ meterId: fromHex(householdOf(world, 1).meterId) }) }),
    ],
    ["CONTRIBUTION_OFF_GRID", "LOAD", () => make(0, { change: () => ({ intervalSeconds: 900 }) })],
    ["CONTRIBUTION_OFF_GRID", "LOAD", () => make(0, { change: () => ({ firstSlot: 1 }) })],
    [
      "CONTRIBUTION_OFF_GRID",
      "LOAD",
      () =>
        make(0, {
          change: onlyFor("LOAD", { blockStart: blockStart + HOUR, count: 16, bitmap: half }),
        }),
    ],
    ["CONTRIBUTION_OFF_GRID", "BILL", () => make(0, { change: onlyFor("BILL", { count: 90 }) })],
    [
      "CONTRIBUTION_OFF_GRID",
      "BILL",
      () => make(0, { change: onlyFor("BILL", { count: 0, firstSlot: DAY_SLOTS }) }),
    ],
    [
      "CONTRIBUTION_OFF_GRID",
      "BILL",
      () => make(0, { change: () => ({ registerBank: new Uint8Array(8) }) }),
    ],
    ["CONTRIBUTION_FUTURE", "LOAD", () => make(0, {}, { blockStart: world.dayStart(4) })],
  ];
  const bench = await start(world.dayStart(4) + 2 * HOUR);
  const bad: BusMessage[] = [{ id: "noise", subject: "", body: new Uint8Array(40) }];
  for (const [, stream, makeOne] of cases) bad.push(...onlyStream(await makeOne(), stream));
  const good = onlyStream(await contribute(world, 1, { blockStart }), "LOAD");
  const verdicts = await bench.bus.deliver("contributions", [...bad, ...good], 6);
  const codes = ["CONTRIBUTION_MALFORMED", ...cases.map(([code]) => code)];
  assert.deepEqual(verdicts, [...codes.map((dead) => ({ dead })), { ack: true }]);
  assert.deepEqual(await outcomes(bench), { accepted: 1 });
  const { contributions } = await bench.aggregator.status();
  const refused = Object.values(contributions["refused"] ?? {}).reduce((a, b) => a + b, 0);
  assert.equal(refused, bad.length);
  // At first, what a newer registry epoch may know is tried again.
  const [again] = await bench.bus.deliver("contributions", bad.slice(10, 11), 1);
  assert.deepEqual(again, { retryAfterMs: 2000 });
  await bench.aggregator.close();
});

describe("answers of the trustee", () => {
  const trustee = () => world.parties.trustee.signer;

  async function requested(): Promise<{
    bench: Bench;
    digest: Uint8Array;
    request: SignedRequest;
  }> {
    const bench = await start();
    await bench.bus.deliver("contributions", day0.flat());
    await bench.tick();
    const [request] = await loadRequests(bench.bus);
    assert(request !== undefined);
    return { bench, request, digest: await requestDigest(request) };
  }

  const refusal = async (digest: Uint8Array, code: string, signer = trustee()) => ({
    id: `${code}/${toHex(digest)}`,
    subject: "",
    body: encodeRefusal(
      await signRefusal({ requestDigest: digest, reasons: [{ code, reason: "" }] }, signer),
    ),
  });

  async function stateOf(bench: Bench): Promise<readonly unknown[]> {
    const path = `/v1/sets/north/${world.dayStart(0)}`;
    const { sets } = (await (await bench.aggregator.http.request(path)).json()) as {
      sets: { state: string; codes: string[] }[];
    };
    return [sets[0]?.state, sets[0]?.codes];
  }

  test("a release ends it, a refusal says why", async () => {
    const { bench, digest } = await requested();
    const content: LoadRelease = {
      kind: "LOAD",
      stream: "LOAD",
      cohort: "north",
      cohortVersion: 1,
      blockStart: world.dayStart(0),
      intervalSeconds: HOUR,
      contributors: 4,
      members: 4,
      contributorsPerSlot: [],
      energy_Wh: [],
      policyId: "UNSAFE-test",
      registryEpoch: 0,
      paillierKeyId: world.paillier.publicKey.id,
      requestDigest: toHex(digest),
    };
    const { recipient } = world.mdms;
    const forged = await sealRelease(content, 0, digest, recipient, world.parties.opener.signer);
    const released = await sealRelease(content, 0, digest, recipient, trustee());
    const message = (release: typeof released) => ({
      id: toHex(digest),
      subject: "",
      body: encodeRelease(release),
    });
    assert.deepEqual(await stateOf(bench), ["REQUESTED", []]);
    assert.deepEqual(await bench.bus.deliver("releases", [message(forged)]), [
      { dead: "ANSWER_BAD_SIGNATURE" },
    ]);
    assert.deepEqual(await stateOf(bench), ["REQUESTED", []]);
    await bench.bus.deliver("refusals", [await refusal(digest, "R1_TOO_FEW_CONTRIBUTORS")]);
    assert.deepEqual(await stateOf(bench), ["SUPPRESSED", ["R1_TOO_FEW_CONTRIBUTORS"]]);
    await bench.bus.deliver("releases", [message(released), message(released)]);
    await bench.bus.deliver("refusals", [await refusal(digest, "R7_INCOMPLETE")]);
    assert.deepEqual(await stateOf(bench), ["RELEASED", []]);
    await bench.aggregator.close();
  });

  test("for timing is final as well: the log says when it was asked, and that stays", async () => {
    const { bench, digest } = await requested();
    await bench.bus.deliver("refusals", [await refusal(digest, "TIMING_BEFORE_CUTOFF")]);
    await bench.clock.advanceTo(bench.clock.nowMs() + 24 * HOUR * 1000);
    await bench.tick();
    assert.deepEqual(await stateOf(bench), ["SUPPRESSED", ["TIMING_BEFORE_CUTOFF"]]);
    assert.equal(bench.bus.requests().length, 1);
    await bench.aggregator.close();
  });

  test("count when they come before the request is marked as published", async () => {
    const bench = await start();
    bench.bus.full = true;
    await bench.bus.deliver("contributions", day0.flat());
    await bench.tick();
    const [row] = await store.query<{ digest: Uint8Array }>(
      "select digest from load_set where request is not null",
    );
    assert(row !== undefined);
    assert.deepEqual(await stateOf(bench), ["SEALED", []]);
    await bench.bus.deliver("refusals", [await refusal(row.digest, "R7_INCOMPLETE")]);
    assert.deepEqual(await stateOf(bench), ["SUPPRESSED", ["R7_INCOMPLETE"]]);
    bench.bus.full = false;
    await bench.tick();
    assert.deepEqual(bench.bus.requests(), []);
    await bench.aggregator.close();
  });

  test("of one request in one batch: the first refusal counts", async () => {
    const { bench, digest } = await requested();
    const codes = ["TIMING_BEFORE_CUTOFF", "R7_INCOMPLETE"];
    const refusals = await Promise.all(codes.map((code) => refusal(digest, code)));
    assert.deepEqual(await bench.bus.deliver("refusals", refusals), [{ ack: true }, { ack: true }]);
    assert.deepEqual(await stateOf(bench), ["SUPPRESSED", ["TIMING_BEFORE_CUTOFF"]]);
    await bench.aggregator.close();
  });

  test("that answer nothing, or are nobody's, are set aside", async () => {
    const { bench, digest } = await requested();
    const messages = [
      await refusal(named("another"), "R1_TOO_FEW_CONTRIBUTORS"),
      await refusal(digest, "R1_TOO_FEW_CONTRIBUTORS", world.parties.mdms.signer),
      { id: "noise", subject: "", body: new Uint8Array(3) },
    ];
    assert.deepEqual(await bench.bus.deliver("refusals", messages), [
      { dead: "ANSWER_UNKNOWN" },
      { dead: "ANSWER_BAD_SIGNATURE" },
      { dead: "ANSWER_MALFORMED" },
    ]);
    assert.deepEqual(await stateOf(bench), ["REQUESTED", []]);
    await bench.aggregator.close();
  });
});

test("asking says what was requested, what is not due, and why", async () => {
  const bench = await start();
  const ask = async (body: unknown) => {
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    return bench.aggregator.http.request("/v1/release-requests", init);
  };
  await bench.bus.deliver("contributions", day0.slice(1).flat());
  type Answer = {
    requested: { blockStart: number }[];
    notDue: { reason: string; dueAt: number }[];
    suppressed: unknown[];
  };
  const early = (await (await ask({ cohort: "north" })).json()) as Answer;
  assert.deepEqual([early.requested, early.suppressed], [[], []]);
  assert.deepEqual(
    early.notDue.map(({ reason, dueAt }) => [reason, dueAt]),
    [["INCOMPLETE_BEFORE_CUTOFF", world.dayStart(1) + CUTOFF]],
  );
  await bench.clock.advanceTo((world.dayStart(1) + CUTOFF) * 1000);
  const due = (await (await ask({ cohort: "north" })).json()) as Answer;
  assert.deepEqual(
    due.requested.map(({ blockStart }) => blockStart),
    [world.dayStart(0)],
  );
  const again = (await (await ask({ cohort: "north" })).json()) as Answer;
  assert.deepEqual(again, { requested: [], notDue: [], suppressed: [] });
  const bill = (await (
    await ask({ servicePoint: householdOf(world, 0).network })
  ).json()) as Answer;
  assert.deepEqual(
    bill.notDue.map(({ reason, dueAt }) => [reason, dueAt]),
    [["WINDOW_NOT_ENDED", world.dayStart(28) + 72 * HOUR]],
  );
  for (const wrong of [{}, { cohort: "" }, { cohort: "north", servicePoint: "x" }, []]) {
    assert.equal((await ask(wrong)).status, 400);
  }
  assert.equal((await bench.aggregator.http.request("/v1/sets/north/12345")).status, 404);
  await bench.aggregator.close();
});

test("over a real bus: contributions in, a request out", async () => {
  const busStore = await openStore({ place: { kind: "pglite" }, schema: "test", migrations: [] });
  const clock = manualClock((world.dayStart(1) + HOUR) * 1000);
  const limits = { messagesMax: 1000, retainAcked: true };
  const names = ["contributions", "releases", "refusals", "cosignatures"];
  const bus = await openBus({
    store: busStore,
    clock,
    streams: [
      ...names.map((name) => ({ name, consumers: ["aggregator"], ...limits })),
      { name: "release-requests", consumers: ["trustee"], ...limits },
      { name: "log", consumers: ["trustee"], ...limits },
    ],
  });
  const { engine, network: registry } = world;
  const { signer } = world.parties.aggregator;
  const metrics = createMetrics();
  const published = publishedFileOf(store);
  const ports = {
    clock,
    log: silentLogger,
    metrics,
    bus,
    store,
    registry,
    engine,
    signer,
    published,
  };
  const aggregator = await startAggregator({}, ports);
  await bus.publish("contributions", day0.flat());
  await bus.publish("contributions", day0.flat());
  await bus.idle();
  await clock.advanceTo(clock.nowMs() + 10_000);
  const trustee = await Cosigner.open(world, 1, 1);
  const messages = await bus.read("log", { from: 0n, limit: 10 });
  await bus.publish("cosignatures", await trustee.take(messages));
  await bus.idle();
  await clock.advanceTo(clock.nowMs() + 10_000);
  const [request, ...others] = await bus.read("release-requests", { from: 0n, limit: 10 });
  assert(request !== undefined);
  assert.deepEqual(others, []);
  assert.deepEqual(
    sumsOfLoad(decodeAskedRequest(request.body).request),
    expectedSums([0, 1, 2, 3]),
  );
  assert.match(metrics.render(), /aggregator_contributions_total.*"accepted".* 5\n/);
  await aggregator.close();
  await bus.close();
  await busStore.close();
});

describe("a crash at any step", () => {
  /**
   * One history: everything of three days is delivered, then their cutoffs pass; a crash somewhere,
   * and everything again.
   */
  async function history(
    batches: readonly (readonly BusMessage[])[],
    crash: CrashPlan,
  ): Promise<{ readonly bus: TestBus; readonly steps: number }> {
    await emptyStore(store);
    const bus = new TestBus();
    const endSeconds = world.dayStart(3) + CUTOFF;
    let steps = 0;
    for (const plan of [crash, { step: Number.POSITIVE_INFINITY, afterEffect: false }]) {
      let bench: Bench | undefined;
      try {
        bench = await startBench(world, store, world.dayStart(2) + HOUR, bus, plan);
        for (const batch of batches) await bus.deliver("contributions", batch);
        await bench.clock.advanceTo(endSeconds * 1000);
        await bench.tick();
      } catch (error) {
        assert.match(String(error), /crashed/);
      }
      await bench?.aggregator.close();
      steps = Math.max(steps, bench?.steps.taken ?? 0);
    }
    return { bus, steps };
  }

  test("changes no request: each set once, the same bytes, exact", async () => {
    const blockStart = world.dayStart(1);
    const partial = onlyStream(await contribute(world, 2, { blockStart }), "LOAD");
    const all = [...day0.flat(), ...partial];
    const calm = await history([all], { step: Number.POSITIVE_INFINITY, afterEffect: false });
    const expected = calm.bus.requests().map(({ id }) => id);
    assert.equal(expected.length, 2);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: calm.steps }),
        fc.boolean(),
        fc.shuffledSubarray(all, { minLength: all.length }),
        fc.integer({ min: 1, max: all.length }),
        async (step, afterEffect, shuffled, size) => {
          const batches: BusMessage[][] = [];
          for (let i = 0; i < shuffled.length; i += size) batches.push(shuffled.slice(i, i + size));
          const { bus } = await history([...batches, shuffled.slice(0, 2)], { step, afterEffect });
          assert.deepEqual(
            bus
              .requests()
              .map(({ id }) => id)
              .toSorted(),
            expected.toSorted(),
          );
          const rows = await store.query<{ state: string; total: number }>(
            `select state, count(*)::int4 as total from load_set group by state order by state`,
          );
          assert.deepEqual(rows, [
            { state: "REQUESTED", total: 2 },
            { state: "SUPPRESSED", total: 1 },
          ]);
        },
      ),
      { numRuns: 12 },
    );
    const [first] = await loadRequests(calm.bus);
    assert(first !== undefined);
    assert.deepEqual(sumsOfLoad(first), expectedSums([0, 1, 2, 3]));
  });
});

test("the judgement of a part agrees with a ledger of single slots", () => {
  const part = fc.record({
    firstSlot: fc.nat(11),
    slots: fc.integer({ min: 1, max: 4 }),
    frameHash: fc.constantFrom(Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)),
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.boolean(), (parts, sealed) => {
      const ledger: Part[] = [];
      const owner = new Map<number, Part>();
      for (const candidate of parts) {
        const outcome = judgePart(candidate, ledger, sealed && ledger.length > 1);
        const slots = Array.from({ length: candidate.slots }, (_, i) => candidate.firstSlot + i);
        const owners = slots.map((slot) => owner.get(slot)).filter((one) => one !== undefined);
        const starts = ledger.find(({ firstSlot }) => firstSlot === candidate.firstSlot);
        if (starts !== undefined) {
          const same = equalBytes(starts.frameHash, candidate.frameHash);
          assert.equal(outcome, same ? "duplicate" : "conflict");
        } else if (owners.length > 0) assert.equal(outcome, "overlap");
        else if (sealed && ledger.length > 1) assert.equal(outcome, "late");
        else assert.equal(outcome, "accepted");
        if (outcome !== "accepted") continue;
        ledger.push(candidate);
        for (const slot of slots) owner.set(slot, candidate);
      }
    }),
  );
});
