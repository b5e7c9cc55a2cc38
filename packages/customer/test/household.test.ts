/** Two people of one household, each on his own device (docs/protocol.md §10.5); the portal between them tries what it can. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acceptInvitation,
  createPortalClient,
  createVault,
  deriveRecoveryKeys,
  makeInvitation,
  openHousehold,
  openReadings,
  parseInvitation,
  parseRecoveryKey,
  type Invitation,
  type WrappedItem,
} from "@smarter-metering/customer";
import {
  decodeEnvelope,
  encodeEnrolmentCode,
  fromBase64Url,
  openEnvelope,
  parseEnrolmentCode,
  toBase64Url,
  toHex,
} from "@smarter-metering/protocol";
import { deriveInvitationKeys } from "../src/invitation.ts";
import { withMasterKey } from "../src/vault.ts";
import { unwrapItem, wrapItem } from "../src/wrapped-item.ts";
import {
  dataKey,
  envelope,
  filled,
  login,
  networkPseudonym,
  newVault,
  pinned,
  random,
  registration,
  unlockFailed,
  wrongKeys,
} from "./customer.ts";

const bertsVault = await createVault({ login: "bert", password: "Bert 18", random });
const annas = { login, keys: newVault.keys, items: registration.items, household: null };
const berts = {
  login: "bert",
  keys: bertsVault.keys,
  items: bertsVault.registration.items,
  household: null,
};
const made = await makeInvitation(annas, [pinned], random);
const { wrappingKey } = await deriveInvitationKeys(made.text);
const carried = { inviter: login, item: made.item, wrappingKey };
const accepted = await acceptInvitation(carried, berts, random);

const flip = (text: string): string => {
  const bytes = fromBase64Url(text);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return toBase64Url(bytes);
};

test("an invitation gives the household's key and its meters, under the other's own password", async () => {
  const { recipientSecret, meters } = await openHousehold(berts, accepted.item);
  assert.deepEqual(meters, [pinned]);
  assert.deepEqual(await openEnvelope(decodeEnvelope(envelope), recipientSecret), dataKey);
  assert.equal(recipientSecret.key.extractable, false);
  // He may hand on what he was given, once he is the first; and his own key stays his own.
  const own = { ...berts, household: accepted.item };
  const onward = await makeInvitation(own, [], random);
  const keys = await deriveInvitationKeys(onward.text);
  const next = { inviter: "bert", item: onward.item, wrappingKey: keys.wrappingKey };
  const again = await acceptInvitation(next, annas, random);
  assert.deepEqual(again.keys.meters, [pinned]);
  const fresh = await acceptInvitation(carried, own, random);
  assert.equal(fresh.item.version, 2, "a second invitation is a new version");
});

test("an invitation that is bent, swapped or for another does not open", async () => {
  const other = await makeInvitation(annas, [pinned], random);
  const otherKeys = await deriveInvitationKeys(other.text);
  const { item } = made;
  const rows: [name: string, change: Partial<typeof carried>][] = [
    ["another secret", { wrappingKey: otherKeys.wrappingKey }],
    ["its authentication key", { wrappingKey: made.authenticationKey }],
    ["another's item", { item: other.item }],
    ["another inviter", { inviter: "mallory" }],
    ["the invited one himself", { inviter: "bert" }],
    ["another version", { item: { ...item, version: 2 } }],
    ["a bent byte", { item: { ...item, ciphertext: flip(item.ciphertext) } }],
    ["another nonce", { item: { ...item, nonce: other.item.nonce } }],
    ["a vault's item", { item: registration.items["private-key"] }],
    ["nothing", { item: { ...item, ciphertext: "" } }],
  ];
  for (const [name, change] of rows) {
    const opening = acceptInvitation({ ...carried, ...change }, berts, random);
    await assert.rejects(opening, unlockFailed, name);
  }
  for (const content of [filled(0, 0), filled(70, 1), filled(2000, 0)]) {
    const place = { login, type: "invitation", version: 1 } as const;
    const forged = await wrapItem(place, wrappingKey, content, random);
    const opening = acceptInvitation({ ...carried, item: forged }, berts, random);
    await assert.rejects(opening, unlockFailed, "rightly sealed, and no household");
  }
  const bare = await makeInvitation(annas, [], random);
  const keys = await deriveInvitationKeys(bare.text);
  const meterless = { ...carried, item: bare.item, wrappingKey: keys.wrappingKey };
  await assert.rejects(acceptInvitation(meterless, berts, random), unlockFailed, "no meter");
});

test("a household's item opens in its account alone, and gives way to no other kind", async () => {
  const { item } = accepted;
  const opening: [name: string, Promise<unknown>][] = [
    ["the inviter's account", openHousehold({ ...annas }, item)],
    ["under the inviter's name", openHousehold({ ...berts, login }, item)],
    ["a wrong password", openHousehold({ ...berts, keys: wrongKeys }, item)],
    ["an older version", openHousehold(berts, { ...item, version: 2 })],
    ["the invitation itself", openHousehold(berts, made.item)],
    ["his own private key", openHousehold(berts, berts.items["private-key"])],
  ];
  for (const [name, tried] of opening) await assert.rejects(tried, unlockFailed, name);
  for (const type of ["private-key", "pinned-meters", "invitation"] as const) {
    const unwrapping = withMasterKey(berts.login, berts.keys, berts.items, (masterKey) =>
      unwrapItem(berts.login, type, item, masterKey),
    );
    await assert.rejects(unwrapping, unlockFailed, type);
  }
});

test("an invitation has a form of its own, and keys that are nobody else's", async () => {
  assert.match(made.text, /^IV-(?:[0-9A-Z]{5}-){5}[0-9A-Z*~$=]{2}$/);
  for (const typed of [` ${made.text.toLowerCase()} `, made.text.replaceAll("-", "")]) {
    assert.equal(parseInvitation(typed), made.text);
  }
  const bytes = parseEnrolmentCode(made.text.slice(3));
  const slips = [
    made.text.slice(3),
    `RK${made.text.slice(2)}`,
    made.text.slice(0, -1),
    `${made.text}0`,
    "IV-",
    "",
    encodeEnrolmentCode(bytes),
  ];
  for (const text of slips) {
    assert.throws(() => parseInvitation(text), { code: "CUSTOMER_INVITATION_INVALID" }, text);
  }
  assert.throws(() => parseRecoveryKey(made.text), { code: "CUSTOMER_RECOVERY_KEY_INVALID" });
  assert.throws(() => parseEnrolmentCode(made.text), { code: "ENROLMENT_CODE_INVALID" });
  // The same bits as a recovery key would give other keys.
  const recovery = await deriveRecoveryKeys(parseRecoveryKey(`RK-${made.text.slice(3)}`));
  const keys = [...Object.values(recovery), made.authenticationKey, wrappingKey];
  assert.equal(new Set(keys.map(toHex)).size, 4);
});

/** A portal that keeps one invitation and one member; `behave` changes single answers. */
function portalOf(behave: Partial<Record<string, () => Response>> = {}) {
  const sent: { name: string; body: string }[] = [];
  const state: { invitation?: Record<string, unknown>; household: unknown } = { household: null };
  const items = { [login]: registration.items, bert: berts.items };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const name = `${request.method} ${new URL(request.url).pathname}`;
    const text = await request.text();
    sent.push({ name, body: text });
    const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
    const special = behave[name];
    if (special !== undefined) return special();
    switch (name) {
      case "POST /v1/sessions": {
        const who = body.login as keyof typeof items;
        const reads = who === login || state.household !== null;
        return Response.json({
          token: "t0ken",
          items: items[who],
          pinnedMeters: null,
          household: who === "bert" ? state.household : null,
          servicePoint: reads ? toHex(networkPseudonym) : null,
        });
      }
      case "POST /v1/invitations":
        state.invitation = body;
        return Response.json({ expiresAt: 7 });
      case "POST /v1/invitations/openings":
        return body.authenticationKey === state.invitation?.authenticationKey
          ? Response.json({ inviter: login, item: state.invitation?.item })
          : refused();
      case "POST /v1/household/persons":
        state.household = body.item;
        return new Response(null, { status: 204 });
      case "GET /v1/household":
        return Response.json({
          persons: [{ login, since: 1 }],
          isFirst: true,
          invitations: [{ id: "00", expiresAt: 7, openedBy: null }],
        });
      case "GET /v1/household/events":
        return Response.json({ events: [{ at: 1, login, event: "invitation-made" }] });
      default:
        return new Response(null, { status: 204 });
    }
  };
  return { fetch, sent, state };
}

const refused = (): Response =>
  new Response(JSON.stringify({ code: "UCS_INVITATION_REFUSED" }), {
    status: 404,
    headers: { "content-type": "application/problem+json" },
  });
const clientOf = ({ fetch }: ReturnType<typeof portalOf>) =>
  createPortalClient({ fetch, origin: "https://portal.test", session: "bearer", random });

async function invited(portal: ReturnType<typeof portalOf>): Promise<Invitation> {
  const client = clientOf(portal);
  const session = await client.loginWithKeys(login, newVault.keys);
  await assert.rejects(client.invite(session), { code: "CUSTOMER_METER_UNPROVEN" });
  const former = { ...pinned, networkPseudonym: filled(16, 9) };
  const reading = { ...session.reading, meters: [former, pinned] };
  const { text, expiresAt } = await client.invite({ ...session, reading });
  assert.equal(expiresAt, 7);
  return text;
}

test("portal: inviting, joining after a crash, and reading; the secret never goes out", async () => {
  const behave: Partial<Record<string, () => Response>> = {};
  const portal = portalOf(behave);
  const text = await invited(portal);
  const client = clientOf(portal);
  const session = await client.loginWithKeys("bert", berts.keys);
  assert.deepEqual(
    [session.servicePoint, session.household, session.reading.meters],
    [null, null, []],
  );
  behave["POST /v1/household/persons"] = () => new Response("gone", { status: 502 });
  await assert.rejects(client.join(session, text), { code: "CUSTOMER_PORTAL_REFUSED" });
  delete behave["POST /v1/household/persons"];
  const joined = await client.join(session, text);
  const later = await client.loginWithKeys("bert", berts.keys);
  for (const { reading, servicePoint } of [joined, later]) {
    assert.equal(servicePoint, toHex(networkPseudonym));
    assert.deepEqual(reading.meters, [pinned], "of this home alone");
    const sealed = { envelopes: [envelope], frames: [] };
    const { findings } = await openReadings(reading.meters, reading.recipientSecret, sealed);
    assert.equal(findings.badEnvelopes, 0);
  }
  assert.equal((await client.household()).invitations[0]?.openedBy, null);
  assert.equal((await client.householdEvents())[0]?.event, "invitation-made");
  await client.endAccess("a+b@example.org");
  await client.withdrawInvitation("00");
  const paths = portal.sent.slice(-2).map(({ name }) => name);
  assert.deepEqual(paths, [
    "DELETE /v1/household/persons/a%2Bb%40example.org",
    "DELETE /v1/invitations/00",
  ]);
  const keys = await deriveInvitationKeys(text);
  const secrets = [text.slice(3), toBase64Url(keys.wrappingKey)];
  secrets.push(toBase64Url(parseEnrolmentCode(text.slice(3))));
  for (const { body } of portal.sent) {
    for (const secret of secrets) assert(!body.includes(secret));
  }
});

test("portal: what it withholds, swaps or invents gives no household", async () => {
  const text = await invited(portalOf());
  const opening = "POST /v1/invitations/openings";
  const refusedAsOne = { code: "CUSTOMER_INVITATION_REFUSED" };
  const rows: [name: string, answer: () => Response, expected: object][] = [
    ["refused", refused, refusedAsOne],
    ["another's item", () => Response.json({ inviter: login, item: made.item }), refusedAsOne],
    ["no item", () => Response.json({ inviter: login }), { code: "CUSTOMER_PORTAL_MALFORMED" }],
    [
      "locked",
      () => Response.json({ code: "UCS_INVITATION_LOCKED" }, { status: 429 }),
      { code: "CUSTOMER_PORTAL_REFUSED" },
    ],
  ];
  for (const [name, answer, expected] of rows) {
    const portal = portalOf({ [opening]: answer });
    const client = clientOf(portal);
    const session = await client.loginWithKeys("bert", berts.keys);
    await assert.rejects(client.join(session, text), expected, name);
    assert.equal(portal.state.household, null, name);
  }
  // At a login: an item of another account, or another kind, is no reason to keep him out.
  const place = { login, type: "household", version: 1 } as const;
  const foreign: WrappedItem = await wrapItem(place, filled(32, 1), filled(90, 1), random);
  for (const household of [foreign, made.item, berts.items["private-key"]]) {
    const portal = portalOf();
    portal.state.household = household;
    const session = await clientOf(portal).loginWithKeys("bert", berts.keys);
    assert.deepEqual(session.reading.meters, []);
    assert.deepEqual(session.household, household);
  }
});
