/** The portal's HTTP application: its routes, its limits, and the one place where refusals become problems (RFC 9457). */
import { ProtocolError } from "@smarter-metering/protocol";
import {
  addWebFiles,
  createApp,
  statusProblem,
  WEB_POLICY,
  type App,
  type Logger,
  type Problem,
  type RequestLimit,
} from "@smarter-metering/runtime";
import { UcsError } from "../error.ts";
import { addAccountRoutes, type AccountRoutesPorts } from "./account-routes.ts";
import { addHouseholdRoutes, type HouseholdRoutesPorts } from "./household-routes.ts";
import { addEnrolmentRoutes, type EnrolmentRoutesPorts } from "./enrolment-routes.ts";
import { addEvidenceRoutes, type EvidenceRoutesPorts } from "./evidence-routes.ts";
import { addNoticeRoute } from "./notice-routes.ts";
import { addOperatorRoutes, type OperatorRoutesPorts } from "./operator-routes.ts";
import { addReadingRoutes, type ReadingRoutesPorts } from "./reading-routes.ts";

/** A registration is about 5 KB, an enrolment request about 1 KB. */
const BODY_BYTES_MAX = 32 * 1024;

export interface PortalAppPorts
  extends
    AccountRoutesPorts,
    EnrolmentRoutesPorts,
    EvidenceRoutesPorts,
    HouseholdRoutesPorts,
    ReadingRoutesPorts,
    OperatorRoutesPorts {
  readonly log: Logger;
  /** Null: the API alone. */
  readonly webFolder: string | null;
  readonly requestLimit?: RequestLimit | undefined;
}

export async function createPortalApp(ports: PortalAppPorts): Promise<App> {
  const { log, clock, metrics, webFolder } = ports;
  const app = createApp({
    title: "Smarter Metering: customers' portal",
    version: "1",
    log,
    clock,
    metrics,
    contentSecurityPolicy: WEB_POLICY,
    bodyBytesMax: BODY_BYTES_MAX,
    problemOf,
    requestLimit: ports.requestLimit,
  });
  addAccountRoutes(app, ports);
  addEnrolmentRoutes(app, ports);
  addHouseholdRoutes(app, ports);
  addReadingRoutes(app, ports);
  addEvidenceRoutes(app, ports);
  addNoticeRoute(app, ports);
  addOperatorRoutes(app, ports);
  if (webFolder !== null) await addWebFiles(app, webFolder);
  return app;
}

function problemOf(error: unknown): Problem | undefined {
  // Base64url with stray bits and the like: what a schema cannot say.
  if (error instanceof ProtocolError) return statusProblem(400);
  if (!(error instanceof UcsError)) return undefined;
  return { status: error.status, code: error.code, title: error.message };
}
