/**
 * A QR code (ISO/IEC 18004:2015, byte mode, error correction level M, versions 1 to 10) of the address that an authenticator app takes a
 * second factor's secret from. Runs in the operator's browser: the secret goes to no service that draws pictures.
 */

/** Of error correction, in each block, by version. */
const EC_CODEWORDS = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5];
/** All codewords of a version, data and error correction. */
const CODEWORDS = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
/** Centres of alignment patterns besides 6, by version. */
const ALIGNMENTS = [[], [18], [22], [26], [30], [34], [22, 38], [24, 42], [26, 46], [28, 50]];
const VERSIONS_MAX = CODEWORDS.length;
/** Bytes that the largest version takes at level M. */
export const QR_BYTES_MAX = 213;

/** Exponents and logarithms of GF(2⁸) by the code's polynomial x⁸+x⁴+x³+x²+1. */
const EXPONENTS: number[] = [];
const LOGARITHMS: number[] = [];
for (let power = 0, value = 1; power < 255; power++) {
  EXPONENTS[power] = value;
  LOGARITHMS[value] = power;
  value = (value << 1) ^ (value & 0x80 ? 0x11d : 0);
}

function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return EXPONENTS[((LOGARITHMS[a] ?? 0) + (LOGARITHMS[b] ?? 0)) % 255] ?? 0;
}

/** The Reed-Solomon codewords of one block. */
export function errorCorrection(data: readonly number[], count: number): number[] {
  let generator = [1];
  for (let power = 0; power < count; power++) {
    const shifted = [...generator, 0];
    generator = shifted.map(
      (value, index) => value ^ multiply(generator[index - 1] ?? 0, EXPONENTS[power] ?? 0),
    );
  }
  const rest = [...data, ...Array<number>(count).fill(0)];
  for (let index = 0; index < data.length; index++) {
    const factor = rest[index] ?? 0;
    for (const [offset, value] of generator.entries()) {
      rest[index + offset] = (rest[index + offset] ?? 0) ^ multiply(value, factor);
    }
  }
  return rest.slice(data.length);
}

const bitsOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => (value >>> (count - 1 - index)) & 1);

/** Data codewords of a version, and its blocks interleaved with their error correction. */
function codewordsOf(bytes: Uint8Array, version: number): number[] {
  const [perBlock = 0, blockCount = 1] = [EC_CODEWORDS[version - 1], BLOCKS[version - 1]];
  const capacity = (CODEWORDS[version - 1] ?? 0) - perBlock * blockCount;
  const bits = [0, 1, 0, 0, ...bitsOf(bytes.length, version < 10 ? 8 : 16)];
  for (const byte of bytes) bits.push(...bitsOf(byte, 8));
  bits.push(...[0, 0, 0, 0].slice(0, capacity * 8 - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  const data: number[] = [];
  for (let at = 0; at < bits.length; at += 8) {
    data.push(bits.slice(at, at + 8).reduce((value, bit) => value * 2 + bit, 0));
  }
  for (let pad = 0; data.length < capacity; pad++) data.push(pad % 2 === 0 ? 0xec : 0x11);
  const short = Math.floor(capacity / blockCount);
  const shortBlocks = blockCount - (capacity % blockCount);
  let start = 0;
  const blocks = Array.from({ length: blockCount }, (_, index) => {
    const block = data.slice(start, (start += short + (index < shortBlocks ? 0 : 1)));
    return { data: block, correction: errorCorrection(block, perBlock) };
  });
  const interleave = (lists: readonly number[][]): number[] =>
    Array.from({ length: Math.max(...lists.map(({ length }) => length)) }, (_, index) =>
      lists.flatMap((list) => list[index] ?? []),
    ).flat();
  return [
    ...interleave(blocks.map((block) => block.data)),
    ...interleave(blocks.map((block) => block.correction)),
  ];
}

/** Squares row by row; undefined where data goes. */
type Grid = (boolean | undefined)[][];

/** The remainder of `value` shifted by the generator's degree, after it: a BCH code. */
function withCheck(value: number, generator: number, degree: number): number {
  let rest = value << degree;
  for (let bit = 31 - Math.clz32(rest); bit >= degree; bit--) {
    if ((rest >>> bit) & 1) rest ^= generator << (bit - degree);
  }
  return (value << degree) | rest;
}

/** Level M is 00; masked as the standard says. */
export const formatBits = (mask: number): number => withCheck(mask, 0x537, 10) ^ 0x5412;
export const versionBits = (version: number): number => withCheck(version, 0x1f25, 12);

function patternsOf(version: number): Grid {
  const size = 17 + 4 * version;
  const grid: Grid = Array.from({ length: size }, () => Array<boolean | undefined>(size));
  const set = (x: number, y: number, isDark: boolean): void => {
    const row = grid[y];
    if (row !== undefined && x >= 0 && x < size) row[x] = isDark;
  };
  const square = (centreX: number, centreY: number, radius: number, light: readonly number[]) => {
    for (let y = -radius; y <= radius; y++) {
      for (let x = -radius; x <= radius; x++) {
        set(centreX + x, centreY + y, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
      }
    }
  };
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  square(3, 3, 4, [2, 4]);
  square(size - 4, 3, 4, [2, 4]);
  square(3, size - 4, 4, [2, 4]);
  const others = ALIGNMENTS[version - 1] ?? [];
  const last = others.at(-1);
  for (const x of [6, ...others]) {
    for (const y of [6, ...others]) {
      const isCorner = (x === 6 && (y === 6 || y === last)) || (y === 6 && x === last);
      if (!isCorner) square(x, y, 2, [1]);
    }
  }
  if (version >= 7) {
    for (const [index, bit] of bitsOf(versionBits(version), 18).toReversed().entries()) {
      const [far, near] = [size - 11 + (index % 3), Math.floor(index / 3)];
      set(far, near, bit === 1);
      set(near, far, bit === 1);
    }
  }
  drawFormat(grid, 0); // Its place; drawn again with the mask that is chosen.
  return grid;
}

function drawFormat(grid: Grid, mask: number): void {
  const size = grid.length;
  const set = (x: number, y: number, bit: number | undefined): void => {
    const row = grid[y];
    if (row !== undefined) row[x] = bit === 1;
  };
  for (const [index, bit] of bitsOf(formatBits(mask), 15).toReversed().entries()) {
    if (index < 6) set(8, index, bit);
    else if (index < 8) set(8, index + 1, bit);
    else set(index === 8 ? 7 : 14 - index, 8, bit);
    if (index < 8) set(size - 1 - index, 8, bit);
    else set(8, size - 15 + index, bit);
  }
  set(8, size - 8, 1);
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** Bits go up and down in pairs of columns from the right, around what is drawn already. */
function drawn(patterns: Grid, codewords: readonly number[], mask: number): boolean[][] {
  const size = patterns.length;
  const grid = patterns.map((row) => [...row]);
  const masked = MASKS[mask];
  let at = 0;
  for (let right = size - 1; right >= 1; right -= right === 8 ? 3 : 2) {
    const isUpward = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = isUpward ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        const row = grid[y];
        if (row === undefined || patterns[y]?.[x] !== undefined) continue;
        const bit = ((codewords[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1;
        row[x] = (bit === 1) !== (masked?.(x, y) ?? false);
        at += 1;
      }
    }
  }
  drawFormat(grid, mask);
  return grid.map((row) => row.map((isDark) => isDark ?? false));
}

/** How hard a code is to read: runs of one colour, squares of it, and too much of it. */
function penalty(grid: readonly (readonly boolean[])[]): number {
  let points = 0;
  let dark = 0;
  const columns = grid.map((_, x) => grid.map((row) => row[x]));
  for (const line of [...grid, ...columns]) {
    let run = 0;
    for (const [index, isDark] of line.entries()) {
      run = isDark === line[index - 1] ? run + 1 : 1;
      if (run === 5) points += 3;
      else if (run > 5) points += 1;
    }
  }
  for (const [y, row] of grid.entries()) {
    for (const [x, isDark] of row.entries()) {
      if (isDark) dark += 1;
      const below = grid[y + 1];
      const isSquare = isDark === row[x + 1] && isDark === below?.[x] && isDark === below?.[x + 1];
      if (isSquare) points += 3;
    }
  }
  const share = dark / grid.length ** 2;
  return points + 10 * Math.floor(Math.abs(share - 0.5) * 20);
}

/** Dark squares, row by row, without the margin of four; undefined when the text is too long (`QR_BYTES_MAX`). */
export function qrCode(text: string): boolean[][] | undefined {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= VERSIONS_MAX; version++) {
    const [perBlock = 0, blocks = 0] = [EC_CODEWORDS[version - 1], BLOCKS[version - 1]];
    const capacity = (CODEWORDS[version - 1] ?? 0) - perBlock * blocks;
    if (bytes.length > capacity - (version < 10 ? 2 : 3)) continue;
    const patterns = patternsOf(version);
    const codewords = codewordsOf(bytes, version);
    const candidates = MASKS.map((_, mask) => drawn(patterns, codewords, mask));
    return candidates.toSorted((a, b) => penalty(a) - penalty(b))[0];
  }
  return undefined;
}
