/**
 * Bills and evidence through a portal that nobody believes (docs/protocol.md §9.1, §11.5, §13): an honest one is verified down to the last
 * ciphertext, and whatever it swaps, withholds, rolls back or mixes is named.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkPortalRegistry,
  evidenceOfBill,
  recomputeContributions,
  spanOfStatement,
  verifyBill,
  whoSawWhat,
  type Link,
  type MailboxPin,
  type PinnedMeter,
  type PortalRegistry,
  type ShownEvidence,
  type ShownRegistry,
  type ShownRequest,
} from "@smarter-metering/customer";
import { createPortableEngine, engineKeyOf, serializePublicKey } from "@smarter-metering/paillier";
import {
  contributionLeaf,
  decodeContribution,
  decodeFrame,
  decodeSignedTerms,
  encodeContribution,
  encodeSealedStatement,
  encodeSignedTerms,
  encodeStatementBundle,
  fromHex,
  merkleTree,
  registerBankOf,
  sealStatement,
  signContribution,
  signedTermsOf,
  signRequest,
  statementKeys,
  toBase64Url,
  toHex,
  type LoadRequest,
  type Signer,
  type StatementBundle,
} from "@smarter-metering/protocol";
import { loadTestKey2048 } from "../../paillier/test/fixed-keys.ts";
import { PortalConnection } from "../src/portal-connection.ts";
import { openMailboxes } from "../src/portal-statements.ts";
import * as bill from "./bill.ts";
import { blockPosition, filled, midnight, must, window } from "./bill.ts";

const { publicKey } = await loadTestKey2048();
const engine = createPortableEngine();
const encrypt = (message: Uint8Array, blinding: Uint8Array): Promise<Uint8Array> =>
  engine.encrypt(engineKeyOf(publicKey), message, blinding);
const LOAD = { intervalSeconds: 1800, valueBits: 15, exportToo: false };
const bank = toHex(await registerBankOf(bill.tariffDocument.calendar));

/** LOAD, then BILL, of the days whose frames end in the window. */
const contributed: Uint8Array[] = [];
for (let day = 0; day < 8; day++) {
  const { bytes, dataKey } = must(bill.source.made[blockPosition(day)]);
  const context = {
    paillierKeyId: fromHex(publicKey.id, 32),
    modulusBits: publicKey.bits,
    blockSeconds: midnight(day + 1) - midnight(day),
    bandCount: 2,
    load: LOAD,
  };
  const made = await recomputeContributions(decodeFrame(bytes), dataKey, context, encrypt);
  for (const { header, headerBytes, ciphertext } of made) {
    const signed = await signContribution(headerBytes, header, ciphertext, must(bill.opener));
    contributed.push(encodeContribution(signed));
  }
}
const borders = [must(contributed[1]), must(contributed[15])];
const request = await bill.requestOf(borders);
const inLog = await bill.logged(contributed, request.terms);

/** The sum of a day: this household's contribution between those of two others. */
async function loadRequest(day: number, among: readonly Uint8Array[]): Promise<ShownRequest> {
  const own = must(contributed[2 * day]);
  const slotCount = (midnight(day + 1) - midnight(day)) / 1800;
  const terms: LoadRequest = {
    kind: "LOAD",
    stream: "LOAD",
    registryEpoch: 1,
    cohort: "north",
    cohortVersion: 1,
    blockStart: midnight(day),
    intervalSeconds: 1800,
    slotCount,
    members: Uint8Array.of(0b10011),
    runs: [
      { slotCount: slotCount - 1, members: Uint8Array.of(0b10011) },
      { slotCount: 1, members: Uint8Array.of(0b10001) },
    ],
    paillierKeyId: fromHex(publicKey.id, 32),
    product: filled(512, 1),
  };
  const signed = await signRequest({ terms, contributions: among }, must(bill.aggregator));
  const { paths } = await merkleTree(await Promise.all(among.map(contributionLeaf)));
  const index = among.indexOf(own);
  const bytes = encodeSignedTerms(await signedTermsOf(signed));
  return {
    stream: "LOAD",
    from: midnight(day),
    to: midnight(day + 1),
    state: "RELEASED",
    codes: [],
    terms: bytes,
    receipt: (await bill.logged([], bytes)).request.receipt,
    own: [{ index: Math.max(0, index), path: must(paths[Math.max(0, index)]) }],
  };
}

/** Signed by the opener, of a household of other names. */
const strangers = await Promise.all(
  [1, 2].map(async (value) => {
    const { header, headerBytes, ciphertext } = decodeContribution(must(contributed[4]));
    const names = { ...header, networkPseudonym: filled(16, value) };
    const bytes = Uint8Array.from(headerBytes);
    bytes.set(names.networkPseudonym, 3 + 32);
    return encodeContribution(await signContribution(bytes, names, ciphertext, must(bill.opener)));
  }),
);
const sum = await loadRequest(2, [must(strangers[0]), must(contributed[4]), must(strangers[1])]);
const billed: ShownRequest = {
  stream: "BILL",
  from: window.from,
  to: window.to,
  state: "RELEASED",
  codes: [],
  terms: request.terms,
  receipt: inLog.request.receipt,
  own: [],
};
const withheld: ShownRequest = {
  stream: "LOAD",
  from: midnight(3),
  to: midnight(4),
  state: "SUPPRESSED",
  codes: ["WITHHELD_FOR_BILLS"],
  terms: undefined,
  receipt: undefined,
  own: [],
};
const shown: ShownEvidence = { contributions: inLog.shown, requests: [billed, sum, withheld] };

const publicView = {
  kind: "smarter-metering/public-view",
  parties: bill.view.parties,
  paillierKey: serializePublicKey(publicKey),
  policy: { id: "default-v1" },
  calendars: { [bank]: bill.tariffDocument.calendar },
  tariffs: [],
  cohorts: [
    {
      id: "north",
      version: 1,
      fromBlock: midnight(0),
      zone: bill.zone,
      intervalSeconds: 1800,
      profile: "pes-encrypts",
      exportLoad: false,
      loadValueBits: 15,
      members: 5,
    },
  ],
};

async function registryOf(view: object): Promise<ShownRegistry> {
  const text = JSON.stringify(view);
  const { rootKey, epochs } = await bill.registryOf(text);
  return { rootKey, epochs, view: text };
}
const registry = await registryOf(publicView);

// The portal: sealed bills under a mailbox's name.

const [meter] = bill.evidence.meters;
const meters: readonly PinnedMeter[] = [{ ...must(meter), statementSecret: filled(32, 0x31) }];
const keys = await statementKeys(filled(32, 0x31));
const statement = await bill.sign({
  ...bill.honestStatement,
  requestDigest: toHex(request.digest),
});
const bundle: StatementBundle = {
  rootKey: registry.rootKey,
  sent: [{ from: window.from, sequence: 1 }],
  statement,
  notes: [],
  tariff: bill.evidence.tariff,
  answers: { release: await bill.releaseTo(request.digest), partials: [] },
};
const sealedAs = async (
  { from = window.from, sequence = 1, by = keys } = {},
  changes: Partial<StatementBundle> = {},
): Promise<Uint8Array> => {
  const content = encodeStatementBundle({ ...bundle, ...changes });
  return encodeSealedStatement(await sealStatement(by, { from, sequence }, content));
};

/** What the device makes of what the portal serves. */
function opened(served: readonly Uint8Array[], seen: readonly MailboxPin[] = []) {
  const connection = new PortalConnection({
    fetch: () => Promise.resolve(Response.json({ statements: served.map(toBase64Url) })),
    origin: "https://portal.invalid",
    session: "bearer",
  });
  return openMailboxes(connection, meters, seen);
}

const codesOf = (links: readonly Link[]): string[] =>
  links.filter(({ status }) => status === "broken").map(({ code }) => code);

async function materialOf(changes: { shown?: ShownEvidence; registry?: PortalRegistry } = {}) {
  const { statements } = await opened([await sealedAs()]);
  const checked = await checkPortalRegistry(registry, { pin: undefined, statements });
  const reading = { recipientSecret: bill.secret, meters };
  const sealed = { envelopes: bill.envelopes, frames: bill.frames };
  return { statement: must(statements[0]), registry: checked, reading, sealed, shown, ...changes };
}

test("an honest portal: every link holds, ciphertexts too, and the difference is 0", async () => {
  const material = await materialOf();
  assert.deepEqual(spanOfStatement(material.statement)?.from, window.from);
  const report = await verifyBill(must(await evidenceOfBill(material)));
  assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.deepEqual(
    report.links.filter(({ status }) => status !== "ok"),
    [],
  );
  const without = must(await evidenceOfBill({ ...material, shown: undefined }));
  const { links, verdict } = await verifyBill(without);
  assert.equal(verdict.differenceMinor, 0n);
  const open = links.filter(({ status }) => status === "not-checked").map(({ link }) => link);
  assert.deepEqual(open, ["contribution", "release", "log"], "the aggregator does not answer");
});

test("evidence that was changed is named in the bill's own chain", async () => {
  const { contributions } = shown;
  const cases: [string, ShownEvidence, string][] = [
    [
      "another household's contribution",
      { ...shown, contributions: [...contributions, { contribution: must(strangers[0]) }] },
      "CONTRIBUTION_DIFFERS",
    ],
    [
      "a border that is kept back",
      { ...shown, contributions: contributions.filter((_, at) => at !== 1) },
      "CONTRIBUTION_MISSING",
    ],
    [
      "a receipt of another entry",
      {
        ...shown,
        contributions: contributions.map((entry, at) =>
          at === 1 ? { ...entry, receipt: must(contributions[2]?.receipt) } : entry,
        ),
      },
      "LOG_RECEIPT_INVALID",
    ],
  ];
  for (const [name, changed, expected] of cases) {
    const report = await verifyBill(
      must(await evidenceOfBill(await materialOf({ shown: changed }))),
    );
    const codes = codesOf(report.links);
    assert(
      expected.split(" ").some((code) => codes.includes(code)),
      `${name}: ${codes.join(" ")}`,
    );
  }
});

test("a mailbox: what is altered, another's, older or missing is named", async () => {
  const other = await statementKeys(filled(32, 0x32));
  const next = midnight(8);
  const sent = [
    { from: window.from, sequence: 3 },
    { from: next, sequence: 2 },
  ];
  const old = await sealedAs();
  const corrected = await sealedAs({ sequence: 3 }, { sent });
  const second = await sealedAs({ from: next, sequence: 2 });
  const pin = (sequence: number): MailboxPin[] => [{ mailbox: keys.mailbox, sequence }];
  const flipped = old.map((byte, at) => (at === 100 ? byte ^ 1 : byte));
  const asOther = Uint8Array.from(await sealedAs({ by: other }));
  asOther.set(keys.mailbox, 1);
  const cases: [string, Uint8Array[], MailboxPin[], string[]][] = [
    ["nothing wrong", [corrected, second], pin(3), []],
    ["nothing yet", [], [], []],
    ["one that is altered", [flipped], [], ["STATEMENT_UNOPENABLE"]],
    ["one of another mailbox", [await sealedAs({ by: other })], [], ["STATEMENT_UNOPENABLE"]],
    ["the same, relabelled", [asOther], [], ["STATEMENT_UNOPENABLE"]],
    ["no sealed statement at all", [filled(50, 1)], [], ["STATEMENT_UNOPENABLE"]],
    ["one that the newest lists is kept back", [corrected], [], ["STATEMENT_MISSING"]],
    ["all are kept back", [], pin(3), ["STATEMENT_ROLLBACK"]],
    ["an older one replayed", [old, second], pin(3), ["STATEMENT_ROLLBACK"]],
    [
      "an older one beside a newer month",
      [old, await sealedAs({ from: next, sequence: 4 }, { sent })],
      [],
      ["STATEMENT_ROLLBACK"],
    ],
  ];
  for (const [name, served, seen, expected] of cases) {
    assert.deepEqual(codesOf((await opened(served, seen)).links), expected, name);
  }
  const { mailboxes } = await opened([old], pin(7));
  assert.deepEqual(mailboxes, pin(7), "what was seen is not forgotten");
});

test("a registry: another root, an older epoch, another view are named, whoever vouched for it", async () => {
  const { statements } = await opened([await sealedAs()]);
  const pin = must((await checkPortalRegistry(registry, { pin: undefined, statements })).pin);
  const foreign = { ...registry, rootKey: must(bill.stranger).publicKey };
  const otherBills = (await opened([await sealedAs({}, { rootKey: foreign.rootKey })])).statements;
  const cases: [string, ShownRegistry, Parameters<typeof checkPortalRegistry>[1], string[]][] = [
    ["by the bills", registry, { pin: undefined, statements }, []],
    ["by the pin", registry, { pin, statements: [] }, []],
    ["by the portal alone", registry, { pin: undefined, statements: [] }, []],
    ["another root", foreign, { pin: undefined, statements }, ["REGISTRY_OTHER_ROOT"]],
    ["another root than the pin", foreign, { pin, statements: [] }, ["REGISTRY_OTHER_ROOT"]],
    ["bills of another root", registry, { pin, statements: otherBills }, ["REGISTRY_OTHER_ROOT"]],
    [
      "an epoch taken back",
      { ...registry, epochs: registry.epochs.slice(0, 1) },
      { pin, statements },
      ["REGISTRY_ROLLBACK"],
    ],
    [
      "another view",
      { ...registry, view: registry.view.replace("north", "south") },
      { pin, statements },
      ["REGISTRY_VIEW"],
    ],
    ["no epoch", { ...registry, epochs: [] }, { pin, statements }, ["REGISTRY_INVALID"]],
  ];
  for (const [name, each, known, expected] of cases) {
    const checked = await checkPortalRegistry(each, known);
    assert.deepEqual(codesOf(checked.links), expected, name);
    const isPinned = expected.length === 0 && checked.trusted !== "portal";
    assert.equal(checked.pin !== undefined, isPinned, `${name}: a pin`);
  }
});

const sightingsOf = async (changes: Partial<ShownEvidence> = {}, statements = 1) => {
  const { statement: one, registry: checked } = await materialOf();
  return whoSawWhat({
    registry: checked,
    meters,
    shown: { ...shown, ...changes },
    statements: statements === 1 ? [one] : [],
  });
};

test("who saw what: each release, with how many others, and what of it is proven", async () => {
  const { sightings, links } = await sightingsOf();
  assert.deepEqual(codesOf(links), []);
  const [own, sumOf, left] = sightings;
  const all = { request: true, membership: true, log: true };
  assert.deepEqual(
    [own?.kind, own?.state, own?.others, own?.hasStatement, own?.trustees, own?.proven],
    ["BILL", "released", 0, true, 1, { ...all, answered: true }],
  );
  assert.deepEqual(sumOf?.cohort, { id: "north", version: 1, members: 5 });
  assert.deepEqual(
    [sumOf?.state, sumOf?.others, sumOf?.policyId, sumOf?.policyHeld, sumOf?.proven],
    ["released", 1, "default-v1", true, { ...all, answered: false }],
    "3 contribute, 2 of them in the last half hour",
  );
  assert.deepEqual(
    [left?.state, left?.codes, left?.others, left?.proven.request],
    ["suppressed", ["WITHHELD_FOR_BILLS"], undefined, false],
  );
});

test("who saw what: what is not this household's, not signed or not logged is named", async () => {
  const without = await loadRequest(2, strangers);
  const resigned = async (signer: Signer | undefined): Promise<Uint8Array> => {
    const signed = await signRequest(
      { terms: termsOf(sum), contributions: [must(contributed[4])] },
      must(signer),
    );
    return encodeSignedTerms(await signedTermsOf(signed));
  };
  const cases: [string, Partial<ShownEvidence>, string[]][] = [
    ["a request without this household", { requests: [without] }, ["REQUEST_FOREIGN"]],
    ["a place without a path", { requests: [{ ...sum, own: [] }] }, ["REQUEST_FOREIGN"]],
    [
      "another's request for a bill",
      {
        requests: [
          {
            ...billed,
            ...(await bill.requestOf(borders, { networkPseudonym: filled(16, 9) })),
            receipt: undefined,
          },
        ],
      },
      ["REQUEST_FOREIGN", "STATEMENT_MISSING"],
    ],
    [
      "a request that another signed",
      { requests: [{ ...sum, terms: await resigned(bill.stranger) }] },
      ["REQUEST_UNSIGNED"],
    ],
    ["of another day", { requests: [{ ...sum, from: midnight(1) }] }, ["REQUEST_UNSIGNED"]],
    [
      "another entry's receipt",
      { requests: [{ ...sum, receipt: billed.receipt }] },
      ["LOG_RECEIPT_INVALID"],
    ],
    [
      "another household's contribution",
      { contributions: [...inLog.shown, { contribution: must(strangers[0]) }] },
      ["CONTRIBUTION_FOREIGN"],
    ],
    [
      "bytes that are no contribution",
      { contributions: [...inLog.shown, { contribution: filled(9, 9) }] },
      ["CONTRIBUTION_MALFORMED"],
    ],
  ];
  for (const [name, changes, expected] of cases) {
    const { links } = await sightingsOf(changes);
    assert.deepEqual(codesOf(links).toSorted(), expected.toSorted(), name);
  }
  const { links } = await sightingsOf({ requests: [billed] }, 0);
  assert.deepEqual(codesOf(links), ["STATEMENT_MISSING"], "a released window without its bill");
});

function termsOf({ terms }: ShownRequest): LoadRequest {
  const decoded = decodeSignedTerms(must(terms)).terms;
  assert(decoded.kind === "LOAD");
  return decoded;
}
