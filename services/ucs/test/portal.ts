/** A UCS over an in-memory store and bus, with customers' devices and meters of the test world around it. */
import assert from "node:assert/strict";
import {
  customerMac,
  decodeEnrolmentRequest,
  encodeEnrolmentAnswer,
  encodeEnrolmentRequest,
  encodeEnvelope,
  encodeOffer,
  encodeUplinkItem,
  fromHex,
  meterMac,
  primitives,
  sealEnvelope,
  signEnrolmentAnswer,
  signOffer,
  toBase64Url,
  toHex,
  type Recipient,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type EmbeddedBus,
  type ManualClock,
  type Store,
} from "@smarter-metering/runtime";
import { startUcs, type UcsConfig, type UcsPorts, type UcsService } from "@smarter-metering/ucs";
import { testPlace } from "../../../packages/runtime/test/test-place.ts";
import {
  makeWorld,
  named,
  testRecipient,
  type MadeFrame,
  type World,
  type WorldHousehold,
} from "../../../test/support/world.ts";

export interface Portal {
  readonly world: World;
  readonly clock: ManualClock;
  readonly store: Store;
  readonly bus: EmbeddedBus;
  /** The running service; `restart` replaces it. */
  ucs: UcsService;
  restart(): Promise<void>;
  close(): Promise<void>;
}

const STREAMS = [
  { name: "sealed", consumers: ["ucs"], messagesMax: 10_000 },
  { name: "customer-keys", consumers: ["ucs"], messagesMax: 10_000 },
  { name: "statements", consumers: ["ucs"], messagesMax: 10_000 },
  { name: "downlink", consumers: ["concentrator"], messagesMax: 1_000, retainAcked: true },
];

export async function openPortal(
  config: UcsConfig = {},
  webFolder: string | null = null,
  evidence: Partial<UcsPorts["evidence"]> = {},
): Promise<Portal> {
  const world = await makeWorld({ households: 2 });
  const clock = manualClock(world.startSeconds * 1000);
  const store = await openStore({ place: await testPlace(), schema: "test", migrations: [] });
  const bus = await openBus({ store, streams: STREAMS, clock });
  const start = (): Promise<UcsService> =>
    startUcs(config, {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus,
      store,
      registry: world.ucsFeed,
      evidence: { ...evidenceOf(world), ...evidence },
      webFolder,
    });
  const portal: Portal = {
    world,
    clock,
    store,
    bus,
    ucs: await start(),
    async restart() {
      await portal.ucs.close();
      portal.ucs = await start();
    },
    async close() {
      await portal.ucs.close();
      await bus.close();
      await store.close();
      await world.close();
    },
  };
  return portal;
}

/** A registry of one epoch, whose public view says so, and no aggregator. */
const evidenceOf = (world: World): UcsPorts["evidence"] => ({
  rootKey: toHex(world.root.publicKey),
  transport: {
    epochs: () => Promise.resolve(["epoch 0"]),
    head: (name) => Promise.resolve(JSON.stringify({ view: name })),
    parts: () => Promise.resolve([]),
  },
  aggregatorUrl: null,
  fetch: () => Promise.reject(new Error("no network in this test")),
});

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** Calls without a session. */
export function caller(portal: Portal): Call {
  return async (method, path, body, headers = {}) => {
    const response = await portal.ucs.http.request(path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : { text };
    return { status: response.status, headers: response.headers, body: parsed };
  };
}

export const item = (name: string, version = 1) => ({
  version,
  nonce: toBase64Url(named(`nonce ${name}`, 12)),
  ciphertext: toBase64Url(named(`item ${name}`)),
});

export const items = {
  "master-by-password": item("password"),
  "master-by-recovery": item("recovery"),
  "private-key": item("private"),
};

export const authenticationKey = (login: string): string =>
  toBase64Url(named(`authentication key of ${login}`));

export const recoveryAuthenticationKey = (login: string): string =>
  toBase64Url(named(`recovery authentication key of ${login}`));

/** What a customer's device would register; the wrapped items are noise, as the UCS sees them. */
export async function registration(login: string, key: "customer" | "other" = "customer") {
  const { spki } = await testRecipient(key);
  return {
    login,
    salt: toBase64Url(named(`salt of ${login}`, 16)),
    iterations: 1_000_000,
    authenticationKey: authenticationKey(login),
    recoveryAuthenticationKey: recoveryAuthenticationKey(login),
    items,
    publicKey: toBase64Url(spki),
  };
}

export interface Customer {
  readonly login: string;
  readonly token: string;
  readonly recipient: Recipient;
  readonly call: Call;
}

export async function customer(
  portal: Portal,
  login: string,
  key: "customer" | "other" = "customer",
): Promise<Customer> {
  const anyone = caller(portal);
  const created = await anyone("POST", "/v1/accounts", {
    registration: await registration(login, key),
  });
  assert.equal(created.status, 201);
  const { recipient } = await testRecipient(key);
  const opened = await logIn(portal, login);
  const token = String(opened.body["token"]);
  return { login, token, recipient, call: withToken(portal, token) };
}

export function logIn(portal: Portal, login: string): Promise<Answer> {
  const body = { login, authenticationKey: authenticationKey(login) };
  return caller(portal)("POST", "/v1/sessions", body);
}

export function recover(portal: Portal, login: string): Promise<Answer> {
  const body = { login, recoveryAuthenticationKey: recoveryAuthenticationKey(login) };
  return caller(portal)("POST", "/v1/recoveries", body);
}

export function withToken(portal: Portal, token: string): Call {
  return (method, path, body, headers) =>
    caller(portal)(method, path, body, { authorization: `Bearer ${token}`, ...headers });
}

export async function publishSealed(portal: Portal, ...made: readonly MadeFrame[]): Promise<void> {
  await portal.bus.publish(
    "sealed",
    made.map(({ hash, bytes }) => ({ id: toHex(hash), subject: "", body: bytes })),
  );
  await portal.bus.idle();
}

export async function publishKeys(portal: Portal, body: Uint8Array): Promise<void> {
  const id = toHex(await primitives.sha256(body));
  await portal.bus.publish("customer-keys", [{ id, subject: "", body }]);
  await portal.bus.idle();
}

/** A meter's part in enrolment. */
export async function offerOf(
  portal: Portal,
  { network, meterId, meter }: WorldHousehold,
  name: string,
): Promise<Uint8Array> {
  const unsigned = {
    networkPseudonym: fromHex(network),
    meterId: fromHex(meterId),
    nonce: named(`nonce ${name}`, 16),
  };
  const message = encodeOffer(await signOffer(unsigned, meter));
  await publishKeys(portal, encodeUplinkItem({ kind: "ENROLMENT_OFFER", message }));
  return unsigned.nonce;
}

/** The customer's request for a nonce, base64url. */
export async function requestOf(
  { login, recipient }: Pick<Customer, "login" | "recipient">,
  household: WorldHousehold,
  nonce: Uint8Array,
): Promise<string> {
  const context = {
    networkPseudonym: fromHex(household.network),
    meterId: fromHex(household.meterId),
    account: login,
    customerSpki: recipient.spki,
    nonce,
  };
  const mac = await customerMac(household.enrolmentCode, context);
  return toBase64Url(encodeEnrolmentRequest({ ...context, mac }));
}

/** Answers the newest request on the downlink. */
export async function answerNewest(
  portal: Portal,
  household: WorldHousehold,
  overrides: { accepted?: boolean; signer?: Signer; nonce?: Uint8Array } = {},
): Promise<void> {
  const newest = await portal.bus.last("downlink", household.meterId);
  assert(newest !== undefined);
  const context = decodeEnrolmentRequest(newest.body);
  const { signer = household.meter, ...changes } = overrides;
  const mac = await meterMac(household.enrolmentCode, context, signer.publicKey);
  const terms = { accepted: true, ...context, mac, ...changes };
  const message = encodeEnrolmentAnswer(await signEnrolmentAnswer(terms, signer));
  await publishKeys(portal, encodeUplinkItem({ kind: "ENROLMENT_ANSWER", message }));
}

export async function enrol(
  portal: Portal,
  who: Customer,
  household: WorldHousehold,
): Promise<void> {
  const nonce = await offerOf(portal, household, `for ${who.login}`);
  const request = await requestOf(who, household, nonce);
  assert.equal((await who.call("POST", "/v1/enrolments", { request })).status, 202);
  await answerNewest(portal, household);
}

export async function envelopeFor(
  portal: Portal,
  household: WorldHousehold,
  to: Recipient,
): Promise<Uint8Array> {
  const { keyEpoch, dataKey } = household.frames;
  const names = {
    networkPseudonym: fromHex(household.network),
    meterId: fromHex(household.meterId),
  };
  const context = { ...names, recipient: "customer", keyEpoch } as const;
  const message = encodeEnvelope(await sealEnvelope(context, dataKey, to, household.meter));
  await publishKeys(portal, encodeUplinkItem({ kind: "ENVELOPE", message }));
  return message;
}
