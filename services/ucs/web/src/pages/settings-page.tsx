/** What a person may change about account and page; the ways out, the last of them for good. */
import {
  Button,
  Form,
  Grid,
  LanguageChoice,
  Loaded,
  Page,
  Panel,
  PasswordField,
  SegmentedControl,
  TextField,
  ThemeChoice,
  toast,
  useFormats,
  useLoaded,
  type FormValues,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { RemainingFact } from "@smarter-metering/customer";
import { useTexts } from "../i18n.ts";
import { LOCK_MINUTES } from "../lock-time.ts";
import { NewPasswordFields, useAgreedPassword } from "../parts/new-password.tsx";
import { useAsk, usePortal, useProblem } from "../portal.tsx";

export function SettingsPage(): VNode {
  const { settings, actions } = useTexts();
  const { lockMinutes, setLockMinutes, signOut } = usePortal();
  const minutes = LOCK_MINUTES.map((count) => ({
    value: String(count),
    label: settings.minutes(count),
  }));
  return (
    <Page title={settings.title}>
      <Grid>
        <Panel title={settings.appearance}>
          <div class="stack">
            <LanguageChoice />
            <ThemeChoice />
          </div>
        </Panel>
        <Panel title={settings.lockTitle} lead={settings.lockLead}>
          <SegmentedControl
            label={settings.lockAfter}
            items={minutes}
            current={String(lockMinutes)}
            onChange={(value) => setLockMinutes(Number(value))}
          />
        </Panel>
        <PasswordPanel />
        <DrillPanel />
        <Panel title={settings.device}>
          <p>{settings.deviceText}</p>
        </Panel>
        <Panel title={settings.out} lead={settings.outText}>
          <div>
            <Button icon="leave" onClick={signOut}>
              {actions.signOut}
            </Button>
          </div>
        </Panel>
      </Grid>
      <DeletePanel />
    </Page>
  );
}

function PasswordPanel(): VNode {
  const { settings, fields } = useTexts();
  const ask = useAsk();
  const agreed = useAgreedPassword();
  const [round, setRound] = useState(0);
  const change = async (values: FormValues): Promise<void> => {
    await ask("changePassword", { old: values.text("old"), new: agreed(values) });
    toast(settings.passwordDone);
    setRound(round + 1);
  };
  return (
    <Panel title={settings.password} lead={settings.passwordLead}>
      <Form key={round} submit={settings.password} kind="plain" onSubmit={change}>
        <PasswordField name="old" label={fields.oldPassword} autocomplete="current-password" />
        <NewPasswordFields />
      </Form>
    </Panel>
  );
}

function DrillPanel(): VNode {
  const { settings, fields } = useTexts();
  const ask = useAsk();
  const [round, setRound] = useState(0);
  const drill = async (values: FormValues): Promise<void> => {
    await ask("tryRecoveryKey", { typed: values.text("recoveryKey") });
    toast(settings.drillDone);
    setRound(round + 1);
  };
  return (
    <Panel title={settings.drill} lead={settings.drillLead}>
      <Form key={round} submit={settings.drillSubmit} kind="plain" onSubmit={drill}>
        <TextField
          name="recoveryKey"
          label={fields.recoveryKey}
          hint={fields.recoveryKeyHint}
          placeholder="RK-…"
        />
      </Form>
    </Panel>
  );
}

function DeletePanel(): VNode {
  const { settings, fields } = useTexts();
  const ask = useAsk();
  const problemOf = useProblem();
  const { leave } = usePortal();
  const [isOpen, setOpen] = useState(false);
  const remove = async (values: FormValues): Promise<void> => {
    if (values.text("word").trim().toUpperCase() !== settings.deleteWord) {
      throw problemOf("WORD_DIFFERS");
    }
    await ask("deleteAccount", { password: values.text("password") });
    leave();
  };
  return (
    <Panel title={settings.deleteTitle} lead={settings.deleteLead}>
      {!isOpen ? (
        <div>
          <Button icon="trash" onClick={() => setOpen(true)}>
            {settings.deleteTitle}
          </Button>
        </div>
      ) : (
        <>
          <h3>{settings.deleted}</h3>
          <ul>
            {settings.deletedItems.map((item) => (
              <li key={item}>{item}</li>
            ))}
          </ul>
          <Remaining />
          <Form
            submit={settings.deleteSubmit}
            kind="danger"
            onSubmit={remove}
            actions={<CancelButton onClick={() => setOpen(false)} />}
          >
            <PasswordField
              name="password"
              label={fields.password}
              autocomplete="current-password"
            />
            <TextField name="word" label={settings.deleteType(settings.deleteWord)} />
          </Form>
        </>
      )}
    </Panel>
  );
}

function CancelButton({ onClick }: { readonly onClick: () => void }): VNode {
  const { actions } = useTexts();
  return (
    <Button kind="quiet" onClick={onClick}>
      {actions.cancel}
    </Button>
  );
}

/** What the portal says of what remains, and with whom. */
function Remaining(): VNode {
  const { settings } = useTexts();
  const ask = useAsk();
  const loaded = useLoaded((signal) => ask("deletionFacts", null, { signal }), []);
  return (
    <>
      <h3>{settings.remains}</h3>
      <Loaded of={loaded}>
        {({ remains }) => (
          <ul>
            {remains.map((fact) => (
              <li key={`${fact.party} ${fact.what}`}>
                <Fact fact={fact} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </>
  );
}

function Fact({ fact }: { readonly fact: RemainingFact }): VNode {
  const { settings } = useTexts();
  const formats = useFormats();
  const { what, keptDays } = fact;
  const kept = keptDays === null ? settings.keptOpen : settings.keptDays(formats.number(keptDays));
  return (
    <>
      {settings.facts[what] ?? what} <span class="muted small">({kept})</span>
    </>
  );
}
