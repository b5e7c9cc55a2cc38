/**
 * The customer's vault (docs/protocol.md §10.2): an RSA-3072 key pair under a random master key, which is wrapped twice, by the password
 * and by the recovery key. Made and opened on the customer's device; the portal stores it closed.
 */
import {
  generateRecipient,
  recipientSecret,
  spkiOfPkcs8,
  toBase64Url,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import {
  derivePasswordKeys,
  ITERATIONS_MIN,
  SALT_BYTES,
  type PasswordKeys,
  type PasswordParameters,
} from "./passwords.ts";
import { deriveRecoveryKeys, generateRecoveryKey, type RecoveryKey } from "./recovery-key.ts";
import { unwrapItem, wrapItem, type ItemType, type WrappedItem } from "./wrapped-item.ts";

export type Random = (length: number) => Uint8Array;
/** What every account has from sign-up on; pinned meters come later. */
export const VAULT_ITEM_TYPES = [
  "master-by-password",
  "master-by-recovery",
  "private-key",
] as const satisfies readonly ItemType[];
export type VaultItems = Readonly<Record<(typeof VAULT_ITEM_TYPES)[number], WrappedItem>>;

/** How the portal knows the password; JSON-able, bytes are base64url. */
export interface PasswordRegistration {
  readonly salt: string;
  readonly iterations: number;
  readonly authenticationKey: string;
  readonly items: VaultItems;
}

export interface Registration extends PasswordRegistration {
  readonly login: string;
  /** What the portal knows the recovery key by. */
  readonly recoveryAuthenticationKey: string;
  /** RSA SubjectPublicKeyInfo, for the portal's use: the customer never takes his own key back from there. */
  readonly publicKey: string;
}

/** A vault that no portal knows yet. */
export interface NewVault {
  readonly registration: Registration;
  /** To be shown once and not stored. */
  readonly recoveryKey: RecoveryKey;
  /** Of the password, for the first login: it need not be asked for, nor stretched, a second time. */
  readonly keys: PasswordKeys;
}

/** An opened vault. The secret is a non-extractable CryptoKey: it can open envelopes, it cannot be read. */
export interface OpenVault {
  readonly login: string;
  readonly recipientSecret: RecipientSecret;
  /** Derived from the private key. */
  readonly spki: Uint8Array;
}

const MASTER_KEY_BYTES = 32;

export async function createVault(options: {
  readonly login: string;
  readonly password: string;
  readonly random: Random;
}): Promise<NewVault> {
  const { login, password, random } = options;
  const masterKey = random(MASTER_KEY_BYTES);
  const recoveryKey = generateRecoveryKey(random);
  const recovery = await deriveRecoveryKeys(recoveryKey);
  const { spki, pkcs8 } = await generateRecipient();
  const wrap = (type: ItemType, key: Uint8Array, secret: Uint8Array): Promise<WrappedItem> =>
    wrapItem({ login, type, version: 1 }, key, secret, random);
  const fixed = {
    "master-by-recovery": await wrap("master-by-recovery", recovery.wrappingKey, masterKey),
    "private-key": await wrap("private-key", masterKey, pkcs8),
  };
  const { registered, keys } = await wrapByPassword(login, password, masterKey, 1, random);
  const items = { ...registered.items, ...fixed };
  masterKey.fill(0);
  pkcs8.fill(0);
  const recoveryAuthenticationKey = toBase64Url(recovery.authenticationKey);
  const publicKey = toBase64Url(spki);
  return {
    registration: { ...registered, items, login, recoveryAuthenticationKey, publicKey },
    recoveryKey,
    keys,
  };
}

/** Opens a vault with keys that are already derived, as at login. Throws CUSTOMER_UNLOCK_FAILED. */
export async function unlockVault(
  login: string,
  keys: PasswordKeys,
  items: VaultItems,
): Promise<OpenVault> {
  return withMasterKey(login, keys, items, (masterKey) => openPrivateKey(login, masterKey, items));
}

/** Throws CUSTOMER_UNLOCK_FAILED or CUSTOMER_WEAK_ITERATIONS. */
export async function openVault(
  options: { readonly login: string; readonly password: string } & PasswordParameters & {
      readonly items: VaultItems;
    },
): Promise<OpenVault & { readonly authenticationKey: Uint8Array }> {
  const keys = await derivePasswordKeys(options.password, options);
  const vault = await unlockVault(options.login, keys, options.items);
  return { ...vault, authenticationKey: keys.authenticationKey };
}

/** For a forgotten password. Throws CUSTOMER_UNLOCK_FAILED. */
export async function openWithRecovery(
  login: string,
  recoveryKey: RecoveryKey,
  items: VaultItems,
): Promise<OpenVault> {
  return withMasterKey(login, recoveryKey, items, (masterKey) =>
    openPrivateKey(login, masterKey, items),
  );
}

/**
 * A new password, proven by the old one or by the recovery key. Only the password's wrapping of the master key changes; keys, envelopes
 * and the recovery key stay. Throws CUSTOMER_UNLOCK_FAILED.
 */
export async function changePassword(options: {
  readonly login: string;
  readonly proof: PasswordKeys | RecoveryKey;
  readonly newPassword: string;
  readonly items: VaultItems;
  readonly random: Random;
}): Promise<PasswordRegistration> {
  const { login, proof, newPassword, items, random } = options;
  const version = items["master-by-password"].version + 1;
  const { registered } = await withMasterKey(login, proof, items, (masterKey) =>
    wrapByPassword(login, newPassword, masterKey, version, random),
  );
  return { ...registered, items: { ...items, ...registered.items } };
}

/** Unwraps the master key for as long as `use` takes. Throws CUSTOMER_UNLOCK_FAILED. */
export async function withMasterKey<Result>(
  login: string,
  proof: PasswordKeys | RecoveryKey,
  items: VaultItems,
  use: (masterKey: Uint8Array) => Promise<Result>,
): Promise<Result> {
  const byRecovery = typeof proof === "string";
  const type = byRecovery ? "master-by-recovery" : "master-by-password";
  const { wrappingKey } = byRecovery ? await deriveRecoveryKeys(proof) : proof;
  const masterKey = await unwrapItem(login, type, items[type], wrappingKey);
  try {
    return await use(masterKey);
  } finally {
    masterKey.fill(0);
  }
}

async function wrapByPassword(
  login: string,
  password: string,
  masterKey: Uint8Array,
  version: number,
  random: Random,
) {
  const parameters = { salt: random(SALT_BYTES), iterations: ITERATIONS_MIN };
  const keys = await derivePasswordKeys(password, parameters);
  const place = { login, type: "master-by-password", version } as const;
  const registered = {
    salt: toBase64Url(parameters.salt),
    iterations: parameters.iterations,
    authenticationKey: toBase64Url(keys.authenticationKey),
    items: { "master-by-password": await wrapItem(place, keys.wrappingKey, masterKey, random) },
  };
  return { registered, keys };
}

async function openPrivateKey(
  login: string,
  masterKey: Uint8Array,
  items: VaultItems,
): Promise<OpenVault> {
  const pkcs8 = await unwrapItem(login, "private-key", items["private-key"], masterKey);
  try {
    const spki = await spkiOfPkcs8(pkcs8);
    return { login, recipientSecret: await recipientSecret(spki, pkcs8), spki };
  } catch {
    // Sealed by the master key and yet no key: as closed as any other vault.
    throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
  } finally {
    pkcs8.fill(0);
  }
}
