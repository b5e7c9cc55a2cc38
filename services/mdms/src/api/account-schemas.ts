/** The schemas of sessions and operators' accounts in the API. */
import { z } from "@smarter-metering/runtime";
import { PERMISSIONS, ROLES } from "../access/roles.ts";

const isoText = z.string().openapi({ format: "date-time" });
const password = z.string().max(256);
/** Six digits, or a recovery code with its dashes. */
const code = z
  .string()
  .max(32)
  .openapi({ description: "of the authenticator app, or a recovery code" });

export const credentials = z.strictObject({
  login: z.string().max(64),
  password,
  code: code.optional(),
});
/** What confirms a change of one's own account. */
export const proof = z.strictObject({ password, code: code.optional() });
export const passwordChange = proof.extend({ newPassword: password });
export const totpConfirmation = z.strictObject({ code });

/** What a page has to know; the same after a reload. */
export const pageSession = z
  .object({
    login: z.string(),
    role: z.enum(ROLES),
    permissions: z.array(z.enum(PERMISSIONS)),
    csrfToken: z.string().openapi({ description: "as `x-csrf-token` with every write" }),
    expiresAt: isoText,
    idleSeconds: z.number().openapi({ description: "without a request, and it ends" }),
    mustEnrol: z.boolean().openapi({ description: "a second factor has to be set up first" }),
  })
  .openapi("PageSession");
export const programSession = z
  .object({ token: z.string(), role: z.enum(ROLES), expiresAt: isoText, mustEnrol: z.boolean() })
  .openapi("ProgramSession");

export const sessionId = z.string().regex(/^[0-9a-f]{32}$/);
export const account = z
  .object({
    login: z.string(),
    role: z.enum(ROLES),
    totp: z.object({
      on: z.boolean(),
      required: z.boolean().openapi({ description: "of this role" }),
      recoveryCodesLeft: z.number(),
    }),
    sessions: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(["page", "program"]),
        createdAt: isoText,
        seenAt: isoText,
        current: z.boolean(),
      }),
    ),
  })
  .openapi("Account");
export const totpEnrolment = z.object({
  secret: z.string().openapi({ description: "base32, to be typed" }),
  uri: z.string().openapi({ description: "otpauth://, for a QR code" }),
});
export const recoveryCodes = z.object({
  recoveryCodes: z.array(z.string()).openapi({ description: "shown this once; each serves once" }),
});

export const newOperator = z.strictObject({
  login: z.string().max(64),
  password,
  role: z.enum(ROLES),
});
export const operatorReset = z.strictObject({ password });
export const operatorList = z.object({
  operators: z.array(
    z.object({
      login: z.string(),
      role: z.enum(ROLES),
      createdAt: isoText,
      lockedUntil: isoText.nullable(),
      totpOn: z.boolean(),
      totpRequired: z.boolean(),
      sessions: z.number(),
    }),
  ),
});
