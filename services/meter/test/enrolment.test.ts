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
  const uplink = mqttUplink({ url: `mqtt://127.0.0.1:${port}` });
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
