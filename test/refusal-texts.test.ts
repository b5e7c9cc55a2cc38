/** No code that operators see without clear words, and no words for a code that nobody gives. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { refusalText, refusalTexts } from "@smarter-metering/policy";

const root = new URL("..", import.meta.url).pathname;
/** Whose codes come into ledger, alarms or answers of the MDMS. */
const GIVERS = [
  "packages/policy/src",
  "services/pes/trustee/src",
  "services/pes/aggregator/src",
  "services/mdms/src",
  "services/registry/src",
];
/** Which may also give codes of rules on prices and zones, as they came. */
const SOURCES = [...GIVERS, "packages/tariff/src"];
const CODE = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;

/** What looks like a refusal and is none that an operator of the MDMS sees. */
const OTHERS: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^LOAD_EXPORT$/, "a stream"],
  [/^POLICY_(MALFORMED|BELOW_FLOOR)$/, "of a policy file, on the command line"],
  [
    /^(TRUSTEE|LOG|REGISTRY_DAMAGED|STORE|JOURNAL|GROUP)/,
    "a process that does not go on: in its log",
  ],
  [/^(PAILLIER|PROTOCOL)_/, "of a library: the party that calls it gives a code of its own"],
  [/^(SET|REQUEST)_UNKNOWN$/, "404 of the aggregator's own API, which the MDMS does not reach"],
  [/^AGGREGATOR_NOT_LEADING$/, "409 of the same API: another aggregator is to be asked"],
  [/^PEER_REFUSED$/, "stands in where a peer's refusal has no code"],
  [/^TARIFF_NOT_SIGNED$/, "a fault of a preview, which comes with its message"],
];

function codesIn(folders: readonly string[]): Set<string> {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => join(root, folder, path)),
  );
  const texts = files.map((path) => readFileSync(path, "utf8"));
  return new Set(texts.flatMap((text) => [...text.matchAll(CODE)].map(([, code = ""]) => code)));
}

test("every code that a party gives has its words, and all words are of some code", () => {
  const given = [...codesIn(GIVERS)].filter((code) => !OTHERS.some(([other]) => other.test(code)));
  assert(given.length > 80, `${given.length} codes: the pattern finds them`);
  assert.deepEqual(
    given.filter((code) => refusalText(code) === undefined),
    [],
  );
  // 'NO_CONTRIBUTIONS' stands in SQL, MDMS error codes also as keys.
  const sources = SOURCES.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.startsWith("refusals"))
      .map((path) => readFileSync(join(root, folder, path), "utf8")),
  ).join("\n");
  const unused = Object.keys(refusalTexts).filter(
    (code) => !new RegExp(`["']${code}["']`).test(sources),
  );
  assert.deepEqual(unused, []);
  assert.equal(refusalText("toString"), undefined);
  assert.equal(refusalText("R99_UNHEARD"), undefined);
});

test("words are sentences, short enough for a phone, and name no file or person", () => {
  for (const [code, { what, why, todo }] of Object.entries(refusalTexts)) {
    for (const text of [what, why, todo]) {
      assert.match(text, /^[A-Z].*\.$/, code);
      assert(text.length <= 110, `${code}: ${text.length} characters: ${text}`);
    }
    assert.notEqual(what, why, code);
  }
});
