/**
 * What Mosquitto 2.0 needs to be the broker between meters and their concentrator (docs/protocol.md
 * §4.3, decision 0030): `mosquitto.conf` and its list of who may do what. A client is who its
 * certificate says, and speaks and listens under that name alone.
 */
import assert from "node:assert/strict";

export interface MosquittoPlace {
  readonly host: string;
  readonly port: number;
  /** Absolute paths, none of them with a line break. */
  readonly files: {
    /** The authorities whose certificates are let in, PEM. */
    readonly ca: string;
    readonly certificate: string;
    readonly key: string;
    readonly acl: string;
    /** Certificates that are let in no more; absent: none. */
    readonly revoked?: string;
  };
  /** Where sessions and what is queued in them survive a restart; ends with a slash. */
  readonly persistenceFolder: string;
  /** Who the broker runs as when root starts it. Default: Mosquitto's own, `mosquitto`. */
  readonly user?: string;
}

/** One concentrator's; a district with more has more pairs of both. */
const CONNECTIONS_MAX = 20_000;
/** A document of prices of a year, the largest message there is, with its topic. */
const PACKET_BYTES_MAX = 1024 * 1024 + 65_536;
/**
 * On their way to one client, and waiting for it. The concentrator takes 1,000 a second: half a
 * minute of frames, 40 MB as a rule. What does not fit is dropped, and its meter sends it again.
 */
const IN_FLIGHT_MAX = 1000;
const QUEUED_MAX = 20_000;
const QUEUED_BYTES_MAX = 128 * 1024 * 1024;

/** The text of `mosquitto.conf`. A path with a line break is a programmer error. */
export function mosquittoConf({ host, port, files, persistenceFolder, user }: MosquittoPlace) {
  const lines: readonly (readonly [option: string, value: string | number] | undefined)[] = [
    user === undefined ? undefined : ["user", user],
    ["listener", `${port} ${host}`],
    ["max_connections", CONNECTIONS_MAX],
    // Who: the CN of a certificate of ours is user name and client id, so that nobody takes over
    // another's session by using his id.
    ["cafile", files.ca],
    ["certfile", files.certificate],
    ["keyfile", files.key],
    files.revoked === undefined ? undefined : ["crlfile", files.revoked],
    ["tls_version", "tlsv1.3"],
    ["require_certificate", "true"],
    ["use_identity_as_username", "true"],
    ["use_username_as_clientid", "true"],
    ["allow_anonymous", "false"],
    ["acl_file", files.acl],
    // How much.
    ["max_packet_size", PACKET_BYTES_MAX],
    ["max_inflight_messages", IN_FLIGHT_MAX],
    ["max_queued_messages", QUEUED_MAX],
    ["max_queued_bytes", QUEUED_BYTES_MAX],
    ["persistent_client_expiration", "2d"],
    // A broker that dies loses what came since: its meters have no verdict and send again.
    ["persistence", "true"],
    ["persistence_location", persistenceFolder],
    ["autosave_interval", 60],
    ["set_tcp_nodelay", "true"],
    // When a meter comes and goes is nobody's business.
    ["connection_messages", "false"],
    ["log_dest", "stderr"],
    ["log_type", "error"],
    ["log_type", "warning"],
  ];
  const text = lines.map((line) => (line === undefined ? "" : `${line[0]} ${line[1]}\n`)).join("");
  const paths = [...Object.values(files), persistenceFolder, host, user ?? ""];
  assert(
    paths.every((path) => !/[\r\n]/.test(path)),
    "a path of the broker has a line break",
  );
  return text;
}

/**
 * The access list: a meter says what is its own and hears what is its own or for all; the
 * concentrator, known by the CN of its certificate, is the other end of all of it.
 */
export function mosquittoAcl(concentrator: string): string {
  assert(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(concentrator), "a concentrator's name is a CN");
  return `pattern write smarter-metering/v1/up/%u
pattern read smarter-metering/v1/down/%u
pattern read smarter-metering/v1/opener-keys
pattern read smarter-metering/v1/prices/#

user ${concentrator}
topic read smarter-metering/v1/up/#
topic write smarter-metering/v1/down/#
topic write smarter-metering/v1/opener-keys
topic write smarter-metering/v1/prices/#
`;
}
