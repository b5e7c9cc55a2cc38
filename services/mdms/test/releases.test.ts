/** The manager: from releases to statements and load curves, exactly once, and nothing finer. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as fc from "fast-check";
import {
  decodeRelease,
  encodeRelease,
  signerFromSeed,
  toBase64Url,
  verifyStatement,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  RuntimeError,
  type Delivery,
  type Sql,
  type Store,
} from "@smarter-metering/runtime";
import { named, testRecipient } from "../../../test/support/world.ts";
import { latestAlarms } from "../src/alarms.ts";
import { LiveEvents } from "../src/live-events.ts";
import { readLoad } from "../src/load-query.ts";
import { Manager } from "../src/manager.ts";
import { isExtended, readStatements, signedStatement } from "../src/statement-query.ts";
import { totalOf } from "../src/consumption.ts";
import { billRelease, loadRelease, startFixture, type Fixture } from "./fixture.ts";

const everything = { fromSeconds: 0, toSeconds: Number.MAX_SAFE_INTEGER, after: undefined };

/** All that a table of the MDMS may hold. A new column needs a reason why it is not finer than a window or a neighbourhood's slot. */
const COLUMNS: Readonly<Record<string, string>> = {
  release: "digest kind trustee sequence policy_id registry_epoch sealed received_at",
  load_block:
    "cohort stream block_start block_end cohort_version interval_seconds contributors members " +
    "contributors_per_slot energy_watt_hours digest",
  statement:
    "service_point from_grid to_grid from_border to_border zone energy_milliwatt_hours " +
    "export_milliwatt_hours tariff tariff_version lines amount currency estimated jws digest " +
    // A cost is a window's one total: Σ price × energy, which trustees release as rarely as the energy (R8), and only where R9 lets it.
    "prices cost",
  // What is sealed is a statement on its way; the mailbox is a name that the portal has too, for a service point that it knows otherwise.
  delivery: "service_point from_grid due sequence sealed",
  mailbox: "service_point mailbox sequence",
  statement_register: "service_point from_grid position band energy_milliwatt_hours",
  // Prices, of nobody; and what a statement's own registers come to at them.
  tariff_correction: "tariff number digest jws applied_at",
  credit_note: "service_point from_grid number reason lines amount corrected jws issued_at",
  share: "digest trustee sequence sealed verdict received_at",
  combination: "digest agreed corrupt",
  feeder_block: "cohort block_start block_end interval_seconds energy_watt_hours imported_at",
  alarm: "digest code subject first_at last_at acknowledged_at acknowledged_by",
  operator:
    "login role password_hash failures locked_until created_at totp_secret totp_on totp_step",
  recovery_code: "login code_hash",
  session: "token_hash login created_at seen_at kind",
  // Answers to operators' own writes.
  idempotency: "login key request_hash status content_type body created_at",
  // Numbers of rows; and of each service point how many statements, and the start of the last.
  held_count: "what owner count",
  billed_point: "service_point statements last_from",
  // Bills of all customers of a tariff, summed.
  window_sum: "to_grid tariff currency statements amount",
  audit: "id at login action subject outcome",
};

describe("releases", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());

  const count = async (table: string): Promise<number> => {
    const [row] = await fixture.store.query<{ n: number }>(
      `select count(*)::int4 as n from ${table}`,
    );
    return row?.n ?? -1;
  };
  const reasons = async (): Promise<string[]> =>
    (await fixture.bus.deadLetters("releases")).map(({ reason }) => reason);

  test("a bill becomes a signed statement, exact to the last 10⁻¹⁶", async () => {
    const { world, store } = fixture;
    const release = await billRelease(world, 0, [0, 28], { request: "bill 0", sequence: 0 });
    await fixture.deliver(release);
    const servicePoint = world.households[0]?.mdms ?? "";
    const [record, ...others] = await readStatements(store, {
      ...everything,
      servicePoint,
      limit: 10,
    });
    assert(record !== undefined && others.length === 0);
    // 100 kWh · 0.285 + 50 kWh · 0.217 + 28 days · 0.32 = 48.31; tax 8.1 % = 3.91311; feed-in −0.96.
    assert.deepEqual(
      record.lines.map(({ text, amountE16 }) => [text, amountE16]),
      [
        ["Energy, high", "285000000000000000"],
        ["Energy, low", "108500000000000000"],
        ["Standing charge", "89600000000000000"],
        ["Feed-in, credited", "-9600000000000000"],
        ["Tax on energy and standing charge", "39131100000000000"],
      ],
    );
    assert.equal(record.amount, "51.26");
    assert.equal(record.energyMilliwattHours, 150_000_000n);
    assert.equal(record.exportMilliwattHours, 10_000_000n);
    assert.equal(isExtended(record), false);
    assert.equal(totalOf([record]).meanPerDayMilliwattHours, 5_357_143n);

    const jws = await signedStatement(store, servicePoint, world.dayStart(0));
    const signed = await verifyStatement(jws ?? "", world.parties.mdms.signer.publicKey);
    assert.equal(signed.amount, record.amount);
    assert.deepEqual(signed.registers_mWh, { high: "100000000", low: "50000000" });
    assert.deepEqual(signed.lines, record.lines);

    const [kept] = await store.query<{ sealed: Uint8Array }>("select sealed from release");
    assert.deepEqual(kept?.sealed, release);
  });

  test("registers beyond 2⁵³ stay exact; a late border is marked", async () => {
    const { world, store } = fixture;
    const registers = [`${2n ** 47n}`, `${2n ** 47n - 1n}`, "1", "0", "0", "0", "0", "0"];
    const release = await billRelease(world, 1, [0, 28], {
      request: "bill 1",
      sequence: 1,
      registers_mWh: registers,
      toBorder: world.dayStart(29),
    });
    await fixture.deliver(release);
    const servicePoint = world.households[1]?.mdms;
    const [record] = await readStatements(store, { ...everything, servicePoint, limit: 1 });
    assert(record !== undefined);
    assert.deepEqual(
      record.registers.map(({ energyMilliwattHours }) => energyMilliwattHours),
      [2n ** 47n, 2n ** 47n - 1n],
    );
    assert.equal(record.energyMilliwattHours, 2n ** 48n - 1n);
    assert.equal(isExtended(record), true);
  });

  test("load blocks of 96, 92 and 100 slots, import and export", async () => {
    const { world, store } = fixture;
    const [spring, autumn] = [57, 267]; // 2025-03-30 and 2025-10-26
    await fixture.deliver(
      await loadRelease(world, 0, { request: "load 0", sequence: 2 }),
      await loadRelease(world, 0, { request: "export 0", sequence: 3, stream: "LOAD_EXPORT" }),
      await loadRelease(world, spring, { request: "spring", sequence: 4 }),
      await loadRelease(world, autumn, { request: "autumn", sequence: 5 }),
    );
    const query = { ...everything, cohort: "north", limit: 10 };
    const blocks = await readLoad(store, { ...query, stream: "LOAD" });
    assert.deepEqual(
      blocks.map(({ energyWattHours }) => energyWattHours.length),
      [96, 92, 100],
    );
    assert.deepEqual(blocks[1]?.energyWattHours.slice(0, 3), [1000, 1001, 1002]);
    assert.deepEqual(new Set(blocks[2]?.contributorsPerSlot), new Set([4]));
    assert.equal((await readLoad(store, { ...query, stream: "LOAD_EXPORT" })).length, 1);
    // Half-open: the block that ends where the range begins is not in it.
    const second = { ...query, stream: "LOAD", fromSeconds: world.dayStart(1) } as const;
    assert.equal((await readLoad(store, second)).length, 2);
    const [first] = await readLoad(store, { ...query, stream: "LOAD", limit: 1 });
    const rest = await readLoad(store, { ...query, stream: "LOAD", after: first });
    assert.deepEqual(rest, blocks.slice(1));
  });

  test("the same release again has no effect", async () => {
    const before = [await count("release"), await count("statement"), await count("load_block")];
    const letters = (await reasons()).length;
    const rows = await fixture.store.query<{ sealed: Uint8Array }>("select sealed from release");
    await fixture.deliver(...rows.map(({ sealed }) => sealed));
    const now = [await count("release"), await count("statement"), await count("load_block")];
    assert.deepEqual(now, before);
    assert.equal((await reasons()).length, letters);
  });

  test("what is refused: each with its code, an alarm, and no effect on what is stored", async () => {
    const { world, store } = fixture;
    const stranger = await signerFromSeed(named("stranger"));
    const other = await testRecipient("other");
    let sequence = 100;
    const next = (request: string) => ({ request, sequence: sequence++ });
    const good = decodeRelease(await loadRelease(world, 20, next("good")));
    const cases: readonly (readonly [name: string, code: string, bytes: Uint8Array])[] = [
      ["no release", "MDMS_MALFORMED", Uint8Array.of(1, 2, 3)],
      ["trailing byte", "MDMS_MALFORMED", Uint8Array.from([...encodeRelease(good), 0])],
      [
        "foreign trustee",
        "MDMS_BAD_SIGNATURE",
        await loadRelease(world, 20, { ...next("foreign"), trustee: stranger }),
      ],
      ["other header", "MDMS_BAD_SIGNATURE", encodeRelease({ ...good, sequence: 7 })],
      [
        "sealed to somebody else",
        "MDMS_UNOPENABLE",
        await loadRelease(world, 20, { ...next("other"), recipient: other.recipient }),
      ],
      [
        "another policy",
        "MDMS_POLICY",
        await loadRelease(world, 20, { ...next("policy"), policyId: "standard-k100" }),
      ],
      [
        "unknown cohort",
        "MDMS_FOREIGN",
        await loadRelease(world, 20, { ...next("cohort"), cohort: "south" }),
      ],
      [
        "unknown version",
        "MDMS_FOREIGN",
        await loadRelease(world, 20, { ...next("version"), cohortVersion: 2 }),
      ],
      ["before the cohort", "MDMS_FOREIGN", await loadRelease(world, -1, next("early"))],
      [
        "finer than registered",
        "MDMS_OFF_GRID",
        await loadRelease(world, 20, { ...next("finer"), intervalSeconds: 450 }),
      ],
      [
        "off the local day",
        "MDMS_OFF_GRID",
        await loadRelease(world, 20, { ...next("shift"), blockStart: world.dayStart(20) + 900 }),
      ],
      [
        "beyond all calendars",
        "MDMS_OFF_GRID",
        await loadRelease(world, 20, { ...next("far"), blockStart: 2 ** 52 }),
      ],
      [
        "slots missing",
        "MDMS_OFF_GRID",
        await loadRelease(world, 20, { ...next("slots"), energy_Wh: [1, 2, 3] }),
      ],
      [
        "more in a slot than in the sum",
        "MDMS_OFF_GRID",
        await loadRelease(world, 20, { ...next("count"), contributors: 3 }),
      ],
      [
        "another release for a block",
        "MDMS_CONFLICT",
        await loadRelease(world, 0, next("load 0 again")),
      ],
      [
        "sealed anew",
        "MDMS_CONFLICT",
        await loadRelease(world, 0, { request: "load 0", sequence: 2 }),
      ],
      [
        "a number given twice",
        "MDMS_SEQUENCE_REUSED",
        await loadRelease(world, 20, { request: "reused", sequence: 0 }),
      ],
      [
        "malformed token",
        "MDMS_TOKEN",
        await billRelease(world, 2, [0, 28], { ...next("token"), servicePointToken: "%%%" }),
      ],
      [
        "token of another kind",
        "MDMS_TOKEN",
        await billRelease(world, 2, [0, 28], {
          ...next("token 2"),
          servicePointToken: toBase64Url(new Uint8Array(384).fill(7)),
        }),
      ],
      [
        "window that overlaps",
        "MDMS_CONFLICT",
        await billRelease(world, 0, [27, 60], next("overlap")),
      ],
      [
        "window off the grid",
        "MDMS_OFF_GRID",
        await billRelease(world, 2, [0, 28], {
          ...next("grid"),
          fromGrid: world.dayStart(0) + 1,
          fromBorder: world.dayStart(1),
        }),
      ],
      [
        "before the contract",
        "MDMS_OFF_GRID",
        await billRelease(world, 2, [-5, 28], next("contract")),
      ],
      [
        "window backwards",
        "MDMS_OFF_GRID",
        await billRelease(world, 2, [28, 0], next("backwards")),
      ],
      [
        "another calendar",
        "MDMS_REGISTERS",
        await billRelease(world, 2, [0, 28], { ...next("bank"), registerBank: "00".repeat(8) }),
      ],
      [
        "a register past 2⁴⁸",
        "MDMS_REGISTERS",
        await billRelease(world, 2, [0, 28], {
          ...next("range"),
          registers_mWh: [`${2n ** 48n}`, "0", "0", "0", "0", "0", "0", "0"],
        }),
      ],
      [
        "a register too many",
        "MDMS_REGISTERS",
        await billRelease(world, 2, [0, 28], {
          ...next("rest"),
          registers_mWh: ["1", "1", "1", "1", "0", "0", "0", "0"],
        }),
      ],
    ];
    const before = [await count("release"), await count("statement"), await count("load_block")];
    const known = (await reasons()).length;
    await fixture.deliver(...cases.map(([, , bytes]) => bytes));
    assert.deepEqual(
      (await reasons()).slice(known),
      cases.map(([, code]) => code),
    );
    const now = [await count("release"), await count("statement"), await count("load_block")];
    assert.deepEqual(now, before);
    const alarms = await latestAlarms(store, 100);
    assert.equal(alarms.length, cases.length);
    // The neighbours of a refused release are none the worse.
    await fixture.deliver(encodeRelease(good));
    assert.equal(await count("load_block"), (before[2] ?? 0) + 1);
  });

  test("unknown service point, tariff without a registered signer", async () => {
    const { world } = fixture;
    const { epoch, view } = world.mdmsFeed.current();
    const known = (await reasons()).length;
    const [first, second, third] = view.servicePoints;
    assert(first !== undefined && second !== undefined && third !== undefined);
    const parties = view.parties.filter(({ role }) => role !== "tariff-signer");
    const release = await billRelease(world, 3, [0, 28], { request: "bill 3", sequence: 300 });
    world.mdmsFeed.set(epoch, { ...view, parties });
    await fixture.deliver(release);
    world.mdmsFeed.set(epoch, { ...view, servicePoints: [first, second, third] });
    await fixture.deliver(release);
    world.mdmsFeed.set(epoch, view);
    assert.deepEqual((await reasons()).slice(known), ["MDMS_TARIFF", "MDMS_FOREIGN"]);
    const [letter] = (await fixture.bus.deadLetters("releases")).slice(-1);
    assert(letter !== undefined && (await fixture.bus.requeue(letter)));
    await fixture.bus.idle();
    assert.equal((await reasons()).length, known + 1);
  });

  const delivery = (body: Uint8Array): Delivery => ({
    id: "1",
    subject: "load/north",
    body,
    sequence: 1n,
    attempt: 1,
  });
  const managerOver = (store: Store): Manager =>
    new Manager({ ...fixture.ports, store, metrics: createMetrics(), events: new LiveEvents() });

  test("a release of a registry epoch to come waits for it", async () => {
    const { world } = fixture;
    const { view } = world.mdmsFeed.current();
    const manager = managerOver(fixture.store);
    const release = await loadRelease(world, 30, {
      request: "epoch 1",
      sequence: 400,
      registryEpoch: 1,
    });
    assert.deepEqual(await manager.take([delivery(release)]), [{ retryAfterMs: 5000 }]);
    world.mdmsFeed.set(1, { ...view });
    assert.deepEqual(await manager.take([delivery(release)]), [{ ack: true }]);
    world.mdmsFeed.set(0, view);
  });

  test("a release made before the policy changed is taken after it, under the epoch that it names alone", async () => {
    const { world } = fixture;
    const { view, epoch } = world.mdmsFeed.current();
    const policy = { ...(view.policy as object), id: "UNSAFE-next" };
    world.mdmsFeed.set(epoch + 1, { ...view, policy });
    const manager = managerOver(fixture.store);
    const before = await loadRelease(world, 40, { request: "before the change", sequence: 410 });
    const terms = { request: "after the change", sequence: 411, registryEpoch: epoch + 1 };
    const after = await loadRelease(world, 41, terms);
    assert.deepEqual(
      [...(await manager.take([delivery(before)])), ...(await manager.take([delivery(after)]))],
      [{ ack: true }, { dead: "MDMS_POLICY" }],
    );
    world.mdmsFeed.set(epoch, view);
  });

  test("a store that fails costs a retry, before the commit as after it", async () => {
    const { world, store } = fixture;
    const busy = new RuntimeError("STORE_BUSY", "the store is busy");
    const servicePoint = world.households[3]?.mdms;
    const query = { ...everything, servicePoint, limit: 10 };
    const known = (await readStatements(store, query)).length;
    const release = await billRelease(world, 3, [28, 59], { request: "crash", sequence: 500 });
    const failing = (transaction: Store["transaction"]): Store => ({
      kind: "pglite",
      query: (sql, params) => store.query(sql, params),
      transaction,
      close: () => Promise.resolve(),
    });
    const beforeCommit = failing((work) =>
      store.transaction(async (sql: Sql) => {
        await work(sql);
        throw busy;
      }),
    );
    const afterCommit = failing(async (work) => {
      await store.transaction(work);
      throw busy;
    });
    const retry = [{ retryAfterMs: 5000 }];
    assert.deepEqual(await managerOver(beforeCommit).take([delivery(release)]), retry);
    assert.equal((await readStatements(store, query)).length, known);
    assert.deepEqual(await managerOver(afterCommit).take([delivery(release)]), retry);
    assert.equal((await readStatements(store, query)).length, known + 1);
    assert.deepEqual(await managerOver(store).take([delivery(release)]), [{ ack: true }]);
    assert.equal((await readStatements(store, query)).length, known + 1);
    // What waiting cannot mend is thrown: the bus counts, and sets it aside in the end.
    const broken = failing(() => Promise.reject(new RuntimeError("STORE_QUERY", "a bug")));
    await assert.rejects(managerOver(broken).take([delivery(release)]), { code: "STORE_QUERY" });
  });

  test("a batch is stored as its releases one after the other, in one transaction", async () => {
    const { world, store } = fixture;
    const bill = (days: readonly [number, number], request: string, sequence: number) =>
      billRelease(world, 2, days, { request, sequence });
    const first = await bill([90, 120], "batch first", 700);
    const batch = [
      first,
      await bill([59, 120], "batch overlaps", 701),
      Uint8Array.of(1, 2, 3),
      await bill([120, 151], "batch second", 702),
      first,
      await bill([151, 181], "batch first", 703),
      await bill([181, 212], "batch number", 702),
      await loadRelease(world, 50, { request: "batch load", sequence: 704 }),
      await loadRelease(world, 50, { request: "batch load again", sequence: 705 }),
      await loadRelease(world, 51, { request: "batch epoch", sequence: 706, registryEpoch: 1 }),
    ];
    let transactions = 0;
    const counting: Store = {
      kind: "pglite",
      query: (sql, params) => store.query(sql, params),
      transaction(work) {
        transactions += 1;
        return store.transaction(work);
      },
      close: () => Promise.resolve(),
    };
    const manager = managerOver(counting);
    assert.deepEqual(await manager.take(batch.map(delivery)), [
      { ack: true },
      { dead: "MDMS_CONFLICT" },
      { dead: "MDMS_MALFORMED" },
      { ack: true },
      { ack: true },
      { dead: "MDMS_CONFLICT" },
      { dead: "MDMS_SEQUENCE_REUSED" },
      { ack: true },
      { dead: "MDMS_CONFLICT" },
      { retryAfterMs: 5000 },
    ]);
    assert.equal(transactions, 1);
    // Told by the database what the batch told itself.
    const later = await manager.take([...batch.slice(0, 9), ...batch.slice(7, 9)].map(delivery));
    assert.deepEqual(
      later.map((verdict) => ("dead" in verdict ? verdict.dead : verdict)),
      [
        { ack: true },
        "MDMS_CONFLICT",
        "MDMS_MALFORMED",
        { ack: true },
        { ack: true },
        "MDMS_CONFLICT",
        "MDMS_SEQUENCE_REUSED",
        { ack: true },
        "MDMS_CONFLICT",
        { ack: true },
        "MDMS_CONFLICT",
      ],
    );
    const servicePoint = world.households[2]?.mdms;
    const stored = await readStatements(store, { ...everything, servicePoint, limit: 10 });
    const starts = new Set(stored.map(({ fromSeconds }) => fromSeconds));
    assert.deepEqual(
      [59, 90, 120, 151, 181].map((day) => starts.has(world.dayStart(day))),
      [false, true, true, false, false],
    );
  });

  test("bytes of any kind are refused or waited for, never thrown", async () => {
    const manager = managerOver(fixture.store);
    const good = await loadRelease(fixture.world, 40, { request: "fuzz", sequence: 600 });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bytes = good.slice();
          bytes[at] = (bytes[at] ?? 0) ^ flip;
          const [verdict] = await manager.take([delivery(bytes)]);
          assert(verdict !== undefined && "dead" in verdict);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("every column of every table is on the list", async () => {
    const rows = await fixture.store.query<{ table: string; columns: string }>(
      `select table_name::text as table,
          string_agg(column_name::text, ' ' order by ordinal_position) as columns
        from information_schema.columns
        where table_schema = 'public' and table_name not like 'bus\\_%'
          and table_name <> 'runtime_migration'
        group by table_name`,
    );
    assert.deepEqual(Object.fromEntries(rows.map(({ table, columns }) => [table, columns])), {
      ...COLUMNS,
    });
    // The key of each table of energy is a window or a neighbourhood's block.
    const twice = await fixture.store
      .query("insert into statement_register select * from statement_register limit 1")
      .then(() => true)
      .catch(() => false);
    assert.equal(twice, false);
  });
});
