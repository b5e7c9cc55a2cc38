/** All active attacks, in the order of the report; and those that were thought of and are not here. */
import { runAttack, type ActiveAttack, type ActiveResult } from "./attack.ts";

import { billAttacks } from "./bill-attacks.ts";
import { canaryAttacks } from "./canary-attack.ts";
import { honestIsGranted, loadAttacks } from "./load-attacks.ts";
import { meterAttacks } from "./meter-attacks.ts";
import { oracleAttacks } from "./oracle-attack.ts";
import { registryAttacks } from "./registry-attacks.ts";
import { residualAttacks } from "./residual-attack.ts";
import { splitViewAttacks } from "./split-view-attack.ts";
import { openStage } from "./stage.ts";
import { tariffAttacks } from "./tariff-attacks.ts";
import { CONTRIBUTORS_MIN, DAYS, playTown } from "./town.ts";

export const activeAttacks: readonly ActiveAttack[] = [
  ...loadAttacks,
  ...billAttacks,
  ...tariffAttacks,
  ...residualAttacks,
  ...registryAttacks,
  ...meterAttacks,
  ...oracleAttacks,
  ...splitViewAttacks,
  ...canaryAttacks,
];

export interface NotRun {
  readonly name: string;
  readonly why: string;
}

/** Honest about its holes: what the list of attacks names and this benchmark does not do. */
export const notRun: readonly NotRun[] = [
  {
    name: "oracle by timing",
    why: "measured by `npm run bench:constant-time`, on the native engine alone",
  },
  {
    name: "a deployment in meter-encrypts",
    why: "the one attacked is pes-encrypts, where more parties hold more; of the other, the downgrades",
  },
  {
    name: "cost registers at a trustee",
    why: "this town's tariff has none; running trustees refuse these prices in tests of their own",
  },
  {
    name: "process memory and core dumps",
    why: "not searched: the opener's holds readings by design; `doctor` says whether dumps are off",
  },
  {
    name: "bus messages on the wire",
    why: "searched in the bus's files and write-ahead log, not while they travel",
  },
  {
    name: "replay across Paillier keys",
    why: "without the guard it decrypts to noise, so there is no control; the trustee's tests refuse it",
  },
  {
    name: "former tenant's account at the portal",
    why: "in the portal's tests; here the former tenant's bill alone",
  },
  {
    name: "split view of a running threshold deployment",
    why: "the real followers of the log take part, with requests of the town; its trustee is one",
  },
];

export interface ActiveEvaluation {
  readonly keyBits: number;
  readonly homes: number;
  readonly days: number;
  readonly contributorsMin: number;
  /** Without it refusals would prove nothing: an honest request of the same stage is granted. */
  readonly honestGranted: boolean;
  readonly results: readonly ActiveResult[];
}

export interface ActiveOptions {
  /** Of the deployment's Paillier key. */
  readonly keyBits: number;
  readonly signal: AbortSignal;
  readonly progress: (label: string, done: number, total: number) => void;
}

/** Plays a deployment for a month and attacks it. Throws what a demonstration throws. */
export async function attackActively(options: ActiveOptions): Promise<ActiveEvaluation> {
  const { keyBits, signal, progress } = options;
  const days = (done: number, total: number): void => progress("playing a month", done, total);
  const town = await playTown(keyBits, days, signal);
  try {
    const stage = await openStage(town);
    try {
      const results: ActiveResult[] = [];
      for (const attack of activeAttacks) {
        signal.throwIfAborted();
        results.push(await runAttack(attack, stage));
        progress("active attacks", results.length, activeAttacks.length);
      }
      return {
        keyBits,
        homes: town.homes.length,
        days: DAYS,
        contributorsMin: CONTRIBUTORS_MIN,
        honestGranted: await honestIsGranted(stage),
        results,
      };
    } finally {
      await stage.close();
    }
  } finally {
    await town.remove();
  }
}
