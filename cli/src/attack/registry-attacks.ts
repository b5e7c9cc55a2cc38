/** Attacks by changing what parties believe about keys, profiles and policies (docs/protocol.md §8.2, §9.1, §9.3). */
import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { cp } from "node:fs/promises";
import {
  encryptBatch,
  generateKeyPair,
  parsePublicKey,
  serializePublicKey,
} from "@smarter-metering/paillier";
import { unsafePolicy } from "@smarter-metering/policy";
import {
  documentHash,
  followRegistry,
  GENESIS_HASH,
  indexNetworkView,
  networkReader,
  signEpoch,
  signerFromSeed,
  primitives,
  toHex,
  type EpochPin,
  type NetworkView,
  type RegistryTransport,
  type Signer,
} from "@smarter-metering/protocol";
import { startRegistry } from "@smarter-metering/registry";
import { createMetrics, manualClock, silentLogger } from "@smarter-metering/runtime";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { readEpochs } from "../serve/registry-access.ts";
import type { ActiveAttack, Observed } from "./attack.ts";
import { COHORT, loadRequest } from "./forge.ts";
import { numberOf, prototypeTrustee, slotsOf } from "./prototype.ts";
import { refusalOf } from "./ask-trustee.ts";
import type { Stage } from "./stage.ts";
import { startMeter } from "./staged-meter.ts";
import { DAYS } from "./town.ts";
import { instantOfDay, SLOTS, wattHoursOf } from "./town-homes.ts";

const TARGET = 0;
const DAY = 9;

/** A view that names another Paillier key, under epochs that `root` signed. */
async function exchangedKey(
  { view }: Stage,
  paillierKey: unknown,
  root: Signer,
): Promise<RegistryTransport> {
  const text = JSON.stringify({ ...view.document, paillierKey });
  const hash = toHex(await documentHash(text));
  const views = { network: hash, mdms: hash, ucs: hash, public: hash };
  const epoch = { epoch: 0, previous: GENESIS_HASH, issuedAt: instantOfDay(0), views };
  const jws = await signEpoch(epoch, root);
  return transportOf([jws], text);
}

/** A registry of one view, whose lists stand in the head. */
const transportOf = (epochs: readonly string[], head: string): RegistryTransport => ({
  epochs: () => Promise.resolve(epochs),
  head: () => Promise.resolve(head),
  parts: () => Promise.resolve([]),
});

/** A party that follows the registry under a pinned root key. */
function follow(transport: RegistryTransport, rootKey: Uint8Array) {
  let pin: EpochPin | undefined;
  const pins = {
    load: () => Promise.resolve(pin),
    save(next: EpochPin) {
      pin = next;
      return Promise.resolve();
    },
  };
  const options = {
    reader: networkReader,
    rootKey,
    transport,
    pins,
  } as const;
  return followRegistry(options);
}

const adversarysRoot = (): Promise<Signer> => signerFromSeed(primitives.randomBytes(32));

/** Model of what an opener's key means: who holds it reads what is sealed to it. */
function readByOpener(readings: readonly number[]): number[] {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 3072 });
  const [dataKey, nonce] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv("aes-128-gcm", dataKey, nonce);
  const plain = Buffer.from(Uint32Array.from(readings).buffer);
  const [sealed, envelope] = [cipher.update(plain), publicEncrypt(publicKey, dataKey)];
  const opener = createDecipheriv("aes-128-gcm", privateDecrypt(privateKey, envelope), nonce);
  const opened = opener.update(sealed);
  return readings.map((_, slot) => opened.readUInt32LE(4 * slot));
}

function profileControl({ home }: Stage) {
  const truth = home(TARGET).milliwattHours.slice(0, SLOTS);
  return Promise.resolve({ recovered: readByOpener(truth), truth });
}

/** The town's registry, from a copy of its folder. */
async function ownRegistry({ town, folder }: Stage) {
  const place = await folder();
  await cp(town.layout.folder("registry"), place, { recursive: true });
  const { signer } = await loadKeysFile(town.layout.keys("registry"));
  const ports = {
    clock: manualClock(1000 * instantOfDay(DAYS + 1)),
    log: silentLogger,
    metrics: createMetrics(),
    folder: place,
    rootSigner: signer,
  };
  return startRegistry({ tokens: { admin: "-", parties: {} } }, ports);
}

const k1 = unsafePolicy({
  name: "k1",
  contributorsMin: 1,
  completenessMinBasisPoints: 0,
  dominanceMaxBasisPoints: 10_000,
  auditMembersMin: 1,
});
const unsafeView = ({ view }: Stage): NetworkView =>
  indexNetworkView({ ...view.document, policy: { ...k1 } });
const single = async (stage: Stage) => loadRequest(stage, DAY, stage.load(DAY).slice(0, 1));

export const registryAttacks: readonly ActiveAttack[] = [
  {
    name: "Paillier key exchanged in the registry's view",
    adversary: "who stands between the registry and the opener, with a key pair of his own",
    guard: "the registry's root key, pinned at installation",
    without: "the real follower, which pins whoever comes first",
    expected: "REGISTRY_INVALID",
    async control(stage) {
      const own = await generateKeyPair({ bits: 2048 });
      const root = await adversarysRoot();
      const forged = await exchangedKey(stage, serializePublicKey(own.publicKey), root);
      // Trust on first use: the root is whoever signs.
      const feed = await follow(forged, root.publicKey);
      const believed = await parsePublicKey(feed.current().view.document.paillierKey);
      const truth = wattHoursOf(stage.home(TARGET), DAY).map(BigInt);
      const sealed = await encryptBatch(stage.engine, believed, truth.slice(0, 4));
      const decrypt = prototypeTrustee(own.secretKey);
      const recovered = sealed.map(({ bytes }) => decrypt(numberOf(bytes)));
      return { recovered, truth: truth.slice(0, 4) };
    },
    async system(stage) {
      const own = await generateKeyPair({ bits: 2048 });
      const root = await adversarysRoot();
      const forged = await exchangedKey(stage, serializePublicKey(own.publicKey), root);
      const { signer } = await loadKeysFile(stage.town.layout.keys("registry"));
      return refusalOf("every party", follow(forged, signer.publicKey));
    },
  },
  {
    name: "Paillier key exchanged under the registry's own epoch",
    adversary: "who stands between the registry and the opener, with a key pair of his own",
    guard: "the view's hash in the signed epoch",
    without: "model: a party that takes the view as it comes",
    expected: "REGISTRY_INVALID",
    async control(stage) {
      const own = await generateKeyPair({ bits: 2048 });
      const truth = wattHoursOf(stage.home(TARGET), DAY).map(BigInt).slice(0, 4);
      // Model of a party that takes the view as it comes.
      const text = JSON.stringify({ paillierKey: serializePublicKey(own.publicKey) });
      const { paillierKey } = JSON.parse(text) as { paillierKey: unknown };
      const sealed = await encryptBatch(stage.engine, await parsePublicKey(paillierKey), truth);
      const decrypt = prototypeTrustee(own.secretKey);
      return { recovered: sealed.map(({ bytes }) => decrypt(numberOf(bytes))), truth };
    },
    async system(stage) {
      const { layout } = stage.town;
      const chain = await readEpochs(layout);
      const { signer } = await loadKeysFile(layout.keys("registry"));
      const own = await generateKeyPair({ bits: 2048 });
      const paillierKey = serializePublicKey(own.publicKey);
      const text = JSON.stringify({ ...stage.view.document, paillierKey });
      const forged = transportOf(chain, text);
      return refusalOf("every party", follow(forged, signer.publicKey));
    },
  },
  {
    name: "downgrade of profile in the registry",
    adversary: "the registry's administrator, together with the opener",
    guard: "profiles move towards meter-encrypts alone",
    without: "model: readings sealed to the opener's key",
    expected: "REGISTRY_PROFILE_DOWNGRADE",
    control: profileControl,
    async system(stage) {
      const registry = await ownRegistry(stage);
      try {
        await registry.raiseProfile(COHORT, "meter-encrypts");
        return await refusalOf("registry", registry.raiseProfile(COHORT, "pes-encrypts"));
      } finally {
        await registry.close();
      }
    },
  },
  {
    name: "downgrade of profile in the meter",
    adversary: "an installer who gives a meter that encrypts for itself an opener's key",
    guard: "the meter's memory of its profile",
    without: "model: readings sealed to the opener's key",
    expected: "METER_PROFILE_LOWERED",
    control: profileControl,
    async system(stage) {
      const journal = await stage.folder();
      const contribution = { paillierKey: serializePublicKey(stage.publicKey), load: [] };
      const raised = { profile: "meter-encrypts", opener: undefined, contribution };
      await (await startMeter(stage, TARGET, journal, raised)).fleet.close();
      return refusalOf("meter", startMeter(stage, TARGET, journal));
    },
  },
  {
    name: "downgrade of policy: k = 1",
    adversary: "the registry's administrator, together with the aggregator",
    guard: "the policy that the trustee is pinned to",
    without: "the real trustee, pinned to the UNSAFE policy, releases it",
    expected: "TRUSTEE_POLICY_REFUSED",
    async control(stage) {
      const request = await single(stage);
      const setting = { view: unsafeView(stage), policyId: k1.id };
      const granted: Observed = await stage.askTrustee(request, setting);
      // The real trustee, pinned to that policy, releases it; what the MDMS then reads.
      const recovered = granted.kind === "succeeded" ? slotsOf(stage.decrypt, request) : [];
      return { recovered, truth: wattHoursOf(stage.home(TARGET), DAY) };
    },
    async system(stage) {
      const asked = stage.askTrustee(await single(stage), { view: unsafeView(stage) });
      return refusalOf("trustee", asked);
    },
  },
];
