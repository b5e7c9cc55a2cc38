/**
 * Time-based one-time passwords (RFC 6238 over RFC 4226): HMAC-SHA-1, six digits, steps of 30 seconds, as every authenticator app makes
 * them. Pure. SHA-1 is what the apps agree on; what an HMAC needs of it still holds (RFC 6194 §3.3).
 */
import { createHmac } from "node:crypto";
import { primitives, utf8 } from "@smarter-metering/protocol";

/** As long as the hash (RFC 4226 §4, R6). */
export const TOTP_SECRET_BYTES = 20;
const STEP_SECONDS = 30;
const DIGITS = 6;
/** Steps before and after the present one: clocks differ, and people are slow (RFC 6238 §5.2). */
const WINDOW_STEPS = 1;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The code of a step (RFC 4226 §5.3). */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

export const totpStep = (nowSeconds: number): number => Math.floor(nowSeconds / STEP_SECONDS);

/** The step whose code this is, among those around now that come after `lastStep`; undefined for none. */
export function matchTotp(
  secret: Uint8Array,
  code: string,
  { nowSeconds, lastStep }: { readonly nowSeconds: number; readonly lastStep: number },
): number | undefined {
  const now = totpStep(nowSeconds);
  let match: number | undefined;
  for (let step = now - WINDOW_STEPS; step <= now + WINDOW_STEPS; step++) {
    const fits = primitives.equalSecret(utf8(code), utf8(totpCode(secret, Math.max(step, 0))));
    if (fits && step > lastStep) match = step;
  }
  return match;
}

/** RFC 4648 §6, without padding: what people type into an app. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff; // At most four bits are left over from the byte before.
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >>> (bits - 5)) & 31] ?? "";
  }
  return bits === 0 ? text : text + (ALPHABET[(value << (5 - bits)) & 31] ?? "");
}

/** What a QR code for an authenticator app holds (Key URI format). */
export function otpauthUri(issuer: string, login: string, secret: Uint8Array): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(login)}`;
  const query = [
    `secret=${toBase32(secret)}`,
    `issuer=${encodeURIComponent(issuer)}`,
    "algorithm=SHA1",
    `digits=${DIGITS}`,
    `period=${STEP_SECONDS}`,
  ];
  return `otpauth://totp/${label}?${query.join("&")}`;
}
