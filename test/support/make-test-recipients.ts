/** Writes `test-recipients.json`: RSA-3072 keys for tests alone, so that no test waits for key generation. */
import { writeFileSync } from "node:fs";
import { generateRecipient, toBase64Url } from "@smarter-metering/protocol";

const names = ["opener", "mdms", "customer", "other"];
const entries = await Promise.all(
  names.map(async (name) => {
    const { spki, pkcs8 } = await generateRecipient();
    return [name, { spki: toBase64Url(spki), pkcs8: toBase64Url(pkcs8) }];
  }),
);
const target = new URL("test-recipients.json", import.meta.url);
writeFileSync(target, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
