/** Says something to a person without moving the focus: a polite live region, and for toasts a slip at the screen's foot. */

export type ToastTone = "info" | "good" | "alarm";
export interface Announcement {
  readonly text: string;
  /** undefined: for screen readers only. */
  readonly tone: ToastTone | undefined;
}

const listeners = new Set<(announcement: Announcement) => void>();

/** Read out by a screen reader; not shown. */
export function announce(text: string): void {
  for (const listener of listeners) listener({ text, tone: undefined });
}

/** Shown for some seconds and read out: for what just succeeded. What needs an answer is a Notice or a Dialog. */
export function toast(text: string, tone: ToastTone = "good"): void {
  for (const listener of listeners) listener({ text, tone });
}

/** Gives the function that stops listening. */
export function onAnnouncement(listener: (announcement: Announcement) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
