/** Around a table: filters above, pages below. */
import type { ComponentChildren, VNode } from "preact";
import { useKit } from "../language/kit.tsx";
import { Button } from "../parts/button.tsx";

export interface PagerProps {
  readonly hasPrevious: boolean;
  readonly hasNext: boolean;
  readonly onPrevious: () => void;
  readonly onNext: () => void;
  /** "1-50 of about 12,000". */
  readonly label: string;
}

/** For lists paged by cursor: no page numbers, as the server knows none. */
export function Pager({ hasPrevious, hasNext, onPrevious, onNext, label }: PagerProps): VNode {
  const { texts } = useKit();
  return (
    <nav class="pager row" aria-label={texts.pages}>
      <span class="muted small" role="status">
        {label}
      </span>
      <Button kind="quiet" icon="left" disabled={!hasPrevious} onClick={onPrevious}>
        {texts.previous}
      </Button>
      <Button kind="quiet" icon="right" disabled={!hasNext} onClick={onNext}>
        {texts.next}
      </Button>
    </nav>
  );
}

/** Actions over a list: exports at the end, choices at the start. */
export const Toolbar = ({ children }: { readonly children: ComponentChildren }): VNode => (
  <div class="toolbar">{children}</div>
);

export interface FiltersProps {
  /** Fields (SelectField, DateField, TextField), each with an `onChange` that goes to the query. */
  readonly children: ComponentChildren;
  /** Shown when something is filtered. */
  readonly onClear?: () => void;
}

export function Filters({ children, onClear }: FiltersProps): VNode {
  const { texts } = useKit();
  return (
    <div class="filters" role="search" aria-label={texts.filters}>
      {children}
      {onClear !== undefined && (
        <Button kind="quiet" icon="close" onClick={onClear}>
          {texts.clearFilters}
        </Button>
      )}
    </div>
  );
}
