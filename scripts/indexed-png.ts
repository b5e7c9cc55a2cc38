/**
 * A PNG picture with at most 256 colours instead of millions (PNG, W3C Recommendation 2003, §11): pages are flat, and such a file is a
 * third as large. The same picture gives the same bytes.
 */
import assert from "node:assert/strict";
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS_MAX = 256;

interface Picture {
  readonly width: number;
  readonly height: number;
  /** 3 or 4. */
  readonly channels: number;
  readonly pixels: Buffer;
}

/** Of a picture as Chromium makes it: 8 bits, RGB or opaque RGBA, not interlaced. */
export function toIndexedPng(png: Buffer): Buffer {
  const { width, height, channels, pixels } = readPng(png);
  const { colours, indices } = paletteOf(pixels, channels);
  const rows = Buffer.alloc(height * (width + 1)); // The first byte of a row is its filter: none.
  for (let y = 0; y < height; y++)
    rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8); // Eight bits an index, indexed colour.
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", colours),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The commonest colours as they are; each other one becomes the nearest of them. */
function paletteOf(
  pixels: Buffer,
  channels: number,
): { readonly colours: Buffer; readonly indices: Buffer } {
  const count = pixels.length / channels;
  const times = new Map<number, number>();
  for (let at = 0; at < count; at++) {
    const colour = pixels.readUIntBE(at * channels, 3);
    times.set(colour, (times.get(colour) ?? 0) + 1);
  }
  const common = [...times]
    .toSorted(([a, first], [b, second]) => second - first || a - b)
    .map(([colour]) => colour);
  const kept = common.slice(0, COLOURS_MAX);
  const places = new Map(common.map((colour) => [colour, nearest(colour, kept)]));
  const indices = Buffer.alloc(count);
  for (let at = 0; at < count; at++)
    indices[at] = places.get(pixels.readUIntBE(at * channels, 3)) ?? 0;
  const colours = Buffer.alloc(3 * kept.length);
  for (const [index, colour] of kept.entries()) colours.writeUIntBE(colour, 3 * index, 3);
  return { colours, indices };
}

function nearest(colour: number, kept: readonly number[]): number {
  let [best, least] = [0, Infinity];
  for (const [index, other] of kept.entries()) {
    const distance = [16, 8, 0].reduce(
      (sum, shift) => sum + (((colour >> shift) & 0xff) - ((other >> shift) & 0xff)) ** 2,
      0,
    );
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

function readPng(png: Buffer): Picture {
  assert(png.subarray(0, SIGNATURE.length).equals(SIGNATURE), "no PNG");
  const parts: Buffer[] = [];
  let header: Buffer = Buffer.alloc(0);
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    const name = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (name === "IHDR") header = data;
    if (name === "IDAT") parts.push(data);
    at += length + 12;
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth, colourType, , , interlace] = header.subarray(8);
  assert(depth === 8 && interlace === 0 && (colourType === 2 || colourType === 6), "another PNG");
  const channels = colourType === 2 ? 3 : 4;
  const pixels = unfiltered(inflateSync(Buffer.concat(parts)), width * channels, channels);
  assert.equal(pixels.length, width * height * channels);
  return { width, height, channels, pixels };
}

/** §9.2: each row begins with the number of its filter. */
function unfiltered(rows: Buffer, rowBytes: number, channels: number): Buffer {
  const count = rows.length / (rowBytes + 1);
  const pixels = Buffer.alloc(count * rowBytes);
  for (let y = 0; y < count; y++) {
    const filter = rows[y * (rowBytes + 1)] ?? 0;
    const from = y * (rowBytes + 1) + 1;
    const to = y * rowBytes;
    for (let x = 0; x < rowBytes; x++) {
      const left = x < channels ? 0 : (pixels[to + x - channels] ?? 0);
      const above = y === 0 ? 0 : (pixels[to + x - rowBytes] ?? 0);
      const corner = x < channels || y === 0 ? 0 : (pixels[to + x - rowBytes - channels] ?? 0);
      pixels[to + x] = (rows[from + x] ?? 0) + predicted(filter, left, above, corner);
    }
  }
  return pixels;
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return above;
  if (filter === 3) return (left + above) >> 1;
  const [a, b, c] = [left, above, corner].map((one) => Math.abs(left + above - corner - one));
  assert(a !== undefined && b !== undefined && c !== undefined);
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const whole = Buffer.alloc(named.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(named, 4);
  whole.writeUInt32BE(crc32(named), named.length + 4);
  return whole;
}
