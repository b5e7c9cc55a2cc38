/** Who looked at what, and who changed what. For the privacy officer. */
import {
  Badge,
  DateField,
  EmptyState,
  Filters,
  Page,
  TextField,
  useFormats,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { AuditPage as Answer } from "../api.ts";
import { useTexts } from "../texts.ts";
import { dayAfter, isoDay } from "../model/iso-day.ts";
import { CsvLink, given, PagedList, useFilters } from "../views/paged-list.tsx";

export function AuditPage(): VNode {
  const { audit: words, common } = useTexts();
  const formats = useFormats();
  const { values, set, setTyped, clear } = useFilters(["login", "action", "subject", "from", "to"]);
  const { from, to, ...plain } = values;
  const asked = {
    ...plain,
    from: from && isoDay(from, formats.zone),
    to: to && isoDay(dayAfter(to), formats.zone),
  };
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={<CsvLink path="/v1/audit" asked={asked} />}
    >
      <div key={String(clear === undefined)}>
        <Filters {...(clear && { onClear: clear })}>
          <TextField
            name="login"
            label={words.login}
            {...given(values.login)}
            onInput={(text) => setTyped("login", text)}
          />
          <TextField
            name="action"
            label={words.action}
            {...given(values.action)}
            onInput={(text) => setTyped("action", text)}
          />
          <TextField
            name="subject"
            label={words.subject}
            {...given(values.subject)}
            onInput={(text) => setTyped("subject", text)}
          />
          <DateField
            name="from"
            label={common.from}
            {...given(from)}
            onChange={(value) => set("from", value)}
          />
          <DateField
            name="to"
            label={common.to}
            {...given(to)}
            onChange={(value) => set("to", value)}
          />
        </Filters>
      </div>
      <PagedList<Answer, Answer["entries"][number]>
        path="/v1/audit"
        asked={asked}
        rowsOf={({ entries }) => entries}
        rowKey={({ at, login, action, subject }) => `${at} ${login} ${action} ${subject}`}
        caption={words.caption}
        empty={
          <EmptyState icon="eye" title={words.noneTitle}>
            {words.none}
          </EmptyState>
        }
        columns={[
          { key: "at", head: words.at, cell: ({ at }) => formats.dateTime(at) },
          { key: "login", head: words.login, priority: 1, cell: ({ login }) => login },
          { key: "action", head: words.action, cell: ({ action }) => <code>{action}</code> },
          {
            key: "subject",
            head: words.subject,
            cell: ({ subject }) => <code class="id">{subject}</code>,
          },
          {
            key: "outcome",
            head: words.outcome,
            cell: ({ outcome }) => (
              <Badge tone={outcome === "allowed" ? "plain" : "warn"}>
                {words.outcomes[outcome]}
              </Badge>
            ),
          },
        ]}
      />
    </Page>
  );
}
