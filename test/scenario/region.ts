/**
 * The towns' deployment: the real registry and the real parties with real cryptography, on one clock, one database and one embedded bus. What
 * the story says is done the way an operator does it: through the registry, and at the meters.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { aggregatorMigrations, startAggregator } from "@smarter-metering/aggregator";
import { startConcentrator } from "@smarter-metering/concentrator";
import { migrations as mdmsMigrations, startMdms } from "@smarter-metering/mdms";
import { httpUplink, startFleet, type Fleet, type MeterSource } from "@smarter-metering/meter";
import { startOpener } from "@smarter-metering/opener";
import { serializePublicKey } from "@smarter-metering/paillier";
import { unsafePolicy } from "@smarter-metering/policy";
import {
  followRegistry,
  mdmsReader,
  networkReader,
  signDocument,
  signerFromSeed,
  toBase64Url,
  toHex,
  type Party,
  type RegistryFeed,
  type Role,
  type ViewReader,
} from "@smarter-metering/protocol";
import {
  createRegistryState,
  saveState,
  startRegistry,
  type Admitted,
  type Letter,
  type MeterProvisioning,
  type NewServicePoint,
} from "@smarter-metering/registry";
import {
  createMetrics,
  durableFile,
  manualClock,
  migrate,
  openBus,
  openStore,
  silentLogger,
  systemClock,
  type Clock,
} from "@smarter-metering/runtime";
import { parseTariff, type Tariff } from "@smarter-metering/tariff";
import { initialiseLedger, startTrustee } from "@smarter-metering/trustee";
import { streamsOf } from "../../cli/src/serve/streams.ts";
import { testPlace } from "../../packages/runtime/test/test-place.ts";
import { makeWorld, named, ringOf, worldTariff } from "../support/world.ts";
import { dayAheadTariff } from "../support/day-ahead.ts";
import { DYNAMIC_PRICES, PRICES } from "./model.ts";
import { isDynamic, PRICE_FLOOR, priceAt, SLOT_SECONDS, type Place, type Town } from "./story.ts";

export const POLICY = unsafePolicy({
  name: "scenario",
  contributorsMin: 5,
  dominanceMaxBasisPoints: 3000,
  completenessMinBasisPoints: 6000,
  auditMembersMin: 2,
  churnMin: 2,
});
const TOKENS = { admin: "administrator-token-0", parties: {} };

/** A contract at a place, and the meter that serves it at first. */
export interface Household {
  readonly label: string;
  readonly place: Place;
  readonly meter: string;
  readonly contractStart: number;
}

export type Region = Awaited<ReturnType<typeof foundRegion>>;

/** `versions`: of the tariff, those whose prices are published from the beginning. */
async function tariffJws(world: Awaited<ReturnType<typeof makeWorld>>, versions: number) {
  const [first] = worldTariff.versions;
  const tariff = parseTariff({
    ...worldTariff,
    versions: PRICES.slice(0, versions).map((prices, index) => ({
      ...first,
      version: index + 1,
      validFrom: prices.from,
      pricesMicroPerKilowattHour: { high: prices.high, low: prices.low },
      feedInMicroPerKilowattHour: prices.feedIn,
      standingChargeMicroPerDay: prices.standingPerDay,
      taxBasisPoints: prices.taxBasisPoints,
    })),
  });
  return signDocument("smarter-metering/tariff", tariff, world.parties["tariff-signer"].signer);
}

const costTerms = {
  prices: "day-ahead",
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: 1000 * PRICE_FLOOR,
} as const;

function dynamicTariff(): Tariff {
  const { versions, ...tariff } = dayAheadTariff(costTerms);
  const [first] = versions;
  return parseTariff({
    ...tariff,
    versions: [
      {
        ...first,
        pricesMicroPerKilowattHour: { all: DYNAMIC_PRICES.perKilowattHour },
        feedInMicroPerKilowattHour: DYNAMIC_PRICES.feedIn,
        standingChargeMicroPerDay: DYNAMIC_PRICES.standingPerDay,
        taxBasisPoints: DYNAMIC_PRICES.taxBasisPoints,
      },
    ],
  });
}

async function keyOf(meter: string) {
  const { publicKey } = await signerFromSeed(seedOf(meter));
  return { meterId: toHex(named(`id of ${meter}`, 16)), signingKey: toHex(publicKey) };
}

const seedOf = (meter: string): Uint8Array => named(`seed of ${meter}`);

/** What the aggregator forgets after 40 days, for the comparison with the plaintext at the end. */
const KEEP_REQUESTS = [
  "create table scenario_request (digest bytea primary key, request bytea not null)",
  `create function keep_request() returns trigger language plpgsql as $$
    begin
      insert into scenario_request values (old.digest, old.request) on conflict do nothing;
      return new;
    end $$`,
  `create trigger keep_request before update on load_set for each row
    when (old.request is not null and new.request is null) execute function keep_request()`,
];

export async function foundRegion(options: {
  readonly folder: string;
  readonly towns: readonly Town[];
  readonly households: readonly Household[];
  readonly startSeconds: number;
  readonly readingsAt: (place: Place) => MeterSource;
}) {
  const { folder, towns, startSeconds } = options;
  const world = await makeWorld({ households: 1 });
  const dynamic = dynamicTariff();
  const clock = manualClock(1000 * startSeconds);
  const store = await openStore({ place: await testPlace(), schema: "scenario", migrations: [] });
  await migrate(store, "aggregator", aggregatorMigrations);
  for (const statement of KEEP_REQUESTS) await store.query(statement);
  await migrate(store, "mdms", mdmsMigrations);
  const bus = await openBus({ store, streams: streamsOf(0), clock: systemClock });
  const meterKeys = new Map<string, Awaited<ReturnType<typeof keyOf>>>();
  const meterOf = async (meter: string) => {
    const known = meterKeys.get(meter) ?? (await keyOf(meter));
    meterKeys.set(meter, known);
    return known;
  };
  const newServicePoint = async ({
    label,
    place,
    meter,
    contractStart,
  }: Household): Promise<NewServicePoint> => ({
    label,
    neighbourhood: place.town.id,
    fuse: { amps: 63, phases: 3 },
    consumptionClass: "household",
    intervalSeconds: SLOT_SECONDS,
    contractStart,
    tariff: isDynamic(place) ? dynamic.tariff : worldTariff.tariff,
    meter: await meterOf(meter),
  });

  const signByTariffSigner = (
    type: "smarter-metering/tariff" | "smarter-metering/prices",
    document: object,
  ) => signDocument(type, document, world.parties["tariff-signer"].signer);
  const registryFolder = join(folder, "registry");
  await mkdir(registryFolder);
  const openerKey = { spki: toBase64Url(world.opener.recipient.spki), from: 0, to: 2 ** 33 };
  const servicePoints = await Promise.all(options.households.map(newServicePoint));
  const state = await createRegistryState({
    parties: Object.entries(world.parties).map(([role, { signer, recipient }]): Party => {
      const party = { role: role as Role, signingKey: toHex(signer.publicKey) };
      if (recipient === undefined || role === "opener") return party;
      return { ...party, encryptionKey: toBase64Url(recipient.spki) };
    }),
    openerKey,
    paillierKey: serializePublicKey(world.paillier.publicKey),
    policy: POLICY,
    tariffs: [
      await tariffJws(world, 1),
      await signByTariffSigner("smarter-metering/tariff", dynamic),
    ],
    neighbourhoods: towns.map(({ id, zone }) => ({
      id,
      zone,
      intervalSeconds: SLOT_SECONDS,
      profile: "pes-encrypts",
      exportLoad: false,
    })),
    servicePoints,
    firstBlock: startSeconds,
  });
  await saveState(registryFolder, state);
  const base = { clock, log: silentLogger };
  const registry = await startRegistry(
    { tokens: TOKENS },
    { ...base, metrics: createMetrics(), folder: registryFolder, rootSigner: world.root },
  );
  const follow = <View>(reader: ViewReader<View>): Promise<RegistryFeed<View>> =>
    followRegistry({
      rootKey: world.root.publicKey,
      reader,
      transport: registry.transport(),
      pins: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
    });
  const network = await follow(networkReader);
  const mdmsFeed = await follow(mdmsReader);

  const ports = (role: Role) => ({
    ...base,
    metrics: createMetrics(),
    bus,
    store,
    engine: world.engine,
    registry: network,
    signer: world.parties[role].signer,
  });
  const concentrator = await startConcentrator(
    {
      uplinkItemsMax: 256,
      futureToleranceSeconds: 300,
      http: { host: "127.0.0.1", port: 0 },
      mqtt: null,
    },
    ports("concentrator"),
  );
  const opener = await startOpener({}, { ...ports("opener"), keys: ringOf(world.opener.secret) });
  const aggregator = await startAggregator(
    { tickMs: 365 * 86_400_000 },
    { ...ports("aggregator"), published: durableFile(join(folder, "log.head")) },
  );
  const ledgerFolder = join(folder, "trustee");
  await mkdir(ledgerFolder);
  await initialiseLedger(ledgerFolder, ledgerFolder);
  const trustee = await startTrustee(
    { policyId: POLICY.id },
    { ...ports("trustee"), secretKey: world.paillier.secretKey, ledgerFolder },
  );
  const mdms = await startMdms(
    {},
    {
      ...ports("mdms"),
      registry: mdmsFeed,
      recipientSecret: world.mdms.secret,
      rootKey: world.root.publicKey,
      totpKey: new Uint8Array(32),
    },
  );

  /** What every meter in the field was told, by the meter's id; one that serves a new contract is told anew. */
  const provisioned = new Map<
    string,
    { readonly terms: MeterProvisioning; readonly place: Place; readonly seed: Uint8Array }
  >();
  const letters = new Map<string, Letter>();
  const tell = ({ letters: written, meters }: Admitted, place: Place): void => {
    for (const letter of written) {
      // After the contract's end there is no code; the meter keeps the one that it has.
      const enrolmentCode =
        letter.enrolmentCode || (letters.get(letter.label)?.enrolmentCode ?? "");
      letters.set(letter.label, { ...letter, enrolmentCode });
    }
    for (const terms of meters) {
      const [name] = [...meterKeys].find(([, { meterId }]) => meterId === terms.meterId) ?? [];
      assert(name !== undefined);
      provisioned.set(terms.meterId, { terms, place, seed: seedOf(name) });
    }
  };
  const refresh = async (): Promise<void> => {
    await Promise.all([network.refresh(), mdmsFeed.refresh()]);
  };

  /** Time stands still while a fleet sends: its pauses are none. */
  const impatient: Clock = {
    nowMs: () => clock.nowMs(),
    at(_timeMs, fn) {
      const soon = setImmediate(() => void fn());
      return () => clearImmediate(soon);
    },
    every: (periodMs, fn) => clock.every(periodMs, fn),
  };
  const fleets = new Map<string, Fleet>();
  /** A fleet with what its meters were told last; what it was before goes on from its journal. */
  async function restart(town: Town): Promise<void> {
    await fleets.get(town.id)?.close();
    const journalFolder = join(folder, `meters of ${town.id}`);
    await mkdir(journalFolder, { recursive: true });
    const own = [...provisioned.values()].filter(({ place }) => place.town.id === town.id);
    const view = network.current().view.document.openerKeys;
    assert(view !== undefined);
    const opened = { registryRootKey: toHex(world.root.publicKey), keys: view };
    const fleet = await startFleet(
      {
        meters: own.map(
          ({ terms: { registerBank: _, contribution: __, ...terms }, place, seed }) => ({
            provisioning: {
              ...terms,
              signingSeed: toHex(seed),
              opener: opened,
              enrolmentCode: letters.get(terms.label)?.enrolmentCode ?? "",
              concentrator: concentrator.url,
            },
            source: options.readingsAt(place),
          }),
        ),
      },
      {
        ...base,
        clock: impatient,
        journalFolder,
        uplink: httpUplink({ url: concentrator.url, fetch: globalThis.fetch }),
        random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      },
    );
    fleets.set(town.id, fleet);
  }

  for (const household of options.households) {
    const admitted = await registry.admit({ servicePoints: [await newServicePoint(household)] });
    tell(admitted, household.place);
  }
  for (const town of towns) await restart(town);

  return {
    world,
    clock,
    store,
    bus,
    network,
    async admit(household: Household): Promise<void> {
      const admitted = await registry.admit({ servicePoints: [await newServicePoint(household)] });
      await refresh();
      tell(admitted, household.place);
      await restart(household.place.town);
    },
    async exchange(label: string, place: Place, at: number, meter: string): Promise<void> {
      const told = await registry.exchangeMeter({ label, at, meter: await meterOf(meter) });
      await refresh();
      tell(told, place);
      await restart(place.town);
    },
    async moveOut(label: string, place: Place, contractEnd: number): Promise<void> {
      const told = await registry.moveOut({ label, contractEnd });
      await refresh();
      tell(told, place);
      await restart(place.town);
    },
    async publishPrices(versions: number): Promise<void> {
      await registry.publishTariff(await tariffJws(world, versions));
      await refresh();
    },
    /** The market's prices from one hour to another, as the supplier signs them. */
    async publishMarket(from: number, to: number): Promise<void> {
      const hours = Array.from({ length: (to - from) / 3600 }, (_, hour) => from + 3600 * hour);
      const document = {
        kind: "smarter-metering/prices",
        ...costTerms,
        currency: dynamic.currency,
        startSeconds: from,
        pricesMicroPerKilowattHour: hours.map((hour) => 1000 * priceAt(hour)),
      };
      await registry.publishPrices(await signByTariffSigner("smarter-metering/prices", document));
      await refresh();
    },
    /** By label: the names of a household. */
    letters: letters as ReadonlyMap<string, Letter>,
    async send(town: Town, untilSeconds: number): Promise<void> {
      const report = await fleets.get(town.id)?.sendDay(untilSeconds);
      assert.deepEqual([...(report?.held ?? [])], [], `${town.id}: no meter is refused`);
      await bus.idle();
    },
    async settle(): Promise<void> {
      // The request's entry, its cosignature, the request, its answer.
      for (let step = 0; step < 3; step++) {
        await aggregator.tick();
        await bus.idle();
      }
    },
    async close(): Promise<void> {
      for (const fleet of fleets.values()) await fleet.close();
      for (const service of [concentrator, opener, aggregator, trustee, mdms, registry]) {
        await service.close();
      }
      await bus.close();
      await store.close();
      await world.close();
    },
  };
}
