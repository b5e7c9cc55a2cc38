/**
 * pg_dump and pg_restore for a party's database on a server: one snapshot, taken while the party works. The programs are PostgreSQL's own,
 * of the server's version or newer. The password goes through a file of mode 0600: command lines and environments can be read by others.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PostgresConnection } from "@smarter-metering/runtime";
import { CliError, isSystemError } from "../cli-error.ts";

/** Writes the whole database to `file`. Throws BACKUP_PROGRAM. */
export const dumpDatabase = (connection: PostgresConnection, file: string): Promise<void> =>
  withSecrets(connection, (environment) =>
    run(
      "pg_dump",
      ["--format=custom", "--no-owner", "--no-privileges", "--file", file],
      environment,
    ),
  );

/** Fills an empty database, in one transaction. Throws BACKUP_PROGRAM; then the database is as it was. */
export const restoreDatabase = (connection: PostgresConnection, file: string): Promise<void> =>
  withSecrets(connection, (environment) => {
    const options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"];
    return run("pg_restore", [...options, "--dbname", connection.database, file], environment);
  });

type Environment = Readonly<Record<string, string>>;

/** libpq's variables: names and paths, no secret. */
async function withSecrets<T>(
  connection: PostgresConnection,
  use: (environment: Environment) => Promise<T>,
): Promise<T> {
  const { host, port, database, user, password, tls } = connection;
  const folder = await mkdtemp(join(tmpdir(), "smarter-metering-"));
  const secret = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600, flag: "wx" });
    return path;
  };
  try {
    const environment: Record<string, string> = {
      PATH: process.env["PATH"] ?? "",
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: database,
      PGUSER: user,
      PGCONNECT_TIMEOUT: "10",
    };
    if (password !== undefined) {
      const text = typeof password === "string" ? password : await password();
      const escaped = text.replaceAll(/[\\:]/g, String.raw`\$&`);
      environment["PGPASSFILE"] = await secret("password", `*:*:*:*:${escaped}\n`);
    }
    if (tls !== undefined) {
      environment["PGSSLMODE"] = "verify-full";
      environment["PGSSLROOTCERT"] = await secret("ca.pem", tls.ca);
      if (tls.cert !== undefined) environment["PGSSLCERT"] = await secret("cert.pem", tls.cert);
      if (tls.key !== undefined) environment["PGSSLKEY"] = await secret("key.pem", tls.key);
    }
    return await use(environment);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the program says is not repeated: it may quote rows. */
async function run(
  program: string,
  words: readonly string[],
  environment: Environment,
): Promise<void> {
  const child = spawn(program, words, { env: environment, stdio: "ignore" });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    if (code === 0) return;
    const message = `${program} ended with ${code}; run it by hand against ${environment["PGHOST"]} to see why`;
    throw new CliError("BACKUP_PROGRAM", message);
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
    const message = `${program} is not on this machine; install PostgreSQL's client programs`;
    throw new CliError("BACKUP_PROGRAM", message);
  }
}
