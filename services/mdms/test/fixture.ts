/** A running MDMS over a small world, and releases as its trustee would make them. */
import { createHash } from "node:crypto";
import {
  encodeRelease,
  sealRelease,
  sealToken,
  fromHex,
  toBase64Url,
  toHex,
  registerBankOf,
  type BillRelease,
  type LoadRelease,
  type Recipient,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type App,
  type Bus,
  type ManualClock,
  type Metrics,
  type Store,
} from "@smarter-metering/runtime";
import { addLocalDays } from "@smarter-metering/tariff";
import { testPlace } from "../../../packages/runtime/test/test-place.ts";
import { makeWorld, type World, type WorldOptions } from "../../../test/support/world.ts";
import { migrations, startMdms, type MdmsPorts, type MdmsService } from "../src/index.ts";

export interface Fixture {
  readonly world: World;
  readonly clock: ManualClock;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly bus: Bus;
  readonly ports: MdmsPorts;
  readonly mdms: MdmsService;
  readonly http: App;
  /** Publishes encoded releases and waits until each has its verdict. */
  deliver(...releases: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

export const OPERATOR_TOKEN = "operator-token-of-this-run";

/** The clock stands at 2025-11-01; cookies are those of plain loopback. */
export async function startFixture(options: WorldOptions = {}): Promise<Fixture> {
  const world = await makeWorld(options);
  const clock = manualClock(Date.UTC(2025, 10, 1));
  const store = await openStore({ place: await testPlace(), schema: "mdms", migrations });
  const bus = await openBus({
    store,
    // Its own: the bus's housekeeping has no part in a test that lets days pass.
    clock: manualClock(clock.nowMs()),
    streams: [
      ...["releases", "partial-releases"].map((name) => {
        return { name, consumers: ["mdms"], messagesMax: 10_000 };
      }),
      { name: "statements", consumers: ["ucs"], messagesMax: 10_000 },
    ],
  });
  const metrics = createMetrics();
  const ports: MdmsPorts = {
    clock,
    log: silentLogger,
    metrics,
    bus,
    store,
    engine: world.engine,
    registry: world.mdmsFeed,
    signer: world.parties.mdms.signer,
    recipientSecret: world.mdms.secret,
    rootKey: world.root.publicKey,
    totpKey: new Uint8Array(32).fill(7),
    operatorToken: OPERATOR_TOKEN,
  };
  const mdms = await startMdms({}, ports);
  let published = 0;
  return {
    world,
    clock,
    metrics,
    store,
    bus,
    ports,
    mdms,
    http: mdms.http,
    async deliver(...releases) {
      const messages = releases.map((body) => ({ id: `${published++}`, subject: "test", body }));
      await bus.publish("releases", messages);
      await bus.idle();
    },
    async close() {
      await mdms.close();
      await bus.close();
      await store.close();
      await world.close();
    },
  };
}

const digestOf = (name: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(name).digest());

export interface ReleaseOptions {
  /** Names the request; another name is another digest. */
  readonly request: string;
  readonly sequence: number;
  readonly trustee?: Signer;
  readonly recipient?: Recipient;
}

/** A day of cohort "north"; slot j holds 1000 + j Wh of every member. */
export async function loadRelease(
  world: World,
  day: number,
  options: ReleaseOptions & Partial<LoadRelease>,
): Promise<Uint8Array> {
  const { request, sequence: _, trustee: __, recipient: ___, ...changes } = options;
  const blockStart = world.dayStart(day);
  const slots = (addLocalDays(blockStart, 1, world.zone) - blockStart) / 900;
  const members = world.households.length;
  const digest = digestOf(request);
  const content: LoadRelease = {
    kind: "LOAD",
    stream: "LOAD",
    cohort: "north",
    cohortVersion: 1,
    blockStart,
    intervalSeconds: 900,
    contributors: members,
    members,
    contributorsPerSlot: Array.from({ length: slots }, () => members),
    energy_Wh: Array.from({ length: slots }, (_, slot) => 1000 + slot),
    policyId: "UNSAFE-test",
    registryEpoch: 0,
    paillierKeyId: world.paillier.publicKey.id,
    requestDigest: toHex(digest),
    ...changes,
  };
  return seal(world, content, options, digest);
}

/** A bill of household `index` over local days [fromDay, toDay): 100 kWh high, 50 kWh low, 10 kWh export. */
export async function billRelease(
  world: World,
  index: number,
  [fromDay, toDay]: readonly [number, number],
  options: ReleaseOptions & Partial<BillRelease>,
): Promise<Uint8Array> {
  const { request, sequence: _, trustee: __, recipient: ___, ...changes } = options;
  const digest = digestOf(request);
  const pseudonym = fromHex(world.households[index]?.mdms ?? "");
  const [fromGrid, toGrid] = [world.dayStart(fromDay), world.dayStart(toDay)];
  const content: BillRelease = {
    kind: "BILL",
    servicePointToken: toBase64Url(await sealToken(world.mdms.recipient, pseudonym)),
    fromGrid,
    toGrid,
    fromBorder: fromGrid,
    toBorder: toGrid,
    registerBank: toHex(await registerBankOf(world.tariff.calendar)),
    registers_mWh: ["100000000", "50000000", "10000000", "0", "0", "0", "0", "0"],
    policyId: "UNSAFE-test",
    registryEpoch: 0,
    paillierKeyId: world.paillier.publicKey.id,
    requestDigest: toHex(digest),
    ...changes,
  };
  return seal(world, content, options, digest);
}

async function seal(
  world: World,
  content: LoadRelease | BillRelease,
  options: ReleaseOptions,
  digest: Uint8Array,
): Promise<Uint8Array> {
  const { sequence, trustee = world.parties.trustee.signer } = options;
  const { recipient = world.mdms.recipient } = options;
  return encodeRelease(await sealRelease(content, sequence, digest, recipient, trustee));
}
