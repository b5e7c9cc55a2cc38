/** All bills, each computed again from own readings, one after the other. */
import {
  EmptyState,
  Link,
  Loaded,
  navigate,
  Page,
  Panel,
  Table,
  useFormats,
  useLoaded,
  type Column,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BillSummary } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { FindingsNotice } from "../parts/findings.tsx";
import { UnbilledNotice, VerdictBadge } from "../parts/last-bill.tsx";
import { useAsk } from "../portal.tsx";

/** The newest are computed again at once, the others when they are opened: each takes its readings. */
const CHECKED_MAX = 12;

export function BillsPage(): VNode {
  const { bills: words } = useTexts();
  const ask = useAsk();
  const loaded = useLoaded((signal) => ask("bills", null, { signal }), []);
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded of={loaded}>
        {({ bills, unbilled, findings }) => (
          <>
            <FindingsNotice findings={findings} />
            <UnbilledNotice unbilled={unbilled} zone={bills[0]?.zone} />
            <Panel>
              <BillTable bills={bills} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function BillTable({ bills: given }: { readonly bills: readonly BillSummary[] }): VNode {
  const { bills: words } = useTexts();
  const ask = useAsk();
  const formats = useFormats(given[0]?.zone);
  const [checked, setChecked] = useState<ReadonlyMap<number, BillSummary>>(new Map());
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const checkAll = async (): Promise<void> => {
      for (const { from } of given.slice(0, CHECKED_MAX)) {
        const bill = await ask("checkBill", { from }, { signal });
        setChecked((before) => new Map([...before, [from, bill]]));
      }
    };
    checkAll().catch(() => undefined); // The bill's own page says what is wrong with it.
    return () => controller.abort();
  }, [given]);
  const columns: Column<BillSummary>[] = [
    {
      key: "period",
      head: words.period,
      cell: ({ from, to }) => (
        <Link to={`/bills/${from}`}>{`${formats.date(from)} – ${formats.date(to - 1)}`}</Link>
      ),
      priority: 1,
    },
    {
      key: "energy",
      head: words.energy,
      cell: ({ energy }) => formats.kilowattHours(BigInt(energy), 1),
      align: "end",
    },
    {
      key: "amount",
      head: words.amount,
      cell: ({ owed, currency }) => formats.money(owed, currency),
      align: "end",
    },
    {
      key: "check",
      head: words.check,
      cell: (bill) => <VerdictBadge verdict={checked.get(bill.from)?.verdict ?? bill.verdict} />,
    },
  ];
  return (
    <Table
      columns={columns}
      rows={given}
      rowKey={({ from }) => String(from)}
      caption={words.list}
      onRow={({ from }) => navigate(`/bills/${from}`)}
      empty={
        <EmptyState icon="receipt" title={words.emptyTitle}>
          {words.empty}
        </EmptyState>
      }
    />
  );
}
