/** One customer and one meter of the tests: a vault, its keys, an epoch key and its envelope. */
import { createVault, openVault, type PinnedMeter } from "@smarter-metering/customer";
import {
  encodeEnvelope,
  fromBase64Url,
  primitives,
  recipientFromSpki,
  sealEnvelope,
  signerFromSeed,
  statementSecret,
} from "@smarter-metering/protocol";

export const filled = (length: number, value: number): Uint8Array =>
  new Uint8Array(length).fill(value);
export const random = (length: number): Uint8Array => primitives.randomBytes(length);
export const login = "anna@example.org";
export const password = "Mümmelmann 17";
export const unlockFailed = {
  code: "CUSTOMER_UNLOCK_FAILED",
  message: "the vault does not open with this",
};

export const newVault = await createVault({ login, password, random });
export const { registration, recoveryKey } = newVault;
export const parameters = {
  salt: fromBase64Url(registration.salt),
  iterations: registration.iterations,
};
export const vault = await openVault({ login, password, ...parameters, items: registration.items });
/** Keys of a wrong password: the same as any other 32 bytes, and without another half second. */
export const wrongKeys = { authenticationKey: filled(32, 1), wrappingKey: filled(32, 2) };

// A meter, its epoch key and its envelope for the customer.

/** Of the letter. */
export const code = filled(16, 0x5a);
export const meterId = filled(16, 0xa1);
export const networkPseudonym = filled(16, 0xb2);
export const meter = await signerFromSeed(filled(32, 1));
export const stranger = await signerFromSeed(filled(32, 2));
export const pinned: PinnedMeter = {
  networkPseudonym,
  meterId,
  meterKey: meter.publicKey,
  statementSecret: await statementSecret(code),
};
export const dataKey = filled(32, 0xc3);
export const keyEpoch = 1_540_000_000;
/** 2018-10-27T22:00:00Z, local midnight of the day that has 25 hours. */
export const blockStart = 1_540_677_600;
export const customer = await recipientFromSpki(vault.spki);

export const envelopeContext = {
  recipient: "customer",
  networkPseudonym,
  meterId,
  keyEpoch,
} as const;
export const envelope = encodeEnvelope(
  await sealEnvelope(envelopeContext, dataKey, customer, meter),
);
