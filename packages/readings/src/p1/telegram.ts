// One P1 telegram: what its lines say about this meter's electricity (DSMR 2.2 to 5.0 and their
// Belgian, Irish and Austrian relatives; OBIS codes of IEC 62056-61). Plaintext readings of a
// customer's own port. Pure.
import { crc16 } from "./crc16.ts";
import type { RawTelegram, TelegramFault } from "./telegram-framer.ts";

/** The clock of the meter: `wall` seconds are counted as if the wall clock were UTC. */
export interface TelegramTime {
  readonly wallSeconds: number;
  /** From the flag S or W; undefined where the meter sends none. */
  readonly isSummer: boolean | undefined;
}

/** A meter of something else behind this one (M-Bus): its readings are not this meter's energy. */
export interface AttachedDevice {
  readonly channel: number;
  /** EN 13757-3: 3 gas, 4 heat, 7 water. Undefined when the telegram does not say. */
  readonly type: number | undefined;
}

export interface Telegram {
  readonly kind: "telegram";
  /** Of its first line; counts from 1. */
  readonly line: number;
  /** The header without `/`. */
  readonly identification: string;
  /** `42`, `50`, Belgian `50217`; undefined before version 4 and where the meter sends none. */
  readonly version: string | undefined;
  /** Whether a CRC16 vouches for it. */
  readonly isChecked: boolean;
  /** Undefined before version 4: those telegrams carry no time of their own. */
  readonly time: TelegramTime | undefined;
  /** As sent: hex of ASCII, for most. */
  readonly equipmentId: string | undefined;
  /** 1-0:1.8.0, else the sum of 1.8.1 to 1.8.9: a safe integer. */
  readonly importMilliwattHours: number;
  /** 1-0:2.8.0, else the sum of 2.8.1 to 2.8.9; 0 where the meter has none. */
  readonly exportMilliwattHours: number;
  /** Registers of the tariffs in the order of their numbers, 1.8.1 first. */
  readonly importTariffsMilliwattHours: readonly number[];
  readonly exportTariffsMilliwattHours: readonly number[];
  /** 1-0:1.7.0 and 2.7.0: momentary power. */
  readonly importMilliwatts: number | undefined;
  readonly exportMilliwatts: number | undefined;
  readonly devices: readonly AttachedDevice[];
}

/** From this version on every telegram ends with its CRC16. */
const CHECKED_FROM_VERSION = 4;
const OBIS = /^(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3})(?:[.*]\d{1,3})?((?:\([^()]*\))+)$/;
/** A line end that is not whole stands at the very end of a file alone. */
const TAIL = /^([0-9A-F]{4})?(\r\n|\n|\r|)$/;
const TARIFFS = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
const MILLI_PER = { kWh: 1_000_000, Wh: 1000, kW: 1_000_000, W: 1000 } as const;

const fault = (line: number, column: number, detail: string): TelegramFault => ({
  kind: "fault",
  line,
  column,
  detail,
});

/** One line, or several where a line without a code goes on with the one before. */
interface Item {
  readonly line: number;
  readonly values: readonly string[];
}

/** A telegram whose CRC16 does not match, or that lacks what it must have, is a fault. */
export function parseTelegram(raw: RawTelegram): Telegram | TelegramFault {
  // One byte is one character, so that places and lengths are those of the bytes.
  const text = Buffer.from(raw.bytes.buffer, raw.bytes.byteOffset, raw.bytes.length).toString(
    "latin1",
  );
  const endAt = text.lastIndexOf("\n!") + 1;
  const headerEnd = text.indexOf("\n") + 1;
  const lineEnd = text[headerEnd - 2] === "\r" ? "\r\n" : "\n";
  const endLine = raw.line + text.slice(0, endAt).split("\n").length - 1;
  const tail = TAIL.exec(text.slice(endAt + 1));
  // A CRC16 that was cut off, or hidden by a changed line end, must not look like none.
  const isWhole = tail?.[2] === lineEnd || (tail?.[1] !== undefined && !tail[2]?.endsWith("\n"));
  if (tail === null || !isWhole) {
    return fault(endLine, 2, "neither a CRC16 nor the end of the line behind !");
  }
  const [, sent] = tail;
  if (sent !== undefined) {
    const found = crc16(raw.bytes.subarray(0, endAt + 1));
    if (found !== Number.parseInt(sent, 16)) {
      const hint = lineEnd === "\n" ? "; it covers line ends CR LF, and these are LF" : "";
      return fault(endLine, 2, `the CRC16 does not match: the telegram was changed${hint}`);
    }
  }
  const body = itemsOf(text.slice(headerEnd, endAt), raw.line + 1);
  if (sent === undefined) {
    if (body.unreadable !== undefined) {
      return fault(body.unreadable, 1, "not an OBIS line, and no CRC16 vouches for the telegram");
    }
    if (Number(versionOf(body.items)?.[0]) >= CHECKED_FROM_VERSION) {
      return fault(endLine, 2, "no CRC16, which telegrams of this version end with");
    }
  }
  const identification = text.slice(1, headerEnd - lineEnd.length);
  return contentOf(body.items, { line: raw.line, identification, isChecked: sent !== undefined });
}

function itemsOf(
  body: string,
  firstLine: number,
): { items: Map<string, Item>; unreadable: number | undefined } {
  const items = new Map<string, Item>();
  let unreadable: number | undefined;
  // A value may stand on a line of its own (the gas of DSMR 2.2).
  const joined = body.replaceAll(/\r?\n\(/g, "\u0000(");
  let line = firstLine;
  for (const text of joined.split("\n")) {
    const match = OBIS.exec(text.replaceAll("\u0000", "").trimEnd());
    if (match !== null) {
      const [, code = "", list = ""] = match;
      const values = list.slice(1, -1).split(")(");
      if (!items.has(code)) items.set(code, { line, values });
    } else if (text.trimEnd() !== "") unreadable ??= line;
    line += text.split("\u0000").length;
  }
  return { items, unreadable };
}

function contentOf(
  items: ReadonlyMap<string, Item>,
  head: Pick<Telegram, "line" | "identification" | "isChecked">,
): Telegram | TelegramFault {
  /** Lines. */
  const unreadable: number[] = [];
  const quantity = (code: string, units: readonly (keyof typeof MILLI_PER)[]) => {
    const item = items.get(code);
    const value = milliOf(item?.values[0] ?? "", units);
    if (item !== undefined && value === undefined) unreadable.push(item.line);
    return value;
  };
  const register = (group: number) => {
    const read = (tariff: number) => quantity(`1-0:${group}.8.${tariff}`, ["kWh", "Wh"]);
    const tariffs = TARIFFS.map(read).filter((value) => value !== undefined);
    const sum = tariffs.reduce((total, value) => total + value, 0);
    return { tariffs, total: read(0) ?? (tariffs.length === 0 ? undefined : sum) };
  };
  const [imported, exported] = [register(1), register(2)];
  const importMilliwatts = quantity("1-0:1.7.0", ["kW", "W"]);
  const exportMilliwatts = quantity("1-0:2.7.0", ["kW", "W"]);
  const [line] = unreadable;
  if (line !== undefined) return fault(line, 11, "not a number with its unit");
  if (imported.total === undefined) {
    return fault(head.line, 1, "no import register (1-0:1.8.0 or 1-0:1.8.1)");
  }
  const stamp = items.get("0-0:1.0.0");
  const time = stamp && timeOf(stamp.values[0] ?? "");
  if (stamp !== undefined && time === undefined) return fault(stamp.line, 11, "not a time stamp");
  return {
    kind: "telegram",
    ...head,
    version: versionOf(items),
    time,
    equipmentId: (items.get("0-0:96.1.1") ?? items.get("0-0:96.1.0"))?.values[0],
    importMilliwattHours: imported.total,
    exportMilliwattHours: exported.total ?? 0,
    importTariffsMilliwattHours: imported.tariffs,
    exportTariffsMilliwattHours: exported.tariffs,
    importMilliwatts,
    exportMilliwatts,
    devices: devicesOf(items),
  };
}

/** Dutch and Belgian meters name it at different places. */
const versionOf = (items: ReadonlyMap<string, Item>): string | undefined =>
  (items.get("1-3:0.2.8") ?? items.get("0-0:96.1.4"))?.values[0];

/** `001581.123*kWh` to whole milli-units, exactly. */
function milliOf(text: string, units: readonly (keyof typeof MILLI_PER)[]): number | undefined {
  const [, whole = "", fraction = "", name] =
    /^(\d{1,10})(?:\.(\d{1,3}))?\*(\w+)$/.exec(text) ?? [];
  const unit = units.find((candidate) => candidate === name);
  if (unit === undefined) return undefined;
  return Number(whole + fraction.padEnd(3, "0")) * (MILLI_PER[unit] / 1000);
}

/** `161113205757W`. */
function timeOf(text: string): TelegramTime | undefined {
  const match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([SW])?$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const milliseconds = Date.UTC(2000 + year, month - 1, day, hour, minute, second);
  const stamp = new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14);
  // A day or an hour that does not exist rolls over into another.
  if (stamp !== text.slice(0, 12)) return undefined;
  const flag = match[7];
  return {
    wallSeconds: milliseconds / 1000,
    isSummer: flag === undefined ? undefined : flag === "S",
  };
}

function devicesOf(items: ReadonlyMap<string, Item>): AttachedDevice[] {
  const devices: AttachedDevice[] = [];
  for (const channel of [1, 2, 3, 4]) {
    const names = [`0-${channel}:24.1.0`, `0-${channel}:96.1.0`, `0-${channel}:96.1.1`];
    if (names.every((name) => !items.has(name))) continue;
    const type = items.get(`0-${channel}:24.1.0`)?.values[0];
    devices.push({ channel, type: type === undefined ? undefined : Number(type) });
  }
  return devices;
}
