/** The letter's number and code (docs/protocol.md §10.1), or an invitation into a household (§10.5): what connects a meter to an account. */
import {
  Button,
  CodeField,
  Form,
  Notice,
  Page,
  Panel,
  Progress,
  Steps,
  TextField,
  toast,
  useFormats,
  type FormValues,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useTexts } from "../i18n.ts";
import { useAsk, usePortal, useSession } from "../portal.tsx";

const CODE_CHARACTERS = 27;

export function EnrolPage(): VNode {
  const { enrol, signUp } = useTexts();
  const { isNew } = usePortal();
  const { isKnown } = useSession();
  const [isJoining, setJoining] = useState(false);
  return (
    <Page title={isNew ? signUp.title : isKnown ? enrol.known : enrol.title}>
      <div class="narrow stack">
        {isNew && <Steps items={signUp.steps} current={signUp.steps.length - 1} />}
        <TakenOver />
        {isJoining ? <JoinPanel /> : <LetterPanel />}
        {!isKnown && (
          <Button kind="quiet" onClick={() => setJoining(!isJoining)}>
            {isJoining ? enrol.invitedBack : enrol.other}
          </Button>
        )}
      </div>
    </Page>
  );
}

/** Another account was enrolled for the meter: the earlier one is told. */
export function TakenOver(): VNode | null {
  const { enrol } = useTexts();
  const { takenOverAt } = useSession();
  const formats = useFormats();
  if (takenOverAt === null) return null;
  return (
    <Notice tone="alarm" title={enrol.takenOverTitle}>
      {enrol.takenOver(formats.dateTime(takenOverAt))}
    </Notice>
  );
}

function LetterPanel(): VNode {
  const { enrol, fields } = useTexts();
  const { letter, enter } = usePortal();
  const { isKnown } = useSession();
  const ask = useAsk();
  const [waited, setWaited] = useState<number>();
  const stop = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const connect = async (values: FormValues): Promise<void> => {
    const controller = new AbortController();
    stop.current = controller;
    const network = isKnown ? null : values.text("network");
    try {
      const session = await ask(
        "enrol",
        { code: values.text("code"), network },
        { signal: controller.signal, onProgress: setWaited },
      );
      toast(enrol.done);
      enter(session);
    } catch (error) {
      if (!controller.signal.aborted) throw error;
    } finally {
      setWaited(undefined);
    }
  };
  return (
    <Panel
      title={isKnown ? enrol.known : enrol.title}
      lead={isKnown ? enrol.knownLead : enrol.lead}
    >
      <Form submit={enrol.submit} onSubmit={connect}>
        {!isKnown && (
          <TextField
            name="network"
            label={fields.network}
            hint={fields.networkHint}
            value={letter?.network ?? ""}
          />
        )}
        <CodeField
          name="code"
          label={fields.code}
          length={CODE_CHARACTERS}
          value={letter?.code ?? ""}
        />
      </Form>
      {waited !== undefined && (
        <Notice
          title={enrol.waiting}
          actions={<Button onClick={() => stop.current?.abort()}>{enrol.stop}</Button>}
        >
          <p>{enrol.waitingLead}</p>
          <Progress value={waited} max={1} label={enrol.waiting} />
        </Notice>
      )}
    </Panel>
  );
}

function JoinPanel(): VNode {
  const { enrol, fields } = useTexts();
  const { enter } = usePortal();
  const ask = useAsk();
  const join = async (values: FormValues): Promise<void> =>
    enter(await ask("join", { invitation: values.text("invitation") }));
  return (
    <Panel title={enrol.joinTitle} lead={enrol.joinLead}>
      <Form submit={enrol.join} onSubmit={join}>
        <TextField name="invitation" label={fields.invitation} placeholder="IV-…" />
      </Form>
    </Panel>
  );
}
