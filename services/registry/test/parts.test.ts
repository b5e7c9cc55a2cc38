/** Views and state in parts (docs/protocol.md §9.1): what a change touches, what a crash leaves, what damage is found, and who gets what. */
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import {
  followRegistry,
  headOfText,
  networkReader,
  parseMdmsView,
  parseNetworkView,
  parsePublicView,
  parseUcsView,
  toHex,
  VIEW_NAMES,
  wholeView,
  type Part,
  type ViewName,
} from "@smarter-metering/protocol";
import * as fc from "fast-check";
import { httpRegistry } from "../../../cli/src/serve/registry-access.ts";
import { named } from "../../../test/support/world.ts";
import { loadState, saveState, type RegistryState } from "../src/index.ts";
import { StateFiles } from "../src/state-files.ts";
import { ViewMaker, type Views } from "../src/views.ts";
import {
  day,
  newFolder,
  newPoint,
  pointsOf,
  START,
  start,
  stateWith,
  strike,
  terms,
  TOKENS,
  world,
} from "./stage.ts";

after(strike);

type Point = RegistryState["servicePoints"][number];

/** Made up, without sealing a token. */
const pointOf = (index: number): Point => {
  const { meter, ...contract } = newPoint("north", index);
  const hex = (what: string, length: number): string => toHex(named(`${what} ${index}`, length));
  return {
    ...contract,
    network: hex("network", 16),
    mdms: hex("mdms", 16),
    mdmsToken: "AA",
    contractEnd: null,
    meters: [{ ...meter, from: 0, to: null }],
    enrolmentCode: hex("code", 16),
    statements: { mailbox: hex("mailbox", 16), key: hex("statements", 32) },
    recodes: 0,
  };
};
const empty = await stateWith([terms("north"), terms("south")], []);
const cohortOf = (version: number): RegistryState["cohorts"][number] => {
  const { id, zone, intervalSeconds, profile, exportLoad } = terms("north");
  const members = [toHex(named(`network ${version}`, 16))];
  const term = { zone, intervalSeconds, profile, exportLoad, loadValueBits: 14 };
  return { id, version, fromBlock: START + version, ...term, members };
};
const stateOf = (points: number, cohorts = 0): RegistryState => ({
  ...empty,
  servicePoints: Array.from({ length: points }, (_, index) => pointOf(index)),
  cohorts: Array.from({ length: cohorts }, (_, index) => cohortOf(index + 1)),
});

const signed = { openerKeys: undefined, prices: ["price one", "price two"] };
const textOf = ({ head, parts }: Views[ViewName]): string =>
  [head, ...parts.map((part) => part.text())].join("\n");
const hashesOf = ({ head, parts }: Views[ViewName]): string[] => [
  head,
  ...parts.map(({ hash }) => hash),
];
const ascending = (names: readonly string[]): string[] => names.toSorted();

/** The state after a change: service points at these places end, and so many are new; or the neighbourhood's profile rises. */
interface Change {
  readonly ends: readonly number[];
  readonly added: number;
  readonly raised: boolean;
}
const changed = (state: RegistryState, { ends, added, raised }: Change): RegistryState => {
  const { length } = state.servicePoints;
  const places = new Set(ends.map((place) => place % Math.max(1, length)));
  const kept = state.servicePoints.map((point, place) =>
    places.has(place) ? { ...point, contractEnd: day(10 + place) } : point,
  );
  const more = Array.from({ length: added }, (_, index) => pointOf(length + index));
  const neighbourhoods = raised
    ? state.neighbourhoods.map((home) => ({ ...home, profile: "meter-encrypts" as const }))
    : state.neighbourhoods;
  return { ...state, neighbourhoods, servicePoints: [...kept, ...more] };
};

describe("views in parts", () => {
  test("law: of any state they are the views made whole, in the order of their names", async () => {
    const maker = new ViewMaker();
    await fc.assert(
      fc.asyncProperty(fc.nat(200), fc.nat(20), async (points, cohorts) => {
        const state = stateOf(points, cohorts);
        const views = await maker.viewsOf(state, signed);
        const network = parseNetworkView(textOf(views.network)).document;
        const mdms = parseMdmsView(textOf(views.mdms));
        const ucs = parseUcsView(textOf(views.ucs));
        const everybodys = parsePublicView(textOf(views.public));
        const byNetwork = new Map(state.servicePoints.map((point) => [point.network, point]));
        const byMdms = new Map(state.servicePoints.map((point) => [point.mdms, point]));
        const names = ascending([...byNetwork.keys()]);
        assert.deepEqual(
          network.servicePoints.map((point) => [point.network, point.meters, point.mdmsToken]),
          names.map((name) => [name, byNetwork.get(name)?.meters, "AA"]),
        );
        assert.deepEqual(
          ucs.servicePoints.map(({ network: name }) => name),
          names,
        );
        assert.deepEqual(
          mdms.servicePoints.map(({ servicePoint, statements }) => [servicePoint, statements]),
          ascending([...byMdms.keys()]).map((name) => [name, byMdms.get(name)?.statements]),
        );
        assert.deepEqual(network.cohorts, state.cohorts);
        const counted = state.cohorts.map(({ version }) => [version, 1]);
        for (const view of [mdms, everybodys]) {
          assert.deepEqual(
            view.cohorts.map(({ version, members }) => [version, members]),
            counted,
          );
        }
        for (const view of [network, mdms, everybodys])
          assert.deepEqual(view.prices, signed.prices);
      }),
      { numRuns: 25 },
    );
  });

  test("law: made after others, they are as if they were the first", async () => {
    const change = fc.record({
      ends: fc.array(fc.nat(), { maxLength: 3 }),
      added: fc.nat(60),
      raised: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 4 }), async (changes) => {
        const maker = new ViewMaker();
        let state = stateOf(20, 3);
        for (const each of changes) {
          // One that is not published, as where a disk is full, and another in its place.
          const lost = { ...pointOf(5000), label: "lost" };
          const servicePoints = [...state.servicePoints, lost];
          await maker.viewsOf({ ...state, servicePoints }, signed);
          state = changed(state, each);
          const views = await maker.viewsOf(state, signed);
          const alone = await new ViewMaker().viewsOf(state, signed);
          for (const name of VIEW_NAMES) {
            assert.deepEqual(hashesOf(views[name]), hashesOf(alone[name]), name);
            assert.equal(textOf(views[name]), textOf(alone[name]), name);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  test("a change of one service point among 4,000 changes a leaf, a branch and the head where it shows", async () => {
    const maker = new ViewMaker();
    const before = stateOf(4_000);
    const [point] = before.servicePoints;
    assert(point !== undefined);
    const other = (change: Partial<Point>): RegistryState => ({
      ...before,
      servicePoints: before.servicePoints.with(0, { ...point, ...change }),
    });
    const first = await maker.viewsOf(before, signed);
    const known = new Set(VIEW_NAMES.flatMap((name) => hashesOf(first[name])));
    const fresh = (parts: readonly Part[]): Part[] => parts.filter(({ hash }) => !known.has(hash));
    const meter = { meterId: "ee".repeat(16), signingKey: "ff".repeat(32), from: 1, to: null };
    const rows: [string, RegistryState, Record<ViewName, number>][] = [
      ["its end", other({ contractEnd: day(9) }), { network: 2, mdms: 2, ucs: 2, public: 0 }],
      ["its meter", other({ meters: [meter] }), { network: 2, mdms: 0, ucs: 2, public: 0 }],
      ["its code", other({ enrolmentCode: null }), { network: 0, mdms: 0, ucs: 0, public: 0 }],
      ["nothing", before, { network: 0, mdms: 0, ucs: 0, public: 0 }],
    ];
    for (const [what, state, parts] of rows) {
      const views = await maker.viewsOf(state, signed);
      for (const name of VIEW_NAMES) {
        const news = fresh(views[name].parts);
        assert.equal(news.length, parts[name], `${what}: ${name}`);
        assert.equal(views[name].head === first[name].head, news.length === 0);
        const characters = news.reduce((sum, part) => sum + part.text().length, 0);
        assert(characters + views[name].head.length < 60_000, "a hundredth of the view");
      }
    }
  });

  test("parts go to the parties of their view alone, some at a time", async () => {
    const { registry } = await start(await stateWith([terms("north")], pointsOf("north", 6)));
    const ask = async (
      name: string,
      hashes: unknown,
      token?: string,
    ): Promise<{ status: number; body: string }> => {
      const response = await registry.app.request(`/v1/views/${name}/parts`, {
        method: "POST",
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        body: JSON.stringify({ hashes }),
      });
      return { status: response.status, body: await response.text() };
    };
    const branchOf = async (name: ViewName): Promise<string> => {
      const head = await registry.transport().head(name, 0);
      const { parts } = JSON.parse(head) as { parts: Record<string, string[]> };
      return parts.servicePoints?.[0] ?? parts.cohorts?.[0] ?? "";
    };
    const { aggregator, mdms } = TOKENS.parties;
    const branch = await branchOf("network");
    const { status, body } = await ask("network", [branch], aggregator);
    assert.equal(status, 200);
    const [leaf = ""] = JSON.parse(body) as string[];
    const both = await ask("network", [leaf, branch], aggregator);
    assert.deepEqual(both.body.split("\n")[1], body);
    const inMdms = await branchOf("mdms");
    const rows: [string, unknown, string | undefined, number][] = [
      ["network", [branch], undefined, 401],
      ["network", [branch], mdms, 401],
      ["network", [branch], TOKENS.admin, 401],
      ["mdms", [branch], aggregator, 401],
      ["mdms", [inMdms], mdms, 200],
      // Who knows a hash of another view gets nothing by it.
      ["mdms", [branch], mdms, 404],
      ["mdms", [inMdms, branch], mdms, 404],
      ["public", [branch], undefined, 404],
      ["public", [leaf], undefined, 404],
      ["public", [await branchOf("public")], undefined, 200],
      ["secrets", [branch], aggregator, 404],
      ["network", [], aggregator, 400],
      ["network", Array<string>(257).fill(branch), aggregator, 400],
      ["network", [branch.toUpperCase()], aggregator, 400],
      ["network", ["../state"], aggregator, 400],
      ["network", branch, aggregator, 400],
    ];
    for (const [name, hashes, token, expected] of rows) {
      const answer = await ask(name, hashes, token);
      assert.equal(answer.status, expected, `${name} ${String(hashes)} ${token}`);
      assert(expected === 200 || !answer.body.includes(leaf));
    }
    await registry.close();
  });
});

test("followed over HTTP, as the roles do it: a new epoch, and an old one", async () => {
  const { registry } = await start(await stateWith([terms("north")], pointsOf("north", 40)));
  const fetch = async (url: URL | string, init?: RequestInit): Promise<Response> =>
    registry.app.request(new URL(url).pathname, init);
  const transport = httpRegistry("https://registry.invalid", TOKENS.parties.aggregator, fetch);
  const pins = { load: () => Promise.resolve(undefined), save: () => Promise.resolve() };
  const options = { rootKey: world.root.publicKey, reader: networkReader, transport, pins };
  const feed = await followRegistry(options);
  const before = feed.current().view;
  await registry.admit({ servicePoints: pointsOf("north", 3, 40) });
  assert.equal(await feed.refresh(), true);
  assert.equal(feed.current().view.document.servicePoints.length, 43);
  const old = await feed.at(0);
  assert.equal(old?.view, before, "held, not fetched again");
  assert.equal(await feed.at(2), undefined);
  await registry.close();
});

/** A registry of some hundred service points with three epochs, closed. */
async function threeEpochs(): Promise<string> {
  const state = stateOf(600, 40);
  const { registry, folder } = await start(state);
  await registry.moveOut({ label: state.servicePoints[300]?.label ?? "", contractEnd: day(20) });
  await registry.moveOut({ label: state.servicePoints[5]?.label ?? "", contractEnd: day(20) });
  await registry.close();
  return folder;
}

async function copyOf(folder: string): Promise<string> {
  const copy = newFolder();
  await cp(folder, copy, { recursive: true });
  return copy;
}

describe("state in parts", () => {
  test("law: what is saved is loaded, whatever was saved before; what is gone is gone from the disk", async () => {
    const change = fc.record({
      ends: fc.array(fc.nat(), { maxLength: 3 }),
      added: fc.nat(300),
      raised: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 3 }), fc.nat(40), async (changes, cohorts) => {
        const folder = newFolder();
        const files = new StateFiles(folder);
        let state = stateOf(3, cohorts);
        for (const each of changes) {
          state = changed(state, each);
          await files.save(state);
          assert(isDeepStrictEqual(await loadState(folder), state));
        }
        const parts = await readdir(join(folder, "state-parts")).catch(() => []);
        const again = new StateFiles(folder);
        if (changes.length > 0) {
          await again.load();
          await again.sweep();
          assert.deepEqual(
            await readdir(join(folder, "state-parts")),
            parts,
            "nothing is left over",
          );
        }
      }),
      { numRuns: 10 },
    );
  });

  test("a crash at any write of a change leaves the state before or after, and nothing else", async () => {
    const folder = newFolder();
    const before = stateOf(600, 40);
    const after = changed(before, { ends: [1, 400], added: 10, raised: true });
    await saveState(folder, before);
    const old = await copyOf(folder);
    const files = new StateFiles(folder);
    await files.load();
    await files.save(after);
    const partsIn = (from: string): Promise<string[]> => readdir(join(from, "state-parts"));
    const [oldParts, newParts] = [await partsIn(old), await partsIn(folder)];
    const fresh = newParts.filter((name) => !oldParts.includes(name));
    const gone = oldParts.filter((name) => !newParts.includes(name));
    assert.deepEqual([fresh.length, gone.length], [4, 4]);
    const check = async (copy: string, expected: RegistryState, what: string): Promise<void> => {
      const found = new StateFiles(copy);
      assert(isDeepStrictEqual(await found.load(), expected), what);
      await found.sweep();
      await found.save(after);
      assert.deepEqual((await partsIn(copy)).toSorted(), newParts.toSorted(), what);
      assert(isDeepStrictEqual(await loadState(copy), after), what);
    };
    for (let written = 0; written <= fresh.length; written++) {
      const copy = await copyOf(old);
      for (const [index, name] of fresh.slice(0, written).entries()) {
        const bytes = await readFile(join(folder, "state-parts", name));
        // The last one is torn.
        const whole = index < written - 1;
        const torn = bytes.subarray(0, whole ? bytes.length : bytes.length / 2);
        await writeFile(join(copy, "state-parts", name), torn);
      }
      await check(copy, before, `${written} parts written`);
    }
    for (let removed = 0; removed <= gone.length; removed++) {
      const copy = await copyOf(folder);
      for (const name of gone.slice(removed)) {
        await cp(join(old, "state-parts", name), join(copy, "state-parts", name));
      }
      await check(copy, after, `${removed} parts removed`);
    }
  });

  test("REGISTRY_DAMAGED names the part of state or view that is missing, changed, or too much", async () => {
    const original = await threeEpochs();
    const [part = ""] = await readdir(join(original, "state-parts"));
    const inParts = (copy: string): string => join(copy, "state-parts", part);
    const view = (copy: string, epoch: number): string =>
      join(copy, "views", `00000${epoch}.network.json`);
    const edit = async (path: string, change: (text: string) => string): Promise<void> =>
      writeFile(path, change(await readFile(path, "utf8")));
    const rows: [string, RegExp, (copy: string) => Promise<void>][] = [
      ["part missing", new RegExp(part), (copy) => rm(inParts(copy))],
      ["part empty", new RegExp(part), (copy) => writeFile(inParts(copy), "")],
      ["part changed", new RegExp(part), (copy) => edit(inParts(copy), (text) => `${text} `)],
      [
        "a leaf changed",
        /part [0-9a-f]{64} is missing or was changed: one of view network of epoch 0/,
        (copy) => edit(view(copy, 0), (text) => text.replace('"amps":63', '"amps":64')),
      ],
      [
        "a line lost",
        /part [0-9a-f]{64} is missing or was changed: one of view network of epoch 1/,
        (copy) => edit(view(copy, 1), (text) => text.split("\n").slice(0, -1).join("\n")),
      ],
      [
        "a line more",
        /a part stands there that nothing names: one of view network of epoch 2/,
        (copy) => edit(view(copy, 2), (text) => `${text}\n[]`),
      ],
      [
        "another head",
        /head was changed: that of view network of epoch 2/,
        async (copy) => {
          const head = headOfText(await readFile(view(copy, 1), "utf8"));
          await edit(view(copy, 2), (text) => text.replace(headOfText(text), head));
        },
      ],
      ["a file less", /000002\.network\.json cannot be read/, (copy) => rm(view(copy, 2))],
    ];
    for (const [name, message, damage] of rows) {
      const copy = await copyOf(original);
      await damage(copy);
      await assert.rejects(start(undefined, copy), { code: "REGISTRY_DAMAGED", message }, name);
    }
    const whole = await start(undefined, original);
    assert.equal(whole.registry.status().epoch, 2);
    await whole.registry.close();
  });

  test("a crash at any write of an epoch: it is made again, byte for byte", async () => {
    const original = await threeEpochs();
    const newest = VIEW_NAMES.map((name) => join("views", `000002.${name}.json`));
    const files = [...newest, join("epochs", "000002.jws")];
    const bytes = await Promise.all(files.map((file) => readFile(join(original, file))));
    for (let written = 0; written < files.length; written++) {
      const copy = await copyOf(original);
      for (const file of files.slice(written)) await rm(join(copy, file));
      const { registry } = await start(undefined, copy);
      const again = await Promise.all(files.map((file) => readFile(join(copy, file))));
      assert.deepEqual(again, bytes, `${written} files written`);
      await registry.admit({ servicePoints: [newPoint("north", 7000)] });
      await wholeView(registry.transport(), "network", 3);
      await registry.close();
    }
  });

  test("a folder from before there were parts is read, and goes on in parts", async () => {
    const folder = newFolder();
    const { registry } = await start(stateOf(40, 3), folder);
    await registry.close();
    const state = await loadState(folder);
    await rm(join(folder, "state-parts"), { recursive: true });
    await writeFile(join(folder, "state.json"), JSON.stringify(state));
    const again = await start(undefined, folder);
    await again.registry.admit({ servicePoints: [newPoint("north", 7000)] });
    await again.registry.close();
    const { servicePoints } = await loadState(folder);
    assert.deepEqual(servicePoints.slice(0, 40), state.servicePoints);
    assert.equal(servicePoints.length, 41);
  });
});
