/**
 * A person's choice for this browser (language, theme), kept in localStorage: never a secret, never a reading. A browser that forbids
 * storage only forgets the choice.
 */

/** What was chosen, or undefined when nothing, or nothing that is still offered, was. */
export function readChoice<T extends string>(key: string, offered: readonly T[]): T | undefined {
  try {
    const found = localStorage.getItem(key);
    return offered.find((value) => value === found);
  } catch {
    return undefined; // Storage is forbidden here.
  }
}

/** Keeps a choice; undefined forgets it. */
export function keepChoice(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is forbidden here: the choice holds until the page is closed.
  }
}
