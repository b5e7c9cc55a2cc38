/**
 * What should have no effect at all: input that is tampered with, replayed, truncated, forked, foreign, oversized or from the future, and
 * contributions and requests that no honest party makes. Each comes with the code it must be counted under.
 */
import { engineKeyOf } from "@smarter-metering/paillier";
import {
  concatBytes,
  contributionsOf,
  decodeContribution,
  decodeFrame,
  decodeRequest,
  decodeUplinkItem,
  encodeContribution,
  encodeContributionHeader,
  encodeFrame,
  encodeAskedRequest,
  encodeRequest,
  encodeUplinkItem,
  requestDigest,
  sealFrame,
  signContribution,
  signRequest,
  toHex,
  type FrameHeader,
} from "@smarter-metering/protocol";
import { named, type WorldHousehold } from "../support/world.ts";
import type { City } from "./city.ts";
import type { HistoryNotes } from "./history.ts";
import { plainUplink, type FrameFate } from "./faulty-uplink.ts";

/** What the bus's dead letters must say in the end: times by "stream/reason". */
export type DeadLetters = Map<string, number>;

export const expectDead = (dead: DeadLetters, name: string): void =>
  void dead.set(name, (dead.get(name) ?? 0) + 1);

/** Sends the concentrator one bad item of each kind. Does nothing while it is away. */
export async function plantFrames(city: City, day: number, notes: HistoryNotes): Promise<void> {
  const known = [...city.network.fates.values()].filter(
    ({ takenSeconds, count }) => takenSeconds !== undefined && count > 0,
  );
  if (city.network.concentrator() === undefined || known.length === 0) return;
  const fate = city.chance.pick("bad input", known);
  const household = city.world.households.find(({ meterId }) => meterId === fate.meterId);
  if (household === undefined) return;
  for (const { name, item, expected } of await badItems(city, fate, household, day)) {
    try {
      const entry = { meterId: household.meterId, item };
      const { verdicts } = await city.schedule.drive(plainUplink(city.network).send([entry]));
      const [verdict] = verdicts;
      const answer = verdict !== undefined && "code" in verdict ? verdict.code : verdict?.status;
      if (answer === expected) notes.plantedFrames += 1;
      else notes.surprises.push(`planted ${name}: ${answer}, not ${expected}`);
    } catch {
      // The concentrator's store failed, or it died: nothing was taken, and nothing is known.
    }
  }
}

interface BadItem {
  readonly name: string;
  readonly item: Uint8Array;
  readonly expected: string;
}

async function badItems(
  { world, chance }: City,
  fate: FrameFate,
  household: WorldHousehold,
  day: number,
): Promise<BadItem[]> {
  const decoded = decodeUplinkItem(fate.item);
  if (!("frame" in decoded)) return [];
  const frame = decodeFrame(decoded.frame);
  const { header } = frame;
  const contributes = decoded.kind === "CONTRIBUTED_FRAME";
  const remade = async (changes: Partial<FrameHeader>): Promise<Uint8Array> => {
    const made = { ...header, ...changes };
    const zeros = new Uint32Array(made.count);
    const registersMilliwattHours = Array.from({ length: 8 }, () => 0n);
    const readings = { importMilliwattHours: zeros, exportMilliwattHours: zeros };
    const blinding = contributes ? { blindingSeed: named("a seed of somebody") } : {};
    const quality = new Uint8Array(made.count);
    const body = { ...readings, quality, registersMilliwattHours, ...blinding };
    return encodeFrame(await sealFrame(made, body, named("a key of somebody"), household.meter));
  };
  // Its own contributions belong to another frame; none at all are as good as any.
  const remadeItem = async (changes: Partial<FrameHeader>): Promise<Uint8Array> => {
    const without = contributes ? { ...decoded, contributions: [] } : decoded;
    return encodeUplinkItem({ ...without, frame: await remade(changes) });
  };
  const tampered = encodeFrame(frame);
  const position = frame.headerBytes.length + chance.integer("flip", 0, frame.body.length - 1);
  tampered[position] = (tampered[position] ?? 0) ^ 1;
  const withFrame = (bytes: Uint8Array): Uint8Array =>
    encodeUplinkItem({ ...decoded, frame: bytes });
  const others: BadItem = {
    name: "contributions of another frame",
    item: withFrame(await remade({})),
    expected: "FRAME_TERMS",
  };
  return [
    ...(contributes ? [others] : []),
    { name: "tampered frame", item: withFrame(tampered), expected: "FRAME_BAD_SIGNATURE" },
    { name: "replayed frame", item: fate.item, expected: "duplicate" },
    { name: "truncated item", item: fate.item.subarray(0, -1), expected: "FRAME_MALFORMED" },
    { name: "forked frame", item: await remadeItem({}), expected: "FRAME_FORKED" },
    {
      name: "frame of a foreign meter",
      item: await remadeItem({ meterId: named("a foreign meter", 16) }),
      expected: "FRAME_FOREIGN",
    },
    {
      name: "oversized frame",
      item: withFrame(new Uint8Array(20_000)),
      expected: "FRAME_TOO_LARGE",
    },
    {
      name: "frame of tomorrow",
      item: await remadeItem({ blockStart: world.dayStart(day + 30), firstSlot: 0, count: 1 }),
      expected: "FRAME_FUTURE",
    },
  ];
}

/** Puts onto the bus what only a corrupt party could, and notes what must become of it. */
export async function plantMessages(city: City, day: number, dead: DeadLetters): Promise<void> {
  const { bus, world } = city;
  const publish = async (stream: string, id: string, body: Uint8Array): Promise<void> => {
    const messages = [{ id: `${id} ${day}`, subject: "p00", body }];
    await city.schedule.drive(bus.running.engine.publish(stream, messages));
  };
  if (city.plan.profile === "pes-encrypts") {
    await publish("frames", "no item", new Uint8Array([1, 2, 3]));
    expectDead(dead, "frames/FRAME_MALFORMED");
  }
  await publish("contributions", "no contribution", named("garbage"));
  expectDead(dead, "contributions/CONTRIBUTION_MALFORMED");
  const [row] = await city.database
    .store(() => false)
    .query<{ encoded: Uint8Array }>(
      "select encoded from contribution where stream = 'LOAD' and block >= $1 limit 1",
      [world.startSeconds],
    );
  if (row === undefined) return;
  const honest = decodeContribution(row.encoded);
  const forge = async (change: object, signer = world.parties.opener.signer) => {
    const header = { ...honest.header, ...change };
    const bytes = encodeContributionHeader(header);
    return encodeContribution(await signContribution(bytes, header, honest.ciphertext, signer));
  };
  await publish("contributions", "other key", await forge({ paillierKeyId: named("a key") }));
  expectDead(dead, "contributions/CONTRIBUTION_KEY");
  await publish("contributions", "other signer", await forge({}, world.parties.ucs.signer));
  expectDead(dead, "contributions/CONTRIBUTION_BAD_SIGNATURE");
  await publish("contributions", "honest twice", row.encoded);
  await plantSubset(city, dead);
}

/** The differencing attack: a released block asked for again without one of its members, under a head of the log that stands. */
async function plantSubset(city: City, dead: DeadLetters): Promise<void> {
  const { bus, world } = city;
  const store = city.database.store(() => false);
  const [row] = await store.query<{ request: Uint8Array; block: bigint }>(
    "select request, block from load_set where state = 'RELEASED' order by block limit 1",
  );
  const [head] = await store.query<{ note: string }>(
    "select note from log_head where is_quorum order by size desc limit 1",
  );
  if (row === undefined || head === undefined) return;
  const honest = decodeRequest(row.request);
  const { terms } = honest;
  if (terms.kind !== "LOAD") return;
  const [victim] = contributionsOf(honest);
  if (victim === undefined) return;
  const without = toHex(victim.header.networkPseudonym);
  const rest = honest.contributions.filter(
    (encoded) => toHex(decodeContribution(encoded).header.networkPseudonym) !== without,
  );
  const cohort = world.network.current().view.cohort(terms.cohort, terms.cohortVersion);
  const index = cohort?.members.indexOf(without) ?? -1;
  const members = Uint8Array.from(terms.members);
  members[index >> 3] = (members[index >> 3] ?? 0) & ~(1 << (index & 7));
  const { publicKey } = world.paillier;
  const ciphertexts = rest.map((encoded) => decodeContribution(encoded).ciphertext);
  const product = await city.engine.product(engineKeyOf(publicKey), concatBytes(...ciphertexts), [
    rest.length,
  ]);
  const request = { terms: { ...terms, members, product }, contributions: rest };
  const id = toHex(await requestDigest(request));
  const signed = await signRequest(request, world.parties.aggregator.signer);
  const body = encodeAskedRequest(head.note, encodeRequest(signed));
  const messages = [{ id: `${id}/planted`, subject: "planted", body }];
  const result = await city.schedule.drive(
    bus.running.engine.publish("release-requests", messages),
  );
  // Not in the log, or not read there first: no answer.
  if ("accepted" in result && result.accepted > 0) {
    for (const _ of city.plan.trustees) {
      expectDead(dead, "release-requests/REQUEST_NOT_LOGGED");
    }
  }
}
