/** The little XML that a Green Button feed needs: elements without attributes, and text that cannot end one. */

/** Anything that XML 1.0 has no character for becomes U+FFFD. */
export function xmlText(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Elements in the order given, which the schema prescribes; one whose value is undefined is left out. */
export function elements(
  fields: readonly (readonly [name: string, value: string | number | bigint | undefined])[],
): string {
  return fields
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join("");
}
