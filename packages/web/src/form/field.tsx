/** What all fields share: a label above, a hint, what is wrong, tied together for screen readers. */
import type { ComponentChildren, VNode } from "preact";
import { useId } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { useFieldError } from "./form.tsx";

export interface FieldProps {
  /** The key in FormValues and in a problem's `errors`. */
  readonly name: string;
  readonly label: string;
  readonly hint?: ComponentChildren;
  /** Not wanted unless told otherwise; what is optional says so. */
  readonly optional?: boolean;
  /** Overrides what the form's problem says. */
  readonly error?: string;
  readonly disabled?: boolean;
}

/** Attributes for the control, so that label, hint and error belong to it. */
export interface ControlProps {
  readonly id: string;
  readonly name: string;
  readonly required: boolean;
  readonly disabled: boolean | undefined;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": "true" | undefined;
}

export interface FieldFrameProps extends FieldProps {
  readonly children: (control: ControlProps) => VNode;
}

export function Field(props: FieldFrameProps): VNode {
  const { name, label, hint, optional = false, disabled, children } = props;
  const { texts } = useKit();
  const id = useId();
  const formError = useFieldError(name);
  const error = props.error ?? formError;
  const described = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`]
    .filter(Boolean)
    .join(" ");
  return (
    <div class={error === undefined ? "field" : "field invalid"}>
      <label for={id}>
        {label}
        {optional && <span class="optional muted"> ({texts.optional})</span>}
      </label>
      {children({
        id,
        name,
        required: !optional,
        disabled,
        "aria-describedby": described === "" ? undefined : described,
        "aria-invalid": error === undefined ? undefined : "true",
      })}
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint !== undefined && (
        <div class="field-hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
    </div>
  );
}

/** A value with a listener is the caller's state; a value alone is only where the field starts, and what is typed stays. */
export function valueProps(
  value: string | undefined,
  listener: ((value: string) => void) | undefined,
): { value?: string; defaultValue?: string } {
  if (value === undefined) return {};
  return listener === undefined ? { defaultValue: value } : { value };
}
