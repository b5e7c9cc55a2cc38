/**
 * What a third party may believe of a dispute packet (docs/protocol.md §11.3): each disclosed interval was measured by the meter that the
 * registry had at this service point then. Run by an arbiter with a view of the registry that lists meters (`ucs` or `network`).
 */
import {
  decodeFrameHeader,
  fromHex,
  parseNetworkView,
  parseUcsView,
  ProtocolError,
  readRegisters,
  readSlot,
  toHex,
  verifyDetachedFrame,
  verifySlot,
  type FrameHeader,
} from "@smarter-metering/protocol";
import { spanOf } from "./bill-window.ts";
import { readDisputePacket, type DisputedFrame } from "./dispute-packet.ts";
import { instantText, LinkBook, type Link } from "./link.ts";
import { qualityOf, type Reading } from "./readings.ts";
import { checkRegistry, type Registered, type RegistryEvidence } from "./registered.ts";

/** Of one frame that the meter signed. */
export interface Disclosed {
  readonly meterId: string;
  readonly from: number;
  readonly to: number;
  readonly readings: readonly Reading[];
  /** At `to`, mWh: one for each band, then export, then zeros; absent when not disclosed. */
  readonly registersMilliwattHours?: readonly bigint[];
  /** Intervals of the frame that stay closed: by the meter's word, not the customer's. */
  readonly closedIntervals: number;
}

export interface DisputeReport {
  readonly links: readonly Link[];
  /** Only what is proven. */
  readonly disclosed: readonly Disclosed[];
}

/** Never throws for what a packet says. */
export async function verifyDisputePacket(
  packet: unknown,
  registry: RegistryEvidence,
): Promise<DisputeReport> {
  const book = new LinkBook();
  const registered = await checkRegistry(registry, book);
  const frames = packetFrames(packet, book);
  const keyAt = registered && keyAtOf(registered);
  const disclosed: Disclosed[] = [];
  for (const [position, frame] of frames.entries()) {
    if (keyAt === undefined) continue;
    const header = await checkedHeader(frame, position, keyAt, book);
    if (header !== undefined) disclosed.push(await disclosedOf(frame, header, position, book));
  }
  if (registered === undefined) {
    book.notChecked("frame", "waits for the registry");
    book.notChecked("slot", "waits for the registry");
  } else {
    const slots = disclosed.reduce((sum, { readings }) => sum + readings.length, 0);
    const closed = disclosed.reduce((sum, { closedIntervals }) => sum + closedIntervals, 0);
    book.ok("frame", `${disclosed.length} frames signed by registered meters`);
    book.ok("slot", `${slots} intervals disclosed, ${closed} stay closed`);
  }
  return { links: book.links(), disclosed };
}

function packetFrames(packet: unknown, book: LinkBook): DisputedFrame<Uint8Array>[] {
  try {
    return readDisputePacket(packet);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    book.broken("PACKET_MALFORMED", error.message);
    return [];
  }
}

async function checkedHeader(
  frame: DisputedFrame<Uint8Array>,
  position: number,
  keyAt: KeyAt,
  book: LinkBook,
): Promise<FrameHeader | undefined> {
  const where = `frame ${position + 1}`;
  let header: FrameHeader;
  try {
    header = decodeFrameHeader(frame.header);
  } catch {
    book.broken("FRAME_MALFORMED", where);
    return undefined;
  }
  const meterKey = meterKeyOf(keyAt, header);
  if (meterKey === undefined) {
    book.broken("METER_UNREGISTERED", `${where}: meter ${toHex(header.meterId)}`);
    return undefined;
  }
  try {
    await verifyDetachedFrame({ ...frame, headerBytes: frame.header }, meterKey);
    return header;
  } catch {
    const block = instantText(header.blockStart);
    book.broken("FRAME_UNSIGNED", `${where}: counter ${header.counter}, block ${block}`);
    return undefined;
  }
}

/** The key of the meter that served this service point over the whole of the frame. */
function meterKeyOf(keyAt: KeyAt, header: FrameHeader): Uint8Array | undefined {
  const [network, meterId] = [toHex(header.networkPseudonym), toHex(header.meterId)];
  const { from, to } = spanOf(header);
  const keys = [keyAt(network, meterId, from), keyAt(network, meterId, to)];
  const [first, last] = keys;
  return first === undefined || first !== last ? undefined : fromHex(first, 32);
}

type KeyAt = (network: string, meterId: string, instant: number) => string | undefined;

const keyAtOf = ({ view: { name, text } }: Registered): KeyAt =>
  name === "network" ? ofNetworkView(text) : ofUcsView(text);

function ofNetworkView(text: string): KeyAt {
  const view = parseNetworkView(text);
  return (...place) => view.meterAt(...place)?.signingKey;
}

function ofUcsView(text: string): KeyAt {
  const { servicePoints } = parseUcsView(text);
  return (network, meterId, instant) =>
    servicePoints
      .find(
        (point) =>
          point.network === network &&
          point.contractStart <= instant &&
          (point.contractEnd === null || instant <= point.contractEnd),
      )
      ?.meters.find((meter) => meter.meterId === meterId)?.signingKey;
}

async function disclosedOf(
  { slots }: DisputedFrame<Uint8Array>,
  header: FrameHeader,
  position: number,
  book: LinkBook,
): Promise<Disclosed> {
  const { from, to } = spanOf(header);
  const { count, intervalSeconds, slotsRoot } = header;
  const readings = new Map<number, Reading>();
  let registers: readonly bigint[] | undefined;
  for (const slot of slots) {
    const startSeconds = from + slot.index * intervalSeconds;
    if (!(await verifySlot(slotsRoot, count, slot))) {
      const time = slot.index === count ? "the registers" : instantText(startSeconds);
      book.broken("SLOT_UNCOMMITTED", `frame ${position + 1}, slot ${slot.index}: ${time}`);
    } else if (slot.index === count) {
      registers = readRegisters(slot.content);
    } else {
      const { quality, ...energy } = readSlot(slot.content);
      const reading = { startSeconds, intervalSeconds, ...energy, quality: qualityOf(quality) };
      readings.set(slot.index, reading);
    }
  }
  return {
    meterId: toHex(header.meterId),
    from,
    to,
    readings: [...readings.values()].toSorted((a, b) => a.startSeconds - b.startSeconds),
    ...(registers && { registersMilliwattHours: registers }),
    closedIntervals: count - readings.size,
  };
}
