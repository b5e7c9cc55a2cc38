/** The life of a service point at the registry: who moves out, who moves in, and whose meter is exchanged. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  encodeEnrolmentCode,
  fromHex,
  parseEnrolmentCode,
  parseNetworkView,
  toHex,
  parseMdmsView,
  wholeView,
} from "@smarter-metering/protocol";
import { named } from "../../../test/support/world.ts";
import { day, newPoint, pointsOf, START, start, stateWith, strike, terms } from "./stage.ts";

after(strike);

describe("the life of a service point", () => {
  test("a move-out ends contract and code, a week after the start at the earliest", async () => {
    const { registry, clock } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    const label = "north street 0";
    const rows: [string, number, string][] = [
      [label, day(6), "REGISTRY_INVALID_CHANGE"],
      [label, day(9) + 60, "REGISTRY_INVALID_CHANGE"],
      [label, day(0), "REGISTRY_INVALID_CHANGE"],
      ["nobody", day(9), "REGISTRY_UNKNOWN"],
    ];
    for (const [name, contractEnd, code] of rows) {
      await assert.rejects(registry.moveOut({ label: name, contractEnd }), { code });
    }
    await registry.moveOut({ label, contractEnd: day(7) });
    await registry.moveOut({ label, contractEnd: day(7) });
    assert.equal(registry.status().epoch, 1);
    const code = "REGISTRY_INVALID_CHANGE";
    await assert.rejects(registry.moveOut({ label, contractEnd: day(8) }), { code });
    const { letters } = await registry.admit({ servicePoints: [newPoint("north", 0)] });
    assert.equal(letters[0]?.enrolmentCode, "");
    // One who goes stays a member: the cohort without him would show him.
    await clock.advanceTo(day(20) * 1000);
    assert.deepEqual((await registry.cohortPlan()).versions, []);
    await registry.close();
  });

  test("the last bill covers a week: a contract does not end sooner after the one before", async () => {
    const { registry, clock } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    const { label } = newPoint("north", 0);
    await clock.advanceTo(day(29) * 1000); // 2 March: February's window is decided.
    const code = "REGISTRY_INVALID_CHANGE";
    await assert.rejects(registry.moveOut({ label, contractEnd: day(34) }), {
      code,
      message: /end the contract on 2025-03-08 or later/,
    });
    const plan = await registry.cohortPlan({ label, contractEnd: day(35) });
    assert.deepEqual(plan.waiting, [{ where: "north", joiners: 0, leavers: 1, needed: 5 }]);
    assert.equal(registry.status().epoch, 0, "a plan changes nothing");
    await registry.moveOut({ label, contractEnd: day(35) });
    await registry.close();
  });

  test("who moves in has names of his own; the meter stays, under its key", async () => {
    const { registry } = await start(await stateWith([terms("north")], pointsOf("north", 6)));
    const before = newPoint("north", 0);
    const next = { ...before, label: "north street 0, next", contractStart: day(30) };
    const taken = { code: "REGISTRY_TAKEN" };
    await assert.rejects(registry.admit({ servicePoints: [next] }), taken);
    await registry.moveOut({ label: before.label, contractEnd: day(30) });
    const early = { ...next, contractStart: day(29) };
    await assert.rejects(registry.admit({ servicePoints: [early] }), taken);
    const otherKey = { ...next, meter: { ...next.meter, signingKey: toHex(named("other key")) } };
    await assert.rejects(registry.admit({ servicePoints: [otherKey] }), taken);
    const { letters, meters } = await registry.admit({ servicePoints: [next] });
    const [{ letters: old }] = [await registry.admit({ servicePoints: [before] })];
    assert.notEqual(letters[0]?.networkPseudonym, old[0]?.networkPseudonym);
    assert.notEqual(letters[0]?.mdmsPseudonym, old[0]?.mdmsPseudonym);
    assert.notEqual(letters[0]?.enrolmentCode, "");
    assert.deepEqual(
      meters.map(({ meterId }) => meterId),
      [next.meter.meterId],
    );
    await registry.close();
  });

  test("a new enrolment code within a contract, each with its number; the one before is void", async () => {
    const { registry, folder } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    const { label } = newPoint("north", 0);
    const first = (await registry.admit({ servicePoints: [newPoint("north", 0)] })).letters[0];
    await assert.rejects(registry.recode({ label: "nobody" }), { code: "REGISTRY_UNKNOWN" });
    const view = await wholeView(registry.transport(), "network", 0);
    const codes = [first?.enrolmentCode];
    const mailboxAt = async (epoch: number): Promise<string | undefined> =>
      parseMdmsView(await wholeView(registry.transport(), "mdms", epoch)).servicePoints.find(
        ({ servicePoint }) => servicePoint === first?.mdmsPseudonym,
      )?.statements.mailbox;
    for (const recodes of [1, 2]) {
      const { letters, meters } = await registry.recode({ label });
      assert.equal(letters[0]?.networkPseudonym, first?.networkPseudonym, "the same contract");
      assert.equal(meters.length, 1);
      assert.equal(meters[0]?.recodes, recodes);
      const told = encodeEnrolmentCode(fromHex(meters[0]?.enrolmentCode ?? ""));
      assert.equal(told, letters[0]?.enrolmentCode, "the meter has what the letter has");
      codes.push(told);
    }
    assert.equal(new Set(codes).size, 3);
    assert.equal(await wholeView(registry.transport(), "network", 2), view, "no view tells of it");
    const parts = await readdir(join(folder, "state-parts"));
    const files = ["state.json", ...parts.map((part) => join("state-parts", part))];
    const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
    const state = texts.join();
    const kept = codes.map((code) => state.includes(toHex(parseEnrolmentCode(code ?? ""))));
    assert.deepEqual(kept, [false, false, true], "the registry forgets what is void");
    // A meter that takes another's place goes on from the same number.
    const order = { label, at: day(10), meter: newPoint("north", 50).meter };
    const { meters } = await registry.exchangeMeter(order);
    assert.deepEqual(
      meters.map(({ recodes }) => recodes),
      [2, 2],
    );
    const boxes = await Promise.all([0, 1, 2].map(mailboxAt));
    assert.equal(new Set(boxes).size, 3, "bills go where the newest code says");
    await registry.moveOut({ label, contractEnd: day(30) });
    const { epoch } = registry.status();
    assert.equal(
      await mailboxAt(epoch),
      boxes[2],
      "the last bills too, when the code is forgotten",
    );
    const ended = { code: "REGISTRY_INVALID_CHANGE" };
    await assert.rejects(registry.recode({ label }), ended, "no code for who moves out");
    const next = newPoint("north", 50, { label: "next", contractStart: day(30) });
    await registry.admit({ servicePoints: [next] });
    await assert.rejects(registry.recode({ label }), ended, "nor for who was there before");
    assert.equal((await registry.recode({ label: "next" })).meters[0]?.recodes, 1);
    await registry.close();
  });

  test("a meter is exchanged at an instant to come, between two intervals, and for ever", async () => {
    const { registry, clock } = await start(
      await stateWith([terms("north")], pointsOf("north", 6)),
    );
    const { label, meter: old } = newPoint("north", 0);
    const meter = newPoint("north", 50).meter;
    const order = { label, at: day(10) + 10 * 3600, meter };
    const refused: [change: Partial<typeof order>, code: string][] = [
      [{ label: "nobody" }, "REGISTRY_UNKNOWN"],
      [{ at: START + 3600 }, "REGISTRY_INVALID_CHANGE"],
      [{ at: order.at + 900 }, "REGISTRY_INVALID_CHANGE"],
      [{ meter: newPoint("north", 1).meter }, "REGISTRY_TAKEN"],
    ];
    for (const [change, code] of refused) {
      await assert.rejects(registry.exchangeMeter({ ...order, ...change }), { code });
    }
    const told = await registry.exchangeMeter(order);
    assert.deepEqual(
      told.meters.map(({ meterId, installedAt, servedUntil }) => ({
        meterId,
        installedAt,
        servedUntil,
      })),
      [
        { meterId: old.meterId, installedAt: undefined, servedUntil: order.at },
        { meterId: meter.meterId, installedAt: order.at, servedUntil: undefined },
      ],
    );
    const again = await registry.exchangeMeter(order);
    assert.deepEqual(again, told);
    assert.equal(registry.status().epoch, 1);
    const view = parseNetworkView(await wholeView(registry.transport(), "network", 1));
    const network = told.letters[0]?.networkPseudonym ?? "";
    assert(view.meterAt(network, old.meterId, order.at) !== undefined);
    assert.equal(view.meterAt(network, old.meterId, order.at + 1), undefined);
    assert(view.meterAt(network, meter.meterId, order.at) !== undefined);
    assert.equal(view.meterAt(network, meter.meterId, order.at - 1), undefined);
    // The old one is gone: it serves nobody else, and does not come back.
    await clock.advanceTo(day(11) * 1000);
    const back = { label, at: day(20), meter: old };
    await assert.rejects(registry.exchangeMeter(back), { code: "REGISTRY_TAKEN" });
    const elsewhere = newPoint("north", 60, { meter: old, contractStart: day(30) });
    const admission = { servicePoints: [elsewhere] };
    await assert.rejects(registry.admit(admission), { code: "REGISTRY_TAKEN" });
    await registry.close();
  });
});
