/** Where announcements appear: once per application, inside KitProvider. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { onAnnouncement, type Announcement } from "./announce.ts";

const SHOWN_MS = 6000;
const SHOWN_MAX = 3; // Older toasts make way.

export function Announcements(): VNode {
  const [spoken, setSpoken] = useState("");
  const [toasts, setToasts] = useState<readonly Announcement[]>([]);
  useEffect(
    () =>
      onAnnouncement((announcement) => {
        setSpoken(announcement.text);
        if (announcement.tone === undefined) return;
        setToasts((shown) => {
          const others = shown.filter(({ text }) => text !== announcement.text); // Said once at a time.
          return [...others, announcement].slice(-SHOWN_MAX);
        });
        setTimeout(
          () => setToasts((shown) => shown.filter((other) => other !== announcement)),
          SHOWN_MS,
        );
      }),
    [],
  );
  return (
    <>
      <div class="visually-hidden" role="status" aria-live="polite">
        {spoken}
      </div>
      <div class="toasts" aria-hidden="true">
        {toasts.map(({ text, tone }) => (
          <p key={text} class={`toast ${tone ?? ""}`}>
            {text}
          </p>
        ))}
      </div>
    </>
  );
}
