/** Numbers, times and money as people read them. Local times are those of the place, never of the reader. */
import {
  formatMinor,
  localDate,
  localParts,
  roundExact,
  roundHalfEven,
  zoneOffsetSeconds,
} from "@smarter-metering/tariff";

const two = (value: number): string => String(value).padStart(2, "0");

/** "07:15" on the wall clock of `zone`. */
export function timeText(seconds: number, zone: string): string {
  const { hour, minute } = localParts(seconds, zone);
  return `${two(hour)}:${two(minute)}`;
}

/** "2025-02-01 07:15" on the wall clock of `zone`. */
export function dateTimeText(seconds: number, zone: string): string {
  return `${localDate(seconds, zone)} ${timeText(seconds, zone)}`;
}

/** "+01:00": tells the two hours apart that a clock shows twice. */
export function offsetText(seconds: number, zone: string): string {
  const minutes = Math.round(zoneOffsetSeconds(seconds, zone) / 60);
  const magnitude = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(magnitude / 60))}:${two(magnitude % 60)}`;
}

/** "2025-02-01 to 2025-02-28": first and last local day of a window. */
export function windowText(fromSeconds: number, toSeconds: number, zone: string): string {
  return `${localDate(fromSeconds, zone)} to ${localDate(toSeconds - 1, zone)}`;
}

/** Thousands apart by a narrow no-break space. */
function grouped(decimal: string): string {
  const [whole = "", fraction] = decimal.split(".");
  const groups = whole.replaceAll(/\B(?=(\d{3})+$)/g, "\u202F");
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

/** "1 234.567 kWh", rounded half to even to watt-hours. */
export function kilowattHoursText(milliwattHours: bigint): string {
  return `${grouped(formatMinor(roundHalfEven(milliwattHours, 1000n), 3))} kWh`;
}

/** Watt-hours as "1 234.567", in kWh. */
export function wattHoursText(wattHours: number): string {
  return grouped(formatMinor(BigInt(wattHours), 3));
}

/** An exact amount (10⁻¹⁶ units) with as many decimals as the total has. */
export function lineAmountText(amountE16: string, total: string): string {
  const digits = total.split(".")[1]?.length ?? 0;
  return formatMinor(roundExact(BigInt(amountE16), digits), digits);
}
