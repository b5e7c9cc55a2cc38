/**
 * The UCS's tables (docs/protocol.md §2, §3, §10). Frames, envelopes and wrapped items lie here closed; the columns beside a sealed frame
 * are from its clear header, as far as ranges of time need them. Times are epoch seconds; service points and meters are hex.
 */
import type { Migration } from "@smarter-metering/runtime";

const accounts = [
  `create table ucs_secret (name text primary key, value bytea not null)`,
  `create table ucs_account (
    login text primary key,
    salt bytea not null,
    iterations int4 not null,
    verifier text not null,
    recovery_verifier text not null,
    items jsonb not null,
    public_key bytea not null,
    pinned_meters jsonb,
    created_at int8 not null,
    enrolment_ended_at int8)`,
  `create table ucs_session (
    token_hash bytea primary key,
    login text not null references ucs_account (login),
    scope text not null,
    created_at int8 not null,
    expires_at int8 not null)`,
  `create index ucs_session_login on ucs_session (login, created_at)`,
  `create table ucs_login_attempt (
    name bytea primary key,
    failures int4 not null,
    last_at int8 not null,
    locked_until int8 not null)`,
  `create table ucs_audit (
    id int8 generated always as identity primary key,
    at int8 not null,
    login text not null,
    event text not null,
    about text not null)`,
];

const enrolment = [
  `create table ucs_offer (
    meter text primary key,
    service_point text not null,
    nonce bytea not null,
    sequence int8 not null,
    message bytea not null)`,
  `create index ucs_offer_service_point on ucs_offer (service_point, sequence)`,
  `create table ucs_enrolment (
    meter text not null,
    nonce bytea not null,
    login text not null references ucs_account (login),
    service_point text not null,
    state text not null,
    published bool not null default false,
    request bytea not null,
    answer bytea,
    requested_at int8 not null,
    primary key (meter, nonce))`,
  `create unique index ucs_enrolment_pending on ucs_enrolment (login) where state = 'pending'`,
  `create index ucs_enrolment_login on ucs_enrolment (login, service_point, requested_at)`,
  `create table ucs_link (
    login text primary key references ucs_account (login),
    service_point text not null unique,
    contract_start int8 not null,
    since int8 not null)`,
];

const sealed = [
  `create table ucs_frame (
    hash bytea primary key,
    service_point text not null,
    meter text not null,
    kind text not null,
    block int8 not null,
    first_slot int4 not null,
    starts int8 not null,
    ends int8 not null,
    received_at int8 not null,
    flagged bool not null default false,
    sealed bytea not null)`,
  `create index ucs_frame_range on ucs_frame (service_point, starts, hash)`,
  `create index ucs_frame_block on ucs_frame (meter, block, starts) where kind = 'BLOCK'`,
  `create index ucs_frame_live on ucs_frame (meter) where kind = 'LIVE'`,
  `create table ucs_envelope (
    service_point text not null,
    meter text not null,
    key_epoch int8 not null,
    recipient bytea not null,
    contract_start int8 not null,
    message bytea not null,
    primary key (service_point, meter, key_epoch, recipient))`,
];

/** `recipient`: SHA-256 of the household's public key, which outlives the account that brought it. `proof`: of an authentication key. */
const households = [
  `create table ucs_member (
    login text primary key references ucs_account (login),
    service_point text not null,
    contract_start int8 not null,
    recipient bytea not null,
    item jsonb not null,
    since int8 not null)`,
  `create index ucs_member_service_point on ucs_member (service_point)`,
  `create index ucs_member_recipient on ucs_member (recipient)`,
  `create table ucs_invitation (
    proof bytea primary key,
    inviter text not null references ucs_account (login),
    service_point text not null,
    recipient bytea not null,
    item jsonb not null,
    expires_at int8 not null,
    opened_by text)`,
  `create index ucs_invitation_service_point on ucs_invitation (service_point)`,
  `create index ucs_audit_about on ucs_audit (about, id) where about <> ''`,
];

/** `ucs_mailbox`: which accounts have asked for a mailbox, so that it goes with the last of them. */
const statements = [
  `create table ucs_statement (
    mailbox bytea not null,
    from_grid int8 not null,
    sequence int8 not null,
    message bytea not null,
    received_at int8 not null,
    primary key (mailbox, from_grid))`,
  `create index ucs_statement_received on ucs_statement (received_at)`,
  `create table ucs_mailbox (
    mailbox bytea not null,
    login text not null references ucs_account (login),
    primary key (mailbox, login))`,
  `create index ucs_mailbox_login on ucs_mailbox (login)`,
];

export const migrations: readonly Migration[] = [
  { name: "0001-portal", statements: [...accounts, ...enrolment, ...sealed] },
  {
    name: "0002-retention",
    statements: [
      `create index ucs_frame_received on ucs_frame (received_at)`,
      `create index ucs_audit_login on ucs_audit (login)`,
      `create index ucs_audit_at on ucs_audit (at)`,
      `create index ucs_envelope_recipient on ucs_envelope (recipient)`,
      `create index ucs_account_key on ucs_account (sha256(public_key))`,
    ],
  },
  { name: "0003-households", statements: households },
  { name: "0004-statements", statements },
];
