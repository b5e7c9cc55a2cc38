/**
 * The aggregator's tables (docs/protocol.md §7). All energy in them is ciphertext under the
 * trustees' key; `valued` and `slots` count readings, they do not carry any. Service points are
 * network pseudonyms in hex.
 */
import { groupStatements, type Migration } from "@smarter-metering/runtime";

/** Columns that a LOAD set and a BILL window share: how far its release request has come. */
const request = `
  state text not null,
  codes text not null default '',
  digest bytea unique,
  request bytea,
  attempt int4 not null default 0,
  retry_at int8 not null default 0,
  sealed_at int8`;

export const migrations: readonly Migration[] = [
  {
    name: "0001-ledger",
    statements: [
      `create table contribution (
        service_point text not null,
        stream text not null,
        block int8 not null,
        first_slot int4 not null,
        slots int4 not null,
        valued int4 not null,
        cohort text,
        version int4,
        instant int8 not null,
        origin text not null,
        excluded bool not null default false,
        frame_hash bytea not null,
        encoded bytea not null,
        primary key (service_point, stream, block, first_slot))`,
      `create index contribution_of_set on contribution (cohort, version, stream, block)
        where cohort is not null`,
      `create index contribution_of_bill on contribution (service_point, instant)
        where stream = 'BILL'`,
      `create table contribution_conflict (
        service_point text not null,
        stream text not null,
        block int8 not null,
        first_slot int4 not null,
        frame_hash bytea not null,
        encoded bytea not null,
        outcome text not null,
        seen_at int8 not null,
        primary key (service_point, stream, block, first_slot, frame_hash))`,
      `create table load_set (
        cohort text not null,
        version int4 not null,
        stream text not null,
        block int8 not null,
        block_end int8 not null,
        members int4 not null,
        slots int4 not null,
        covered int4 not null default 0,
        valued int4 not null default 0,
        ${request},
        primary key (cohort, version, stream, block))`,
      `create index load_set_state on load_set (state, block_end)`,
      `create table load_watermark (cohort text primary key, next_block int8 not null)`,
      `create table bill_window (
        service_point text not null,
        from_grid int8 not null,
        to_grid int8 not null,
        from_block int8,
        from_slot int4,
        from_border int8,
        to_block int8,
        to_slot int4,
        to_border int8,
        ${request},
        primary key (service_point, from_grid))`,
      `create index bill_window_state on bill_window (state, to_grid)`,
      `create table tally (
        stream text not null, outcome text not null, total int8 not null,
        primary key (stream, outcome))`,
    ],
  },
  {
    name: "0002-request-answers",
    statements: [
      // Each trustee's answer to a request; without codes it is a release.
      `create table request_answer (
        digest bytea not null,
        trustee int4 not null,
        codes text,
        primary key (digest, trustee))`,
    ],
  },
  {
    name: "0003-log",
    statements: [
      // What is to stand in the log, in order, and up to where it does.
      `create table entry (
        position int8 generated always as identity primary key,
        kind text not null,
        body bytea not null)`,
      `create table entry_cursor (id int4 primary key, position int8 not null)`,
      `insert into entry (kind, body)
        select 'contribution', sha256(encoded) from contribution
         order by instant, service_point, stream, first_slot`,
      // `entry`: the place of the request in the log.
      ...["load_set", "bill_window"].flatMap((table) => [
        `alter table ${table} drop column attempt, drop column retry_at, add column entry int8`,
        // Requests that nobody has answered are made anew: they say more now.
        `update ${table} set state = 'SEALED', digest = null, request = null
          where state in ('SEALED', 'REQUESTED')`,
      ]),
    ],
  },
  {
    name: "0004-cost",
    statements: [
      // Of a window with a cost: '' while it is not decided, 'ASKED', or the codes that keep it back.
      `alter table bill_window add column cost text not null default ''`,
    ],
  },
  {
    name: "0005-ledger-pages",
    statements: [
      // A page of blocks is one range of an index, however many years there are.
      `create index load_set_page on load_set (block desc, cohort, version, stream)`,
    ],
  },
  {
    name: "0006-ledger-codes",
    statements: [
      // Few blocks have a code: those of one are found without a walk over the others.
      `create index load_set_codes on load_set using gin (string_to_array(codes, ','))
        where codes <> ''`,
    ],
  },
  {
    name: "0007-sharing",
    statements: [
      // Aggregators that share this database, and which of them have a file of the log's newest head.
      ...groupStatements,
      `create table head_keeper (member text primary key)`,
      // An entry leaves the queue when it stands in the log.
      `delete from entry where position <= (select position from entry_cursor)`,
      `drop table entry_cursor`,
      // Counts by partition, so that nobody waits for another's: see ledger.ts.
      `alter table tally add column shard int4 not null default 0`,
      `alter table tally drop constraint tally_pkey`,
      `alter table tally add primary key (shard, stream, outcome)`,
    ],
  },
  {
    name: "0010-retention",
    statements: [
      // How many contributed, once the contributions themselves are gone: see retention.ts.
      `alter table load_set add column contributors int4`,
      `create index load_set_age on load_set (sealed_at)
        where contributors is null and state in ('RELEASED', 'SUPPRESSED')`,
      `create index contribution_conflict_age on contribution_conflict (seen_at)
        where stream in ('LOAD', 'LOAD_EXPORT')`,
    ],
  },
];
