/** A few choices of which one holds: radio buttons that look like one control (day, week, month, year). */
import type { VNode } from "preact";
import { useId } from "preact/hooks";

export interface SegmentedControlProps<T extends string> {
  /** Read out; not shown. */
  readonly label: string;
  readonly items: readonly { readonly value: T; readonly label: string; readonly lang?: string }[];
  readonly current: T;
  readonly onChange: (value: T) => void;
}

export function SegmentedControl<T extends string>(props: SegmentedControlProps<T>): VNode {
  const { label, items, current, onChange } = props;
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">{label}</legend>
      {items.map((item) => (
        <label key={item.value} lang={item.lang}>
          <input
            type="radio"
            class="visually-hidden-input"
            name={name}
            value={item.value}
            checked={item.value === current}
            onChange={() => onChange(item.value)}
          />
          <span>{item.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
