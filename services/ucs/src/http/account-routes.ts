/** Accounts, logins, sessions, the vault (docs/protocol.md §10.2). Passwords never come here, in no form that would open the vault. */
import {
  fromBase64Url,
  ProtocolError,
  recipientFromSpki,
  toBase64Url,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import {
  createRoute,
  type App,
  type Clock,
  type Metrics,
  type Store,
  z,
} from "@smarter-metering/runtime";
import type { Account, AccountStore } from "../account-store.ts";
import { deleteOwnAccount, remainingFacts, type KeptDays } from "../deletion.ts";
import type { AuthenticationKeys } from "../authentication-key.ts";
import { UcsError } from "../error.ts";
import type { HouseholdStore } from "../household-store.ts";
import type { LiveHub } from "../live-hub.ts";
import type { LoginGuard } from "../login-guard.ts";
import { servicePointsOf } from "../service-points.ts";
import * as schema from "./schemas.ts";
import type { SessionAuth } from "./session-auth.ts";

export interface AccountRoutesPorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly registry: RegistryFeed<UcsView>;
  readonly accounts: AccountStore;
  readonly households: HouseholdStore;
  readonly keys: AuthenticationKeys;
  readonly guard: LoginGuard;
  readonly auth: SessionAuth;
  readonly accountsMax: number;
  readonly store: Store;
  readonly hub: LiveHub;
  readonly kept: KeptDays;
}

const routes = {
  signUp: createRoute({
    method: "post",
    path: "/v1/accounts",
    request: { body: schema.body(schema.signUp) },
    responses: {
      201: schema.json(z.object({ account: schema.login }), "The account"),
      ...schema.problems,
    },
  }),
  parameters: createRoute({
    method: "get",
    path: "/v1/logins/{login}",
    request: { params: z.object({ login: schema.login }) },
    responses: {
      200: schema.json(
        schema.passwordParameters,
        "How to derive the keys; of any login, taken or not",
      ),
      ...schema.problems,
    },
  }),
  logIn: createRoute({
    method: "post",
    path: "/v1/sessions",
    request: { body: schema.body(schema.logIn) },
    responses: { 200: schema.json(schema.session, "The session"), ...schema.problems },
  }),
  recover: createRoute({
    method: "post",
    path: "/v1/recoveries",
    request: { body: schema.body(schema.recover) },
    responses: {
      200: schema.json(schema.recovery, "A session for a new password, and nothing else"),
      ...schema.problems,
    },
  }),
  logOut: createRoute({
    method: "delete",
    path: "/v1/sessions",
    responses: { 204: { description: "The session has ended" }, ...schema.problems },
  }),
  changeVault: createRoute({
    method: "put",
    path: "/v1/vault",
    request: { body: schema.body(schema.newPassword) },
    responses: { 204: { description: "The password is changed" }, ...schema.problems },
  }),
  putPinnedMeters: createRoute({
    method: "put",
    path: "/v1/vault/pinned-meters",
    request: { body: schema.body(schema.wrappedItem) },
    responses: { 204: { description: "The list is stored" }, ...schema.problems },
  }),
  deletionFacts: createRoute({
    method: "get",
    path: "/v1/account/deletion",
    responses: {
      200: schema.json(schema.deletionFacts, "What would remain of a deleted account"),
      ...schema.problems,
    },
  }),
  remove: createRoute({
    method: "delete",
    path: "/v1/account",
    request: { body: schema.body(schema.deletion) },
    responses: {
      200: schema.json(schema.deleted, "The account is deleted"),
      ...schema.problems,
    },
  }),
};

type PasswordBody = z.infer<typeof schema.newPassword>;

export function addAccountRoutes(app: App, ports: AccountRoutesPorts): void {
  const { clock, accounts, keys, guard, auth } = ports;
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);

  const passwordPart = async ({ salt, iterations, authenticationKey, items }: PasswordBody) => {
    if (keys.isBusy) throw new UcsError("UCS_BUSY");
    const verifier = await keys.hash(fromBase64Url(authenticationKey));
    return { salt: fromBase64Url(salt), iterations, verifier, items };
  };

  app.openapi(routes.signUp, async (context) => {
    const { login, publicKey, recoveryAuthenticationKey, ...password } =
      context.req.valid("json").registration;
    const spki = fromBase64Url(publicKey);
    await checkPublicKey(spki);
    const part = await passwordPart(password);
    const recoveryVerifier = await keys.hash(fromBase64Url(recoveryAuthenticationKey));
    const account = { login, publicKey: spki, recoveryVerifier, ...part };
    const outcome = await accounts.create(account, nowSeconds(), ports.accountsMax);
    if (outcome === "taken") throw new UcsError("UCS_LOGIN_TAKEN");
    if (outcome === "full") throw new UcsError("UCS_ACCOUNTS_FULL");
    return context.json({ account: login }, 201);
  });

  app.openapi(routes.parameters, async (context) => {
    const { login } = context.req.valid("param");
    const account = await accounts.find(login);
    const fake = await guard.fakeSalt(login);
    context.header("cache-control", "no-store");
    const iterations = schema.PASSWORD_ITERATIONS;
    return context.json({ salt: toBase64Url(account?.salt ?? fake), iterations } as const, 200);
  });

  const admit = admission(ports);
  addEntrances(app, ports, admit);
  addDeletion(app, ports, admit);

  app.openapi(routes.logOut, async (context) => {
    await auth.close(context, await auth.require(context));
    return context.body(null, 204);
  });

  app.openapi(routes.changeVault, async (context) => {
    const session = await auth.require(context, ["full", "recovery"]);
    const { login, token, scope } = session;
    const changed = await passwordPart(context.req.valid("json"));
    const outcome = await accounts.changeVault(login, changed, token, nowSeconds());
    if (outcome === "conflict") throw new UcsError("UCS_VAULT_CONFLICT");
    if (scope === "recovery") await auth.close(context, session);
    return context.body(null, 204);
  });

  app.openapi(routes.putPinnedMeters, async (context) => {
    const { login } = await auth.require(context);
    const item = context.req.valid("json");
    const outcome = await accounts.putPinnedMeters(login, item, nowSeconds());
    if (outcome === "conflict") throw new UcsError("UCS_VAULT_CONFLICT");
    return context.body(null, 204);
  });
}

type Admit = (
  login: string,
  key: string,
  verifierOf: (account: Account) => string,
) => Promise<Account>;

/** Whoever proves an account: one count of failures, the same answers whether or not there is such a login. */
function admission(ports: AccountRoutesPorts): Admit {
  const { clock, accounts, keys, guard } = ports;
  const total = ports.metrics.counter("ucs_logins_total", "Logins by outcome", ["outcome"]);

  return async (login, key, verifierOf) => {
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    if (keys.isBusy) throw new UcsError("UCS_BUSY");
    if (!(await guard.admit(login, nowSeconds))) {
      total.add(1, { outcome: "locked" });
      throw new UcsError("UCS_LOGIN_LOCKED");
    }
    const account = await accounts.find(login);
    const fits = await keys.verify(fromBase64Url(key), account && verifierOf(account));
    if (account === undefined || !fits) {
      total.add(1, { outcome: "refused" });
      if (account !== undefined) await accounts.noteRefusal(login, nowSeconds);
      throw new UcsError("UCS_LOGIN_REFUSED");
    }
    total.add(1, { outcome: "opened" });
    await guard.clear(login);
    return account;
  };
}

/** Log-in and recovery: two keys of one account. */
function addEntrances(app: App, ports: AccountRoutesPorts, admit: Admit): void {
  const { households, auth, registry } = ports;

  app.openapi(routes.logIn, async (context) => {
    const { login, authenticationKey } = context.req.valid("json");
    const account = await admit(login, authenticationKey, ({ verifier }) => verifier);
    const opened = await auth.open(context, { login, scope: "full" });
    const reach = await households.reach(login, servicePointsOf(registry.current().view));
    context.header("cache-control", "no-store");
    return context.json(
      {
        ...opened,
        account: login,
        items: account.items,
        pinnedMeters: account.pinnedMeters,
        publicKey: toBase64Url(account.publicKey),
        servicePoint: reach?.servicePoint ?? null,
        household: reach?.item ?? null,
        enrolmentEndedAt: account.enrolmentEndedAt,
      },
      200,
    );
  });

  app.openapi(routes.recover, async (context) => {
    const { login, recoveryAuthenticationKey } = context.req.valid("json");
    const account = await admit(
      login,
      recoveryAuthenticationKey,
      ({ recoveryVerifier }) => recoveryVerifier,
    );
    const opened = await auth.open(context, { login, scope: "recovery" });
    context.header("cache-control", "no-store");
    return context.json({ ...opened, account: login, items: account.items }, 200);
  });
}

/** The session says whose, the password's key that it is he: a stolen session deletes nothing. */
function addDeletion(app: App, ports: AccountRoutesPorts, admit: Admit): void {
  const { clock, store, households, hub, auth, registry, kept } = ports;
  const householdOf = (login: string) =>
    households.household(login, servicePointsOf(registry.current().view));

  app.openapi(routes.deletionFacts, async (context) => {
    const { login } = await auth.require(context);
    const { persons = [] } = (await householdOf(login)) ?? {};
    context.header("cache-control", "no-store");
    return context.json({ remains: remainingFacts(kept), othersRead: persons.length > 1 }, 200);
  });

  app.openapi(routes.remove, async (context) => {
    const session = await auth.require(context);
    const { login } = session;
    const { authenticationKey } = context.req.valid("json");
    await admit(login, authenticationKey, ({ verifier }) => verifier);
    const { servicePoint = "" } = (await householdOf(login)) ?? {};
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const deleted = await deleteOwnAccount(store, login, servicePoint, nowSeconds);
    hub.endOf(login);
    await auth.close(context, session);
    return context.json({ deleted, remains: remainingFacts(kept) }, 200);
  });
}

async function checkPublicKey(spki: Uint8Array): Promise<void> {
  try {
    await recipientFromSpki(spki);
  } catch (error) {
    if (error instanceof ProtocolError) throw new UcsError("UCS_KEY_WEAK", error);
    throw error;
  }
}
