/** The parties that the registry knows (docs/protocol.md §9.1). */
export const ROLES = [
  "concentrator",
  "opener",
  "aggregator",
  "trustee",
  "mdms",
  "ucs",
  "tariff-signer",
] as const;
export type Role = (typeof ROLES)[number];
