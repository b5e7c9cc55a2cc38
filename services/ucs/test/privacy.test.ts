/** What the operator of the portal answers and erases for a data subject (docs/privacy-officer.md), and what he announces to all. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { toHex, utf8 } from "@smarter-metering/protocol";
import { testRecipient, type WorldHousehold } from "../../../test/support/world.ts";
import {
  customer,
  enrol,
  envelopeFor,
  logIn,
  openPortal,
  publishSealed,
  withToken,
  type Answer,
  type Customer,
  type Portal,
} from "./portal.ts";

const TOKEN = "operator-token-of-this-run";
let portal: Portal;
let [house, other]: readonly (WorldHousehold | undefined)[] = [];
before(async () => {
  portal = await openPortal({ operatorToken: TOKEN });
  [house, other] = portal.world.households;
});
after(() => portal.close());

const heldPath = (servicePoint: string): string => `/v1/operator/service-points/${servicePoint}`;
const eraseAll = (servicePoint: string, accountOnly = false, token = TOKEN): Promise<Answer> =>
  withToken(portal, token)("POST", "/v1/operator/erasures", { servicePoint, accountOnly });

/** A household with an account, a day of sealed frames and a wrapped key; and every byte of it that the store could hold. */
async function enrolled(
  household: WorldHousehold | undefined,
  login: string,
  { key, day = 0 }: { readonly key?: "other"; readonly day?: number } = {},
) {
  assert(household !== undefined);
  const who: Customer = await customer(portal, login, key);
  await enrol(portal, who, household);
  const envelope = await envelopeFor(portal, household, who.recipient);
  const frame = await household.frames.next(
    { blockStart: portal.world.dayStart(day) },
    { importMilliwattHours: Array.from({ length: 96 }, () => 1_000) },
  );
  await publishSealed(portal, frame);
  // The harness gives every account the same wrapped items.
  const wrapped = `wrapped-private-key-of-${login}`;
  const [row] = await portal.store.query<{ verifier: string; salt: Uint8Array }>(
    `update ucs_account set items = jsonb_set(items, '{private-key,ciphertext}', to_jsonb($2::text))
    where login = $1 returning verifier, salt`,
    [login, wrapped],
  );
  assert(row !== undefined);
  const { verifier, salt } = row;
  const texts = [login, verifier, wrapped].map((text) => utf8(text));
  const ofAccount = [...texts, salt, who.recipient.spki, envelope];
  return { who, household, ofAccount, frame: frame.bytes };
}

/** Tables of the UCS in which any of the canaries is found, as text or as bytes. */
async function found(canaries: readonly Uint8Array[]): Promise<string[]> {
  const tables = await portal.store.query<{ name: string }>(
    "select table_name::text as name from information_schema.tables where table_name like 'ucs\\_%'",
  );
  assert(tables.length >= 9, `${tables.length} tables`);
  const hits: string[] = [];
  for (const { name } of tables) {
    const rows = await portal.store.query<{ row: string }>(`select t::text as row from ${name} t`);
    const text = rows.map(({ row }) => row).join("\n");
    const isHit = canaries.some((canary) => {
      const plain = Buffer.from(canary).toString("latin1");
      return text.includes(plain) || text.includes(toHex(canary));
    });
    if (isHit) hits.push(name);
  }
  return hits.toSorted();
}

describe("access and erasure", () => {
  let ofAnna: readonly Uint8Array[] = [];

  test("the operator's routes need the operator's token, and exist only with one", async () => {
    const { call, token } = await customer(portal, "curious", "other");
    assert(house !== undefined);
    for (const given of [token, "", `${TOKEN}x`, TOKEN.slice(1)]) {
      const anyone = withToken(portal, given);
      assert.equal(
        (await anyone("GET", heldPath(house.network))).body["code"],
        "UCS_OPERATOR_TOKEN",
      );
      assert.equal((await eraseAll(house.network, true, given)).status, 401);
    }
    assert.equal((await call("GET", heldPath("00".repeat(16)))).status, 401);
    const unknown = await withToken(portal, TOKEN)("GET", heldPath("00".repeat(16)));
    assert.equal(unknown.body["code"], "UCS_SERVICE_POINT_UNKNOWN");
    const without = await openPortal();
    assert.equal((await withToken(without, TOKEN)("GET", heldPath(house.network))).status, 404);
    await without.close();
  });

  test("what is held is names, times and counts, without a key; that it was read is on record", async () => {
    const { who, household, ofAccount, frame } = await enrolled(house, "anna");
    const answer: Answer = await withToken(portal, TOKEN)("GET", heldPath(household.network));
    assert.equal(answer.status, 200);
    const { account, sealedFrames, keyEnvelopes, meters } = answer.body as {
      account: { login: string; events: { event: string }[]; sessions: unknown[] };
      sealedFrames: { kind: string; count: number; bytes: number }[];
      keyEnvelopes: number;
      meters: string[];
    };
    assert.equal(account.login, who.login);
    assert.deepEqual(
      account.events.map(({ event }) => event),
      ["enrolment-accepted", "enrolment-requested", "session-opened", "account-created"],
    );
    assert.equal(account.sessions.length, 1);
    assert.deepEqual([sealedFrames[0]?.count, sealedFrames[0]?.bytes], [1, frame.length]);
    assert.deepEqual([keyEnvelopes, meters], [1, [household.meterId]]);
    const text = JSON.stringify(answer.body);
    ofAnna = ofAccount;
    const [, ...secrets] = ofAccount;
    for (const secret of [...secrets, frame]) {
      assert(
        !text.includes(toHex(secret)) && !text.includes(Buffer.from(secret).toString("latin1")),
      );
    }
    const trail = await portal.store.query("select 1 from ucs_audit where event = 'data-exported'");
    assert.equal(trail.length, 1);
  });

  test("a running contract keeps its frames; its account goes with every byte of it", async () => {
    assert(house !== undefined);
    const { network } = house;
    assert.equal((await eraseAll(network)).body["code"], "UCS_CONTRACT_RUNNING");
    assert.equal((await logIn(portal, "anna")).status, 200, "nothing was erased");
    const { ofAccount: others } = await enrolled(other, "berta", { key: "other" });
    const { body } = await eraseAll(network, true);
    assert.deepEqual(
      [body["accounts"], body["keyEnvelopes"], body["sealedFrames"], body["enrolments"]],
      [1, 1, 0, 1],
    );
    assert.deepEqual(await found(ofAnna), []);
    assert.equal((await logIn(portal, "anna")).status, 401);
    assert.deepEqual((await eraseAll(network, true)).body["accounts"], 0, "the same again");
    await envelopeFor(portal, house, (await testRecipient("customer")).recipient);
    const keys = await portal.store.query("select 1 from ucs_envelope where service_point = $1", [
      network,
    ]);
    assert.equal(keys.length, 0, "what its meter wraps later is not kept");
    const frames = await portal.store.query("select 1 from ucs_frame where service_point = $1", [
      network,
    ]);
    assert.equal(frames.length, 1);
    assert.deepEqual(
      await found(others),
      ["ucs_account", "ucs_audit", "ucs_enrolment", "ucs_envelope", "ucs_link", "ucs_session"],
      "nobody else's account is touched, and the search finds what is there",
    );
  });

  test("after the contract's end everything of the service point goes", async () => {
    const { frame, ofAccount, household } = await enrolled(house, "carla", { day: 1 });
    assert.deepEqual(await found([frame]), ["ucs_frame"]);
    const { view, epoch } = portal.world.ucsFeed.current();
    const contractEnd = Math.floor(portal.clock.nowMs() / 1000);
    portal.world.ucsFeed.set(epoch + 1, {
      ...view,
      servicePoints: view.servicePoints.map((point) =>
        point.network === household.network ? { ...point, contractEnd } : point,
      ),
    });
    const { body } = await eraseAll(household.network);
    assert.deepEqual([body["accounts"], body["sealedFrames"]], [1, 2]);
    assert.deepEqual(await found([...ofAccount, frame]), []);
    assert.deepEqual(await found([utf8(household.network)]), ["ucs_audit"], "that it was erased");
  });
});

test("an announced policy is shown to whoever comes, in the registry's words", async () => {
  const anyone = withToken(portal, "none");
  assert.deepEqual((await anyone("GET", "/v1/policy-notice")).body, { policyNotice: null });
  const { view, epoch } = portal.world.ucsFeed.current();
  const policyNotice = { policyId: "looser", inForceFrom: 1, changes: ["k: 50 instead of 100"] };
  portal.world.ucsFeed.set(epoch + 1, { ...view, policyNotice });
  assert.deepEqual((await anyone("GET", "/v1/policy-notice")).body, { policyNotice });
});
