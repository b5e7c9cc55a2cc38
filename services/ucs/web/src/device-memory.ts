/** What this device remembers between visits: the household's time zone. Nothing secret, no key, no reading. */

const nameOf = (login: string): string => `smarter-metering/${login}/zone`;

export const rememberZone = (login: string, zone: string): void =>
  localStorage.setItem(nameOf(login), zone);

/** The household's zone; this device's own until another was chosen. */
export const zoneOf = (login: string): string =>
  localStorage.getItem(nameOf(login)) ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
