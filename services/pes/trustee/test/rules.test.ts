/**
 * Rules that look at more than one request, against the trustee's own way from bytes to answers: each attack is answered where its rule is
 * off, and refused with the rule's code where it is on.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { judgeAudit, unsafePolicy } from "@smarter-metering/policy";
import {
  encodeRequest,
  fromHex,
  indexNetworkView,
  registerBankOf,
  toHex,
  type Contribution,
  type NetworkView,
  type NetworkViewDocument,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { openJournal } from "@smarter-metering/runtime";
import { parseCalendar } from "@smarter-metering/tariff";
import * as fc from "fast-check";
import { auditSeries, seriesOf, spanOf } from "../src/audit.ts";
import { openLedger } from "../src/ledger.ts";
import type { RegistryContext } from "../src/registry-context.ts";
import { Spent, type BillClaim, type Claim, type LoadClaim } from "../src/spent.ts";
import { codesOf, folder, freshLedger, start, type Running } from "./harness.ts";
import { ALL, border, defined, february, load, scene, SIX } from "./stage.ts";

after(async () => {
  await scene.close();
  await rm(folder, { recursive: true });
});

const viewOf = (changes: Partial<NetworkViewDocument>): NetworkView =>
  indexNetworkView({ ...scene.document, ...changes });
const withPolicy = (changes: object): NetworkView =>
  viewOf({ policy: { ...scene.world.policy, ...changes } });
const day = (index: number): number => scene.world.dayStart(index);

const pointsWith = (changes: object): NetworkViewDocument["servicePoints"] => {
  const [first] = scene.world.households;
  return scene.document.servicePoints.map((point) =>
    point.network === first?.network ? { ...point, ...changes } : point,
  );
};

describe("R2: a load that is mostly one household's", () => {
  const limited = { ...scene.world.policy, dominanceMaxBasisPoints: 1500 };
  const works = {
    consumptionClasses: { household: 4500, works: 90_000 },
    servicePoints: pointsWith({ consumptionClass: "works" }),
  };
  const mains = { servicePoints: pointsWith({ fuse: { amps: 200, phases: 3 } }) };
  for (const [name, view, code] of [
    ["by its fuse", mains, "R2_DOMINANT_FUSE"],
    ["by its class", works, "R2_DOMINANT_CLASS"],
    ["or of unknown weight", { consumptionClasses: {} }, "SHAPE_INCONSISTENT"],
  ] as const) {
    test(`${code}: ${name}`, async () => {
      const request = await scene.loadRequest(load(1, ...ALL));
      const off = await start(code.startsWith("R2") ? { view: viewOf(view) } : {});
      assert((await off.ask(request)).release);
      await off.trustee.close();
      const on = await start({ view: viewOf({ ...view, policy: limited }) });
      assert.deepEqual((await on.ask(request)).codes, [code]);
      await on.trustee.close();
      const equal = await start({ view: viewOf({ policy: limited }) });
      assert((await equal.ask(request)).release);
      await equal.trustee.close();
    });
  }

  test("in one hour is enough, though every member is there at noon", async () => {
    const hoursOf = async (index: number): Promise<Contribution> => {
      const { header } = defined(load(1, index)[0]);
      return scene.forge({ ...header, bitmap: Uint8Array.of(0xff, 0xff, 0x7f) }, [1n]);
    };
    const request = await scene.loadRequest([await hoursOf(0), ...load(1, 1, 2, 3, 4, 5, 6)]);
    const { trustee, ask } = await start({ view: viewOf({ policy: limited }) });
    assert.deepEqual((await ask(request)).codes, ["R2_DOMINANT_FUSE", "R2_DOMINANT_CLASS"]);
    await trustee.close();
  });
});

describe("R4: a registry that puts the same households into another cohort", () => {
  const [north] = scene.document.cohorts;
  const names = scene.world.households.map(({ network }) => network);
  /** Households of "hill" by index, listed first: a service point's cohort is the first that has it. */
  const hillOf = (indices: readonly number[]) => {
    const members = indices.map((index) => defined(names[index])).toSorted();
    const cohorts = [{ ...defined(north), id: "hill", members }, ...scene.document.cohorts];
    const all = Uint8Array.of(2 ** indices.length - 1);
    const request = scene.loadRequest(load(1, ...indices), {
      cohort: "hill",
      members: all,
      runs: [{ slotCount: 24, members: all }],
    });
    return { view: viewOf({ cohorts }), request };
  };

  for (const [code, indices] of [
    ["R4_SMALL_REMAINDER", SIX],
    ["R4_NOT_LAMINAR", [1, 2, 3, 4, 5, 6, 7]],
  ] as const) {
    test(`${code}: after a restart, and for their day alone`, async () => {
      const { view, request } = hillOf(indices);
      const alone = await start({ view });
      assert((await alone.ask(await request)).release);
      await alone.trustee.close();
      const before = await start();
      assert((await before.ask(await scene.loadRequest(load(1, ...ALL)))).release);
      await before.trustee.close();
      const { trustee, ask } = await start({ view, ledger: before.ledger });
      assert.deepEqual((await ask(await request)).codes, [code]);
      await trustee.close();
    });
  }
});

describe("R9: a register that shows a few intervals", () => {
  // Saturday and Sunday: the high band holds for 14 hours.
  const weekend = { billGrid: { unit: "day", days: 2 }, billWindowDaysMin: 2 };
  const narrow = () => scene.billRequest([border(-1), border(1)], [0, 2]);

  test("R9_BAND_TOO_NARROW: a band of fourteen hours where fifteen are asked for", async () => {
    for (const [bandIntervalsMin, codes] of [
      [0, []],
      [14, []],
      [15, ["R9_BAND_TOO_NARROW"]],
    ] as const) {
      const view = withPolicy({ ...weekend, bandIntervalsMin });
      const { trustee, ask } = await start({ view });
      const answer = await ask(await narrow());
      assert.deepEqual(answer.codes, codes);
      assert.equal(answer.release === undefined, codes.length > 0);
      await trustee.close();
    }
  });

  test("R9_VALUE_TOO_LARGE: a fuse that lets more pass than a register holds", async () => {
    const { trustee, ask } = await start({
      view: viewOf({ servicePoints: pointsWith({ fuse: { amps: 1e6, phases: 3 } }) }),
    });
    assert.deepEqual((await ask(await february())).codes, ["R9_VALUE_TOO_LARGE"]);
    await trustee.close();
  });

  test("SHAPE_INCONSISTENT: bands that the registry has no calendar for", async () => {
    const { trustee, ask } = await start({ view: viewOf({ calendars: {} }) });
    assert.deepEqual((await ask(await february())).codes, ["SHAPE_INCONSISTENT"]);
    await trustee.close();
  });

  test("no start with another calendar under the name of one", async () => {
    const { calendar } = scene.world.tariff;
    const [bank = ""] = Object.keys(scene.document.calendars);
    const view = viewOf({ calendars: { [bank]: { ...calendar, rules: [] } } });
    await assert.rejects(start({ view }), { code: "TRUSTEE_REGISTRY_INCOMPLETE" });
  });
});

/** A border of any household at the start of a day, with registers of its own. */
function borderAt(index: number, at: number, bank?: Uint8Array): Promise<Contribution> {
  const { network, meterId } = defined(scene.world.households[index]);
  const { header } = border(at === 0 ? -1 : 1);
  const own = { networkPseudonym: fromHex(network), meterId: fromHex(meterId) };
  const blockStart = day(at - 1);
  const registerBank = bank ?? header.registerBank;
  const values = [0, 1].map((band) => BigInt(at * (index + band + 1)));
  return scene.forge({ ...header, ...own, blockStart, registerBank }, values);
}

/** Two days, and a border a day late, as R8 allows. */
async function billOf(index: number, to = 2): Promise<SignedRequest> {
  return scene.billRequest([await borderAt(index, 0), await borderAt(index, to)], [0, 2]);
}

describe("R5: a bill whose border is a day late, beside the sums and bills of the two days", () => {
  const audited = withPolicy({
    auditMembersMin: 5,
    billGrid: { unit: "day", days: 2 },
    billWindowDaysMin: 2,
    bandIntervalsMin: 14,
  });
  const unaudited = indexNetworkView({
    ...audited.document,
    policy: { ...(audited.document.policy as object), auditMembersMin: 1 },
  });
  const loads = () => [0, 1].map((at) => scene.loadRequest(load(at, ...ALL)));
  const late = () => billOf(0, 3);

  async function grant({ ask }: Running, requests: readonly Promise<SignedRequest>[]) {
    for (const request of requests) assert((await ask(await request)).release);
  }

  test("shows his third day, and is refused; after a restart too", async () => {
    const bills = [1, 2, 3, 4, 5, 6].map((index) => billOf(index));
    const off = await start({ view: unaudited });
    await grant(off, [...loads(), ...bills, late()]);
    await off.trustee.close();
    const running = await start({ view: audited });
    await grant(running, [...loads(), ...bills]);
    assert.deepEqual((await running.ask(await late())).codes, ["R5_EXPOSED"]);
    await running.trustee.close();
    const again = await start({ view: audited, ledger: running.ledger });
    assert.deepEqual((await again.ask(await late())).codes, ["R5_EXPOSED"]);
    await grant(again, [billOf(0)]);
    await again.trustee.close();
  });

  test("is refused as a load where the bills came first", async () => {
    const bills = [1, 2, 3, 4, 5, 6].map((index) => billOf(index));
    const [first, second] = loads();
    const running = await start({ view: audited });
    await grant(running, [...bills, late(), defined(first)]);
    assert.deepEqual((await running.ask(await defined(second))).codes, ["R5_EXPOSED"]);
    await running.trustee.close();
  });

  test("in one batch with the bill that exposes it: the first of the two is released", async () => {
    const before = [...loads(), billOf(1), billOf(2)];
    const pair = [billOf(3), late()];
    for (const requests of [pair, pair.toReversed()]) {
      const running = await start({ view: audited });
      await grant(running, before);
      const asked = await Promise.all(requests);
      await running.bus.deliverAll(asked.map(encodeRequest));
      assert.equal(running.trustee.status().released, 5);
      const [refusal, ...more] = running.bus.of("refusals");
      assert.deepEqual(await codesOf(defined(refusal).body, defined(asked[1])), ["R5_EXPOSED"]);
      assert.deepEqual(more, []);
      await running.trustee.close();
    }
  });

  test("all bills of a cohort in one batch, with both days, are released", async () => {
    const { trustee, bus } = await start({ view: audited });
    const requests = [...loads(), ...ALL.map((index) => billOf(index))];
    await bus.deliverAll((await Promise.all(requests)).map(encodeRequest));
    assert.deepEqual(trustee.status(), { released: 9, refused: {} });
    await trustee.close();
  });

  test("bands that change inside an interval of a load cannot be audited, and are refused", async () => {
    const { calendar } = scene.world.tariff;
    const [rule] = calendar.rules;
    const early = parseCalendar({ ...calendar, rules: [{ ...rule, from: "06:30" }] });
    const bank = await registerBankOf(early);
    const calendars = { ...audited.document.calendars, [toHex(bank)]: early };
    const view = indexNetworkView({ ...audited.document, calendars });
    const running = await start({ view });
    await grant(running, loads());
    const borders = await Promise.all([borderAt(0, 0, bank), borderAt(0, 2, bank)]);
    const answer = await running.ask(await scene.billRequest(borders, [0, 2]));
    assert.deepEqual(answer.codes, ["TARIFF_BOUNDARY_INSIDE_INTERVAL"]);
    await running.trustee.close();
  });
});

test("a ledger that does not say who was in a release: no start", async () => {
  const ledger = await freshLedger();
  const journal = await openJournal(join(ledger, "releases.journal"), { onTorn: "refuse" });
  const claim = {
    kind: "LOAD",
    stream: "LOAD",
    cohort: "north",
    startSeconds: day(0),
    endSeconds: day(1),
  };
  const entry = { digest: "00".repeat(32), sequence: 0, claim, answer: "AA" };
  await journal.append(Buffer.from(JSON.stringify(entry)));
  await journal.close();
  await assert.rejects(openLedger(ledger), { code: "TRUSTEE_LEDGER_VERSION" });
});

describe("an audit", () => {
  const { calendar } = scene.world.tariff;
  const registerBank = "00".repeat(8);
  const members = defined(scene.document.cohorts[0]).members;
  const context = {
    view: scene.view,
    policy: unsafePolicy({ auditMembersMin: 3, bandIntervalsMin: 15, billWindowDaysMin: 2 }),
    calendars: new Map([[registerBank, calendar]]),
  } as unknown as RegistryContext; // what an audit looks at
  const loadClaim = (at: number, absent: number): LoadClaim => ({
    kind: "LOAD",
    stream: "LOAD",
    cohort: "north",
    cohortVersion: 1,
    startSeconds: day(at),
    endSeconds: day(at + 1),
    intervalSeconds: 3600,
    runs: [{ slotCount: 24, members: toHex(Uint8Array.of(0x7f & ~absent)) }],
  });
  const billClaim = (index: number, from: number, to: number): BillClaim => ({
    kind: "BILL",
    servicePoint: defined(members[index]),
    fromGridSeconds: day(from),
    toGridSeconds: day(to),
    fromBorderSeconds: day(from),
    toBorderSeconds: day(to),
    registerBank,
    hasCost: false,
  });
  test("law: of the rows that overlapping rows join to the one asked for says what one of all rows does", () => {
    const verdicts = { granted: 0, refused: 0 };
    // Three windows of each member, some of whose borders are a day late, and loads that somebody may miss.
    const late = fc.constantFrom(0, 0, 0, 1);
    const anyBills = fc.tuple(fc.nat(1), late, late, late).map(([first, ...days]) => {
      const [second = 0, third = 0, end = 0] = days.map((each, window) => 3 * window + 3 + each);
      return [
        [first, second],
        [second, third],
        [third, end],
      ] as const;
    });
    const anyClaims = fc
      .tuple(
        fc.tuple(...members.map(() => anyBills)),
        fc.tuple(...Array.from({ length: 10 }, () => fc.constantFrom(0, 0, 0, 0, 1, 6))),
      )
      .chain(([bills, absent]) => {
        const claims: Claim[] = absent.map((each, at) => loadClaim(at, each));
        for (const [index, own] of bills.entries()) {
          claims.push(...own.map(([from, to]) => billClaim(index, from, to)));
        }
        return fc.shuffledSubarray(claims, { minLength: 20 });
      });
    fc.assert(
      fc.property(anyClaims, (claims) => {
        const spent = new Spent();
        for (const claim of claims) {
          const [series] = seriesOf(claim, scene.view).values();
          const withClaim = new Spent(spent);
          withClaim.add(claim);
          const audit = (span: ReturnType<typeof spanOf>): boolean =>
            auditSeries(defined(series), span, withClaim, context).length === 0;
          const isGranted = audit(spanOf(claim));
          assert.equal(isGranted, audit({ startSeconds: 0, endSeconds: day(100) }));
          if (isGranted) spent.add(claim);
          verdicts[isGranted ? "granted" : "refused"] += 1;
        }
      }),
      { numRuns: 100 },
    );
    assert(verdicts.granted > 50 && verdicts.refused > 10, JSON.stringify(verdicts));
  });

  test("takes bitmaps and calendars from the ledger as they were asked for", () => {
    const spent = new Spent();
    for (const claim of [loadClaim(0, 0x7c), billClaim(0, 0, 2)]) spent.add(claim);
    const span = spanOf(billClaim(0, 0, 2));
    const own = auditSeries({ stream: "LOAD", cohort: "north" }, span, spent, context);
    const runs = [{ slotCount: 24, members: Uint8Array.of(0x03) }];
    const facts = {
      zone: scene.world.zone,
      loads: [{ startSeconds: day(0), intervalSeconds: 3600, members, runs }],
      bills: [
        {
          servicePoint: defined(members[0]),
          fromBorderSeconds: day(0),
          toBorderSeconds: day(2),
          calendar,
          hasCost: false,
        },
      ],
    };
    assert.deepEqual(own, judgeAudit(facts, context.policy));
    assert.equal(own.length, 1);
  });
});
