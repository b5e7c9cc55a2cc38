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
} from "@smarter-metering/protocol";
import { parseTariff, publishFaults, type Tariff } from "@smarter-metering/tariff";
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
 * bills were made by them. The same document again changes nothing. Throws REGISTRY_TARIFF_INVALID.
 */
export async function withTariff(state: RegistryState, jws: string): Promise<RegistryState> {
  const tariff = await verifiedTariff(state, jws);
  if (state.tariffs.includes(jws)) return state;
  const old = tariffsOf(state).get(tariff.tariff);
  if (old === undefined) return { ...state, tariffs: [...state.tariffs, jws] };
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
 * `withTariff` for a registry whose contracts are billed already: also refuses a version that begins in the past, or whose registers R9
 * (docs/protocol.md §8.3) would refuse in a window of one of the contracts. Throws REGISTRY_TARIFF_INVALID.
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
  if (faults.length === 0) return next;
  const message = faults.map(({ code, message: what }) => `${code}: ${what}`).join("; ");
  throw new RegistryError("REGISTRY_TARIFF_INVALID", message);
}

async function verifiedTariff(state: RegistryState, jws: string): Promise<Tariff> {
  for (const { role, signingKey } of state.parties) {
    if (role !== "tariff-signer") continue;
    let document: unknown;
    try {
      document = await verifyDocument("smarter-metering/tariff", jws, fromHex(signingKey));
    } catch {
      continue; // Perhaps another signer's; the refusal below covers every cause.
    }
    try {
      return parseTariff(document);
    } catch (cause) {
      throw new RegistryError("REGISTRY_TARIFF_INVALID", "not a valid tariff", cause);
    }
  }
  throw new RegistryError("REGISTRY_TARIFF_INVALID", "not signed by a registered tariff signer");
}
