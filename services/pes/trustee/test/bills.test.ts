/** Bills that are more than the difference of two borders (docs/protocol.md §7.3): over an exchange of meters, and at a contract's end. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, test } from "node:test";
import { contentOf, folder, start } from "./harness.ts";
import {
  border,
  defined,
  EXCHANGE_REGISTERS,
  exchangeBorders,
  exchangedView,
  february,
  scene,
  viewWith,
} from "./stage.ts";

after(async () => {
  await scene.close();
  await rm(folder, { recursive: true });
});

test("a bill over an exchange of meters: what both counted, as one number", async () => {
  const { trustee, ask } = await start({ view: exchangedView() });
  const request = await scene.billRequest(await exchangeBorders({}), [0, 28]);
  const content = await contentOf((await ask(request)).release);
  assert(content.kind === "BILL");
  const installed = defined(scene.registers.get(-1));
  const { ends, begins, to } = EXCHANGE_REGISTERS;
  const truth = installed.map((register, index) => {
    const [end = 0n, begin = 0n, last = 0n] = [ends[index], begins[index], to[index]];
    return String(end - register + last - begin);
  });
  assert.deepEqual(content.registers_mWh, truth);
  await trustee.close();
});

test("the last bill of a contract, of a week or more", async () => {
  const contractEnd = scene.world.dayStart(35);
  const { trustee, ask } = await start({ view: viewWith(() => ({ contractEnd })) });
  assert((await ask(await february())).release !== undefined);
  const used = [1_000n, 2_000n];
  const registers = defined(scene.registers.get(27)).map((at, index) => at + (used[index] ?? 0n));
  const { header } = border(32);
  const end = await scene.forge({ ...header, blockStart: scene.world.dayStart(34) }, registers);
  const content = await contentOf(
    (await ask(await scene.billRequest([border(27), end], [28, 35]))).release,
  );
  assert(content.kind === "BILL");
  assert.deepEqual(content.registers_mWh.slice(0, 3), ["1000", "2000", "0"]);
  await trustee.close();
});
