/** Writes messages.json beside this file: `node --import tsx packages/protocol/test/vectors/make.ts`. Sealed messages differ each time. */
import { writeFileSync } from "node:fs";
import {
  encodeEnvelope,
  encodePartialRelease,
  encodeRelease,
  generateRecipient,
  recipientFromSpki,
  sealEnvelope,
  sealPartialRelease,
  sealRelease,
  toBase64Url,
  toHex,
} from "@smarter-metering/protocol";
import {
  dataKey,
  deterministicMessages,
  filled,
  keyEpoch,
  meterId,
  networkPseudonym,
  partialContent,
  releaseContent,
  signers,
  unopenableFrames,
} from "../samples.ts";

const { meter, trustee } = await signers();
const { spki, pkcs8 } = await generateRecipient();
const recipient = await recipientFromSpki(spki);
const context = { recipient: "customer", networkPseudonym, meterId, keyEpoch } as const;
const envelope = await sealEnvelope(context, dataKey, recipient, meter);
const release = await sealRelease(releaseContent, 9, filled(32, 0x55), recipient, trustee);
const number = { sequence: 9, trustee: 2 };
const partial = await sealPartialRelease(partialContent, number, recipient, trustee);
const messages = {
  ...(await deterministicMessages()),
  envelope: encodeEnvelope(envelope),
  release: encodeRelease(release),
  partialRelease: encodePartialRelease(partial),
};
const inHex = (all: Record<string, Uint8Array>): Record<string, string> =>
  Object.fromEntries(Object.entries(all).map(([name, bytes]) => [name, toHex(bytes)]));
const document = {
  comment: "Test keys: they protect nothing.",
  recipient: { spki: toBase64Url(spki), pkcs8: toBase64Url(pkcs8) },
  messages: inHex(messages),
  unopenable: inHex(await unopenableFrames()),
};
writeFileSync(new URL("messages.json", import.meta.url), `${JSON.stringify(document, null, 2)}\n`);
