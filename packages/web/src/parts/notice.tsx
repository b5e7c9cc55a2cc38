/** What a page has to say about itself: notices, badges, nothing here, it failed. */
import type { ComponentChildren, VNode } from "preact";
import { ProblemError } from "../data/problem.ts";
import { useKit } from "../language/kit.tsx";
import { Button } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

export type Tone = "info" | "good" | "warn" | "alarm";
const ICONS: Readonly<Record<Tone, IconName>> = {
  info: "info",
  good: "check",
  warn: "alert",
  alarm: "alert",
};

export interface NoticeProps {
  readonly tone?: Tone;
  readonly title?: string;
  readonly children?: ComponentChildren;
  readonly actions?: ComponentChildren;
}

/** A sentence or two in a box. An alarm interrupts a screen reader, the others do not. */
export function Notice({ tone = "info", title, children, actions }: NoticeProps): VNode {
  return (
    <div class={`notice ${tone}`} role={tone === "alarm" ? "alert" : undefined}>
      <Icon name={ICONS[tone]} />
      <div class="notice-text">
        {title !== undefined && <strong>{title}</strong>}
        {children !== undefined && <div>{children}</div>}
        {actions !== undefined && <div class="row">{actions}</div>}
      </div>
    </div>
  );
}

export interface BadgeProps {
  readonly tone?: Tone | "plain";
  readonly children: ComponentChildren;
}

/** A state in a word; the word says it, the colour only helps. */
export const Badge = ({ tone = "plain", children }: BadgeProps): VNode => (
  <span class={`badge ${tone}`}>{children}</span>
);

export interface EmptyStateProps {
  readonly icon?: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly action?: ComponentChildren;
}

/** Nothing here yet: what will be here, and what to do to get there. */
export function EmptyState({ icon = "info", title, children, action }: EmptyStateProps): VNode {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <p class="empty-title">{title}</p>
      {children !== undefined && <div class="muted">{children}</div>}
      {action}
    </div>
  );
}

/** What an error says to a person: a problem's title and detail, else one of the kit's sentences (never an unknown error's own text). */
export function useErrorText(): (error: unknown) => { title: string; code?: string } {
  const { texts } = useKit();
  return (error) => {
    if (error instanceof ProblemError) {
      const title = error.code === "UNREACHABLE" ? texts.unreachable : error.title;
      return { title: sentence(title, error.detail), code: error.code };
    }
    return { title: texts.unexpected };
  };
}

export interface ErrorStateProps {
  readonly error: unknown;
  readonly retry?: () => void;
}

export function ErrorState({ error, retry }: ErrorStateProps): VNode {
  const { texts } = useKit();
  const { title, code } = useErrorText()(error);
  const again = retry && (
    <Button kind="plain" icon="reset" onClick={retry}>
      {texts.retry}
    </Button>
  );
  return (
    <Notice tone="alarm" title={texts.loadingFailed} actions={again}>
      <p>{title}</p>
      {code !== undefined && <p class="small">{texts.code(code)}</p>}
    </Notice>
  );
}

const sentence = (title: string, detail: string | undefined): string => {
  const text = `${title.charAt(0).toUpperCase()}${title.slice(1)}`;
  return detail === undefined ? text : `${text} (${detail})`;
};
