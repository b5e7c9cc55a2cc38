/** What every page of the portal has at hand: the device behind it, the session, the ways out. */
import { ProblemError } from "@smarter-metering/web";
import { createContext } from "preact";
import { useContext, useEffect, useMemo, useRef } from "preact/hooks";
import type { DeviceHolder } from "./device-holder.ts";
import { DeviceProblem, type AskOptions } from "./device-link.ts";
import type { Calls, CallName, DeviceEvent, Session } from "./device/messages.ts";
import { useTexts } from "./i18n.ts";
import type { Letter } from "./letter.ts";

export interface Portal {
  readonly device: DeviceHolder;
  /** Undefined before login. */
  readonly session: Session | undefined;
  readonly letter: Letter | undefined;
  /** The account has just been made: its meter is the last step of that. */
  readonly isNew: boolean;
  readonly lockMinutes: number;
  readonly setLockMinutes: (minutes: number) => void;
  readonly enter: (session: Session, options?: { readonly isNew?: boolean }) => void;
  readonly lock: () => void;
  readonly signOut: () => void;
  /** The account is gone. */
  readonly leave: () => void;
}

export const PortalContext = createContext<Portal | undefined>(undefined);

export function usePortal(): Portal {
  const portal = useContext(PortalContext);
  if (portal === undefined) throw new Error("a page stands within the portal");
  return portal;
}

/** The session, on pages that are only there with one. */
export function useSession(): Session {
  const { session } = usePortal();
  if (session === undefined) throw new Error("this page needs a session");
  return session;
}

export type Ask = <Name extends CallName>(
  call: Name,
  argument: Calls[Name][0],
  options?: AskOptions,
) => Promise<Calls[Name][1]>;

/** Asks the device. Throws ProblemError with words for a person. */
export function useAsk(): Ask {
  const { device } = usePortal();
  const problemOf = useProblem();
  return useMemo<Ask>(
    () => async (call, argument, options) => {
      try {
        return await device.ask(call, argument, options);
      } catch (error) {
        throw error instanceof DeviceProblem ? problemOf(error.code) : error;
      }
    },
    [device, problemOf],
  );
}

/** A code as an error that forms and pages show. */
export function useProblem(): (code: string) => ProblemError {
  const { codes } = useTexts();
  return useMemo(
    () => (code) => {
      const title = codes.problems[code] ?? codes.problems["REQUEST_REFUSED"] ?? code;
      return new ProblemError({ status: 0, code, title });
    },
    [codes],
  );
}

export function useDeviceEvents(listener: (event: DeviceEvent) => void): void {
  const { device } = usePortal();
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => device.listen((event) => latest.current(event)), [device]);
}
