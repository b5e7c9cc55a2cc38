/** Statements and service points as lines of CSV. */
import type { z } from "@smarter-metering/runtime";
import type { Cell } from "./csv.ts";
import type { servicePoint, statement } from "./schemas.ts";

export const STATEMENT_COLUMNS = [
  "service_point",
  "kind",
  "from",
  "to",
  "energy_mWh",
  "export_mWh",
  "registers_mWh",
  "amount",
  "corrected_amount",
  "currency",
  "tariff",
  "tariff_version",
  "estimated",
  "extended",
  "request_digest",
] as const;

export const statementCells = (answer: z.infer<typeof statement>): readonly Cell[] => [
  answer.servicePoint,
  answer.kind,
  answer.from,
  answer.to,
  answer.energy_mWh,
  answer.export_mWh,
  Object.entries(answer.registers_mWh)
    .map(([band, energy]) => `${band} ${energy}`)
    .join("; "),
  answer.amount,
  answer.notes?.at(-1)?.corrected,
  answer.currency,
  answer.tariff,
  answer.tariffVersion,
  answer.estimated,
  answer.extended,
  answer.requestDigest,
];

export const POINT_COLUMNS = [
  "service_point",
  "state",
  "zone",
  "tariff",
  "contract_start",
  "contract_end",
  "last_statement_from",
  "last_statement_to",
  "last_amount",
  "currency",
] as const;

export const pointCells = (answer: z.infer<typeof servicePoint>): readonly Cell[] => [
  answer.servicePoint,
  answer.state,
  answer.zone,
  answer.tariff,
  answer.contractStart,
  answer.contractEnd,
  answer.lastStatement?.from,
  answer.lastStatement?.to,
  answer.lastStatement?.amount,
  answer.lastStatement?.currency,
];
