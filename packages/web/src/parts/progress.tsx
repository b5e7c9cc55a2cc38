/** What is being waited for. */
import type { VNode } from "preact";
import { useKit } from "../language/kit.tsx";

export interface ProgressProps {
  readonly value: number;
  readonly max: number;
  readonly label: string;
}

/** How far: for what takes more than two seconds and can be counted. */
export function Progress({ value, max, label }: ProgressProps): VNode {
  return (
    <label class="progress">
      <span>{label}</span>
      <progress value={value} max={max} />
    </label>
  );
}

/** Something goes on; say what in words beside it. */
export const Spinner = (): VNode => <span class="spinner" aria-hidden="true" />;

/** The shape of what is coming, so that nothing jumps when it arrives. */
export function Skeleton({ lines = 3 }: { readonly lines?: number }): VNode {
  const { texts } = useKit();
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">{texts.loading}</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="skeleton-line" aria-hidden="true" />
      ))}
    </div>
  );
}
