/** The API's schemas: they validate, and the OpenAPI document is made from them. Bytes are base64url, hex where a name says so. */
import { z } from "@smarter-metering/runtime";

/** The one number of PBKDF2 iterations (docs/protocol.md §10.2): were there two, the answer for a login would tell of its age. */
export const PASSWORD_ITERATIONS = 1_000_000;

const base64Url = (charactersMin: number, charactersMax: number) =>
  z
    .string()
    .min(charactersMin)
    .max(charactersMax)
    .regex(/^[A-Za-z0-9_-]*$/);

export const wrappedItem = z.strictObject({
  version: z.int().min(1).max(1_000_000),
  nonce: base64Url(16, 16),
  ciphertext: base64Url(22, 8192),
});

/** Lower case and without look-alikes: one person, one way to write it. Bound into the wrapped items and the enrolment. */
export const login = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._@+-]{2,126}$/)
  .openapi("Login", { example: "anna@example.org" });

export const servicePoint = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .openapi("NetworkPseudonym");

const vaultItems = z.strictObject({
  "master-by-password": wrappedItem,
  "master-by-recovery": wrappedItem,
  "private-key": wrappedItem,
});

const password = {
  salt: base64Url(22, 22),
  iterations: z.literal(PASSWORD_ITERATIONS),
  authenticationKey: base64Url(43, 43),
};

export const passwordParameters = z.object({
  salt: password.salt,
  iterations: password.iterations,
});

export const signUp = z.strictObject({
  registration: z.strictObject({
    login,
    ...password,
    recoveryAuthenticationKey: password.authenticationKey,
    items: vaultItems,
    publicKey: base64Url(500, 2048),
  }),
});

export const newPassword = z.strictObject({ ...password, items: vaultItems });

export const logIn = z.strictObject({
  login,
  authenticationKey: password.authenticationKey,
});

/** Fresh: a session alone deletes nothing. */
export const deletion = z.strictObject({ authenticationKey: password.authenticationKey });

const remains = z.array(
  z.object({
    party: z.string(),
    what: z.string(),
    /** Null: for ever, or nobody's to say. */
    keptDays: z.int().nullable(),
  }),
);
/** `othersRead`: other persons of the household go on; if not, nobody can open what stays sealed. */
export const deletionFacts = z.object({ remains, othersRead: z.boolean() });
export const deleted = z.object({ deleted: z.record(z.string(), z.int()), remains });

export const recover = z.strictObject({
  login,
  recoveryAuthenticationKey: password.authenticationKey,
});

const entered = {
  /** Bearer sessions only: a browser's is in its cookie. */
  token: z.string().optional(),
  /** Cookie sessions only: to be sent back as `x-csrf-token` with every change. */
  csrf: z.string().optional(),
  account: login,
  items: vaultItems,
};

/** Ten minutes, for `PUT /v1/vault` alone. */
export const recovery = z.object(entered);

export const session = z.object({
  ...entered,
  /** Null before the first enrolment. */
  pinnedMeters: wrappedItem.nullable(),
  /** Of an invited account: the household's key and meters, under the account's own master key. */
  household: wrappedItem.nullable(),
  publicKey: z.string(),
  servicePoint: servicePoint.nullable(),
  /** Epoch seconds: another account was enrolled for the service point since. */
  enrolmentEndedAt: z.int().nullable(),
});

export const policyNotice = z.object({
  policyNotice: z
    .object({
      policyId: z.string(),
      /** Epoch seconds: not before. */
      inForceFrom: z.int(),
      changes: z.array(z.string()),
    })
    .nullable(),
});

export const offer = z.object({ offer: z.string(), meterKey: z.string() });
export const enrol = z.strictObject({ request: base64Url(100, 4096) });
export const enrolmentState = z.object({
  /** Of the newest request; one that no meter will answer any more counts as refused. */
  state: z.enum(["none", "pending", "accepted", "refused"]),
  /** The meter's newest acceptance of this account, whatever became of later requests. */
  answer: z.string().optional(),
});

export const envelopes = z.object({ envelopes: z.array(z.string()) });
export const frames = z.object({
  frames: z.array(z.string()),
  /** Ask again with it as `cursor`; absent on the last page. */
  next: z.string().optional(),
});

/** Who invites, and who joins: both know the secret, and have wrapped the household's key each in his own way. */
export const invitation = z.strictObject({
  authenticationKey: password.authenticationKey,
  item: wrappedItem,
});
export const opening = z.strictObject({ authenticationKey: password.authenticationKey });
export const opened = z.object({ inviter: login, item: wrappedItem });
export const invited = z.object({ expiresAt: z.int() });
export const invitationId = z.string().regex(/^[0-9a-f]{64}$/);
export const household = z.object({
  /** The first may invite and end. Epoch seconds. */
  persons: z.array(z.object({ login, since: z.int() })),
  isFirst: z.boolean(),
  /** Those that wait; for the first person's eyes. */
  invitations: z.array(
    z.object({ id: invitationId, expiresAt: z.int(), openedBy: login.nullable() }),
  ),
});
export const householdEvents = z.object({
  events: z.array(z.object({ at: z.int(), login, event: z.string() })),
});

const epochSeconds = z
  .string()
  .regex(/^\d{1,11}$/)
  .transform(Number);
export const statements = z.object({
  statements: z.array(z.string()),
  /** Ask again with it as `cursor`; absent on the last page. */
  next: z.string().optional(),
});
export const statementQuery = z.object({
  mailbox: z.string().regex(/^[0-9a-f]{32}$/),
  cursor: epochSeconds.optional(),
});
export const evidenceQuery = z.object({
  from: epochSeconds,
  to: epochSeconds,
  offset: z
    .string()
    .regex(/^\d{1,7}$/)
    .transform(Number)
    .optional(),
});
export const frameQuery = z.object({
  from: epochSeconds,
  to: epochSeconds,
  cursor: z
    .string()
    .regex(/^\d{1,11}\.[0-9a-f]{64}$/)
    .optional(),
});

const problem = z
  .object({ status: z.number(), code: z.string(), title: z.string() })
  .openapi("Problem");

export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

export const body = <Schema extends z.ZodType>(schema: Schema) => ({
  content: { "application/json": { schema } },
  required: true,
});

/** What every route may answer besides. */
export const problems = {
  default: {
    description: "A problem (RFC 9457) with a literal code",
    content: { "application/problem+json": { schema: problem } },
  },
};
