/** A deployment whose meters make the ciphertexts: the totals of the other profile, and no opener. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run, runAll, temporaryFolder } from "./command-line.ts";

test("demo --profile meter-encrypts: the same totals from the same seed, and no opener anywhere", async () => {
  const dir = join(temporaryFolder(), "deployment");
  const size = ["--households", "5", "--days", "1", "--customers", "1", "--seed", "e2e"];
  const policy = ["--unsafe-policy", "--min-contributors", "5", "--profile", "meter-encrypts"];
  const { code, stdout } = await run("demo", "--exit", ...size, ...policy, "--json", "--dir", dir);
  assert.equal(code, 0);
  const summary = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(summary["energy_mWh"], "39303256");
  assert.equal(summary["statements"], 5);
  assert.equal(summary["profile"], "meter-encrypts");
  const { receivedPlaintext } = summary as { receivedPlaintext: Record<string, boolean> };
  const received = Object.entries(receivedPlaintext).filter(([, isTrue]) => isTrue);
  assert.deepEqual(
    received.map(([name]) => name),
    ["meters", "customers"],
  );
  assert(!("opener" in receivedPlaintext) && !("openerPlaintextReadingsMax" in summary));
  assert(!existsSync(join(dir, "opener")));
  const [doctor, keys, opener] = await runAll([
    ["doctor", "--dir", dir],
    ["keys", "show", "--dir", dir],
    ["serve", "--role", "opener", "--dir", dir],
  ]);
  assert.equal(doctor?.code, 0);
  assert.match(doctor?.stdout ?? "", /^Profile meter-encrypts: .*No opener exists\.$/m);
  assert.doesNotMatch(keys?.stdout ?? "", /^opener/m);
  assert.equal(opener?.code, 3);
  assert.match(opener?.stderr ?? "", /^smarter-metering: NO_OPENER: [^\n]+\n$/);
});
