/** Signs a tariff with the tariff signer's key file and publishes it. The key is read when the form is sent, used once, and kept nowhere. */
import { Button, FileField, Form, Notice, Panel, ProblemError } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { TariffPublished } from "../api.ts";
import { signTariff } from "../model/sign-tariff.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";

export interface SignFormProps {
  readonly document: unknown;
  readonly onBack: () => void;
  readonly onPublished: () => void;
}

export function SignForm({ document, onBack, onPublished }: SignFormProps): VNode {
  const { tariffForm: words } = useTexts();
  const api = useApi();
  return (
    <Panel title={words.sign}>
      <Notice>{words.keyHint}</Notice>
      <Form
        submit={words.sign}
        actions={<Button onClick={onBack}>{words.back}</Button>}
        onSubmit={async (values) => {
          const file = values.file("key");
          const jws = file && (await signTariff(document, file));
          if (jws === undefined) {
            const errors = [{ path: "key", message: words.keyWrong }];
            throw new ProblemError({ status: 0, code: "KEY_FILE", title: words.keyWrong, errors });
          }
          await api.post<TariffPublished>("/v1/tariffs", { jws });
          onPublished();
        }}
      >
        <FileField name="key" label={words.keyFile} hint={words.keyWhere} accept=".json" />
      </Form>
    </Panel>
  );
}
