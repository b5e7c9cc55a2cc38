/** What the parties have in their hands after a history: rows and messages, as they are. */
import {
  decodeAskedRequest,
  decodePartialRelease,
  decodeRelease,
  encodeRequest,
  requestDigest,
  toHex,
} from "@smarter-metering/protocol";
import type { City } from "./city.ts";
import type { FrameFate } from "./faulty-uplink.ts";
import type { HistoryNotes } from "./history.ts";

export interface LedgerRow {
  readonly servicePoint: string;
  readonly stream: string;
  readonly block: number;
  readonly firstSlot: number;
  readonly slots: number;
  readonly instant: number;
  readonly excluded: boolean;
  readonly frameHash: string;
}

export interface SetRow {
  readonly block: number;
  readonly blockEnd: number;
  readonly state: string;
  readonly sealedAt: number;
  readonly digest: string;
}

export interface LoadRow {
  readonly block: number;
  readonly blockEnd: number;
  readonly contributors: number;
  readonly contributorsPerSlot: readonly number[];
  readonly wattHours: readonly number[];
}

export interface StatementRow {
  /** MDMS pseudonym. */
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly fromBorder: number;
  readonly toBorder: number;
  readonly total: bigint;
  readonly exported: bigint;
  /** Per band. */
  readonly registers: readonly bigint[];
}

export interface RequestSeen {
  readonly digest: string;
  /** The block of a LOAD request, or service point and window of a bill. */
  readonly about: string;
  readonly bytes: string;
  readonly isPlanted: boolean;
}

export type Evidence = Awaited<ReturnType<typeof gather>>;

export async function gather(city: City, notes: HistoryNotes) {
  const { bus, schedule, trustees, fleets, network } = city;
  const store = city.database.store(() => false);
  const { engine } = bus.running;
  const all = { from: 0n, limit: 1000 };
  const ledger = await store.query<LedgerRow>(
    `select service_point as "servicePoint", stream, block::float8 as block,
       first_slot as "firstSlot", slots, instant::float8 as instant, excluded,
       encode(frame_hash, 'hex') as "frameHash" from contribution
      order by service_point, stream, block, first_slot`,
  );
  const sets = await store.query<SetRow>(
    `select block::float8 as block, block_end::float8 as "blockEnd", state,
       sealed_at::float8 as "sealedAt", encode(digest, 'hex') as digest from load_set order by block`,
  );
  const loads = await store.query<LoadRow>(
    `select block_start::float8 as block, block_end::float8 as "blockEnd", contributors,
       array_to_json(contributors_per_slot) as "contributorsPerSlot",
       array_to_json(energy_watt_hours) as "wattHours" from load_block order by block_start`,
  );
  const statements = await store.query<StatementRow & { registers: readonly number[] }>(
    `select s.service_point as "servicePoint", s.from_grid::float8 as "fromGrid",
       s.to_grid::float8 as "toGrid", from_border::float8 as "fromBorder",
       to_border::float8 as "toBorder", s.energy_milliwatt_hours as total,
       s.export_milliwatt_hours as exported,
       json_agg(r.energy_milliwatt_hours order by r.position) as registers
      from statement s join statement_register r using (service_point, from_grid)
      group by s.service_point, s.from_grid order by s.service_point, s.from_grid`,
  );
  const [counts] = await store.query<{ conflicts: number; releases: number; alarms: number }>(
    `select (select count(*)::int4 from contribution_conflict) as conflicts,
       (select count(*)::int4 from release) as releases,
       (select count(*)::int4 from alarm) as alarms`,
  );
  const tallies = await store.query<{ stream: string; outcome: string; total: number }>(
    "select stream, outcome, sum(total)::int4 as total from tally group by stream, outcome",
  );
  const messages = await schedule.drive(engine.read("release-requests", all));
  const requests = await Promise.all(
    messages.map(async ({ id, body }): Promise<RequestSeen> => {
      const { request } = decodeAskedRequest(body);
      const { terms } = request;
      const about =
        terms.kind === "LOAD"
          ? `LOAD ${terms.blockStart}`
          : `BILL ${toHex(terms.networkPseudonym)} ${terms.fromGrid}`;
      const digest = toHex(await requestDigest(request));
      return {
        digest,
        about,
        bytes: toHex(encodeRequest(request)),
        isPlanted: id.endsWith("/planted"),
      };
    }),
  );
  // Holders of shares give partial releases, each numbering its own.
  const areShared = trustees.length > 1;
  const answers = areShared ? "partial-releases" : "releases";
  const releases = (await schedule.drive(engine.read(answers, all))).map(({ body }) => {
    const release = areShared ? decodePartialRelease(body) : decodeRelease(body);
    return { digest: toHex(release.requestDigest), sequence: release.sequence };
  });
  const dead = (await schedule.drive(engine.deadLetters())).map(({ id, stream, reason }) => ({
    id,
    name: `${stream}/${reason}`,
  }));
  const remembered = await store.query<{ hash: string }>(
    "select encode(hash, 'hex') as hash from concentrator_frame",
  );
  return {
    ledger,
    sets,
    loads,
    statements: statements.map((row) => ({ ...row, registers: row.registers.map(BigInt) })),
    requests,
    releases,
    dead,
    conflicts: counts?.conflicts ?? 0,
    releasesStored: counts?.releases ?? 0,
    alarms: counts?.alarms ?? 0,
    tally: (stream: string, outcome: string): number =>
      tallies.find((one) => one.stream === stream && one.outcome === outcome)?.total ?? 0,
    refused: trustees.map(({ service }) => service?.status().refused ?? {}),
    trusteesReleases: trustees.map(({ service }) => service?.status().released ?? -1),
    meters: Object.values(fleets).flatMap((fleet) => fleet.service?.status() ?? []),
    frames: new Map<string, FrameFate>(network.fates),
    /** Hashes of the frames that the concentrator accepted, whether or not anybody heard of it. */
    accepted: new Set(remembered.map(({ hash }) => hash)),
    notes,
  };
}
