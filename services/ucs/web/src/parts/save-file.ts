/** Gives a person a file that was made on his device; nothing goes over the network. */

/** Long enough for every browser to have begun. */
const REVOKE_MS = 60_000;

export function saveFile(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), REVOKE_MS);
}
