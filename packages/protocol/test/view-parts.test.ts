/** Views in parts (docs/protocol.md §9.1): however they are cut they are the same view, and nothing but what the epoch names is read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  fetchView,
  GENESIS_HASH,
  hashOf,
  indexNetworkView,
  networkReader,
  parseNetworkView,
  partedView,
  partOfText,
  readViewHead,
  ucsReader,
  verifyView,
  wholeView,
  type NetworkView,
  type NetworkViewDocument,
  type Part,
  type RegistryEpoch,
  type RegistryTransport,
} from "@smarter-metering/protocol";
import * as fc from "fast-check";
import { SharedMap } from "../src/shared-map.ts";

const invalid = { code: "REGISTRY_INVALID" };
const name = (number: number): string => number.toString(16).padStart(32, "0");

type Point = NetworkViewDocument["servicePoints"][number];
type Cohort = NetworkViewDocument["cohorts"][number];

const pointOf = (number: number, meter: number, contractStart = 0): Point => ({
  network: name(number),
  zone: "UTC",
  fuse: { amps: 63, phases: 3 },
  consumptionClass: "H0",
  profile: "pes-encrypts",
  intervalSeconds: 900,
  contractStart,
  contractEnd: null,
  registerBank: "dd".repeat(8),
  bandCount: 2,
  mdmsToken: "AA",
  meters: [{ meterId: name(meter), signingKey: "22".repeat(32), from: 0, to: null }],
});

const cohortOf = (id: string, version: number, members: readonly number[]): Cohort => ({
  id,
  version,
  fromBlock: 1000 * version,
  zone: "UTC",
  intervalSeconds: 900,
  profile: "pes-encrypts",
  exportLoad: false,
  loadValueBits: 14,
  members: members.map(name).toSorted(),
});

const rest = {
  kind: "smarter-metering/network-view",
  parties: [{ role: "opener", signingKey: "11".repeat(32) }],
  paillierKey: {},
  policy: { id: "p" },
  calendars: { ["dd".repeat(8)]: {} },
  consumptionClasses: { H0: 4500 },
} as const;
const documentOf = (servicePoints: Point[], cohorts: Cohort[]): NetworkViewDocument => ({
  ...rest,
  parties: [...rest.parties],
  cohorts,
  servicePoints,
});

/** A registry of these views in parts, each cut as `cuts` say, and what was asked of it. */
interface Shown {
  readonly epochs: readonly RegistryEpoch[];
  readonly source: RegistryTransport;
  readonly asked: string[];
}

async function leavesOf(entries: readonly unknown[], cuts: readonly number[]): Promise<Part[]> {
  const leaves: Part[] = [];
  let from = 0;
  for (const cut of [...cuts, entries.length]) {
    leaves.push(await partOfText(JSON.stringify(entries.slice(from, from + cut))));
    from += cut;
  }
  return leaves;
}

async function show(
  documents: readonly NetworkViewDocument[],
  cuts: readonly number[] = [],
): Promise<Shown> {
  const heads: string[] = [];
  const texts = new Map<string, string>();
  for (const { cohorts, servicePoints, ...head } of documents) {
    const view = await partedView(head, {
      cohorts: await leavesOf(cohorts, cuts),
      servicePoints: await leavesOf(servicePoints, cuts),
    });
    heads.push(view.head);
    for (const part of view.parts) texts.set(part.hash, part.text());
  }
  const asked: string[] = [];
  const none = GENESIS_HASH;
  const epochs = await Promise.all(
    heads.map(async (head, epoch) => {
      const views = { network: await hashOf(head), mdms: none, ucs: none, public: none };
      return { epoch, previous: none, issuedAt: epoch, views };
    }),
  );
  const source: RegistryTransport = {
    epochs: () => Promise.resolve([]),
    head: (_name, epoch) => Promise.resolve(heads[epoch] ?? ""),
    parts(_name, hashes) {
      asked.push(...hashes);
      return Promise.resolve(hashes.map((hash) => texts.get(hash) ?? ""));
    },
  };
  return { epochs, source, asked };
}

const must = <T>(value: T | undefined): T => {
  assert(value !== undefined);
  return value;
};

/** Whatever a party may ask of a view, in these names. */
const answers = (view: NetworkView, numbers: number, ids: readonly string[]): unknown => [
  view.document,
  Array.from({ length: numbers }, (_, number) => [
    view.servicePoint(name(number)),
    view.contractsOf(name(number)).map(({ network }) => network),
    view.cohortsOf(name(number)).map(({ id, version }) => [id, version]),
    [0, 1500, 2500].map((block) => view.cohortOf(name(number), block)?.version),
  ]),
  ids.map((id) => [view.versionsOf(id), view.cohort(id, 2), view.cohortAt(id, 2500)]),
];

const NUMBERS = 24;
/** Which service points there are, with which meters; members of one cohort's versions. */
const world = fc.record({
  points: fc.uniqueArray(
    fc.record({ number: fc.nat(NUMBERS - 1), meter: fc.nat(5), start: fc.nat(3) }),
    { selector: ({ number }) => number, maxLength: NUMBERS },
  ),
  versions: fc.array(fc.uniqueArray(fc.nat(NUMBERS - 1), { maxLength: 8 }), { maxLength: 3 }),
});
const cuts = fc.array(fc.nat(6), { maxLength: 12 });
const documentIn = ({ points, versions }: typeof world extends fc.Arbitrary<infer T> ? T : never) =>
  documentOf(
    points
      .toSorted((a, b) => a.number - b.number)
      // Of contracts at one meter each begins at a time of its own.
      .map(({ number, meter, start }) => pointOf(number, meter, 100 * start + number)),
    versions.map((members, index) => cohortOf("C", index + 1, members)),
  );

describe("a view in parts", () => {
  test("law: however it is cut, fetched or as one text, it is the view made whole", async () => {
    await fc.assert(
      fc.asyncProperty(world, cuts, async (given, some) => {
        const document = documentIn(given);
        const { epochs, source } = await show([document], some);
        const whole = answers(indexNetworkView(document), NUMBERS, ["C"]);
        const { view } = await fetchView(networkReader, source, must(epochs[0]));
        assert.deepEqual(answers(view, NUMBERS, ["C"]), whole);
        const text = await wholeView(source, "network", 0);
        await verifyView(must(epochs[0]), "network", text);
        assert.deepEqual(answers(parseNetworkView(text), NUMBERS, ["C"]), whole);
        const inOne = parseNetworkView(JSON.stringify(document));
        assert.deepEqual(answers(inOne, NUMBERS, ["C"]), whole, "lists in the head");
      }),
      { numRuns: 60 },
    );
  });

  test("law: one that shares with others, in any order, is as if it were alone", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(world, { minLength: 2, maxLength: 4 }),
        fc.array(fc.nat(3), { minLength: 2, maxLength: 6 }),
        cuts,
        async (worlds, order, some) => {
          const documents = worlds.map(documentIn);
          const { epochs, source } = await show(documents, some);
          let known: Awaited<ReturnType<typeof fetchView<NetworkView>>>[] = [];
          for (const chosen of order) {
            const epoch = chosen % documents.length;
            const fetched = await fetchView(networkReader, source, must(epochs[epoch]), known);
            const whole = indexNetworkView(must(documents[epoch]));
            assert.deepEqual(answers(fetched.view, NUMBERS, ["C"]), answers(whole, NUMBERS, ["C"]));
            known = [fetched, ...known].slice(0, 2);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a change of one entry asks for a leaf, a branch and the head; all else is the same object", async () => {
    const points = Array.from({ length: 2000 }, (_, number) => pointOf(number, number));
    const changed = points.with(700, { ...must(points[700]), contractEnd: 9 });
    const cohorts = [cohortOf("C", 1, [1, 2, 700])];
    const tens = Array<number>(199).fill(10);
    const { epochs, source, asked } = await show(
      [documentOf(points, cohorts), documentOf(changed, cohorts)],
      tens,
    );
    const first = await fetchView(networkReader, source, must(epochs[0]));
    assert.equal(new Set(asked).size, asked.length, "nothing is asked for twice");
    asked.length = 0;
    const second = await fetchView(networkReader, source, must(epochs[1]), [first]);
    assert.equal(asked.length, 2);
    const isSame = (number: number): boolean =>
      second.view.servicePoint(name(number)) === first.view.servicePoint(name(number));
    assert.deepEqual([699, 709, 710, 1999].map(isSame), [true, false, true, true]);
    assert.equal(second.view.servicePoint(name(700))?.contractEnd, 9);
    assert.equal(first.view.servicePoint(name(700))?.contractEnd, null, "the old view stays");
    assert.equal(second.view.cohortOf(name(700), 1000), first.view.cohortOf(name(700), 1000));
  });

  test("REGISTRY_INVALID: what the epoch does not name, and what is no view", async () => {
    const points = [1, 2, 3, 4].map((number) => pointOf(number, number));
    const document = documentOf(points, [cohortOf("C", 1, [1, 2])]);
    const { epochs, source } = await show([document, documentOf([], [])], [2, 1]);
    const epoch = must(epochs[0]);
    const rows: [string, Partial<RegistryTransport>][] = [
      ["another epoch's head", { head: () => source.head("network", 1) }],
      ["no part", { parts: () => Promise.resolve([]) }],
      ["a part too many", { parts: async (...ask) => [...(await source.parts(...ask)), "[]"] }],
      [
        "parts in another order",
        { parts: async (...ask) => (await source.parts(...ask)).toReversed() },
      ],
      [
        "a part with a space",
        { parts: async (...ask) => (await source.parts(...ask)).map((text) => `${text} `) },
      ],
    ];
    for (const [what, change] of rows) {
      const bent = { ...source, ...change };
      await assert.rejects(fetchView(networkReader, bent, epoch), invalid, what);
      if (change.head === undefined) await assert.rejects(wholeView(bent, "network", 0), invalid);
    }
    // An answer may be shorter than what was asked for.
    const one: RegistryTransport["parts"] = async (view, hashes) =>
      (await source.parts(view, hashes)).slice(0, 1);
    const fetched = await fetchView(networkReader, { ...source, parts: one }, epoch);
    assert.equal(fetched.view.document.servicePoints.length, 4);

    const text = await wholeView(source, "network", 0);
    const lines = text.split("\n");
    const texts: Record<string, string> = {
      "a line less": lines.slice(0, -1).join("\n"),
      "a line more": `${text}\n[]`,
      "no line but the head": must(lines[0]),
      "lines exchanged": [...lines.slice(0, -2), must(lines.at(-1)), must(lines.at(-2))].join("\n"),
      "a line changed": text.replaceAll('"amps":63', '"amps":64'),
      "another head": text.replace('"H0":4500', '"H0":4501'),
    };
    for (const [what, bent] of Object.entries(texts)) {
      await assert.rejects(verifyView(epoch, "network", bent), invalid, what);
    }
  });

  test("REGISTRY_INVALID: parts that are signed for and are not of this view", async () => {
    const { cohorts, servicePoints, ...head } = documentOf([pointOf(1, 1)], []);
    const leaf = await partOfText(JSON.stringify(servicePoints));
    const lists: Record<string, Record<string, Part[]>> = {
      "a list that no view has": { servicePoints: [leaf], cohorts: [], meters: [leaf] },
      "entries of another list": { servicePoints: [], cohorts: [leaf] },
      "no list": { servicePoints: [await partOfText("{}")], cohorts: [] },
      "no JSON": { servicePoints: [await partOfText("[")], cohorts: [] },
      "a list is missing": { servicePoints: [leaf] },
    };
    const rows: [string, Record<string, unknown>, Record<string, Part[]>][] = Object.entries(
      lists,
    ).map(([what, named]) => [what, head, named]);
    rows.push(["a list twice", { ...head, cohorts }, { servicePoints: [leaf], cohorts: [] }]);
    rows.push(["another kind", { ...head, kind: "x" }, { servicePoints: [leaf], cohorts: [] }]);
    for (const [what, document, named] of rows) {
      const view = await partedView(document, named);
      const { source, epoch } = await published(view.head, view.parts);
      await assert.rejects(fetchView(networkReader, source, epoch), invalid, what);
      await assert.rejects(fetchView(ucsReader, source, epoch), invalid, what);
      const text = [view.head, ...view.parts.map((part) => part.text())].join("\n");
      assert.throws(() => parseNetworkView(text), invalid, what);
    }
    for (const parts of [{ servicePoints: ["00"] }, { "a b": [] }, [], { servicePoints: {} }]) {
      const { source, epoch } = await published(JSON.stringify({ ...head, cohorts, parts }), []);
      await assert.rejects(fetchView(networkReader, source, epoch), invalid);
    }
    // What stands in a branch's place and is none.
    for (const text of ["{}", '["00"]', "["]) {
      const branch = await partOfText(text);
      const named = { ...head, cohorts, parts: { servicePoints: [branch.hash] } };
      const { source, epoch } = await published(JSON.stringify(named), [branch]);
      await assert.rejects(fetchView(networkReader, source, epoch), invalid);
    }
  });

  test("a head alone says all but its lists", async () => {
    const { source } = await show([documentOf([pointOf(1, 1)], [cohortOf("C", 1, [1])])]);
    const { document } = readViewHead(networkReader, await source.head("network", 0));
    assert.deepEqual(document, documentOf([], []));
  });
});

async function published(head: string, parts: readonly Part[]) {
  const hash = await hashOf(head);
  const texts = new Map(parts.map((part) => [part.hash, part.text()]));
  const source: RegistryTransport = {
    epochs: () => Promise.resolve([]),
    head: () => Promise.resolve(head),
    parts: (_name, hashes) => Promise.resolve(hashes.map((each) => texts.get(each) ?? "")),
  };
  const views = { network: hash, mdms: hash, ucs: hash, public: hash };
  return { source, epoch: { epoch: 0, previous: GENESIS_HASH, issuedAt: 0, views } };
}

test("law: a shared map is a map, and its versions do not touch each other", () => {
  const key = fc.string({ maxLength: 3 });
  const edit = fc.array(fc.tuple(key, fc.option(fc.nat(9), { nil: undefined })), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 5 }), fc.nat(300), (edits, entries) => {
      let map = SharedMap.empty<number>(entries);
      const versions = [{ map, model: new Map<string, number>() }];
      for (const changes of edits) {
        const changed = map.edit();
        const model = new Map(versions.at(-1)?.model);
        for (const [at, value] of changes) {
          if (value === undefined) {
            changed.delete(at);
            model.delete(at);
          } else {
            changed.set(at, value);
            model.set(at, value);
          }
          assert.equal(changed.get(at), model.get(at));
        }
        map = changed.done();
        versions.push({ map, model });
      }
      const keys = new Set(edits.flat().map(([at]) => at));
      for (const version of versions) {
        for (const at of keys) assert.equal(version.map.get(at), version.model.get(at));
      }
    }),
  );
});
