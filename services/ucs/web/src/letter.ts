/** Number and code of the enrolment letter, out of the address that its QR code opens: `#network=…&code=…`. Never sent, and not kept. */

export interface Letter {
  readonly network: string;
  readonly code: string;
}

/** Takes both out of the address, so that neither stays in the history. Undefined without a code. */
export function takeLetter(): Letter | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  const code = given.get("code");
  if (code === null) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  return { network: given.get("network") ?? "", code };
}
