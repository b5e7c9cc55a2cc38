/** Switching the second factor on and off. Secret and recovery codes are on this page alone, while it is open. */
import {
  Badge,
  Button,
  Copyable,
  Form,
  Notice,
  Panel,
  PasswordField,
  TextField,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Account, RecoveryCodes, TotpEnrolment } from "../api.ts";
import { useApi, useSessionState } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { QrPicture } from "./qr-picture.tsx";

type Stage =
  | { readonly at: "rest" }
  | { readonly at: "asking"; readonly what: "begin" | "remove" | "renew" }
  | { readonly at: "scanning"; readonly enrolment: TotpEnrolment }
  | { readonly at: "codes"; readonly codes: readonly string[] };

export interface SecondFactorPanelProps {
  readonly account: Account;
  readonly onChange: () => void;
}

export function SecondFactorPanel({ account, onChange }: SecondFactorPanelProps): VNode {
  const { account: words } = useTexts();
  const [stage, setStage] = useState<Stage>({ at: "rest" });
  const { refresh } = useSessionState();
  const { on, required, recoveryCodesLeft } = account.totp;
  const done = (): void => {
    setStage({ at: "rest" });
    onChange();
    void refresh(); // A role that had to set it up may now do what it may.
  };
  return (
    <Panel
      title={words.totpTitle}
      actions={<Badge tone={on ? "good" : "warn"}>{on ? "TOTP" : "–"}</Badge>}
    >
      <p>
        {on ? words.totpOn : words.totpOff} {required && words.totpRequired}{" "}
        {on && words.codesLeft(recoveryCodesLeft)}
      </p>
      {stage.at === "rest" && (
        <div class="row">
          {on ? (
            <>
              <Button onClick={() => setStage({ at: "asking", what: "renew" })}>
                {words.renew}
              </Button>
              <Button kind="quiet" onClick={() => setStage({ at: "asking", what: "remove" })}>
                {words.remove}
              </Button>
            </>
          ) : (
            <Button kind="primary" onClick={() => setStage({ at: "asking", what: "begin" })}>
              {words.begin}
            </Button>
          )}
        </div>
      )}
      {stage.at === "asking" && (
        <ProofForm what={stage.what} hasFactor={on} onStage={setStage} onDone={done} />
      )}
      {stage.at === "scanning" && <ConfirmForm enrolment={stage.enrolment} onStage={setStage} />}
      {stage.at === "codes" && <CodesShown codes={stage.codes} onKept={done} />}
    </Panel>
  );
}

interface ProofFormProps {
  readonly what: "begin" | "remove" | "renew";
  readonly hasFactor: boolean;
  readonly onStage: (stage: Stage) => void;
  readonly onDone: () => void;
}

function ProofForm({ what, hasFactor, onStage, onDone }: ProofFormProps): VNode {
  const { account: words } = useTexts();
  const api = useApi();
  const submit = { begin: words.begin, remove: words.remove, renew: words.renew }[what];
  return (
    <Form
      submit={submit}
      kind={what === "remove" ? "danger" : "primary"}
      onSubmit={async (values) => {
        const proof = {
          password: values.text("password"),
          ...(hasFactor && { code: values.text("code").trim() }),
        };
        if (what === "begin") {
          const enrolment = await api.post<TotpEnrolment>("/v1/account/totp", proof);
          onStage({ at: "scanning", enrolment });
        } else if (what === "renew") {
          const answer = await api.post<RecoveryCodes>("/v1/account/recovery-codes", proof);
          onStage({ at: "codes", codes: answer.recoveryCodes });
        } else {
          await api.post("/v1/account/totp/removal", proof);
          onDone();
        }
      }}
    >
      <PasswordField name="password" label={words.current} autocomplete="current-password" />
      {hasFactor && <TextField name="code" label={words.code} autocomplete="one-time-code" />}
    </Form>
  );
}

interface ConfirmFormProps {
  readonly enrolment: TotpEnrolment;
  readonly onStage: (stage: Stage) => void;
}

function ConfirmForm({ enrolment, onStage }: ConfirmFormProps): VNode {
  const { account: words } = useTexts();
  const api = useApi();
  return (
    <div class="stack">
      <p>{words.scan}</p>
      <QrPicture text={enrolment.uri} label={words.qrLabel} />
      <Copyable value={enrolment.secret} label={words.secret} />
      <Form
        submit={words.confirm}
        onSubmit={async (values) => {
          const code = values.text("code").replaceAll(/\s/g, "");
          const path = "/v1/account/totp/confirmation";
          const { recoveryCodes } = await api.post<RecoveryCodes>(path, { code });
          onStage({ at: "codes", codes: recoveryCodes });
        }}
      >
        <TextField
          name="code"
          label={words.confirmCode}
          inputMode="numeric"
          autocomplete="one-time-code"
          maxLength={8}
        />
      </Form>
    </div>
  );
}

interface CodesShownProps {
  readonly codes: readonly string[];
  readonly onKept: () => void;
}

function CodesShown({ codes, onKept }: CodesShownProps): VNode {
  const { account: words } = useTexts();
  return (
    <div class="stack">
      <Notice tone="warn" title={words.codesTitle}>
        {words.codesOnce}
      </Notice>
      <ul class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="row">
        <Button kind="primary" onClick={onKept}>
          {words.codesKept}
        </Button>
      </div>
    </div>
  );
}
