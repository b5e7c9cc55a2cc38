/**
 * Making an account (docs/protocol.md §10.2): name and password, the recovery key shown once, typed back, and only then does the portal hear
 * of it. The meter is the last step, on a page of its own.
 */
import {
  Button,
  Copyable,
  Form,
  Link,
  navigate,
  Page,
  Panel,
  Steps,
  TextField,
  type FormValues,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useTexts } from "../i18n.ts";
import { NAME_PATTERN, NewPasswordFields, useAgreedPassword } from "../parts/new-password.tsx";
import { saveFile } from "../parts/save-file.ts";
import { useAsk, usePortal } from "../portal.tsx";

export function SignUpPage(): VNode {
  const { signUp } = useTexts();
  const [recoveryKey, setRecoveryKey] = useState<string>();
  const [isKept, setKept] = useState(false);
  const step = recoveryKey === undefined ? 0 : isKept ? 2 : 1;
  return (
    <Page title={signUp.title}>
      <div class="narrow stack">
        <Steps items={signUp.steps} current={step} />
        {step === 0 && <NameStep onMade={setRecoveryKey} />}
        {step === 1 && recoveryKey !== undefined && (
          <KeyStep recoveryKey={recoveryKey} onKept={() => setKept(true)} />
        )}
        {step === 2 && <DrillStep onBack={() => setKept(false)} />}
      </div>
    </Page>
  );
}

function NameStep({ onMade }: { readonly onMade: (recoveryKey: string) => void }): VNode {
  const { signUp, fields, login } = useTexts();
  const ask = useAsk();
  const agreed = useAgreedPassword();
  const make = async (values: FormValues): Promise<void> => {
    const password = agreed(values);
    const name = values.text("name").trim().toLowerCase();
    onMade((await ask("prepareAccount", { login: name, password })).recoveryKey);
  };
  return (
    <Panel lead={signUp.lead}>
      <Form submit={signUp.submit} onSubmit={make}>
        <TextField
          name="name"
          label={fields.name}
          hint={fields.nameHint}
          autocomplete="username"
          pattern={NAME_PATTERN}
        />
        <NewPasswordFields />
      </Form>
      <p>
        <Link to="/">{login.title}</Link>
      </p>
    </Panel>
  );
}

interface KeyStepProps {
  readonly recoveryKey: string;
  readonly onKept: () => void;
}

function KeyStep({ recoveryKey, onKept }: KeyStepProps): VNode {
  const { signUp, actions, fields } = useTexts();
  const save = (): void => {
    const text = `${signUp.keyFile}\n${location.origin}\n\n${recoveryKey}\n`;
    saveFile(signUp.keyFileName, new Blob([text], { type: "text/plain" }));
  };
  return (
    <Panel title={signUp.keyTitle} lead={signUp.keyLead}>
      <div class="secret" id="recovery-key">
        <Copyable value={recoveryKey} label={fields.recoveryKey} />
      </div>
      <div class="row">
        <Button icon="download" onClick={save}>
          {actions.download}
        </Button>
        <Button icon="print" onClick={() => print()}>
          {actions.print}
        </Button>
      </div>
      <div class="row form-actions">
        <Button kind="primary" onClick={onKept}>
          {signUp.keyWritten}
        </Button>
      </div>
    </Panel>
  );
}

function DrillStep({ onBack }: { readonly onBack: () => void }): VNode {
  const { signUp, actions } = useTexts();
  const ask = useAsk();
  const { enter } = usePortal();
  const make = async (values: FormValues): Promise<void> => {
    const session = await ask("makeAccount", { typed: values.text("recoveryKey") });
    navigate("/", { replace: true });
    enter(session, { isNew: true });
  };
  const back = (
    <Button kind="quiet" onClick={onBack}>
      {actions.back}
    </Button>
  );
  return (
    <Panel title={signUp.drillTitle} lead={signUp.drillLead}>
      <Form submit={signUp.drillSubmit} onSubmit={make} actions={back}>
        <TextField name="recoveryKey" label={signUp.drillField} placeholder="RK-…" />
      </Form>
    </Panel>
  );
}
