import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { serializePublicKey } from "@smarter-metering/paillier";
import { defaultPolicy, unsafePolicy } from "@smarter-metering/policy";
import {
  followRegistry,
  fromBase64Url,
  openToken,
  parseMdmsView,
  networkReader,
  parseNetworkView,
  parseUcsView,
  registerBankOf,
  signDocument,
  toHex,
  type EpochPin,
  type RegistryFeed,
  type RegistryTransport,
  fromHex,
  parsePublicView,
  statementKeys,
  statementSecret,
  VIEW_NAMES,
  type ViewName,
  wholeView,
} from "@smarter-metering/protocol";
import { addLocalDays } from "@smarter-metering/tariff";
import * as fc from "fast-check";
import { named, testRecipient, worldTariff } from "../../../test/support/world.ts";
import {
  createRegistryState,
  planCohorts,
  type Neighbourhood,
  type NewServicePoint,
  type PlanOptions,
  type RegistryState,
} from "../src/index.ts";
import { checkSuccession } from "../src/issue.ts";
import {
  newFolder,
  newPoint,
  pointsOf,
  START,
  start,
  stateWith,
  strike,
  tariffJws,
  terms,
  TOKENS,
  world,
  ZONE,
} from "./stage.ts";

after(strike);

function follow(transport: RegistryTransport, pinned?: EpochPin): Promise<RegistryFeed<unknown>> {
  let pin = pinned;
  return followRegistry({
    rootKey: world.root.publicKey,
    reader: networkReader,
    transport,
    pins: {
      load: () => Promise.resolve(pin),
      save: (next) => {
        pin = next;
        return Promise.resolve();
      },
    },
  });
}

describe("epochs", () => {
  test("form one chain that every party follows, and survive a restart", async () => {
    const { registry, folder } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    const feed = await follow(registry.transport());
    assert.equal(feed.current().epoch, 0);
    await registry.admit({ servicePoints: pointsOf("north", 2, 6) });
    assert.equal(await feed.refresh(), true);
    assert.equal(feed.current().epoch, 1);
    await registry.close();
    const again = await start(undefined, folder);
    assert.equal(again.registry.status().epoch, 1);
    assert.equal(await feed.refresh(), false);
    await again.registry.close();
  });

  test("a registry that shows less or something else than before is refused", async () => {
    const state = await stateWith([terms("north")], pointsOf("north", 6));
    const first = await start(state);
    const other = await start(state);
    await first.registry.admit({ servicePoints: pointsOf("north", 1, 6) });
    await other.registry.admit({ servicePoints: pointsOf("north", 1, 7) });
    const [zero, one] = await first.registry.transport().epochs();
    assert(zero !== undefined && one !== undefined);
    const pin = { epoch: 1, hash: createHash("sha256").update(one).digest("hex") };
    const rolledBack = { ...first.registry.transport(), epochs: () => Promise.resolve([zero]) };
    await assert.rejects(follow(rolledBack, pin), { code: "REGISTRY_ROLLBACK" });
    await assert.rejects(follow(other.registry.transport(), pin), { code: "REGISTRY_ROLLBACK" });
    const skipping = { ...first.registry.transport(), epochs: () => Promise.resolve([one]) };
    await assert.rejects(follow(skipping), { code: "REGISTRY_INVALID" });
    await follow(first.registry.transport(), pin);
    await Promise.all([first.registry.close(), other.registry.close()]);
  });

  test("a crash between state and epoch is made good; every other damage refuses to start", async () => {
    const { registry, folder: original } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    await registry.admit({ servicePoints: pointsOf("north", 1, 6) });
    await registry.close();
    const lastEpoch = await readFile(join(original, "epochs", "000001.jws"), "utf8");
    const damages: [name: string, code: string | undefined, (copy: string) => Promise<void>][] = [
      ["newest epoch lost", undefined, (copy) => rm(join(copy, "epochs", "000001.jws"))],
      [
        "crash before the newest views",
        undefined,
        async (copy) => {
          await rm(join(copy, "epochs", "000001.jws"));
          await rm(join(copy, "views", "000001.mdms.json"));
        },
      ],
      ["first epoch lost", "REGISTRY_DAMAGED", (copy) => rm(join(copy, "epochs", "000000.jws"))],
      ["view lost", "REGISTRY_DAMAGED", (copy) => rm(join(copy, "views", "000000.ucs.json"))],
      ["state lost", "REGISTRY_DAMAGED", (copy) => rm(join(copy, "state.json"))],
      ["state torn", "REGISTRY_DAMAGED", (copy) => writeFile(join(copy, "state.json"), "{")],
      [
        "view changed",
        "REGISTRY_DAMAGED",
        async (copy) => {
          const path = join(copy, "views", "000001.network.json");
          await writeFile(path, `${await readFile(path, "utf8")} `);
        },
      ],
      [
        "epoch changed",
        "REGISTRY_DAMAGED",
        (copy) => writeFile(join(copy, "epochs", "000001.jws"), lastEpoch.replace(/.$/, "")),
      ],
      [
        "an epoch more than the state knows",
        "REGISTRY_DAMAGED",
        (copy) => writeFile(join(copy, "epochs", "000002.jws"), lastEpoch),
      ],
      [
        "newest epoch lost and state changed",
        "REGISTRY_DAMAGED",
        async (copy) => {
          await rm(join(copy, "epochs", "000001.jws"));
          const path = join(copy, "state.json");
          const text = await readFile(path, "utf8");
          await writeFile(path, text.replace('"household"', '"business"'));
        },
      ],
    ];
    for (const [name, code, damage] of damages) {
      const copy = newFolder();
      await cp(original, copy, { recursive: true });
      await damage(copy);
      if (code !== undefined) {
        await assert.rejects(start(undefined, copy), { code }, name);
        continue;
      }
      const { registry } = await start(undefined, copy);
      assert.equal(await readFile(join(copy, "epochs", "000001.jws"), "utf8"), lastEpoch, name);
      await registry.close();
    }
    assert.deepEqual(await readdir(join(original, "epochs")), ["000000.jws", "000001.jws"]);
  });

  test("no epoch rewrites the past", async () => {
    const state = await stateWith([terms("north")], pointsOf("north", 6));
    const [cohort] = state.cohorts;
    const [point, ...others] = state.servicePoints;
    assert(cohort !== undefined && point !== undefined);
    const raised = { ...state, neighbourhoods: [terms("north", { profile: "meter-encrypts" })] };
    const rows: [RegistryState, RegistryState, string | undefined][] = [
      [state, raised, undefined],
      [raised, state, "REGISTRY_PROFILE_DOWNGRADE"],
      [state, { ...state, cohorts: [] }, "REGISTRY_REWRITES_PAST"],
      [state, { ...state, cohorts: [{ ...cohort, fromBlock: 0 }] }, "REGISTRY_REWRITES_PAST"],
      [state, { ...state, cohortOf: { north: "south" } }, "REGISTRY_REWRITES_PAST"],
      [state, { ...state, servicePoints: others }, "REGISTRY_REWRITES_PAST"],
      [
        state,
        { ...state, servicePoints: [{ ...point, mdmsToken: "AAAA" }, ...others] },
        "REGISTRY_REWRITES_PAST",
      ],
      [
        state,
        { ...state, neighbourhoods: [terms("north", { zone: "UTC" })] },
        "REGISTRY_REWRITES_PAST",
      ],
    ];
    for (const [from, to, code] of rows) {
      if (code === undefined) checkSuccession(from, to);
      else assert.throws(() => checkSuccession(from, to), { code });
    }
  });
});

describe("views", () => {
  test("name service points by their reader's pseudonym alone, in its order", async () => {
    const state = await stateWith([terms("north")], pointsOf("north", 8));
    const { registry } = await start(state);
    const view = (name: ViewName) => wholeView(registry.transport(), name, 0);
    const [network = "", mdms = "", ucs = "", everybodys = ""] = await Promise.all(
      VIEW_NAMES.map(view),
    );
    for (const point of state.servicePoints) {
      assert(network.includes(point.network) && ucs.includes(point.network));
      assert(mdms.includes(point.mdms));
      for (const text of [network, ucs, everybodys]) {
        const { mailbox, key } = point.statements;
        for (const name of [point.mdms, mailbox, key]) assert(!text.includes(name));
      }
      assert(!everybodys.includes(point.network));
      assert(!mdms.includes(point.network));
      for (const text of [network, mdms, ucs, everybodys]) {
        assert(!text.includes(point.label) && !text.includes(String(point.enrolmentCode)));
        assert(point.meters.every(({ meterId }) => text !== mdms || !text.includes(meterId)));
      }
    }
    const networkNames = parseNetworkView(network).document.servicePoints.map((p) => p.network);
    const mdmsNames = parseMdmsView(mdms).servicePoints.map((p) => p.servicePoint);
    assert.deepEqual(networkNames, networkNames.toSorted());
    assert.deepEqual(mdmsNames, mdmsNames.toSorted());
    assert.equal(parseUcsView(ucs).servicePoints.length, 8);
    const shown = parsePublicView(everybodys);
    assert.deepEqual(
      shown.cohorts.map(({ members }) => members),
      parseNetworkView(network).document.cohorts.map(({ members }) => members.length),
    );
    for (const { mdms: name, enrolmentCode } of state.servicePoints) {
      const secret = await statementSecret(fromHex(enrolmentCode ?? ""));
      const { mailbox, key } = await statementKeys(secret);
      const told = parseMdmsView(mdms).servicePoints.find((p) => p.servicePoint === name);
      assert.deepEqual(told?.statements, { mailbox: toHex(mailbox), key: toHex(key) });
    }
    await registry.close();
  });

  test("tokens open at the MDMS alone and stay the same from epoch to epoch", async () => {
    const state = await stateWith([terms("north")], pointsOf("north", 6));
    const { registry } = await start(state);
    await registry.admit({ servicePoints: pointsOf("north", 1, 6) });
    const views = await Promise.all(
      [0, 1].map((epoch) => wholeView(registry.transport(), "network", epoch)),
    );
    const [before, now] = views.map((text) => parseNetworkView(text));
    const other = await testRecipient("other");
    for (const point of state.servicePoints) {
      const token = now?.servicePoint(point.network)?.mdmsToken ?? "";
      assert.equal(token, before?.servicePoint(point.network)?.mdmsToken);
      const opened = await openToken(world.mdms.secret, fromBase64Url(token));
      assert.equal(opened && toHex(opened), point.mdms);
      assert.equal(await openToken(other.secret, fromBase64Url(token)), undefined);
    }
    await registry.close();
  });

  test("each goes to the parties it is for; changes need the administrator", async () => {
    const { registry } = await start(await stateWith([terms("north")], pointsOf("north", 6)));
    const body = JSON.stringify({ servicePoints: [newPoint("north", 6)] });
    const rows: [method: string, path: string, token: string | undefined, status: number][] = [
      ["GET", "/v1/epochs", undefined, 200],
      ["GET", "/v1/views/public/0", undefined, 200],
      ["GET", "/v1/views/public/1", undefined, 404],
      ["GET", "/v1/views/network/0", TOKENS.parties.aggregator, 200],
      ["GET", "/v1/views/mdms/0", TOKENS.parties.mdms, 200],
      ["GET", "/v1/views/network/0", TOKENS.parties.mdms, 401],
      ["GET", "/v1/views/mdms/0", TOKENS.parties.aggregator, 401],
      ["GET", "/v1/views/ucs/0", TOKENS.parties.mdms, 401],
      ["GET", "/v1/views/network/0", TOKENS.admin, 401],
      ["GET", "/v1/views/network/0", undefined, 401],
      ["GET", "/v1/views/network/0", "undefined-undefined", 401],
      ["GET", "/v1/views/network/1", TOKENS.parties.aggregator, 404],
      ["GET", "/v1/views/secrets/0", TOKENS.parties.aggregator, 404],
      ["GET", "/v1/cohort-plan", TOKENS.admin, 200],
      ["GET", "/v1/cohort-plan", TOKENS.parties.aggregator, 401],
      ["POST", "/v1/service-points", TOKENS.parties.aggregator, 401],
      ["POST", "/v1/recodes", TOKENS.parties.aggregator, 401],
      ["POST", "/v1/recodes", undefined, 401],
      ["POST", "/v1/service-points", TOKENS.admin, 201],
    ];
    for (const [method, path, token, status] of rows) {
      const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` });
      const init = method === "POST" ? { method, headers, body } : { method, headers };
      const response = await registry.app.request(path, init);
      assert.equal(response.status, status, `${method} ${path} ${token}`);
    }
    const malformed = await registry.app.request("/v1/service-points", {
      method: "POST",
      headers: { authorization: `Bearer ${TOKENS.admin}` },
      body: "{}",
    });
    assert.equal(malformed.status, 400);
    await registry.close();
  });
});

describe("changes", () => {
  test("a lost answer may be asked for again; what is taken is refused", async () => {
    const { registry } = await start(await stateWith([terms("north")], pointsOf("north", 6)));
    const request = { servicePoints: pointsOf("north", 2, 6) };
    const first = await registry.admit(request);
    const epoch = registry.status().epoch;
    assert.deepEqual(await registry.admit(request), first);
    assert.equal(registry.status().epoch, epoch);
    assert.equal(first.letters.length, 2);
    const [letter] = first.letters;
    assert.match(letter?.enrolmentCode ?? "", /^[0-9A-Z*~$=-]{32}$/);
    // What the portal's page takes out of the address that the QR code opens.
    const { pathname, hash } = new URL(letter?.signUp ?? "", "https://portal.example.org");
    assert.equal(pathname, "/sign-up");
    assert.deepEqual(Object.fromEntries(new URLSearchParams(hash.slice(1))), {
      network: letter?.networkPseudonym,
      code: letter?.enrolmentCode,
    });
    assert.match(letter?.registryFingerprint ?? "", /^([0-9a-f]{4} ){15}[0-9a-f]{4}$/);
    const rows: [NewServicePoint, string][] = [
      [newPoint("north", 6, { meter: newPoint("north", 99).meter }), "REGISTRY_TAKEN"],
      [newPoint("north", 98, { meter: newPoint("north", 0).meter }), "REGISTRY_TAKEN"],
      [newPoint("south", 0), "REGISTRY_UNKNOWN"],
      [newPoint("north", 98, { tariff: "unheard" }), "REGISTRY_UNKNOWN"],
      [newPoint("north", 98, { consumptionClass: "unheard" }), "REGISTRY_UNKNOWN"],
      [newPoint("north", 98, { contractStart: START + 1 }), "REGISTRY_INVALID_CHANGE"],
      [newPoint("north", 98, { intervalSeconds: 1000 }), "REGISTRY_INVALID_CHANGE"],
    ];
    for (const [point, code] of rows) {
      await assert.rejects(registry.admit({ servicePoints: [point] }), { code });
    }
    assert.equal(registry.status().epoch, epoch);
    await registry.close();
  });

  test("a tariff is a signer's, and a newer document only adds versions", async () => {
    const { registry } = await start(await stateWith([terms("north")], pointsOf("north", 6)));
    const [version] = worldTariff.versions;
    assert(version !== undefined);
    const next = { ...version, version: 2, validFrom: "2026-01-01", taxBasisPoints: 0 };
    const extended = { ...worldTariff, versions: [version, next] };
    const begun = { ...next, validFrom: "2025-01-02" };
    await assert.rejects(
      registry.publishTariff(await tariffJws({ ...worldTariff, versions: [version, begun] })),
      { code: "REGISTRY_TARIFF_INVALID", message: /^TARIFF_VERSION_TOO_NEAR: .*has begun/ },
    );
    await registry.publishTariff(await tariffJws(extended));
    const flat = { ...worldTariff.calendar, id: "flat", rules: [] };
    const another = { ...worldTariff, tariff: "another", calendar: flat };
    await registry.publishTariff(await tariffJws(another));
    const forged = await signDocument(
      "smarter-metering/tariff",
      extended,
      world.parties.aggregator.signer,
    );
    const invalid = [
      forged,
      "not a document",
      await tariffJws({ ...extended, currency: "Francs" }),
      await tariffJws(worldTariff),
      await tariffJws({ ...extended, versions: [{ ...version, taxBasisPoints: 1 }, next] }),
      await tariffJws({ ...extended, calendar: { ...worldTariff.calendar, defaultBand: "high" } }),
    ];
    for (const jws of invalid) {
      await assert.rejects(registry.publishTariff(jws), { code: "REGISTRY_TARIFF_INVALID" });
    }
    const view = parseMdmsView(await wholeView(registry.transport(), "mdms", 2));
    assert.equal(view.tariffs.length, 2);
    const { document } = parseNetworkView(await wholeView(registry.transport(), "network", 2));
    const calendars = [worldTariff.calendar, flat];
    const banks = await Promise.all(calendars.map(async (one) => toHex(await registerBankOf(one))));
    assert.deepEqual(
      document.calendars,
      Object.fromEntries(banks.map((b, i) => [b, calendars[i]])),
    );
    await registry.close();
  });

  test("a profile moves towards meter-encrypts alone, with a version of its own", async () => {
    const { registry, clock } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    await registry.raiseProfile("north", "meter-encrypts");
    const { cohorts } = parseNetworkView(
      await wholeView(registry.transport(), "network", 1),
    ).document;
    assert.deepEqual(
      cohorts.map(({ version, profile, fromBlock }) => [version, profile, fromBlock]),
      [
        [1, "pes-encrypts", START],
        [2, "meter-encrypts", addLocalDays(START, 2, ZONE)],
      ],
    );
    const code = "REGISTRY_PROFILE_DOWNGRADE";
    await assert.rejects(registry.raiseProfile("north", "pes-encrypts"), { code });
    await clock.advanceTo((START + 5 * 86_400) * 1000);
    assert.deepEqual((await registry.cohortPlan()).versions, []);
    await registry.close();
  });

  test("without an opener every neighbourhood encrypts for itself, from the start and later", async () => {
    const own = terms("north", { profile: "meter-encrypts" });
    const state = await stateWith([own], pointsOf("north", 6));
    const parties = state.parties.filter(({ role }) => role !== "opener");
    const create = (neighbourhoods: readonly Neighbourhood[]): Promise<RegistryState> => {
      const { paillierKey, policy, tariffs } = state;
      const servicePoints = pointsOf("north", 6);
      const terms = { parties, paillierKey, policy, tariffs, neighbourhoods, servicePoints };
      return createRegistryState({ ...terms, firstBlock: START });
    };
    const invalid = { code: "REGISTRY_INVALID_CHANGE" };
    await assert.rejects(create([terms("north")]), invalid);
    await assert.rejects(create([own, terms("south")]), invalid);
    const { registry } = await start(await create([own]));
    const south = { neighbourhoods: [terms("south")], servicePoints: pointsOf("south", 1) };
    await assert.rejects(registry.admit(south), invalid);
    await registry.close();
  });

  test("a meter that encrypts is told what its cohort's versions say of it, and no other is", async () => {
    const own = terms("north", { profile: "meter-encrypts" });
    const { registry } = await start(
      await stateWith([own, terms("south")], [...pointsOf("north", 6), ...pointsOf("south", 6)]),
    );
    const again = (points: readonly NewServicePoint[]) =>
      registry.admit({ servicePoints: [...points] });
    const { meters, paillierKey } = await again(pointsOf("north", 1));
    assert.deepEqual(paillierKey, serializePublicKey(world.paillier.publicKey));
    const first = { fromBlock: START, intervalSeconds: 3600, valueBits: 16, exportToo: false };
    assert.deepEqual(meters[0]?.contribution, { load: [first] });
    assert.equal((await again(pointsOf("south", 1))).meters[0]?.contribution, undefined);
    // Joiners wait: BILL alone. A larger fuse among them makes the packing wider for everybody.
    const fuse = { amps: 125, phases: 3 };
    const joiners = [6, 7, 8, 9, 10].map((index) => newPoint("north", index, { fuse }));
    const waiting = await again(joiners.slice(0, 4));
    assert.deepEqual(waiting.meters[0]?.contribution, { load: [] });
    await again(joiners);
    const fromBlock = addLocalDays(START, 2, ZONE);
    const second = { ...first, fromBlock, valueBits: 17 };
    assert.deepEqual((await again(pointsOf("north", 1))).meters[0]?.contribution, {
      load: [first, second],
    });
    assert.deepEqual((await again(joiners)).meters[0]?.contribution, { load: [second] });
    await registry.close();
  });

  test("joiners wait until enough are there, then a version follows by itself", async () => {
    const { registry, clock } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    await registry.admit({ servicePoints: pointsOf("north", 4, 6) });
    assert.deepEqual((await registry.cohortPlan()).waiting, [
      { where: "north", joiners: 4, leavers: 0, needed: 5 },
    ]);
    // The fifth's contract starts later: the hourly plan finds it in force.
    const contractStart = addLocalDays(START, 9, ZONE);
    await registry.admit({ servicePoints: [newPoint("north", 10, { contractStart })] });
    assert.equal(registry.status().epoch, 2);
    await clock.advanceTo(addLocalDays(START, 8, ZONE) * 1000);
    assert.equal(registry.status().epoch, 3);
    const { cohorts } = parseNetworkView(
      await wholeView(registry.transport(), "network", 3),
    ).document;
    assert.deepEqual(
      cohorts.map(({ version, fromBlock, members }) => [version, fromBlock, members.length]),
      [
        [1, START, 6],
        [2, contractStart, 11],
      ],
    );
    await registry.close();
  });
});

describe("cohorts", () => {
  const policy = unsafePolicy({ contributorsMin: 5 });
  const options = (now: number): PlanOptions => ({ policy, modulusBits: 2048, nowSeconds: now });

  test("neighbourhoods below k are merged beforehand, alike with alike", async () => {
    const small = ["a", "b", "c", "d", "e"].map((id) => terms(id));
    const state = await stateWith(
      [...small, terms("other", { intervalSeconds: 7200 }), terms("big"), terms("empty")],
      [
        ...pointsOf("a", 3),
        ...pointsOf("b", 3),
        ...pointsOf("c", 2),
        ...pointsOf("d", 4),
        ...pointsOf("e", 1),
        ...pointsOf("other", 4),
        ...pointsOf("big", 7),
      ],
    );
    // a+b and c+d reach k; e is left over and joins the smallest, a+b; `other` has no like and waits.
    assert.deepEqual(state.cohortOf, { a: "a", b: "a", big: "big", c: "c", d: "c", e: "a" });
    assert.deepEqual(
      state.cohorts.map(({ id, members }) => [id, members.length]),
      [
        ["a", 7],
        ["c", 6],
        ["big", 7],
      ],
    );
    const plan = planCohorts(state, options(START));
    assert.deepEqual(plan.versions, []);
    assert.deepEqual(plan.waiting[0], { where: "other", joiners: 4, leavers: 0, needed: 5 });
    assert.deepEqual(plan, planCohorts(state, options(START)));
  });

  test("every version obeys k and the churn rule, whatever comes and goes", () => {
    const step = fc.record({
      joins: fc.nat(7),
      leaves: fc.nat(7),
      days: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        let state = bareState(8);
        let day = 0;
        state = applyPlan(state, planCohorts(state, { ...options(START), firstBlock: START }));
        for (const { joins, leaves, days } of steps) {
          day += days;
          const now = addLocalDays(START, day, ZONE) + 36_000;
          state = grow(end(state, leaves, addLocalDays(START, day, ZONE)), joins);
          const plan = planCohorts(state, options(now));
          for (const version of plan.versions) {
            assert.equal(version.fromBlock, addLocalDays(START, day + 2, ZONE));
            const earlier = state.cohorts.at(-1);
            assert.equal(version.version, (earlier?.version ?? 0) + 1);
            const old = new Set(earlier?.members);
            const next = new Set(version.members);
            const added = version.members.filter((member) => !old.has(member)).length;
            const removed = [...old].filter((member) => !next.has(member)).length;
            assert(added === 0 || added >= 5);
            assert(removed === 0 || removed >= 5);
            assert(added + removed > 0 && next.size >= 5);
            assert.deepEqual(version.members, version.members.toSorted());
            assert((earlier?.fromBlock ?? 0) <= now);
          }
          state = applyPlan(state, plan);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a day that does not fit one ciphertext is refused, and so is a policy below its floor", async () => {
    const fine = [terms("north", { intervalSeconds: 900 })];
    const refused = stateWith(fine, pointsOf("north", 6));
    await assert.rejects(refused, { code: "REGISTRY_COHORT_TOO_FINE" });
    const low = { ...defaultPolicy(), contributorsMin: 5 };
    const refusal = stateWith([terms("north")], pointsOf("north", 6), { policy: low });
    await assert.rejects(refusal, { code: "REGISTRY_INVALID_CHANGE" });
  });

  function bareState(count: number): RegistryState {
    const state: RegistryState = {
      kind: "smarter-metering/registry-state",
      parties: [],
      paillierKey: null,
      policy,
      consumptionClasses: { household: 4500 },
      tariffs: [],
      prices: [],
      neighbourhoods: [terms("north")],
      cohortOf: {},
      cohorts: [],
      servicePoints: [],
      issued: null,
    };
    return grow(state, count);
  }

  function grow(state: RegistryState, count: number): RegistryState {
    const first = state.servicePoints.length;
    const added = Array.from({ length: count }, (_, index) => {
      const { meter, ...point } = newPoint("north", first + index);
      const name = toHex(named(`point ${first + index}`, 16));
      const meters = [{ ...meter, from: START, to: null }];
      const code = { enrolmentCode: null, recodes: 0 };
      const statements = { mailbox: name, key: name + name };
      const secret = { network: name, mdms: name, mdmsToken: "A", statements, ...code };
      return { ...point, ...secret, contractEnd: null, meters };
    });
    return { ...state, servicePoints: [...state.servicePoints, ...added] };
  }

  function end(state: RegistryState, count: number, contractEnd: number): RegistryState {
    let left = count;
    const servicePoints = state.servicePoints.map((point) =>
      point.contractEnd === null && left-- > 0 ? { ...point, contractEnd } : point,
    );
    return { ...state, servicePoints };
  }

  const applyPlan = (
    state: RegistryState,
    { cohortOf, versions }: ReturnType<typeof planCohorts>,
  ): RegistryState => ({
    ...state,
    cohortOf: { ...cohortOf },
    cohorts: [...state.cohorts, ...versions],
  });
});
