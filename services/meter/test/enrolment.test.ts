/** Enrolment, tenants, provisioning and the two uplinks of a fleet (docs/protocol.md §3, §4, §10.1). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  customerMac,
  decodeEnrolmentAnswer,
  decodeEnvelope,
  decodeOffer,
  decodeUplink,
  encodeEnrolmentCode,
  encodeEnrolmentRequest,
  fromHex,
  meterMac,
  openEnvelope,
  openFrame,
  primitives,
  toBase64Url,
  toHex,
  verifyEnrolmentAnswer,
  verifyEnvelope,
  verifyOffer,
  type EnrolmentRequest,
} from "@smarter-metering/protocol";
import { silentLogger } from "@smarter-metering/runtime";
import { Aedes } from "aedes";
import { named } from "../../../test/support/world.ts";
import { httpUplink, MeterError, mqttUplink, parseProvisioning, startFleet } from "../src/index.ts";
import { CustomerDesk } from "../src/customer-desk.ts";
import { openEpoch } from "../src/epoch.ts";
import { MeterMemory } from "../src/memory.ts";
import type { FakeConcentrator } from "./fake-concentrator.ts";
import {
  JOURNAL,
  world,
  closeRig,
  newFolder,
  home,
  provisioningOf,
  energyAt,
  sourceOf,
  registersAt,
  testClock,
  type Rig,
  type Send,
  startRig,
  newConcentrator,
  checkAccepted,
} from "./rig.ts";

after(closeRig);

test("enrolment: the code once, both sides proven, the contract's keys to that customer, then LIVE", async () => {
  const concentrator = newConcentrator();
  const household = home(0);
  const rig = await startRig((entries) => concentrator.take(entries));
  await rig.fleet.sendDay(world.dayStart(1));
  await rig.fleet.close();
  // A second epoch, also of this contract.
  const { fleet, clock } = await startRig((entries) => concentrator.take(entries), {
    path: rig.path,
  });
  await fleet.sendDay(world.dayStart(2));
  const live = (): number =>
    concentrator.accepted.filter(({ frame }) => frame.header.kind === "LIVE").length;
  const now = world.dayStart(2);
  await fleet.sendLive(now + 900, now + 1800);
  assert.equal(live(), 0, "nobody to see it");

  const offers = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_OFFER");
  const offer = offers
    .map(({ message }) => decodeOffer(message))
    .find(({ meterId }) => toHex(meterId) === household.meterId);
  assert(offer !== undefined);
  await verifyOffer(offer, household.meter.publicKey);
  const context = {
    meterId: offer.meterId,
    networkPseudonym: offer.networkPseudonym,
    account: "anna",
    customerSpki: world.customer.recipient.spki,
    nonce: offer.nonce,
  };
  const mac = await customerMac(household.enrolmentCode, context);
  const message = encodeEnrolmentRequest({ ...context, mac });
  concentrator.downlink = [{ meterId: household.meterId, message }];
  concentrator.messages = [];
  assert(await fleet.poll());
  concentrator.downlink = [];
  const answers = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_ANSWER");
  assert.equal(new Set(answers.map(({ message }) => toHex(message))).size, 1);
  const answer = decodeEnrolmentAnswer(answers[0]?.message ?? new Uint8Array(0));
  const meterKey = household.meter.publicKey;
  assert(answer.accepted);
  await verifyEnrolmentAnswer(answer, meterKey);
  assert.deepEqual(answer.mac, await meterMac(household.enrolmentCode, context, meterKey));
  assert.deepEqual(
    fleet.status().map(({ isEnrolled }) => isEnrolled),
    [true, false],
  );

  const envelopes = () =>
    concentrator.messages
      .filter(({ kind }) => kind === "ENVELOPE")
      .map(({ message }) => decodeEnvelope(message));
  assert.equal(envelopes().length, 2, "both epochs, once each");
  const keys = new Map<number, Uint8Array>();
  for (const envelope of envelopes()) {
    await verifyEnvelope(envelope, meterKey);
    keys.set(envelope.keyEpoch, await openEnvelope(envelope, world.customer.secret));
  }
  for (const { frame } of concentrator.accepted) {
    if (toHex(frame.header.meterId) !== household.meterId) continue;
    await openFrame(frame, keys.get(frame.header.keyEpoch) ?? named("no key"));
  }

  await fleet.sendLive(now + 900, now + 1800);
  assert.equal(live(), 1);
  const newest = concentrator.accepted.at(-1);
  assert(newest !== undefined);
  assert.equal(newest.openerEnvelope.length, 0, "never to the opener");
  const body = await openFrame(newest.frame, keys.get(newest.frame.header.keyEpoch) ?? named("x"));
  assert.deepEqual([...body.importMilliwattHours], [energyAt(0, now + 900)]);
  assert.deepEqual(body.registersMilliwattHours, registersAt(0, now + 1800));
  await fleet.sendLive(world.dayStart(4), world.dayStart(4) + 900);
  assert.equal(live(), 1, "a meter that is behind sends its days first");

  // A new epoch's key follows by itself; the request that comes again gets the same answer, also
  // after a restart.
  await fleet.close();
  concentrator.messages = [];
  concentrator.downlink = [{ meterId: household.meterId, message }];
  const again = await startRig((entries) => concentrator.take(entries), { path: rig.path, clock });
  assert(await again.fleet.poll());
  const repeated = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_ANSWER");
  assert.deepEqual(repeated[0]?.message, answers[0]?.message);
  assert.deepEqual(
    envelopes().map(({ keyEpoch }) => keyEpoch),
    [again.fleet.status()[0]?.keyEpoch],
  );
  await again.fleet.sendDay(world.dayStart(3));
  await again.fleet.close();
  await checkAccepted(concentrator, 3);
});

test("enrolment: guesses, stale nonces, strangers and a used code get nothing", async () => {
  const concentrator = newConcentrator();
  const household = home(0);
  const code = household.enrolmentCode;
  let rig = await startRig((entries) => concentrator.take(entries), { households: 1 });
  const { clock, path } = rig;
  const offered = (): Uint8Array => {
    const { message } =
      concentrator.messages.findLast(({ kind }) => kind === "ENROLMENT_OFFER") ?? {};
    assert(message !== undefined);
    return decodeOffer(message).nonce;
  };
  const ask = async (
    changes: Partial<EnrolmentRequest> & { readonly code?: Uint8Array } = {},
  ): Promise<string> => {
    const context = {
      meterId: fromHex(household.meterId),
      networkPseudonym: fromHex(household.network),
      account: "mallory",
      customerSpki: world.customer.recipient.spki,
      nonce: offered(),
      ...changes,
    };
    const mac = changes.mac ?? (await customerMac(changes.code ?? code, context));
    const message = encodeEnrolmentRequest({ ...context, mac });
    concentrator.messages = [];
    concentrator.downlink = [{ meterId: household.meterId, message }];
    await rig.fleet.poll();
    concentrator.downlink = [];
    const answers = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_ANSWER");
    const [answer] = answers.map(({ message }) => decodeEnrolmentAnswer(message));
    if (answer === undefined) return "nothing";
    await verifyEnrolmentAnswer(answer, household.meter.publicKey);
    if (answer.accepted) return "accepted";
    assert.deepEqual(answer.mac, new Uint8Array(32));
    return "refused";
  };
  await rig.fleet.poll();
  const first = offered();
  const weakSpki = named("not a key", 64);
  assert.equal(await ask({ meterId: fromHex(home(1).meterId) }), "nothing");
  assert.equal(await ask({ networkPseudonym: fromHex(home(1).network) }), "nothing");
  assert.equal(await ask({ nonce: named("made up", 16) }), "refused");
  assert.deepEqual(offered(), first, "a nonce that was not on offer costs nothing");
  assert.equal(await ask({ customerSpki: weakSpki }), "refused");
  assert.notDeepEqual(offered(), first, "a failure costs the nonce");
  assert.equal(await ask({ nonce: first }), "refused");
  for (let guess = 0; guess < 4; guess++) {
    assert.equal(await ask({ code: named(`guess ${guess}`, 16) }), "refused");
  }
  assert.equal(await ask(), "nothing", "five failures a day, even for the right code");
  await rig.fleet.close();
  rig = await startRig((entries) => concentrator.take(entries), { path, clock, households: 1 });
  assert.equal(await ask(), "nothing", "a restart does not forget them");
  clock.seconds += 86_400;
  assert.equal(await ask({ mac: new Uint8Array(32) }), "refused");
  assert.equal(await ask(), "accepted");
  assert.equal(await ask({ customerSpki: world.mdms.recipient.spki }), "refused", "used");
  assert.equal(await ask({ account: "other" }), "refused", "used");
  assert(rig.fleet.status()[0]?.isEnrolled);
  const recipients = new Set(
    concentrator.messages
      .filter(({ kind }) => kind === "ENVELOPE")
      .map(({ message }) => toHex(decodeEnvelope(message).recipientKeyId)),
  );
  assert(!recipients.has(toHex(world.mdms.recipient.keyId)));
  concentrator.downlink = [{ meterId: household.meterId, message: Uint8Array.of(1, 2, 3) }];
  assert(await rig.fleet.poll(), "junk from above is ignored");
  await rig.fleet.close();
});

test("a new tenant: the old one's keys leave the journal, epochs go on rising", async () => {
  const concentrator = newConcentrator();
  const send: Send = (entries) => concentrator.take(entries);
  const first = await startRig(send, { households: 1 });
  await first.fleet.sendDay(world.dayStart(2));
  const oldEpoch = first.fleet.status()[0]?.keyEpoch ?? 0;
  await first.fleet.close();
  const path = join(first.path, JOURNAL);
  const old = Buffer.from(home(0).network, "hex");
  assert(readFileSync(path).includes(old));
  const second = await startRig(send, {
    path: first.path,
    households: 1,
    provisioning: {
      networkPseudonym: toHex(named("new tenant", 16)),
      contractStart: world.dayStart(2),
    },
  });
  assert(!readFileSync(path).includes(old));
  assert.equal(second.fleet.status()[0]?.keyEpoch, oldEpoch + 1);
  assert(!second.fleet.status()[0]?.isEnrolled);
  assert((await second.fleet.sendDay(world.dayStart(3))).complete);
  await second.fleet.close();
});

/** Who asks a meter to enrol, with the code that he has. */
interface Asking {
  readonly account: string;
  readonly to: typeof world.customer;
  readonly code: Uint8Array;
  readonly network?: string;
}

/** Asks the first household's meter with its newest offer. */
async function asked(
  { fleet }: Rig,
  concentrator: FakeConcentrator,
  { account, to, code, network = home(0).network }: Asking,
): Promise<"accepted" | "refused" | "nothing"> {
  await fleet.poll();
  const offer = concentrator.messages.findLast(({ kind }) => kind === "ENROLMENT_OFFER");
  const { nonce } = decodeOffer(offer?.message ?? new Uint8Array(0));
  const { spki: customerSpki } = to.recipient;
  const names = { meterId: fromHex(home(0).meterId), networkPseudonym: fromHex(network) };
  const context = { ...names, account, customerSpki, nonce };
  const message = encodeEnrolmentRequest({ ...context, mac: await customerMac(code, context) });
  concentrator.downlink = [{ meterId: home(0).meterId, message }];
  await fleet.poll();
  concentrator.downlink = [];
  const answer = concentrator.messages
    .filter(({ kind }) => kind === "ENROLMENT_ANSWER")
    .map((entry) => decodeEnrolmentAnswer(entry.message))
    .find((entry) => toHex(entry.nonce) === toHex(nonce));
  if (answer === undefined) return "nothing";
  return answer.accepted ? "accepted" : "refused";
}

/** The data keys that were wrapped to somebody, by epoch. */
async function keysFor(
  concentrator: FakeConcentrator,
  { recipient, secret }: typeof world.customer,
): Promise<Map<number, Uint8Array>> {
  const keys = new Map<number, Uint8Array>();
  for (const { kind, message } of concentrator.messages) {
    if (kind !== "ENVELOPE") continue;
    const envelope = decodeEnvelope(message);
    if (toHex(envelope.recipientKeyId) !== toHex(recipient.keyId)) continue;
    keys.set(envelope.keyEpoch, await openEnvelope(envelope, secret));
  }
  return keys;
}

/** How many of the accepted frames these keys open. */
async function openedBy(
  keys: ReadonlyMap<number, Uint8Array>,
  frames: FakeConcentrator["accepted"],
): Promise<number> {
  let opened = 0;
  for (const { frame } of frames) {
    const key = keys.get(frame.header.keyEpoch);
    if (key === undefined) continue;
    await openFrame(frame, key);
    opened += 1;
  }
  return opened;
}

const recoded = (code: Uint8Array, recodes: number): object => ({
  enrolmentCode: encodeEnrolmentCode(code),
  recodes,
});

test("a new code from the registry: one new account gets the contract's history, the old code nothing", async () => {
  const concentrator = newConcentrator();
  const send: Send = (entries) => concentrator.take(entries);
  const [oldCode, newCode] = [home(0).enrolmentCode, named("new code", 16)];
  const anna = { account: "anna", to: world.customer, code: oldCode };
  const anew = { account: "anna-2", to: world.mdms, code: newCode };
  const thief = { account: "thief", to: world.opener };
  let rig = await startRig(send, { households: 1 });
  const { path, clock } = rig;
  const restart = async (provisioning: object): Promise<void> => {
    await rig.fleet.close();
    rig = await startRig(send, { path, clock, households: 1, provisioning });
  };
  await rig.fleet.sendDay(world.dayStart(1));
  assert.equal(await asked(rig, concentrator, anna), "accepted");
  // Anna has lost password and recovery key. The code of her letter is used; a guess is a guess.
  assert.equal(await asked(rig, concentrator, { ...anew, code: oldCode }), "refused");
  assert.equal(await asked(rig, concentrator, anew), "refused");

  await restart(recoded(newCode, 1));
  await rig.fleet.sendDay(world.dayStart(2));
  assert(rig.fleet.status()[0]?.isEnrolled, "whoever is enrolled stays until somebody else is");
  assert.equal((await keysFor(concentrator, world.customer)).size, 2);
  assert.equal(await asked(rig, concentrator, { ...thief, code: oldCode }), "refused");
  await restart(recoded(newCode, 1));
  assert.equal(await asked(rig, concentrator, { ...thief, code: oldCode }), "refused");
  await assert.rejects(restart({}), { code: "METER_CODE_VOID" });
  rig = await startRig(send, { path, clock, households: 1, provisioning: recoded(newCode, 1) });
  await rig.fleet.sendDay(world.dayStart(3));
  const before = await keysFor(concentrator, world.customer);

  assert.equal(await asked(rig, concentrator, anew), "accepted");
  const keys = await keysFor(concentrator, world.mdms);
  const { accepted } = concentrator;
  assert.equal(await openedBy(keys, accepted), accepted.length, "from the contract's start on");
  assert.deepEqual(new Set(keys.keys()), new Set(before.keys()), "each epoch");

  // The letter again, the order again, the old provisioning again: nobody gets anything by them.
  assert.equal(await asked(rig, concentrator, { ...thief, code: newCode }), "refused");
  clock.seconds += 86_400; // A day has five failures.
  await restart(recoded(newCode, 1));
  assert.equal(await asked(rig, concentrator, { ...thief, code: newCode }), "refused");
  assert.equal(await asked(rig, concentrator, anna), "refused");
  await assert.rejects(restart({}), { code: "METER_CODE_VOID" });
  rig = await startRig(send, { path, clock, households: 1, provisioning: recoded(newCode, 1) });
  assert.equal(await asked(rig, concentrator, { ...thief, code: newCode }), "refused");
  await rig.fleet.sendDay(world.dayStart(4));
  assert.equal((await keysFor(concentrator, world.opener)).size, 0);
  assert.deepEqual(await keysFor(concentrator, world.customer), before, "nothing for the old key");
  const after = await keysFor(concentrator, world.mdms);
  assert.equal(await openedBy(after, concentrator.accepted), concentrator.accepted.length);
  // Once each: nothing is wrapped again and again.
  const envelopes = concentrator.messages.filter(({ kind }) => kind === "ENVELOPE");
  assert.equal(envelopes.length, before.size + after.size);
  await rig.fleet.close();
});

test("an envelope on its way to the customer before is not taken for the new one's", async () => {
  const written: unknown[] = [];
  const journal = {
    memories: new Map(),
    tornBytes: 0,
    appendedBytes: 0,
    append: (...records: unknown[]) => Promise.resolve(void written.push(records)),
    compact: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const nowSeconds = (): number => world.startSeconds;
  const none = { source: sourceOf(0), blindings: undefined, prices: undefined };
  const ports = { journal, random, nowSeconds, ...none };
  const newCode = named("new code", 16);
  const [first, second] = await Promise.all(
    [{}, recoded(newCode, 1)].map((changes) => parseProvisioning(provisioningOf(home(0), changes))),
  );
  assert(first !== undefined && second !== undefined);
  const memory = new MeterMemory(first, first.installedAt);
  await openEpoch(first, memory, ports, undefined);
  const enrolled = async (desk: CustomerDesk, code: Uint8Array, to: typeof world.customer) => {
    const { nonce = new Uint8Array(0) } = memory.enrolment ?? {};
    const { meterId, networkPseudonym } = first;
    const { spki: customerSpki } = to.recipient;
    const context = { meterId, networkPseudonym, account: "a", customerSpki, nonce };
    const mac = await customerMac(code, context);
    return desk.receive(encodeEnrolmentRequest({ ...context, mac }));
  };
  const envelopeOf = async (desk: CustomerDesk) => {
    const sent = (await desk.outgoing()).find(({ kind }) => kind === "envelope");
    assert(sent !== undefined);
    return sent;
  };
  assert.equal(
    await enrolled(
      await CustomerDesk.open(first, memory, ports),
      home(0).enrolmentCode,
      world.mdms,
    ),
    "enrolled",
  );
  const desk = await CustomerDesk.open(second, memory, ports);
  const toTheFormer = await envelopeOf(desk);
  assert.equal(await enrolled(desk, newCode, world.customer), "enrolled");
  assert.equal(desk.taken(toTheFormer), undefined);
  const toTheNew = await envelopeOf(desk);
  assert.notDeepEqual(toTheNew.item, toTheFormer.item);
  assert.equal(desk.taken(toTheNew)?.kind, "WRAPPED");
});

test("a new code opens its own contract: neither the tenant before nor the one after gets the other's", async () => {
  const concentrator = newConcentrator();
  const send: Send = (entries) => concentrator.take(entries);
  const codes = [named("first new code", 16), named("second new code", 16)] as const;
  const network = toHex(named("new tenant", 16));
  const contract = { networkPseudonym: network, contractStart: world.dayStart(2) };
  const first = await startRig(send, { households: 1 });
  await first.fleet.sendDay(world.dayStart(2));
  await first.fleet.close();
  const formerFrames = [...concentrator.accepted];
  const { path, clock } = first;

  const next = { ...contract, enrolmentCode: encodeEnrolmentCode(codes[1]), recodes: 1 };
  let rig = await startRig(send, { path, clock, households: 1, provisioning: next });
  await rig.fleet.sendDay(world.dayStart(4));
  const former = { account: "former", to: world.mdms };
  for (const code of [codes[0], home(0).enrolmentCode]) {
    assert.equal(await asked(rig, concentrator, { ...former, code, network }), "refused");
    assert.equal(await asked(rig, concentrator, { ...former, code }), "nothing", "under his name");
  }
  const tenant = { account: "tenant", to: world.customer, code: codes[1], network };
  assert.equal(await asked(rig, concentrator, tenant), "accepted");
  const own = await keysFor(concentrator, world.customer);
  assert.equal(
    await openedBy(own, concentrator.accepted),
    concentrator.accepted.length - formerFrames.length,
  );
  assert.equal(await openedBy(own, formerFrames), 0);
  await rig.fleet.close();

  // Were the meter told of the former contract again, with a code for it: its keys are gone.
  const back = recoded(codes[0], 1);
  rig = await startRig(send, { path, clock, households: 1, provisioning: back });
  assert.equal(await asked(rig, concentrator, { ...former, code: codes[0] }), "accepted");
  const formerKeys = await keysFor(concentrator, world.mdms);
  assert.equal(await openedBy(formerKeys, concentrator.accepted), 0);
  await rig.fleet.close();
});

test("provisioning: what is wrong is named, what is secret is not repeated", async () => {
  const household = home(0);
  const good = await parseProvisioning(provisioningOf(household));
  assert.equal(good.meterName, household.meterId);
  const { opener } = world.meterTerms as { readonly opener: object };
  const cases: readonly object[] = [
    { signingSeed: "secret-secret" },
    { meterId: household.meterId.toUpperCase() },
    { enrolmentCode: "00000-11111" },
    { contractStart: world.startSeconds + 60 },
    { zone: "Mars/Olympus" },
    { calendar: {} },
    { opener: { ...opener, keys: "AAAA" } },
    { opener: { ...opener, registryRootKey: toHex(household.meter.publicKey) } },
    { opener: undefined },
    { profile: "none" },
    { intervalSeconds: 30 },
    { surprise: 1 },
  ];
  for (const changes of cases) {
    await assert.rejects(parseProvisioning(provisioningOf(household, changes)), (error) => {
      assert(error instanceof MeterError);
      assert.equal(error.code, "METER_PROVISIONING", JSON.stringify(changes));
      assert(!error.message.includes("secret"));
      return true;
    });
  }
  const meter = { provisioning: provisioningOf(household), source: sourceOf(0) };
  const ports = {
    clock: testClock(),
    log: silentLogger,
    journalFolder: newFolder(),
    uplink: { send: () => Promise.reject(new Error("unused")), close: () => Promise.resolve() },
    random: (bytes: number) => primitives.randomBytes(bytes),
  };
  await assert.rejects(startFleet({ meters: [meter, meter] }, ports), {
    code: "METER_PROVISIONING",
  });
});

test("HTTP uplink: one request, verdicts and messages; every other answer has its code", async () => {
  const concentrator = newConcentrator();
  const message = Uint8Array.of(1, 2, 3);
  let reply: (body: Uint8Array) => Promise<Response> = async (body) => {
    const items = decodeUplink(body);
    const entries = items.map((item) => ({ meterId: home(0).meterId, item }));
    const { verdicts } = await concentrator.take(entries);
    const downlink = [{ meterId: home(0).meterId, message: toBase64Url(message) }];
    return Response.json({ verdicts, downlink });
  };
  const uplink = httpUplink({
    url: "http://concentrator",
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      if (request.method === "GET") assert.equal(pathname, "/v1/opener-keys");
      else assert.equal(pathname, "/v1/uplink");
      return reply(new Uint8Array(await request.arrayBuffer()));
    },
  });
  const { fleet } = await startRig((entries) => uplink.send(entries), { households: 1 });
  assert((await fleet.sendDay(world.dayStart(2))).complete);
  await checkAccepted(concentrator, 2, { households: 1 });
  await fleet.close();

  const entries = [{ meterId: home(0).meterId, item: Uint8Array.of(9) }];
  const answer = await uplink.send(entries);
  assert.deepEqual(answer.downlink, [{ meterId: home(0).meterId, message }]);
  const verdict = { status: "accepted" };
  const cases: readonly (readonly [string, () => Response, string])[] = [
    ["503", () => new Response("", { status: 503 }), "UPLINK_UNREACHABLE"],
    ["413", () => new Response("", { status: 413 }), "UPLINK_ANSWER"],
    ["no JSON", () => new Response("{"), "UPLINK_ANSWER"],
    ["no verdicts", () => Response.json({ verdicts: [], downlink: [] }), "UPLINK_ANSWER"],
    ["two", () => Response.json({ verdicts: [verdict, verdict], downlink: [] }), "UPLINK_ANSWER"],
    ["other", () => Response.json({ verdicts: [{ status: "ok" }], downlink: [] }), "UPLINK_ANSWER"],
    ["too long", () => new Response(new Uint8Array(3 * 1024 * 1024)), "UPLINK_UNREACHABLE"],
  ];
  for (const [name, response, code] of cases) {
    reply = () => Promise.resolve(response());
    await assert.rejects(uplink.send(entries), { code }, name);
  }
  reply = () => Promise.reject(new TypeError("refused"));
  await assert.rejects(uplink.send(entries), { code: "UPLINK_UNREACHABLE" });

  const ask = () => uplink.openerKeys?.(home(0).meterId) ?? Promise.resolve("no way to ask");
  await assert.rejects(ask, { code: "UPLINK_UNREACHABLE" });
  for (const [status, code] of [
    [503, "UPLINK_UNREACHABLE"],
    [401, "UPLINK_ANSWER"],
  ] as const) {
    reply = () => Promise.resolve(new Response("", { status }));
    await assert.rejects(ask, { code });
  }
  reply = () => Promise.resolve(new Response("a list"));
  assert.equal(await ask(), "a list");
  reply = () => Promise.resolve(new Response("", { status: 404 }));
  assert.equal(await ask(), undefined, "there is no opener");
});

test("MQTT uplink: a connection per meter; a PUBACK without a verdict means nothing", async () => {
  const concentrator = newConcentrator();
  let silent = false;
  const broker = await Aedes.createBroker({
    authorizePublish(client, packet, done) {
      const meterId = client?.id ?? "";
      assert.equal(packet.topic, `smarter-metering/v1/up/${meterId}`);
      const item = Uint8Array.from(Buffer.from(packet.payload));
      const publish = async (): Promise<void> => {
        const { verdicts } = await concentrator.take([{ meterId, item }]);
        if (silent) return done(null);
        const payload = { item: toHex(await primitives.sha256(item)), verdict: verdicts[0] };
        const topic = `smarter-metering/v1/down/${meterId}`;
        const down = { cmd: "publish", topic, qos: 0, dup: false, retain: false } as const;
        broker.publish({ ...down, payload: JSON.stringify(payload) }, () => done(null));
      };
      void publish();
    },
  });
  const server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const uplink = mqttUplink({ url: `mqtt://127.0.0.1:${port}`, verdictTimeoutMs: 1500 });
  const { fleet } = await startRig((entries) => uplink.send(entries));
  const report = await fleet.sendDay(world.dayStart(2));
  assert(report.complete);
  assert.equal(report.attemptsFailed, 0);
  await checkAccepted(concentrator, 2);
  const list = { topic: "smarter-metering/v1/opener-keys", payload: Buffer.from("a list") };
  const retained = { cmd: "publish", qos: 0, dup: false, retain: true, ...list } as const;
  await new Promise<void>((resolve) => broker.publish(retained, () => resolve()));
  assert.equal(await uplink.openerKeys?.(home(0).meterId), "a list");
  assert.equal(await uplink.openerKeys?.(home(2).meterId), "a list", "on a connection of its own");
  silent = true;
  assert.equal(await fleet.poll(), false);
  silent = false;
  await fleet.close();
  await uplink.close();
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  await new Promise((resolve) => server.close(resolve));
  const entries = [{ meterId: home(0).meterId, item: Uint8Array.of(9) }];
  await assert.rejects(uplink.send(entries), { code: "UPLINK_UNREACHABLE" });
  const asking = uplink.openerKeys?.(home(0).meterId) ?? Promise.resolve();
  await assert.rejects(asking, { code: "UPLINK_UNREACHABLE" });
});
