/**
 * The MDMS's tables (docs/protocol.md §8.5, §11). The finest things in them are a neighbourhood's interval and a customer's billing
 * window; a test compares every column with a list. Service points are MDMS pseudonyms in hex, times are epoch seconds.
 */
import type { Migration } from "@smarter-metering/runtime";
import { COUNTED, WINDOW_SUMS } from "./counted.ts";

export const migrations: readonly Migration[] = [
  {
    name: "0001-releases",
    statements: [
      // `sealed` is the release as it was received: what was decoded from it stands beside it.
      `create table release (
        digest bytea primary key,
        kind text not null,
        trustee bytea not null,
        sequence int8 not null,
        policy_id text not null,
        registry_epoch int8 not null,
        sealed bytea not null,
        received_at int8 not null,
        unique (trustee, sequence))`,
      // One row a block with an array of intervals: a year is 365 rows and one index range.
      `create table load_block (
        cohort text not null,
        stream text not null,
        block_start int8 not null,
        block_end int8 not null,
        cohort_version int4 not null,
        interval_seconds int4 not null,
        contributors int4 not null,
        members int4 not null,
        contributors_per_slot int4[] not null,
        energy_watt_hours int8[] not null,
        digest bytea not null references release,
        primary key (cohort, stream, block_start))`,
      `create index load_block_time on load_block (stream, block_start, cohort)`,
      `create table statement (
        service_point text not null,
        from_grid int8 not null,
        to_grid int8 not null,
        from_border int8 not null,
        to_border int8 not null,
        zone text not null,
        energy_milliwatt_hours int8 not null,
        export_milliwatt_hours int8 not null,
        tariff text not null,
        tariff_version int4 not null,
        lines jsonb not null,
        amount text not null,
        currency text not null,
        estimated bool not null,
        jws text not null,
        digest bytea not null references release,
        primary key (service_point, from_grid))`,
      `create index statement_time on statement (from_grid, service_point)`,
      `create table statement_register (
        service_point text not null,
        from_grid int8 not null,
        position int4 not null,
        band text not null,
        energy_milliwatt_hours int8 not null,
        primary key (service_point, from_grid, position),
        foreign key (service_point, from_grid) references statement)`,
      `create table alarm (
        digest bytea not null,
        code text not null,
        subject text not null,
        first_at int8 not null,
        last_at int8 not null,
        primary key (digest, code))`,
    ],
  },
  {
    name: "0002-operators",
    statements: [
      `create table operator (
        login text primary key,
        role text not null,
        password_hash text not null,
        failures int4 not null default 0,
        locked_until int8 not null default 0,
        created_at int8 not null)`,
      `create table session (
        token_hash bytea primary key,
        login text not null references operator,
        created_at int8 not null,
        seen_at int8 not null)`,
      `create table audit (
        id int8 generated always as identity primary key,
        at int8 not null,
        login text not null,
        action text not null,
        subject text not null,
        outcome text not null)`,
    ],
  },
  {
    name: "0003-shares",
    statements: [
      // A release that was combined here has no trustee of its own: what it came from is in `share`.
      `alter table release alter column trustee drop not null,
        alter column sequence drop not null, alter column sealed drop not null`,
      // Partial releases as they were received. Without a verdict one has not been looked into yet.
      `create table share (
        digest bytea not null,
        trustee bytea not null,
        sequence int8 not null,
        sealed bytea not null,
        verdict text,
        received_at int8 not null,
        primary key (digest, trustee),
        unique (trustee, sequence))`,
      `create table combination (
        digest bytea primary key,
        agreed bytea not null,
        corrupt bool not null)`,
    ],
  },
  {
    name: "0004-retention",
    statements: [
      `create index release_age on release (kind, received_at)`,
      `create index share_age on share (received_at)`,
      `create index audit_age on audit (at)`,
    ],
  },
  {
    name: "0005-feeders",
    statements: [
      // What the network's own meter at a neighbourhood's feeder measured: a day a row, null where it has no reading.
      `create table feeder_block (
        cohort text not null,
        block_start int8 not null,
        block_end int8 not null,
        interval_seconds int4 not null,
        energy_watt_hours int8[] not null,
        imported_at int8 not null,
        primary key (cohort, block_start))`,
    ],
  },
  {
    name: "0006-costs",
    statements: [
      // What a window cost by prices that change by the hour: one total beside its energy, null where it was not released.
      `alter table statement add column prices text, add column cost int8`,
    ],
  },
  {
    name: "0007-corrections",
    statements: [
      // Prices that were published late, as a tariff signer signed them: of nobody.
      `create table tariff_correction (
        tariff text not null,
        number int4 not null,
        digest bytea not null,
        jws text not null,
        applied_at int8 not null,
        primary key (tariff, number))`,
      // What a statement lacks to those prices: made of its own registers, so nothing finer than the window.
      `create table credit_note (
        service_point text not null,
        from_grid int8 not null,
        number int4 not null,
        reason text not null,
        lines jsonb not null,
        amount text not null,
        corrected text not null,
        jws text not null,
        issued_at int8 not null,
        primary key (service_point, from_grid, number),
        foreign key (service_point, from_grid) references statement)`,
    ],
  },
  {
    name: "0008-access",
    statements: [
      // The second factor (RFC 6238): the secret sealed under a key that is not in the database, and the last step that was used.
      `alter table operator add column totp_secret bytea,
        add column totp_on bool not null default false,
        add column totp_step int8 not null default 0`,
      `create table recovery_code (
        login text not null references operator on delete cascade,
        code_hash bytea not null,
        primary key (login, code_hash))`,
      `alter table session add column kind text not null default 'program',
        drop constraint session_login_fkey,
        add foreign key (login) references operator on delete cascade`,
      `create index session_login on session (login, created_at)`,
      `create index audit_login on audit (login, id)`,
      `create index audit_subject on audit (subject, id)`,
      `create index audit_action on audit (action, id)`,
      // Answers to writes, for whoever sends the same once more. Without a status one is still being made.
      `create table idempotency (
        login text not null,
        key text not null,
        request_hash bytea not null,
        status int4,
        content_type text,
        body text,
        created_at int8 not null,
        primary key (login, key))`,
      `create index idempotency_age on idempotency (created_at)`,
      `create index statement_tariff on statement (tariff, from_grid, service_point)`,
      `create index alarm_age on alarm (last_at)`,
      // What refers to a release is looked for when one goes.
      `create index statement_digest on statement (digest)`,
      `create index load_block_digest on load_block (digest)`,
      ...COUNTED,
    ],
  },
  {
    name: "0009-ledger",
    statements: [
      // Who has seen to an alarm; one that comes again after that is open again.
      `alter table alarm add column acknowledged_at int8, add column acknowledged_by text`,
    ],
  },
  {
    name: "0010-deliveries",
    statements: [
      // Where a service point's bills go, and how many were sealed for it.
      `create table mailbox (
        service_point text primary key,
        mailbox text not null,
        sequence int8 not null default 0)`,
      // The outbox: whether there is something to be sent, its newest number, and what waits for the bus, sealed.
      `create table delivery (
        service_point text not null,
        from_grid int8 not null,
        due bool not null default true,
        sequence int8 not null default 0,
        sealed bytea,
        primary key (service_point, from_grid),
        foreign key (service_point, from_grid) references statement)`,
      `create index delivery_due on delivery (service_point, from_grid) where due`,
      `create index delivery_sealed on delivery (service_point, sequence) where sealed is not null`,
      `insert into delivery (service_point, from_grid)
        select service_point, from_grid from statement`,
    ],
  },
  { name: "0011-window-sums", statements: WINDOW_SUMS },
];
