/** Who may do what. One table, enforced by the server on every route, and tested route by route. */

export const ROLES = ["viewer", "billing", "operator", "privacy-officer"] as const;
export type Role = (typeof ROLES)[number];

/**
 * What routes ask for. Those that read:
 * - `neighbourhoods`: overview, load curves, feeders, tariffs, policy; nobody's data
 * - `customers`: service points and statements under MDMS pseudonyms, which are personal data
 * - `ledger`: what was released or refused, and why
 * - `registry`: parties, cohorts, the cohort plan; no service point
 * - `audit`: who looked at what
 * - `privacy`: the audit residual, attack reports
 * - `operators`: which accounts there are; they are made and unlocked on the command line alone
 *
 * Those that change something:
 * - `feeders`: to bring in what feeder meters measured
 * - `corrections`: to make credit notes of corrected prices
 * - `tariffs`: to publish tariffs
 * - `moves`: to see contracts, and to propose moves and contracts to the registry
 * - `alarms`: to say that an alarm was seen to
 */
export const PERMISSIONS = [
  "neighbourhoods",
  "customers",
  "ledger",
  "registry",
  "audit",
  "privacy",
  "operators",
  "feeders",
  "corrections",
  "tariffs",
  "moves",
  "alarms",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const GRANTED: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ["neighbourhoods", "ledger"],
  billing: ["neighbourhoods", "ledger", "customers", "corrections", "tariffs"],
  operator: ["neighbourhoods", "ledger", "customers", "registry", "feeders", "moves", "alarms"],
  "privacy-officer": [
    "neighbourhoods",
    "ledger",
    "registry",
    "audit",
    "privacy",
    "operators",
    "alarms",
  ],
};

/** In the order of PERMISSIONS. */
export function permissionsOf(role: Role): Permission[] {
  return PERMISSIONS.filter((permission) => may(role, permission));
}

export function may(role: Role, permission: Permission): boolean {
  return GRANTED[role].includes(permission);
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
