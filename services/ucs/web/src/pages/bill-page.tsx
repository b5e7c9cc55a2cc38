/** One bill as a person expects it, beside what his own readings make of it; printed on A4. */
import {
  Button,
  Details,
  Facts,
  Figure,
  Figures,
  LinkButton,
  Loaded,
  Notice,
  Page,
  Panel,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { BillDetails, BillSummary } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { BillLines } from "../parts/bill-lines.tsx";
import { CheckedLinks } from "../parts/checked-links.tsx";
import { useAsk } from "../portal.tsx";

const DAY_SECONDS = 86_400;

export function BillPage({ from }: { readonly from: number }): VNode {
  const { bills, nav } = useTexts();
  const ask = useAsk();
  const loaded = useLoaded((signal) => ask("bill", { from }, { signal }), [from]);
  const formats = useFormats(loaded.state === "ready" ? loaded.value.zone : undefined);
  const title =
    loaded.state === "ready"
      ? bills.one(formats.date(loaded.value.from), formats.date(loaded.value.to - 1))
      : bills.title;
  return (
    <Page
      title={title}
      actions={
        <LinkButton to="/bills" kind="quiet" icon="left">
          {nav.bills}
        </LinkButton>
      }
    >
      <Loaded of={loaded}>{(bill) => <BillView bill={bill} />}</Loaded>
    </Page>
  );
}

function BillView({ bill }: { readonly bill: BillDetails }): VNode {
  const { bills, actions } = useTexts();
  const formats = useFormats(bill.zone);
  const { before, credits } = bill;
  return (
    <>
      <VerdictNotice bill={bill} />
      <Panel
        title={bills.lines}
        actions={
          <Button icon="print" kind="quiet" onClick={() => print()}>
            {actions.print}
          </Button>
        }
      >
        <BillLines
          lines={bill.lines}
          currency={bill.currency}
          total={bill.amount}
          caption={bills.lines}
        />
        {credits.map(({ reason, amount, lines }) => (
          <section key={reason} class="stack">
            <h3>{bills.note(reason)}</h3>
            <BillLines
              lines={lines}
              currency={bill.currency}
              total={amount}
              caption={bills.note(reason)}
            />
          </section>
        ))}
        <Figures>
          {credits.length > 0 && (
            <Figure label={bills.owed} value={formats.money(bill.owed, bill.currency)} />
          )}
          <PeriodFigure label={bills.energy} bill={bill} />
          {before !== null && <PeriodFigure label={bills.before} bill={before} />}
        </Figures>
      </Panel>
      <Panel title={bills.checks} lead={bills.checksLead}>
        <CheckedLinks links={bill.links} />
      </Panel>
      {/* On paper, what is all measured need not be said twice. */}
      <div class={bill.quality.every(({ quality }) => quality === "valid") ? "no-print" : ""}>
        <QualityPanel bill={bill} />
      </div>
      <Details summary={bills.document}>
        <Facts
          items={[
            [bills.period, `${formats.dateTime(bill.from)} – ${formats.dateTime(bill.to)}`],
            [bills.tariff, bills.tariffVersion(bill.tariff, String(bill.tariffVersion))],
            [bills.digest, <code class="code">{bill.digest}</code>],
          ]}
        />
      </Details>
    </>
  );
}

function VerdictNotice({ bill }: { readonly bill: BillDetails }): VNode {
  const { bills } = useTexts();
  const formats = useFormats();
  const { verdict, currency } = bill;
  const explanation = verdict?.explanation ?? "not-computed";
  const difference = verdict?.difference ?? null;
  const isGood = explanation === "exact" || explanation === "window-extended";
  const tone = isGood ? "good" : explanation === "broken-link" ? "alarm" : "warn";
  const title =
    difference === null
      ? bills.explanations[explanation]
      : bills.difference(formats.money(difference, currency));
  return (
    <Notice tone={tone} title={title}>
      {bills.explained[explanation]}
    </Notice>
  );
}

interface PeriodFigureProps {
  readonly label: string;
  readonly bill: BillSummary;
}

/** Consumption, and what that is a day: windows are not equally long. */
function PeriodFigure({ label, bill }: PeriodFigureProps): VNode {
  const { bills } = useTexts();
  const formats = useFormats(bill.zone);
  const energy = BigInt(bill.energy);
  const days = BigInt(Math.max(1, Math.round((bill.to - bill.from) / DAY_SECONDS)));
  return (
    <Figure
      label={label}
      value={formats.kilowattHours(energy, 1)}
      hint={bills.perDay(formats.kilowattHours(energy / days))}
    />
  );
}

function QualityPanel({ bill }: { readonly bill: BillDetails }): VNode | null {
  const { bills } = useTexts();
  const formats = useFormats();
  const all = bill.to - bill.from;
  if (bill.quality.length === 0) return null;
  return (
    <Panel title={bills.quality}>
      <Figures>
        {bill.quality.map(({ quality, seconds, energy }) => (
          <Figure
            key={quality}
            label={bills.qualities[quality] ?? quality}
            value={formats.percent(seconds / all, seconds === all ? 0 : 1)}
            hint={formats.kilowattHours(BigInt(energy), 1)}
          />
        ))}
      </Figures>
    </Panel>
  );
}
