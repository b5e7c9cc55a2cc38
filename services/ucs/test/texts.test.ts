/**
 * The portal's words (services/ucs/web/src/texts): every code that may reach a customer has a sentence in both languages, and the languages
 * have the same shape.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { LINKS } from "@smarter-metering/customer";
import { en } from "../web/src/texts/en.ts";
import { fr } from "../web/src/texts/fr.ts";

const source = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8");

/** Codes as they stand in a source: types leave no trace at run time. */
const codesIn = (path: string, pattern: RegExp): string[] => [
  ...new Set([...source(path).matchAll(pattern)].map(([, code = ""]) => code)),
];

const LANGUAGES = { en, fr } as const;

/** Every text with its path; a function is called with its own parameters' places. */
function textsOf(value: unknown, path = ""): [path: string, text: string, arity: number][] {
  if (typeof value === "string") return [[path, value, -1]];
  if (typeof value === "function") {
    const say = value as (...given: string[]) => string;
    const given = Array.from({ length: say.length }, (_, place) => `«${place}»`);
    return [[path, say(...given), say.length]];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => textsOf(part, `${path}/${key}`));
}

for (const [language, { codes }] of Object.entries(LANGUAGES)) {
  test(`${language}: every code of the customer's package, the portal and the device has words`, () => {
    const expected = [
      ...codesIn("packages/customer/src/error.ts", /\| "(CUSTOMER_[A-Z_]+)"/g),
      ...codesIn("services/ucs/src/error.ts", /^ {2}(UCS_[A-Z_]+): \[/gm),
      ...codesIn("services/ucs/web/src/device/error.ts", /\| "([A-Z_]+)"/g),
      "ENROLMENT_CODE_INVALID",
      "REQUEST_INVALID",
    ].filter((code) => !OPERATORS_ONLY.has(code));
    assert(expected.length > 40, `only ${expected.length} codes were found in the sources`);
    const missing = expected.filter((code) => (codes.problems[code] ?? "") === "");
    assert.deepEqual(missing, []);
  });

  test(`${language}: every broken link and every kind of link has words`, () => {
    const broken = codesIn("packages/customer/src/link.ts", /^ {2}([A-Z_]+): \[/gm);
    assert(broken.length > 45, `only ${broken.length} codes were found in the sources`);
    const findings: Readonly<Record<string, string>> = codes.findings;
    assert.deepEqual(
      broken.filter((code) => (findings[code] ?? "") === ""),
      [],
    );
    assert.deepEqual(
      LINKS.filter((link) => codes.links[link] === ""),
      [],
    );
  });
}

test("every event of a household, and everything that remains of an account, has words", () => {
  const [, events = ""] =
    /HOUSEHOLD_EVENTS = \[([^\]]*)\]/.exec(source("services/ucs/src/audit.ts")) ?? [];
  const named = [...events.matchAll(/"([a-z-]+)"/g)].map(([, event = ""]) => event);
  const remaining = codesIn("services/ucs/src/deletion.ts", /what: "([a-z-]+)"/g);
  assert(named.length > 5 && remaining.length > 5, "the sources have changed their form");
  for (const { household, settings } of Object.values(LANGUAGES)) {
    assert.deepEqual(
      named.filter((event) => household.eventTexts[event] === undefined),
      [],
    );
    assert.deepEqual(
      remaining.filter((what) => settings.facts[what] === undefined),
      [],
    );
  }
});

/** Answers to the operator's own routes: no customer's page asks for them. */
const OPERATORS_ONLY = new Set([
  "UCS_OPERATOR_TOKEN",
  "UCS_SERVICE_POINT_UNKNOWN",
  "UCS_CONTRACT_RUNNING",
]);

test("both languages have the same texts, with the same things in them", () => {
  const [english, french] = [textsOf(en), textsOf(fr)];
  assert.deepEqual(
    french.map(([path, , arity]) => [path, arity]),
    english.map(([path, , arity]) => [path, arity]),
  );
  for (const [path, text, arity] of [...english, ...french]) {
    assert.notEqual(text.trim(), "", path);
    for (let place = 0; place < arity; place++) {
      assert(text.includes(`«${place}»`), `${path} leaves out what it is told: ${text}`);
    }
  }
});

test("French is written with its own signs", () => {
  for (const [path, text] of textsOf(fr)) {
    assert(!text.includes("'"), `${path}: an apostrophe is ’`);
    assert(!/[^\s\u00a0\u202f«][;:!?](\s|$)/.test(text), `${path}: a space before ; : ! ?`);
    assert(!/ [:;?!»]|« /.test(text), `${path}: that space does not break`);
    assert(!/(?<!\p{L})(tu|ton|ta|tes|toi)(?!\p{L})/iu.test(text), `${path}: vouvoiement`);
  }
});
