/** What opens and closes: details in place, a dialog over the page, a menu of actions, tabs, the steps of a longer task. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

export interface DetailsProps {
  readonly summary: ComponentChildren;
  readonly children: ComponentChildren;
  readonly open?: boolean;
}

export const Details = ({ summary, children, open }: DetailsProps): VNode => (
  <details class="details" open={open}>
    <summary>{summary}</summary>
    <div class="details-body">{children}</div>
  </details>
);

export interface DialogProps {
  readonly title: string;
  readonly open: boolean;
  /** Escape, the cross, a press beside it. */
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly actions?: ComponentChildren;
}

/** The browser's own modal dialog: it keeps the focus and gives it back. */
export function Dialog({ title, open, onClose, children, actions }: DialogProps): VNode {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const { texts } = useKit();
  useEffect(() => {
    const dialog = element.current;
    if (dialog === null || dialog.open === open) return;
    if (open) dialog.showModal();
    else dialog.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => event.target === element.current && onClose()}
    >
      {open && (
        <div class="dialog-body">
          <div class="panel-head">
            <h2 id={id}>{title}</h2>
            <IconButton name="close" label={texts.close} onClick={onClose} />
          </div>
          {children}
          {actions !== undefined && <div class="row dialog-actions">{actions}</div>}
        </div>
      )}
    </dialog>
  );
}

export interface MenuProps {
  readonly label: ComponentChildren;
  readonly icon?: IconName;
  readonly items: readonly {
    readonly label: string;
    readonly icon?: IconName;
    readonly onClick: () => void;
  }[];
}

/** A button that unfolds a few actions (a list of buttons, not an ARIA menu: Tab walks it). Escape or leaving it closes. */
export function Menu({ label, icon, items }: MenuProps): VNode {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const leave = (event: FocusEvent): void => {
    const next = event.relatedTarget;
    if (!(next instanceof Node) || root.current?.contains(next) !== true) setOpen(false);
  };
  const escape = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !isOpen) return;
    setOpen(false);
    opener.current?.focus();
  };
  return (
    <div ref={root} class="menu" onFocusOut={leave} onKeyDown={escape}>
      <button
        ref={opener}
        type="button"
        class="button quiet"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {icon !== undefined && <Icon name={icon} />}
        <span>{label}</span>
        <Icon name="down" />
      </button>
      {isOpen && (
        <ul class="menu-list">
          {items.map((item) => (
            <li key={item.label}>
              <button
                type="button"
                onClick={() => {
                  setOpen(false);
                  opener.current?.focus();
                  item.onClick();
                }}
              >
                {item.icon !== undefined && <Icon name={item.icon} />}
                {item.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export interface TabsProps<T extends string> {
  readonly label: string;
  readonly items: readonly { readonly value: T; readonly label: string }[];
  readonly current: T;
  readonly onChange: (value: T) => void;
  /** The current tab's content. */
  readonly children: ComponentChildren;
}

/** Tabs of one panel (WAI-ARIA APG, tabs with automatic activation): arrow keys, Home and End choose. */
export function Tabs<T extends string>(props: TabsProps<T>): VNode {
  const { label, items, current, onChange, children } = props;
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent): void => {
    const index = items.findIndex((item) => item.value === current);
    const last = items.length - 1;
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
    const next = to === undefined ? undefined : items[to < 0 ? last : to > last ? 0 : to];
    if (next === undefined) return;
    event.preventDefault();
    onChange(next.value);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[items.indexOf(next)]?.focus();
  };
  return (
    <div class="tabs">
      <div ref={list} class="tab-list" role="tablist" aria-label={label} onKeyDown={move}>
        {items.map((item) => (
          <button
            key={item.value}
            type="button"
            role="tab"
            id={`${id}-${item.value}`}
            aria-selected={item.value === current}
            aria-controls={`${id}-panel`}
            tabIndex={item.value === current ? 0 : -1}
            onClick={() => onChange(item.value)}
          >
            {item.label}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        class="stack"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${current}`}
        tabIndex={0}
      >
        {children}
      </div>
    </div>
  );
}

export interface StepsProps {
  readonly items: readonly string[];
  /** From 0; `items.length` when all is done. */
  readonly current: number;
}

/** Where in a longer task (sign-up) the person is. */
export function Steps({ items, current }: StepsProps): VNode {
  const { texts } = useKit();
  return (
    <ol class="steps" aria-label={texts.step(Math.min(current + 1, items.length), items.length)}>
      {items.map((item, index) => (
        <li
          key={item}
          class={index < current ? "done" : index === current ? "current" : ""}
          aria-current={index === current ? "step" : undefined}
        >
          <span class="step-mark" aria-hidden="true">
            {index < current ? <Icon name="check" /> : index + 1}
          </span>
          <span class="step-name">{item}</span>
          {index < current && <span class="visually-hidden">{texts.done}</span>}
        </li>
      ))}
    </ol>
  );
}
