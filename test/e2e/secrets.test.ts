/**
 * What a copy of one party's folder gives away of households' readings, keys and passwords: nothing. A demonstration runs on readings
 * that are each their own; then they, and every secret of another party, are searched for in what the party stored and printed.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { derivePasswordKeys, type VaultItems } from "@smarter-metering/customer";
import { parseSecretKey } from "@smarter-metering/paillier";
import {
  decodeEnvelope,
  decodeFrame,
  fromBase64Url,
  openEnvelope,
  openFrame,
  parseEnrolmentCode,
  recipientSecret,
  toBase64Url,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import { openStore } from "@smarter-metering/runtime";
import { unwrapItem } from "../../packages/customer/src/wrapped-item.ts";
import { run, runAll, temporaryFolder, type Outcome } from "./command-line.ts";
import { exportWords, households } from "./deployment-output.ts";
import { writeHomes } from "./made-up-homes.ts";
import { meterEpochs } from "./meter-journal.ts";
import {
  filesOf,
  found,
  needlesOf,
  rowsOf,
  runNeedles,
  textNeedle,
  type Haystack,
  type Needle,
} from "../../cli/src/attack/secret-scan.ts";

const DAYS = 2;
const HOMES = 5;
const folder = temporaryFolder();
const dir = join(folder, "deployment");
const csv = join(folder, "homes.csv");
const truth = writeHomes(csv, HOMES, DAYS, 48_271);
const labels = [...truth.kilowatts.keys()];

/** kW with six decimals over a quarter of an hour: all of seven digits, in mWh. */
const readingsOf = (label: string): number[] =>
  (truth.kilowatts.get(label) ?? []).map((kilowatts) => Math.round(Number(kilowatts) * 250_000));

let output: Outcome;
/** `portal export`: the first customer's own, with the second one's password, and of a household without an account. */
let own: Outcome | undefined;
let others: readonly Outcome[] = [];
/** What may be read by whoever has a copy of these parties' folders. */
const copies = new Map<string, Haystack[]>();
const everything = async (party: string): Promise<Haystack[]> => [
  ...filesOf(join(dir, party)),
  ...(await rowsOf(join(dir, party))),
];

before(async () => {
  const source = ["--data", csv, "--unit", "kW", "--zone", "Europe/Zurich"];
  const terms = ["--unsafe-policy", "--min-contributors", "5", "--customers", "2"];
  output = await run("demo", "--dir", dir, ...source, ...terms, "--exit");
  assert.equal(output.code, 0, output.stderr);
  const [first = "", second = "", stranger = ""] = labels;
  const password = (label: string): string => households(dir)[label]?.password ?? "";
  [own, ...others] = await runAll([
    exportWords(dir, first, password(first)),
    exportWords(dir, first, password(second)),
    exportWords(dir, stranger, password(first)),
  ]);
  for (const parties of [["ucs"], ["mdms"], ["aggregator", "bus", "concentrator"]]) {
    copies.set(parties.join(" + "), (await Promise.all(parties.map(everything))).flat());
  }
  const printed = [output, ...others].map(({ stdout, stderr }) => Buffer.from(stdout + stderr));
  copies.set(
    "what the processes printed",
    printed.map((bytes) => ({ name: "output", bytes })),
  );
});
after(() => copies.clear());

/** Two readings, or four of their whole watt-hours, in a row do not stand anywhere by chance. */
function readingNeedles(): Needle[] {
  return labels.flatMap((label) => {
    const values = readingsOf(label);
    const wattHours = values.map((value) => Math.floor(value / 1000));
    const pairs = values.flatMap((value, index) =>
      index % 2 === 0 ? runNeedles(`readings of ${label}`, [value, values[index + 1] ?? 0]) : [],
    );
    const fours = values.flatMap((_, index) =>
      index % 4 === 0
        ? runNeedles(`watt-hours of ${label}`, wattHours.slice(index, index + 4))
        : [],
    );
    const kilowatts = (truth.kilowatts.get(label) ?? []).map((text) =>
      textNeedle(`kilowatts of ${label}`, text),
    );
    return [...pairs, ...fours, ...kilowatts];
  });
}

/** Of 960 values of 23 bits a few may stand in 120 MB by chance; a table of readings would show hundreds. */
const SINGLES_BY_CHANCE_MAX = 4;

/** Readings that stand alone, as u64 or float64. */
const singleNeedles = (): Needle[] =>
  [...new Set(labels.flatMap(readingsOf))].flatMap((value) =>
    runNeedles(`${value} alone`, [value]).filter(({ bytes }) => bytes.length >= 8),
  );

/** How many readings stand alone as decimals, in mWh or in kWh. */
function singleDecimals(haystacks: readonly Haystack[]): number {
  const values = new Set(labels.flatMap(readingsOf));
  const hits = new Set<number>();
  for (const { bytes } of haystacks) {
    const text = bytes.toString("latin1");
    for (const [digits] of text.matchAll(/(?<![\d.])(?:\d{7}|\d\.\d{6})(?![\d.])/g)) {
      const value = Number(digits.replace(".", ""));
      if (values.has(value)) hits.add(value);
    }
  }
  return hits.size;
}

test("no reading of anybody is in the folder of the UCS, of the MDMS, of the network's parties, or in what is printed", () => {
  const needles = [...readingNeedles(), ...singleNeedles()];
  for (const [party, haystacks] of copies) {
    const hits = found(needles, haystacks);
    const singles = hits.filter((hit) => hit.includes("alone"));
    assert.deepEqual(
      hits.filter((hit) => !singles.includes(hit)),
      [],
      party,
    );
    const alone = singles.length + singleDecimals(haystacks);
    assert(alone <= SINGLES_BY_CHANCE_MAX, `${party}: ${alone} readings stand alone`);
  }
});

test("the same search finds them where they are: in the customer's export and in arrays of numbers", () => {
  const [first = "", second = ""] = labels;
  const text = { name: "export", bytes: Buffer.from(own?.stdout ?? "") };
  assert.equal(singleDecimals([text]), new Set(readingsOf(first)).size);
  const source = [{ name: "csv", bytes: readFileSync(csv) }];
  assert.equal(found(readingNeedles(), source).length, HOMES);
  const day = readingsOf(second);
  const arrays = [
    Uint32Array.from(day),
    BigInt64Array.from(day.map(BigInt)),
    Float64Array.from(day),
    Uint32Array.from(day.map((value) => Math.floor(value / 1000))),
  ];
  const spread = Buffer.concat(
    day.flatMap((value) => [
      Buffer.from("row"),
      Buffer.from(BigInt64Array.of(BigInt(value)).buffer),
    ]),
  );
  const singles = found(singleNeedles(), [{ name: "rows", bytes: spread }]);
  assert.equal(singles.length, new Set(day).size);
  for (const array of arrays) {
    const bytes = Buffer.concat([Buffer.alloc(3), Buffer.from(array.buffer)]);
    assert.equal(found(readingNeedles(), [{ name: "array", bytes }]).length, 1);
  }
});

interface Secret {
  readonly name: string;
  /** The only party that may have it, if any of those searched. */
  readonly owner: string;
  readonly needles: readonly Needle[];
}

const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(dir, ...path), "utf8"));
const keysOf = (party: string): KeysFile => {
  const keys = json(party, "keys.json") as KeysFile;
  return party === "opener" ? { ...keys, encryption: openerKey() } : keys;
};

/** The one key of a demonstration's opener. */
function openerKey(): NonNullable<KeysFile["encryption"]> {
  const folder = join(dir, "opener", "encryption-keys");
  const [secret = ""] = readdirSync(folder).filter((name) => name.endsWith(".secret"));
  const pkcs8 = toBase64Url(readFileSync(join(folder, secret)));
  const { spki } = json("opener", "encryption-keys", secret.replace("secret", "json")) as {
    spki: string;
  };
  return { spki, pkcs8 };
}

interface KeysFile {
  readonly signingSeed: string;
  readonly encryption?: { readonly spki: string; readonly pkcs8: string };
}

/** The end of a PKCS #8 key holds its private numbers, its beginning the public ones. */
const privatePart = (pkcs8: Uint8Array): Uint8Array => pkcs8.slice(-600, -552);

function partySecrets(): Secret[] {
  const parties = ["registry", "concentrator", "opener", "aggregator", "trustee", "mdms", "ucs"];
  return parties.flatMap((owner) => {
    const { signingSeed, encryption } = keysOf(owner);
    const secret = (what: string, bytes: Uint8Array): Secret => {
      const name = `${owner}'s ${what}`;
      return { name, owner, needles: needlesOf(name, bytes) };
    };
    const seed = secret("signing seed", Buffer.from(signingSeed, "hex"));
    if (encryption === undefined) return [seed];
    return [seed, secret("RSA key", privatePart(fromBase64Url(encryption.pkcs8)))];
  });
}

async function otherSecrets(): Promise<Secret[]> {
  const secret = (name: string, owner: string, bytes: Uint8Array): Secret => {
    return { name, owner, needles: needlesOf(name, bytes) };
  };
  const text = (name: string, owner: string, value: string): Secret => {
    return { name, owner, needles: [textNeedle(name, value)] };
  };
  const epochs = await meterEpochs(join(dir, "meters"));
  assert.equal(epochs.length, HOMES);
  const { meters } = json("meters", "meters.json") as { meters: { signingSeed: string }[] };
  const { p, q } = json("trustee", "paillier-secret.json") as { p: string; q: string };
  const paillier = [p, q].flatMap((factor) => [
    secret("Paillier factor", "trustee", Buffer.from(factor, "hex").subarray(0, 48)),
    text("Paillier factor", "trustee", BigInt(`0x${factor}`).toString().slice(0, 60)),
  ]);
  const customers = Object.entries(households(dir)).flatMap(([label, access]) => [
    text(`enrolment code of ${label}`, "meters", access.enrolmentCode),
    text(`enrolment code of ${label}`, "meters", access.enrolmentCode.replaceAll("-", "")),
    secret(`enrolment code of ${label}`, "meters", parseEnrolmentCode(access.enrolmentCode)),
    ...(access.password === null
      ? []
      : [text(`password of ${label}`, "customer", access.password)]),
  ]);
  return [
    ...epochs.map(({ dataKey }) => secret("data key", "meters", dataKey)),
    ...meters.map(({ signingSeed }) =>
      secret("meter's signing seed", "meters", Buffer.from(signingSeed, "hex")),
    ),
    ...paillier,
    ...customers,
    ...(await vaultSecrets()).map(({ name, bytes }) => secret(name, "customer", bytes)),
  ];
}

/** The customers' own keys, from the vaults that the portal stores and the passwords that it does not know. */
async function vaultSecrets(): Promise<{ name: string; bytes: Uint8Array }[]> {
  const store = await openStore({
    place: { kind: "pglite", folder: join(dir, "ucs", "store") },
    schema: "ucs-party",
    migrations: [],
  });
  const accounts = await store.query<{
    login: string;
    salt: Uint8Array;
    iterations: number;
    items: VaultItems;
  }>("select login, salt, iterations, items from ucs_account");
  await store.close();
  assert.equal(accounts.length, 2);
  const opened = accounts.map(async ({ login, salt, iterations, items }) => {
    const access = Object.values(households(dir)).find((entry) => entry.login === login);
    const keys = await derivePasswordKeys(access?.password ?? "", { salt, iterations });
    const unwrap = (type: "master-by-password" | "private-key", key: Uint8Array) =>
      unwrapItem(login, type, items[type], key);
    const master = await unwrap("master-by-password", keys.wrappingKey);
    return [
      { name: `authentication key of ${login}`, bytes: keys.authenticationKey },
      { name: `wrapping key of ${login}`, bytes: keys.wrappingKey },
      { name: `master key of ${login}`, bytes: master },
      { name: `private key of ${login}`, bytes: privatePart(await unwrap("private-key", master)) },
    ];
  });
  return (await Promise.all(opened)).flat();
}

test("no secret of another party, meter or customer is in a folder or in what is printed", async () => {
  const secrets = [...partySecrets(), ...(await otherSecrets())];
  for (const [party, haystacks] of copies) {
    const foreign = secrets.filter(({ owner }) => !party.split(" + ").includes(owner));
    const needles = foreign.flatMap(({ needles }) => needles);
    assert.deepEqual(found(needles, haystacks), [], party);
  }
  // The search finds each of them at its owner's.
  for (const owner of ["meters", "trustee", "opener", "mdms", "ucs"]) {
    const own = secrets.filter((secret) => secret.owner === owner);
    const needles = own.flatMap(({ needles }) => needles);
    const names = new Set(
      found(needles, await everything(owner)).map((hit) => hit.split(" in ")[0]),
    );
    const missing = own.filter(({ name }) => !names.has(name));
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
    );
  }
});

/** Sealed things that lie in rows, as far as they decode. */
function decoded<T>(haystacks: readonly Haystack[], decode: (bytes: Uint8Array) => T): T[] {
  return haystacks.flatMap(({ name, bytes }) => {
    if (!name.startsWith("a bytea")) return [];
    try {
      return [decode(bytes)];
    } catch {
      return []; // Not one of these.
    }
  });
}

/** Everything of 32 bytes that lies in the folder and could be a symmetric key: bytes, hex, base64url. */
function possibleKeys(haystacks: readonly Haystack[]): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  const add = (key: Uint8Array): unknown => keys.set(Buffer.from(key).toString("hex"), key);
  for (const { name, bytes } of haystacks) {
    if (name.startsWith("a bytea") && bytes.length === 32) add(bytes);
    if (name.startsWith("store/")) continue; // Its rows are looked at instead.
    const text = bytes.toString("latin1");
    for (const [hex] of text.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g)) {
      add(Buffer.from(hex, "hex"));
    }
    for (const [base64] of text.matchAll(/(?<![\w-])[\w-]{43}(?![\w-])/g)) {
      add(Buffer.from(base64, "base64url"));
    }
  }
  return [...keys.values()];
}

const recipientOf = ({ encryption }: KeysFile): Promise<RecipientSecret> => {
  assert(encryption !== undefined);
  return recipientSecret(fromBase64Url(encryption.spki), fromBase64Url(encryption.pkcs8));
};

test("nothing that lies in a folder opens what lies there", async () => {
  const epochs = await meterEpochs(join(dir, "meters"));
  const ucs = copies.get("ucs") ?? [];
  const frames = decoded(ucs, decodeFrame);
  const envelopes = [
    ...decoded(ucs, decodeEnvelope),
    ...epochs.map(({ openerEnvelope }) => decodeEnvelope(openerEnvelope)),
  ];
  assert(frames.length >= HOMES * DAYS && envelopes.length >= HOMES + 2);

  for (const [party, haystacks] of copies) {
    const keys = possibleKeys(haystacks);
    for (const frame of frames) {
      for (const key of keys) await assert.rejects(openFrame(frame, key), party);
    }
    for (const { name, bytes } of haystacks) {
      if (name.endsWith(".json"))
        await assert.rejects(async () => parseSecretKey(JSON.parse(bytes.toString())));
    }
  }
  const mdms = await recipientOf(keysOf("mdms"));
  for (const envelope of envelopes) await assert.rejects(openEnvelope(envelope, mdms));

  // With the right key each of them opens.
  const opener = await recipientOf(keysOf("opener"));
  const opened = await Promise.allSettled(
    envelopes.map((envelope) => openEnvelope(envelope, opener)),
  );
  assert.equal(opened.filter(({ status }) => status === "fulfilled").length, HOMES);
  const keysKnown = possibleKeys(
    epochs.map(({ dataKey }) => ({ name: "a bytea", bytes: Buffer.from(dataKey) })),
  );
  assert.equal(keysKnown.length, HOMES);
  for (const frame of frames) {
    const tried = await Promise.allSettled(keysKnown.map((key) => openFrame(frame, key)));
    assert.equal(tried.filter(({ status }) => status === "fulfilled").length, 1);
  }
  await parseSecretKey(json("trustee", "paillier-secret.json"));
});

test("another customer's password is refused without a word of data", () => {
  const [wrong, stranger] = others;
  assert.deepEqual(wrong, {
    code: 3,
    stdout: "",
    stderr: "smarter-metering: CUSTOMER_UNLOCK_FAILED: the vault does not open with this\n",
  });
  assert.equal(stranger?.code, 3);
  assert.equal(stranger.stdout, "");
  assert.match(stranger.stderr, /^smarter-metering: ACCOUNT_MISSING: [^\n]+\n$/);
});
