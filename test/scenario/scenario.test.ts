/**
 * Fourteen months in three towns (story.ts) through the real deployment (region.ts): every statement and every released load equals what
 * plain arithmetic says (model.ts), nobody is billed twice or not at all, and no released set breaks the policy.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { MeterSource } from "@smarter-metering/meter";
import { hasMember } from "@smarter-metering/policy";
import { decodeRequest } from "@smarter-metering/protocol";
import {
  amountOf,
  dateAfter,
  dynamicAmountOf,
  isMissing,
  midnightOf,
  registersOf,
  wallAt,
} from "./model.ts";
import { foundRegion, POLICY, type Household, type Region } from "./region.ts";
import { placesOf } from "./held.ts";
import {
  EVENTS,
  HOMES_PER_TOWN,
  isDynamic,
  PRICE_DAYS,
  PRICE_FLOOR,
  priceAt,
  SLOT_SECONDS,
  START_DATE,
  TOWNS,
  used,
  type Event,
  type Place,
  type Town,
} from "./story.ts";

/** All of them in `npm run soak:scenario`; the first ones, in which clocks change in every zone, else. */
const MONTHS_TOLD = Number(process.env["SMARTER_METERING_SCENARIO_MONTHS"] ?? 4);
const END_DATE = new Date(Date.UTC(2027, 1 + MONTHS_TOLD, 1)).toISOString().slice(0, 10);
const DAYS = (Date.parse(END_DATE) - Date.parse(START_DATE)) / 86_400_000;

const places: Place[] = TOWNS.flatMap((town) =>
  Array.from({ length: HOMES_PER_TOWN }, (_, number) => ({ town, number })),
);
const placeOf = (town: string, number: number): Place => {
  const place = places.find((one) => one.town.id === town && one.number === number);
  assert(place !== undefined);
  return place;
};
const starts = new Map<string, number>();
/** Start of a local day of the story. */
function dayStart(town: Town, day: number): number {
  const name = `${town.id} ${day}`;
  const known = starts.get(name) ?? midnightOf(town.zone, dateAfter(START_DATE, day));
  starts.set(name, known);
  return known;
}
const told = (event: Event): boolean => event.day < DAYS;
const eventsOf = <K extends Event["kind"]>(kind: K) =>
  EVENTS.filter((event): event is Extract<Event, { kind: K }> => event.kind === kind).filter(told);

/** A meter in a contract, with registers of its own. */
interface Service {
  readonly label: string;
  readonly place: Place;
  readonly from: number;
  readonly to: number;
}

const END = (town: Town): number => dayStart(town, DAYS);
const moveOutOf = (place: Place) =>
  eventsOf("move-out").find(({ town, home }) => town === place.town.id && home === place.number);
const moveInOf = (place: Place) =>
  eventsOf("move-in").find(({ town, home }) => town === place.town.id && home === place.number);

interface Contract {
  readonly label: string;
  readonly place: Place;
  readonly from: number;
  /** Of one that ends. */
  readonly end: number | undefined;
}

const contracts: Contract[] = places.flatMap((place): Contract[] => {
  const name = `${place.town.id} ${place.number}`;
  const [out, next] = [moveOutOf(place), moveInOf(place)];
  const end = out && dayStart(place.town, out.day);
  const first = { label: name, place, from: dayStart(place.town, 0), end };
  if (next === undefined) return [first];
  return [
    first,
    { label: `${name}, next`, place, from: dayStart(place.town, next.day), end: undefined },
  ];
});

const exchangeAt = ({ town, home, day, hour }: Extract<Event, { kind: "exchange" }>): number =>
  dayStart(placeOf(town, home).town, day) + 3600 * hour;

const services: Service[] = contracts.flatMap(({ label, place, from, end = Infinity }) => {
  const exchanges = eventsOf("exchange")
    .filter(({ town, home }) => town === place.town.id && home === place.number)
    .map(exchangeAt)
    .filter((at) => at > from && at < end)
    .toSorted((a, b) => a - b);
  const borders = [from, ...exchanges, end];
  return borders.slice(1).map((to, index) => ({ label, place, from: borders[index] ?? from, to }));
});

const readingsAt = (place: Place): MeterSource => {
  const window = (from: number, to: number) => {
    const slots = Array.from(
      { length: (to - from) / SLOT_SECONDS },
      (_, slot) => from + slot * SLOT_SECONDS,
    );
    const missing = slots.map((at) => isMissing(place, at, (day) => dayStart(place.town, day)));
    const values = slots.map((at, slot) =>
      missing[slot] === true ? { imported: 0, exported: 0 } : used(place, at),
    );
    return {
      importMilliwattHours: values.map(({ imported }) => imported),
      exportMilliwattHours: values.map(({ exported }) => exported),
      quality: missing.map((one) => (one ? 1 : 0)),
    };
  };
  return { day: window, live: window };
};

let folder: string;
let region: Region;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "smarter-metering-scenario-"));
  const startSeconds = Math.min(...TOWNS.map((town) => dayStart(town, 0)));
  const households = contracts
    .filter(({ place, from }) => from === dayStart(place.town, 0))
    .map(({ label, place, from }): Household => ({
      label,
      place,
      meter: `${label}, first`,
      contractStart: from,
    }));
  region = await foundRegion({ folder, towns: TOWNS, households, startSeconds, readingsAt });
  await tell();
});
after(async () => {
  await region.close();
  await rm(folder, { recursive: true, force: true });
});

/** Tells the story, a local midnight of a town at a time. */
async function tell(): Promise<void> {
  const midnights = TOWNS.flatMap((town) =>
    Array.from({ length: DAYS + 5 }, (_, day) => ({ town, day, at: dayStart(town, day) })),
  ).toSorted((a, b) => a.at - b.at);
  await publishMarket(0);
  for (const { town, day, at } of midnights) {
    await region.clock.advanceTo(Math.max(region.clock.nowMs(), 1000 * (at + 600)));
    const isOut = eventsOf("outage").some(
      (event) => event.town === town.id && day > event.day && day <= event.day + event.days - 1,
    );
    if (!isOut && day > 0) await region.send(town, Math.min(at, END(town)));
    if (day < DAYS) await happen(town, day);
    await region.settle();
  }
}

/** From the start of the first town's day on; the first prices begin earlier, with the first day anywhere. */
async function publishMarket(day: number): Promise<void> {
  const [first] = TOWNS;
  assert(first !== undefined);
  const hourOf = (seconds: number): number => 3600 * Math.floor(seconds / 3600);
  await region.publishMarket(
    hourOf(dayStart(first, day)),
    hourOf(dayStart(first, day + PRICE_DAYS)),
  );
}

/** What an operator does in a town on a day: orders come the day before. */
async function happen(town: Town, day: number): Promise<void> {
  if (town === TOWNS[0] && day % PRICE_DAYS === PRICE_DAYS - 2) await publishMarket(day + 2);
  for (const event of EVENTS.filter(told)) {
    if (event.kind === "prices" && event.day === day && town === TOWNS[0]) {
      await region.publishPrices(2 + eventsOf("prices").indexOf(event));
    }
    if (event.kind === "prices" || event.town !== town.id) continue;
    if (event.kind === "exchange" && event.day === day + 1) {
      const place = placeOf(town.id, event.home);
      await region.exchange(
        labelAt(place, exchangeAt(event)),
        place,
        exchangeAt(event),
        `meter of ${town.id} ${event.home} from day ${event.day}`,
      );
    }
    if (event.kind === "move-out" && event.day === day + 5) {
      const place = placeOf(town.id, event.home);
      await region.moveOut(labelAt(place, dayStart(town, day)), place, dayStart(town, event.day));
    }
    if (event.kind === "move-in" && event.day === day) {
      const place = placeOf(town.id, event.home);
      const label = `${town.id} ${event.home}, next`;
      await region.admit({
        label,
        place,
        meter: `${town.id} ${event.home}, first`,
        contractStart: dayStart(town, day),
      });
    }
  }
}

function labelAt(place: Place, at: number): string {
  const contract = contracts.find(
    (one) => one.place === place && one.from <= at && at < (one.end ?? Infinity),
  );
  assert(contract !== undefined);
  return contract.label;
}

interface StatementRow {
  readonly service_point: string;
  readonly from_grid: bigint;
  readonly to_grid: bigint;
  readonly from_border: bigint;
  readonly to_border: bigint;
  readonly export: bigint;
  readonly amount: string;
  readonly cost: bigint | null;
  readonly registers: Readonly<Record<string, string>>;
}

const statementsOf = (mdms: string): Promise<StatementRow[]> =>
  region.store.query<StatementRow>(
    `select service_point, from_grid, to_grid, from_border, to_border, export_milliwatt_hours as export, amount, cost,
       (select json_object_agg(band, r.energy_milliwatt_hours::text) from statement_register r
         where r.service_point = s.service_point and r.from_grid = s.from_grid) as registers
      from statement s where service_point = $1 order by from_grid`,
    [mdms],
  );

/** Where the last whole window of a contract ends that began at `from`: at the end of the story, unless its first one is longer. */
function lastBorder(town: Town, from: number): number {
  const last = `${wallAt(town.zone, END(town)).date.slice(0, 8)}01`;
  const earliest = dateAfter(wallAt(town.zone, from).date, WINDOW_DAYS_MIN);
  const first = earliest.endsWith("-01")
    ? earliest
    : `${dateAfter(`${earliest.slice(0, 8)}28`, 4).slice(0, 8)}01`;
  return last >= first ? midnightOf(town.zone, last) : from;
}
/** Of a bill: a window ends with the first month that ends so many days later. */
const WINDOW_DAYS_MIN = 28;

describe("statements", () => {
  test("every contract is billed from its start to its end, each day once, to the last unit", async () => {
    let count = 0;
    for (const { label, place, from, end } of contracts) {
      const { town } = place;
      const rows = await statementsOf(region.letters.get(label)?.mdmsPseudonym ?? "");
      let reached = from;
      let border = from;
      for (const row of rows) {
        const where = `${label}, window ${wallAt(town.zone, Number(row.from_grid)).date}`;
        assert.equal(Number(row.from_grid), reached, where);
        assert.equal(Number(row.from_border), border, where);
        const registers = registersOf(place, border, Number(row.to_border), (day) =>
          dayStart(town, day),
        );
        const { high, low } = registers;
        const bands = isDynamic(place)
          ? { all: String(high + low) }
          : { high: String(high), low: String(low) };
        assert.deepEqual({ ...row.registers }, bands, where);
        assert.equal(row.export, registers.exported, where);
        assert.equal(row.cost, isDynamic(place) ? registers.cost : null, where);
        const priced = isDynamic(place) ? dynamicAmountOf : amountOf;
        assert.equal(row.amount, priced(town, reached, Number(row.to_grid), registers), where);
        reached = Number(row.to_grid);
        border = Number(row.to_border);
        count += 1;
      }
      assert.equal(reached, end ?? lastBorder(town, from), `${label} is billed to the end`);
    }
    assert(count > contracts.length, `${count} statements`);
  });

  test("a week without a border makes one window longer, and the tenants of one place share no window", async () => {
    for (const event of eventsOf("outage").filter(({ days }) => days > 4)) {
      const { town } = placeOf(event.town, 0);
      const rows = await statementsOf(region.letters.get(`${town.id} 2`)?.mdmsPseudonym ?? "");
      const over = rows.find(({ from_grid: a, to_grid: b }) => {
        const at = dayStart(town, event.day + event.days - 1);
        return Number(a) <= at && at < Number(b);
      });
      assert(over !== undefined);
      const days = (Number(over.to_grid) - Number(over.from_grid)) / 86_400;
      assert(days > 45, `${days} days`);
    }
  });
});

interface LoadRow {
  readonly cohort: string;
  readonly block_start: bigint;
  readonly energy: readonly number[];
  readonly counts: readonly number[];
  readonly request: Uint8Array;
}

describe("loads", () => {
  test("every released block is the sum of those who were there, and of no fewer than the policy asks", async () => {
    const rows = await region.store.query<LoadRow>(
      `select l.cohort, l.block_start, array_to_json(l.energy_watt_hours) as energy,
         array_to_json(l.contributors_per_slot) as counts,
         coalesce(s.request, kept.request) as request
        from load_block l join load_set s on s.digest = l.digest
        left join scenario_request kept on kept.digest = l.digest`,
    );
    const { view } = region.network.current();
    const byNetwork = new Map(
      [...region.letters.values()].map(({ label, networkPseudonym }) => [networkPseudonym, label]),
    );
    for (const { cohort, block_start, energy, counts, request } of rows) {
      const { terms } = decodeRequest(request);
      assert(terms.kind === "LOAD");
      const { members = [] } = view.cohort(cohort, terms.cohortVersion) ?? {};
      let slot = 0;
      for (const run of terms.runs) {
        for (const end = slot + run.slotCount; slot < end; slot++) {
          const at = Number(block_start) + slot * SLOT_SECONDS;
          const labels = members
            .filter((_, index) => hasMember(run.members, index))
            .map((name) => byNetwork.get(name));
          const where = `${cohort}, ${new Date(1000 * at).toISOString()}`;
          assert(labels.length >= POLICY.contributorsMin, where);
          assert.equal(counts[slot], labels.length, where);
          const sum = labels.reduce((total, label) => total + wattHoursOf(label ?? "", at), 0);
          assert.equal(energy[slot], sum, where);
        }
      }
      assert.equal(slot, energy.length);
    }
    const suppressed = await region.store.query<{ codes: string; total: bigint }>(
      "select codes, count(*) as total from load_set where state <> 'RELEASED' group by codes order by codes",
    );
    const codes = suppressed.map(({ codes: code, total }) => `${code} ${total}`);
    assert(
      rows.length > (2 * TOWNS.length * DAYS) / 3,
      `${rows.length} blocks; ${codes.join(", ")}`,
    );
  });

  test("no bill and no set was refused for what it would show", async () => {
    const refused = await region.store.query<{ codes: string }>(
      `select codes from bill_window where state = 'SUPPRESSED'
       union all select codes from load_set where state = 'SUPPRESSED' and codes like '%R%_%' and codes not like 'R1%' and codes not like 'R7%' and codes not like 'WITHHELD%' and codes <> 'NO_CONTRIBUTIONS'`,
    );
    assert.deepEqual(refused, []);
    const withheld = await region.store.query<{ cost: string; point: string; from_grid: bigint }>(
      `select cost, service_point as point, from_grid from bill_window
        where cost not in ('', 'ASKED')`,
    );
    assert.deepEqual(withheld, [], "no cost is kept back");
    const forked = await region.store.query("select meter from concentrator_fork");
    assert.deepEqual(forked, [], "no meter contradicts itself, whatever happens inside a day");
    const alarms = await region.store.query("select code, subject from alarm");
    assert.deepEqual(alarms, []);
  });
});

describe("what the parties hold", () => {
  /** Each home's use and its cost in each hour of the first month, in the units of the registers. */
  const hourly = (): Set<bigint> => {
    const values = new Set<bigint>();
    for (const place of places.filter(isDynamic)) {
      for (let hour = 0; hour < 24 * 28; hour++) {
        const at = dayStart(place.town, 0) + 3600 * hour;
        const [first, second] = [at, at + SLOT_SECONDS].map((slot) => used(place, slot).imported);
        const energy = BigInt((first ?? 0) + (second ?? 0));
        for (const value of [first, second]) values.add(BigInt(value ?? 0));
        values.add(energy);
        values.add(energy * BigInt(priceAt(at) - PRICE_FLOOR));
      }
    }
    // Shorter ones are any number.
    return new Set([...values].filter((value) => value >= 1_000_000n));
  };

  test("no hourly value of a household billed by the hour is at any party, in a database or a ledger", async () => {
    const values = hourly();
    assert(values.size > 10_000, `${values.size} values`);
    const ledger = join(folder, "trustee");
    assert.deepEqual(await placesOf(values, region.store, ledger), new Map());
    // What the search can find: the bill of one of them.
    const [bill] = await region.store.query<{ cost: bigint }>(
      "select cost from statement where cost is not null limit 1",
    );
    assert(bill !== undefined);
    const found = await placesOf(new Set([bill.cost]), region.store, ledger);
    assert.deepEqual([...found.keys()], ["statement.cost"]);
    const planted = new Uint8Array(9);
    new DataView(planted.buffer).setBigUint64(1, 1_234_567n);
    planted[0] = 7;
    await region.store.query("create table planted as select $1::bytea as bytes", [planted]);
    const hidden = await placesOf(new Set([1_234_567n]), region.store, ledger);
    assert.deepEqual([...hidden.keys()], ["planted.bytes"]);
  });
});

/** Whole watt-hours of a half hour, as the register of the meter that served then moves past them. */
const registerAt = new Map<string, number[]>();
function wattHoursOf(label: string, at: number): number {
  const service = services.find((one) => one.label === label && one.from <= at && at < one.to);
  assert(service !== undefined, `${label} has a meter`);
  const { place, from } = service;
  const key = `${label} ${from}`;
  const sums = registerAt.get(key) ?? [0];
  registerAt.set(key, sums);
  const index = (at - from) / SLOT_SECONDS;
  for (let slot = sums.length - 1; slot <= index; slot++) {
    const start = from + slot * SLOT_SECONDS;
    const isGap = isMissing(place, start, (day) => dayStart(place.town, day));
    sums.push((sums[slot] ?? 0) + (isGap ? 0 : used(place, start).imported));
  }
  return Math.floor((sums[index + 1] ?? 0) / 1000) - Math.floor((sums[index] ?? 0) / 1000);
}
