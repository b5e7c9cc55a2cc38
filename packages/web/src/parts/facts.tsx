/** Names with values, and values to take along. */
import { Fragment, type ComponentChildren, type VNode } from "preact";
import { useKit } from "../language/kit.tsx";
import { toast } from "./announce.ts";
import { Button } from "./button.tsx";

export interface FactsProps {
  readonly items: readonly (readonly [label: string, value: ComponentChildren])[];
}

export const Facts = ({ items }: FactsProps): VNode => (
  <dl class="facts">
    {items.map(([label, value]) => (
      <Fragment key={label}>
        <dt>{label}</dt>
        <dd>{value}</dd>
      </Fragment>
    ))}
  </dl>
);

export const Code = ({ children }: { readonly children: string }): VNode => (
  <code class="code">{children}</code>
);

export interface CopyableProps {
  readonly value: string;
  /** What it is, read out with the button: "Recovery key". */
  readonly label: string;
}

/** A code with a button that copies it; where the browser forbids that, the person is told to select it. */
export function Copyable({ value, label }: CopyableProps): VNode {
  const { texts } = useKit();
  const copy = (): void => {
    navigator.clipboard.writeText(value).then(
      () => toast(texts.copied),
      () => toast(texts.copyFailed, "alarm"),
    );
  };
  return (
    <div class="copyable">
      <code class="code" aria-label={label}>
        {value}
      </code>
      <Button kind="quiet" icon="copy" onClick={copy}>
        {texts.copy}
        <span class="visually-hidden"> {label}</span>
      </Button>
    </div>
  );
}
