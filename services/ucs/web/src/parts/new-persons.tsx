/** Who has come to read in the household of late: nobody does so unseen. */
import { LinkButton, Notice, useFormats, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../i18n.ts";
import { useAsk } from "../portal.tsx";

const SHOWN_SECONDS = 14 * 86_400;

export function NewPersons(): VNode | null {
  const { notices, nav } = useTexts();
  const formats = useFormats();
  const ask = useAsk();
  const loaded = useLoaded((signal) => ask("household", null, { signal }), []);
  if (loaded.state !== "ready") return null;
  const { self, events } = loaded.value;
  const since = Date.now() / 1000 - SHOWN_SECONDS;
  const joined = events.filter(
    ({ event, login, at }) => event === "household-joined" && login !== self && at > since,
  );
  if (joined.length === 0) return null;
  return (
    <Notice actions={<LinkButton to="/household">{nav.household}</LinkButton>}>
      {joined.map(({ login, at }) => (
        <p key={login}>{notices.household(login, formats.date(at))}</p>
      ))}
    </Notice>
  );
}
