// The sizes that a ZIP archive declares, so that a bomb is refused before anything is inflated.
// The reader behind it stops an entry at its declared size, hence an entry cannot outgrow the sum
// unless it declares 0, which is refused as well. Layout: PKWARE APPNOTE 6.3.10 §4.3.12, §4.3.16.

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const COMMENT_BYTES_MAX = 65_535;
/** What deflate makes of nothing, with some slack. */
const EMPTY_ENTRY_BYTES = 8;

/** Total declared size of all entries; undefined for an archive that is broken, ZIP64, or lies. */
export function declaredBytes(archive: Uint8Array): number | undefined {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = findEnd(view);
  if (end === undefined) return undefined;
  const entryCount = view.getUint16(end + 10, true);
  let offset = view.getUint32(end + 16, true);
  let total = 0;
  for (let entry = 0; entry < entryCount; entry += 1) {
    if (offset + ENTRY_BYTES > view.byteLength) return undefined;
    if (view.getUint32(offset, true) !== ENTRY_SIGNATURE) return undefined;
    const compressed = view.getUint32(offset + 20, true);
    const declared = view.getUint32(offset + 24, true);
    if (declared === 0xffffffff) return undefined;
    if (declared === 0 && compressed > EMPTY_ENTRY_BYTES) return undefined;
    total += declared;
    const [name, extra, comment] = [28, 30, 32].map((at) => view.getUint16(offset + at, true));
    offset += ENTRY_BYTES + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return total;
}

function findEnd(view: DataView): number | undefined {
  const lowest = Math.max(0, view.byteLength - END_BYTES - COMMENT_BYTES_MAX);
  for (let at = view.byteLength - END_BYTES; at >= lowest; at -= 1) {
    if (view.getUint32(at, true) === END_SIGNATURE) return at;
  }
  return undefined;
}
