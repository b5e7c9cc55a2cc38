/**
 * The end of a contract (docs/protocol.md §7.3, §9). Run by the registry. Who moves in afterwards is a new service point, with names and
 * an enrolment code of his own, at the same meter or another.
 */
import { FINAL_WINDOW_DAYS_MIN, nextContractWindow } from "@smarter-metering/policy";
import { addLocalDays, localDate, localDayStart, localDaysBetween } from "@smarter-metering/tariff";
import { RegistryError } from "./error.ts";
import { policyOf, type RegistryState, type ServicePointRecord } from "./state.ts";

export interface MoveOut {
  readonly label: string;
  /** A local midnight, epoch seconds. */
  readonly contractEnd: number;
}

/**
 * The state with the end of a contract: not in the past, and at least 7 local days after its start and after the billing window before,
 * for the last bill must not be the bill of a day. The enrolment code is void from now on. Throws REGISTRY_UNKNOWN,
 * REGISTRY_INVALID_CHANGE.
 */
export function withMoveOut(
  state: RegistryState,
  { label, contractEnd }: MoveOut,
  nowSeconds: number,
): RegistryState {
  const point = state.servicePoints.find((entry) => entry.label === label);
  const zone = state.neighbourhoods.find(({ id }) => id === point?.neighbourhood)?.zone;
  if (point === undefined || zone === undefined) {
    throw new RegistryError("REGISTRY_UNKNOWN", `no service point ${label}`);
  }
  if (point.contractEnd === contractEnd) return state;
  if (point.contractEnd !== null) throw invalid(`the contract of ${label} has ended already`);
  if (localDayStart(contractEnd, zone) !== contractEnd || contractEnd < nowSeconds) {
    throw invalid(`${label}: a contract ends at a local midnight that is still to come`);
  }
  const begun = windowAt(point, zone, state, nowSeconds);
  if (contractEnd <= begun || localDaysBetween(begun, contractEnd, zone) < FINAL_WINDOW_DAYS_MIN) {
    const earliest = localDate(addLocalDays(begun, FINAL_WINDOW_DAYS_MIN, zone), zone);
    const message = `${label}: the last bill would cover under ${FINAL_WINDOW_DAYS_MIN} days; end the contract on ${earliest} or later`;
    throw invalid(message);
  }
  const ended = { ...point, contractEnd, enrolmentCode: null };
  return {
    ...state,
    servicePoints: state.servicePoints.map((entry) => (entry === point ? ended : entry)),
  };
}

/** Where the billing window begins that `nowSeconds` is in: those before it may be decided, and end where they end. */
function windowAt(
  { contractStart }: ServicePointRecord,
  zone: string,
  state: RegistryState,
  nowSeconds: number,
): number {
  const { billGrid: grid, billWindowDaysMin: windowDaysMin } = policyOf(state);
  const contract = {
    grid,
    zone,
    contractStartSeconds: contractStart,
    contractEndSeconds: null,
    windowDaysMin,
  };
  let begun = contractStart;
  for (;;) {
    const window = nextContractWindow({ ...contract, afterSeconds: begun });
    if (window === undefined || window.toSeconds > nowSeconds) return begun;
    begun = window.toSeconds;
  }
}

const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);
