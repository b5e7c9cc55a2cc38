/** A list of the API a page at a time: filters and cursor are in the address, so that every view of it has a link. */
import {
  Icon,
  Loaded,
  Pager,
  Table,
  useLoaded,
  useQuery,
  type TableProps,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";

const ROWS = 50;
/** After the last key, so that a word is one question. */
const TYPING_MS = 300;

type Asked = Readonly<Record<string, string | undefined>>;

export interface PagedListProps<Answer, Row> extends Omit<TableProps<Row>, "rows" | "empty"> {
  /** "/v1/statements". */
  readonly path: string;
  /** What is asked besides page and number of rows. */
  readonly asked: Asked;
  readonly rowsOf: (answer: Answer) => readonly Row[];
  readonly empty: VNode;
  /** A change loads the page again. */
  readonly version?: number;
}

export function PagedList<Answer extends { readonly next?: string | undefined }, Row>(
  props: PagedListProps<Answer, Row>,
): VNode {
  const { path, asked, rowsOf, empty, version = 0, ...table } = props;
  const api = useApi();
  const texts = useTexts();
  const [{ cursor }, change] = useQuery();
  /** Pages that were reached by going on from here: going back is the browser's own step. */
  const steps = useRef(0);
  const loaded = useLoaded(
    (signal) => api.get<Answer>(path, { signal, query: { ...asked, cursor, limit: ROWS } }),
    [api, path, JSON.stringify(asked), cursor, version],
  );
  const goBack = (): void => {
    if (steps.current === 0) return change({ cursor: undefined });
    steps.current -= 1;
    history.back();
  };
  return (
    <Loaded of={loaded}>
      {(answer) => {
        const rows = rowsOf(answer);
        if (rows.length === 0 && cursor === undefined) return empty;
        return (
          <>
            <Table {...table} rows={rows} />
            <Pager
              label={texts.common.rows(rows.length)}
              hasPrevious={cursor !== undefined}
              hasNext={answer.next !== undefined}
              onPrevious={goBack}
              onNext={() => {
                steps.current += 1;
                change({ cursor: answer.next });
              }}
            />
          </>
        );
      }}
    </Loaded>
  );
}

/** Filters that are in the address. A change begins at the first page again. */
export function useFilters<Name extends string>(
  names: readonly Name[],
): {
  readonly values: Readonly<Partial<Record<Name, string>>>;
  readonly set: (name: Name, value: string) => void;
  /** For what is typed. */
  readonly setTyped: (name: Name, value: string) => void;
  /** Undefined when nothing is filtered. */
  readonly clear: (() => void) | undefined;
} {
  const [query, change] = useQuery();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const values: Partial<Record<Name, string>> = {};
  for (const name of names) if (query[name] !== undefined) values[name] = query[name];
  const set = (name: Name, value: string): void => change({ [name]: value, cursor: undefined });
  const isFiltered = Object.keys(values).length > 0;
  const none = Object.fromEntries([...names, "cursor"].map((name) => [name, undefined]));
  return {
    values,
    set,
    setTyped(name, value) {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => set(name, value), TYPING_MS);
    },
    clear: isFiltered ? () => change(none) : undefined,
  };
}

/** The same rows as CSV, streamed by the server under the same session. */
export function CsvLink({ path, asked }: { readonly path: string; readonly asked: Asked }): VNode {
  const texts = useTexts();
  const pairs = Object.entries({ ...asked, format: "csv" }).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, value]],
  );
  return (
    <a
      class="button plain"
      href={`${path}?${new URLSearchParams(pairs).toString()}`}
      download
      title={texts.common.csvHint}
    >
      <Icon name="download" />
      <span>{texts.common.csv}</span>
    </a>
  );
}

/** A field's value where there is one. */
export const given = (value: string | undefined): { value?: string } =>
  value === undefined ? {} : { value };
