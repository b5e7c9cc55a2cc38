/** What a page shows as a CSV file, for lists that the API answers whole. */
import { Button } from "@smarter-metering/web";
import type { VNode } from "preact";
import { csvText, type CsvCell } from "../model/csv-text.ts";
import { useTexts } from "../texts.ts";

export interface CsvButtonProps {
  /** Of the file, without ending. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: () => readonly (readonly CsvCell[])[];
}

export function CsvButton({ name, columns, rows }: CsvButtonProps): VNode {
  const { common } = useTexts();
  const save = (): void => {
    const text = csvText(columns, rows());
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
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
