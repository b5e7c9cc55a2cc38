/** Taking readings along: a table, a Green Button, a file that one other person alone can open. All made on this device. */
import {
  Button,
  CheckboxField,
  Copyable,
  DateField,
  FileField,
  Form,
  Grid,
  Loaded,
  Page,
  Panel,
  Progress,
  TextArea,
  TextField,
  toast,
  useLoaded,
  type FormValues,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { MadeFile, Range } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { saveFile } from "../parts/save-file.ts";
import { useAsk, useProblem } from "../portal.tsx";

/** The month of the newest reading, to begin with. */
export function ExportPage(): VNode {
  const { export: words } = useTexts();
  const ask = useAsk();
  const loaded = useLoaded(
    (signal) => ask("period", { span: "month", date: null }, { signal }),
    [],
  );
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded of={loaded}>
        {({ date, laterDate }) => <Exports first={date} last={dayBefore(laterDate)} />}
      </Loaded>
    </Page>
  );
}

const dayBefore = (date: string): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);

function Exports(initial: { readonly first: string; readonly last: string }): VNode {
  const { export: words, fields } = useTexts();
  const ask = useAsk();
  const problemOf = useProblem();
  const [first, setFirst] = useState(initial.first);
  const [last, setLast] = useState(initial.last);
  const [progress, setProgress] = useState<number>();

  async function make(call: (range: Range) => Promise<MadeFile>): Promise<void> {
    if (first === "" || last === "" || first > last) throw problemOf("RANGE_ORDER");
    setProgress(0);
    try {
      const { name, blob } = await call(await ask("days", { first, last }));
      saveFile(name, blob);
      toast(words.saved(name));
    } finally {
      setProgress(undefined);
    }
  }
  const onProgress = setProgress;
  return (
    <div class="stack">
      <Panel title={words.range}>
        <div class="row fields">
          <DateField name="first" label={fields.from} value={first} onChange={setFirst} />
          <DateField name="last" label={fields.to} value={last} onChange={setLast} />
        </div>
        {progress !== undefined && <Progress value={progress} max={1} label={words.working} />}
      </Panel>
      <Grid>
        <Panel title={words.csvTitle} lead={words.csv}>
          <Form
            submit={words.csvSubmit}
            kind="plain"
            onSubmit={() => make((range) => ask("csv", range, { onProgress }))}
          >
            {null}
          </Form>
        </Panel>
        <Panel title={words.greenTitle} lead={words.green}>
          <Form
            submit={words.greenSubmit}
            kind="plain"
            onSubmit={() => make((range) => ask("greenButton", range, { onProgress }))}
          >
            {null}
          </Form>
        </Panel>
      </Grid>
      <SharePanel make={make} onProgress={onProgress} />
    </div>
  );
}

interface SharePanelProps {
  readonly make: (call: (range: Range) => Promise<MadeFile>) => Promise<void>;
  readonly onProgress: (share: number) => void;
}

function SharePanel({ make, onProgress }: SharePanelProps): VNode {
  const { export: words } = useTexts();
  const ask = useAsk();
  const [key, setKey] = useState<string>();
  const [fingerprint, setFingerprint] = useState<string>();
  const check = async (values: FormValues): Promise<void> => {
    const file = values.file("file");
    const text = file === undefined ? values.text("key") : await file.text();
    setFingerprint((await ask("recipient", { key: text })).fingerprint);
    setKey(text);
  };
  const send = (values: FormValues): Promise<void> =>
    make((range) => {
      const wish = { purpose: values.text("purpose"), withProof: values.isChecked("proof") };
      return ask("share", { ...range, key: key ?? "", ...wish }, { onProgress });
    });
  const again = (): void => {
    setKey(undefined);
    setFingerprint(undefined);
  };
  return (
    <Panel title={words.shareTitle} lead={words.share}>
      {fingerprint === undefined ? (
        <Form submit={words.checkKey} kind="plain" onSubmit={check}>
          <TextArea name="key" label={words.key} hint={words.keyHint} code optional />
          <FileField name="file" label={words.keyFile} accept=".pem,.pub,.json,.jwk" optional />
        </Form>
      ) : (
        <Form
          submit={words.shareSubmit}
          onSubmit={send}
          actions={
            <Button kind="quiet" onClick={again}>
              {words.otherKey}
            </Button>
          }
        >
          <div class="stack">
            <strong>{words.fingerprint}</strong>
            <Copyable value={fingerprint} label={words.fingerprint} />
            <p class="muted small">{words.fingerprintHint}</p>
          </div>
          <TextField
            name="purpose"
            label={words.purpose}
            hint={words.purposeHint}
            maxLength={500}
          />
          <CheckboxField name="proof" label={words.proof} hint={words.proofHint} checked />
          <CheckboxField name="compared" label={words.compared} required />
          <p class="muted small">{words.shareNote}</p>
        </Form>
      )}
    </Panel>
  );
}
