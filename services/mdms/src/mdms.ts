/**
 * The MDMS: manager, database, API and operators' pages. It learns totals per customer and billing window and load per neighbourhood and
 * interval; it must never hold anything finer, a network pseudonym, or a key but its own.
 */
import type { Context } from "hono";
import { etag } from "hono/etag";
import {
  addWebFiles,
  createApp,
  errorFields,
  runtimeLogFields,
  WEB_POLICY,
  type App,
  type Bus,
  type LogFields,
  type Problem,
  type RequestLimit,
} from "@smarter-metering/runtime";
import { AuditTrail } from "./access/audit.ts";
import { Guard } from "./access/guard.ts";
import { Idempotency } from "./access/idempotency.ts";
import { Logins } from "./access/logins.ts";
import { createOperator, type NewOperator } from "./access/operators.ts";
import type { Role } from "./access/roles.ts";
import { SecondFactors } from "./access/second-factors.ts";
import { Sessions } from "./access/sessions.ts";
import { addAccountApi, type AccountApiPorts } from "./api/account-api.ts";
import { addCorrectionApi } from "./api/correction-api.ts";
import { wantsCsv } from "./api/csv.ts";
import { addCustomerApi } from "./api/customer-api.ts";
import { addDeploymentApi } from "./api/deployment-api.ts";
import { addEventApi, type EventApiPorts } from "./api/event-api.ts";
import { addFeederApi } from "./api/feeder-api.ts";
import { addLedgerApi } from "./api/ledger-api.ts";
import { addLoadApi } from "./api/load-api.ts";
import { addOperatorApi } from "./api/operator-api.ts";
import { addPriceApi } from "./api/price-api.ts";
import { addPrivacyApi } from "./api/privacy-api.ts";
import { addProposalApi } from "./api/proposal-api.ts";
import { addRegistryApi } from "./api/registry-api.ts";
import { addReleaseApi } from "./api/release-api.ts";
import { addSessionApi } from "./api/session-api.ts";
import { addTariffApi } from "./api/tariff-api.ts";
import { addWatchApi } from "./api/watch-api.ts";
import { addBacklogMetrics } from "./backlog-metrics.ts";
import { Courier } from "./courier.ts";
import { Combiner, type CombinerPorts } from "./combiner.ts";
import { MdmsError, type MdmsErrorCode } from "./error.ts";
import { LiveEvents } from "./live-events.ts";
import { Manager } from "./manager.ts";
import type { LedgerDoor } from "./peers/ledger-door.ts";
import type { RegistryDesk } from "./peers/registry-desk.ts";
import { registryContext } from "./registry-context.ts";
import type { Reports } from "./report-folder.ts";
import { forgetOld, type MdmsKeptDays } from "./retention.ts";

export interface MdmsConfig {
  /** How long bills and loads are kept, in days. Default `MDMS_KEPT_DAYS`. */
  readonly keptDays?: MdmsKeptDays;
  /** Roles whose accounts have to have a second factor; without one they can only set it up. Default: none. */
  readonly totpRequiredFor?: readonly Role[];
  /** What one address may ask of the API and the pages. Default: no limit. */
  readonly requestLimit?: RequestLimit;
}

export interface MdmsPorts extends Omit<CombinerPorts, "events"> {
  readonly bus: Bus;
  /** Of the registry, Ed25519, raw: goes to customers with their bills. */
  readonly rootKey: Uint8Array;
  /** 32 bytes that are not in the database and serve nothing else: seals operators' second factors. */
  readonly totpKey: Uint8Array;
  /** Of this run, for whoever reads the MDMS's folder: administers accounts. Absent: nobody does. */
  readonly operatorToken?: string;
  /** Takes proposals and signed tariffs, and tells plans. Absent: those routes say so. */
  readonly registryDesk?: RegistryDesk;
  /** What the aggregator tells of its ledger. Absent: those routes say so. */
  readonly ledger?: LedgerDoor;
  /** Of the privacy officer. Absent: there are none. */
  readonly reports?: Reports;
  /** The built operators' pages. Absent: the API alone. */
  readonly webFolder?: string | undefined;
}

export interface MdmsService {
  /** API and pages, to be served by the wiring. */
  readonly http: App;
  /** Throws MDMS_OPERATOR_INVALID or MDMS_OPERATOR_EXISTS. */
  createOperator(operator: NewOperator): Promise<void>;
  /** Takes no more releases and finishes those in hand. */
  close(): Promise<void>;
}

/** What this role logs beyond what every role does: trustees, by their numbers. */
export const mdmsLogFields: LogFields = { ...runtimeLogFields, trustee: "number" };

/** Each costs up to two RSA decryptions: some tenths of a second's work, and one transaction. */
const BATCH_MAX = 64;
/** A store that is away for hours (30 s between attempts) loses no release by it. */
const STORE_ATTEMPTS_MAX = 1_000;
const FORGET_EVERY_MS = 3_600_000;
/** What a full bus or a failure left; a bill is sent when it is made. */
const DELIVER_EVERY_MS = 60_000;
/** How soon open pages hear of a new epoch. */
const REGISTRY_EVERY_MS = 5_000;
/** A whole tariff, signed, is the largest. */
const BODY_BYTES_MAX = 64 * 1024;

const STATUS: Readonly<Record<MdmsErrorCode, 400 | 401 | 403 | 409 | 422 | 429 | 503>> = {
  MDMS_LOGIN_REFUSED: 401,
  MDMS_PROOF_REFUSED: 403,
  MDMS_TOTP_REQUIRED: 403,
  MDMS_TOTP_STATE: 409,
  MDMS_LOGIN_BUSY: 429,
  MDMS_CSRF: 403,
  MDMS_IDEMPOTENCY_KEY: 400,
  MDMS_IDEMPOTENCY_MISMATCH: 422,
  MDMS_IDEMPOTENCY_BUSY: 409,
  MDMS_STREAMS_FULL: 429,
  MDMS_OPERATOR_EXISTS: 409,
  MDMS_OPERATOR_INVALID: 400,
  MDMS_FEEDER_OFF_GRID: 400,
  MDMS_CORRECTION_INVALID: 400,
  MDMS_CORRECTION_CONFLICT: 409,
  MDMS_PEER_ABSENT: 503,
  MDMS_PEER_UNREACHABLE: 503,
};

/** `ports.store` was opened with this package's `migrations`. */
export async function startMdms(config: MdmsConfig, ports: MdmsPorts): Promise<MdmsService> {
  const { bus, clock, log, registry, store } = ports;
  addBacklogMetrics(ports.metrics, store);
  const { totpRequiredFor = [] } = config;
  const events = new LiveEvents();
  const onEnd = (ids: readonly string[]): void => events.endSessions(ids);
  const sessions = new Sessions(store, clock, { totpRequiredFor, onEnd });
  const audit = new AuditTrail(store, clock);
  const factors = new SecondFactors(store, clock, ports.totpKey);
  const logins = new Logins({ store, clock, audit, factors });
  const idempotency = new Idempotency(store, clock);
  const { operatorToken } = ports;
  const guard = new Guard({ logins, sessions, audit, idempotency, operatorToken });
  const context = (): ReturnType<typeof registryContext> => registryContext(registry);
  const web = { store, guard, context, sessions, factors, totpRequiredFor, events, clock };
  const courier = new Courier(ports);
  const http = await createMdmsApp(ports, web, courier, config.requestLimit);

  const manager = new Manager({ ...ports, events });
  const combiner = new Combiner({ ...ports, events });
  const batches = { batchMax: BATCH_MAX, attemptsMax: STORE_ATTEMPTS_MAX };
  const subscriptions = [
    bus.consume("releases", "mdms", batches, async (batch) => {
      const verdicts = await manager.take(batch);
      await courier.deliver();
      return verdicts;
    }),
    bus.consume("partial-releases", "mdms", batches, async (batch) => {
      const verdicts = await combiner.take(batch);
      await courier.deliver();
      return verdicts;
    }),
  ];
  const cancelForget = clock.every(FORGET_EVERY_MS, async () => {
    try {
      await sessions.forget();
      await idempotency.forget();
      await forgetOld(store, Math.floor(clock.nowMs() / 1000), config.keptDays);
    } catch (error) {
      log.error("old rows stay until the next hour", errorFields(error));
    }
  });
  const cancelDeliver = clock.every(DELIVER_EVERY_MS, () => courier.tick());
  let epoch = registry.current().epoch;
  const cancelWatch = clock.every(REGISTRY_EVERY_MS, () => {
    const newest = registry.current().epoch;
    if (newest !== epoch) events.tell({ kind: "registry", epoch: (epoch = newest) });
  });
  return {
    http,
    createOperator: (operator) => createOperator(ports, operator),
    async close() {
      cancelForget();
      cancelWatch();
      cancelDeliver();
      events.close();
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
      await courier.deliver();
    },
  };
}

async function createMdmsApp(
  { clock, log, metrics, signer, registryDesk, ledger, reports, webFolder }: MdmsPorts,
  web: AccountApiPorts & EventApiPorts,
  courier: Courier,
  requestLimit: RequestLimit | undefined,
): Promise<App> {
  const app = createApp({
    title: "Smarter Metering: meter data management",
    version: "1",
    log,
    clock,
    metrics,
    bodyBytesMax: BODY_BYTES_MAX,
    contentSecurityPolicy: WEB_POLICY,
    problemOf,
    requestLimit,
  });
  const tag = etag();
  // Not of what is streamed: a tag is the hash of the whole.
  const isStreamed = (c: Context): boolean => wantsCsv(c) || c.req.path === "/v1/events";
  app.use("/v1/*", (c, next) => (isStreamed(c) ? next() : tag(c, next)));
  app.use("/v1/corrections", async (_, next) => {
    await next();
    await courier.deliver(); // Notes go to their customers.
  });
  addSessionApi(app, web);
  addAccountApi(app, web);
  addOperatorApi(app, web);
  addEventApi(app, web);
  addLoadApi(app, web);
  addFeederApi(app, { ...web, clock });
  addReleaseApi(app, web);
  addCustomerApi(app, web);
  addCorrectionApi(app, { ...web, clock, signer });
  addDeploymentApi(app, web);
  addTariffApi(app, { ...web, clock, registryDesk });
  addRegistryApi(app, { ...web, clock });
  addProposalApi(app, { ...web, registryDesk });
  addLedgerApi(app, { ...web, ledger });
  addPrivacyApi(app, { ...web, reports });
  addPriceApi(app, web);
  addWatchApi(app, { ...web, clock });
  if (webFolder !== undefined) await addWebFiles(app, webFolder);
  return app;
}

function problemOf(error: unknown): Problem | undefined {
  if (!(error instanceof MdmsError)) return undefined;
  return { status: STATUS[error.code], code: error.code, title: error.message };
}
