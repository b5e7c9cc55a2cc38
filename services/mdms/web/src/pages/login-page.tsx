/** Login, password and, where there is one, the second factor, in one form: no answer tells which of them was wrong. */
import { Form, PasswordField, TextField } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { useSessionState } from "../session.tsx";
import { useTexts } from "../texts.ts";

export function LoginPage(): VNode {
  const texts = useTexts();
  const { login: words } = texts;
  const { logIn } = useSessionState();
  useEffect(() => {
    document.title = `${words.title} · ${texts.application}`;
  }, [texts]);
  return (
    <div class="login panel">
      <h1>{words.title}</h1>
      <p class="muted">{words.lead}</p>
      <Form
        submit={words.submit}
        onSubmit={async (values) => {
          const code = values.text("code").trim();
          await logIn({
            login: values.text("login").trim(),
            password: values.text("password"),
            ...(code !== "" && { code }),
          });
        }}
      >
        <TextField name="login" label={words.login} autocomplete="username" />
        <PasswordField name="password" label={words.password} autocomplete="current-password" />
        <TextField
          name="code"
          label={words.code}
          hint={words.codeHint}
          optional
          autocomplete="one-time-code"
          maxLength={32}
        />
      </Form>
      <p class="muted small">{words.lockOut}</p>
    </div>
  );
}
