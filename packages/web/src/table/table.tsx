/** A table: rows as cards on a phone, heads that sort, a caption that says what it holds. */
import type { ComponentChildren, RefObject, VNode } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { Icon } from "../parts/icon.tsx";

export interface Column<Row> {
  readonly key: string;
  readonly head: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** "end" for numbers. */
  readonly align?: "start" | "end";
  /** The head is a button that asks for this order. */
  readonly sort?: boolean;
  /** 1: the card's heading on a phone; 3: left out there. 2 unless told. */
  readonly priority?: 1 | 2 | 3;
}

export interface Sort {
  readonly key: string;
  readonly descending: boolean;
}

export interface TableProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly caption: string;
  /** Shown above the table instead of to screen readers only. */
  readonly showCaption?: boolean;
  /** A press on a row; the row's first cell must hold a link to the same place for the keyboard. */
  readonly onRow?: (row: Row) => void;
  /** Instead of rows, when there are none. */
  readonly empty?: ComponentChildren;
  readonly sort?: Sort;
  readonly onSort?: (sort: Sort) => void;
  /** Cells of a last row (totals), by column key. */
  readonly footer?: Readonly<Record<string, ComponentChildren>>;
  /** Cards on a phone (default), or a table that scrolls within its own region: for many narrow columns of numbers. */
  readonly phone?: "cards" | "scroll";
}

export function Table<Row>(props: TableProps<Row>): VNode {
  const { columns, rows, rowKey, caption, onRow, empty, footer, phone = "cards" } = props;
  const { texts } = useKit();
  const id = useId();
  const region = useRef<HTMLDivElement>(null);
  const scrolls = useScrolls(region, rows.length > 0);
  if (rows.length === 0) return <>{empty ?? <p class="muted">{texts.empty}</p>}</>;
  return (
    <div
      ref={region}
      class={`table ${phone}`}
      role={scrolls ? "group" : undefined}
      aria-labelledby={scrolls ? id : undefined}
      tabIndex={scrolls ? 0 : undefined}
    >
      <table>
        <caption id={id} class={props.showCaption === true ? "" : "visually-hidden"}>
          {caption}
        </caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={props.sort} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              class={onRow === undefined ? undefined : "pressable"}
              onClick={(event) => isOnPlainGround(event) && onRow?.(row)}
            >
              {columns.map((column) => (
                <td key={column.key} class={cellClass(column)} data-head={column.head}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {footer !== undefined && (
          <tfoot>
            <tr>
              {columns.map((column) => (
                <td key={column.key} class={cellClass(column)} data-head={column.head}>
                  {footer[column.key]}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}

/** Whether the table is wider than its place: only then it is a stop for the keyboard, which scrolls it. */
function useScrolls(region: RefObject<HTMLElement | null>, hasRows: boolean): boolean {
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    const { current } = region;
    if (current === null) return undefined;
    const measure = (): void => setScrolls(current.scrollWidth > current.clientWidth + 1);
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    measure();
    return () => observer.disconnect();
  }, [region, hasRows]);
  return scrolls;
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly sort: Sort | undefined;
  readonly onSort: ((sort: Sort) => void) | undefined;
}

function Head<Row>({ column, sort, onSort }: HeadProps<Row>): VNode {
  const { texts } = useKit();
  const isSorted = sort?.key === column.key;
  const order = !isSorted ? undefined : sort.descending ? "descending" : "ascending";
  return (
    <th scope="col" class={cellClass(column)} aria-sort={order}>
      {column.sort === true && onSort !== undefined ? (
        <button
          type="button"
          class={`sort ${order ?? ""}`}
          title={texts.sortBy(column.head)}
          onClick={() => onSort({ key: column.key, descending: isSorted && !sort.descending })}
        >
          {column.head}
          <Icon name="down" />
        </button>
      ) : (
        column.head
      )}
    </th>
  );
}

const cellClass = <Row,>({ align = "start", priority = 2 }: Column<Row>): string =>
  `align-${align} priority-${priority}`;

/** A press on a link or button in the row is theirs; so is marking text. */
function isOnPlainGround(event: MouseEvent): boolean {
  const isControl =
    event.target instanceof Element && event.target.closest("a,button,input,summary");
  return !isControl && getSelection()?.isCollapsed !== false;
}
