/** What has just happened, by server-sent events: whoever shows counts or lists loads them again. One line for the whole application. */
import { Badge } from "@smarter-metering/web";
import { createContext, type ComponentChildren, type VNode } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";

/** Events come in bursts, a block at a time: pages follow at this pace. */
const SETTLE_MS = 1500;
const EVENTS = ["release", "statement", "alarm", "registry", "missed"] as const;

interface Live {
  readonly isConnected: boolean;
  /** Grows when something happened; a key for `useLoaded`. */
  readonly version: number;
}

const LiveContext = createContext<Live>({ isConnected: false, version: 0 });

export function LiveProvider({ children }: { readonly children: ComponentChildren }): VNode {
  const api = useApi();
  const [isConnected, setConnected] = useState(false);
  const [version, setVersion] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    const happened = (): void => {
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        setVersion((before) => before + 1);
      }, SETTLE_MS);
    };
    const stop = api.events("/v1/events", {
      on: Object.fromEntries(EVENTS.map((name) => [name, happened])),
      onConnected: setConnected,
    });
    return () => {
      stop();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [api]);
  return <LiveContext.Provider value={{ isConnected, version }}>{children}</LiveContext.Provider>;
}

export const useLive = (): Live => useContext(LiveContext);

export function LiveBadge(): VNode {
  const { overview: words } = useTexts();
  const { isConnected } = useLive();
  return (
    <span title={words.liveHint}>
      <Badge tone={isConnected ? "good" : "warn"}>{isConnected ? words.live : words.notLive}</Badge>
    </span>
  );
}
