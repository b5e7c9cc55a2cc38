/** The frame of an application: skip link, header, navigation (at the side on a desk, at the foot of the screen on a phone), content. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { usePath } from "../address/location.ts";
import { Link } from "../address/router.tsx";
import { useKit } from "../language/kit.tsx";
import { IconButton } from "../parts/button.tsx";
import { Icon, type IconName } from "../parts/icon.tsx";

export interface NavItem {
  readonly to: string;
  readonly label: string;
  readonly icon: IconName;
  /** A count to see to (alarms, refusals). */
  readonly count?: number;
}

export interface ShellProps {
  readonly title: string;
  /** In the order of importance: a phone's bar shows the first four and a menu for the rest. */
  readonly nav: readonly NavItem[];
  readonly user?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly footer?: ComponentChildren;
  readonly children: ComponentChildren;
  /** "side": dense, for a desk; "top": calm, one column. */
  readonly layout?: "side" | "top";
}

const PHONE_ITEMS_MAX = 5; // With more, the fifth place opens the menu.

export function Shell(props: ShellProps): VNode {
  const { title, nav, user, actions, footer, children, layout = "top" } = props;
  const { texts } = useKit();
  return (
    <div class={`shell ${layout}`}>
      <a class="skip visually-hidden" href="#content">
        {texts.skipToContent}
      </a>
      <header class="shell-head">
        <Link to="/" class="shell-title">
          <span class="shell-mark">
            <Icon name="bolt" />
          </span>
          {title}
        </Link>
        <div class="row shell-tools">
          {actions}
          {user}
        </div>
      </header>
      {nav.length > 0 && <Nav items={nav} />}
      <main id="content" class="shell-main" tabIndex={-1}>
        {children}
      </main>
      {footer !== undefined && <footer class="shell-foot">{footer}</footer>}
    </div>
  );
}

function Nav({ items }: { readonly items: readonly NavItem[] }): VNode {
  const path = usePath();
  const { texts } = useKit();
  const [isOpen, setOpen] = useState(false);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    if (!isOpen) return undefined;
    const close = (event: Event): void => {
      const isInside = event.target instanceof Node && nav.current?.contains(event.target) === true;
      if (event instanceof KeyboardEvent ? event.key === "Escape" : !isInside) setOpen(false);
    };
    addEventListener("keydown", close);
    addEventListener("pointerdown", close);
    return () => {
      removeEventListener("keydown", close);
      removeEventListener("pointerdown", close);
    };
  }, [isOpen]);
  const isLong = items.length > PHONE_ITEMS_MAX;
  return (
    <nav
      ref={nav}
      class={`nav ${isLong ? "long" : ""} ${isOpen ? "open" : ""}`}
      aria-label={texts.menu}
    >
      <ul>
        {items.map((item) => (
          <li key={item.to}>
            <Link to={item.to} class="nav-link" current={isCurrent(item.to, path)}>
              <Icon name={item.icon} />
              <span>{item.label}</span>
              {item.count !== undefined && item.count > 0 && (
                <span class="nav-count">{item.count}</span>
              )}
            </Link>
          </li>
        ))}
      </ul>
      {isLong && (
        <div class="nav-more">
          <IconButton
            name="menu"
            label={texts.more}
            expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          />
          <span aria-hidden="true">{texts.more}</span>
        </div>
      )}
    </nav>
  );
}

/** An item is current on its page and on the pages below; "/" only on itself. */
export const isCurrent = (to: string, path: string): boolean =>
  path === to || (to !== "/" && path.startsWith(`${to}/`));
