// Unpacks a database archive (gzip of POSIX ustar, as PGlite's `dumpDataDir` writes it) into a new
// folder. PGlite could load it itself, but starts a whole database to do so, which takes seconds.
// Plain JavaScript, as pglite-worker.js, which runs it.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";

const blockBytes = 512;

/**
 * `archive` is trusted; a damaged one throws. Folders get mode 0700, files 0600.
 * @param {Uint8Array} archive
 * @param {string} folder
 */
export function unpackArchive(archive, folder) {
  const tar = gunzipSync(archive);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let offset = 0; tar[offset] !== 0;) {
    const { path, sizeBytes, isFolder } = readHeader(tar.subarray(offset, offset + blockBytes));
    const content = offset + blockBytes;
    const target = join(folder, path);
    mkdirSync(isFolder ? target : dirname(target), { recursive: true, mode: 0o700 });
    if (!isFolder)
      writeFileSync(target, tar.subarray(content, content + sizeBytes), { mode: 0o600 });
    offset = content + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
}

/**
 * Fields of IEEE 1003.1 (pax, "ustar interchange format"); only plain files and folders occur.
 * @param {Uint8Array} header
 */
function readHeader(header) {
  /**
   * @param {number} start
   * @param {number} end
   */
  const text = (start, end) =>
    Buffer.from(header.subarray(start, end)).toString("latin1").replace(/\0.*$/s, "");
  const type = text(156, 157);
  const path = `${text(345, 500)}${text(0, 100)}`;
  const sizeBytes = Number.parseInt(text(124, 136), 8);
  assert(text(257, 262) === "ustar" && (type === "0" || type === "5"), "a file or a folder");
  assert(path !== "" && !path.split("/").includes("..") && sizeBytes >= 0, "a path and a size");
  return { path, sizeBytes, isFolder: type === "5" };
}
