/**
 * The user-centric system (docs/protocol.md §2.5, §3.2, §10): keeps customers' sealed frames, bills, envelopes and vaults and hands each customer
 * his own. It holds no key that opens any of them and must never see a reading.
 */
import type { RegistryFeed, UcsView } from "@smarter-metering/protocol";
import {
  errorFields,
  migrate,
  type App,
  type Bus,
  type Clock,
  type LogFields,
  type Logger,
  type Metrics,
  type RequestLimit,
  type Store,
} from "@smarter-metering/runtime";
import { AccountStore } from "./account-store.ts";
import { AuthenticationKeys } from "./authentication-key.ts";
import { customerKeysHandler } from "./customer-keys.ts";
import { flushDownlink } from "./downlink.ts";
import { EnrolmentStore } from "./enrolment-store.ts";
import { Evidence, type EvidencePorts } from "./evidence.ts";
import { EnvelopeStore } from "./envelope-store.ts";
import { FrameStore } from "./frame-store.ts";
import { createPortalApp } from "./http/portal-app.ts";
import { SESSION_SECONDS, sessionAuth } from "./http/session-auth.ts";
import { HouseholdStore } from "./household-store.ts";
import { LiveHub } from "./live-hub.ts";
import { LoginGuard } from "./login-guard.ts";
import { migrations } from "./migrations.ts";
import { forgetOld } from "./retention.ts";
import { sealedFramesHandler } from "./sealed-frames.ts";
import { StatementStore } from "./statement-store.ts";
import { statementsHandler } from "./statements.ts";

const FLUSH_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 3_600_000;
const SEALED_BATCH_MAX = 256;
const KEYS_BATCH_MAX = 64;
const STATEMENTS_BATCH_MAX = 64;

export interface UcsConfig {
  /** More sign-ups are refused. Default 100,000. */
  readonly accountsMax?: number;
  /** A session ends after this time, used or not. Default 12 hours. */
  readonly sessionSeconds?: number;
  /** Frames of one answer. Default 200, about 300 KB of quarter-hour days. */
  readonly framesPerPageMax?: number;
  /** Sealed frames go that long after they came. Default `UCS_KEPT_DAYS.sealedFrames`. */
  readonly framesKeptDays?: number | undefined;
  /** How long the supplier's MDMS keeps statements: what customers are told. Default 3660. */
  readonly statementsKeptDays?: number | undefined;
  /** What one address may ask of the portal. Default: no limit. */
  readonly requestLimit?: RequestLimit;
  /** Opens the operator's routes, which answer and erase for a data subject. Default: there are none. */
  readonly operatorToken?: string;
}

export interface UcsPorts {
  /** The machine's own clock: sessions and lock-outs are about people, not about readings. */
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: Bus;
  /** The UCS adds its own tables. */
  readonly store: Store;
  readonly registry: RegistryFeed<UcsView>;
  /** Whom customers' questions are passed on to. */
  readonly evidence: Omit<EvidencePorts, "registry">;
  /** The built pages; null for the API alone. */
  readonly webFolder: string | null;
}

export interface UcsService {
  /** To be served by the caller. */
  readonly http: App;
  /** Takes no more messages, ends live streams, finishes what is in hand. The ports stay open. */
  close(): Promise<void>;
}

/** What the UCS logs besides the runtime's own fields. */
export const ucsLogFields: LogFields = { frameHash: "bytes" };

/** Throws STORE_MIGRATION. */
export async function startUcs(config: UcsConfig, ports: UcsPorts): Promise<UcsService> {
  const { clock, log, metrics, bus, store, registry, webFolder } = ports;
  await migrate(store, "ucs", migrations);
  const accounts = new AccountStore(store);
  const enrolments = new EnrolmentStore(store);
  const envelopes = new EnvelopeStore(store);
  const frames = new FrameStore(store);
  const households = new HouseholdStore(store);
  const statements = new StatementStore(store);
  const guard = await LoginGuard.create(store);
  const hub = new LiveHub();
  const flush = (): Promise<void> =>
    flushDownlink(bus, enrolments).catch((error: unknown) =>
      log.error("an enrolment request waits; the next minute tries again", errorFields(error)),
    );
  const http = await createPortalApp({
    clock,
    log,
    metrics,
    registry,
    webFolder,
    accounts,
    enrolments,
    envelopes,
    frames,
    households,
    statements,
    evidence: new Evidence({ registry, ...ports.evidence }),
    guard,
    hub,
    flush,
    keys: await AuthenticationKeys.create(),
    auth: sessionAuth(accounts, clock, config.sessionSeconds ?? SESSION_SECONDS),
    accountsMax: config.accountsMax ?? 100_000,
    framesPerPageMax: config.framesPerPageMax ?? 200,
    store,
    kept: { sealedFrames: config.framesKeptDays, statements: config.statementsKeptDays },
    operatorToken: config.operatorToken ?? null,
    requestLimit: config.requestLimit,
  });

  await flush();
  const subscriptions = [
    bus.consume(
      "sealed",
      "ucs",
      { batchMax: SEALED_BATCH_MAX },
      sealedFramesHandler({ clock, log, metrics, registry, frames, hub }),
    ),
    bus.consume(
      "customer-keys",
      "ucs",
      { batchMax: KEYS_BATCH_MAX },
      customerKeysHandler({ clock, metrics, registry, envelopes, enrolments, hub }),
    ),
    bus.consume(
      "statements",
      "ucs",
      { batchMax: STATEMENTS_BATCH_MAX },
      statementsHandler({ clock, metrics, statements }),
    ),
  ];
  const forget = async (): Promise<void> => {
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    try {
      for (const part of [accounts, guard, households]) await part.forget(nowSeconds);
      await forgetOld(store, nowSeconds, config.framesKeptDays);
    } catch (error) {
      log.error("old rows were not forgotten; the next hour tries again", errorFields(error));
    }
  };
  const timers = [clock.every(FLUSH_EVERY_MS, flush), clock.every(FORGET_EVERY_MS, forget)];
  return {
    http,
    async close() {
      for (const cancel of timers) cancel();
      hub.end();
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    },
  };
}
