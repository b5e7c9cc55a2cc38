/** What is pressed, and what leads elsewhere but looks pressed. */
import type { ComponentChildren, VNode } from "preact";
import { Link } from "../address/router.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { Spinner } from "./progress.tsx";

/** One primary per view; danger for what cannot be taken back; quiet inside rows and toolbars. */
export type ButtonKind = "primary" | "plain" | "danger" | "quiet";

export interface ButtonProps {
  readonly kind?: ButtonKind;
  readonly type?: "button" | "submit";
  /** Shows that it works, and takes no second press. */
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly icon?: IconName;
  readonly onClick?: (event: MouseEvent) => void;
  readonly children: ComponentChildren;
  /** For a toggle. */
  readonly pressed?: boolean;
  readonly describedBy?: string;
}

export function Button(props: ButtonProps): VNode {
  const { kind = "plain", type = "button", busy = false, disabled = false, icon, children } = props;
  return (
    <button
      type={type}
      class={`button ${kind}`}
      disabled={disabled}
      aria-disabled={busy ? "true" : undefined}
      aria-busy={busy}
      aria-pressed={props.pressed}
      aria-describedby={props.describedBy}
      onClick={(event) => {
        // A busy button keeps the focus, so it is not `disabled`: it only does nothing.
        if (busy) event.preventDefault();
        else props.onClick?.(event);
      }}
    >
      {busy ? <Spinner /> : icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

export interface LinkButtonProps {
  readonly to: string;
  readonly kind?: ButtonKind;
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}

export function LinkButton({ to, kind = "plain", icon, children }: LinkButtonProps): VNode {
  return (
    <Link to={to} class={`button ${kind}`}>
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </Link>
  );
}

export interface IconButtonProps {
  readonly name: IconName;
  /** Its name for a screen reader and its tooltip. */
  readonly label: string;
  readonly onClick: (event: MouseEvent) => void;
  readonly disabled?: boolean;
  readonly expanded?: boolean;
}

export function IconButton({ name, label, onClick, disabled, expanded }: IconButtonProps): VNode {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      aria-expanded={expanded}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={name} />
    </button>
  );
}
