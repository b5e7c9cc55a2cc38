/**
 * A container's health check: asks the role in it for /readyz, over TLS with the role's own certificate where it has one. Plain JavaScript
 * without a dependency, for it starts every half minute.
 */
import { readFileSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { dirname, resolve } from "node:path";

const path = process.argv[2] ?? "/party/config.json";
const { listen, tls } = JSON.parse(readFileSync(path, "utf8"));
const read = (file) => readFileSync(resolve(dirname(path), file));
const identity = tls && {
  cert: read(tls.certFile),
  key: read(tls.keyFile),
  ca: read(tls.caFile),
  // The certificate names the role's public address; here it is asked on the loopback, and shows one of the deployment's authority.
  checkServerIdentity: () => undefined,
};
const isWildcard = listen.host === "0.0.0.0" || listen.host === "::";
const ask = tls === undefined ? plainRequest : tlsRequest;
const options = {
  host: isWildcard ? "127.0.0.1" : (listen.host ?? "127.0.0.1"),
  port: listen.port,
  path: "/readyz",
  timeout: 8_000,
  ...identity,
};
const fail = () => process.exit(1);
ask(options, (response) => process.exit(response.statusCode === 200 ? 0 : 1))
  .on("timeout", fail)
  .on("error", fail)
  .end();
