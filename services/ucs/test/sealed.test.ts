/** The UCS's streams: at least once, in any order, through crashes; and that nothing in this service could open what it stores. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { encodeUplinkItem, toBase64Url, toHex } from "@smarter-metering/protocol";
import { settleForeign } from "../src/settle.ts";
import type { MadeFrame, WorldHousehold } from "../../../test/support/world.ts";
import {
  customer,
  envelopeFor,
  offerOf,
  openPortal,
  publishKeys,
  publishSealed,
  requestOf,
  type Portal,
} from "./portal.ts";

let portal: Portal;
let house: WorldHousehold;
const folder = mkdtempSync(join(tmpdir(), "ucs-web-"));
before(async () => {
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>portal</title>");
  writeFileSync(join(folder, "secret.txt"), "not a page");
  portal = await openPortal({}, folder);
  const found = portal.world.households[0];
  assert(found !== undefined);
  house = found;
});
after(async () => {
  await portal.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => portal.store.query("delete from ucs_frame"));

const stored = (): Promise<{ kind: string; first_slot: number; flagged: boolean }[]> =>
  portal.store.query("select kind, first_slot, flagged from ucs_frame order by kind, first_slot");
const live = (firstSlot: number, day = 0): Promise<MadeFrame> =>
  house.frames.next(
    { kind: "LIVE", blockStart: portal.world.dayStart(day), firstSlot },
    { importMilliwattHours: [firstSlot] },
  );
const block = (firstSlot: number, count: number, day = 0): Promise<MadeFrame> =>
  house.frames.next(
    { blockStart: portal.world.dayStart(day), firstSlot },
    { importMilliwattHours: Array.from({ length: count }, () => 1) },
  );
/** What the bus does after a crash between store and acknowledgement: the same body under a fresh id. */
async function redeliver(...made: readonly MadeFrame[]): Promise<void> {
  for (const { bytes, hash } of made) {
    const id = `${toHex(hash)} again ${portal.clock.nowMs()}`;
    await portal.bus.publish("sealed", [{ id, subject: "", body: bytes }]);
  }
  await portal.bus.idle();
}
const deadReasons = async (stream: string): Promise<string[]> => {
  const letters = await portal.bus.deadLetters(stream);
  for (const letter of letters) await portal.bus.discard(letter);
  return letters.map(({ reason }) => reason);
};

test("a frame that comes again has no effect", async () => {
  const made = await block(0, 96);
  await publishSealed(portal, made);
  await redeliver(made, made);
  await portal.restart();
  await redeliver(made);
  assert.deepEqual(await stored(), [{ kind: "BLOCK", first_slot: 0, flagged: false }]);
});

test("a LIVE frame is kept until a BLOCK covers it, whichever comes first", async () => {
  const [early, late, beyond] = [await live(3), await live(47), await live(48)];
  const half = await block(0, 48);
  await publishSealed(portal, early, beyond);
  assert.equal((await stored()).length, 2);
  await publishSealed(portal, half);
  await publishSealed(portal, late);
  await redeliver(early);
  assert.deepEqual(await stored(), [
    { kind: "BLOCK", first_slot: 0, flagged: false },
    { kind: "LIVE", first_slot: 48, flagged: false },
  ]);
  await publishSealed(portal, await block(48, 48));
  assert.deepEqual(
    (await stored()).map(({ kind }) => kind),
    ["BLOCK", "BLOCK"],
  );
});

test("a BLOCK drops LIVE frames of its own meter and day only", async () => {
  const other = portal.world.households[1];
  assert(other !== undefined);
  const foreign = await other.frames.next(
    { kind: "LIVE", blockStart: portal.world.dayStart(0), firstSlot: 3 },
    { importMilliwattHours: [1] },
  );
  await publishSealed(portal, foreign, await live(3, 1), await block(0, 96, 0));
  assert.deepEqual(
    (await stored()).map(({ kind }) => kind),
    ["BLOCK", "LIVE", "LIVE"],
  );
});

test("two frames in one place are both kept and flagged, in one batch or in two", async () => {
  const [first, second, third] = [
    await block(0, 96, 2),
    await block(0, 95, 2),
    await block(0, 96, 3),
  ];
  await publishSealed(portal, first, second, third);
  const flags = async () =>
    (await stored()).map(({ flagged }) => Number(flagged)).toSorted((a, b) => a - b);
  assert.deepEqual(await flags(), [0, 1, 1]);
  await publishSealed(portal, await block(0, 90, 3));
  assert.deepEqual(await flags(), [1, 1, 1, 1]);
});

test("bad messages become dead letters and leave the others alone", async () => {
  const [good, forged] = [await block(0, 96, 4), await block(0, 96, 5)];
  const changed = Uint8Array.from(forged.bytes);
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
  const bodies = [changed, good.bytes, new Uint8Array(3), forged.bytes.subarray(1)];
  await portal.bus.publish(
    "sealed",
    bodies.map((body, index) => ({ id: `bad ${index}`, subject: "", body })),
  );
  await portal.bus.idle();
  assert.equal((await stored()).length, 1);
  assert.deepEqual(await deadReasons("sealed"), ["BAD_SIGNATURE", "MALFORMED", "MALFORMED"]);
});

test("a meter that the registry does not know yet waits for the next epoch", async () => {
  const { epoch, view } = portal.world.ucsFeed.current();
  portal.world.ucsFeed.set(epoch, { ...view, servicePoints: view.servicePoints.slice(1) });
  const young = await block(0, 96, 6);
  await portal.bus.publish("sealed", [{ id: "young", subject: "", body: young.bytes }]);
  while ((await waiting()) === 0);
  assert.equal((await stored()).length, 0);
  portal.world.ucsFeed.set(epoch + 1, view);
  await portal.clock.advanceTo(portal.clock.nowMs() + 5_000);
  await publishSealed(portal, await block(0, 96, 7));
  assert.equal((await stored()).length, 2);
});

async function waiting(): Promise<number> {
  const rows = await portal.store.query("select 1 from bus_open where stream = 'sealed'");
  return rows.length;
}

test("patience with an unknown meter has an end", () => {
  const delivery = { sequence: 1n, id: "x", subject: "", body: new Uint8Array(0) };
  assert.deepEqual(settleForeign({ ...delivery, attempt: 59 }), { retryAfterMs: 5_000 });
  assert.deepEqual(settleForeign({ ...delivery, attempt: 60 }), { dead: "FOREIGN" });
});

test("customer keys: what is misplaced, foreign or forged is set aside", async () => {
  const made = await block(0, 96, 8);
  await publishKeys(portal, made.item);
  await publishKeys(portal, encodeUplinkItem({ kind: "ENVELOPE", message: made.openerEnvelope }));
  await publishKeys(
    portal,
    encodeUplinkItem({ kind: "ENROLMENT_OFFER", message: new Uint8Array(9) }),
  );
  const imposter = portal.world.households[1];
  assert(imposter !== undefined);
  await offerOf(portal, { ...house, meter: imposter.meter }, "forged");
  await envelopeFor(portal, { ...house, meter: imposter.meter }, portal.world.customer.recipient);
  assert.deepEqual(await deadReasons("customer-keys"), [
    "MISPLACED",
    "MISPLACED",
    "MALFORMED",
    "BAD_SIGNATURE",
    "BAD_SIGNATURE",
  ]);
  assert.deepEqual(await portal.store.query("select * from ucs_envelope"), []);
  assert.deepEqual(await portal.store.query("select * from ucs_offer"), []);
});

test("an older offer does not replace a newer one", async () => {
  await offerOf(portal, house, "older");
  await offerOf(portal, house, "newer");
  const [before] = await portal.store.query<{ nonce: Uint8Array; sequence: bigint }>(
    "select nonce, sequence from ucs_offer",
  );
  assert(before !== undefined);
  await portal.store.query("update ucs_offer set sequence = sequence + 100");
  await offerOf(portal, house, "older, delivered late");
  const [row] = await portal.store.query<{ nonce: Uint8Array }>("select nonce from ucs_offer");
  assert.deepEqual(row?.nonce, before.nonce);
  await portal.store.query("delete from ucs_offer");
});

test("a request that was stored before a crash is published at the next start", async () => {
  const anna = await customer(portal, "anna");
  const nonce = await offerOf(portal, house, "crash");
  const request = await requestOf(anna, house, nonce);
  await anna.call("POST", "/v1/enrolments", { request });
  // As if the process had died between its two writes; the second start finds it published.
  await portal.store.query("update ucs_enrolment set published = false");
  await portal.store.query("delete from bus_message where stream = 'downlink'");
  await portal.restart();
  await portal.restart();
  const rows = await portal.store.query<{ published: boolean }>(
    "select published from ucs_enrolment",
  );
  assert.deepEqual(rows, [{ published: true }]);
  const sent = await portal.bus.last("downlink", house.meterId);
  assert.equal(toBase64Url(sent?.body ?? new Uint8Array(0)), request);
});

test("the portal's files come with a strict policy and are not sent twice", async () => {
  const page = await portal.ucs.http.request("/");
  assert.equal(page.status, 200);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'self'; .*connect-src 'self'/);
  assert(!policy.includes("unsafe"));
  const etag = page.headers.get("etag") ?? "";
  const again = await portal.ucs.http.request("/", { headers: { "if-none-match": etag } });
  assert.equal(again.status, 304);
  for (const path of ["/secret.txt", "/..%2findex.html", "/%2e%2e/%2e%2e/package.json"]) {
    assert.equal((await portal.ucs.http.request(path)).status, 404, path);
  }
});

test("nothing in the service's sources could open a frame, an envelope or a vault", () => {
  const root = new URL("../src/", import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  assert(files.length > 20);
  for (const path of files) {
    const text = readFileSync(new URL(path, root), "utf8");
    const words =
      /\b(openFrame|openEnvelope|openToken|openRelease|aesGcmOpen|recipientSecret|frame-body|FrameBody|createDecipher\w*|privateDecrypt|decrypt\w*|jose)\b/;
    assert.doesNotMatch(text, words, path);
    const imports = [...text.matchAll(/from "([^"]+)"/g)].map(([, specifier]) => specifier);
    for (const specifier of imports) {
      const known = /^(\.|node:(crypto|fs\/promises|path)$|hono$|hono\/|@node-rs\/argon2$)/;
      const ours = /^@smarter-metering\/(protocol|runtime)$/;
      assert(known.test(specifier ?? "") || ours.test(specifier ?? ""), `${path}: ${specifier}`);
    }
  }
});
