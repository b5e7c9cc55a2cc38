/**
 * The deployment that is attacked: the real parties with their own keys and folders, over their own bus and databases, played through a
 * month and then stopped, so that an adversary is whoever holds a copy of a folder. In a temporary folder, gone afterwards.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeContribution, type Contribution } from "@smarter-metering/protocol";
import { openStore } from "@smarter-metering/runtime";
import { CliError } from "../cli-error.ts";
import { customersOf, joinPortal } from "../demo/customers.ts";
import { plainDoor } from "../serve/door.ts";
import { readHouseholds, type HouseholdAccess } from "../demo/access.ts";
import { prepareDemo } from "../demo/prepare.ts";
import { playDays, startDemo } from "../demo/run-demo.ts";
import { layoutOf, type Layout } from "../deployment/layout.ts";
import { Terminal } from "../terminal.ts";
import type { Haystack } from "./secret-scan.ts";
import { plantedHomes, writeHomes, ZONE, type Home } from "./town-homes.ts";

/** The hard floor of the policy, and members enough that one may be missing (R7). */
export const CONTRIBUTORS_MIN = 20;
const HOMES = 24;
/** A billing month of 28 days and the day after it. */
export const DAYS = 29;

export interface Town {
  readonly layout: Layout;
  readonly keyBits: number;
  readonly homes: readonly Home[];
  readonly access: ReadonlyMap<string, HouseholdAccess>;
  /** The aggregator's ledger. */
  readonly contributions: readonly Contribution[];
  /** What the parties logged, and what they answered to /metrics. */
  readonly printed: readonly Haystack[];
  remove(): Promise<void>;
}

/** Keeps what the parties log, instead of showing it. */
class ListeningTerminal extends Terminal {
  readonly lines: string[] = [];
  readonly #progress: (done: number, total: number) => void;

  constructor(progress: (done: number, total: number) => void) {
    super({ json: true, quiet: true });
    this.#progress = progress;
  }

  override warn(text: string): void {
    this.lines.push(text);
  }

  override progress(label: string, done: number, total: number): void {
    if (label === "loading days") this.#progress(done, total);
  }
}

/** Throws what a demonstration throws, CliError LOAD_STOPPED when `signal` aborts. */
export async function playTown(
  keyBits: number,
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Town> {
  const folder = await mkdtemp(join(tmpdir(), "smarter-metering-attack-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const homes = plantedHomes(HOMES, DAYS);
    const root = join(folder, "deployment");
    writeHomes(join(folder, "homes.csv"), homes);
    const terminal = new ListeningTerminal(progress);
    const metrics = await live(join(folder, "homes.csv"), root, keyBits, terminal, signal);
    const layout = layoutOf(root);
    const log = { name: "log", bytes: Buffer.from(terminal.lines.join("\n")) };
    return {
      layout,
      keyBits,
      homes,
      access: await readHouseholds(layout),
      contributions: await ledgerOf(layout),
      printed: [log, ...metrics],
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Starts, plays, and stops it; returns each party's metrics. */
async function live(
  path: string,
  root: string,
  keyBits: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Haystack[]> {
  const request = {
    root,
    clock: "replay",
    file: { path, unit: "kW", strict: true },
    zone: ZONE,
    households: undefined,
    days: undefined,
    intervalSeconds: undefined,
    customers: 2,
    contributorsMin: CONTRIBUTORS_MIN,
    unsafePolicy: false,
    profile: "pes-encrypts",
    startDate: "",
    seed: "",
    keyBits,
  } as const;
  const running = await startDemo(await prepareDemo(request, terminal), terminal);
  try {
    const origin = running.everything.urls["ucs"] ?? "";
    const joining = Promise.all(
      customersOf(running.access).map((customer) =>
        joinPortal(plainDoor(origin), customer, signal),
      ),
    );
    await playDays(running, terminal, signal, joining);
    return await metricsOf(running.everything.urls);
  } finally {
    await running.close();
  }
}

async function metricsOf(urls: Readonly<Record<string, string>>): Promise<Haystack[]> {
  const pages = Object.entries(urls)
    .filter(([, url]) => url.startsWith("http"))
    .map(async ([name, url]) => {
      const answer = await fetch(new URL("/metrics", url));
      return { name: `metrics of ${name}`, bytes: Buffer.from(await answer.text()) };
    });
  return Promise.all(pages);
}

async function ledgerOf(layout: Layout): Promise<Contribution[]> {
  const folder = join(layout.folder("aggregator"), "store");
  const store = await openStore({
    place: { kind: "pglite", folder },
    schema: "attack",
    migrations: [],
  });
  try {
    const rows = await store.query<{ encoded: Uint8Array }>("select encoded from contribution");
    if (rows.length === 0) throw new CliError("ATTACK_EMPTY", "no contribution was made");
    return rows.map(({ encoded }) => decodeContribution(encoded));
  } finally {
    await store.close();
  }
}
