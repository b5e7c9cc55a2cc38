// A registry of many service points: what an epoch costs where it is issued and where it is followed, and what it sends. The state is made
// up and seeded; its tokens are as long as sealed ones and open to nobody: what sealing one costs is measured apart. Each step runs in a
// process of its own, all on the same folder.
// Run: node --import tsx benchmarks/registry.ts [--json] [--points 100000] [--changes 100]
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { unsafePolicy } from "@smarter-metering/policy";
import {
  followRegistry,
  generateRecipient,
  networkReader,
  recipientFromSpki,
  sealToken,
  signDocument,
  signerFromSeed,
  toBase64Url,
  type EpochPin,
  type RegistryTransport,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createRegistryState,
  folderTransport,
  saveState,
  startRegistry,
  type Neighbourhood,
  type RegistryState,
} from "@smarter-metering/registry";
import { createMetrics, manualClock, silentLogger } from "@smarter-metering/runtime";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import { serializePublicKey } from "@smarter-metering/paillier";
import { loadTestKey2048 } from "../packages/paillier/test/fixed-keys.ts";
import { planOf, withPlan } from "../services/registry/src/state-plan.ts";
import { worldTariff } from "../test/support/world.ts";

const ZONE = "Europe/Zurich";
const START = dayStartOf("2026-01-01", ZONE);
const NOW = addLocalDays(START, 30, ZONE);
const HOUSEHOLDS = 100;
const TOKEN_BYTES = 384;
const SEALED_COUNT = 200;

const { values: given } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    points: { type: "string", default: "100000" },
    changes: { type: "string", default: "100" },
    step: { type: "string" },
    folder: { type: "string", default: "" },
  },
});
const [points, changes] = [Number(given.points), Number(given.changes)];

const bytesOf = (...name: readonly (string | number)[]): Buffer =>
  createHash("sha256").update(name.join(" ")).digest();
const hexOf = (length: number, ...name: readonly (string | number)[]): string =>
  bytesOf(...name)
    .toString("hex")
    .slice(0, 2 * length);
const signerOf = (name: string): Promise<Signer> => signerFromSeed(bytesOf(name));

interface Measured {
  readonly step: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the process, up to then. */
  readonly peakMebibytes: number;
  readonly megabytes?: number;
  readonly calls?: number;
}
const results: Measured[] = [];

async function measured<T>(
  step: string,
  work: () => Promise<T>,
  sent?: () => Pick<Measured, "megabytes" | "calls">,
): Promise<T> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  results.push({
    step,
    seconds: (performance.now() - began) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakMebibytes: Math.round(process.resourceUsage().maxRSS / 1024),
    ...sent?.(),
  });
  return result;
}

const neighbourhood = (index: number): Neighbourhood => ({
  id: `n${index}`,
  zone: ZONE,
  intervalSeconds: 3600,
  profile: "pes-encrypts",
  exportLoad: false,
});

const neighbourhoodsOf = (count: number): Neighbourhood[] =>
  Array.from({ length: Math.ceil(count / HOUSEHOLDS) }, (_, index) => neighbourhood(index));

function meterOf(index: number) {
  const random = createHash("sha512").update(`meter ${index}`).digest("hex");
  return { meterId: random.slice(0, 32), signingKey: random.slice(32, 96) };
}

const termsOf = (index: number) => ({
  label: `street ${index}`,
  neighbourhood: `n${Math.floor(index / HOUSEHOLDS)}`,
  fuse: { amps: 63, phases: 3 },
  consumptionClass: "household",
  intervalSeconds: 900,
  contractStart: START,
  tariff: worldTariff.tariff,
});

const token = toBase64Url(
  new Uint8Array(Buffer.concat(Array<Buffer>(TOKEN_BYTES / 32).fill(bytesOf("token")))),
);

function pointOf(index: number): RegistryState["servicePoints"][number] {
  const random = createHash("sha512").update(`point ${index}`).digest("hex");
  const name = (at: number): string => random.slice(32 * at, 32 * at + 32);
  return {
    ...termsOf(index),
    network: name(0),
    mdms: name(1),
    mdmsToken: token,
    contractEnd: null,
    meters: [{ ...meterOf(index), from: START - 86_400, to: null }],
    enrolmentCode: name(2),
    statements: { mailbox: name(3), key: random.slice(0, 64) },
    recodes: 0,
  };
}

async function makeState(): Promise<RegistryState> {
  const { publicKey } = await loadTestKey2048();
  const tariffSigner = await signerOf("tariff-signer");
  const mdms = await signerOf("mdms");
  const { spki } = await generateRecipient();
  const state = await createRegistryState({
    parties: [
      {
        role: "mdms",
        signingKey: Buffer.from(mdms.publicKey).toString("hex"),
        encryptionKey: toBase64Url(spki),
      },
      { role: "opener", signingKey: hexOf(32, "opener") },
      { role: "tariff-signer", signingKey: Buffer.from(tariffSigner.publicKey).toString("hex") },
    ],
    paillierKey: serializePublicKey(publicKey),
    policy: unsafePolicy({ contributorsMin: 20 }),
    tariffs: [await signDocument("smarter-metering/tariff", worldTariff, tariffSigner)],
    neighbourhoods: neighbourhoodsOf(points + changes),
    servicePoints: [],
    firstBlock: START,
  });
  const servicePoints = Array.from({ length: points }, (_, index) => pointOf(index));
  const full = { ...state, servicePoints };
  return withPlan(full, await measured("plan all cohorts", () => planOf(full, START, START)));
}

const ports = async (folder: string) => ({
  clock: manualClock(1000 * NOW),
  log: silentLogger,
  metrics: createMetrics(),
  folder,
  rootSigner: await signerOf("root"),
});
const start = async (folder: string) =>
  startRegistry({ tokens: { admin: "not used here", parties: {} } }, await ports(folder));

const STEPS: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  async make(folder) {
    const state = await makeState();
    await measured("write the state, all of it", () => saveState(folder, state));
  },
  async issue(folder) {
    const registry = await measured("start: read the state, issue epoch 0", () => start(folder));
    await registry.close();
  },
  async change(folder) {
    const registry = await measured("start again: read the state, verify the archive", () =>
      start(folder),
    );
    const admit = (from: number) => {
      const added = Array.from({ length: changes }, (_, index) => from + index);
      const servicePoints = added.map((index) => ({ ...termsOf(index), meter: meterOf(index) }));
      return registry.admit({ servicePoints });
    };
    // The first after a start hashes everything: what later ones are compared with is not kept on disk.
    await measured("issue an epoch, the first after a start", () =>
      registry.announcePolicy({ ...unsafePolicy({ contributorsMin: 21 }), id: "UNSAFE-21" }),
    );
    await measured(`issue an epoch with ${changes} new service points`, () => admit(points));
    await measured("issue an epoch without a change of service points", () =>
      registry.announcePolicy({ ...unsafePolicy({ contributorsMin: 22 }), id: "UNSAFE-22" }),
    );
    await registry.close();
  },
  async follow(folder) {
    let [shown, bytes, calls] = [1, 0, 0];
    const source = folderTransport(folder);
    const counted = <T extends string | readonly string[]>(answer: T): T => {
      calls += 1;
      for (const text of typeof answer === "string" ? [answer] : answer) bytes += text.length;
      return answer;
    };
    const transport: RegistryTransport = {
      epochs: async () => (await source.epochs()).slice(0, shown),
      head: async (...asked) => counted(await source.head(...asked)),
      parts: async (...asked) => counted(await source.parts(...asked)),
    };
    const sent = () => {
      const answer = { megabytes: bytes / 1e6, calls };
      [bytes, calls] = [0, 0];
      return answer;
    };
    let pin: EpochPin | undefined;
    const pins = {
      load: () => Promise.resolve(pin),
      save(next: EpochPin) {
        pin = next;
        return Promise.resolve();
      },
    };
    const rootKey = (await signerOf("root")).publicKey;
    const [head] = [await source.head("network", 0)];
    await source.parts("network", await firstPart(head)); // The folder's files are looked through once.
    const feed = await measured(
      "follow the network view from scratch",
      () => followRegistry({ rootKey, reader: networkReader, transport, pins }),
      sent,
    );
    for (const step of ["a policy", `${changes} new service points`, "a policy again"]) {
      shown += 1;
      await measured(`follow an epoch: ${step}`, () => feed.refresh(), sent);
    }
    await measured("read the epoch before that again", () => feed.at(shown - 2), sent);
  },
  async seal() {
    const { spki } = await generateRecipient();
    const recipient = await recipientFromSpki(spki);
    await measured(`seal ${SEALED_COUNT} tokens (RSA, 3072 bits)`, async () => {
      for (let index = 0; index < SEALED_COUNT; index++) {
        await sealToken(recipient, bytesOf("sealed", index).subarray(0, 16));
      }
    });
  },
};

const firstPart = async (head: string): Promise<readonly string[]> => {
  const { parts } = JSON.parse(head) as { parts: { servicePoints: readonly string[] } };
  return parts.servicePoints.slice(0, 1);
};

async function sizes(folder: string): Promise<Record<string, number>> {
  const files: Record<string, number> = {};
  for (const name of (await readdir(join(folder, "views"))).toSorted()) {
    files[name] = (await stat(join(folder, "views", name))).size / 1e6;
  }
  return files;
}

function runStep(step: string, folder: string): Measured[] {
  const script = fileURLToPath(import.meta.url);
  const options = ["--max-old-space-size=12288", "--import", "tsx", script, "--step", step];
  const size = ["--points", String(points), "--changes", String(changes), "--folder", folder];
  const { status, stdout } = spawnSync(process.execPath, [...options, ...size], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`step ${step} failed`);
  return JSON.parse(stdout) as Measured[];
}

const step = STEPS[given.step ?? ""];
if (step !== undefined) {
  await step(given.folder);
  console.log(JSON.stringify(results));
} else {
  const folder = await mkdtemp(join(tmpdir(), "registry-bench-"));
  try {
    const all = Object.keys(STEPS).flatMap((name) => runStep(name, folder));
    const views = await sizes(folder);
    if (given.json) console.log(JSON.stringify({ points, changes, steps: all, views }));
    else {
      console.table(all);
      console.table(views);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
