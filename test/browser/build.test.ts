/** What `npm run prepare` builds: the same bytes each time, named by their hashes, with nothing inline. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const again = mkdtempSync(join(tmpdir(), "smarter-metering-build-"));
after(() => rmSync(again, { recursive: true }));
const APPLICATIONS = ["services/ucs/dist/web", "services/mdms/dist/web"];

const integrityOf = (bytes: Uint8Array): string =>
  `sha384-${createHash("sha384").update(bytes).digest("base64")}`;

function filesOf(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.includes("."),
  );
  return new Map(names.toSorted().map((name) => [name, readFileSync(join(folder, name))]));
}

test("the same sources give the same bytes", () => {
  const build = ["--import", "tsx", join(root, "scripts/build-web.ts"), again];
  const said = execFileSync(process.execPath, build, { cwd: root, encoding: "utf8" });
  assert.match(said, /^portal: [\d.]+ kB gzip of at most 120/m);
  assert.match(said, /^operators' pages: [\d.]+ kB gzip of at most 150/m);
  for (const application of APPLICATIONS) {
    const built = filesOf(join(root, application));
    const rebuilt = filesOf(join(again, application));
    assert.deepEqual([...rebuilt.keys()], [...built.keys()]);
    for (const [name, bytes] of built) assert(rebuilt.get(name)?.equals(bytes), name);
  }
});

test("the page names its script and style sheet by their hashes, and has no other", () => {
  for (const application of APPLICATIONS) {
    const files = filesOf(join(root, application));
    const page = files.get("index.html")?.toString() ?? "";
    assert.doesNotMatch(page, /<script(?![^>]* src=)|<style| style=| on\w+=|https?:/);
    const tags = page.match(/<script[^>]*>|<link rel="stylesheet"[^>]*>/g) ?? [];
    assert.equal(tags.length, 2, application);
    for (const tag of tags) {
      const [, path = ""] = /(?:src|href)="\/([^"]+)"/.exec(tag) ?? [];
      const bytes = files.get(path);
      assert(bytes !== undefined, path);
      assert(tag.includes(`integrity="${integrityOf(bytes)}"`), tag);
    }
  }
});

test("the page names its worker, and the worker its later part, by their hashes", () => {
  const files = [...filesOf(join(root, "services/ucs/dist/web/assets"))];
  const one = (prefix: string): [string, Buffer] => {
    const found = files.filter(([name]) => name.startsWith(prefix) && name.endsWith(".js"));
    assert.equal(found.length, 1, prefix);
    return found[0] ?? ["", Buffer.alloc(0)];
  };
  const [page, worker, later] = [one("index-"), one("worker-"), one("later-")];
  for (const [[, holder], [name, part]] of [
    [page, worker],
    [worker, later],
  ] as const) {
    assert(holder.includes(`/assets/${name}`), name);
    assert(holder.includes(integrityOf(part)), name);
  }
});
