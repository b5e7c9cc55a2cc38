/**
 * The checks that need nobody's leave (docs/protocol.md §11.2, §13): a customer's bill, the whole log, a past release. What parties show is
 * honest but for one thing, and that thing is named.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { verifyBill } from "@smarter-metering/customer";
import { decodeEntry, encodeEntry, type Entry } from "@smarter-metering/log";
import { parsePolicy } from "@smarter-metering/policy";
import {
  decodeContribution,
  decodeSignedTerms,
  encodeContribution,
  fromHex,
  signContribution,
  type BillRequest,
  type LoadRequest,
} from "@smarter-metering/protocol";
import { auditLog, type ShownLog } from "../cli/src/audit/audit-log.ts";
import { billEvidence, type BillMaterial } from "../cli/src/audit/bill-evidence.ts";
import { replayRelease, type ReplayEvidence } from "../cli/src/audit/replay.ts";
import { residualsOf } from "../cli/src/audit/residual.ts";
import { makeAudited, quorumIn, type Audited } from "./support/audited.ts";

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return out;
}

/** The lowest bit of the character at `at`; of base 64 and digits it makes another such character, or none. */
const flippedText = (text: string, at: number): string =>
  text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);

const replaced = <Item>(list: readonly Item[], at: number, change: (item: Item) => Item): Item[] =>
  list.map((item, index) => (index === at ? change(item) : item));

function must<T>(value: T | null | undefined): T {
  assert(value !== undefined && value !== null, "the fixture has it");
  return value;
}

const audited = await makeAudited("pes-encrypts");
const encrypting = await makeAudited("meter-encrypts");
const quorum = await quorumIn(audited.world);
after(async () => {
  await audited.close();
  await encrypting.close();
});

describe("a bill and everything it rests on", () => {
  const verify = async (material: BillMaterial, { world }: Audited = audited) =>
    verifyBill(await billEvidence(material, world.engine));

  /** One bit of the material that `statement verify` gets, by the code that names it. */
  const FLIPS: Readonly<Record<string, (bill: BillMaterial) => Partial<BillMaterial>>> = {
    FRAME_UNSIGNED: ({ frames }) => ({
      frames: replaced(frames, 2, (frame) => flipped(frame, 8 * 300)),
    }),
    ENVELOPE_INVALID: ({ envelopes }) => ({
      envelopes: replaced(envelopes, 0, (envelope) => flipped(envelope, 8 * 300)),
    }),
    CONTRIBUTION_UNSIGNED: ({ contributions }) => ({
      contributions: replaced(contributions, 1, ({ encoded, receipt }) => {
        return { encoded: flipped(encoded, 8 * 400), receipt };
      }),
    }),
    TARIFF_UNSIGNED: ({ tariff }) => ({ tariff: flippedText(tariff, 200) }),
    STATEMENT_UNSIGNED: ({ statement }) => ({ statement: flippedText(statement, 200) }),
    RELEASE_UNSIGNED: ({ answers: { release, partials } }) => ({
      answers: { release, partials: replaced(partials, 1, (one) => flipped(one, 8 * 300)) },
    }),
    LOG_ENTRY_INVALID: ({ request }) => ({
      request: { ...must(request), terms: flipped(must(request).terms, 8 * 100) },
    }),
    LOG_HEAD_INVALID: ({ contributions }) => ({
      contributions: replaced(contributions, 0, ({ encoded, receipt }) => {
        const text = must(receipt);
        return { encoded, receipt: flippedText(text, text.length - 20) };
      }),
    }),
    LOG_RECEIPT_INVALID: ({ contributions }) => ({
      contributions: replaced(contributions, 0, ({ encoded, receipt }) => {
        const text = must(receipt);
        return { encoded, receipt: flippedText(text, text.indexOf("\nindex ") + 20) };
      }),
    }),
    REGISTRY_INVALID: ({ epochs }) => ({
      epochs: replaced(epochs, 0, (epoch) => flippedText(epoch, 200)),
    }),
    REGISTRY_VIEW: ({ networkView }) => ({ networkView: flippedText(networkView, 1000) }),
  };

  test("every link is checked, and holds", async () => {
    for (const shown of [audited, encrypting]) {
      const report = await verify(shown.bill, shown);
      assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
      const open = report.links.filter(({ status }) => status !== "ok");
      assert.deepEqual(open, []);
      assert.equal(report.links.length, 12);
    }
  });

  test("one flipped bit in any of them is named, each by a code of its own", async () => {
    for (const [code, flip] of Object.entries(FLIPS)) {
      const { links, verdict } = await verify({ ...audited.bill, ...flip(audited.bill) });
      const broken = links.filter(({ status }) => status === "broken");
      assert.deepEqual(
        broken.map((link) => link.code),
        [code],
      );
      assert.equal(verdict.explanation, "broken-link");
    }
  });

  test("what is withheld is missing; what was never logged is not checked", async () => {
    const { bill } = audited;
    const withheld = await verify({ ...bill, contributions: bill.contributions.slice(1) });
    assert.deepEqual(
      withheld.links.filter(({ status }) => status !== "ok").map(({ link, code }) => link + code),
      ["contributionCONTRIBUTION_MISSING", "release"],
    );
    const contributions = bill.contributions.map(({ encoded }) => ({ encoded, receipt: null }));
    const unlogged = await verify({ ...bill, contributions, request: undefined });
    assert.deepEqual(
      unlogged.links.filter(({ status }) => status !== "ok").map(({ link, code }) => link + code),
      ["release", "log"],
    );
  });
});

describe("log verify", () => {
  const showing = (entries: readonly Uint8Array[], changes: Partial<ShownLog> = {}): ShownLog => ({
    ...audited.log,
    read: (from, limit) => Promise.resolve(entries.slice(from, from + limit)),
    ...changes,
  });
  const rewritten = (at: number, change: (entry: Entry) => Entry): Uint8Array[] =>
    replaced(audited.entries, at, (bytes) => encodeEntry(change(decodeEntry(bytes))));

  test("counts what is there, and what waits for the quorum", async () => {
    const size = audited.entries.length;
    const report = await auditLog(audited.log, quorum);
    assert.deepEqual(
      { ...report, root: report.root.length, lastSeconds: typeof report.lastSeconds },
      {
        size,
        root: 64,
        standingSize: size,
        cosigners: [1, 2, 3],
        cosignersMin: 3,
        lastSeconds: "number",
        entries: { contribution: 21, "release-request": 2 },
      },
    );
    const standing = await audited.headOf(audited.entries.slice(0, 5), 3);
    assert.equal((await auditLog({ ...audited.log, standing }, quorum)).standingSize, 5);
    const waiting = await auditLog({ ...audited.log, standing: undefined }, quorum);
    assert.deepEqual([waiting.standingSize, waiting.cosigners], [0, []]);
    const nothing = await auditLog(showing([], { head: undefined, standing: undefined }), quorum);
    assert.deepEqual([nothing.size, nothing.lastSeconds], [0, undefined]);
  });

  test("names what is broken", async () => {
    const { entries, headOf, log } = audited;
    const [operatorsHead, standingHead] = [must(log.head), must(log.standing)];
    const headsOf = async (shown: readonly Uint8Array[], timeSeconds?: number) => {
      const [head, standing] = [headOf(shown, 0, timeSeconds), headOf(shown, 3, timeSeconds)];
      return showing(shown, { head: await head, standing: await standing });
    };
    const later = rewritten(4, (entry) => ({ ...entry, timeSeconds: entry.timeSeconds + 1 }));
    const [asked] = entries.slice(21);
    const unsigned = rewritten(21, (entry) => ({ ...entry, body: flipped(entry.body, 8 * 100) }));
    const lies: readonly [what: RegExp, code: string, shown: ShownLog][] = [
      [
        /^the first 23 entries/,
        "LOG_FORKED",
        showing(replaced(entries, 7, (e) => flipped(e, 200))),
      ],
      [
        /^entry 7 is no entry/,
        "LOG_MALFORMED",
        showing(replaced(entries, 7, (e) => flipped(e, 0))),
      ],
      [/^the log shows 20 entries/, "LOG_TRUNCATED", showing(entries.slice(0, 20))],
      [
        /^the log shows 20 entries, the quorum has cosigned 23$/,
        "LOG_TRUNCATED",
        showing(entries, { head: await headOf(entries.slice(0, 20), 0) }),
      ],
      [
        /did not sign/,
        "LOG_HEAD_SIGNATURE",
        showing(entries, { head: changedSize(operatorsHead) }),
      ],
      [/at size 23/, "LOG_HEAD_QUORUM", showing(entries, { standing: await headOf(entries, 2) })],
      [
        /LOG_HEAD_SIGNATURE/,
        "LOG_HEAD_SIGNATURE",
        showing(entries, { standing: changedSize(standingHead) }),
      ],
      [/^the time of entry 5/, "LOG_TIME", await headsOf(later)],
      [
        /^the head at 23/,
        "LOG_TIME",
        await headsOf(entries, decodeEntry(must(asked)).timeSeconds - 1),
      ],
      [
        /^entry 23 stands at 3 already$/,
        "LOG_MALFORMED",
        await headsOf([...entries, must(entries[3])]),
      ],
      [/^entry 21 is no entry, or a request/, "LOG_MALFORMED", await headsOf(unsigned)],
      [
        /^the first 5 entries/,
        "LOG_FORKED",
        showing(entries, { standing: await headOf(entries.slice(1, 6), 3) }),
      ],
    ];
    for (const [message, code, shown] of lies) {
      await assert.rejects(auditLog(shown, quorum), { code, message }, String(message));
    }
  });
});

/** The note with another size than was signed. */
const changedSize = (note: string): string => note.replace("\n23\n", "\n22\n");

describe("audit replay", () => {
  test("makes a load's and a bill's request again, byte for byte", async () => {
    for (const shown of [audited, encrypting]) {
      for (const evidence of Object.values(shown.replays)) {
        const report = await replayRelease(evidence, shown.world.engine);
        assert.deepEqual(
          report.checks.map(({ link, code }) => `${link}${code}`),
          [
            "terms",
            "registry",
            "request",
            "log",
            "contributions",
            "members",
            "product",
            "root",
            "replay",
            "release",
          ],
        );
        assert(report.isSound);
        assert.equal(report.replayedSha256, report.loggedSha256);
      }
    }
  });

  test("stops at the first broken link, and names it", async () => {
    const { LOAD: load, BILL: bill } = audited.replays;
    const changed = (
      evidence: ReplayEvidence,
      request: Partial<ReplayEvidence["request"]>,
    ): ReplayEvidence => ({ ...evidence, request: { ...evidence.request, ...request } });
    const { contributions, terms, receipt } = load.request;
    const foreign = must(bill.request.contributions[0]);
    const another = await resigned(must(contributions[0]), audited);
    const lies: readonly [broken: string, evidence: ReplayEvidence][] = [
      ["terms TERMS_MALFORMED", changed(load, { terms: terms.slice(1) })],
      [
        "registry REGISTRY_INVALID",
        { ...load, epochs: load.epochs.map((e) => flippedText(e, 99)) },
      ],
      [
        "registry REGISTRY_INVALID",
        { ...load, networkView: async () => flippedText(await load.networkView(0), 1000) },
      ],
      ["registry REGISTRY_EPOCH_UNKNOWN", changed(load, { terms: flipped(terms, 8 * 5) })],
      ["request REQUEST_OTHER", changed(load, bill.request)],
      ["request REQUEST_OTHER", changed(load, { terms: flipped(terms, 8 * 100) })],
      [
        "request REQUEST_UNSIGNED",
        changed(load, { terms: flipped(terms, 8 * (terms.length - 2)) }),
      ],
      ["log LOG_RECEIPT_MISSING", changed(load, { receipt: null })],
      ["log LOG_PROOF", changed(load, { receipt: must(bill.request.receipt) })],
      [
        "log LOG_HEAD_SIGNATURE",
        changed(load, { receipt: must(receipt).replace("\n23\n", "\n22\n") }),
      ],
      [
        "contributions CONTRIBUTION_MALFORMED",
        changed(load, { contributions: replaced(contributions, 1, (one) => one.slice(1)) }),
      ],
      [
        "contributions CONTRIBUTION_UNSIGNED",
        changed(load, { contributions: replaced(contributions, 1, (one) => flipped(one, 3200)) }),
      ],
      [
        "members CONTRIBUTION_FOREIGN",
        changed(load, { contributions: [...contributions, foreign] }),
      ],
      ["members CONTRIBUTION_FOREIGN", changed(load, { contributions: [] })],
      ["members CONTRIBUTION_FOREIGN", changed(bill, { contributions: [foreign] })],
      [
        "members CONTRIBUTION_TWICE",
        changed(load, { contributions: [...contributions, must(contributions[0])] }),
      ],
      ["members MEMBERS_DIFFER", changed(load, { contributions: contributions.slice(1) })],
      [
        "product PRODUCT_DIFFERS",
        changed(load, { contributions: replaced(contributions, 0, () => another) }),
      ],
      ["root ROOT_DIFFERS", changed(load, { contributions: contributions.toReversed() })],
      ["release RELEASE_MISSING", { ...load, answers: { release: null, partials: [] } }],
      [
        "release RELEASE_MISSING",
        { ...load, answers: { release: null, partials: load.answers.partials.slice(1) } },
      ],
      ["release RELEASE_OTHER", { ...load, answers: bill.answers }],
      [
        "release RELEASE_UNSIGNED",
        {
          ...load,
          answers: {
            release: null,
            partials: replaced(load.answers.partials, 0, (one) => flipped(one, 8 * 300)),
          },
        },
      ],
    ];
    for (const [broken, evidence] of lies) {
      const { checks, isSound } = await replayRelease(evidence, audited.world.engine);
      const last = must(checks.at(-1));
      assert.equal(`${last.link} ${last.code}`, broken);
      assert(!isSound && last.what !== "");
      assert(checks.slice(0, -1).every(({ code }) => code === ""));
    }
  });
});

/** The same contribution with a ciphertext of something else, signed as if it were the frame's. */
async function resigned(encoded: Uint8Array, { world }: Audited): Promise<Uint8Array> {
  const { header, headerBytes, ciphertext } = decodeContribution(encoded);
  const other = Uint8Array.from(ciphertext);
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 2;
  return encodeContribution(
    await signContribution(headerBytes, header, other, world.parties.opener.signer),
  );
}

describe("audit residual", () => {
  const { world, replays } = audited;
  const view = world.network.current().view;
  const policyOf = (auditMembersMin: number) => parsePolicy({ ...world.policy, auditMembersMin });
  const termsOf = ({ request }: ReplayEvidence) => decodeSignedTerms(request.terms).terms;
  const load = termsOf(replays.LOAD);
  const bill = termsOf(replays.BILL);
  assert(load.kind === "LOAD" && bill.kind === "BILL");
  const [fromGrid, middle, toGrid] = [world.dayStart(0), world.dayStart(1), world.dayStart(3)];
  const billOf = (
    household: number,
    milliwattHours: bigint,
    change: Partial<BillRequest> = {},
  ) => ({
    terms: { ...bill, networkPseudonym: networkOf(household), ...change },
    milliwattHours,
  });
  const networkOf = (household: number) => fromHex(must(world.households[household]).network);
  const loadOf = (day: number, wattHours: bigint, change: Partial<LoadRequest> = {}) => ({
    terms: { ...load, blockStart: world.dayStart(day), ...change },
    wattHours,
  });
  const all = [0, 1, 2];
  const bills = all.map((household) => billOf(household, 1_000_900n * BigInt(household + 1)));
  const loads = all.map((day) => loadOf(day, 2_000n));

  test("is the bills less the load, of a window in which all are in both", () => {
    const [window, ...more] = residualsOf({ cohort: "north", loads, bills }, view, policyOf(3));
    assert.deepEqual(more, []);
    assert.deepEqual(window, {
      from: fromGrid,
      to: toGrid,
      bills: 3,
      blocks: 3,
      refusals: [],
      sums: { billedMilliwattHours: 6_005_400n, loadWattHours: 6_000n },
    });
  });

  test("is not said where a few are in one sum alone", () => {
    const oneAbsent = loads.with(
      2,
      loadOf(2, 1n, { runs: [{ slotCount: load.slotCount, members: Uint8Array.of(0b011) }] }),
    );
    const early = [0, 1].map((household) =>
      billOf(household, 1n, { toGrid: middle, toBorder: middle }),
    );
    const rest = [0, 1].map((household) =>
      billOf(household, 1n, { fromGrid: middle, fromBorder: middle }),
    );
    const cases = [
      { made: { loads: oneAbsent, bills }, codes: ["RESIDUAL_FEW_ABSENT"] },
      { made: { loads, bills: bills.slice(1) }, codes: ["RESIDUAL_FEW_UNBILLED"] },
      // All three are missing from the load of a day: nobody's reading.
      { made: { loads: loads.slice(1), bills }, codes: [] },
      // Windows that overlap are one, and in that all are in both sums.
      { made: { loads, bills: [...early, ...rest, billOf(2, 1n)] }, codes: [] },
      // Windows that only touch are two, and one member is unbilled in each.
      {
        made: { loads, bills: [...early, ...rest] },
        codes: ["RESIDUAL_FEW_UNBILLED", "RESIDUAL_FEW_UNBILLED"],
      },
    ];
    for (const { made, codes } of cases) {
      const windows = residualsOf({ cohort: "north", ...made }, view, policyOf(3));
      const found = windows.flatMap(({ refusals }) => refusals.map(({ code }) => code));
      assert.deepEqual(found, codes);
      assert(windows.every(({ refusals, sums }) => (sums === undefined) === refusals.length > 0));
    }
  });

  test("knows the bills of members alone, and says nothing of a neighbourhood without any", () => {
    const foreign = billOf(0, 1n, { networkPseudonym: new Uint8Array(16) });
    assert.deepEqual(
      residualsOf({ cohort: "north", loads, bills: [foreign] }, view, policyOf(3)),
      [],
    );
  });
});
