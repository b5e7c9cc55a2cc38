/** Which accounts there are. They are made and reset on the command line alone. */
import { Badge, Loaded, Page, Table, useFormats, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { OperatorList } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvButton } from "../views/csv-button.tsx";

export function OperatorsPage(): VNode {
  const { operators: words, roles, common } = useTexts();
  const api = useApi();
  const formats = useFormats();
  const loaded = useLoaded((signal) => api.get<OperatorList>("/v1/operators", { signal }), [api]);
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded of={loaded}>
        {({ operators }) => (
          <>
            <div class="row">
              <CsvButton
                name="accounts"
                columns={[
                  "login",
                  "role",
                  "created_at",
                  "second_factor",
                  "locked_until",
                  "sessions",
                ]}
                rows={() =>
                  operators.map((one) => [
                    one.login,
                    one.role,
                    one.createdAt,
                    String(one.totpOn),
                    one.lockedUntil,
                    one.sessions,
                  ])
                }
              />
            </div>
            <Table
              caption={words.caption}
              rows={operators}
              rowKey={({ login }) => login}
              columns={[
                { key: "login", head: words.login, priority: 1, cell: ({ login }) => login },
                { key: "role", head: words.role, cell: ({ role }) => roles[role] },
                {
                  key: "since",
                  head: words.since,
                  cell: ({ createdAt }) => formats.date(createdAt),
                },
                {
                  key: "factor",
                  head: words.factor,
                  cell: ({ totpOn, totpRequired }) =>
                    totpOn ? (
                      <Badge tone="good">{words.on}</Badge>
                    ) : (
                      <Badge tone={totpRequired ? "warn" : "plain"}>
                        {totpRequired ? words.missing : words.off}
                      </Badge>
                    ),
                },
                {
                  key: "locked",
                  head: words.lockedHead,
                  cell: ({ lockedUntil }) =>
                    lockedUntil === null ? (
                      common.no
                    ) : (
                      <Badge tone="alarm">{words.locked(formats.dateTime(lockedUntil))}</Badge>
                    ),
                },
                {
                  key: "sessions",
                  head: words.sessions,
                  align: "end",
                  cell: ({ sessions }) => sessions,
                },
              ]}
            />
          </>
        )}
      </Loaded>
    </Page>
  );
}
