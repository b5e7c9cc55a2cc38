/** What this device remembers between visits: the meter's public key and the household's time zone. Nothing secret, no reading. */
import type { PinnedMeter } from "@smarter-metering/customer";
import { fromHex, toHex } from "@smarter-metering/protocol";

const nameOf = (login: string, what: string): string => `smarter-metering/${login}/${what}`;

export function rememberMeter(login: string, meter: PinnedMeter): void {
  const { networkPseudonym, meterId, meterKey } = meter;
  const text = [networkPseudonym, meterId, meterKey].map(toHex).join(".");
  localStorage.setItem(nameOf(login, "meter"), text);
}

/** The meter that proved itself on this device for this service point (hex). */
export function rememberedMeter(login: string, servicePoint: string): PinnedMeter | undefined {
  const [point = "", meterId = "", meterKey = ""] =
    localStorage.getItem(nameOf(login, "meter"))?.split(".") ?? [];
  if (point !== servicePoint) return undefined;
  try {
    return {
      networkPseudonym: fromHex(point, 16),
      meterId: fromHex(meterId, 16),
      meterKey: fromHex(meterKey, 32),
    };
  } catch {
    return undefined; // Damaged: as good as forgotten, the code from the letter proves the meter again.
  }
}

export const rememberZone = (login: string, zone: string): void =>
  localStorage.setItem(nameOf(login, "zone"), zone);

/** The household's zone; this device's own until another was chosen. */
export const zoneOf = (login: string): string =>
  localStorage.getItem(nameOf(login, "zone")) ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
