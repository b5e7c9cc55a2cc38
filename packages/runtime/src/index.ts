/**
 * What every process needs and nothing of the protocol: a store, a bus, configuration, time, logs,
 * metrics, HTTP, an orderly end, and files that survive a power loss. Each name is documented where
 * it is defined; every failure is a RuntimeError, its codes are listed in error.ts.
 */
export { RuntimeError, hasCode, systemCode } from "./error.ts";
export type { RuntimeErrorCode, RuntimeErrorDetails } from "./error.ts";

export { openStore } from "./store/store.ts";
export type { Sql, SqlValue, Store, StoreOptions } from "./store/store.ts";
export type { PostgresConnection, PostgresTls, StorePlace } from "./store/place.ts";
export { migrate } from "./store/migrations.ts";
export type { Migration } from "./store/migrations.ts";
export { insertMany } from "./store/insert-many.ts";
export type { InsertManyOptions, SqlType } from "./store/insert-many.ts";
export { meteredStore } from "./store/metered-store.ts";
export { lockFolder } from "./store/folder-lock.ts";
export type { FolderLock } from "./store/folder-lock.ts";

export { assignPartitions } from "./group/assignment.ts";
export { groupStatements, joinGroup } from "./group/group.ts";
export type { Group, GroupOptions, GroupView } from "./group/group.ts";

export { busLimits } from "./bus/bus.ts";
export type {
  Bus,
  BusMessage,
  ConsumeOptions,
  ConsumerName,
  DeadLetter,
  Delivery,
  Handler,
  PublishResult,
  ReadRange,
  Subscription,
  Verdict,
} from "./bus/bus.ts";
export { PARTITIONS, partitionNames, partitionOf } from "./bus/partition.ts";
export { openBus } from "./bus/store-engine.ts";
export type { EmbeddedBus, OpenBusOptions } from "./bus/store-engine.ts";
export type { StreamOptions } from "./bus/stream-options.ts";
export { connectJetStream } from "./bus/jetstream/engine.ts";
export type { JetStreamBus, JetStreamOptions } from "./bus/jetstream/engine.ts";
export { createBusKey } from "./bus/jetstream/link.ts";
export type { BusKey, JetStreamConnection } from "./bus/jetstream/link.ts";
export { provisionStreams } from "./bus/jetstream/provision.ts";
export type { ProvisionOptions } from "./bus/jetstream/provision.ts";
export { natsConfigOf } from "./bus/jetstream/server-config.ts";
export type { BusGrant, BusUser, NatsConfigOptions } from "./bus/jetstream/server-config.ts";
export { serveBus } from "./bus/http-server.ts";
export type { BusToken, ServeBusOptions } from "./bus/http-server.ts";
export { addBacklogMetrics } from "./bus/backlog-metrics.ts";
export { meteredBus } from "./bus/metered-bus.ts";
export { connectBus } from "./bus/http-client.ts";
export type { ConnectBusOptions } from "./bus/http-client.ts";

export { loadConfig } from "./config.ts";
export type { ConfigPaths, LoadedConfig } from "./config.ts";
export { manualClock, sleepUntil, systemClock } from "./clock.ts";
export type { Cancel, Clock, ManualClock, TimerCallback } from "./clock.ts";
export { createLogger, errorFields, runtimeLogFields, silentLogger } from "./log.ts";
export type { LogFieldKind, LogFields, LogLevel, Logger, LoggerOptions } from "./log.ts";
export { createMetrics } from "./metrics.ts";
export type { Counter, Gauge, Histogram, Labels, Metrics } from "./metrics.ts";
export { createCollectors } from "./collectors.ts";
export type { Collectors } from "./collectors.ts";
export { addProcessMetrics } from "./process-metrics.ts";
export type { ProcessMetricsOptions } from "./process-metrics.ts";
export { createRecorder } from "./recorder.ts";
export type { Recorder } from "./recorder.ts";

export { createApp } from "./http/app.ts";
export type { App, AppEnv, AppOptions } from "./http/app.ts";
export { listen, reachableHost } from "./http/listen.ts";
export type { Listening, ListenOptions } from "./http/listen.ts";
export type { ListenTls } from "./http/tls-server.ts";
export { openTlsIdentity } from "./http/tls-identity.ts";
export type { TlsFiles, TlsIdentity, TlsIdentityPorts, TlsMaterial } from "./http/tls-identity.ts";
export { peerFetch } from "./http/peer-fetch.ts";
export type { Fetch, PeerFetch, PeerFetchOptions } from "./http/peer-fetch.ts";
export { mayBe, peerOf } from "./http/peer.ts";
export type { RequestLimit } from "./http/request-limit.ts";
export { SessionCookie } from "./http/session-cookie.ts";
export { addWebFiles, WEB_POLICY } from "./http/web-files.ts";
export { problemResponse, statusProblem } from "./http/problem.ts";
export type { Problem, ProblemOf } from "./http/problem.ts";
/** Typed routes: `app.openapi(createRoute({…}), handler)`, schemas with this `z`. */
export { createRoute, z } from "@hono/zod-openapi";

export { createShutdown } from "./shutdown.ts";
export type { Shutdown, ShutdownOptions } from "./shutdown.ts";
export { processLimits } from "./process-limits.ts";
export type { ProcessLimits } from "./process-limits.ts";

export { openJournal } from "./journal.ts";
export type { Journal, JournalOptions } from "./journal.ts";
export { durableFile, writeFileAtomic, type DurableFile } from "./atomic-file.ts";
export { machineDisk, syncFolder, type Disk, type DiskFile } from "./disk.ts";
export { readSecretFile, writeSecretFile } from "./secret-file.ts";
