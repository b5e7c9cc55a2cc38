/** The tables of the embedded bus. Times are epoch milliseconds; see store-engine.ts for their use. */
import type { Migration } from "../store/migrations.ts";

export const busMigrations: readonly Migration[] = [
  {
    name: "0001-bus",
    statements: [
      `create table bus_message (
        stream text not null, sequence int8 not null, id text not null, subject text not null,
        body bytea not null, at_ms int8 not null,
        primary key (stream, sequence), unique (stream, id))`,
      // Ids of deleted messages, so that a late duplicate is still recognised.
      `create table bus_seen (
        stream text not null, id text not null, sequence int8 not null, primary key (stream, id))`,
      "create index bus_seen_sequence on bus_seen (stream, sequence)",
      // Every message up to the cursor is settled, except those in bus_open.
      `create table bus_consumer (
        stream text not null, consumer text not null, cursor int8 not null,
        primary key (stream, consumer))`,
      `create table bus_open (
        stream text not null, consumer text not null, sequence int8 not null,
        attempt int4 not null, due_ms int8 not null, alone bool not null,
        primary key (stream, consumer, sequence))`,
      `create table bus_dead (
        stream text not null, consumer text not null, sequence int8 not null,
        attempt int4 not null, reason text not null, at_ms int8 not null,
        primary key (stream, consumer, sequence))`,
    ],
  },
];
