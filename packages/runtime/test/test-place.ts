/**
 * Where the store of a test lives: in memory, or in a database of its own on the PostgreSQL server that the environment variable
 * SMARTER_METERING_TEST_STORE names (a superuser's `PostgresConnection` as JSON; test/services/store-services.test.ts sets it).
 */
import type { PostgresConnection, StorePlace } from "@smarter-metering/runtime";
import { Client } from "pg";

let databases = 0;

/** A place with nothing in it. */
export async function testPlace(): Promise<StorePlace> {
  const server = process.env["SMARTER_METERING_TEST_STORE"];
  if (server === undefined) return { kind: "pglite" };
  const superuser = JSON.parse(server) as Omit<PostgresConnection, "tls">;
  const database = `test_${process.pid}_${++databases}`;
  const client = new Client({ ...superuser, ssl: false });
  await client.connect();
  await client.query(`create database ${database}`);
  await client.end();
  return { kind: "postgres", connection: { ...superuser, database } };
}
