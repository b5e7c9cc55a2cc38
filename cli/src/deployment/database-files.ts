/**
 * What a PostgreSQL server of a planned deployment is set up with (docs/operating.md, "Three nodes"): its settings, who may connect, and the
 * statements that make databases and their roles. Nobody has a password: certificates of the deployment's authority say who connects.
 *
 * Each database has two roles: its owner, as whom `database migrate` makes the tables, and the party, which reads and writes rows and can
 * neither alter a table nor see another database.
 */
import { join } from "node:path";
import { IDENTITY_FILE, TRUSTED_FILE } from "./layout.ts";
import type { Address, PlannedRole } from "./plan.ts";

/** Whose certificate is taken for every database's owner. */
export const MIGRATOR = "migrator";
/** The map of pg_ident.conf. */
const OWNERS = "owners";

export const ownerOf = (database: string): string => `${database}_owner`;

export interface DatabaseFiles {
  readonly "postgresql.conf": string;
  readonly "pg_hba.conf": string;
  readonly "pg_ident.conf": string;
  readonly "setup.sql": string;
}

/** For a server that is started in the folder of these files and has its data in `data` there. */
export function databaseFiles(databases: readonly PlannedRole[], listen: Address): DatabaseFiles {
  return {
    "postgresql.conf": settings(listen),
    "pg_hba.conf": access(databases),
    "pg_ident.conf": `${databases.map((name) => `${OWNERS} ${MIGRATOR} ${ownerOf(name)}`).join("\n")}\n`,
    "setup.sql": databases.map(setup).join("\n"),
  };
}

function settings({ host, port }: Address): string {
  const lines = {
    listen_addresses: quoted(host),
    port: String(port),
    // Relative to where the server is started …
    hba_file: quoted("pg_hba.conf"),
    ident_file: quoted("pg_ident.conf"),
    // … and to its data.
    unix_socket_directories: quoted(".."),
    ssl: "on",
    ssl_min_protocol_version: "'TLSv1.3'",
    // One file holds both, so that a renewed certificate is one rename and a reload.
    ssl_cert_file: quoted(join("..", IDENTITY_FILE)),
    ssl_key_file: quoted(join("..", IDENTITY_FILE)),
    ssl_ca_file: quoted(join("..", TRUSTED_FILE)),
    // What a party was told is stored survives the loss of power.
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    // Statements hold ciphertexts and tokens of households; a log of them would be a second place for these.
    log_statement: "none",
    log_min_error_statement: "panic",
    log_parameter_max_length_on_error: "0",
  };
  return `${Object.entries(lines)
    .map(([name, value]) => `${name} = ${value}`)
    .join("\n")}\n`;
}

function access(databases: readonly PlannedRole[]): string {
  const lines = databases.flatMap((name) => [
    `hostssl ${name} ${name} all cert clientcert=verify-full`,
    `hostssl ${name} ${ownerOf(name)} all cert map=${OWNERS}`,
  ]);
  // The server's own administrator, on his machine; nobody else, from nowhere.
  return `${["local all postgres peer", ...lines, "host all all all reject"].join("\n")}\n`;
}

/** Names are those of roles in this program: letters and underscores. */
function setup(name: PlannedRole): string {
  const owner = ownerOf(name);
  return `create role ${owner} login;
create role ${name} login;
create database ${name} owner ${owner} encoding 'UTF8' locale 'C' template template0;
revoke all on database ${name} from public;
grant connect on database ${name} to ${name};
\\connect ${name}
revoke all on schema public from public;
grant all on schema public to ${owner};
grant usage on schema public to ${name};
alter default privileges for role ${owner} in schema public
  grant select, insert, update, delete on tables to ${name};
alter default privileges for role ${owner} in schema public
  grant usage, select on sequences to ${name};
\\connect postgres
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
