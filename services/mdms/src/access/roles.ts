/** Who may do what. One table, enforced by the server on every route, and tested route by route. */

export const ROLES = ["viewer", "billing", "operator", "privacy-officer"] as const;
export type Role = (typeof ROLES)[number];

/**
 * neighbourhoods: overview, load curves, tariffs, policy · customers: service points and statements, which are personal data ·
 * audit: who looked at what · feeders: to bring in what feeder meters measured · corrections: to make credit notes of corrected prices.
 */
export type Permission = "neighbourhoods" | "customers" | "audit" | "feeders" | "corrections";

const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ["neighbourhoods"],
  billing: ["neighbourhoods", "customers", "corrections"],
  operator: ["neighbourhoods", "customers", "feeders"],
  "privacy-officer": ["neighbourhoods", "audit"],
};

export function may(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission);
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
