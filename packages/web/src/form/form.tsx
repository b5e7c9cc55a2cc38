/**
 * A form that keeps what was typed: fields are the browser's own, read once at submission. While it is sent the button is busy; a
 * problem is shown as a summary that takes the focus, and beside the fields that its `errors` name.
 */
import { createContext, type ComponentChildren, type VNode } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { fieldProblems, ProblemError } from "../data/problem.ts";
import { useKit } from "../language/kit.tsx";
import { Button, type ButtonKind } from "../parts/button.tsx";
import { Notice, useErrorText } from "../parts/notice.tsx";
import { valuesOf, type FormValues } from "./form-values.ts";

export interface FormProps {
  /** A rejection is shown, by field where the problem names fields. Throw `new ProblemError({ …, errors })` for checks of your own. */
  readonly onSubmit: (values: FormValues) => Promise<void>;
  /** The button's words. */
  readonly submit: string;
  readonly kind?: ButtonKind;
  readonly children: ComponentChildren;
  /** Other buttons beside it. */
  readonly actions?: ComponentChildren;
  /** An error from elsewhere, shown in the same place. */
  readonly error?: unknown;
  /** What the summary says instead of the problem's own title, by code. */
  readonly explain?: (error: unknown) => string | undefined;
  readonly disabled?: boolean;
}

const FieldErrors = createContext<Readonly<Record<string, string>>>({});

/** For a field: what is wrong with it, if anything. */
export const useFieldError = (name: string): string | undefined => useContext(FieldErrors)[name];

export function Form(props: FormProps): VNode {
  const {
    onSubmit,
    submit,
    kind = "primary",
    children,
    actions,
    explain,
    disabled = false,
  } = props;
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const form = useRef<HTMLFormElement>(null);
  const isGone = useRef(false);
  useEffect(() => {
    isGone.current = false;
    return () => {
      isGone.current = true;
    };
  }, []);
  const error = failure ?? props.error;
  const names = form.current === null ? [] : namesOf(form.current);
  const problems = fieldProblems(error instanceof ProblemError ? error.errors : [], names);

  const send = async (values: FormValues): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      await onSubmit(values);
    } catch (error) {
      if (!isGone.current) setFailure(error);
    } finally {
      if (!isGone.current) setBusy(false);
    }
  };
  const submitted = (event: SubmitEvent): void => {
    event.preventDefault();
    if (isBusy || form.current === null) return;
    void send(valuesOf(form.current)); // Shows its own failure.
  };

  return (
    <form ref={form} class="form" onSubmit={submitted}>
      {error !== undefined && (
        <ErrorSummary
          error={error}
          rest={problems.rest}
          byName={problems.byName}
          explain={explain}
        />
      )}
      <FieldErrors.Provider value={problems.byName}>{children}</FieldErrors.Provider>
      <div class="row form-actions">
        <Button type="submit" kind={kind} busy={isBusy} disabled={disabled}>
          {submit}
        </Button>
        {actions}
      </div>
    </form>
  );
}

interface ErrorSummaryProps {
  readonly error: unknown;
  readonly rest: readonly string[];
  readonly byName: Readonly<Record<string, string>>;
  readonly explain: FormProps["explain"];
}

function ErrorSummary({ error, rest, byName, explain }: ErrorSummaryProps): VNode {
  const { texts } = useKit();
  const summary = useRef<HTMLDivElement>(null);
  const { title } = useErrorText()(error);
  const count = Object.keys(byName).length;
  useEffect(() => summary.current?.focus(), [error]);
  return (
    <div ref={summary} tabIndex={-1} class="form-summary">
      <Notice tone="alarm" title={explain?.(error) ?? title}>
        {count > 0 && <p>{texts.checkForm(count)}</p>}
        {rest.map((message) => (
          <p key={message}>{message}</p>
        ))}
      </Notice>
    </div>
  );
}

const namesOf = (form: HTMLFormElement): string[] =>
  [...form.elements].flatMap((element) => element.getAttribute("name") ?? []);
