/**
 * The combiner: takes partial releases from the bus, keeps them, and makes the release of a request as soon as t trustees agree on it
 * (docs/protocol.md §8.6). A message is acknowledged when all it decides is stored: after a crash in between it comes again, and the rest
 * is done then. A bad answer is named and kept, and holds up nobody.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import { fromHex, primitives, toHex } from "@smarter-metering/protocol";
import { errorFields, type Counter, type Delivery, type Verdict } from "@smarter-metering/runtime";
import { raiseAlarm } from "./alarms.ts";
import { checkContent } from "./check-release.ts";
import { checkShare, type OpenedShare, type ShareCheck } from "./check-share.ts";
import { combineShares, judgeLate, type Combination, type Combined } from "./combine-shares.ts";
import { withStatement } from "./make-statement.ts";
import { CONFLICT_CODES, type ManagerPorts } from "./manager.ts";
import { isPassing, RETRY_MS } from "./passing-trouble.ts";
import { registryContext, type RegistryContext } from "./registry-context.ts";
import { storeReleases, type Storable } from "./release-store.ts";
import {
  collectShares,
  combinationsOf,
  insertCombinations,
  markShares,
  sharesOf,
  type Collected,
  type StoredShare,
} from "./share-store.ts";

export interface CombinerPorts extends ManagerPorts {
  readonly engine: Engine;
}

/** Requests looked into side by side: each verifies up to 16 proofs, and the engine takes 256 calls. */
const REQUESTS_AT_ONCE = 8;

const REFUSED: Readonly<Partial<Record<Collected, string>>> = {
  changed: "MDMS_SHARE_CHANGED",
  "sequence-reused": "MDMS_SEQUENCE_REUSED",
};

export class Combiner {
  readonly #ports: CombinerPorts;
  readonly #shares: Counter;

  constructor(ports: CombinerPorts) {
    this.#ports = ports;
    this.#shares = ports.metrics.counter(
      "mdms_shares_total",
      "Partial releases received, by what became of them",
      ["outcome"],
    );
  }

  /** One verdict per message; rejects for what should not happen, as the manager does. */
  async take(batch: readonly Delivery[]): Promise<Verdict[]> {
    const { registry, recipientSecret, log } = this.#ports;
    const context = await registryContext(registry);
    const checks = await Promise.all(
      batch.map(({ body }) => checkShare(body, context, recipientSecret)),
    );
    try {
      return await this.#decide(batch, checks, context);
    } catch (error) {
      if (!isPassing(error)) throw error;
      log.warn("partial releases wait", { count: batch.length, ...errorFields(error) });
      this.#shares.add(batch.length, { outcome: "retry" });
      return batch.map(() => ({ retryAfterMs: RETRY_MS }));
    }
  }

  async #decide(
    batch: readonly Delivery[],
    checks: readonly ShareCheck[],
    context: RegistryContext,
  ): Promise<Verdict[]> {
    const shares = checks.flatMap((check) => (check.outcome === "valid" ? [check.share] : []));
    const collected = await collectShares(this.#ports.store, shares, this.#nowSeconds());
    const kept = shares.filter(
      (_, index) => REFUSED[collected[index] ?? "duplicate"] === undefined,
    );
    const problems = await this.#combineAll(kept, context);
    const outcomes = collected.values();
    const verdicts: Verdict[] = [];
    for (const [index, delivery] of batch.entries()) {
      const check = checks[index];
      assert(check !== undefined, "one check for each message");
      const outcome = check.outcome === "valid" ? outcomes.next().value : undefined;
      verdicts.push(await this.#verdict(delivery, check, outcome, problems));
    }
    return verdicts;
  }

  async #verdict(
    delivery: Delivery,
    check: ShareCheck,
    collected: Collected | undefined,
    problems: ReadonlyMap<string, string>,
  ): Promise<Verdict> {
    if (check.outcome === "too-early") {
      this.#shares.add(1, { outcome: "too-early" });
      return { retryAfterMs: RETRY_MS };
    }
    if (check.outcome === "refused") {
      await this.#name(delivery.body, check.code, check.trustee, delivery.subject);
      return { dead: check.code };
    }
    const { share } = check;
    const code = collected && REFUSED[collected];
    if (code !== undefined) {
      await this.#name(share.bytes, code, share.partial.trustee, subjectOf(share));
      return { dead: code };
    }
    this.#shares.add(1, { outcome: collected ?? "collected" });
    const problem = problems.get(requestOf(share));
    return problem === undefined ? { ack: true } : { dead: problem };
  }

  /** Looks into every request that one of `fresh` answers; returns why a combined release was refused, by request. */
  async #combineAll(
    fresh: readonly OpenedShare[],
    context: RegistryContext,
  ): Promise<ReadonlyMap<string, string>> {
    const { store } = this.#ports;
    const requests = [...new Set(fresh.map(requestOf))];
    const problems = new Map<string, string>();
    if (requests.length === 0) return problems;
    const digests = requests.map((request) => fromHex(request, 32));
    const stored = await sharesOf(store, digests);
    const decided = await combinationsOf(store, digests);
    for (let start = 0; start < requests.length; start += REQUESTS_AT_ONCE) {
      const some = requests.slice(start, start + REQUESTS_AT_ONCE);
      const combined = await Promise.all(
        some.map((request) => {
          const rows = stored.filter(({ digest }) => toHex(digest) === request);
          return this.#lookInto(rows, decided.get(request), fresh, context);
        }),
      );
      await this.#keepAll(combined, context, problems);
      await this.#nameFaults(combined);
    }
    return problems;
  }

  /** `agreed` is what a request was decided on before. */
  async #lookInto(
    rows: readonly StoredShare[],
    agreed: string | undefined,
    fresh: readonly OpenedShare[],
    context: RegistryContext,
  ): Promise<Combined> {
    const { engine } = this.#ports;
    const { verificationKey: key } = context;
    assert(key !== undefined, "checked with each message");
    const usable = rows.filter(
      ({ verdict }) => verdict === null || (verdict === "GOOD" && agreed === undefined),
    );
    if (agreed === undefined && usable.length < key.threshold) return NOTHING_YET;
    const shares = await this.#openAll(usable, fresh, context);
    if (agreed === undefined) return combineShares(engine, key, shares);
    const judged = shares.map(
      async (share) => [share, await judgeLate(engine, key, share, agreed)] as const,
    );
    return { combination: undefined, verdicts: new Map(await Promise.all(judged)) };
  }

  /** Those of this batch are open; those that came before are opened again. */
  async #openAll(
    rows: readonly StoredShare[],
    fresh: readonly OpenedShare[],
    context: RegistryContext,
  ): Promise<OpenedShare[]> {
    const { recipientSecret } = this.#ports;
    const open = new Map(fresh.map((share) => [toHex(share.partial.signature), share]));
    const opened = await Promise.all(
      rows.map(async ({ sealed }) => {
        const known = open.get(toHex(sealed.slice(-64)));
        if (known !== undefined) return known;
        const check = await checkShare(sealed, context, recipientSecret);
        return check.outcome === "valid" ? check.share : undefined;
      }),
    );
    return opened.filter((share) => share !== undefined);
  }

  /** Stores what was combined; what the registry or an earlier release contradicts goes into `problems`. */
  async #keepAll(
    combined: readonly Combined[],
    context: RegistryContext,
    problems: Map<string, string>,
  ): Promise<void> {
    const { store, signer, recipientSecret, events } = this.#ports;
    const made = combined.flatMap(({ combination, verdicts }) =>
      combination === undefined ? [] : [{ combination, request: requestOfAll(verdicts) }],
    );
    const storable: { readonly request: string; readonly release: Storable }[] = [];
    for (const { combination, request } of made) {
      if (combination.content === undefined) {
        await this.#keepCorrupt(request, combination);
        continue;
      }
      const origin = { agreed: fromHex(combination.agreed, 32) };
      const check = await checkContent(combination.content, origin, context, recipientSecret);
      if (check.outcome === "valid") {
        storable.push({ request, release: await withStatement(check.release, signer) });
      } else if (check.outcome === "refused") {
        problems.set(request, check.code);
      }
    }
    const releases = storable.map(({ release }) => release);
    const stored = await storeReleases(store, releases, this.#nowSeconds());
    events.tellStored(releases, stored);
    for (const [index, { request }] of storable.entries()) {
      const outcome = stored[index];
      if (outcome === "conflict" || outcome === "sequence-reused") {
        problems.set(request, CONFLICT_CODES[outcome]);
      } else this.#shares.add(1, { outcome: "combined" });
    }
    for (const { request } of made) {
      const code = problems.get(request);
      if (code !== undefined) await this.#alarm(fromHex(request, 32), code, "combined release");
    }
  }

  /** The trustees have spent it; nobody looks at the plaintext. */
  async #keepCorrupt(request: string, { agreed }: Combination): Promise<void> {
    const digest = fromHex(request, 32);
    const agreement = fromHex(agreed, 32);
    await insertCombinations(this.#ports.store, [{ digest, agreed: agreement, corrupt: true }]);
    await this.#alarm(digest, "RELEASE_CORRUPT", "combined release");
  }

  async #nameFaults(combined: readonly Combined[]): Promise<void> {
    const judged = combined.flatMap(({ verdicts }) => [...verdicts]);
    for (const [share, fault] of judged) {
      if (fault === undefined) continue;
      await this.#name(share.bytes, fault, share.partial.trustee, subjectOf(share));
    }
    await markShares(
      this.#ports.store,
      judged.map(([share, fault]) => ({ share, verdict: fault ?? "GOOD" })),
    );
  }

  /** An alarm that says which trustee, unless its signature did not show it. */
  async #name(
    bytes: Uint8Array,
    code: string,
    trustee: number | undefined,
    subject: string,
  ): Promise<void> {
    const who = trustee === undefined ? "" : `trustee ${trustee}: `;
    this.#ports.log.error("a share was refused", { errorCode: code, trustee });
    await this.#alarm(await primitives.sha256(bytes), code, `${who}${subject}`);
  }

  async #alarm(digest: Uint8Array, code: string, subject: string): Promise<void> {
    this.#shares.add(1, { outcome: code });
    await raiseAlarm(this.#ports.store, { digest, code, subject }, this.#nowSeconds());
    this.#ports.events.tell({ kind: "alarm", code, subject });
  }

  #nowSeconds(): number {
    return Math.floor(this.#ports.clock.nowMs() / 1000);
  }
}

const NOTHING_YET: Combined = { combination: undefined, verdicts: new Map() };

/** The request's digest, hex. */
const requestOf = ({ partial }: OpenedShare): string => toHex(partial.requestDigest);

function requestOfAll(verdicts: Combined["verdicts"]): string {
  const [share] = verdicts.keys();
  assert(share !== undefined, "combined of something");
  return requestOf(share);
}

const subjectOf = ({ content: { terms } }: OpenedShare): string =>
  terms.kind === "LOAD" ? `load/${terms.cohort}` : "bill";
