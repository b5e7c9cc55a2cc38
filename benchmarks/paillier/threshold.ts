/**
 * Threshold decryption beside decryption with the undivided key, in turns, in one run, on one thread; then the release of a whole block
 * (release.ts), on all cores: `npm run bench:threshold -- [--quick] [--json] [--ceremony]`. Ratios are the claim; absolute figures belong
 * to the machine. Keys are the TEST keys, 2 of 3.
 *
 *   --quick     two short rounds
 *   --json      the measurements in place of markdown
 *   --ceremony  whole ceremonies as well, with fresh safe primes: seconds each, and luck
 */
import process from "node:process";
import { parseArgs } from "node:util";
import {
  combinePartials,
  dealThresholdKey,
  decryptBatch,
  encryptBatch,
  openEngine,
  partialDecrypt,
  verifyPartials,
  type Engine,
  type VerifiedPartials,
} from "@smarter-metering/paillier";
import { dealTestKey, undivided } from "../../packages/paillier/test/threshold-keys.ts";
import { describeMachine } from "./machine.ts";
import { measureRelease, type ReleaseCost } from "./release.ts";
import { race, trialOf, type Effort, type Trial } from "./rounds.ts";

type Row = {
  readonly bits: number;
  readonly operation: string;
  readonly items: number;
  /** Of a call, in the best round. */
  readonly milliseconds: number;
  /** Calls of undivided decryption of as many items in that time. */
  readonly decryptions: number;
};

const quorum = { threshold: 2, trustees: 3 };
const context = new TextEncoder().encode("benchmark");

/** One call of each operation on `items` ciphertexts; the first is the measure of all. */
async function trialsOf(
  engine: Engine,
  bits: number,
  items: number,
): Promise<readonly (readonly [string, Trial])[]> {
  const ceremony = await dealTestKey({ bits, ...quorum });
  const secretKey = await undivided(ceremony);
  const { publicKey, verification: key, shares } = ceremony;
  const plaintexts = Array.from({ length: items }, (_, i) => BigInt(i));
  const ciphertexts = await encryptBatch(engine, publicKey, plaintexts);
  const messages: Uint8Array[] = [];
  const verified: VerifiedPartials[] = [];
  for (const share of shares.slice(0, quorum.threshold)) {
    const message = await partialDecrypt(engine, share, ciphertexts, context);
    const { trustee } = share;
    const verdict = await verifyPartials(engine, key, trustee, ciphertexts, context, message);
    if (!verdict.ok) throw new Error(verdict.code);
    messages.push(message);
    verified.push(verdict.verified);
  }
  const [share] = shares;
  const [message] = messages;
  if (share === undefined || message === undefined) throw new Error("no share");
  return [
    ["decrypt, undivided key", trialOf(1, () => decryptBatch(engine, secretKey, ciphertexts))],
    [
      "partial decryption and proof",
      trialOf(1, () => partialDecrypt(engine, share, ciphertexts, context)),
    ],
    [
      "verification of one answer",
      trialOf(1, () => verifyPartials(engine, key, 1, ciphertexts, context, message)),
    ],
    [
      "combination of two answers",
      trialOf(1, () => combinePartials(engine, key, ciphertexts, context, verified)),
    ],
    ...(items === 1
      ? [
          [
            "dealing, safe primes given",
            trialOf(1, () => dealTestKey({ bits, ...quorum })),
          ] as const,
        ]
      : []),
  ];
}

async function measure(engine: Engine, bits: number, items: number, effort: Effort) {
  process.stderr.write(`${bits} bits, ${items} ciphertext(s)\n`);
  const trials = await trialsOf(engine, bits, items);
  const rates = await race(
    trials.map(([, trial]) => trial),
    effort,
  );
  const undividedRate = rates[0]?.best ?? 0;
  return trials.map(([operation], i): Row => {
    const rate = rates[i]?.best ?? 0;
    const decryptions = undividedRate / rate;
    return { bits, operation, items, milliseconds: 1000 / rate, decryptions };
  });
}

/** Processor seconds of `count` ceremonies. */
async function measureCeremonies(bits: number, count: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) {
    const before = process.cpuUsage();
    await dealThresholdKey({ bits, ...quorum });
    const { user, system } = process.cpuUsage(before);
    seconds.push((user + system) / 1e6);
  }
  return seconds;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ bits, operation, items, milliseconds, decryptions }) =>
    [bits, operation, items, milliseconds.toPrecision(3), `${decryptions.toPrecision(3)} ×`].join(
      " | ",
    ),
  );
  return [
    "| bits | one call of | ciphertexts | ms | of undivided decryption |",
    "| --- | --- | --: | --: | --: |",
    ...lines.map((line) => `| ${line} |`),
  ].join("\n");
}

function releaseTable({ bits, meters, wholeKey, shares, ...ratios }: ReleaseCost): string {
  const row = (who: string, { trusteeMs, mdmsMs }: { trusteeMs: number; mdmsMs: number }) =>
    `| ${who} | ${trusteeMs.toPrecision(3)} | ${mdmsMs.toPrecision(3)} |`;
  return [
    `Release of a block of ${meters} meters at ${bits} bits, with all checks:`,
    "",
    "| the key is held | each trustee, ms | MDMS, ms |",
    "| --- | --: | --: |",
    row("by one", wholeKey),
    row(`by ${shares.threshold} of ${quorum.trustees}`, shares),
    "",
    `With shares it takes ${ratios.latencyRatio.toPrecision(3)} × as long (trustees side by side), and ${ratios.workRatio.toPrecision(3)} × the work of all.`,
  ].join("\n");
}

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    ceremony: { type: "boolean", default: false },
  },
});
const effort = options.quick ? { rounds: 2, sliceMs: 50 } : { rounds: 5, sliceMs: 500 };
const machine = describeMachine();
const { engine } = await openEngine({ threads: 1 });
const rows: Row[] = [];
for (const bits of [2048, 3072]) {
  for (const items of [1, 64]) rows.push(...(await measure(engine, bits, items, effort)));
}
process.stderr.write("a block\n");
const release = await measureRelease(quorum, effort);
const ceremonies = options.ceremony
  ? [
      { bits: 2048, cpuSeconds: await measureCeremonies(2048, 5) },
      { bits: 3072, cpuSeconds: await measureCeremonies(3072, 5) },
    ]
  : [];
await engine.close();
if (options.json) {
  console.log(JSON.stringify({ machine, engine: engine.name, effort, rows, release, ceremonies }));
} else {
  const { processor, cores, node, loadBefore } = machine;
  console.log(`${processor}, ${cores} cores; Node ${node}; ${engine.name}; load ${loadBefore}\n`);
  console.log(table(rows));
  console.log(`\n${releaseTable(release)}`);
  for (const { bits, cpuSeconds } of ceremonies) {
    const each = cpuSeconds.map((seconds) => seconds.toFixed(1)).join(", ");
    console.log(`\nCeremonies with fresh safe primes, ${bits} bits, processor seconds: ${each}`);
  }
}
