/**
 * The aggregator as the operator of the log: entries are what happened, requests wait for the quorum, receipts verify,
 * and neither a crash nor a database that lost its end forks it.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  checkReceipt,
  decodeEntry,
  decodeLogMessage,
  formatHead,
  parseHead,
  parseReceipt,
  rebuild,
  signHead,
  trusteeKey,
  verifyHead,
  type EntryKind,
  type NewEntry,
  type Quorum,
} from "@smarter-metering/log";
import {
  decodeSignedTerms,
  encodePartialRelease,
  encodeRefusal,
  encodeSignedTerms,
  fromBase64Url,
  fromUtf8,
  primitives,
  requestDigest,
  sealPartialRelease,
  signedTermsOf,
  signRefusal,
  toHex,
  utf8,
  verifySignedTerms,
  type SignedTerms,
  contributionLeaf,
  fromHex,
  rootOfPath,
} from "@smarter-metering/protocol";
import { busLimits, manualClock, type BusMessage } from "@smarter-metering/runtime";
import type { Store } from "@smarter-metering/runtime";
import { makeWorld, named, type World } from "../../../../test/support/world.ts";
import { nextEntries, queueEntries } from "../src/entry-queue.ts";
import { PublicLog } from "../src/public-log.ts";
import {
  contribute,
  DAY_SLOTS,
  dayOf,
  emptyStore,
  HOUR,
  householdOf,
  LOAD_SLOTS,
  onlyStream,
  openLedger,
  publishedFileOf,
  startBench,
  stepsUntil,
  TestBus,
  type Bench,
  type CrashPlan,
} from "./bench.ts";
import { logQuorumOf } from "./cosigners.ts";

/** 2 of 4 answer, 3 of 4 cosign. */
const SHARES = { threshold: 2, trustees: 4 };
const CUTOFF = 6 * HOUR;
const never: CrashPlan = { step: Number.POSITIVE_INFINITY, afterEffect: false };

let world: World;
let store: Store;
let quorum: Quorum;
/** LOAD of day 0 of all, and the registers of household 0 before and after it. */
let day0: BusMessage[];
let registers: BusMessage[];
before(async () => {
  world = await makeWorld({ quorum: SHARES, loadIntervalSeconds: HOUR });
  store = await openLedger();
  quorum = await logQuorumOf(world, SHARES.threshold);
  const installation = { blockStart: world.dayStart(-1), firstSlot: DAY_SLOTS };
  registers = onlyStream(await contribute(world, 0, installation, dayOf(0, 0, 0)), "BILL");
  day0 = [];
  for (const [index] of world.households.entries()) {
    const made = await contribute(world, index, { blockStart: world.dayStart(0) });
    day0.push(...onlyStream(made, "LOAD"));
    if (index === 0) registers.push(...onlyStream(made, "BILL"));
  }
});
after(async () => {
  await store.close();
  await world.close();
});
beforeEach(() => emptyStore(store));

const start = (bus = new TestBus(), crash = never): Promise<Bench> =>
  startBench(world, store, world.dayStart(1) + HOUR, bus, crash);

async function hashEntry(kind: EntryKind, { body }: Pick<BusMessage, "body">): Promise<NewEntry> {
  return { kind, body: await primitives.sha256(body) };
}

/** What trustees were given of the log. */
const entriesOn = (bus: TestBus) =>
  bus.log.flatMap(({ body }) => decodeLogMessage(body).entries).map(decodeEntry);

const nameOf = ({ kind, body }: NewEntry): string => `${kind} ${toHex(body)}`;

async function refusal(digest: Uint8Array, trustee: number, code: string): Promise<BusMessage> {
  const { signer } = world.shareHolders[trustee - 1] ?? assert.fail();
  const refused = { requestDigest: digest, reasons: [{ code, reason: "" }] };
  const body = encodeRefusal(await signRefusal(refused, signer));
  return { id: `${trustee} ${code}`, subject: "", body };
}

async function partial(digest: Uint8Array, trustee: number): Promise<BusMessage> {
  const { signer } = world.shareHolders[trustee - 1] ?? assert.fail();
  const terms = {
    kind: "LOAD",
    stream: "LOAD",
    cohort: "north",
    cohortVersion: 1,
    blockStart: world.dayStart(0),
    intervalSeconds: HOUR,
    contributors: 4,
    members: 4,
    contributorsPerSlot: Array.from({ length: LOAD_SLOTS }, () => 4),
    loadValueBits: 16,
    policyId: "UNSAFE-test",
    registryEpoch: 0,
    paillierKeyId: world.paillier.publicKey.id,
    requestDigest: toHex(digest),
  } as const;
  const content = { terms, product: Uint8Array.of(1), partial: Uint8Array.of(1) };
  const number = { sequence: 0, trustee };
  const sealed = await sealPartialRelease(content, number, world.mdms.recipient, signer);
  return { id: `${trustee}`, subject: "", body: encodePartialRelease(sealed) };
}

async function get<T>({ aggregator }: Bench, path: string): Promise<T> {
  const response = await aggregator.http.request(path);
  assert.equal(response.status, 200, path);
  return (await response.json()) as T;
}

interface SetState {
  readonly state: string;
  readonly log: object | null;
  readonly trustees: object | null;
}
async function setState(bench: Bench): Promise<SetState> {
  const path = `/v1/sets/north/${world.dayStart(0)}`;
  const { sets } = await get<{ sets: SetState[] }>(bench, path);
  const { state, log, trustees } = sets[0] ?? assert.fail();
  return { state, log, trustees };
}

test("entries are what happened, in its order, and each once", async () => {
  const bench = await start();
  const { bus } = bench;
  await bus.deliver("contributions", [...registers, ...day0]);
  await bus.deliver("contributions", day0);
  const forked = await contribute(world, 1, { blockStart: world.dayStart(0) }, dayOf(7));
  await bus.deliver("contributions", onlyStream(forked, "LOAD"));
  await bench.tick();
  const [{ request } = assert.fail()] = bus.requests();
  const digest = await requestDigest(request);
  const answers = [await partial(digest, 2), await partial(digest, 1)];
  const refusals = [
    await refusal(digest, 4, "R1_TOO_FEW_CONTRIBUTORS"),
    await refusal(digest, 3, "R7_INCOMPLETE"),
  ];
  await bus.deliver("partial-releases", [...answers.slice(0, 1), ...answers.slice(0, 1)]);
  await bus.deliver("refusals", [
    ...refusals,
    ...refusals,
    await refusal(named("other"), 1, "R7_INCOMPLETE"),
  ]);
  await bus.deliver("partial-releases", answers);
  world.network.set(1, { ...world.network.current().view });
  await bench.tick();
  await bench.tick();

  const terms = await signedTermsOf(request);
  const entries = entriesOn(bus);
  const seal = entries.find(({ kind }) => kind === "seal") ?? assert.fail();
  const expected: NewEntry[] = [
    ...(await Promise.all([...registers, ...day0].map((one) => hashEntry("contribution", one)))),
    { kind: "registry-epoch", body: new Uint8Array(32) },
    seal,
    { kind: "release-request", body: encodeSignedTerms(terms) },
    await hashEntry("release", answers[0] ?? assert.fail()),
    ...(await Promise.all(refusals.map((one) => hashEntry("refusal", one)))),
    await hashEntry("release", answers[1] ?? assert.fail()),
    { kind: "registry-epoch", body: Uint8Array.from({ length: 32 }, (_, at) => Number(at === 31)) },
  ];
  assert.deepEqual(entries.map(nameOf), expected.map(nameOf));
  // The seal, by the definition: kind, cohort, version, block, number and root.
  const tail = Buffer.alloc(16);
  tail.writeUInt32BE(1, 0);
  tail.writeBigUInt64BE(BigInt(world.dayStart(0)), 4);
  tail.writeUInt32BE(4, 12);
  const name = Buffer.from("\u0001\u0001\u0005north");
  const sealed = Buffer.concat([name, tail, terms.contributionsRoot]);
  assert.equal(toHex(seal.body), toHex(await primitives.sha256(sealed)));
  world.network.set(0, world.network.current().view);
  await bench.aggregator.close();
});

test("a set that is left out is sealed in the log too, and asked for by nobody", async () => {
  const audited = await makeWorld({ loadIntervalSeconds: HOUR, policy: { auditMembersMin: 2 } });
  const bench = await startBench(audited, store, audited.dayStart(1) + CUTOFF);
  for (const index of [0, 1, 2]) {
    const made = await contribute(audited, index, { blockStart: audited.dayStart(0) });
    await bench.bus.deliver("contributions", onlyStream(made, "LOAD"));
  }
  await bench.tick();
  const kinds = entriesOn(bench.bus).map(({ kind }) => kind);
  assert.deepEqual(kinds, [
    ...Array.from({ length: 3 }, () => "contribution"),
    "registry-epoch",
    "seal",
  ]);
  assert.deepEqual(bench.bus.requests(), []);
  await bench.aggregator.close();
  await audited.close();
});

describe("a request", () => {
  test("leaves when three of four have cosigned its entry, and says for whom it waits", async () => {
    const bench = await start();
    const { bus } = bench;
    await bus.deliver("contributions", day0);
    await bench.tick([]);
    const entry = entriesOn(bus).findIndex(({ kind }) => kind === "release-request");
    const waits = (cosigned: number[], silent: number[]) => ({
      state: "SEALED",
      log: { entry, needed: 3, cosigned, silent },
      trustees: null,
    });
    assert.deepEqual(await setState(bench), waits([], [1, 2, 3, 4]));
    await bench.tick([2]);
    await bench.tick([2]);
    assert.deepEqual(await setState(bench), waits([2], [1, 3, 4]));
    await bench.tick([4]);
    assert.deepEqual(await setState(bench), waits([2, 4], [1, 3]));
    assert.deepEqual(bus.requests(), []);
    await bench.tick([1]);
    const [{ head, request } = assert.fail()] = bus.requests();
    const standing = parseHead(head);
    assert(standing.size > entry);
    assert((await verifyHead(standing, quorum)).ok);
    const terms = decodeSignedTerms(entriesOn(bus)[entry]?.body ?? assert.fail());
    assert.deepEqual(terms, await signedTermsOf(request));
    await verifySignedTerms(terms, quorum.log.publicKey);
    const { state, log, trustees } = await setState(bench);
    assert.deepEqual([state, log], ["REQUESTED", null]);
    assert.deepEqual(trustees, { threshold: 2, answered: [], refused: [], silent: [1, 2, 3, 4] });
    await bench.aggregator.close();
  });

  test("is not made before its block has ended, though its set is complete", async () => {
    const bench = await startBench(world, store, world.dayStart(1) - 200);
    await bench.bus.deliver("contributions", day0);
    await bench.tick();
    const asked = await bench.aggregator.askDue({ cohort: "north" });
    assert.deepEqual(
      asked.notDue.map(({ what, reason }) => [what.state, reason]),
      [["SEALED", "BLOCK_NOT_ENDED"]],
    );
    assert(!entriesOn(bench.bus).some(({ kind }) => kind === "release-request"));
    await bench.clock.advanceTo(1000 * world.dayStart(1));
    const { requested } = await bench.aggregator.askDue({ cohort: "north" });
    assert.deepEqual(
      requested.map(({ state, log }) => [state, log?.cosigned]),
      [["SEALED", []]],
    );
    await bench.tick();
    assert.equal(bench.bus.requests().length, 1);
    await bench.aggregator.close();
  });

  test("waits for a bus that is full, before its entry and after", async () => {
    const bench = await start();
    const { bus } = bench;
    bus.full = true;
    await bus.deliver("contributions", day0);
    await bench.aggregator.tick();
    assert.deepEqual([bus.log.length, (await setState(bench)).state], [0, "SEALED"]);
    bus.full = false;
    await bench.aggregator.tick();
    bus.full = true;
    await bench.tick();
    assert.deepEqual([bus.requests().length, (await setState(bench)).state], [0, "SEALED"]);
    bus.full = false;
    await bench.aggregator.tick();
    assert.deepEqual([bus.requests().length, (await setState(bench)).state], [1, "REQUESTED"]);
    await bench.aggregator.close();
  });

  test("is not moved by what is no cosignature of ours: each is set aside with its code", async () => {
    const bench = await start();
    const { bus } = bench;
    await bus.deliver("contributions", day0);
    await bench.aggregator.tick();
    const { head: note } = decodeLogMessage((bus.log.at(-1) ?? assert.fail()).body);
    const head = parseHead(note);
    const cosign = async (signed: typeof head, signer = world.shareHolders[0]?.signer) => {
      assert(signer !== undefined);
      const key = await trusteeKey(signer.publicKey);
      return { ...signed, signatures: [await signHead(signed, 4e9, key, signer)] };
    };
    const own = await cosign(head);
    const [line] = own.signatures;
    assert(line !== undefined);
    const forged = { ...line, value: line.value.map((byte, at) => (at === 70 ? byte ^ 1 : byte)) };
    const cases: readonly (readonly [string, string | Uint8Array])[] = [
      ["LOG_MALFORMED", "no head"],
      ["LOG_MALFORMED", Uint8Array.of(0xff, 0xfe)],
      ["LOG_MALFORMED", `${formatHead(own)}more`],
      ["COSIGNATURE_FOREIGN", note],
      ["COSIGNATURE_FOREIGN", formatHead(await cosign(head, world.parties.mdms.signer))],
      ["COSIGNATURE_FOREIGN", formatHead({ ...own, signatures: [forged] })],
      ["LOG_HEAD_ORIGIN", formatHead(await cosign({ ...head, origin: "another/log" }))],
      ["LOG_FORKED", formatHead(await cosign({ ...head, root: named("root") }))],
      ["LOG_FORKED", formatHead(await cosign({ ...head, size: head.size + 1 }))],
    ];
    for (const [dead, text] of cases) {
      const body = typeof text === "string" ? utf8(text) : text;
      const messages = [1, 2, 3].map((id) => ({ id: `${id}`, subject: "", body }));
      const verdicts = await bus.deliver("cosignatures", messages);
      assert.deepEqual(verdicts, [{ dead }, { dead }, { dead }]);
    }
    await bench.tick([]);
    assert.deepEqual(bus.requests(), []);
    const again = Array.from({ length: 3 }, () => ({
      id: "1/5",
      subject: "",
      body: utf8(formatHead(own)),
    }));
    const taken = again.map(() => ({ ack: true }));
    assert.deepEqual(await bus.deliver("cosignatures", again), taken);
    await bench.tick([]);
    assert.deepEqual(bus.requests(), [], "one trustee, three times, is one");
    await bench.aggregator.close();
  });
});

describe("a crash", () => {
  /** Up to the answer of a trustee; then everything again. */
  async function history(plan: CrashPlan) {
    await emptyStore(store);
    const bus = new TestBus();
    const calm = await start(bus);
    await calm.bus.deliver("contributions", [...registers, ...day0]);
    await calm.aggregator.close();
    let steps = 0;
    for (const crash of [plan, never]) {
      let bench: Bench | undefined;
      try {
        bench = await start(bus, crash);
        await bench.aggregator.tick();
        await bench.tick([1, 2, 4]);
        const [{ request } = assert.fail("crashed before")] = bus.requests();
        const digest = await requestDigest(request);
        await bus.deliver("refusals", [await refusal(digest, 1, "R7_INCOMPLETE")]);
        await bench.aggregator.tick();
      } catch (error) {
        assert.match(String(error), /crashed/);
      }
      if (crash === plan) steps = bench?.steps.taken ?? 0;
      await bench?.aggregator.close();
    }
    return { bus, steps };
  }

  test("at any step leaves the same log, and no request lost or doubled", async () => {
    const effectsOnly = true;
    const calm = await history({ ...never, effectsOnly });
    const entries = entriesOn(calm.bus).map(nameOf);
    assert.equal(entries.length, 10);
    assert(calm.steps > 20);
    for (let step = 0; step < calm.steps; step++) {
      const { bus } = await history({ step, afterEffect: step !== 0, effectsOnly });
      assert.deepEqual(entriesOn(bus).map(nameOf), entries, `step ${step}`);
      assert.deepEqual(
        bus.requests().map(({ id }) => id),
        calm.bus.requests().map(({ id }) => id),
      );
      for (const { head } of bus.requests()) assert((await verifyHead(parseHead(head), quorum)).ok);
      const rows = await store.query("select 1 as one from log_entry");
      assert.equal(rows.length, entries.length);
    }
  });
});

describe("a power loss", () => {
  test("after which the database lacks entries: the aggregator refuses to start", async () => {
    const bus = new TestBus();
    const bench = await start(bus);
    await bus.deliver("contributions", day0.slice(0, 2));
    await bench.tick();
    const file = publishedFileOf(store);
    const older = file.bytes ?? assert.fail();
    await bus.deliver("contributions", day0.slice(2));
    await bench.tick();
    await bench.aggregator.close();
    const sent = bus.log.length;
    await store.query("delete from log_head where size = (select max(size) from log_head)");
    await assert.rejects(start(bus), { code: "LOG_TRUNCATED" });
    file.bytes = undefined;
    await assert.rejects(start(bus), { code: "LOG_STATE_MISSING" });
    // Restored with the file: the bus knows, and nothing more is signed.
    file.bytes = older;
    await assert.rejects(start(bus), { code: "LOG_TRUNCATED" });
    const sizeOf = (bytes?: Uint8Array): number => parseHead(fromUtf8(bytes ?? assert.fail())).size;
    assert.deepEqual([bus.log.length, sizeOf(file.bytes)], [sent, sizeOf(older)]);
  });
});

describe("whoever checks", () => {
  type Contribution = { readonly encoded: string; readonly receipt: string | null };
  const contributionsOf = async (bench: Bench, query: string): Promise<Contribution[]> =>
    (await get<{ contributions: Contribution[] }>(bench, `/v1/contributions?${query}`))
      .contributions;

  async function asked(): Promise<Bench> {
    const bench = await start();
    await bench.bus.deliver("contributions", [...registers, ...day0]);
    await bench.tick();
    return bench;
  }

  test("reads the whole log, and comes to the head that stands", async () => {
    const bench = await start();
    const nothing = { size: 0, head: null, standing: null };
    assert.deepEqual(await get(bench, "/v1/log/head"), nothing);
    assert.deepEqual(await get(bench, "/v1/log/entries"), { entries: [] });
    await bench.bus.deliver("contributions", day0);
    await bench.tick();
    await bench.bus.deliver("contributions", registers);
    await bench.aggregator.tick();
    type Heads = { size: number; head: string; standing: string };
    const { size, head, standing } = await get<Heads>(bench, "/v1/log/head");
    assert.deepEqual([size, parseHead(head).size, parseHead(standing).size], [9, 9, 7]);
    assert((await verifyHead(parseHead(standing), quorum)).ok);
    const read = async (from: number, limit: number): Promise<Uint8Array[]> => {
      const path = `/v1/log/entries?from=${from}&limit=${Math.min(limit, 3)}`;
      const { entries } = await get<{ entries: string[] }>(bench, path);
      assert(entries.length <= 3);
      return entries.map(fromBase64Url);
    };
    const names: string[] = [];
    await rebuild(read, parseHead(head), (entry) => void names.push(nameOf(entry)));
    assert.deepEqual(names, entriesOn(bench.bus).map(nameOf));
    await bench.aggregator.close();
  });

  test("gets contributions with receipts that hold, and hold for nothing else", async () => {
    const bench = await asked();
    const servicePoint = householdOf(world, 0).network;
    const [from, to] = [world.dayStart(0), world.dayStart(1)];
    const query = `servicePoint=${servicePoint}&from=${from}&to=${to}`;
    const found = await contributionsOf(bench, query);
    const own = [registers[0], registers[1], day0[0]];
    assert.deepEqual(
      found.map(({ encoded }) => toHex(fromBase64Url(encoded))),
      own.map((message) => toHex(message?.body ?? assert.fail())),
    );
    for (const [at, { encoded, receipt }] of found.entries()) {
      const parsed = parseReceipt(receipt ?? assert.fail());
      const entry = await hashEntry("contribution", { body: fromBase64Url(encoded) });
      await checkReceipt(parsed, entry, quorum);
      const other = await hashEntry("contribution", { body: day0[at + 1]?.body ?? assert.fail() });
      for (const wrong of [other, { ...entry, kind: "release" as const }]) {
        await assert.rejects(checkReceipt(parsed, wrong, quorum), { code: "LOG_PROOF" });
      }
    }
    const streams: readonly (readonly [string, number])[] = [
      ["&stream=BILL", 2],
      ["&stream=LOAD", 1],
      ["&stream=LOAD_EXPORT", 0],
      ["&limit=2", 2],
      ["&limit=2&offset=2", 1],
    ];
    for (const [more, count] of streams) {
      assert.equal((await contributionsOf(bench, query + more)).length, count, more);
    }
    const late = onlyStream(await contribute(world, 0, { blockStart: world.dayStart(1) }), "LOAD");
    await bench.clock.advanceTo(1000 * (world.dayStart(2) + HOUR));
    await bench.bus.deliver("contributions", late);
    const next = `servicePoint=${servicePoint}&from=${to + 1}&to=${world.dayStart(2)}`;
    const [waiting] = await contributionsOf(bench, next);
    assert.equal(waiting?.receipt, null, "not logged yet");
    await bench.aggregator.tick();
    assert.equal((await contributionsOf(bench, next))[0]?.receipt, null, "under no quorum yet");
    await bench.tick();
    assert.notEqual((await contributionsOf(bench, next))[0]?.receipt, null);
    await bench.aggregator.close();
  });

  test("gets what a request is to be made of, from the ledger, with its place in the log", async () => {
    const bench = await asked();
    const [{ id, request } = assert.fail()] = bench.bus.requests();
    type Answer = { terms: string; contributions: string[]; receipt: string; state: string };
    const answer = await get<Answer>(bench, `/v1/requests/${id}`);
    assert.equal(answer.state, "REQUESTED");
    assert.deepEqual(answer.contributions.map(fromBase64Url), request.contributions);
    const body = fromBase64Url(answer.terms);
    assert.deepEqual(decodeSignedTerms(body), await signedTermsOf(request));
    const receipt = parseReceipt(answer.receipt);
    await checkReceipt(receipt, { kind: "release-request", body }, quorum);
    // Not a copy of what was sent.
    await store.query("update contribution set excluded = true where service_point = $1", [
      householdOf(world, 2).network,
    ]);
    const changed = await get<Answer>(bench, `/v1/requests/${id}`);
    assert.equal(changed.contributions.length, answer.contributions.length - 1);
    await bench.aggregator.close();
  });

  test("gets where in each request a household's contributions stand, and nobody else's", async () => {
    const bench = await asked();
    type Own = {
      stream: string;
      from: number;
      state: string;
      terms: string | null;
      receipt: string | null;
      own: { index: number; path: string[] }[];
    };
    const requestsOf = async (network: string, query = ""): Promise<Own[]> => {
      const span = `from=${world.dayStart(0)}&to=${world.dayStart(1)}`;
      const path = `/v1/service-points/${network}/requests?${span}${query}`;
      return (await get<{ requests: Own[] }>(bench, path)).requests;
    };
    for (const [index, { body }] of day0.entries()) {
      const loads = await requestsOf(householdOf(world, index).network);
      const [set = assert.fail()] = loads.filter(({ stream }) => stream === "LOAD");
      const terms = fromBase64Url(set.terms ?? assert.fail());
      const { contributionCount, contributionsRoot } = decodeSignedTerms(terms);
      await checkReceipt(
        parseReceipt(set.receipt ?? assert.fail()),
        { kind: "release-request", body: terms },
        quorum,
      );
      const [place = assert.fail(), ...more] = set.own;
      assert.deepEqual(more, []);
      const path = place.path.map((hash) => fromHex(hash));
      const rootFrom = async (contribution: Uint8Array): Promise<string> => {
        const leaf = await contributionLeaf(contribution);
        const root = await rootOfPath(leaf, place.index, contributionCount, path);
        return root === undefined ? "" : toHex(root);
      };
      assert.equal(await rootFrom(body), toHex(contributionsRoot));
      const other = day0[(index + 1) % day0.length]?.body ?? assert.fail();
      assert.notEqual(await rootFrom(other), toHex(contributionsRoot));
    }
    assert.deepEqual(await requestsOf("ab".repeat(16)), []);
    assert.deepEqual(await requestsOf(householdOf(world, 0).network, "&offset=9"), []);
    await store.query("update contribution set excluded = true where service_point = $1", [
      householdOf(world, 0).network,
    ]);
    const [left] = await requestsOf(householdOf(world, 0).network);
    assert.deepEqual(left?.own, [], "one that was taken out has no place");
    await bench.aggregator.close();
  });

  test("is told what is wrong with what he asks", async () => {
    const bench = await asked();
    const point = `servicePoint=${householdOf(world, 0).network}`;
    const cases: readonly (readonly [status: number, path: string])[] = [
      [400, "/v1/log/entries?limit=1025"],
      [400, "/v1/log/entries?limit=0"],
      [400, "/v1/log/entries?from=-1"],
      [400, `/v1/contributions?${point}&from=0`],
      [400, `/v1/contributions?${point}&from=x&to=1`],
      [400, `/v1/contributions?${point}&from=0&to=1&limit=1001`],
      [400, `/v1/contributions?${point}&from=0&to=1&stream=LIVE`],
      [400, "/v1/contributions?servicePoint=x&from=0&to=1"],
      [400, "/v1/requests/abc"],
      [400, "/v1/service-points/abc/requests?from=0&to=1"],
      [400, `/v1/service-points/${"00".repeat(16)}/requests?from=0`],
      [400, `/v1/service-points/${"00".repeat(16)}/requests?from=0&to=1&limit=65`],
      [404, `/v1/requests/${"0".repeat(64)}`],
    ];
    for (const [status, path] of cases) {
      const response = await bench.aggregator.http.request(path);
      assert.equal(response.status, status, path);
    }
    await bench.aggregator.close();
  });
});

test("a message to the trustees stays below what the bus carries, whatever there is to say", async () => {
  const bus = new TestBus();
  const file = publishedFileOf(store);
  const { signer } = world.parties.aggregator;
  const clock = manualClock(1000 * world.dayStart(0));
  const ports = { clock, bus: bus.over(stepsUntil(never)), store, signer, published: file };
  const terms = (number: number, productBytes: number): SignedTerms => ({
    terms: {
      kind: "BILL",
      registryEpoch: number,
      networkPseudonym: named("point", 16),
      fromGrid: 0,
      toGrid: 1,
      fromBorder: 0,
      toBorder: 1,
      registerBank: named("bank", 8),
      paillierKeyId: named("key"),
      product: new Uint8Array(productBytes),
      costProduct: new Uint8Array(0),
    },
    contributionCount: 2,
    contributionsRoot: named("root"),
    signature: new Uint8Array(64),
  });
  const requests = (count: number, productBytes: number): NewEntry[] =>
    Array.from({ length: count }, (_, number) => ({
      kind: "release-request",
      body: encodeSignedTerms(terms(number, productBytes)),
    }));
  const hashes = Array.from({ length: 2500 }, (_, number): NewEntry => {
    return { kind: "contribution", body: named(`contribution ${number}`) };
  });
  const sizes: number[] = [];
  for (const entries of [hashes, requests(600, 768), requests(100, 30_000)]) {
    await queueEntries(store, entries);
    sizes.push((await nextEntries(store)).length);
    await (await PublicLog.open(ports)).append();
  }
  assert.deepEqual(sizes, [1000, 256, 17]);
  assert.equal(entriesOn(bus).length, 2500 + 600 + 100);
  assert(bus.log.every(({ body }) => body.length < busLimits.bodyBytes));
});
