/** Prices that were published late (docs/protocol.md §11.4): a credit note for each statement that they change, once, and for no other. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  documentHash,
  signerFromSeed,
  signTariffCorrection,
  toHex,
  verifyCreditNote,
  verifyTariffCorrection,
  type Signer,
  type TariffCorrection,
} from "@smarter-metering/protocol";
import type { Tariff, TariffVersion } from "@smarter-metering/tariff";
import { named } from "../../../test/support/world.ts";
import { readAudit } from "../src/access/audit.ts";
import { forgetOld } from "../src/retention.ts";
import { billRelease, startFixture, type Fixture } from "./fixture.ts";

const PASSWORD = "correct horse battery staple";

interface Note {
  readonly servicePoint: string;
  readonly from: string;
  readonly amount: string;
  readonly corrected: string;
}
/** A note as lists of statements have it. */
interface Shown {
  readonly number: number;
  readonly lines: readonly { readonly price: string }[];
}
interface Answer {
  readonly code?: string;
  readonly title?: string;
  readonly number: number;
  readonly examined: number;
  readonly notes: Note[];
  readonly unmatched: unknown[];
  readonly next?: string;
}

describe("corrections", () => {
  let fixture: Fixture;
  const tokens = new Map<string, string>();
  const windows = [
    [0, 28],
    [28, 59],
    [59, 89],
  ] as const;

  before(async () => {
    fixture = await startFixture();
    const { world, mdms } = fixture;
    for (const [index, window] of windows.entries()) {
      await fixture.deliver(
        await billRelease(world, 0, window, { request: `a ${index}`, sequence: 2 * index }),
        await billRelease(world, 1, window, {
          request: `b ${index}`,
          sequence: 2 * index + 1,
          // Without any use of band "high".
          registers_mWh: ["0", "50000000", "0", "0", "0", "0", "0", "0"],
        }),
      );
    }
    for (const role of ["billing", "operator", "viewer"] as const) {
      await mdms.createOperator({ login: role, password: PASSWORD, role });
      const answer = await fixture.http.request("/v1/sessions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ login: role, password: PASSWORD }),
      });
      tokens.set(role, ((await answer.json()) as { token: string }).token);
    }
  });
  after(() => fixture.close());

  const tariffOf = (changes: Partial<TariffVersion>, of: Partial<Tariff> = {}): Tariff => {
    const { tariff } = fixture.world;
    const [version] = tariff.versions;
    assert(version !== undefined);
    // From March on; February stays as it was.
    const late = { ...version, ...changes, version: 2, validFrom: "2025-03-01" };
    return { ...tariff, versions: [version, late], ...of };
  };
  const correctionOf = (
    tariff: unknown,
    changes: Partial<TariffCorrection> = {},
    signer: Signer = fixture.world.parties["tariff-signer"].signer,
  ): Promise<string> =>
    signTariffCorrection(
      {
        kind: "smarter-metering/tariff-correction",
        number: 1,
        reason: "The grid's prices of March were published in May.",
        from: "2025-02-01",
        until: "2025-04-01",
        tariff,
        ...changes,
      },
      signer,
    );
  const post = async (
    correction: string,
    more: Record<string, unknown> = {},
    role = "billing",
  ): Promise<[status: number, answer: Answer]> => {
    const answer = await fixture.http.request("/v1/corrections", {
      method: "POST",
      headers: {
        authorization: `Bearer ${tokens.get(role)}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ correction, ...more }),
    });
    return [answer.status, (await answer.json()) as Answer];
  };
  const get = async (path: string): Promise<Response> =>
    fixture.http.request(path, { headers: { authorization: `Bearer ${tokens.get("billing")}` } });
  const count = async (table: string): Promise<number> => {
    const [row] = await fixture.store.query<{ n: number }>(
      `select count(*)::int4 as n from ${table}`,
    );
    return row?.n ?? -1;
  };
  const [MARCH, APRIL] = ["2025-02-28T23:00:00Z", "2025-03-31T22:00:00Z"];
  const point = (index: number): string => fixture.world.households[index]?.mdms ?? "";
  const signedNotes = async (index: number, from = MARCH) =>
    (
      (await (await get(`/v1/statements/${point(index)}/${from}/notes`)).json()) as {
        notes: { note: string; correction: string }[];
      }
    ).notes;

  test("who signed no such correction, or corrects more than prices, changes nothing", async () => {
    const cheaper = tariffOf({ pricesMicroPerKilowattHour: { high: 200_000, low: 217_000 } });
    const { calendar } = cheaper;
    const cases: readonly (readonly [name: string, jws: string, says: RegExp])[] = [
      ["no JWS", "x", /no registered tariff signer/],
      [
        "a stranger's",
        await correctionOf(cheaper, {}, await signerFromSeed(named("stranger"))),
        /no registered tariff signer/,
      ],
      [
        "the MDMS's own",
        await correctionOf(cheaper, {}, fixture.world.parties.mdms.signer),
        /no registered tariff signer/,
      ],
      [
        "an ordinary tariff, replayed",
        fixture.world.mdmsFeed.current().view.tariffs[0] ?? "",
        /no registered tariff signer/,
      ],
      ["no tariff", await correctionOf({ kind: "?" }), /its tariff or its dates/],
      [
        "no date",
        await correctionOf(cheaper, { until: "2025-13-01" }),
        /its tariff or its dates: "2025-13-01"/,
      ],
      [
        "before any prices",
        await correctionOf(cheaper, { from: "2009-01-01" }),
        /no prices yet on 2009-01-01/,
      ],
      ["backwards", await correctionOf(cheaper, { from: "2025-05-01" }), /ends before it begins/],
      ["an unknown tariff", await correctionOf({ ...cheaper, tariff: "other" }), /no tariff other/],
      [
        "another currency",
        await correctionOf({ ...cheaper, currency: "EUR" }),
        /only prices can be corrected/,
      ],
      [
        "other hours",
        await correctionOf({ ...cheaper, calendar: { ...calendar, rules: [] } }),
        /only prices can be corrected/,
      ],
    ];
    for (const [name, jws, says] of cases) {
      const [status, answer] = await post(jws);
      assert.deepEqual([status, answer.code], [400, "MDMS_CORRECTION_INVALID"], name);
      assert.match(answer.title ?? "", says, name);
    }
    const [forbidden] = await post(await correctionOf(cheaper), {}, "operator");
    assert.equal(forbidden, 403);
    assert.deepEqual([await count("tariff_correction"), await count("credit_note")], [0, 0]);
  });

  test("a note for each statement whose price changes, of its own registers: exact, signed, once", async () => {
    const { parties } = fixture.world;
    const cheaper = tariffOf({
      pricesMicroPerKilowattHour: { high: 235_000, low: 217_000 },
      standingChargeMicroPerDay: 330_000,
    });
    const jws = await correctionOf(cheaper);
    const [, preview] = await post(jws, { preview: true });
    assert.deepEqual([preview.examined, preview.notes.length], [4, 2]);
    assert.deepEqual([await count("tariff_correction"), await count("credit_note")], [0, 0]);
    const [status, made] = await post(jws);
    assert.equal(status, 200);
    assert.deepEqual(made, preview);
    // March has 31 days: 100 kWh · −0.05 + 31 · 0.01 = −4.69, and 8.1 % tax: −5.06989; or 0.31 and tax: 0.33511.
    const notes = new Map(made.notes.map((note) => [note.servicePoint, note]));
    assert.deepEqual(
      [0, 1].map((index) => [notes.get(point(index))?.from, notes.get(point(index))?.amount]),
      [
        [MARCH, "-5.07"],
        [MARCH, "0.34"],
      ],
    );
    assert.deepEqual(made.unmatched, []);

    const [shown] = await signedNotes(0);
    assert(shown !== undefined);
    const note = await verifyCreditNote(shown.note, parties.mdms.signer.publicKey);
    assert.deepEqual(
      note.lines.map(({ text, issuedE16, dueE16 }) => [text, BigInt(dueE16) - BigInt(issuedE16)]),
      [
        ["Energy, high", -50_000_000_000_000_000n],
        ["Standing charge", 3_100_000_000_000_000n],
        ["Tax on energy and standing charge", -3_798_900_000_000_000n],
      ],
    );
    assert.equal(note.lines[0]?.price, "0.235 CHF/kWh instead of 0.285 CHF/kWh");
    assert.deepEqual([note.tariffVersion, note.number], [2, 1]);
    const statement = await (await get(`/v1/statements/${point(0)}/${MARCH}/signed`)).text();
    assert.equal(note.follows, toHex(await documentHash(statement)));
    assert.equal(shown.correction, jws);
    assert.equal(note.correction, toHex(await documentHash(jws)));
    const signerKey = parties["tariff-signer"].signer.publicKey;
    assert.equal((await verifyTariffCorrection(jws, signerKey)).reason, note.reason);

    // Again: nothing. The statement stays as it was signed.
    assert.deepEqual((await post(jws))[1].notes, []);
    assert.deepEqual([await count("tariff_correction"), await count("credit_note")], [1, 2]);
    assert.equal(await (await get(`/v1/statements/${point(0)}/${MARCH}/signed`)).text(), statement);
    assert.deepEqual(await signedNotes(0, APRIL), []);
    assert.equal(
      (await get(`/v1/statements/${point(0)}/${APRIL.replace("22", "21")}/notes`)).status,
      404,
    );
    const [last] = await readAudit(fixture.store, { before: undefined, limit: 100 }).then((all) =>
      all.filter(({ action }) => action === "statements.correct"),
    );
    assert.deepEqual([last?.login, last?.outcome], ["billing", "allowed"]);
  });

  test("beside the statement: lists show note, lines as issued and as due, corrected total", async () => {
    const path = `/v1/statements?servicePoint=${point(0)}`;
    const { statements } = (await (await get(path)).json()) as {
      statements: { from: string; amount: string; notes?: Shown[] }[];
    };
    const { windows: shown } = (await (await get(`/v1/service-points/${point(0)}`)).json()) as {
      windows: { notes?: Shown[] }[];
    };
    assert.deepEqual(
      shown.map(({ notes }) => notes),
      statements.map(({ notes }) => notes),
    );
    assert.deepEqual(statements[1]?.notes?.[0]?.lines[0], {
      text: "Energy, high",
      quantity: "100.000000 kWh",
      price: "0.235 CHF/kWh instead of 0.285 CHF/kWh",
      issuedE16: "285000000000000000",
      dueE16: "235000000000000000",
    });
    const [note] = await signedNotes(0);
    assert.deepEqual(
      statements[1].notes[0]?.lines,
      (await verifyCreditNote(note?.note ?? "", fixture.world.parties.mdms.signer.publicKey)).lines,
    );
    assert.deepEqual(
      statements.map(({ notes }) => notes?.map(({ lines: _, ...rest }) => rest)),
      [
        undefined,
        [
          {
            number: 1,
            reason: "The grid's prices of March were published in May.",
            amount: "-5.07",
            corrected: "47.23",
          },
        ],
        undefined,
      ],
    );
    assert.equal(statements[1]?.amount, "52.30");
  });

  test("a second correction adds to the first; an older or another of its number is refused", async () => {
    const prices = { high: 225_000, low: 217_000 };
    const again = tariffOf({
      pricesMicroPerKilowattHour: prices,
      standingChargeMicroPerDay: 330_000,
    });
    const second = await correctionOf(again, { number: 2, until: "2025-05-01" });
    // One statement at a time: a page may end on one to which nothing is due.
    const made: Note[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 7; page++) {
      const [status, answer] = await post(second, { limit: 1, ...(cursor && { cursor }) });
      assert.equal(status, 200);
      made.push(...answer.notes);
      cursor = answer.next;
      if (cursor === undefined) break;
    }
    const mine = made.filter(({ servicePoint }) => servicePoint === point(0));
    // 100 kWh · −0.01 and 8.1 % of it, from the corrected total; April had no note and is corrected from its statement.
    assert.deepEqual(
      mine.map(({ from, amount, corrected }) => [from, amount, corrected]),
      [
        [MARCH, "-1.08", "46.15"],
        [APRIL, "-6.16", "45.79"],
      ],
    );
    assert.equal(made.filter(({ servicePoint }) => servicePoint === point(1)).length, 1);
    const [first, next] = await signedNotes(0);
    const key = fixture.world.parties.mdms.signer.publicKey;
    const note = await verifyCreditNote(next?.note ?? "", key);
    assert.equal(note.follows, toHex(await documentHash(first?.note ?? "")));
    for (const [number, reason] of [
      [1, "The grid's prices of March were published in May."],
      [2, "Others."],
    ] as const) {
      const [status, answer] = await post(await correctionOf(again, { number, reason }));
      assert.deepEqual([status, answer.code], [409, "MDMS_CORRECTION_CONFLICT"]);
    }
  });

  test("a statement that the published tariff does not give is named and left alone", async () => {
    const { store } = fixture;
    await store.query("update statement set amount = '1.00' where from_grid = $1", [
      fixture.world.dayStart(0),
    ]);
    const earlier = tariffOf({ taxBasisPoints: 0 });
    const versions = earlier.versions.map((version) => ({ ...version, taxBasisPoints: 0 }));
    const third = await correctionOf({ ...earlier, versions }, { number: 3, until: "2025-03-01" });
    const [, { notes, unmatched, examined }] = await post(third);
    assert.deepEqual([notes.length, unmatched.length, examined], [0, 2, 2]);
  });

  test("notes go with their statements", async () => {
    await forgetOld(fixture.store, fixture.clock.nowMs() / 1000 + 3700 * 86_400);
    assert.deepEqual([await count("statement"), await count("credit_note")], [0, 0]);
    assert.equal(await count("tariff_correction"), 3);
  });
});
