/**
 * The configuration of a NATS server: what each role's user may publish, take and read, and nothing
 * beside it. It holds no secret: users are known by their public keys.
 */
import { busLimits } from "../bus.ts";
import type { ConsumerName } from "../bus.ts";
import type { StreamOptions } from "../stream-options.ts";
import {
  deadStreamName,
  durablesOf,
  inboxOf,
  keepsSettled,
  plainName,
  publishedOf,
  streamName,
} from "./names.ts";
import { HEADER_BYTES_MAX } from "./provision.ts";

export interface BusGrant {
  /** Streams that the holder may publish to. */
  readonly publish: readonly string[];
  /** What the holder may consume; reading a stream needs any consumer of it. */
  readonly consume: readonly ConsumerName[];
}

export interface BusUser extends BusGrant {
  /** Letters, digits and hyphens; the process names it when it connects. */
  readonly user: string;
  /** Of `createBusKey`. */
  readonly publicKey: string;
}

export interface NatsConfigOptions {
  /** Unique in a cluster. */
  readonly serverName: string;
  readonly listen: Address;
  /** Only this server writes there. */
  readonly storeFolder: string;
  readonly storeBytesMax: number;
  readonly streams: readonly StreamOptions[];
  readonly users: readonly BusUser[];
  /** The one user who may create streams, give dead letters again and read everything. */
  readonly operator: { readonly user: string; readonly publicKey: string };
  /** Absent on the loopback address only. */
  readonly tls?: NatsTls;
  readonly cluster?: NatsCluster;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** PEM files; clients and other servers must show a certificate of `caFile`. */
export interface NatsTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface NatsCluster {
  readonly name: string;
  readonly listen: Address;
  /** Where the servers of the cluster listen for each other, this one included or not. */
  readonly routes: readonly Address[];
}

const acknowledgedMsMax = 10_000;

/** The text of the file, in the JSON that nats-server 2.9 and later read as their own format. */
export function natsConfigOf(options: NatsConfigOptions): string {
  const { serverName, listen, storeFolder, storeBytesMax, tls, cluster, operator } = options;
  const file = {
    server_name: plainName(serverName),
    host: listen.host,
    port: listen.port,
    max_payload: busLimits.bodyBytes + HEADER_BYTES_MAX,
    write_deadline: `${acknowledgedMsMax}ms`,
    jetstream: { store_dir: storeFolder, max_file_store: storeBytesMax, max_memory_store: 0 },
    accounts: {
      BUS: {
        jetstream: "enabled",
        users: [
          ...options.users.map((user) => userOf(user.publicKey, rightsOf(user, options.streams))),
          userOf(operator.publicKey, operatorRights(operator.user)),
        ],
      },
      SYS: {},
    },
    system_account: "SYS",
    ...(tls === undefined ? {} : { tls: tlsOf(tls) }),
    ...(cluster === undefined ? {} : { cluster: clusterOf(cluster, tls) }),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const userOf = (publicKey: string, { publish, subscribe }: Rights) => ({
  nkey: publicKey,
  permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } },
});

const operatorRights = (user: string): Rights => ({
  publish: ["$JS.API.>", "$JS.ACK.>", "sm.>", "sm-dead.>"],
  subscribe: [`${inboxOf(user)}.>`],
});

/** NATS subjects that the grants come to. */
export function rightsOf(grant: BusUser, streams: readonly StreamOptions[]): Rights {
  const declared = new Map(streams.map((stream) => [stream.name, stream]));
  const publish = grant.publish.flatMap((name) => {
    const stream = declared.get(name);
    return stream === undefined ? [] : [publishedOf(name), ...pressureOf(stream)];
  });
  const consume = grant.consume.flatMap(({ stream: name, consumer }) => {
    const stream = declared.get(name);
    if (stream === undefined) return [];
    const reads = [streamName(name), deadStreamName(name)].map(
      (one) => `$JS.API.STREAM.MSG.GET.${one}`,
    );
    return stream.consumers.includes(consumer) ? [...reads, ...takesOf(stream, consumer)] : reads;
  });
  return {
    publish: [...new Set([...publish, ...consume])],
    subscribe: [`${inboxOf(grant.user)}.>`],
  };
}

/** To take messages, to settle them and to set them aside. */
const takesOf = (stream: StreamOptions, consumer: string): string[] => [
  ...durablesOf(stream, consumer).flatMap(({ name }) => [
    `$JS.API.CONSUMER.INFO.${streamName(stream.name)}.${name}`,
    `$JS.API.CONSUMER.MSG.NEXT.${streamName(stream.name)}.${name}`,
    `$JS.ACK.${streamName(stream.name)}.${name}.>`,
  ]),
  `sm-dead.${stream.name}.${plainName(consumer)}.*`,
];

/** Who publishes to a stream that keeps its messages sees how far its consumers are behind. */
const pressureOf = (stream: StreamOptions): string[] =>
  !keepsSettled(stream)
    ? []
    : stream.consumers.flatMap((consumer) =>
        durablesOf(stream, consumer).map(
          ({ name }) => `$JS.API.CONSUMER.INFO.${streamName(stream.name)}.${name}`,
        ),
      );

const tlsOf = ({ caFile, certFile, keyFile }: NatsTls) => ({
  ca_file: caFile,
  cert_file: certFile,
  key_file: keyFile,
  verify: true,
  timeout: 5,
});

const clusterOf = ({ name, listen, routes }: NatsCluster, tls: NatsTls | undefined) => ({
  name: plainName(name),
  host: listen.host,
  port: listen.port,
  routes: routes.map(({ host, port }) => `nats-route://${host}:${port}`),
  ...(tls === undefined ? {} : { tls: tlsOf(tls) }),
});
