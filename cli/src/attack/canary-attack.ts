/**
 * The canary scan: every home's readings are each their own, and are searched for in what every party but the customer keeps, after a
 * month: files, database rows, write-ahead logs (where bus messages lie), log lines, metrics. The opener keeps no store; its memory is not
 * searched, which its profile's claim says.
 */
import { PARTY_FOLDERS } from "../deployment/layout.ts";
import type { ActiveAttack, Observed } from "./attack.ts";
import { filesOf, found, rowsOf, runNeedles, type Haystack, type Needle } from "./secret-scan.ts";
import type { Stage } from "./stage.ts";
import { DAYS } from "./town.ts";
import { SLOTS, wattHoursOf } from "./town-homes.ts";

/** The days that are searched for: the first, one in the middle, the last. */
const SEARCHED_DAYS = [0, 14, DAYS - 1] as const;
/** Places in a day, of which a table of its readings has at least one. */
const PLACES = [0, 24, 48, 72] as const;
/** Readings, and whole watt-hours, that do not stand in a row anywhere by chance. */
const [READINGS, WATT_HOURS] = [2, 4];

/** Runs of readings under the home's name. */
function needlesOf({ town }: Stage): Needle[] {
  return town.homes.flatMap((home) =>
    SEARCHED_DAYS.flatMap((day) => {
      const readings = home.milliwattHours.slice(SLOTS * day, SLOTS * (day + 1));
      const wattHours = wattHoursOf(home, day);
      return PLACES.flatMap((at) => [
        ...runNeedles(home.label, readings.slice(at, at + READINGS)),
        ...runNeedles(home.label, wattHours.slice(at, at + WATT_HOURS)),
      ]);
    }),
  );
}

const bytesIn = (haystacks: readonly Haystack[]): number =>
  haystacks.reduce((sum, { bytes }) => sum + bytes.length, 0);

async function scan(stage: Stage): Promise<Observed> {
  const { layout, printed } = stage.town;
  const needles = needlesOf(stage);
  // The meters are the household's own.
  const parties = PARTY_FOLDERS.filter((party) => party !== "meters");
  const hits = found(needles, printed);
  let bytes = bytesIn(printed);
  for (const party of parties) {
    const folder = layout.folder(party);
    const haystacks = [...filesOf(folder), ...(await rowsOf(folder))];
    bytes += bytesIn(haystacks);
    hits.push(...found(needles, haystacks).map((hit) => `${hit} of ${party}`));
  }
  const by = `${parties.length} parties, their log and metrics`;
  const searched = `${needles.length} needles in ${Math.round(bytes / 2 ** 20)} MiB`;
  return hits.length === 0
    ? { kind: "nothing found", by, why: `0 of ${searched}` }
    : { kind: "succeeded", by, why: hits.slice(0, 3).join("; ") };
}

export const canaryAttacks: readonly ActiveAttack[] = [
  {
    name: "canary scan of every folder, log and metric",
    adversary: "who has copies of all parties' folders but no meter's and no customer's",
    guard: "nobody stores a reading",
    without: "model: a table of readings, as a system without it keeps",
    control(stage) {
      const rows = stage.town.homes.map(({ milliwattHours }) =>
        Buffer.from(Float64Array.from(milliwattHours).buffer),
      );
      const table = [{ name: "table", bytes: Buffer.concat([Buffer.alloc(3), ...rows]) }];
      const names = found(needlesOf(stage), table).map((hit) => hit.split(" in ")[0] ?? "");
      const truth = stage.town.homes.map(({ label }) => label);
      return Promise.resolve({ recovered: [...new Set(names)], truth });
    },
    system: scan,
  },
];
