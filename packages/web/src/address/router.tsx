/**
 * One page per address. At each change of page the document's title is set, the page's h1 takes the focus (see frame/page.tsx) and
 * the title is announced, as a browser would at a real load.
 */
import { Fragment, type ComponentChildren, type VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { announce } from "../parts/announce.ts";
import { navigate, usePath } from "./location.ts";
import { matchPath, type Params } from "./route.ts";

export interface Route {
  /** "/statements/:servicePoint/:from". */
  readonly path: string;
  readonly page: (params: Params) => VNode;
  /** What the document's title and the announcement say. */
  readonly title: string | ((params: Params) => string);
}

export interface RouterProps {
  /** The first that matches wins. */
  readonly routes: readonly Route[];
  /** `() => <NotFound />` unless the application has a better answer. */
  readonly notFound: () => VNode;
  /** After each page's title: "Statements · Smarter Metering". */
  readonly application: string;
}

/** True from a change of page until its h1 has taken the focus: pages may load first. */
let isFocusDue = false;

/** For the page's h1: whether it is to take the focus. Says yes once per navigation. */
export function takeFocusDue(): boolean {
  const isDue = isFocusDue;
  isFocusDue = false;
  return isDue;
}

export function Router({ routes, notFound, application }: RouterProps): VNode {
  const path = usePath();
  const shown = useRef<string>(undefined);
  if (shown.current !== undefined && shown.current !== path) isFocusDue = true;
  const found = matchRoute(routes, path);
  const title = found?.title ?? application;
  useLayoutEffect(() => {
    document.title = title === application ? application : `${title} · ${application}`;
    if (shown.current !== undefined && shown.current !== path) announce(title);
    shown.current = path;
  }, [path, title, application]);
  return <Fragment key={path}>{found === undefined ? notFound() : found.page()}</Fragment>;
}

/** The page of a path, bound to its parameters; undefined when no route matches. */
export function matchRoute(
  routes: readonly Route[],
  path: string,
): { readonly title: string; readonly page: () => VNode } | undefined {
  for (const { path: pattern, page, title } of routes) {
    const params = matchPath(pattern, path);
    if (params === undefined) continue;
    return {
      title: typeof title === "string" ? title : title(params),
      page: () => page(params),
    };
  }
  return undefined;
}

export interface LinkProps {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly label?: string;
  readonly current?: boolean;
}

/** A link inside the application: a real address, followed without a load; new tabs and downloads stay the browser's. */
export function Link({ to, children, class: className, label, current = false }: LinkProps): VNode {
  const follow = (event: MouseEvent): void => {
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!isPlain || event.altKey || event.defaultPrevented) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a
      href={to}
      class={className}
      aria-label={label}
      aria-current={current ? "page" : undefined}
      onClick={follow}
    >
      {children}
    </a>
  );
}
