/** Made-up files with the names and layouts of the real ones, for machines that do not have those. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeXlsx } from "hucre/xlsx";

const SWISS_DAYS = 49;

/** Park and Miller's generator: the same twins everywhere. */
function kilowattsFrom(seed: number): () => string {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return ((state % 4000) / 1000).toString();
  };
}

const isoLocal = (minute: number): string =>
  new Date(Date.UTC(2016, 0, 1) + 60_000 * minute).toISOString().slice(0, 19);

/** Writes the twin of `name` into `folder`; a workbook holds the CSV's first apartment. */
export async function twin(name: string, folder: string): Promise<string> {
  const path = join(folder, name);
  if (name.endsWith(".xlsx")) {
    const next = kilowattsFrom(1);
    const rows = Array.from({ length: 7 * 1440 }, (_, minute) => [
      new Date(`${isoLocal(minute)}Z`),
      Number(next()),
    ]);
    writeFileSync(path, await writeXlsx({ sheets: [{ name: "Sheet1", rows }] }));
    return path;
  }
  const lines = name.startsWith("ch15min") ? swiss() : minutes();
  writeFileSync(path, gzipSync(`${lines.join("\n")}\n`));
  return path;
}

function swiss(): string[] {
  const quarters = Array.from({ length: 96 }, (_, q) => `q${String(q).padStart(2, "0")}`);
  const next = kilowattsFrom(96);
  const rows = Array.from({ length: 100 * SWISS_DAYS }, (_, index) => {
    const label = `h${String(Math.floor(index / SWISS_DAYS) + 1).padStart(3, "0")}`;
    const date = new Date(Date.UTC(2018, 9, 29 + (index % SWISS_DAYS))).toISOString().slice(0, 10);
    return [label, date, ...quarters.map(next)].join(",");
  });
  return [["household", "date", ...quarters].join(","), ...rows];
}

function minutes(): string[] {
  const rows = [1, 2, 3, 4, 5].flatMap((apartment) => {
    const next = kilowattsFrom(apartment);
    return Array.from({ length: 7 * 1440 }, (_, m) => `${apartment},${isoLocal(m)},${next()}`);
  });
  return ["apartment,timestamp,kw", ...rows];
}
