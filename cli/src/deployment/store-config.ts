/** The `store` section of a role's configuration: a folder with an embedded database, or a database on a PostgreSQL server. */
import { readFile } from "node:fs/promises";
import { readSecretFile, type ConfigPaths, type StorePlace } from "@smarter-metering/runtime";
import { z } from "zod";

const embedded = (paths: ConfigPaths) => z.strictObject({ folder: paths.path() });

const server = (paths: ConfigPaths) =>
  z.strictObject({
    postgres: z.strictObject({
      /** A name, an address, or the folder of a Unix socket. */
      host: z.string().min(1),
      port: z.number().int().min(1).max(65_535).default(5432),
      database: z.string().min(1),
      user: z.string().min(1),
      /** Absent where the server knows the user by his certificate, or by the socket. */
      passwordFile: paths.secretFile().optional(),
      tls: z
        .strictObject({
          caFile: paths.file(),
          certFile: paths.file().optional(),
          keyFile: paths.secretFile().optional(),
          serverName: z.string().min(1).optional(),
        })
        .optional(),
    }),
  });

export const storeConfig = (paths: ConfigPaths) => z.union([embedded(paths), server(paths)]);
export type StoreConfig = z.output<ReturnType<typeof storeConfig>>;

/** Reads the files that the section names. Throws SECRET_FILE, and what reading a file throws. */
export async function storePlace(config: StoreConfig): Promise<StorePlace> {
  if ("folder" in config) return { kind: "pglite", folder: config.folder };
  const { host, port, database, user, passwordFile, tls } = config.postgres;
  return {
    kind: "postgres",
    connection: {
      host,
      port,
      database,
      user,
      ...(passwordFile !== undefined && { password: () => secretText(passwordFile) }),
      ...(tls && { tls: await tlsOf(tls) }),
    },
  };
}

type Server = Extract<StoreConfig, { readonly postgres: unknown }>["postgres"];

async function tlsOf({ caFile, certFile, keyFile, serverName }: NonNullable<Server["tls"]>) {
  return {
    ca: await readFile(caFile, "utf8"),
    ...(certFile !== undefined && { cert: await readFile(certFile, "utf8") }),
    ...(keyFile !== undefined && { key: await secretText(keyFile) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

const secretText = async (path: string): Promise<string> =>
  new TextDecoder().decode(await readSecretFile(path)).trim();
