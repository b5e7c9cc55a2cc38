/** The verifiable bill (docs/protocol.md §11.2): every single flipped bit is named at its link, and so is every other lie. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  verifyBill,
  type BillEvidence,
  type BillReport,
  type BrokenCode,
} from "@smarter-metering/customer";
import {
  decodeContribution,
  decodeFrame,
  encodeContribution,
  encodeFrame,
  signContribution,
  toHex,
} from "@smarter-metering/protocol";
import * as bill from "./bill.ts";
import { blockPosition, evidence, livePosition, must } from "./bill.ts";

const brokenOf = ({ links }: BillReport) => links.filter(({ status }) => status === "broken");
const summaryOf = (report: BillReport): string =>
  brokenOf(report)
    .map(({ code }) => code)
    .join(" ");
const statusOf = ({ links }: BillReport, name: string): string =>
  links.find(({ link }) => link === name)?.status ?? "absent";

const replaced = <Item>(list: readonly Item[], position: number, item: Item): Item[] =>
  list.map((entry, index) => (index === position ? item : entry));
const without = <Item>(list: readonly Item[], ...positions: readonly number[]): Item[] =>
  list.filter((_, index) => !positions.includes(index));

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return out;
}

/** One bit of one character; seven of them, so that ASCII stays ASCII. */
function flippedText(text: string, bit: number): string {
  const at = Math.floor(bit / 7);
  const code = text.charCodeAt(at) ^ (1 << (bit % 7));
  return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
}

test("an honest bill: every link holds, by readings and by registers, and the difference is 0", async () => {
  const report = await verifyBill(evidence);
  assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.deepEqual(
    report.links.map(({ link, status }) => [link, status]),
    [
      "registry",
      "tariff",
      "statement",
      "envelope",
      "frame",
      "chain",
      "window",
      "registers",
      "price",
      "contribution",
      "release",
      "log",
    ].map((link) => [link, "ok"]),
  );
  // From the contract's start on, the installation is the first border.
  const first = { from: bill.contractStart, to: bill.midnight(3) };
  const statement = await bill.sign(bill.statementOf(bill.registersBetween(0, 3), first));
  const { verdict } = await verifyBill({ ...withoutContributions, window: first, statement });
  assert.deepEqual(verdict, { differenceMinor: 0n, explanation: "exact" });
  // Whatever the order, however often, with or without the live frames.
  const doubled = [...evidence.frames.toReversed(), ...evidence.frames];
  assert.equal(summaryOf(await verifyBill({ ...evidence, frames: doubled })), "");
  const sparse = without(evidence.frames, livePosition(2), livePosition(3));
  const holed = await verifyBill({ ...evidence, frames: sparse });
  assert.deepEqual(holed.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.match(must(holed.links.find(({ link }) => link === "chain")).what, /^2 counters/);
});

/** `count` of 0 to `bits` − 1, the first and the last among them. */
const spread = (bits: number, count: number): number[] =>
  Array.from({ length: count }, (_, step) => Math.round(((bits - 1) * step) / (count - 1)));

const { contributions, release, checkReceipt: _, ...withoutContributions } = evidence;

/** Verifies with one bit changed, and checks that one link is named, and where. */
async function walk(
  changes: readonly [where: RegExp, changed: Partial<BillEvidence>][],
  codes: readonly BrokenCode[],
  base: BillEvidence = withoutContributions,
): Promise<void> {
  for (const [place, changed] of changes) {
    const report = await verifyBill({ ...base, ...changed });
    const [link, ...more] = brokenOf(report);
    assert.ok(link !== undefined && more.length === 0, `${String(place)}: ${summaryOf(report)}`);
    assert.ok(codes.includes(link.code as BrokenCode), `${String(place)}: ${link.code}`);
    assert.match(link.where, place);
    assert.equal(report.verdict.explanation, "broken-link");
    assert.ok(link.what !== "" && link.todo !== "");
  }
}

const HEADER_BITS = 8 * decodeFrame(must(bill.frames[0])).headerBytes.length;

test("one flipped bit of a frame, in header, body or signature, names that frame and nothing else", async () => {
  const codes = ["FRAME_UNSIGNED", "FRAME_FOREIGN", "FRAME_MALFORMED"] as const;
  const flip = (position: number, bit: number): [RegExp, Partial<BillEvidence>] => {
    const frame = flipped(must(evidence.frames[position]), bit);
    const frames = replaced(evidence.frames, position, frame);
    return [new RegExp(`^frame ${position + 1}\\b`), { frames }];
  };
  for (const [position, frame] of evidence.frames.entries()) {
    const bits = [7 * position + 25, HEADER_BITS + 11 * position, 8 * frame.length - 1 - position];
    await walk(
      bits.map((bit) => flip(position, bit)),
      codes,
    );
  }
  // Every field of one header: names, epoch, commitment, counter, times, counts, predecessor.
  const bits = Array.from({ length: HEADER_BITS / 24 }, (_, step) => 25 * step);
  await walk(
    bits.map((bit) => flip(blockPosition(4), bit % HEADER_BITS)),
    codes,
  );
});

test("one flipped bit of an envelope names that envelope", async () => {
  for (const [position, envelope] of evidence.envelopes.entries()) {
    await walk(
      spread(8 * envelope.length, 20).map((bit) => [
        new RegExp(`^envelope ${position + 1}\\b`),
        { envelopes: replaced(evidence.envelopes, position, flipped(envelope, bit)) },
      ]),
      ["ENVELOPE_INVALID"],
    );
  }
});

test("one flipped bit of a signed document names that document", async () => {
  const { registry, statement, tariff } = evidence;
  await walk(
    spread(7 * statement.length, 20).map((bit) => [
      /^window/,
      { statement: flippedText(statement, bit) },
    ]),
    ["STATEMENT_UNSIGNED"],
  );
  await walk(
    spread(7 * tariff.length, 20).map((bit) => [
      /^tariff day-night$/,
      { tariff: flippedText(tariff, bit) },
    ]),
    ["TARIFF_UNSIGNED"],
  );
  for (const [position, epoch] of registry.epochs.entries()) {
    await walk(
      spread(7 * epoch.length, 15).map((bit) => {
        const epochs = replaced(registry.epochs, position, flippedText(epoch, bit));
        return [new RegExp(`^epoch ${position}$`), { registry: { ...registry, epochs } }];
      }),
      ["REGISTRY_INVALID"],
    );
  }
  const { name, text } = registry.view;
  await walk(
    spread(7 * text.length, 15).map((bit) => {
      const view = { name, text: flippedText(text, bit) };
      return [/^view mdms of epoch 1$/, { registry: { ...registry, view } }];
    }),
    ["REGISTRY_VIEW"],
  );
  const rootKey = flipped(registry.rootKey, 9);
  await walk([[/^epoch 0$/, { registry: { ...registry, rootKey } }]], ["REGISTRY_INVALID"]);
});

test("one flipped bit of a contribution or of its receipt names it", async () => {
  for (const [position, { contribution, receipt }] of contributions.shown.entries()) {
    const change = (item: (typeof contributions.shown)[number]): Partial<BillEvidence> => ({
      contributions: { ...contributions, shown: replaced(contributions.shown, position, item) },
    });
    await walk(
      spread(8 * contribution.length, 5).map((bit) => [
        new RegExp(`^contribution ${position + 1}\\b`),
        change({ contribution: flipped(contribution, bit), receipt: must(receipt) }),
      ]),
      ["CONTRIBUTION_MALFORMED", "CONTRIBUTION_UNSIGNED"],
      evidence,
    );
    await walk(
      spread(7 * must(receipt).length, 5).map((bit) => [
        position % 2 === 0 ? /LOAD of block/ : /BILL of block/,
        change({ contribution, receipt: flippedText(must(receipt), bit) }),
      ]),
      ["LOG_RECEIPT_INVALID", "LOG_HEAD_INVALID"],
      evidence,
    );
  }
});

test("one flipped bit of the logged request, its receipt or its answer names it", async () => {
  const where = new RegExp(`request ${bill.honestStatement.requestDigest.slice(0, 16)}$`);
  const flips = (bits: number, flip: (bit: number) => Partial<typeof release>) =>
    spread(bits, 12).map((bit): [RegExp, Partial<BillEvidence>] => [
      where,
      { release: { ...release, ...flip(bit) } },
    ]);
  const { terms, receipt, answers } = release;
  await walk(
    flips(8 * terms.length, (bit) => ({ terms: flipped(terms, bit) })),
    ["LOG_ENTRY_INVALID"],
    evidence,
  );
  await walk(
    flips(7 * must(receipt).length, (bit) => ({ receipt: flippedText(must(receipt), bit) })),
    ["LOG_RECEIPT_INVALID", "LOG_HEAD_INVALID"],
    evidence,
  );
  assert.ok("release" in answers);
  await walk(
    flips(8 * answers.release.length, (bit) => ({
      answers: { release: flipped(answers.release, bit) },
    })),
    ["RELEASE_MALFORMED", "RELEASE_UNSIGNED"],
    evidence,
  );
});

interface Lie {
  readonly name: string;
  readonly change: () => Partial<BillEvidence> | Promise<Partial<BillEvidence>>;
  /** Codes of the broken links, in order. */
  readonly broken: string;
  readonly where?: RegExp;
  readonly differenceMinor?: bigint | undefined;
  /** What is checked; by default everything. */
  readonly base?: BillEvidence;
}

const frameLies: readonly Lie[] = [
  {
    name: "a frame is dropped: the gap, with its counter; the registers still give the bill",
    change: () => ({ frames: without(evidence.frames, blockPosition(3)) }),
    broken: "WINDOW_GAP",
    where: /^2018-10-27T22:00:00Z to 2018-10-28T23:00:00Z, counters? \d+/,
    differenceMinor: 0n,
  },
  {
    name: "the window's last frame is dropped",
    change: () => ({ frames: without(evidence.frames, blockPosition(7)) }),
    broken: "WINDOW_GAP",
    differenceMinor: undefined,
  },
  {
    name: "the border is dropped: the readings still give the bill",
    change: () => ({ frames: without(evidence.frames, blockPosition(0)) }),
    broken: "WINDOW_BORDER",
    where: /^2018-10-25T22:00:00Z$/,
    differenceMinor: 0n,
  },
  {
    name: "the frame that was contributed is damaged",
    change: () => {
      const damaged = flipped(must(evidence.frames[blockPosition(3)]), HEADER_BITS + 5);
      return { frames: replaced(evidence.frames, blockPosition(3), damaged) };
    },
    broken: "FRAME_UNSIGNED",
    differenceMinor: 0n,
  },
  {
    name: "two days are dropped",
    change: () => ({ frames: without(evidence.frames, blockPosition(2), blockPosition(3)) }),
    broken: "WINDOW_GAP WINDOW_GAP",
  },
  {
    name: "one frame is damaged and another dropped",
    change: () => {
      const damaged = flipped(must(evidence.frames[blockPosition(2)]), HEADER_BITS + 5);
      const frames = replaced(evidence.frames, blockPosition(2), damaged);
      return { frames: without(frames, blockPosition(6)) };
    },
    broken: "FRAME_UNSIGNED WINDOW_GAP",
    where: new RegExp(`^frame ${blockPosition(2) + 1}:`),
  },
  {
    name: "no frames at all",
    change: () => ({ frames: [] }),
    broken: `WINDOW_BORDER${" WINDOW_GAP".repeat(7)}`,
    differenceMinor: undefined,
  },
  {
    name: "the bodies of two frames are swapped",
    change: () => {
      const [a, b] = [2, 4].map((day) => decodeFrame(must(evidence.frames[blockPosition(day)])));
      const swapped = replaced(
        evidence.frames,
        blockPosition(2),
        encodeFrame({ ...must(a), body: must(b).body }),
      );
      const body = must(a).body;
      return { frames: replaced(swapped, blockPosition(4), encodeFrame({ ...must(b), body })) };
    },
    broken: "FRAME_UNSIGNED FRAME_UNSIGNED",
  },
  {
    name: "another meter's frame instead",
    change: () => ({ meters: [{ ...must(evidence.meters[0]), meterId: bill.filled(16, 1) }] }),
    broken: `ENVELOPE_INVALID ENVELOPE_INVALID${" FRAME_FOREIGN".repeat(bill.frames.length)}${" CONTRIBUTION_FOREIGN".repeat(6)}`,
  },
  {
    name: "an envelope is withheld",
    change: () => ({ envelopes: without(evidence.envelopes, 1) }),
    broken: "ENVELOPE_MISSING",
    where: /^epoch 1540900000, 8 frames$/,
  },
  {
    name: "the meter signs two frames under one counter",
    change: async () => {
      const { header, body } = must(bill.source.made[blockPosition(2)]);
      const other = await new bill.Meter().seal(
        { ...header, previousFrameHash: bill.filled(32, 1) },
        body,
      );
      return { frames: [...evidence.frames, other] };
    },
    broken: "CHAIN_FORKED",
    where: /^frame 7: .*; frame 20: /,
  },
  {
    name: "the meter's frame does not link",
    change: async () => {
      const { header, body } = must(bill.source.made[blockPosition(8)]);
      const other = await new bill.Meter().seal(
        { ...header, previousFrameHash: bill.filled(32, 1) },
        body,
      );
      return { frames: replaced(evidence.frames, blockPosition(8), other) };
    },
    broken: "CHAIN_UNLINKED",
    where: /^frame 19:/,
    differenceMinor: 0n,
  },
  {
    name: "the meter's registers are not the sum of its readings",
    change: async () => {
      const { header, body } = must(bill.source.made[blockPosition(8)]);
      const [first = 0n, ...rest] = body.registersMilliwattHours;
      const registersMilliwattHours = [first + 1n, ...rest];
      const frame = await new bill.Meter().seal(header, { ...body, registersMilliwattHours });
      const span = { from: bill.window.from, to: bill.midnight(9) };
      const [day = 0n, ...others] = bill.registersBetween(1, 9);
      return {
        frames: replaced(evidence.frames, blockPosition(8), frame),
        window: span,
        statement: await bill.sign(bill.statementOf([day + 1n, ...others], span)),
      };
    },
    broken: "REGISTERS_DISAGREE",
    where: /^day$/,
    base: withoutContributions,
  },
];

const documentLies: readonly Lie[] = [
  {
    name: "a statement of another window is replayed",
    change: async () => {
      const span = { from: bill.midnight(0), to: bill.midnight(1) };
      const other = bill.statementOf(bill.registersBetween(0, 1), span);
      return { statement: await bill.sign(other) };
    },
    broken: "STATEMENT_WINDOW",
    where: /^window 2018-10-24T22:00:00Z/,
  },
  {
    name: "another customer's statement",
    change: async () => ({
      statement: await bill.sign({ ...bill.honestStatement, servicePoint: "88".repeat(16) }),
    }),
    broken: "STATEMENT_FOREIGN",
  },
  {
    name: "a statement signed by another party",
    change: async () => ({ statement: await bill.sign(bill.honestStatement, must(bill.opener)) }),
    broken: "STATEMENT_UNSIGNED",
  },
  {
    name: "a tariff signed by another party",
    change: async () => ({ tariff: await bill.signTariff(bill.tariffDocument, must(bill.mdms)) }),
    broken: "TARIFF_UNSIGNED",
  },
  {
    name: "a signed tariff that is none",
    change: async () => ({
      tariff: await bill.signTariff({ ...bill.tariffDocument, currency: 1 }),
    }),
    broken: "TARIFF_UNSIGNED",
  },
  {
    name: "another version of the tariff",
    change: async () => {
      const [first] = bill.tariffDocument.versions;
      const second = { ...must(first), version: 2, validFrom: "2018-02-01" };
      const tariff = { ...bill.tariffDocument, versions: [must(first), second] };
      return { tariff: await bill.signTariff(tariff) };
    },
    broken: "TARIFF_OTHER",
    where: /version 1$/,
  },
  {
    name: "another tariff",
    change: async () => ({
      tariff: await bill.signTariff({ ...bill.tariffDocument, tariff: "flat" }),
    }),
    broken: "TARIFF_OTHER",
  },
  {
    name: "more is billed than was used",
    change: async () => {
      const [day = 0n, ...rest] = bill.registersBetween(1, 8);
      return { statement: await bill.sign(bill.statementOf([day + 40_000_000n, ...rest])) };
    },
    broken: "REGISTERS_DIFFER",
    where: /^day$/,
    differenceMinor: -1080n,
  },
  {
    name: "the amount does not follow",
    change: async () => ({
      statement: await bill.sign({ ...bill.honestStatement, amount: "99.99" }),
    }),
    broken: "PRICE_DIFFERS",
  },
  {
    name: "a line does not follow",
    change: async () => {
      const [first, ...rest] = bill.honestStatement.lines;
      const lines = [{ ...must(first), amountE16: "1" }, ...rest];
      return { statement: await bill.sign({ ...bill.honestStatement, lines }) };
    },
    broken: "PRICE_DIFFERS",
    differenceMinor: 0n,
  },
  {
    name: "the registry takes an epoch back",
    change: () => {
      const pin = { epoch: 2, hash: "00".repeat(32) };
      return { registry: { ...evidence.registry, pin } };
    },
    broken: "REGISTRY_ROLLBACK",
    where: /^epoch 2/,
  },
  {
    name: "a statement in a zone that is none, with frames missing",
    change: async () => ({
      statement: await bill.sign({ ...bill.honestStatement, zone: "Moon/Base" }),
      frames: without(evidence.frames, blockPosition(3)),
    }),
    broken: "TARIFF_OTHER WINDOW_GAP",
  },
  {
    name: "a statement with a register that ran backwards",
    change: async () => {
      const registers_mWh = { ...bill.honestStatement.registers_mWh, day: "-5" };
      return { statement: await bill.sign({ ...bill.honestStatement, registers_mWh }) };
    },
    broken: "REGISTERS_DIFFER PRICE_DIFFERS",
  },
  {
    name: "a view that is none, of a signed epoch",
    change: async () => ({ registry: await bill.registryOf("{}") }),
    broken: "REGISTRY_INVALID",
    where: /^view mdms$/,
  },
  {
    name: "the registry is empty",
    change: () => ({ registry: { ...evidence.registry, epochs: [] } }),
    broken: "REGISTRY_INVALID",
  },
];

const contributionLies: readonly Lie[] = [
  {
    name: "the opener contributes another reading",
    change: async () => {
      const position = 2 * bill.contributedDays.indexOf(bill.CONTRIBUTED_DAY);
      const { header, headerBytes } = decodeContribution(must(bill.contributed[position]));
      const { ciphertext } = decodeContribution(must(bill.contributed[position + 1]));
      const opener = must(bill.opener);
      const lie = encodeContribution(
        await signContribution(headerBytes, header, ciphertext, opener),
      );
      return loggedWith(replaced(bill.contributed, position, lie));
    },
    broken: "CONTRIBUTION_DIFFERS",
    where: /^contribution 3, LOAD of block 2018-10-27/,
  },
  {
    name: "a contribution is withheld",
    change: () => ({ contributions: { ...contributions, shown: contributions.shown.slice(1) } }),
    broken: "CONTRIBUTION_MISSING",
    where: /^LOAD of block/,
  },
  {
    name: "a receipt is withheld",
    change: () => {
      const [first, ...others] = contributions.shown;
      const shown = [{ contribution: must(first).contribution }, ...others];
      return { contributions: { ...contributions, shown } };
    },
    broken: "LOG_RECEIPT_MISSING",
    where: /^LOAD of block/,
  },
  {
    name: "receipts are swapped",
    change: () => {
      const [first, second, ...others] = contributions.shown;
      const shown = [
        { ...must(first), receipt: must(must(second).receipt) },
        { ...must(second), receipt: must(must(first).receipt) },
        ...others,
      ];
      return { contributions: { ...contributions, shown } };
    },
    broken: "LOG_RECEIPT_INVALID LOG_RECEIPT_INVALID",
  },
  {
    name: "all receipts are of a head that too few trustees cosigned",
    change: async () => {
      const { shown, request } = await bill.logged(bill.contributed, bill.request.terms, 1);
      return {
        contributions: { ...contributions, shown },
        release: { ...release, ...request },
      };
    },
    where: /^receipt of LOAD of block .* and 6 more$/,
    broken: "LOG_HEAD_INVALID",
  },
];

/** Contributions and request in a log of their own. */
async function loggedWith(
  shownInstead: readonly Uint8Array[],
  request = bill.request,
): Promise<Partial<BillEvidence>> {
  const { shown, request: inLog } = await bill.logged(shownInstead, request.terms);
  const answers = { release: await bill.releaseTo(request.digest) };
  return {
    contributions: { ...contributions, shown },
    release: { ...inLog, answers },
    statement: await bill.sign({
      ...bill.honestStatement,
      requestDigest: toHex(request.digest),
    }),
  };
}

const releaseLies: readonly Lie[] = [
  {
    name: "the statement names another request than the log has",
    change: async () => ({
      statement: await bill.sign({ ...bill.honestStatement, requestDigest: "55".repeat(32) }),
    }),
    broken: "LOG_ENTRY_INVALID",
    where: /^request 5{16}$/,
  },
  {
    name: "the request names other contributions",
    change: async () => {
      const borders = [bill.borderAtStart, must(bill.contributed[3])];
      return loggedWith(bill.contributed, await bill.requestOf(borders));
    },
    broken: "RELEASE_DIFFERS",
  },
  {
    name: "the request is for another window",
    change: async () => {
      const borders = [bill.borderAtStart, bill.borderAtEnd];
      const toGrid = bill.midnight(9);
      return loggedWith(bill.contributed, await bill.requestOf(borders, { toGrid }));
    },
    broken: "RELEASE_WINDOW",
  },
  {
    name: "the request is another household's",
    change: async () => {
      const borders = [bill.borderAtStart, bill.borderAtEnd];
      const networkPseudonym = bill.filled(16, 0xb3);
      return loggedWith(bill.contributed, await bill.requestOf(borders, { networkPseudonym }));
    },
    broken: "RELEASE_WINDOW",
  },
  {
    name: "a request that is in no log",
    change: async () => {
      const borders = [bill.borderAtStart, bill.borderAtEnd];
      const other = await bill.requestOf(borders, { registryEpoch: 2 });
      const changed = await loggedWith(bill.contributed, other);
      return { ...changed, release: { ...must(changed.release), receipt: must(release.receipt) } };
    },
    broken: "LOG_RECEIPT_INVALID",
  },
  {
    name: "the release answers another request",
    change: async () => {
      const answers = { release: await bill.releaseTo(bill.filled(32, 1)) };
      return { release: { ...release, answers } };
    },
    broken: "RELEASE_OTHER",
  },
  {
    name: "the release is signed by no trustee",
    change: async () => {
      const answers = { release: await bill.releaseTo(bill.request.digest, must(bill.mdms)) };
      return { release: { ...release, answers } };
    },
    broken: "RELEASE_UNSIGNED",
  },
  {
    name: "one share of two, twice",
    change: async () => {
      const share = await bill.shareOf(must(bill.trustees[0]), 1);
      const answers = { partials: [share, share], threshold: 2 };
      return { release: { ...release, answers } };
    },
    broken: "RELEASE_MISSING",
  },
];

test("every other lie is named once, at its link", async () => {
  for (const lie of [...frameLies, ...documentLies, ...contributionLies, ...releaseLies]) {
    const report = await verifyBill({ ...(lie.base ?? evidence), ...(await lie.change()) });
    assert.equal(summaryOf(report), lie.broken, lie.name);
    assert.match(must(brokenOf(report)[0]).where, lie.where ?? /^/, lie.name);
    assert.equal(report.verdict.explanation, "broken-link", lie.name);
    if ("differenceMinor" in lie) {
      assert.equal(report.verdict.differenceMinor, lie.differenceMinor, lie.name);
    }
  }
});

test("what was not shown is not checked, and never said to hold", async () => {
  const report = await verifyBill(withoutContributions);
  assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.equal(statusOf(report, "contribution"), "not-checked");
  assert.equal(statusOf(report, "log"), "not-checked");
  assert.equal(statusOf(report, "release"), "not-checked");
  const bare = contributions.shown.map(({ contribution }) => ({ contribution }));
  const { terms, answers } = release;
  const unlogged = await verifyBill({
    ...evidence,
    contributions: { ...contributions, shown: bare },
    release: { terms, answers },
  });
  assert.equal(statusOf(unlogged, "contribution"), "ok");
  assert.equal(statusOf(unlogged, "log"), "not-checked");
  const epochs = evidence.registry.epochs.slice(0, 1);
  const pin = { epoch: 1, hash: "00".repeat(32) };
  const rolledBack = await verifyBill({
    ...evidence,
    registry: { ...evidence.registry, epochs, pin },
  });
  const waiting = ["tariff", "statement", "window", "registers", "price"];
  for (const link of [...waiting, "contribution", "release", "log"]) {
    assert.equal(statusOf(rolledBack, link), "not-checked", link);
  }
  assert.equal(statusOf(rolledBack, "frame"), "ok");
  assert.equal(rolledBack.verdict.differenceMinor, undefined);
});

test("a late border and an estimate explain a difference", async () => {
  const later = bill.statementOf(bill.registersBetween(1, 9));
  const extended = await verifyBill({ ...evidence, statement: await bill.sign(later) });
  assert.equal(summaryOf(extended), "");
  assert.equal(extended.verdict.explanation, "window-extended");
  assert.ok(must(extended.verdict.differenceMinor) < 0n);
  const what = must(extended.links.find(({ link }) => link === "registers")).what;
  assert.match(what, /2018-10-25T22:00:00Z to 2018-11-02T23:00:00Z/);
  const estimated = { ...bill.statementOf([1n, 2n, 3n]), estimated: true };
  const guessed = await verifyBill({ ...evidence, statement: await bill.sign(estimated) });
  assert.equal(guessed.verdict.explanation, "estimated");
  assert.equal(statusOf(guessed, "registers"), "not-checked");
});
