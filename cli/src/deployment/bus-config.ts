/** The `nats` section of a role's configuration: NATS servers, in place of the embedded bus of another process. */
import { join } from "node:path";
import type { ConfigPaths } from "@smarter-metering/runtime";
import { z } from "zod";
import type { Layout } from "./layout.ts";
import { tlsConfig } from "./tls-config.ts";

export const natsConfig = (paths: ConfigPaths) =>
  z.strictObject({
    /** Those to start with; a cluster tells the others. */
    servers: z
      .array(z.url({ protocol: /^(nats|tls)$/ }))
      .min(1)
      .max(16),
    /** As in the servers' configuration. */
    user: z.string().min(1),
    /** The seed of the user's key. */
    seedFile: paths.secretFile(),
    /** How many hold shares of the Paillier key; 0: one trustee holds all of it. */
    shareHolders: z.number().int().min(0).max(16).default(0),
  });
export type NatsConfig = z.output<ReturnType<typeof natsConfig>>;

/** Where the bus are NATS servers: who makes the streams, and may read and give again all that lies on them. No party. */
export const natsOperatorPath = (layout: Layout): string => join(layout.folder("bus"), "nats.json");

/** Of that file. */
export const natsOperatorConfig = (paths: ConfigPaths) =>
  z.strictObject({
    nats: natsConfig(paths),
    /** Servers of the cluster that keep each message. */
    replicas: z.union([z.literal(1), z.literal(3)]),
    tls: tlsConfig(paths),
  });
