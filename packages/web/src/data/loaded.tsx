/** Data that a page waits for: loading, failed with a way to try again, or ready; while it is loaded again the old value stays in sight. */
import type { VNode } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { ErrorState } from "../parts/notice.tsx";
import { Skeleton } from "../parts/progress.tsx";

export type LoadState<T> =
  | { readonly state: "loading" }
  | { readonly state: "failed"; readonly error: unknown; readonly retry: () => void }
  | {
      readonly state: "ready";
      readonly value: T;
      /** Being loaded again, or the last attempt failed (`error`): the value is the one before. */
      readonly isStale: boolean;
      readonly error?: unknown;
      readonly reload: () => void;
    };

interface Kept<T> {
  readonly value?: { readonly it: T };
  readonly error?: unknown;
  readonly hasFailed: boolean;
  readonly isBusy: boolean;
}

/** Loads at first and whenever a key changes (compared one by one, with Object.is); an outdated load is aborted and its answer dropped. */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
): LoadState<T> {
  const [attempt, setAttempt] = useState(0);
  const [kept, setKept] = useState<Kept<T>>({ hasFailed: false, isBusy: true });
  const reload = useCallback(() => setAttempt((count) => count + 1), []);
  useEffect(() => {
    const controller = new AbortController();
    setKept((before) => ({ ...before, isBusy: true }));
    load(controller.signal).then(
      (it) => {
        if (!controller.signal.aborted) setKept({ value: { it }, hasFailed: false, isBusy: false });
      },
      (error: unknown) => {
        if (controller.signal.aborted) return;
        setKept((before) => ({ ...before, error, hasFailed: true, isBusy: false }));
      },
    );
    return () => controller.abort();
  }, [...keys, attempt]);
  if (kept.value !== undefined) {
    const { error, hasFailed, isBusy } = kept;
    return { state: "ready", value: kept.value.it, isStale: isBusy || hasFailed, error, reload };
  }
  if (kept.hasFailed && !kept.isBusy) return { state: "failed", error: kept.error, retry: reload };
  return { state: "loading" };
}

export interface LoadedProps<T> {
  readonly of: LoadState<T>;
  readonly children: (value: T) => VNode;
  /** A guided empty state, when the value holds nothing to show. */
  readonly empty?: (value: T) => VNode | undefined;
  /** Instead of three grey lines. */
  readonly skeleton?: VNode;
}

export function Loaded<T>({ of: loaded, children, empty, skeleton }: LoadedProps<T>): VNode {
  const { texts } = useKit();
  if (loaded.state === "loading") return skeleton ?? <Skeleton />;
  if (loaded.state === "failed") return <ErrorState error={loaded.error} retry={loaded.retry} />;
  const { value, isStale, error, reload } = loaded;
  return (
    <div class={isStale ? "loaded stale" : "loaded"} aria-busy={isStale}>
      {isStale && error === undefined && <span class="visually-hidden">{texts.stale}</span>}
      {error !== undefined && <ErrorState error={error} retry={reload} />}
      {empty?.(value) ?? children(value)}
    </div>
  );
}
