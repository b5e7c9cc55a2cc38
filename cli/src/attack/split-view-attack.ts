/**
 * The split view (docs/protocol.md §13.4, §13.5): 2 of 3 trustees decrypt; one is corrupt and so is the log's operator, who shows the honest
 * two different histories, one with a sum over all, one with a sum without the target. Real followers; each trustee's ledger is its own.
 */
import {
  createQuorum,
  EMPTY_FRONTIER,
  encodeEntry,
  extendFrontier,
  formatHead,
  frontierRoot,
  initialiseFollower,
  LogError,
  openFollower,
  parseHead,
  signHead,
  trusteeKey,
  type LogBatch,
  type Quorum,
} from "@smarter-metering/log";
import {
  leafHash,
  primitives,
  requestDigest,
  signerFromSeed,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import type { ActiveAttack, Observed, Recovery } from "./attack.ts";
import { loadRequest } from "./forge.ts";
import { slotsOf } from "./prototype.ts";
import type { Stage } from "./stage.ts";
import { DAYS } from "./town.ts";
import { instantOfDay, wattHoursOf } from "./town-homes.ts";

const TARGET = 0;
const DAY = 9;
const NOW_SECONDS = instantOfDay(DAYS);

interface Log {
  readonly operator: Signer;
  /** The first is corrupt. */
  readonly trustees: readonly Signer[];
  readonly quorum: Quorum;
}

/** 2 of 3. Without the guard the honest wait for as many cosignatures as decrypt. */
async function newLog(isGuarded: boolean): Promise<Log> {
  const [operator, ...trustees] = await Promise.all(
    Array.from({ length: 4 }, () => signerFromSeed(primitives.randomBytes(32))),
  );
  if (operator === undefined) throw new RangeError("four signers");
  const keys = trustees.map(({ publicKey }) => publicKey);
  const quorum = await createQuorum(operator.publicKey, keys, 2);
  return { operator, trustees, quorum: isGuarded ? quorum : { ...quorum, cosignersMin: 2 } };
}

/** A history of one entry, the request, as the operator signs it. */
async function historyOf(request: SignedRequest, { operator, quorum }: Log): Promise<LogBatch> {
  const body = await requestDigest(request);
  const entry = encodeEntry({ kind: "release-request", timeSeconds: NOW_SECONDS, body });
  const frontier = await extendFrontier(EMPTY_FRONTIER, [await leafHash(entry)]);
  const head = { origin: quorum.log.name, size: 1, root: await frontierRoot(frontier) };
  const signature = await signHead(head, NOW_SECONDS, quorum.log, operator);
  return { entries: [entry], head: formatHead({ ...head, signatures: [signature] }) };
}

/** Shows an honest trustee one history, adds the corrupt one's cosignature, and has it confirmed: then it gives its share. */
async function persuade(log: Log, honest: Signer, request: SignedRequest): Promise<void> {
  let bytes: Uint8Array | undefined;
  const state = {
    load: () => Promise.resolve(bytes),
    save(next: Uint8Array) {
      bytes = next;
      return Promise.resolve();
    },
  };
  const ports = { quorum: log.quorum, signer: honest, state, nowSeconds: () => NOW_SECONDS };
  await initialiseFollower(ports);
  const follower = await openFollower(ports);
  const { cosigned } = await follower.take(await historyOf(request, log));
  const [corrupt] = log.trustees;
  if (corrupt === undefined) throw new RangeError("three trustees");
  const head = parseHead(cosigned);
  const key = await trusteeKey(corrupt.publicKey);
  const signatures = [...head.signatures, await signHead(head, NOW_SECONDS, key, corrupt)];
  await follower.confirm(formatHead({ ...head, signatures }));
}

const requestsOf = (stage: Stage): Promise<SignedRequest[]> =>
  Promise.all([
    loadRequest(stage, DAY, stage.load(DAY)),
    loadRequest(stage, DAY, stage.load(DAY).slice(1)),
  ]);

async function control(stage: Stage): Promise<Recovery> {
  const log = await newLog(false);
  const requests = await requestsOf(stage);
  const answers = await Promise.all(
    requests.map(async (request, index) => {
      const honest = log.trustees[1 + index];
      if (honest === undefined) throw new RangeError("three trustees");
      await persuade(log, honest, request);
      // His share and the corrupt one's are two.
      return slotsOf(stage.decrypt, request);
    }),
  );
  const [all = [], without = []] = answers;
  const recovered = all.map((value, slot) => value - (without[slot] ?? 0));
  return { recovered, truth: wattHoursOf(stage.home(TARGET), DAY) };
}

async function system(stage: Stage): Promise<Observed> {
  const log = await newLog(true);
  const codes: string[] = [];
  for (const [index, request] of (await requestsOf(stage)).entries()) {
    const honest = log.trustees[1 + index];
    if (honest === undefined) throw new RangeError("three trustees");
    try {
      await persuade(log, honest, request);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      codes.push(error.code);
    }
  }
  const by = "log followers of the honest trustees";
  // One persuaded trustee is no harm: one history got its shares.
  return codes.length > 0
    ? { kind: "refused", by, codes }
    : { kind: "succeeded", by, why: "both histories confirmed" };
}

export const splitViewAttacks: readonly ActiveAttack[] = [
  {
    name: "split view between trustees, 2 of 3",
    adversary: "the log's operator, the aggregator and one of three trustees",
    guard: "a quorum of ⌈(n + t)/2⌉ cosignatures",
    without: "the real followers, with a quorum of t",
    expected: "LOG_HEAD_QUORUM",
    control,
    system,
  },
];
