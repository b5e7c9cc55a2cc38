/** More than one person in a household (docs/protocol.md §10.5): who joins, who does not, what ends, and that the portal opens nothing. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  createPortalClient,
  createVault,
  openReadings,
  type Login,
  type PortalClient,
} from "@smarter-metering/customer";
import {
  fromBase64Url,
  fromHex,
  parseEnrolmentCode,
  primitives,
  recipientFromSpki,
  toBase64Url,
  toHex,
} from "@smarter-metering/protocol";
import { named, type WorldHousehold } from "../../../test/support/world.ts";
import { deriveInvitationKeys } from "../../../packages/customer/src/invitation.ts";
import {
  answerNewest,
  customer,
  enrol,
  envelopeFor,
  item,
  logIn,
  offerOf,
  openPortal,
  publishSealed,
  requestOf,
  withToken,
  type Answer,
  type Customer,
  type Portal,
} from "./portal.ts";

const DAY = 86_400;
const TOKEN = "operator-token-of-this-run";
const range = (): string => `/v1/frames?from=0&to=${portal.world.dayStart(9)}`;
/** What the secret of this name proves to the portal. */
const proofOf = (name: string): string => toBase64Url(named(`proof ${name}`));
const invitation = (name: string) => ({ authenticationKey: proofOf(name), item: item(name) });
const invite = (who: Customer, name: string): Promise<Answer> =>
  who.call("POST", "/v1/invitations", invitation(name));
const open = (who: Customer, name: string): Promise<Answer> =>
  who.call("POST", "/v1/invitations/openings", { authenticationKey: proofOf(name) });
const take = (who: Customer, name: string): Promise<Answer> =>
  who.call("POST", "/v1/household/persons", {
    authenticationKey: proofOf(name),
    item: item(`${who.login}'s`),
  });
async function joined(first: Customer, who: Customer): Promise<void> {
  assert.equal((await invite(first, who.login)).status, 201);
  assert.equal((await open(who, who.login)).status, 200);
  assert.equal((await take(who, who.login)).status, 204);
}
const persons = async (who: Customer): Promise<string[]> =>
  ((await who.call("GET", "/v1/household")).body["persons"] as { login: string }[]).map(
    ({ login }) => login,
  );
const events = async (who: Customer): Promise<string[]> =>
  (
    (await who.call("GET", "/v1/household/events")).body["events"] as {
      login: string;
      event: string;
    }[]
  ).map(({ login, event }) => `${login} ${event}`);

let portal: Portal;
before(async () => {
  portal = await openPortal({ operatorToken: TOKEN });
});
after(() => portal.close());

/** An account that is enrolled in the place of whoever was, its envelope and a day of frames. */
async function household(login: string) {
  const [house, other] = portal.world.households;
  assert(house !== undefined && other !== undefined);
  const anna = await customer(portal, login);
  await enrol(portal, anna, house);
  const envelope = toBase64Url(await envelopeFor(portal, house, anna.recipient));
  const frame = await house.frames.next(
    { blockStart: portal.world.dayStart(0) },
    { importMilliwattHours: Array.from({ length: 96 }, () => 1_000) },
  );
  await portal.store.query("delete from ucs_frame");
  await publishSealed(portal, frame);
  const account = (login: string): Promise<Customer> => customer(portal, login, "other");
  const erase = (change: object): Promise<Answer> =>
    withToken(portal, TOKEN)("POST", "/v1/operator/erasures", {
      servicePoint: house.network,
      accountOnly: true,
      ...change,
    });
  return { house, other, anna, envelope, frame: toBase64Url(frame.bytes), account, erase };
}

describe("a second person", () => {
  let stage: Awaited<ReturnType<typeof household>>;
  before(async () => {
    stage = await household("anna");
  });

  test("joins by an invitation, reads the same frames, and the first sees who has access", async () => {
    const { anna, envelope, frame, account } = stage;
    const bert = await account("bert");
    assert.equal((await bert.call("GET", "/v1/household")).body["code"], "UCS_NOT_ENROLLED");
    const made = await invite(anna, "bert");
    assert.equal(made.status, 201);
    const now = Math.floor(portal.clock.nowMs() / 1000);
    assert.equal(made.body["expiresAt"], now + 7 * DAY);
    assert.deepEqual((await open(bert, "bert")).body, { inviter: "anna", item: item("bert") });
    const waiting = (await anna.call("GET", "/v1/household")).body;
    assert.equal(waiting["isFirst"], true);
    assert.equal(
      (waiting["invitations"] as { openedBy: string }[])[0]?.openedBy,
      "bert",
      "one who opens it and does not join is seen",
    );
    assert.equal((await bert.call("GET", range())).body["code"], "UCS_NOT_ENROLLED");
    await portal.restart();
    assert.equal((await open(bert, "bert")).status, 200, "begun again after a crash");
    assert.equal((await take(bert, "bert")).status, 204);

    for (const who of [anna, bert]) {
      assert.deepEqual((await who.call("GET", range())).body["frames"], [frame]);
      assert.deepEqual((await who.call("GET", "/v1/envelopes")).body["envelopes"], [envelope]);
      assert.deepEqual(await persons(who), ["anna", "bert"]);
    }
    const { body } = await bert.call("GET", "/v1/household");
    assert.deepEqual([body["isFirst"], body["invitations"]], [false, []]);
    const entered = (await logIn(portal, "bert")).body;
    assert.equal(entered["servicePoint"], stage.house.network);
    assert.deepEqual(entered["household"], item("bert's"));
    assert.equal((await logIn(portal, "anna")).body["household"], null);
    assert.deepEqual(await events(anna), [
      "bert readings-fetched",
      "bert household-joined",
      "bert invitation-opened",
      "bert invitation-opened",
      "anna invitation-made",
      "anna enrolment-accepted",
    ]);
  });

  test("an invitation that is wrong, used, withdrawn, expired, another's or his own: one answer", async () => {
    const { anna, account } = stage;
    const [carl, dora] = [await account("carl"), await account("dora")];
    await invite(anna, "withdrawn");
    const { body } = await anna.call("GET", "/v1/household");
    const [{ id }] = body["invitations"] as [{ id: string }];
    assert.equal(id, toHex(await primitives.sha256(fromBase64Url(proofOf("withdrawn")))));
    assert.equal((await carl.call("DELETE", `/v1/invitations/${id}`)).status, 403);
    assert.equal((await anna.call("DELETE", `/v1/invitations/${id}`)).status, 204);
    assert.equal((await anna.call("DELETE", `/v1/invitations/${id}`)).status, 404);
    await invite(anna, "expired");
    await open(carl, "expired");
    await portal.store.query("update ucs_invitation set expires_at = expires_at - $1", [7 * DAY]);
    await invite(anna, "dora");
    assert.equal((await open(dora, "dora")).status, 200);
    const answers: Answer[] = [];
    for (const name of ["wrong", "bert", "withdrawn", "expired", "dora"]) {
      answers.push(await open(carl, name), await take(carl, name));
      await portal.clock.advanceTo(portal.clock.nowMs() + 901_000); // Not to be locked out.
    }
    answers.push(await open(anna, "dora"), await take(anna, "dora"));
    for (const { status, body: refusal } of answers) {
      assert.deepEqual([status, refusal], [404, answers[0]?.body]);
    }
    assert.equal(answers[0]?.body["code"], "UCS_INVITATION_REFUSED");
    assert.equal((await take(dora, "dora")).status, 204, "whoever opened it first joins");
    assert.equal((await take(dora, "dora")).status, 404, "once");
    await portal.clock.advanceTo(portal.clock.nowMs() + 3_600_000);
    const rows = await portal.store.query("select 1 from ucs_invitation");
    assert.equal(rows.length, 0, "what is used or expired is forgotten");
  });

  test("five wrong invitations lock further ones for 15 minutes, of this account alone", async () => {
    const { anna, account } = stage;
    const [eve, fritz] = [await account("eve"), await account("fritz")];
    await invite(anna, "storm");
    const guesses = await Promise.all(
      Array.from({ length: 7 }, (_, index) =>
        index % 2 === 0 ? open(eve, `guess ${index}`) : take(eve, `guess ${index}`),
      ),
    );
    const codes = guesses.map(({ body }) => body["code"]);
    assert.equal(codes.filter((code) => code === "UCS_INVITATION_REFUSED").length, 5);
    assert.equal(codes.filter((code) => code === "UCS_INVITATION_LOCKED").length, 2);
    assert.equal((await open(eve, "storm")).body["code"], "UCS_INVITATION_LOCKED", "the right one");
    assert.equal((await logIn(portal, "eve")).status, 200, "but not out of her account");
    assert.equal((await open(anna, "storm")).status, 404, "nobody invites himself");
    assert.equal((await open(fritz, "storm")).status, 200, "nor anybody else");
    await portal.clock.advanceTo(portal.clock.nowMs() + 900_000);
    assert.equal((await open(eve, "storm")).body["code"], "UCS_INVITATION_REFUSED");
    assert.equal((await take(fritz, "storm")).status, 204);
  });

  test("there is no fifth person; one who goes makes room", async () => {
    const { anna, account } = stage;
    assert.deepEqual(await persons(anna), ["anna", "bert", "dora", "fritz"]);
    assert.equal((await invite(anna, "fifth")).body["code"], "UCS_HOUSEHOLD_FULL");
    assert.equal((await anna.call("DELETE", "/v1/household/persons/dora")).status, 204);
    const gina = await account("gina");
    assert.equal((await invite(anna, "gina")).status, 201);
    assert.equal((await invite(anna, "sixth")).body["code"], "UCS_HOUSEHOLD_FULL");
    await open(gina, "gina");
    // Were one person there more by any way, the last one would not come in.
    const { store } = portal;
    await store.query("update ucs_member set service_point = 'x' where login = 'bert'");
    await invite(anna, "seventh");
    const dora = await logIn(portal, "dora");
    const again = {
      ...gina,
      login: "dora",
      call: withToken(portal, String(dora.body["token"])),
    };
    await open(again, "seventh");
    await store.query("update ucs_member set service_point = $1 where login = 'bert'", [
      stage.house.network,
    ]);
    assert.equal((await take(gina, "gina")).status, 204);
    assert.equal((await take(again, "seventh")).body["code"], "UCS_HOUSEHOLD_FULL");
    await store.query("delete from ucs_invitation");
  });

  test("only the first invites and ends others; an invited one may go himself", async () => {
    const { anna, account, other } = stage;
    const bert = { ...anna, login: "bert", call: await session("bert") };
    const gina = { ...anna, login: "gina", call: await session("gina") };
    async function session(login: string) {
      return withToken(portal, String((await logIn(portal, login)).body["token"]));
    }
    assert.equal((await invite(bert, "by bert")).body["code"], "UCS_HOUSEHOLD_FIRST");
    for (const login of ["anna", "gina"]) {
      const ended = await bert.call("DELETE", `/v1/household/persons/${login}`);
      assert.equal(ended.body["code"], "UCS_HOUSEHOLD_FIRST", login);
    }
    assert.equal((await gina.call("DELETE", "/v1/household/persons/gina")).status, 204);
    assert.equal((await gina.call("GET", "/v1/envelopes")).body["code"], "UCS_NOT_ENROLLED");
    for (const login of ["gina", "anna", "nobody"]) {
      const ended = await anna.call("DELETE", `/v1/household/persons/${login}`);
      assert.equal(ended.body["code"], "UCS_PERSON_UNKNOWN", login);
    }
    // The first of another household has no say in this one, and cannot be of two.
    const hugo = await account("hugo");
    await enrol(portal, hugo, other);
    assert.equal((await hugo.call("DELETE", "/v1/household/persons/bert")).status, 404);
    await invite(anna, "hugo");
    assert.equal((await open(hugo, "hugo")).body["code"], "UCS_HOUSEHOLD_ELSEWHERE");
    assert.equal((await open(gina, "hugo")).status, 200, "and has not used it up");
    assert.deepEqual(await persons(hugo), ["hugo"]);
  });

  test("who is ended is served nothing any more, in an open stream too", async () => {
    const { anna } = stage;
    const token = String((await logIn(portal, "bert")).body["token"]);
    const watch = (bearer: string) =>
      portal.ucs.http.request("/v1/live", { headers: { authorization: `Bearer ${bearer}` } });
    const [bert, own] = [await watch(token), await watch(anna.token)];
    assert.equal((await anna.call("DELETE", "/v1/household/persons/bert")).status, 204);
    assert.match(await bert.text(), /^: open\n\n$/, "his stream has ended");
    const call = withToken(portal, token);
    for (const path of ["/v1/envelopes", range(), "/v1/live", "/v1/household"]) {
      assert.equal((await call("GET", path)).body["code"], "UCS_NOT_ENROLLED", path);
    }
    const entered = (await logIn(portal, "bert")).body;
    assert.deepEqual([entered["servicePoint"], entered["household"]], [null, null]);
    assert.equal((await anna.call("GET", range())).status, 200);
    await own.body?.cancel();
    assert((await events(anna)).includes("bert household-left"));
  });
});

describe("a household without its first", () => {
  test("an account that is deleted leaves the others working, and who has been there longest is the first", async () => {
    const { house, anna, envelope, frame, account, erase } = await household("ada");
    // The harness gives many accounts the same key.
    await portal.store.query("update ucs_account set public_key = $1 where login = 'anna'", [
      named("another key"),
    ]);
    const [bert, carl, dora] = [await account("ben"), await account("cid"), await account("dan")];
    await joined(anna, bert);
    await portal.clock.advanceTo(portal.clock.nowMs() + 1_000);
    await joined(anna, carl);
    await invite(anna, "dan");
    const { body: held } = await withToken(portal, TOKEN)(
      "GET",
      `/v1/operator/service-points/${house.network}`,
    );
    assert.deepEqual(
      (held["invited"] as { login: string }[]).map(({ login }) => login),
      ["ben", "cid"],
    );
    assert.equal((await erase({ login: "cid", accountOnly: false })).status, 400);
    assert.equal((await erase({ login: "nobody" })).body["accounts"], 0);
    assert.equal((await erase({ login: "cid" })).body["accounts"], 1);
    assert.equal((await logIn(portal, "cid")).status, 401);
    assert.deepEqual(await persons(anna), ["ada", "ben"]);
    assert.deepEqual((await anna.call("GET", range())).body["frames"], [frame]);

    const erased = (await erase({})).body;
    assert.deepEqual([erased["accounts"], erased["keyEnvelopes"]], [1, 0]);
    assert.equal((await logIn(portal, "ada")).status, 401);
    assert.equal((await open(dora, "dan")).status, 404, "her invitations went with her");
    assert.deepEqual(await persons(bert), ["ben"]);
    assert.deepEqual((await bert.call("GET", range())).body["frames"], [frame]);
    assert.deepEqual((await bert.call("GET", "/v1/envelopes")).body["envelopes"], [envelope]);
    await joined(bert, dora);
    // The meter goes on wrapping to the household's key, which no account has of its own any more.
    house.frames.keyEpoch += 1;
    const next = toBase64Url(await envelopeFor(portal, house, anna.recipient));
    assert.deepEqual((await dora.call("GET", "/v1/envelopes")).body["envelopes"], [next, envelope]);
    await erase({ login: "ben" });
    assert.equal((await dora.call("DELETE", "/v1/household/persons/dan")).status, 204);
    const left = await portal.store.query("select 1 from ucs_envelope");
    assert.equal(left.length, 0, "with the last one the wrapped keys go");
  });

  test("a new enrolment of the meter ends everybody and alarms them; the same account's does not", async () => {
    const { house, other, anna, account } = await household("ava");
    const [bert, carl] = [await account("bob"), await account("cleo")];
    await joined(anna, bert);
    // As after an exchange of the meter.
    const request = await requestOf(anna, house, await offerOf(portal, house, "again"));
    assert.equal((await anna.call("POST", "/v1/enrolments", { request })).status, 202);
    await answerNewest(portal, house);
    assert.deepEqual(await persons(anna), ["ava", "bob"]);
    await invite(anna, "cleo");
    assert.equal((await open(carl, "cleo")).status, 200);
    const dora = await account("dora-2");
    await enrol(portal, dora, house);
    for (const who of [anna, bert]) {
      const alarmed = (await logIn(portal, who.login)).body;
      assert.equal(alarmed["servicePoint"], null, who.login);
      assert.equal(alarmed["enrolmentEndedAt"], Math.floor(portal.clock.nowMs() / 1000));
      assert.equal((await who.call("GET", range())).body["code"], "UCS_NOT_ENROLLED");
    }
    assert.equal((await take(carl, "cleo")).status, 404, "an invitation by the one before");
    assert.deepEqual(await persons(dora), ["dora-2"]);

    // Who moves takes nobody along, and an invited one who enrols himself has left.
    await joined(dora, carl);
    await enrol(portal, carl, other);
    assert.deepEqual([await persons(dora), await persons(carl)], [["dora-2"], ["cleo"]]);
    await joined(dora, bert);
    await enrol(portal, dora, other);
    assert.equal((await bert.call("GET", "/v1/household")).body["isFirst"], true);
    assert.deepEqual([await persons(bert), await persons(dora)], [["bob"], ["dora-2"]]);
  });
});

describe("the way from person to person", () => {
  const random = (length: number): Uint8Array => primitives.randomBytes(length);

  test("two people's own devices: both read, and nothing in the store could open it", async () => {
    const [house] = portal.world.households;
    assert(house !== undefined);
    const sent: string[] = [];
    const device = (): PortalClient =>
      createPortalClient({
        fetch: async (input, init) => {
          if (typeof init?.body === "string") sent.push(init.body);
          return portal.ucs.http.request(input, init);
        },
        origin: "http://localhost",
        session: "bearer",
        random,
      });
    const signUp = async (client: PortalClient, login: string): Promise<Login> =>
      client.signUp(await createVault({ login, password: `password of ${login}`, random }));
    const [annas, berts] = [device(), device()];
    const first = await signUp(annas, "anne");
    await assert.rejects(annas.invite(first), { code: "CUSTOMER_METER_UNPROVEN" });
    await enrolHere(house, annas, first);
    await envelopeFor(portal, house, await recipientFromSpki(first.vault.spki));
    const values = Array.from({ length: 96 }, (_, slot) => slot);
    await portal.store.query("delete from ucs_frame");
    await publishSealed(
      portal,
      await house.frames.next(
        { blockStart: portal.world.dayStart(0) },
        { importMilliwattHours: values },
      ),
    );
    const anna = await annas.loginWithKeys("anne", first.keys);
    const { text } = await annas.invite(anna);

    const bert = await berts.join(await signUp(berts, "bart"), text);
    assert.equal(bert.servicePoint, house.network);
    const again = await berts.login("bart", "password of bart");
    for (const session of [bert, again, anna]) {
      const client = session === anna ? annas : berts;
      const frames: Uint8Array[] = [];
      for await (const page of client.frames(0, portal.world.dayStart(9))) frames.push(...page);
      const sealed = { envelopes: await client.envelopes(), frames };
      const { meters, recipientSecret } = session.reading;
      const { readings } = await openReadings(meters, recipientSecret, sealed);
      assert.deepEqual(
        readings.map(({ importMilliwattHours }) => importMilliwattHours),
        values,
      );
    }
    assert.deepEqual(
      (await annas.household()).persons.map(({ login }) => login),
      ["anne", "bart"],
    );
    await annas.endAccess("bart");
    await assert.rejects(berts.envelopes(), { problem: { status: 403, code: "UCS_NOT_ENROLLED" } });
    const replayed = berts.join(again, text);
    await assert.rejects(replayed, { code: "CUSTOMER_INVITATION_REFUSED" });

    const { wrappingKey, authenticationKey } = await deriveInvitationKeys(text);
    const secrets = [text.slice(3), wrappingKey, parseEnrolmentCode(text.slice(3))];
    const tables = await portal.store.query<{ name: string }>(
      "select table_name::text as name from information_schema.tables where table_schema = 'public'",
    );
    const dump: string[] = [];
    for (const { name } of tables) {
      const rows = await portal.store.query<{ row: string }>(
        `select t::text as row from ${name} t`,
      );
      dump.push(...rows.map(({ row }) => row));
    }
    const proof = await primitives.sha256(authenticationKey);
    assert(sent.join().includes(toBase64Url(authenticationKey)), "the search finds what is there");
    assert(!dump.join().includes(toHex(authenticationKey)) && proof.length === 32);
    for (const secret of secrets) {
      const forms = typeof secret === "string" ? [secret] : [toHex(secret), toBase64Url(secret)];
      for (const form of forms) {
        assert(!dump.join("\n").includes(form), "not in the store");
        assert(!sent.join("\n").includes(form), "nor ever sent");
      }
    }
  });

  async function enrolHere(
    house: WorldHousehold,
    client: PortalClient,
    session: Login,
  ): Promise<void> {
    await offerOf(portal, house, "for the client");
    const enrolment = {
      code: house.enrolmentCode,
      networkPseudonym: fromHex(house.network),
      attempts: 2,
      wait: () => answerNewest(portal, house),
    };
    await client.enrol(session, enrolment);
  }
});
