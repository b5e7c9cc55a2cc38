/** What a page is made of: its title, panels, a grid of them, and the few figures that matter. */
import type { ComponentChildren, VNode } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { takeFocusDue } from "../address/router.tsx";

export interface PageProps {
  readonly title: string;
  /** One plain sentence: what this page tells. */
  readonly lead?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children?: ComponentChildren;
}

/** A page with its one h1, which takes the focus when the person came here by a link of ours. */
export function Page({ title, lead, actions, children }: PageProps): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    if (takeFocusDue()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div class="page">
      <div class="page-head">
        <div class="page-title">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead !== undefined && <p class="lead">{lead}</p>}
        </div>
        {actions !== undefined && <div class="row page-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

export interface PanelProps {
  readonly title?: string;
  readonly lead?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
  /** Spans the grid's whole row. */
  readonly wide?: boolean;
}

/** A card. */
export function Panel({ title, lead, actions, children, wide = false }: PanelProps): VNode {
  const id = useId();
  const hasHead = title !== undefined || actions !== undefined;
  return (
    <section class={wide ? "panel wide" : "panel"} aria-labelledby={title && id}>
      {hasHead && (
        <div class="panel-head">
          {title !== undefined && <h2 id={id}>{title}</h2>}
          {actions !== undefined && <div class="row">{actions}</div>}
        </div>
      )}
      {lead !== undefined && <p class="muted">{lead}</p>}
      {children}
    </section>
  );
}

/** Panels side by side where there is room. */
export const Grid = ({ children }: { readonly children: ComponentChildren }): VNode => (
  <div class="grid">{children}</div>
);

/** A row of figures. */
export const Figures = ({ children }: { readonly children: ComponentChildren }): VNode => (
  <dl class="figures">{children}</dl>
);

export interface FigureProps {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly hint?: ComponentChildren;
  /** "+4 % on last week": the sign says the direction, `isGood` the colour. */
  readonly trend?: { readonly text: string; readonly isGood?: boolean };
}

/** One number with its name, as large as it is important. */
export function Figure({ label, value, unit, hint, trend }: FigureProps): VNode {
  const tone = trend?.isGood === undefined ? "" : trend.isGood ? "good" : "alarm";
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd class="figure-value">
        {value}
        {unit !== undefined && <span class="figure-unit">{unit}</span>}
      </dd>
      {trend !== undefined && <dd class={`figure-trend ${tone}`}>{trend.text}</dd>}
      {hint !== undefined && <dd class="muted small">{hint}</dd>}
    </div>
  );
}
