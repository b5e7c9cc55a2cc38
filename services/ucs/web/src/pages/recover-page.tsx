/** A new password for a forgotten one, with the recovery key (docs/protocol.md §10.2). */
import {
  Form,
  Link,
  navigate,
  Page,
  Panel,
  TextField,
  type FormValues,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../i18n.ts";
import { NAME_PATTERN, NewPasswordFields, useAgreedPassword } from "../parts/new-password.tsx";
import { useAsk, usePortal } from "../portal.tsx";

export function RecoverPage(): VNode {
  const { recover, fields, login } = useTexts();
  const ask = useAsk();
  const agreed = useAgreedPassword();
  const { enter } = usePortal();
  const send = async (values: FormValues): Promise<void> => {
    const newPassword = agreed(values);
    const name = values.text("name").trim().toLowerCase();
    const recoveryKey = values.text("recoveryKey");
    const session = await ask("recover", { login: name, recoveryKey, newPassword });
    navigate("/", { replace: true });
    enter(session);
  };
  return (
    <Page title={recover.title} lead={recover.lead}>
      <div class="narrow stack">
        <Panel>
          <Form submit={recover.submit} onSubmit={send}>
            <TextField
              name="name"
              label={fields.name}
              autocomplete="username"
              pattern={NAME_PATTERN}
            />
            <TextField
              name="recoveryKey"
              label={fields.recoveryKey}
              hint={fields.recoveryKeyHint}
              placeholder="RK-…"
            />
            <NewPasswordFields />
          </Form>
          <p class="muted small">{recover.lockout}</p>
          <p class="muted small">{recover.noKey}</p>
          <p>
            <Link to="/">{login.title}</Link>
          </p>
        </Panel>
      </div>
    </Page>
  );
}
