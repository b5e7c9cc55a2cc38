/**
 * The MDMS: manager, database, API and operators' pages. It learns totals per customer and billing window and load per neighbourhood and
 * interval; it must never hold anything finer, a network pseudonym, or a key but its own.
 */
import { etag } from "hono/etag";
import {
  createApp,
  errorFields,
  runtimeLogFields,
  type App,
  type Bus,
  type LogFields,
  type Problem,
} from "@smarter-metering/runtime";
import { AuditTrail } from "./access/audit.ts";
import { Guard } from "./access/guard.ts";
import { createOperator, Logins, type NewOperator } from "./access/operators.ts";
import { Sessions } from "./access/sessions.ts";
import { addCorrectionApi } from "./api/correction-api.ts";
import { addCustomerApi } from "./api/customer-api.ts";
import { addDeploymentApi } from "./api/deployment-api.ts";
import { addFeederApi } from "./api/feeder-api.ts";
import { addLoadApi } from "./api/load-api.ts";
import { addPriceApi } from "./api/price-api.ts";
import { addReleaseApi } from "./api/release-api.ts";
import { addSessionApi } from "./api/session-api.ts";
import { Combiner, type CombinerPorts } from "./combiner.ts";
import { MdmsError, type MdmsErrorCode } from "./error.ts";
import { Manager } from "./manager.ts";
import { addPages } from "./pages/pages.ts";
import { registryContext } from "./registry-context.ts";
import { forgetOld, type MdmsKeptDays } from "./retention.ts";
import type { WebPorts } from "./web-ports.ts";

export interface MdmsConfig {
  /** False only when served over plain HTTP on the loopback. */
  readonly secureCookies: boolean;
  /** How long bills and loads are kept, in days. Default `MDMS_KEPT_DAYS`. */
  readonly keptDays?: MdmsKeptDays;
}

export interface MdmsPorts extends CombinerPorts {
  readonly bus: Bus;
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
const FORGET_EVERY_MS = 3_600_000;
/** A whole tariff, signed, is the largest. */
const BODY_BYTES_MAX = 64 * 1024;
/** Pages run no script, load nothing but their own stylesheet, and send forms to nobody else. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STATUS: Readonly<Record<MdmsErrorCode, 400 | 401 | 403 | 409 | 429>> = {
  MDMS_LOGIN_REFUSED: 401,
  MDMS_LOGIN_BUSY: 429,
  MDMS_CSRF: 403,
  MDMS_OPERATOR_EXISTS: 409,
  MDMS_OPERATOR_INVALID: 400,
  MDMS_FEEDER_OFF_GRID: 400,
  MDMS_CORRECTION_INVALID: 400,
  MDMS_CORRECTION_CONFLICT: 409,
};

/** `ports.store` was opened with this package's `migrations`. */
export function startMdms(config: MdmsConfig, ports: MdmsPorts): Promise<MdmsService> {
  const { bus, clock, log, registry, store } = ports;
  const sessions = new Sessions(store, clock);
  const audit = new AuditTrail(store, clock);
  const logins = new Logins(store, clock);
  const guard = new Guard({ logins, sessions, audit, ...config });
  const context: WebPorts["context"] = () => registryContext(registry);
  const http = createMdmsApp(ports, { store, guard, context });

  const manager = new Manager(ports);
  const combiner = new Combiner(ports);
  const batches = { batchMax: BATCH_MAX };
  const subscriptions = [
    bus.consume("releases", "mdms", batches, (batch) => manager.take(batch)),
    bus.consume("partial-releases", "mdms", batches, (batch) => combiner.take(batch)),
  ];
  const cancelForget = clock.every(FORGET_EVERY_MS, async () => {
    try {
      await sessions.forget();
      await forgetOld(store, Math.floor(clock.nowMs() / 1000), config.keptDays);
    } catch (error) {
      log.error("old rows stay until the next hour", errorFields(error));
    }
  });
  return Promise.resolve({
    http,
    createOperator: (operator) => createOperator(ports, operator),
    async close() {
      cancelForget();
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    },
  });
}

function createMdmsApp({ clock, log, metrics, signer }: MdmsPorts, web: WebPorts): App {
  const app = createApp({
    title: "Smarter Metering: meter data management",
    version: "1",
    log,
    clock,
    metrics,
    bodyBytesMax: BODY_BYTES_MAX,
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    problemOf,
  });
  app.use("/v1/*", etag());
  addSessionApi(app, web);
  addLoadApi(app, web);
  addFeederApi(app, { ...web, clock });
  addReleaseApi(app, web);
  addCustomerApi(app, web);
  addCorrectionApi(app, { ...web, clock, signer });
  addDeploymentApi(app, web);
  addPriceApi(app, web);
  addPages(app, web);
  return app;
}

function problemOf(error: unknown): Problem | undefined {
  if (!(error instanceof MdmsError)) return undefined;
  return { status: STATUS[error.code], code: error.code, title: error.message };
}
