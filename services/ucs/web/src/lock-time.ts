/** After how long without use the page locks: besides language and theme the only thing that this browser keeps. */

export const LOCK_MINUTES = [5, 15, 60] as const;
const LOCK_MINUTES_DEFAULT = 15;
const KEY = "lock-minutes";

export function keptLockMinutes(): number {
  try {
    const kept = Number(localStorage.getItem(KEY));
    return LOCK_MINUTES.find((minutes) => minutes === kept) ?? LOCK_MINUTES_DEFAULT;
  } catch {
    return LOCK_MINUTES_DEFAULT; // Storage is forbidden here.
  }
}

export function keepLockMinutes(minutes: number): void {
  try {
    localStorage.setItem(KEY, String(minutes));
  } catch {
    // Storage is forbidden here: the choice holds until the page is closed.
  }
}
