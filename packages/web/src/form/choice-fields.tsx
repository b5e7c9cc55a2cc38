/** Fields that are chosen from: lists, boxes, dates, files. */
import type { ComponentChildren, VNode } from "preact";
import { useId, useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { Field, valueProps, type FieldProps } from "./field.tsx";
import { useFieldError } from "./form.tsx";

export interface SelectFieldProps extends FieldProps {
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly value?: string;
  readonly onChange?: (value: string) => void;
}

export function SelectField(props: SelectFieldProps): VNode {
  return (
    <Field {...props}>
      {(control) => (
        <select {...control} onChange={(event) => props.onChange?.(event.currentTarget.value)}>
          {props.options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === props.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export interface CheckboxFieldProps {
  readonly name: string;
  readonly label: ComponentChildren;
  readonly hint?: ComponentChildren;
  readonly checked?: boolean;
  /** The form is not sent without it. */
  readonly required?: boolean;
  readonly onChange?: (checked: boolean) => void;
}

export function CheckboxField(props: CheckboxFieldProps): VNode {
  const { name, label, hint, checked, required = false, onChange } = props;
  const id = useId();
  const error = useFieldError(name);
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div class={error === undefined ? "field check" : "field check invalid"}>
      <label>
        <input
          type="checkbox"
          name={name}
          {...(onChange === undefined ? { defaultChecked: checked } : { checked })}
          required={required}
          aria-describedby={error === undefined ? hintId : `${id}-error`}
          aria-invalid={error === undefined ? undefined : "true"}
          onChange={(event) => onChange?.(event.currentTarget.checked)}
        />
        <span>{label}</span>
      </label>
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint !== undefined && (
        <div class="field-hint" id={hintId}>
          {hint}
        </div>
      )}
    </div>
  );
}

export interface RadioGroupProps {
  readonly name: string;
  readonly label: string;
  readonly options: readonly {
    readonly value: string;
    readonly label: string;
    readonly hint?: string;
  }[];
  readonly value?: string;
  readonly onChange?: (value: string) => void;
}

export function RadioGroup({ name, label, options, value, onChange }: RadioGroupProps): VNode {
  const error = useFieldError(name);
  const id = useId();
  return (
    <fieldset class="field radios" aria-describedby={error && id}>
      <legend>{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={name}
            value={option.value}
            {...(onChange === undefined
              ? { defaultChecked: option.value === value }
              : { checked: option.value === value })}
            required
            onChange={() => onChange?.(option.value)}
          />
          <span>
            {option.label}
            {option.hint !== undefined && <span class="field-hint">{option.hint}</span>}
          </span>
        </label>
      ))}
      {error !== undefined && (
        <p class="field-error" id={id}>
          {error}
        </p>
      )}
    </fieldset>
  );
}

export interface DateFieldProps extends FieldProps {
  /** "2026-03-29", or with `kind: "month"` "2026-03"; local to the meter's zone, no time in it. */
  readonly value?: string;
  readonly min?: string;
  readonly max?: string;
  readonly kind?: "date" | "month";
  readonly onChange?: (value: string) => void;
}

export function DateField(props: DateFieldProps): VNode {
  const { value, min, max, kind = "date", onChange } = props;
  return (
    <Field {...props}>
      {(control) => (
        <input
          {...control}
          type={kind}
          {...valueProps(value, onChange)}
          min={min}
          max={max}
          onChange={(event) => onChange?.(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export interface FileFieldProps extends FieldProps {
  /** ".json,application/json". */
  readonly accept?: string;
  readonly onChange?: (file: File | undefined) => void;
}

/** The browser's own control behind our words, so that it speaks the page's language. */
export function FileField(props: FileFieldProps): VNode {
  const { accept, onChange } = props;
  const { texts } = useKit();
  const [chosen, setChosen] = useState<string>();
  return (
    <Field {...props}>
      {(control) => (
        <div class="file">
          <input
            {...control}
            type="file"
            accept={accept}
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              setChosen(file?.name);
              onChange?.(file);
            }}
          />
          <span class="button plain" aria-hidden="true">
            {texts.chooseFile}
          </span>
          <span class="file-name muted" aria-hidden="true">
            {chosen ?? texts.noFile}
          </span>
        </div>
      )}
    </Field>
  );
}
