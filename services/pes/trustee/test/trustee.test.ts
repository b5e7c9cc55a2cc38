import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { parseSecretKey, serializePublicKey } from "@smarter-metering/paillier";
import {
  decodeRefusal,
  decodeRelease,
  encodeAskedRequest,
  encodeContributionHeader,
  encodeRequest,
  fromBase64Url,
  fromUtf8,
  indexNetworkView,
  openToken,
  requestDigest,
  signContribution,
  toHex,
  type Contribution,
  type NetworkView,
  type SignedRequest,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type Bus,
} from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { fixedKeysJson } from "../../../../packages/paillier/test/fixed-keys.ts";
import { testPlace } from "../../../../packages/runtime/test/test-place.ts";
import { mutableFeed } from "../../../../test/support/world.ts";
import { initialiseLedger, startTrustee } from "../src/index.ts";
import { openLedger } from "../src/ledger.ts";
import { attacks, NOT_LOGGED } from "./attacks.ts";
import {
  codesOf,
  contentOf,
  decrypted,
  engineCalls,
  folder,
  freshLedger,
  HandBus,
  spiedEngine,
  start,
  TestLog,
} from "./harness.ts";
import { EPOCH } from "./requests.ts";
import {
  ALL,
  bitmap,
  border,
  corruptRequest,
  defined,
  february,
  forged,
  load,
  scene,
  SIX,
} from "./stage.ts";

after(async () => {
  await scene.close();
  await rm(folder, { recursive: true });
});

describe("attacks on a request are refused, each with its code", () => {
  for (const { name, code, request, before, setting, attempt } of attacks) {
    test(`${code}: ${name}`, async () => {
      const { trustee, bus, ask } = await start(setting?.());
      if (before !== undefined) assert((await ask(await before())).release);
      const opened = decrypted.length;
      const released = bus.of("releases").length;
      const answer = await ask(await request(), attempt);
      const isLogged = code !== NOT_LOGGED;
      assert.deepEqual(answer.verdict, isLogged ? { ack: true } : { dead: code });
      const codes = answer.codes.join(", ") || "nothing";
      assert.equal(answer.codes.includes(code), isLogged, `refused with ${codes}`);
      assert.equal(bus.of("releases").length, released);
      assert.equal(decrypted.length - opened, code === "RELEASE_CORRUPT" ? 1 : 0);
      assert.equal(trustee.status().refused[code], isLogged ? 1 : undefined);
      await trustee.close();
    });
  }

  test("what is no request at all is set aside", async () => {
    const { trustee, bus } = await start();
    assert.deepEqual(await bus.deliver(Uint8Array.of(1, 2, 3), 1), { dead: "REQUEST_MALFORMED" });
    await trustee.close();
  });
});

describe("releases", () => {
  test("a block: the exact sum, counts per slot, sealed to the MDMS", async () => {
    const { trustee, ask } = await start();
    const content = await contentOf((await ask(await scene.loadRequest(load(1, ...ALL)))).release);
    assert(content.kind === "LOAD");
    const { consumed } = scene;
    const truth = Array.from({ length: 24 }, (_, slot) =>
      ALL.reduce<number>((sum, index) => sum + wattHours(index, slot), 0),
    );
    assert.deepEqual(content.energy_Wh, truth);
    assert.deepEqual(
      content.contributorsPerSlot,
      Array.from({ length: 24 }, () => 7),
    );
    assert.deepEqual(
      [content.contributors, content.members, content.policyId],
      [7, 7, "UNSAFE-test"],
    );
    assert.equal(trustee.status().released, 1);
    await trustee.close();

    /** ⌊R_end/1000⌋ − ⌊R_start/1000⌋ of the cumulative register, from the values alone. */
    function wattHours(index: number, slot: number): number {
      const days = [0, 1].map((day) => defined(consumed.get(day)?.[index]));
      const before = defined(days[0]).reduce((a, b) => a + b, 0);
      const at = (count: number): number =>
        Math.floor(
          (before +
            defined(days[1])
              .slice(0, count)
              .reduce((a, b) => a + b, 0)) /
            1000,
        );
      return at(slot + 1) - at(slot);
    }
  });

  test("bills: exact differences of registers, adjacent windows, the MDMS's own name", async () => {
    const { trustee, ask } = await start();
    const march = await scene.billRequest([border(27), border(58)], [28, 59]);
    for (const [request, from, to] of [
      [await february(), -1, 27],
      [march, 27, 58],
    ] as const) {
      const content = await contentOf((await ask(request)).release);
      assert(content.kind === "BILL");
      const [a, b] = [defined(scene.registers.get(from)), defined(scene.registers.get(to))];
      const truth = b.map((register, index) => String(register - defined(a[index])));
      assert.deepEqual(content.registers_mWh, truth);
      assert(truth.some((register) => register !== "0"));
      const token = fromBase64Url(content.servicePointToken);
      const name = await openToken(scene.world.mdms.secret, token);
      assert.equal(name && toHex(name), defined(scene.world.households[0]).mdms);
      assert(!JSON.stringify(content).includes(defined(scene.world.households[0]).network));
    }
    await trustee.close();
  });

  test("a day in parts counts its service point once", async () => {
    const { trustee, ask } = await start();
    const half = (firstSlot: number): Promise<Contribution> =>
      forged({ firstSlot, count: 12, bitmap: bitmap(12) }, 0);
    const parts = [await half(0), await half(12)];
    const request = await scene.loadRequest([...parts, ...load(1, 1, 2, 3, 4, 5, 6)]);
    const content = await contentOf((await ask(request)).release);
    assert(content.kind === "LOAD");
    assert.equal(content.contributors, 7);
    assert.deepEqual(new Set(content.contributorsPerSlot), new Set([7]));
    await trustee.close();
  });

  test("meter-encrypts: signed by the meters, no opener", async () => {
    const profile = "meter-encrypts" as const;
    const { document, world } = scene;
    const view = indexNetworkView({
      ...document,
      cohorts: document.cohorts.map((cohort) => ({ ...cohort, profile })),
      servicePoints: document.servicePoints.map((point) => ({ ...point, profile })),
    });
    const own = ALL.map((index) => {
      const { header } = defined(load(1, index)[0]);
      const { meter } = defined(world.households[index]);
      return scene.forge({ ...header, profile }, [BigInt(index)], meter);
    });
    const { trustee, ask } = await start({ view });
    const content = await contentOf(
      (await ask(await scene.loadRequest(await Promise.all(own)))).release,
    );
    assert(content.kind === "LOAD");
    assert.equal(content.energy_Wh[0], 21);
    const refused = await ask(await scene.loadRequest(load(0, ...ALL)));
    assert.deepEqual(refused.codes, ["REQUEST_MIXED_PROFILES"]);
    await trustee.close();
  });

  test("the same request has the same answer for ever, byte for byte", async () => {
    const { trustee, ask, ledger, bus } = await start();
    const request = await scene.loadRequest(load(1, ...ALL));
    const first = await ask(request);
    assert.deepEqual((await ask(request)).release, first.release);
    await trustee.close();
    const again = await start({ ledger, bus, nowDay: 400 });
    const opened = decrypted.length;
    assert.deepEqual((await again.ask(request)).release, first.release);
    assert.equal(decrypted.length, opened);
    assert.equal(again.trustee.status().released, 1);
    await again.trustee.close();
  });

  test("a corrupt set is not opened twice, and its block is spent", async () => {
    const { trustee, ask } = await start();
    const request = await corruptRequest();
    const opened = decrypted.length;
    assert.deepEqual((await ask(request)).codes, ["RELEASE_CORRUPT"]);
    assert.deepEqual((await ask(request)).codes, ["RELEASE_CORRUPT"]);
    assert.equal(decrypted.length, opened + 1);
    const honest = await scene.loadRequest(load(1, ...ALL));
    assert.deepEqual((await ask(honest)).codes, ["R3_ALREADY_RELEASED"]);
    assert.equal(trustee.status().released, 0);
    await trustee.close();
  });

  test("an epoch that is not there yet is waited for; a full bus too", async () => {
    const registry = mutableFeed(EPOCH, scene.view);
    const { trustee, ask, bus } = await start({ registry });
    const early = await scene.loadRequest(load(1, ...ALL), { registryEpoch: EPOCH + 1 });
    assert.deepEqual((await ask(early)).verdict, { retryAfterMs: 5_000 });
    registry.set(EPOCH + 1, scene.view);
    bus.full = true;
    assert.deepEqual((await ask(early)).verdict, { retryAfterMs: 1_000 });
    bus.full = false;
    assert((await ask(early)).release);
    await trustee.close();
  });
});

describe("a batch", () => {
  const encoded = async (requests: readonly Promise<SignedRequest>[]): Promise<Uint8Array[]> =>
    (await Promise.all(requests)).map(encodeRequest);
  const ACK = { ack: true };
  /** Shares days with February's window and March's. */
  const overlapping = (): Promise<SignedRequest> =>
    scene.billRequest([border(-1), border(58)], [0, 59]);
  const march = (): Promise<SignedRequest> => scene.billRequest([border(27), border(58)], [28, 59]);
  const wrongProduct = (): Promise<SignedRequest> =>
    scene.billRequest([border(27), border(58)], [28, 59], { product: border(58).ciphertext });
  const noCiphertext = async (): Promise<SignedRequest> => {
    const { header } = border(58);
    const zero = new Uint8Array(border(58).ciphertext.length);
    const { signer } = scene.world.parties.opener;
    const signed = await signContribution(encodeContributionHeader(header), header, zero, signer);
    return scene.billRequest([border(27), signed], [28, 59]);
  };

  /** What a bus says after a while: a release once, refusals in order. */
  async function answersOn(bus: HandBus): Promise<unknown> {
    const releases = new Map(bus.of("releases").map(({ id, body }) => [id, body]));
    const opened = [...releases].map(async ([id, body]) => {
      const { sequence } = decodeRelease(body);
      return [id, sequence, await contentOf(body)];
    });
    const refusals = bus.of("refusals").map(({ body }) => {
      const { requestDigest: digest, reasons } = decodeRefusal(body);
      return [toHex(digest), reasons];
    });
    return { releases: await Promise.all(opened), refusals };
  }

  test("is answered with one call of the engine for its bills and one write; a bad request harms none", async () => {
    for (const bad of [wrongProduct, noCiphertext]) {
      const { trustee, bus, ledger } = await start();
      const bodies = await encoded([february(), bad()]);
      await bus.follow(bodies);
      const before = (await readFile(join(ledger, "releases.journal"))).length;
      engineCalls.length = 0;
      const verdicts = await bus.ask([
        defined(bodies[0]),
        Uint8Array.of(1, 2, 3),
        ...bodies.slice(1),
      ]);
      assert.deepEqual(verdicts, [ACK, { dead: "REQUEST_MALFORMED" }, ACK]);
      assert.deepEqual(engineCalls, ["check", "subtract", "decrypt"]);
      const contents = await Promise.all(bus.of("releases").map(({ body }) => contentOf(body)));
      assert.deepEqual(
        contents.map((content) => content.kind === "BILL" && [content.fromGrid, content.toGrid]),
        [[0, 28].map((day) => scene.world.dayStart(day))],
      );
      assert.deepEqual(trustee.status(), { released: 1, refused: { REQUEST_WRONG_PRODUCT: 1 } });
      await trustee.close();
      // One frame: its length, and nothing after it.
      const journal = await readFile(join(ledger, "releases.journal"));
      assert.equal(journal.readUInt32LE(before) + before + 12, journal.length);
    }
  });

  test("has rules among its own: of two that overlap the first is released", async () => {
    for (const [requests, window] of [
      [
        [february(), overlapping()],
        [0, 28],
      ],
      [
        [overlapping(), february()],
        [0, 59],
      ],
    ] as const) {
      const { trustee, bus } = await start();
      await bus.deliverAll(await encoded(requests));
      const contents = await Promise.all(bus.of("releases").map(({ body }) => contentOf(body)));
      assert.deepEqual(
        contents.map((content) => content.kind === "BILL" && [content.fromGrid, content.toGrid]),
        [window.map((day) => scene.world.dayStart(day))],
      );
      assert.equal(trustee.status().refused["R8_OVERLAP"], 1);
      await trustee.close();
    }
  });

  test("is answered as its requests one after the other", async () => {
    const pool = await encoded([
      february(),
      march(),
      overlapping(),
      wrongProduct(),
      scene.billRequest([border(-1), border(27)], [0, 28], {
        signer: scene.world.parties.opener.signer,
      }),
      scene.loadRequest(load(1, ...ALL)),
      scene.loadRequest(load(1, ...SIX)),
      corruptRequest(),
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...pool), { minLength: 2, maxLength: 8 }),
        async (bodies) => {
          const [together, alone] = [await start(), await start()];
          await together.bus.deliverAll(bodies);
          for (const body of bodies) await alone.bus.deliver(body, 1);
          assert.deepEqual(await answersOn(together.bus), await answersOn(alone.bus));
          assert.deepEqual(together.trustee.status(), alone.trustee.status());
          await Promise.all([together.trustee.close(), alone.trustee.close()]);
        },
      ),
      { numRuns: 10 },
    );
  });

  test("cut off between ledger and answers: the same bytes after the restart, however they come", async () => {
    const running = await start();
    const bodies = await encoded([
      february(),
      wrongProduct(),
      scene.loadRequest(load(1, ...ALL)),
      scene.loadRequest(load(0, ...ALL)),
    ]);
    running.bus.dies = true;
    await assert.rejects(running.bus.deliverAll(bodies), /the process died/);
    await running.trustee.close();
    const journal = await readFile(join(running.ledger, "releases.journal"));
    const opened = decrypted.length;
    for (const order of [bodies, bodies.toReversed()]) {
      const again = await start({ ledger: running.ledger });
      for (const body of order) await again.bus.deliver(body, 1);
      const releases = again.bus.of("releases").map(({ body }) => body);
      const sequences = releases.map((body) => decodeRelease(body).sequence);
      assert.deepEqual(new Set(sequences), new Set([0, 1, 2]));
      for (const body of releases) {
        assert(journal.includes(Buffer.from(body).toString("base64url")));
      }
      assert.deepEqual(again.trustee.status().refused, { REQUEST_WRONG_PRODUCT: 1 });
      await again.trustee.close();
    }
    assert.equal(decrypted.length, opened);
  });

  test("cut off inside the journal: all of it is there or none, with the head of before", async () => {
    const running = await start();
    const headPath = join(running.ledger, "head.json");
    const journalPath = join(running.ledger, "releases.journal");
    const [headBefore, before] = [await readFile(headPath), await readFile(journalPath)];
    await running.bus.deliverAll(await encoded([february(), march()]));
    await running.trustee.close();
    const whole = await readFile(journalPath);
    const middle = Math.floor((before.length + whole.length) / 2);
    for (const [bytes, releases] of [
      [whole.length, 2],
      [whole.length - 1, 0],
      [middle, 0],
      [before.length + 1, 0],
    ] as const) {
      await writeFile(journalPath, whole.subarray(0, bytes));
      await writeFile(headPath, headBefore);
      const ledger = await openLedger(running.ledger);
      assert.equal(ledger.releases, releases);
      await ledger.close();
    }
  });

  test("waits as a whole when the engine is busy, and nothing of it is remembered", async () => {
    let busy = true;
    const { trustee, bus } = await start({ isBusy: () => busy });
    const bodies = await encoded([february(), overlapping()]);
    const wait = { retryAfterMs: 10_000 };
    assert.deepEqual(await bus.deliverAll(bodies), [wait, wait]);
    assert.deepEqual([bus.of("releases"), bus.of("refusals")], [[], []]);
    busy = false;
    assert.deepEqual(await bus.deliverAll(bodies.toReversed(), 2), [ACK, ACK]);
    assert.deepEqual(trustee.status(), { released: 1, refused: { R8_OVERLAP: 1 } });
    await trustee.close();
  });
});

describe("policy and key are pinned", () => {
  const withPolicy = (changes: object): NetworkView =>
    indexNetworkView({
      ...scene.document,
      policy: { ...(scene.document.policy as object), ...changes },
    });

  test("no start under an UNSAFE policy without a pin, another policy, or another key", async () => {
    const { world } = scene;
    const ledgerFolder = await freshLedger();
    const ports = {
      clock: manualClock(0),
      log: silentLogger,
      metrics: createMetrics(),
      bus: new HandBus() as unknown as Bus,
      registry: mutableFeed(EPOCH, scene.view),
      engine: world.engine,
      secretKey: world.paillier.secretKey,
      signer: world.parties.trustee.signer,
      ledgerFolder,
    };
    const refused = { code: "TRUSTEE_POLICY_REFUSED" };
    await assert.rejects(startTrustee({}, ports), refused);
    await assert.rejects(startTrustee({ policyId: "standard-k100" }, ports), refused);
    await assert.rejects(startTrustee({ policyId: "UNSAFE-other" }, ports), refused);
    const json = defined(fixedKeysJson[1]);
    const paillierKey = serializePublicKey((await parseSecretKey(json)).publicKey);
    const foreign = indexNetworkView({ ...scene.document, paillierKey });
    const rekeyed = { ...ports, registry: mutableFeed(EPOCH, foreign) };
    await assert.rejects(startTrustee({ policyId: "UNSAFE-test" }, rekeyed), {
      code: "TRUSTEE_WRONG_KEY",
    });
    const low = mutableFeed(EPOCH, withPolicy({ id: "lawful" }));
    await assert.rejects(startTrustee({}, { ...ports, registry: low }), {
      code: "POLICY_BELOW_FLOOR",
    });
  });

  test("a registry that moves to another policy later is not served", async () => {
    const { world } = scene;
    const registry = mutableFeed(EPOCH, scene.view);
    const bus = new HandBus();
    const trustee = await startTrustee(
      { policyId: "UNSAFE-test" },
      {
        clock: manualClock(world.dayStart(70) * 1000),
        log: silentLogger,
        metrics: createMetrics(),
        bus: bus as unknown as Bus,
        registry,
        engine: spiedEngine(),
        secretKey: world.paillier.secretKey,
        signer: world.parties.trustee.signer,
        ledgerFolder: await freshLedger(),
      },
    );
    registry.set(EPOCH + 1, withPolicy({ id: "UNSAFE-weaker", contributorsMin: 1 }));
    bus.nowSeconds = world.dayStart(70);
    const registryEpoch = EPOCH + 1;
    await bus.deliver(encodeRequest(await scene.loadRequest(load(1, 0), { registryEpoch })), 1);
    assert.deepEqual(trustee.status(), { released: 0, refused: { REGISTRY_NOT_ACCEPTED: 1 } });
    await trustee.close();
  });
});

describe("the ledger", () => {
  test("a crash between ledger and answer: the same answer after the restart", async () => {
    const running = await start();
    const request = await scene.loadRequest(load(1, ...ALL));
    running.bus.dies = true;
    await assert.rejects(running.ask(request), /the process died/);
    await running.trustee.close();
    const content = await readFile(join(running.ledger, "releases.journal"));
    const again = await start({ ledger: running.ledger });
    const { release } = await again.ask(request);
    assert(content.includes(Buffer.from(defined(release)).toString("base64url")));
    assert.deepEqual((await again.ask(await scene.loadRequest(load(1, ...SIX)))).codes, [
      "R3_ALREADY_RELEASED",
    ]);
    await again.trustee.close();
  });

  test("a record cut at any byte: refused once the head knew it, forgotten before", async () => {
    const running = await start();
    await running.ask(await scene.loadRequest(load(0, ...ALL)));
    const journalPath = join(running.ledger, "releases.journal");
    const headPath = join(running.ledger, "head.json");
    const [first, headBefore] = [await readFile(journalPath), await readFile(headPath)];
    // A quarantine has a short record, and every byte of it costs two starts.
    const request = await corruptRequest();
    assert.deepEqual((await running.ask(request)).codes, ["RELEASE_CORRUPT"]);
    await running.trustee.close();
    const whole = await readFile(journalPath);
    const headAfter = await readFile(headPath);
    const copy = join(folder, "cut");
    await cp(running.ledger, copy, { recursive: true });
    const digest = toHex(await requestDigest(request));
    for (let bytes = first.length; bytes < whole.length; bytes++) {
      const write = (head: Uint8Array): Promise<unknown> =>
        Promise.all([
          writeFile(join(copy, "releases.journal"), whole.subarray(0, bytes)),
          writeFile(join(copy, "head.json"), head),
        ]);
      await write(headAfter);
      await assert.rejects(openLedger(copy), { code: "TRUSTEE_LEDGER_TRUNCATED" });
      // A crash before the head knew it; every seventh byte, for the disk's sake.
      if (bytes % 7 !== 0) continue;
      await write(headBefore);
      const ledger = await openLedger(copy);
      assert.deepEqual([ledger.releases, ledger.find(digest)], [1, undefined]);
      await ledger.close();
    }
    // Whole, and the head not yet replaced: kept.
    await writeFile(join(copy, "releases.journal"), whole);
    await writeFile(join(copy, "head.json"), headBefore);
    const ledger = await openLedger(copy);
    assert.equal(ledger.find(digest)?.kind, "quarantine");
    await ledger.close();
    assert.deepEqual(await readFile(join(copy, "head.json")), headAfter);
  });

  test("lost, shortened, exchanged or older than what was published: no start", async () => {
    const running = await start();
    const older = join(folder, "older");
    await running.ask(await scene.loadRequest(load(0, ...ALL)));
    await running.trustee.close();
    await cp(running.ledger, older, { recursive: true });
    const second = await start({ ledger: running.ledger, bus: running.bus });
    await second.ask(await scene.loadRequest(load(1, ...ALL)));
    await second.trustee.close();

    const other = await start();
    await other.ask(await scene.loadRequest(load(1, ...ALL)));
    await other.trustee.close();

    const damages: [name: string, code: string, (copy: string) => Promise<unknown>][] = [
      ["journal lost", "TRUSTEE_LEDGER_MISSING", (copy) => rm(join(copy, "releases.journal"))],
      ["head lost", "TRUSTEE_LEDGER_MISSING", (copy) => rm(join(copy, "head.json"))],
      ["folder lost", "TRUSTEE_LEDGER_MISSING", (copy) => rm(copy, { recursive: true })],
      [
        "journal emptied",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => truncate(join(copy, "releases.journal"), 0),
      ],
      [
        "journal of before",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => cp(join(older, "releases.journal"), join(copy, "releases.journal")),
      ],
      [
        "journal of another trustee",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => cp(join(other.ledger, "releases.journal"), join(copy, "releases.journal")),
      ],
      [
        "head damaged",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => writeFile(join(copy, "head.json"), "{"),
      ],
      ["all of before", "TRUSTEE_LEDGER_STALE", (copy) => cp(older, copy, { recursive: true })],
    ];
    for (const [name, code, damage] of damages) {
      const copy = join(folder, `damaged ${name}`);
      await cp(running.ledger, copy, { recursive: true });
      await damage(copy);
      await assert.rejects(start({ ledger: copy, bus: running.bus }), { code }, name);
    }
    // An answer given again last does not hide the newer one.
    const [first] = running.bus.of("releases");
    await running.bus.publish("releases", [defined(first)]);
    await assert.rejects(start({ ledger: older, bus: running.bus }), {
      code: "TRUSTEE_LEDGER_STALE",
    });
  });

  test("is made once: a second beginning over lost records is refused", async () => {
    const keys = await mkdtemp(join(folder, "once-"));
    const ledger = join(keys, "ledger");
    await initialiseLedger(ledger, keys);
    await initialiseLedger(ledger, keys);
    await rm(ledger, { recursive: true });
    await assert.rejects(initialiseLedger(ledger, keys), { code: "TRUSTEE_LEDGER_MISSING" });
  });

  test("two requests for one block that come at the same time: one release, a sound ledger", async () => {
    const { trustee, bus, ledger } = await start();
    const bodies = await Promise.all(
      [ALL, SIX].map(async (days) => encodeRequest(await scene.loadRequest(load(1, ...days)))),
    );
    await bus.follow(bodies);
    await Promise.all(bodies.map((body) => bus.ask([body])));
    assert.deepEqual([bus.of("releases").length, bus.of("refusals").length], [1, 1]);
    await trustee.close();
    const again = await start({ ledger, bus });
    assert.equal(again.trustee.status().released, 1);
    await again.trustee.close();
  });

  test("belongs to one trustee at a time", async () => {
    const running = await start();
    await assert.rejects(start({ ledger: running.ledger }), { code: "STORE_LOCKED" });
    await running.trustee.close();
  });
});

test("over the real bus: one release, one refusal, nothing left", async () => {
  const { world } = scene;
  const clock = manualClock(world.dayStart(70) * 1000);
  const store = await openStore({
    place: await testPlace(),
    schema: "trustee-test",
    migrations: [],
  });
  const streams = [
    { name: "log", consumers: ["trustee"], messagesMax: 10, retainAcked: true },
    { name: "cosignatures", consumers: ["aggregator"], messagesMax: 10 },
    { name: "release-requests", consumers: ["trustee"], messagesMax: 10 },
    { name: "releases", consumers: ["mdms"], messagesMax: 10 },
    { name: "refusals", consumers: ["aggregator"], messagesMax: 10 },
  ];
  const bus = await openBus({ store, streams, clock });
  const granted = await scene.loadRequest(load(1, ...ALL));
  const refused = await scene.loadRequest(load(1, ...SIX));
  const log = new TestLog();
  await log.append([granted, refused], world.dayStart(70));
  const [message] = log.messages;
  await bus.publish("log", [{ id: "0", subject: "", body: defined(message) }]);
  const trustee = await startTrustee(
    { policyId: "UNSAFE-test" },
    {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus,
      registry: mutableFeed(EPOCH, scene.view),
      engine: spiedEngine(),
      secretKey: world.paillier.secretKey,
      signer: world.parties.trustee.signer,
      ledgerFolder: await freshLedger(),
    },
  );
  await bus.idle();
  const { body: head } = defined(await bus.last("cosignatures"));
  await bus.publish(
    "release-requests",
    [granted, refused, granted].map((request, index) => ({
      id: String(index),
      subject: "load/north",
      body: encodeAskedRequest(fromUtf8(head), encodeRequest(request)),
    })),
  );
  await bus.idle();
  const releases = await bus.read("releases", { from: 0n, limit: 10 });
  const refusals = await bus.read("refusals", { from: 0n, limit: 10 });
  assert.deepEqual(
    releases.map(({ id, subject }) => [id, subject]),
    [[toHex(await requestDigest(granted)), "load/north"]],
  );
  assert.deepEqual(await codesOf(defined(refusals[0]).body, refused), ["R3_ALREADY_RELEASED"]);
  assert.equal((await bus.deadLetters()).length, 0);
  await trustee.close();
  await bus.close();
  await store.close();
});

test("no trustee ever decrypted the ciphertext of a contribution", () => {
  const single = new Set(
    [...scene.load.values(), [...scene.borders.values()], scene.late].flatMap((list) =>
      list.map(({ ciphertext }) => toHex(ciphertext)),
    ),
  );
  assert(decrypted.length > 10 && single.size > 20);
  assert(decrypted.every((ciphertext) => !single.has(ciphertext)));
});
