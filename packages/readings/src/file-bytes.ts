// A file as chunks of bytes, unpacked when it is gzip, never more of them than allowed.
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { ReadingsError } from "./readings-error.ts";

export interface FileBytesOptions {
  /** Of the unpacked file. */
  readonly bytesMax: number;
  readonly signal: AbortSignal | undefined;
  /** Bytes read from the disk so far. */
  readonly progress: (bytesRead: number) => void;
}

/** Whether the first bytes are those of gzip (RFC 1952 §2.3.1). */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** Whether the first bytes are those of a ZIP archive, hence of a workbook. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/**
 * Chunks of the file at `path`, named `file` in errors: READINGS_GZIP_BROKEN, _TOO_LARGE,
 * _ABORTED.
 */
export async function* fileBytes(
  path: string,
  file: string,
  gzip: boolean,
  options: FileBytesOptions,
): AsyncGenerator<Uint8Array> {
  const disk = createReadStream(path);
  // The error of a pipeline reaches the loop below through its last stream.
  const source = gzip ? pipeline(disk, createGunzip(), () => undefined) : disk;
  let total = 0;
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      if (options.signal?.aborted === true) {
        throw new ReadingsError("READINGS_ABORTED", `${file}: reading was stopped`);
      }
      total += chunk.byteLength;
      if (total > options.bytesMax) {
        throw new ReadingsError(
          "READINGS_TOO_LARGE",
          `${file}: more than ${options.bytesMax} bytes unpacked; raise limits.bytes or split it`,
        );
      }
      options.progress(disk.bytesRead);
      yield chunk;
    }
  } catch (cause) {
    throw cause instanceof ReadingsError ? cause : unreadable(file, cause);
  } finally {
    disk.destroy();
  }
}

/** The error for a failing file system call or decompressor. */
export function unreadable(file: string, cause: unknown): ReadingsError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code.startsWith("Z_")) {
    const message = `${file}: the gzip data is damaged or cut off; copy the file again`;
    return new ReadingsError("READINGS_GZIP_BROKEN", message, { cause });
  }
  if (code === "ENOENT") {
    const message = `${file}: no such file or folder; check the path`;
    return new ReadingsError("READINGS_FILE_MISSING", message, { cause });
  }
  return new ReadingsError("READINGS_FILE_UNREADABLE", `${file}: cannot be read (${code})`, {
    cause,
  });
}
