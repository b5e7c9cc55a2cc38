/**
 * The tariffs of a state (docs/protocol.md §9): documents of a tariff signer, kept as signed. Run by the registry, which signs no
 * prices of its own.
 */
import {
  fromBase64Url,
  fromHex,
  fromUtf8,
  parseJson,
  verifyDocument,
  type DocumentType,
} from "@smarter-metering/protocol";
import { parseTariff, publishFaults, sameCostTerms, type Tariff } from "@smarter-metering/tariff";
import { costFault } from "./cost-grid.ts";
import { RegistryError } from "./error.ts";
import { policyOf, type RegistryState } from "./state.ts";

/** Parsed, by id. The signatures were verified when the documents came in. */
export function tariffsOf({ tariffs }: Pick<RegistryState, "tariffs">): Map<string, Tariff> {
  return new Map(
    tariffs.map((jws) => {
      const tariff = parseTariff(parseJson(fromUtf8(fromBase64Url(jws.split(".")[1] ?? ""))));
      return [tariff.tariff, tariff];
    }),
  );
}

/**
 * The state with one more tariff, or a newer document of one it has: that keeps calendar, currency and every earlier version, for
 * bills were made by them. Tariffs that are billed by one series of prices agree about it. The same document again changes nothing. Throws
 * REGISTRY_TARIFF_INVALID.
 */
export async function withTariff(state: RegistryState, jws: string): Promise<RegistryState> {
  const tariff = await verifiedTariff(state, jws);
  if (state.tariffs.includes(jws)) return state;
  const known = tariffsOf(state);
  const old = known.get(tariff.tariff);
  if (old === undefined) {
    for (const other of known.values()) checkSeries(tariff, other);
    return { ...state, tariffs: [...state.tariffs, jws] };
  }
  const terms = (each: Tariff): string => JSON.stringify({ ...each, versions: [] });
  const kept = JSON.stringify(tariff.versions.slice(0, old.versions.length));
  if (terms(tariff) !== terms(old) || kept !== JSON.stringify(old.versions)) {
    const message = `tariff ${tariff.tariff}: a newer document adds versions and changes nothing else`;
    throw new RegistryError("REGISTRY_TARIFF_INVALID", message);
  }
  const others = state.tariffs.filter(
    (known) => !tariffsOf({ tariffs: [known] }).has(tariff.tariff),
  );
  return { ...state, tariffs: [...others, jws] };
}

/**
 * `withTariff` for a registry whose contracts are billed already: also refuses a version that begins in the past, whose registers R9
 * (docs/protocol.md §8.3) would refuse in a window of one of the contracts, or whose cost the meter of one cannot count. Throws
 * REGISTRY_TARIFF_INVALID.
 */
export async function withPublishedTariff(
  state: RegistryState,
  jws: string,
  nowSeconds: number,
): Promise<RegistryState> {
  const next = await withTariff(state, jws);
  if (next === state) return state;
  const tariff = await verifiedTariff(state, jws);
  const { billGrid, billWindowDaysMin: windowDaysMin, bandIntervalsMin } = policyOf(state);
  const zones = new Map(state.neighbourhoods.map(({ id, zone }) => [id, zone]));
  const contracts = state.servicePoints
    .filter((point) => point.tariff === tariff.tariff)
    .filter(({ contractEnd }) => contractEnd === null || contractEnd > nowSeconds)
    .map(({ neighbourhood, contractStart: contractStartSeconds, intervalSeconds }) => {
      return { zone: zones.get(neighbourhood) ?? "UTC", contractStartSeconds, intervalSeconds };
    });
  const terms = { nowSeconds, billGrid, windowDaysMin, bandIntervalsMin, contracts };
  const faults = publishFaults(tariffsOf(state).get(tariff.tariff), tariff, terms);
  const { cost } = tariff.calendar;
  const uncounted =
    cost && contracts.map((contract) => costFault(cost, contract, nowSeconds)).find(Boolean);
  const reasons = faults.map(({ code, message: what }) => `${code}: ${what}`);
  if (uncounted !== undefined) reasons.push(`tariff ${tariff.tariff}: ${uncounted}`);
  if (reasons.length === 0) return next;
  throw new RegistryError("REGISTRY_TARIFF_INVALID", reasons.join("; "));
}

async function verifiedTariff(state: RegistryState, jws: string): Promise<Tariff> {
  const document = await signedByTariffSigner(state, "smarter-metering/tariff", jws);
  if (document === undefined) {
    throw new RegistryError("REGISTRY_TARIFF_INVALID", "not signed by a registered tariff signer");
  }
  try {
    return parseTariff(document);
  } catch (cause) {
    throw new RegistryError("REGISTRY_TARIFF_INVALID", "not a valid tariff", cause);
  }
}

/** What a document says; undefined when no registered tariff signer has signed it as one of this type. */
export async function signedByTariffSigner(
  { parties }: Pick<RegistryState, "parties">,
  type: DocumentType,
  jws: string,
): Promise<unknown> {
  for (const { role, signingKey } of parties) {
    if (role !== "tariff-signer") continue;
    try {
      return await verifyDocument(type, jws, fromHex(signingKey));
    } catch {
      continue; // Perhaps another signer's; the caller's refusal covers every cause.
    }
  }
  return undefined;
}

/** A series is in one currency, and counted in one way. */
function checkSeries(tariff: Tariff, other: Tariff): void {
  const [own, known] = [tariff.calendar.cost, other.calendar.cost];
  if (own === undefined || known === undefined || own.prices !== known.prices) return;
  if (sameCostTerms(own, known) && tariff.currency === other.currency) return;
  const message = `tariff ${tariff.tariff}: prices ${own.prices} have another step, price step, floor or currency in tariff ${other.tariff}`;
  throw new RegistryError("REGISTRY_TARIFF_INVALID", message);
}
