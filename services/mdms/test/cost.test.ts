/** Costs by prices of single hours (docs/protocol.md §6.6, §11): into the bill to the last 10⁻¹⁶, and nothing finer than a window. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  registerBankOf,
  signDocument,
  signTariffCorrection,
  toHex,
  verifyDocument,
  verifyStatement,
  type BillRelease,
} from "@smarter-metering/protocol";
import { readStatements, signedStatement } from "../src/statement-query.ts";
import { costTariff as tariff, costTerms as terms, withCostTariff } from "./cost-tariff.ts";
import { billRelease, startFixture, type Fixture } from "./fixture.ts";

const HOURS = 28 * 24;
/** From −0.299 to 0.400 CHF/kWh; whatever a household uses. */
const priceOf = (hour: number): number => 1000 * (((hour * 7919) % 700) - 299);
const energyOf = (hour: number): bigint => 150_000n + BigInt((hour * 104_729) % 900_001);

/** By the simplest sums there are: energy, what the meter's register counts, and money. */
const reference = Array.from({ length: HOURS }, (_, hour) => hour).reduce(
  ({ energy, counted, moneyE12 }, hour) => {
    const [used, price] = [energyOf(hour), BigInt(priceOf(hour))];
    return {
      energy: energy + used,
      counted: counted + used * ((price + 300_000n) / 1000n),
      moneyE12: moneyE12 + used * price,
    };
  },
  { energy: 0n, counted: 0n, moneyE12: 0n },
);

describe("costs", () => {
  let fixture: Fixture;
  let registerBank = "";
  let token = "";

  before(async () => {
    fixture = await startFixture();
    const { world, mdms } = fixture;
    registerBank = toHex(await registerBankOf(tariff.calendar));
    const { epoch, view } = world.mdmsFeed.current();
    const signer = world.parties["tariff-signer"].signer;
    const days = await Promise.all([0, 1, 2, 3].map(documentOf));
    const unreadable = await signDocument("smarter-metering/prices", { kind: "?" }, world.root);
    const ordinary = world.households[3]?.mdms;
    const dynamic = await withCostTariff(view, signer, (point) => point !== ordinary);
    world.mdmsFeed.set(epoch, { ...dynamic, prices: [...days, unreadable] });
    await mdms.createOperator({ login: "billing", password: PASSWORD, role: "billing" });
    const answer = await fixture.http.request("/v1/sessions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ login: "billing", password: PASSWORD }),
    });
    ({ token } = (await answer.json()) as { token: string });
  });
  after(() => fixture.close());

  const PASSWORD = "correct horse battery staple";
  const documentOf = (day: number): Promise<string> => {
    const { world } = fixture;
    const document = {
      kind: "smarter-metering/prices",
      ...terms,
      currency: "CHF",
      startSeconds: world.dayStart(day),
      pricesMicroPerKilowattHour: Array.from({ length: 24 }, (_, hour) => priceOf(24 * day + hour)),
    };
    return signDocument("smarter-metering/prices", document, world.root);
  };
  let sequence = 0;
  /** Of household `index` over the first 28 days. */
  const release = (index: number, changes: Partial<BillRelease> = {}): Promise<Uint8Array> =>
    billRelease(fixture.world, index, [0, 28], {
      request: `bill ${sequence}`,
      sequence: sequence++,
      registerBank,
      registers_mWh: [String(reference.energy), "0", "0", "0", "0", "0", "0", "0"],
      ...changes,
    });
  const recordOf = async (index: number) => {
    const servicePoint = fixture.world.households[index]?.mdms ?? "";
    const everything = { fromSeconds: 0, toSeconds: Number.MAX_SAFE_INTEGER, after: undefined };
    const [record] = await readStatements(fixture.store, { ...everything, servicePoint, limit: 1 });
    const jws = await signedStatement(fixture.store, servicePoint, fixture.world.dayStart(0));
    const mdmsKey = fixture.world.parties.mdms.signer.publicKey;
    return { servicePoint, record, statement: await verifyStatement(jws ?? "", mdmsKey) };
  };
  const get = async (path: string): Promise<Response> =>
    fixture.http.request(path, { headers: { authorization: `Bearer ${token}` } });
  const reasons = async (): Promise<string[]> =>
    (await fixture.bus.deadLetters("releases")).map(({ reason }) => reason);

  test("a cost becomes a line, exact to the last 10⁻¹⁶, and its mean is told", async () => {
    await fixture.deliver(await release(0, { cost: String(reference.counted) }));
    const { servicePoint, record, statement } = await recordOf(0);
    const [cost, grid] = statement.lines;
    assert.equal(cost?.text, "Energy, day-ahead: each interval at its own price");
    assert.equal(cost.amountE16, String(reference.moneyE12 * 10_000n));
    assert.match(cost.price, /^-?0\.\d+ CHF\/kWh on average$/);
    assert.equal(grid?.amountE16, String(reference.energy * 81_000n * 10_000n), "always added");
    assert.deepEqual(statement.cost, { prices: "day-ahead", counted: String(reference.counted) });
    assert.deepEqual(record?.cost, { prices: "day-ahead", counted: reference.counted });
    const { statements } = (await (
      await get(`/v1/statements?servicePoint=${servicePoint}`)
    ).json()) as { statements: { cost: unknown; lines: unknown }[] };
    assert.deepEqual(statements[0]?.cost, statement.cost);
    assert.deepEqual(statements[0]?.lines, statement.lines);
  });

  test("a cost that was not released: the fallback price", async () => {
    await fixture.deliver(await release(1));
    const { record, statement } = await recordOf(1);
    const [line] = statement.lines;
    assert.equal(line?.amountE16, String(reference.energy * 260_000n * 10_000n));
    assert.deepEqual(statement.cost, { prices: "day-ahead", counted: null });
    assert.deepEqual(record?.cost, { prices: "day-ahead", counted: null });
  });

  test("costs of nothing and of all that a register holds are costs; more, or for a tariff without one, is refused", async () => {
    const known = (await reasons()).length;
    const most = 2n ** 48n - 1n;
    await fixture.deliver(
      await release(2, { cost: String(most + 1n) }),
      await billRelease(fixture.world, 3, [0, 28], { request: "x", sequence: 90, cost: "5" }),
      await release(2, { cost: "0", registers_mWh: Array.from({ length: 8 }, () => "0") }),
    );
    assert.deepEqual((await reasons()).slice(known), ["MDMS_REGISTERS", "MDMS_REGISTERS"]);
    const { record } = await recordOf(2);
    assert.equal(record?.cost?.counted, 0n);
    assert.equal(record.lines[0]?.amountE16, "0");
    const later = { fromGrid: fixture.world.dayStart(28), toGrid: fixture.world.dayStart(59) };
    const borders = { fromBorder: later.fromGrid, toBorder: later.toGrid };
    await fixture.deliver(await release(2, { ...later, ...borders, cost: String(most) }));
    assert.equal((await reasons()).length, known + 2);
    // Without a cost the statement of an ordinary tariff says nothing of one.
    await fixture.deliver(
      await billRelease(fixture.world, 3, [0, 28], { request: "plain", sequence: 91 }),
    );
    const { record: ordinary, statement } = await recordOf(3);
    assert.equal(ordinary?.cost, undefined);
    assert.equal("cost" in statement, false);
  });

  test("corrected prices beside a cost: the cost is what was counted, the fallback price can be late too", async () => {
    const [version] = tariff.versions;
    assert(version !== undefined);
    const late = {
      ...version,
      pricesMicroPerKilowattHour: { all: 80_000 },
      costFallbackMicroPerKilowattHour: 250_000,
      taxBasisPoints: 0,
    };
    const signer = fixture.world.parties["tariff-signer"].signer;
    const correction = await signTariffCorrection(
      {
        kind: "smarter-metering/tariff-correction",
        number: 1,
        reason: "Late.",
        from: "2025-02-01",
        until: "2025-02-02",
        tariff: { ...tariff, versions: [late] },
      },
      signer,
    );
    const answer = await fixture.http.request("/v1/corrections", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ correction }),
    });
    assert.equal(answer.status, 200);
    const [counted, fallback] = await Promise.all([0, 1].map(recordOf));
    const differences = ({ record }: Awaited<ReturnType<typeof recordOf>>) =>
      record?.notes[0]?.lines.map(({ issuedE16, dueE16 }) => BigInt(dueE16) - BigInt(issuedE16));
    const each = -reference.energy * 10_000n;
    assert.deepEqual(counted && differences(counted)?.slice(0, 1), [1000n * each]);
    assert.equal(counted?.record?.notes[0]?.lines.length, 2, "band and tax; not the cost");
    assert.deepEqual(fallback && differences(fallback)?.slice(0, 2), [
      10_000n * each,
      1000n * each,
    ]);
  });

  test("the window's prices, as the root signed them, page by page", async () => {
    interface Page {
      readonly prices: { from: string; to: string; signed: string }[];
      readonly next?: string;
    }
    const read = async (query: string): Promise<Page> =>
      (await (await get(`/v1/prices?${query}`)).json()) as Page;
    const all = await read("series=day-ahead");
    assert.deepEqual(
      all.prices.map(({ from, to }) => [from, to]),
      [1, 2, 3, 4].map((day) => [
        `2025-0${day === 1 ? "1-31" : `2-0${day - 1}`}T23:00:00Z`,
        `2025-02-0${day}T23:00:00Z`,
      ]),
    );
    const [first] = all.prices;
    const document = await verifyDocument(
      "smarter-metering/prices",
      first?.signed ?? "",
      fixture.world.root.publicKey,
    );
    assert.equal((document as typeof terms).prices, "day-ahead");
    // Half-open, and only what touches the range.
    const some = "series=day-ahead&from=2025-02-01T23:00:00Z&to=2025-02-02T23:00:01Z";
    assert.deepEqual((await read(some)).prices, all.prices.slice(1, 3));
    const page = await read("series=day-ahead&limit=3");
    const rest = await read(`series=day-ahead&cursor=${page.next}`);
    assert.deepEqual([...page.prices, ...rest.prices], all.prices);
    assert.deepEqual((await read("series=other")).prices, []);
    assert.equal((await get("/v1/prices")).status, 400);
    assert.equal((await get("/v1/prices?series=%00")).status, 400);
  });
});
