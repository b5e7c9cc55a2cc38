// A small workbook whose only cell expands to any size, for read-source.test.ts.
import { constants, deflateRawSync } from "node:zlib";

const CHUNK_BYTES = 2 ** 24;

interface Entry {
  readonly name: string;
  readonly compressed: Buffer;
  readonly declaredBytes: number;
}

/** `declaredBytes`: what the archive says the sheet expands to. */
export function bombWorkbook(expandedBytes: number, declaredBytes: number): Buffer {
  const namespace = "http://schemas.openxmlformats.org";
  const office = `${namespace}/officeDocument/2006/relationships`;
  const relationships = (type: string, target: string) =>
    `<Relationships xmlns="${namespace}/package/2006/relationships">` +
    `<Relationship Id="rId1" Type="${office}/${type}" Target="${target}"/></Relationships>`;
  const main = `xmlns="${namespace}/spreadsheetml/2006/main"`;
  const types = `<Types xmlns="${namespace}/package/2006/content-types"></Types>`;
  const workbook =
    `<workbook ${main} xmlns:r="${office}"><sheets>` +
    `<sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>`;
  // A flushed deflate block can be repeated: 2 GiB cost one compression of 16 MiB.
  const filler = flushed("a".repeat(CHUNK_BYTES));
  const sheet = Buffer.concat([
    flushed(`<worksheet ${main}><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>`),
    ...Array.from({ length: expandedBytes / CHUNK_BYTES }, () => filler),
    deflateRawSync("</t></is></c></row></sheetData></worksheet>"),
  ]);
  return archive([
    text("[Content_Types].xml", types),
    text("_rels/.rels", relationships("officeDocument", "xl/workbook.xml")),
    text("xl/workbook.xml", workbook),
    text("xl/_rels/workbook.xml.rels", relationships("worksheet", "worksheets/sheet1.xml")),
    { name: "xl/worksheets/sheet1.xml", compressed: sheet, declaredBytes },
  ]);
}

function flushed(content: string): Buffer {
  return deflateRawSync(content, { finishFlush: constants.Z_FULL_FLUSH });
}

function text(name: string, content: string): Entry {
  return { name, compressed: deflateRawSync(content), declaredBytes: Buffer.byteLength(content) };
}

function archive(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, compressed, declaredBytes } of entries) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(compressed.byteLength, 14);
    common.writeUInt32LE(declaredBytes, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name)]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), common, place, Buffer.from(name));
    parts.push(local, compressed);
    offset += local.byteLength + compressed.byteLength;
  }
  const entriesBytes = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(entriesBytes.byteLength, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, entriesBytes, Buffer.from("PK\x05\x06"), end]);
}
