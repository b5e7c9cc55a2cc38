/** The newest bill in short, computed again; what is missing or wrong about bills. */
import {
  Badge,
  Figure,
  Figures,
  LinkButton,
  Loaded,
  Notice,
  Panel,
  useFormats,
  useLoaded,
  type Tone,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { BillSummary, Bills, Verdict } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { useAsk } from "../portal.tsx";
import { FindingsNotice } from "./findings.tsx";

const TONES: Readonly<Record<Verdict["explanation"], Tone>> = {
  exact: "good",
  "window-extended": "good",
  estimated: "warn",
  "broken-link": "alarm",
  "not-computed": "info",
};

export function LastBill(): VNode {
  const { overview } = useTexts();
  const ask = useAsk();
  const loaded = useLoaded(async (signal) => {
    const bills = await ask("bills", null, { signal });
    const last = bills.bills[0];
    const checked = last && (await ask("checkBill", { from: last.from }, { signal }));
    return { ...bills, last: checked };
  }, []);
  return (
    <Panel
      title={overview.lastBill}
      actions={
        <LinkButton to="/bills" kind="quiet">
          {overview.toBill}
        </LinkButton>
      }
    >
      <Loaded of={loaded}>
        {({ last, findings, unbilled }) => (
          <>
            <FindingsNotice findings={findings} />
            <UnbilledNotice unbilled={unbilled} zone={last?.zone} />
            {last === undefined ? <p class="muted">{overview.noBill}</p> : <Short bill={last} />}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function Short({ bill }: { readonly bill: BillSummary }): VNode {
  const { bills } = useTexts();
  const formats = useFormats(bill.zone);
  return (
    <>
      <Figures>
        <Figure
          label={bills.one(formats.date(bill.from), formats.date(bill.to - 1))}
          value={formats.money(bill.owed, bill.currency)}
          hint={formats.kilowattHours(BigInt(bill.energy), 1)}
        />
      </Figures>
      <p>
        <VerdictBadge verdict={bill.verdict} />
      </p>
    </>
  );
}

/** Null: it has not been computed yet. */
export function VerdictBadge({ verdict }: { readonly verdict: Verdict | null }): VNode | null {
  const { bills } = useTexts();
  if (verdict === null) return null;
  const { explanation } = verdict;
  return <Badge tone={TONES[explanation]}>{bills.explanations[explanation]}</Badge>;
}

export interface UnbilledProps {
  readonly unbilled: Bills["unbilled"];
  readonly zone: string | undefined;
}

/** A stretch of the past that should have a bill. */
export function UnbilledNotice({ unbilled, zone }: UnbilledProps): VNode | null {
  const { notices } = useTexts();
  const formats = useFormats(zone);
  if (unbilled.length === 0) return null;
  return (
    <Notice tone="warn" title={notices.unbilledTitle}>
      {unbilled.map(({ from, to }) => (
        <p key={from}>{notices.unbilled(formats.date(from), formats.date(to - 1))}</p>
      ))}
    </Notice>
  );
}
