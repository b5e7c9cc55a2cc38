/** Log in, or unlock what was locked; what the portal can see and what not. */
import { Form, Link, Notice, Page, Panel, PasswordField, TextField } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useTexts } from "../i18n.ts";
import { NAME_PATTERN } from "../parts/new-password.tsx";
import { PolicyAnnouncement } from "../parts/policy-announcement.tsx";
import { useAsk, usePortal } from "../portal.tsx";

/** Why nobody is logged in. */
export type LoginWord = "ended" | "goodbye" | "deleted";

export interface LoginPageProps {
  /** Of a locked page: who unlocks it. */
  readonly name: string | undefined;
  readonly word: LoginWord | undefined;
}

export function LoginPage({ name, word }: LoginPageProps): VNode {
  const { login, fields } = useTexts();
  const ask = useAsk();
  const { enter } = usePortal();
  const [isOther, setOther] = useState(false);
  const locked = isOther ? undefined : name;
  return (
    <Page
      title={locked === undefined ? login.title : login.unlockTitle}
      lead={locked === undefined ? login.lead : login.unlockLead(locked)}
    >
      <div class="narrow stack">
        <PolicyAnnouncement />
        {word !== undefined && (
          <Notice tone={word === "ended" ? "warn" : "good"}>{login[word]}</Notice>
        )}
        <Panel>
          <Form
            submit={locked === undefined ? login.submit : login.unlock}
            onSubmit={async (values) => {
              const typed = values.text("name").trim().toLowerCase();
              const password = values.text("password");
              enter(await ask("logIn", { login: locked ?? typed, password }));
            }}
          >
            {locked === undefined && (
              <TextField
                name="name"
                label={fields.name}
                autocomplete="username"
                pattern={NAME_PATTERN}
              />
            )}
            <PasswordField
              name="password"
              label={fields.password}
              autocomplete="current-password"
            />
          </Form>
          {locked !== undefined && (
            <button type="button" class="button quiet" onClick={() => setOther(true)}>
              {login.other}
            </button>
          )}
          <ul class="plain-list">
            <li>
              {login.noAccount} <Link to="/sign-up">{login.signUp}</Link>
            </li>
            <li>
              {login.forgotten} <Link to="/recover">{login.recover}</Link>
            </li>
          </ul>
        </Panel>
        <Panel title={login.canTitle}>
          <p>{login.can}</p>
        </Panel>
      </div>
    </Page>
  );
}
