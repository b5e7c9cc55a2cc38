/**
 * What is done to a party's folder: backup and restore (what is in it, what never is, a restore is whole or nothing), and new bearer tokens
 * (stopped after every step and run again, each party has one, and no old one is left).
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { lockFolder } from "@smarter-metering/runtime";
import { listBelow } from "../src/backup/copy-files.ts";
import { makeBackup } from "../src/backup/make-backup.ts";
import { restoreBackup } from "../src/backup/restore-backup.ts";
import { layoutOf, type Layout, type PartyFolder } from "../src/deployment/layout.ts";
import { rotateTokens, type TokenFiles } from "../src/deployment/rotate-tokens.ts";

let root: string;
let layout: Layout;
let backups = 0;

before(() => {
  root = mkdtempSync(join(tmpdir(), "backup-"));
  layout = layoutOf(join(root, "deployment"));
});
after(() => rmSync(root, { recursive: true, force: true }));

function write(party: PartyFolder, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(layout.folder(party), name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
  }
}

const PEER = {
  registryUrl: "http://127.0.0.1:1",
  registryRootKey: "00".repeat(32),
  registryPinFile: "registry-pin.json",
  busUrl: "http://127.0.0.1:2",
  tokenFile: "token",
  keysFile: "keys.json",
  listen: { port: 3 },
};
const SECRETS = { "keys.json": "keys", token: "token" };

const newFolder = (): string => join(root, `backup-${(backups += 1)}`);
const backupOf = async (party: PartyFolder): Promise<string> => {
  const to = newFolder();
  await makeBackup(layout, party, to, 0);
  return to;
};
/** Into a deployment of its own. */
const restored = async (from: string): Promise<Layout> => {
  const fresh = layoutOf(newFolder());
  await restoreBackup(from, fresh);
  return fresh;
};

describe("what must never be restored is not in a backup, and is named", () => {
  const cases: readonly (readonly [PartyFolder, object, Record<string, string>, string[]])[] = [
    [
      "trustee",
      {
        role: "trustee",
        ...PEER,
        paillierKeyFile: "paillier-secret.json",
        ledgerFolder: "ledger",
        policyId: "p",
      },
      {
        "paillier-secret.json": "secret",
        "ledger-initialised": "",
        "ledger/releases.journal": "j",
        "ledger/head.json": "h",
        "ledger/log.state": "s",
        "ledger/policies.json": "p",
      },
      ["ledger-initialised", "paillier-secret.json"],
    ],
    [
      "opener",
      { role: "opener", ...PEER, keyFolder: "encryption-keys" },
      { "encryption-keys/0a.pkcs8": "private", "encryption-keys/0a.json": "public" },
      [],
    ],
    [
      "aggregator",
      { role: "aggregator", ...PEER, store: { folder: "store" } },
      { "log.head": "head", "store/database/PG_VERSION": "18" },
      ["store/database/PG_VERSION"],
    ],
    [
      "ucs",
      { role: "ucs", ...PEER, store: { folder: "store" } },
      {
        "operator-token": "of this run",
        "store/lock.999999.1.0123456789abcdef": "",
        ".keys.json.0123456789ab": "half",
      },
      [],
    ],
  ];
  for (const [party, config, files, kept] of cases) {
    test(party, async () => {
      write(party, { ...SECRETS, "config.json": JSON.stringify(config), ...files });
      const fresh = await restored(await backupOf(party));
      const found = (await listBelow(fresh.folder(party))).files;
      assert.deepEqual(found, ["config.json", "keys.json", "token", ...kept].toSorted());
    });
  }

  test("the newest of it is asked for", async () => {
    const made = await makeBackup(layout, "trustee", newFolder(), 0);
    assert.deepEqual(
      made.leftOut.map(({ path }) => path),
      ["ledger/releases.journal", "ledger/head.json", "ledger/log.state", "ledger/policies.json"],
    );
    assert.match(made.leftOut[0]?.instead ?? "", /put the newest back before you start it/);
  });
});

describe("a restore is whole, or nothing", () => {
  let from: string;
  before(async () => {
    write("registry", { "config.json": "{}", "epochs/000000.jws": "epoch", "state.json": "state" });
    write("registry", {
      "config.json": JSON.stringify({
        role: "registry",
        folder: ".",
        keysFile: "keys.json",
        tokensFile: "tokens.json",
        listen: { port: 1 },
      }),
      "keys.json": "k",
      "tokens.json": "t",
    });
    chmodSync(join(layout.folder("registry"), "epochs/000000.jws"), 0o644);
    from = await backupOf("registry");
  });
  const fresh = (): Layout => layoutOf(newFolder());

  test("with the permissions that it had, closed to others", async () => {
    const to = await restored(from);
    assert.equal(statSync(to.folder("registry")).mode & 0o777, 0o700);
    assert.equal(statSync(join(to.folder("registry"), "epochs/000000.jws")).mode & 0o777, 0o644);
    assert.equal(statSync(to.keys("registry")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(to.root), ["registry"]);
  });
  test("never over what is there", async () => {
    await assert.rejects(restoreBackup(from, layout), { code: "FOLDER_EXISTS" });
    await assert.rejects(makeBackup(layout, "registry", from, 0), { code: "FOLDER_EXISTS" });
  });
  test("not of a party that works", async () => {
    const lock = lockFolder(layout.folder("registry"));
    await assert.rejects(backupOf("registry"), { code: "STORE_LOCKED" });
    lock.release();
  });
  test("not of a party that is not here", async () => {
    await assert.rejects(backupOf("bus"), { code: "PARTY_MISSING" });
  });

  const manifestPath = (): string => join(from, "backup.json");
  const damages: readonly (readonly [string, () => void])[] = [
    ["a changed file", () => writeFileSync(join(from, "files/state.json"), "other")],
    ["a missing file", () => rmSync(join(from, "files/state.json"))],
    [
      "a manifest that is cut",
      () => writeFileSync(manifestPath(), readFileSync(manifestPath(), "utf8").slice(0, -9)),
    ],
    [
      "a manifest that leads out of the backup",
      () =>
        writeFileSync(
          manifestPath(),
          readFileSync(manifestPath(), "utf8").replace(
            "files/state.json",
            "files/../../state.json",
          ),
        ),
    ],
    [
      "a manifest of no party",
      () =>
        writeFileSync(
          manifestPath(),
          readFileSync(manifestPath(), "utf8").replace('"registry"', '"../registry"'),
        ),
    ],
  ];
  for (const [what, damage] of damages) {
    test(`not from ${what}`, async () => {
      from = await backupOf("registry");
      damage();
      const to = fresh();
      await assert.rejects(restoreBackup(from, to), { code: "BACKUP_DAMAGED" });
      assert(!existsSync(to.root), "nothing was written");
    });
  }
  test("not from a backup that was not finished", async () => {
    from = await backupOf("registry");
    rmSync(manifestPath());
    await assert.rejects(restoreBackup(from, fresh()), { code: "BACKUP_MISSING" });
  });
});

describe("new bearer tokens", () => {
  const PARTIES = ["mdms", "trustee-1"] as const;
  const OLD = { mdms: "old-mdms", "trustee-1": "old-trustee-1" };

  let layout: Layout;

  const secret = (path: string, text: string): void => writeFileSync(path, text, { mode: 0o600 });
  const readJson = (path: string): Record<string, unknown> =>
    JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;

  beforeEach(() => {
    layout = layoutOf(mkdtempSync(join(tmpdir(), "tokens-")));
    for (const folder of ["registry", "bus", ...PARTIES] as const) {
      mkdirSync(layout.folder(folder), { mode: 0o700 });
    }
    const registry = {
      role: "registry",
      folder: ".",
      keysFile: "keys.json",
      tokensFile: "tokens.json",
    };
    writeFileSync(layout.config("registry"), JSON.stringify({ ...registry, listen: { port: 1 } }));
    const bus = { role: "bus", store: { folder: "store" }, tokensFile: "tokens.json" };
    writeFileSync(layout.config("bus"), JSON.stringify({ ...bus, listen: { port: 2 } }));
    secret(layout.keys("registry"), "{}");
    secret(tokensOf("registry"), JSON.stringify({ admin: "administrator", parties: OLD }));
    secret(tokensOf("bus"), JSON.stringify(OLD));
    for (const party of PARTIES) secret(layout.token(party), OLD[party]);
  });
  afterEach(() => rmSync(layout.root, { recursive: true, force: true }));

  const tokensOf = (role: "registry" | "bus"): string => join(layout.folder(role), "tokens.json");

  /** Real files, until the step with that number, which does not happen. */
  function stoppedAt(limit: number): TokenFiles & { readonly steps: number } {
    let steps = 0;
    const step = async (work: () => void): Promise<void> => {
      if (steps === limit) throw new Error("the power went");
      steps += 1;
      work();
    };
    return {
      get steps() {
        return steps;
      },
      write: (path, text) => step(() => secret(path, text)),
      move: (from, to) => step(() => renameSync(from, to)),
    };
  }

  function checkRotated(): void {
    const registry = readJson(tokensOf("registry"));
    const bus = readJson(tokensOf("bus"));
    assert.equal(registry["admin"], "administrator");
    assert.deepEqual(registry["parties"], bus);
    for (const party of PARTIES) {
      const token = readFileSync(layout.token(party), "utf8");
      assert.match(token, /^[0-9a-f]{64}$/);
      assert.equal(bus[party], token);
      assert.equal(statSync(layout.token(party)).mode & 0o777, 0o600);
      assert(!existsSync(`${layout.token(party)}.next`));
    }
    assert.notEqual(bus["mdms"], bus["trustee-1"]);
  }

  test("each party has a new token, which registry and bus accept", async () => {
    assert.deepEqual(await rotateTokens(layout, undefined), [...PARTIES]);
    checkRotated();
  });

  test("stopped at any step and run again, it ends in the same place with the token it began", async () => {
    const all = stoppedAt(Infinity);
    await rotateTokens(layout, undefined, all);
    assert.equal(all.steps, 8);
    for (let limit = 0; limit < all.steps; limit += 1) {
      await assert.rejects(rotateTokens(layout, undefined, stoppedAt(limit)), /the power went/);
      const begun = PARTIES.map((party) => `${layout.token(party)}.next`).find((path) =>
        existsSync(path),
      );
      const token = begun === undefined ? undefined : readFileSync(begun, "utf8");
      await rotateTokens(layout, undefined);
      checkRotated();
      const tokens = PARTIES.map((party) => readFileSync(layout.token(party), "utf8"));
      assert(token === undefined || tokens.includes(token), "the begun token is the one");
    }
  });

  test("of one party alone: the others keep theirs", async () => {
    await rotateTokens(layout, ["mdms"]);
    assert.notEqual(readFileSync(layout.token("mdms"), "utf8"), OLD.mdms);
    assert.equal(readFileSync(layout.token("trustee-1"), "utf8"), OLD["trustee-1"]);
    assert.equal(readJson(tokensOf("bus"))["trustee-1"], OLD["trustee-1"]);
  });

  for (const wrong of ["ucs", "registry", "../mdms", "admin"]) {
    test(`${wrong} has no token to rotate`, async () => {
      await assert.rejects(rotateTokens(layout, ["mdms", wrong]), { code: "PARTY_MISSING" });
      assert.equal(readFileSync(layout.token("mdms"), "utf8"), OLD.mdms, "nothing was changed");
    });
  }

  test("a file that is no list of tokens is named, and not quoted", async () => {
    secret(tokensOf("bus"), '["secret-value"');
    await assert.rejects(rotateTokens(layout, undefined), (error: Error & { code?: string }) => {
      assert.equal(error.code, "TOKENS_FILE_INVALID");
      assert.doesNotMatch(`${error.message}${String(error.cause)}`, /secret-value/);
      return true;
    });
  });
});
