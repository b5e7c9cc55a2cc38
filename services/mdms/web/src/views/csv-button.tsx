/** What a page shows as a CSV file, for lists that the API answers whole. Cells that a spreadsheet would run get an apostrophe (OWASP). */
import { Button } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../texts.ts";

export type CsvCell = string | number | null;

export interface CsvButtonProps {
  /** Of the file, without ending. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: () => readonly (readonly CsvCell[])[];
}

export function CsvButton({ name, columns, rows }: CsvButtonProps): VNode {
  const { common } = useTexts();
  const save = (): void => {
    const lines = [columns, ...rows()].map((cells) => cells.map(cellText).join(","));
    const address = URL.createObjectURL(
      new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }),
    );
    const link = document.createElement("a");
    link.href = address;
    link.download = `${name}.csv`;
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <Button icon="download" onClick={save}>
      {common.csv}
    </Button>
  );
}

/** One cell of RFC 4180. */
export function cellText(cell: CsvCell): string {
  const text = String(cell ?? "");
  const isFormula = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text);
  const safe = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
