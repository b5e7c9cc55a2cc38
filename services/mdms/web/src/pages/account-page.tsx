/** One's own account: what the role may do, password, second factor, sessions. */
import {
  Badge,
  Button,
  Facts,
  Form,
  Loaded,
  Page,
  Panel,
  PasswordField,
  ProblemError,
  Table,
  TextField,
  toast,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Account } from "../api.ts";
import { useApi, useSessionState } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { SecondFactorPanel } from "../views/second-factor-panel.tsx";

const PASSWORD_CHARS_MIN = 12;

export function AccountPage(): VNode {
  const { account: words } = useTexts();
  const api = useApi();
  const loaded = useLoaded((signal) => api.get<Account>("/v1/account", { signal }), [api]);
  const reload = loaded.state === "ready" ? loaded.reload : () => undefined;
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded of={loaded}>
        {(account) => (
          <div class="stack">
            <RolePanel account={account} />
            <SecondFactorPanel account={account} onChange={reload} />
            <PasswordPanel hasFactor={account.totp.on} onChange={reload} />
            <SessionsPanel account={account} onChange={reload} />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function RolePanel({ account }: { readonly account: Account }): VNode {
  const { account: words, roles, permissions } = useTexts();
  const { session } = useSessionState();
  const may = session?.permissions ?? [];
  return (
    <Panel title={words.mayTitle}>
      <Facts items={[[words.role, `${account.login}, ${roles[account.role]}`]]} />
      <ul class="plain-list">
        {Object.entries(permissions)
          .filter(([name]) => may.some((permission) => permission === name))
          .map(([name, text]) => (
            <li key={name}>{text}</li>
          ))}
      </ul>
    </Panel>
  );
}

interface ChangeProps {
  readonly onChange: () => void;
}

function PasswordPanel({
  hasFactor,
  onChange,
}: ChangeProps & { readonly hasFactor: boolean }): VNode {
  const { account: words } = useTexts();
  const api = useApi();
  return (
    <Panel title={words.passwordTitle}>
      <Form
        submit={words.change}
        kind="plain"
        onSubmit={async (values) => {
          const newPassword = values.text("newPassword");
          if (newPassword !== values.text("again")) throw different(words.differ);
          const code = values.text("code").trim();
          const given = { password: values.text("password"), ...(code !== "" && { code }) };
          await api.post("/v1/account/password", { ...given, newPassword });
          toast(words.changed);
          onChange();
        }}
      >
        <PasswordField name="password" label={words.current} autocomplete="current-password" />
        <PasswordField
          name="newPassword"
          label={words.fresh}
          hint={words.freshHint}
          autocomplete="new-password"
          minLength={PASSWORD_CHARS_MIN}
        />
        <PasswordField name="again" label={words.again} autocomplete="new-password" />
        {hasFactor && <TextField name="code" label={words.code} autocomplete="one-time-code" />}
      </Form>
    </Panel>
  );
}

const different = (message: string): ProblemError =>
  new ProblemError({
    status: 0,
    code: "PASSWORDS_DIFFER",
    title: message,
    errors: [{ path: "again", message }],
  });

function SessionsPanel({ account, onChange }: ChangeProps & { readonly account: Account }): VNode {
  const { account: words } = useTexts();
  const api = useApi();
  const formats = useFormats();
  const end = async (path: string): Promise<void> => {
    await api.delete(path);
    onChange();
  };
  const others = account.sessions.filter(({ current }) => !current);
  return (
    <Panel
      title={words.sessionsTitle}
      actions={
        others.length > 0 && (
          <Button onClick={() => void end("/v1/account/sessions")}>{words.endOthers}</Button>
        )
      }
    >
      <Table
        caption={words.sessionsCaption}
        rows={account.sessions}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "kind",
            head: words.sessionsTitle,
            priority: 1,
            cell: ({ kind, current }) => (
              <>
                {words.kind[kind]} {current && <Badge tone="good">{words.thisOne}</Badge>}
              </>
            ),
          },
          { key: "since", head: words.since, cell: ({ createdAt }) => formats.dateTime(createdAt) },
          { key: "seen", head: words.lastSeen, cell: ({ seenAt }) => formats.dateTime(seenAt) },
          {
            key: "end",
            head: words.end,
            cell: ({ id, current }) =>
              !current && (
                <Button kind="quiet" onClick={() => void end(`/v1/account/sessions/${id}`)}>
                  {words.end}
                </Button>
              ),
          },
        ]}
      />
    </Panel>
  );
}
