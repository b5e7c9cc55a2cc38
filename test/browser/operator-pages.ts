/**
 * The operators' pages and what is behind each at the API, with the roles that may have it: written down here once more, so that a
 * change of the table that the server enforces has to be meant.
 */
export type Role = "viewer" | "billing" | "operator" | "privacy-officer";
export const ROLES: readonly Role[] = ["viewer", "billing", "operator", "privacy-officer"];

/** What the addresses of a deployment's pages hold. */
export interface Subject {
  readonly cohort: string;
  /** A local day with a released load. */
  readonly date: string;
  readonly servicePoint: string;
  /** Start of a billing window, as in the address of its statement. */
  readonly from: string;
}

export interface OperatorPage {
  /** Of its picture. */
  readonly name: string;
  readonly path: string;
  readonly roles: readonly Role[];
  /** In the navigation; pages below another are not. */
  readonly inNavigation?: boolean;
}

const CUSTOMERS: readonly Role[] = ["billing", "operator"];
const REGISTRY: readonly Role[] = ["operator", "privacy-officer"];
const OFFICER: readonly Role[] = ["privacy-officer"];
const BILLING: readonly Role[] = ["billing"];
const OPERATOR: readonly Role[] = ["operator"];

export function operatorPages({ cohort, date, servicePoint, from }: Subject): OperatorPage[] {
  const load = `/neighbourhoods/${cohort}`;
  return [
    { name: "overview", path: "/", roles: ROLES, inNavigation: true },
    { name: "neighbourhoods", path: "/neighbourhoods", roles: ROLES, inNavigation: true },
    { name: "load-day", path: `${load}?span=day&date=${date}`, roles: ROLES },
    { name: "load-month", path: `${load}?span=month&date=${date}`, roles: ROLES },
    { name: "service-points", path: "/service-points", roles: CUSTOMERS, inNavigation: true },
    { name: "service-point", path: `/service-points/${servicePoint}`, roles: CUSTOMERS },
    { name: "statements", path: "/statements", roles: CUSTOMERS, inNavigation: true },
    { name: "statement", path: `/statements/${servicePoint}/${from}`, roles: CUSTOMERS },
    { name: "tariffs", path: "/tariffs", roles: ROLES, inNavigation: true },
    { name: "tariff-form", path: "/tariffs/new", roles: BILLING },
    { name: "tariff-json", path: "/tariffs/new?as=tariff&editor=json", roles: BILLING },
    { name: "corrections", path: "/corrections", roles: BILLING, inNavigation: true },
    { name: "registry", path: "/registry", roles: REGISTRY, inNavigation: true },
    { name: "cohorts", path: "/registry?tab=cohorts", roles: REGISTRY },
    { name: "cohort-plan", path: "/registry?tab=plan", roles: REGISTRY },
    { name: "policy", path: "/privacy", roles: ROLES, inNavigation: true },
    { name: "ledger", path: "/privacy?tab=ledger", roles: ROLES },
    { name: "feeders", path: "/feeders", roles: ROLES, inNavigation: true },
    { name: "feeder", path: `/feeders/${cohort}`, roles: ROLES },
    { name: "audit", path: "/audit", roles: OFFICER, inNavigation: true },
    { name: "accounts", path: "/operators", roles: OFFICER, inNavigation: true },
    { name: "account", path: "/account", roles: ROLES },
  ];
}

/** Tabs of pages that others may see: to those who may not have them they are not offered, and an address of them shows the page's first. */
export const OPERATOR_TABS: readonly OperatorPage[] = [
  { name: "contracts", path: "/registry?tab=contracts", roles: OPERATOR },
  { name: "proposals", path: "/registry?tab=proposals", roles: OPERATOR },
  { name: "residual", path: "/privacy?tab=residual", roles: OFFICER },
  { name: "attacks", path: "/privacy?tab=attacks", roles: OFFICER },
];

export interface OperatorRoute {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly roles: readonly Role[];
}

export function operatorRoutes({ cohort, servicePoint, from }: Subject): OperatorRoute[] {
  const get = (path: string, roles: readonly Role[]): OperatorRoute => ({
    method: "GET",
    path: `/v1${path}`,
    roles,
  });
  const post = (path: string, roles: readonly Role[]): OperatorRoute => ({
    method: "POST",
    path: `/v1${path}`,
    roles,
  });
  return [
    get("/overview", ROLES),
    get("/completeness", ROLES),
    get("/cohorts", ROLES),
    get(`/load?cohort=${cohort}`, ROLES),
    get("/policy", ROLES),
    get("/privacy/policy", ROLES),
    get("/ledger", ROLES),
    get("/ledger/summary", ROLES),
    get("/alarms", ROLES),
    get("/tariffs", ROLES),
    get("/feeders", ROLES),
    get("/account", ROLES),
    get("/service-points", CUSTOMERS),
    get(`/service-points/${servicePoint}`, CUSTOMERS),
    get("/statements", CUSTOMERS),
    get("/statements?format=csv", CUSTOMERS),
    get(`/statements/${servicePoint}/${from}/signed`, CUSTOMERS),
    get("/registry", REGISTRY),
    get("/registry/cohort-plan", REGISTRY),
    get("/registry/contracts", OPERATOR),
    get("/registry/proposals", OPERATOR),
    get("/privacy/residual", OFFICER),
    get("/privacy/attack-report", OFFICER),
    get("/audit", OFFICER),
    get("/operators", OFFICER),
    post("/tariffs/preview", BILLING),
    post("/tariffs", BILLING),
    post("/prices", BILLING),
    post("/corrections", BILLING),
    post("/registry/proposals", OPERATOR),
    post("/alarms/acknowledge", REGISTRY),
  ];
}
