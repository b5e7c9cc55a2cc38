/** Who is logged in, and the API as he may use it. The session itself is a cookie that no script can read. */
import { createApi, ProblemError, type Api } from "@smarter-metering/web";
import { createContext, type ComponentChildren, type VNode } from "preact";
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Permission, Session } from "./api.ts";
import { useTexts, type Texts } from "./texts.ts";

export interface SessionState {
  /** Undefined while it is not known whether there is one; null: nobody is logged in. */
  readonly session: Session | null | undefined;
  /** The MDMS could not be asked. */
  readonly failure: unknown;
  readonly api: Api;
  readonly logIn: (credentials: {
    readonly login: string;
    readonly password: string;
    readonly code?: string;
  }) => Promise<void>;
  readonly logOut: () => Promise<void>;
  /** Asks anew: permissions change when a second factor was set up. */
  readonly refresh: () => Promise<void>;
}

const SessionContext = createContext<SessionState | undefined>(undefined);

/** Every request says that a page sends it: another site's form cannot. */
const fetchAsPage: typeof fetch = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("x-mdms-page", "1");
  return fetch(input, { ...init, headers });
};

export function SessionProvider({ children }: { readonly children: ComponentChildren }): VNode {
  const texts = useTexts();
  const [session, setSession] = useState<Session | null>();
  const [failure, setFailure] = useState<unknown>();
  const token = useRef<string>(undefined);
  token.current = session?.csrfToken;
  const api = useMemo(() => {
    const onUnauthenticated = (): void => setSession(null);
    const plain = createApi({ csrf: () => token.current, onUnauthenticated, fetch: fetchAsPage });
    return inWords(plain, texts.refusals);
  }, [texts]);
  const refresh = useCallback(async () => {
    setFailure(undefined);
    try {
      setSession(await api.get<Session>("/v1/session"));
    } catch (error) {
      const isStranger = error instanceof ProblemError && error.status === 401;
      if (!isStranger) setFailure(error);
    }
  }, [api]);
  useEffect(() => void refresh(), []);
  const state: SessionState = {
    session,
    failure,
    api,
    refresh,
    logIn: async (credentials) => setSession(await api.post<Session>("/v1/sessions", credentials)),
    logOut: async () => {
      await api.delete("/v1/sessions");
      setSession(null);
    },
  };
  return <SessionContext.Provider value={state}>{children}</SessionContext.Provider>;
}

export function useSessionState(): SessionState {
  const state = useContext(SessionContext);
  if (state === undefined) throw new Error("outside of SessionProvider");
  return state;
}

export const useApi = (): Api => useSessionState().api;

/** What the role may do; the server enforces it, the page only does not offer what would be refused. */
export function useMay(): (permission: Permission) => boolean {
  const { session } = useSessionState();
  return (permission) => session?.permissions.includes(permission) ?? false;
}

/** Codes whose own message holds more than our words: ids, dates, the command to run. */
const TELLING = /^(REGISTRY_|MDMS_(CORRECTION|OPERATOR_INVALID|NO_REPORT))/;

/** Refusals are told in the page's language: what happened, and what to do. */
function inWords(api: Api, refusals: Texts["refusals"]): Api {
  const told = async <T,>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const words = refusals[error.code];
      if (words === undefined) throw error;
      const { status, code, errors } = error;
      const title = `${words.what} ${words.todo}`;
      const detail = TELLING.test(code) ? error.title : undefined;
      throw new ProblemError({ status, code, title, detail, errors }, { cause: error });
    }
  };
  return {
    ...api,
    get: (path, options) => told(api.get(path, options)),
    post: (path, body, options) => told(api.post(path, body, options)),
    put: (path, body, options) => told(api.put(path, body, options)),
    delete: (path, options) => told(api.delete(path, options)),
  };
}
