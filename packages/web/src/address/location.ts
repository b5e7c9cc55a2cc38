/** Where the person is: the browser's address as state, changed through the History API so that every state has a link. */
import { useEffect, useState } from "preact/hooks";
import { changeQuery, parseQuery, type Query } from "./route.ts";

const listeners = new Set<() => void>();
const tell = (): void => {
  for (const listener of listeners) listener();
};

/** Goes to a path of this application, with or without a query. `replace` leaves no entry to go back to. */
export function navigate(to: string, options: { readonly replace?: boolean } = {}): void {
  const from = location.pathname;
  if (options.replace === true) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  if (location.pathname !== from) scrollTo(0, 0);
  tell();
}

/** The path now. */
export const usePath = (): string => useAddress(() => location.pathname);

/** The query now, and how to change some names of it (undefined takes one out). */
export function useQuery(): [
  query: Query,
  change: (
    change: Readonly<Record<string, string | undefined>>,
    options?: { readonly replace?: boolean },
  ) => void,
] {
  const search = useAddress(() => location.search);
  return [
    parseQuery(search),
    (change, options) =>
      navigate(
        location.pathname + changeQuery(parseQuery(location.search), change) + location.hash,
        options,
      ),
  ];
}

function useAddress(read: () => string): string {
  const [value, setValue] = useState(read);
  useEffect(() => {
    const update = (): void => setValue(read());
    update(); // Something may have moved on between the render and this effect.
    listeners.add(update);
    addEventListener("popstate", update);
    return () => {
      listeners.delete(update);
      removeEventListener("popstate", update);
    };
  }, []);
  return value;
}
