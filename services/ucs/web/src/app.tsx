/** The application: who is there, which page, and what ends it all. */
import { LanguageChoice, Router, Shell, type Route } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import { DeviceHolder } from "./device-holder.ts";
import type { Session } from "./device/messages.ts";
import { useTexts } from "./i18n.ts";
import { useIdle } from "./idle.ts";
import { Inside } from "./inside.tsx";
import type { Letter } from "./letter.ts";
import { keptLockMinutes, keepLockMinutes } from "./lock-time.ts";
import { LoginPage, type LoginWord } from "./pages/login-page.tsx";
import { RecoverPage } from "./pages/recover-page.tsx";
import { SignUpPage } from "./pages/sign-up-page.tsx";
import { PortalContext, useDeviceEvents, type Portal } from "./portal.tsx";

/** How long a page that locks waits for the portal to end the session. */
const FAREWELL_MS = 1_500;

interface Presence {
  readonly session?: Session;
  readonly isNew?: boolean;
  /** Of a locked page. */
  readonly name?: string;
  readonly word?: LoginWord;
}

export function App({ letter }: { readonly letter: Letter | undefined }): VNode {
  const device = useMemo(() => new DeviceHolder(), []);
  const [presence, setPresence] = useState<Presence>({});
  const [lockMinutes, setLockMinutes] = useState(keptLockMinutes);
  const { session, isNew = false } = presence;

  const forget = (next: Presence): void => {
    const farewell = session === undefined ? undefined : device.ask("logOut", null);
    const end = (): void => device.end();
    // The portal is told if it can be; keys and readings go whether or not it answers.
    if (farewell === undefined) end();
    else {
      const late = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
      Promise.race([farewell, late]).then(end, end);
    }
    setPresence(next);
  };
  const locked = (word?: LoginWord): Presence => ({
    ...(session !== undefined && { name: session.login }),
    ...(word !== undefined && { word }),
  });

  const portal: Portal = {
    device,
    session,
    letter,
    isNew,
    lockMinutes,
    setLockMinutes(minutes) {
      keepLockMinutes(minutes);
      setLockMinutes(minutes);
    },
    enter: (entered, options) => setPresence({ session: entered, isNew: options?.isNew === true }),
    lock: () => forget(locked()),
    signOut: () => forget({ word: "goodbye" }),
    leave() {
      device.end();
      setPresence({ word: "deleted" });
    },
  };
  useIdle(session === undefined ? null : lockMinutes, portal.lock);

  return (
    <PortalContext.Provider value={portal}>
      <SessionWatch
        onEnded={() => {
          device.end();
          setPresence(locked("ended"));
        }}
      />
      {session === undefined ? <Outside presence={presence} /> : <Inside session={session} />}
    </PortalContext.Provider>
  );
}

function SessionWatch({ onEnded }: { readonly onEnded: () => void }): null {
  useDeviceEvents((event) => {
    if (event.event === "ended") onEnded();
  });
  return null;
}

function Outside({ presence }: { readonly presence: Presence }): VNode {
  const texts = useTexts();
  const { name, word } = presence;
  const login = (): VNode => <LoginPage name={name} word={word} />;
  const routes: Route[] = [
    { path: "/", page: login, title: texts.login.title },
    { path: "/sign-up", page: () => <SignUpPage />, title: texts.signUp.title },
    { path: "/recover", page: () => <RecoverPage />, title: texts.recover.title },
  ];
  return (
    <Shell title={texts.application} nav={[]} actions={<LanguageChoice />} footer={texts.footer}>
      <Router routes={routes} notFound={login} application={texts.application} />
    </Shell>
  );
}
