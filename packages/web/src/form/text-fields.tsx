/** Fields that are typed into. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { Field, valueProps, type FieldProps } from "./field.tsx";
import { groupedCode, plainCode } from "./form-values.ts";

/** As a union of attributes rather than an attribute of a union: Preact's types check each `type` on its own. */
const TYPES = {
  text: { type: "text" },
  email: { type: "email" },
  search: { type: "search" },
  url: { type: "url" },
  password: { type: "password" },
} as const;

export interface TextFieldProps extends FieldProps {
  readonly type?: "text" | "email" | "search" | "url";
  /** What it holds at first; together with `onInput`, what it holds (keep it in your state then). */
  readonly value?: string;
  readonly onInput?: (value: string) => void;
  readonly autocomplete?: string;
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly inputMode?: "text" | "numeric" | "decimal" | "email";
}

export function TextField(props: TextFieldProps): VNode {
  const { type = "text", value, onInput, autocomplete = "off", inputMode } = props;
  return (
    <Field {...props}>
      {(control) => (
        <input
          {...control}
          {...TYPES[type]}
          {...valueProps(value, onInput)}
          autocomplete={autocomplete}
          placeholder={props.placeholder}
          maxLength={props.maxLength}
          pattern={props.pattern}
          inputMode={inputMode}
          onInput={(event) => onInput?.(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A decimal number with point or comma; FormValues gives it with a point. */
export function NumberField(props: Omit<TextFieldProps, "type" | "pattern">): VNode {
  const { value, onInput, autocomplete = "off" } = props;
  return (
    <Field {...props}>
      {(control) => (
        <input
          {...control}
          type="text"
          inputMode="decimal"
          pattern="[\-−]?[0-9\s.,'’]+"
          data-shape="number"
          {...valueProps(value, onInput)}
          autocomplete={autocomplete}
          placeholder={props.placeholder}
          onInput={(event) => onInput?.(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export interface PasswordFieldProps extends FieldProps {
  readonly autocomplete: "current-password" | "new-password";
  /** For a new password: the hint says what is missing. Length is all that is judged. */
  readonly minLength?: number;
  readonly onInput?: (value: string) => void;
}

const STRONG_LENGTH = 18;

export function PasswordField(props: PasswordFieldProps): VNode {
  const { autocomplete, minLength, onInput } = props;
  const { texts } = useKit();
  const [isShown, setShown] = useState(false);
  const [length, setLength] = useState(0);
  const hint =
    props.hint ?? (minLength === undefined ? undefined : lengthHint(length, minLength, texts));
  return (
    <Field {...props} hint={hint}>
      {(control) => (
        <div class="field-with-button">
          <input
            {...control}
            {...TYPES[isShown ? "text" : "password"]}
            autocomplete={autocomplete}
            autocapitalize="none"
            spellcheck={false}
            minLength={minLength}
            onInput={(event) => {
              setLength(event.currentTarget.value.length);
              onInput?.(event.currentTarget.value);
            }}
          />
          <button
            type="button"
            class="button quiet"
            aria-pressed={isShown}
            onClick={() => setShown(!isShown)}
          >
            {isShown ? texts.hide : texts.show}
            <span class="visually-hidden"> {props.label}</span>
          </button>
        </div>
      )}
    </Field>
  );
}

function lengthHint(
  length: number,
  minLength: number,
  texts: ReturnType<typeof useKit>["texts"],
): string {
  if (length === 0) return texts.passwordMinimum(minLength);
  if (length < minLength) return texts.passwordMissing(minLength - length);
  return length < STRONG_LENGTH ? texts.passwordFine : texts.passwordStrong;
}

export interface CodeFieldProps extends FieldProps {
  /** Characters in a group. */
  readonly group?: number;
  /** Characters in all, without dashes. */
  readonly length: number;
  readonly value?: string;
  readonly placeholder?: string;
  readonly onInput?: (plain: string) => void;
}

/**
 * A code on paper or in a message (enrolment code, recovery key): pasted or typed with or without dashes, in either case; shown in
 * groups once the caret leaves, so that nothing jumps while it is typed. FormValues gives it plain.
 */
export function CodeField(props: CodeFieldProps): VNode {
  const { group = 5, length, onInput, value = "" } = props;
  const { texts } = useKit();
  const [typed, setTyped] = useState(plainCode(value).length);
  return (
    <Field {...props} hint={props.hint ?? texts.codeProgress(typed, length)}>
      {(control) => (
        <input
          {...control}
          type="text"
          class="code-input"
          data-shape="code"
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          placeholder={props.placeholder}
          defaultValue={groupedCode(value, group)}
          onInput={(event) => {
            const plain = plainCode(event.currentTarget.value);
            setTyped(plain.length);
            onInput?.(plain);
          }}
          onBlur={(event) => {
            event.currentTarget.value = groupedCode(event.currentTarget.value, group);
          }}
        />
      )}
    </Field>
  );
}

export interface TextAreaProps extends FieldProps {
  readonly value?: string;
  readonly rows?: number;
  readonly code?: boolean;
  readonly onInput?: (value: string) => void;
}

export function TextArea(props: TextAreaProps): VNode {
  const { value, rows = 5, code = false, onInput } = props;
  return (
    <Field {...props}>
      {(control) => (
        <textarea
          {...control}
          rows={rows}
          class={code ? "code-input" : undefined}
          spellcheck={!code}
          {...valueProps(value, onInput)}
          onInput={(event) => onInput?.(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
