/** What the MDMS proposes (docs/protocol.md §9.6): filed by one party, decided by another, with nothing of the registry's in the answers. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { parseMdmsView, toHex, wholeView } from "@smarter-metering/protocol";
import { named, worldTariff } from "../../../test/support/world.ts";
import type { RegistryService, RegistryState } from "../src/index.ts";
import {
  day,
  newPoint,
  NOW,
  pointsOf,
  post,
  start,
  stateWith,
  strike,
  tariffJws,
  terms,
  TOKENS,
} from "./stage.ts";

after(strike);

const MDMS = TOKENS.parties.mdms;
const idOf = (number: number): string => number.toString(16).padStart(32, "0");

interface Shown {
  readonly state: string;
  readonly reason: string | null;
  readonly expiresAt: number;
}

const twelve = (): Promise<RegistryState> => stateWith([terms("north")], pointsOf("north", 12));
const mdmsNameOf = (state: RegistryState, index: number): string => {
  const { label } = newPoint("north", index);
  return state.servicePoints.find((point) => point.label === label)?.mdms ?? "";
};
const moveOut = (servicePoint: string, contractEnd = day(30)) => {
  return { kind: "move-out", servicePoint, contractEnd } as const;
};
const file = (registry: RegistryService, number: number, order: object, token: string = MDMS) =>
  post(registry, "/v1/proposals", { id: idOf(number), proposedBy: "operator", order }, token);
const list = async (registry: RegistryService, token: string = MDMS): Promise<Shown[]> => {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await registry.app.request("/v1/proposals", { headers });
  return ((await answer.json()) as { proposals: Shown[] }).proposals;
};
const codeOf = async (answer: Response | Promise<Response>): Promise<string> =>
  ((await (await answer).json()) as { code: string }).code;

describe("proposals", () => {
  test("change nothing until the clerk approves; approved, they are the registry's own change", async () => {
    const state = await twelve();
    const { registry } = await start(state);
    const servicePoint = mdmsNameOf(state, 0);
    const filed = await file(registry, 1, moveOut(servicePoint));
    assert.equal(filed.status, 201);
    assert.equal((await file(registry, 1, moveOut(servicePoint))).status, 201, "the same again");
    assert.equal(await codeOf(file(registry, 1, moveOut(servicePoint, day(31)))), "REGISTRY_TAKEN");
    assert.equal(registry.status().epoch, 0);
    assert.equal((await list(registry)).length, 1);

    const approve = `/v1/proposals/${idOf(1)}/approve`;
    assert.equal((await post(registry, approve, {}, MDMS)).status, 401, "another party decides");
    assert.equal((await post(registry, approve, {})).status, 201);
    const view = parseMdmsView(await wholeView(registry.transport(), "mdms", 1));
    const ended = view.servicePoints.filter(({ contractEnd }) => contractEnd !== null);
    assert.deepEqual(
      ended.map((point) => [point.servicePoint, point.contractEnd]),
      [[servicePoint, day(30)]],
    );
    assert.equal(await codeOf(post(registry, approve, {})), "REGISTRY_PROPOSAL_DECIDED");
    await registry.close();
  });

  test("a move-in takes over place and meter of an ended contract, under names of its own", async () => {
    const state = await twelve();
    const { registry } = await start(state);
    const servicePoint = mdmsNameOf(state, 0);
    const terms = { tariff: worldTariff.tariff, consumptionClass: "household" };
    const moveIn = { kind: "move-in", servicePoint, contractStart: day(30), ...terms };
    assert.equal(await codeOf(file(registry, 1, moveIn)), "REGISTRY_INVALID_CHANGE");
    const { label } = newPoint("north", 0);
    await registry.moveOut({ label, contractEnd: day(30) });
    assert.equal((await file(registry, 1, moveIn)).status, 201);
    const path = `/v1/proposals/${idOf(1)}/approve`;
    assert.equal((await post(registry, path, {})).status, 400, "without a label for the letter");
    const approved = await post(registry, path, { label: "the next tenant" });
    const { letters } = (await approved.json()) as {
      letters: { label: string; mdmsPseudonym: string }[];
    };
    assert.equal(letters[0]?.label, "the next tenant");
    assert.notEqual(letters[0]?.mdmsPseudonym, servicePoint);
    await registry.close();
  });

  test("an exchange needs the clerk's meter", async () => {
    const state = await twelve();
    const { registry } = await start(state);
    const order = { kind: "meter-exchange", servicePoint: mdmsNameOf(state, 3), at: day(9) + 3600 };
    assert.equal((await file(registry, 1, order)).status, 201);
    const path = `/v1/proposals/${idOf(1)}/approve`;
    assert.equal((await post(registry, path, {})).status, 400);
    const meter = { meterId: toHex(named("new", 16)), signingKey: toHex(named("new key")) };
    assert.equal((await post(registry, path, { meter })).status, 201);
    await registry.close();
  });

  test("are declined with a reason, withdrawn by who filed them, or expire", async () => {
    const state = await twelve();
    const { registry, clock, folder } = await start(state);
    for (const number of [1, 2, 3, 4]) {
      const end = number === 4 ? day(9) : day(30);
      assert.equal(
        (await file(registry, number, moveOut(mdmsNameOf(state, number), end))).status,
        201,
      );
    }
    const reason = "no notice was given";
    await post(registry, `/v1/proposals/${idOf(1)}/decline`, { reason });
    await post(registry, `/v1/proposals/${idOf(2)}/withdraw`, {}, MDMS);
    const states = async (): Promise<string[]> => (await list(registry)).map((one) => one.state);
    assert.deepEqual(await states(), ["open", "open", "withdrawn", "declined"]);
    assert.equal((await list(registry)).at(-1)?.reason, reason);
    await clock.advanceTo(day(9) * 1000);
    assert.deepEqual(await states(), ["expired", "open", "withdrawn", "declined"]);
    await clock.advanceTo(day(15) * 1000);
    assert.deepEqual(await states(), ["expired", "expired", "withdrawn", "declined"]);
    const late = post(registry, `/v1/proposals/${idOf(3)}/approve`, {});
    assert.equal(await codeOf(late), "REGISTRY_PROPOSAL_DECIDED");
    await registry.close();

    const again = await start(undefined, folder);
    assert.equal((await list(again.registry)).length, 4, "they outlive a restart");
    await again.registry.close();
    await writeFile(join(folder, "proposals.json"), "{}");
    await assert.rejects(start(undefined, folder), { code: "REGISTRY_DAMAGED" });
  });

  test("no answer to the MDMS has a label, a network pseudonym or a meter in it", async () => {
    const state = await twelve();
    const { registry, folder } = await start(state);
    const servicePoint = mdmsNameOf(state, 0);
    const orders = [
      moveOut(servicePoint),
      moveOut(servicePoint, day(3)),
      moveOut(servicePoint, day(3) + 1),
      moveOut("ab".repeat(16)),
      { kind: "meter-exchange", servicePoint, at: day(9) + 1 },
      { kind: "move-in", servicePoint, contractStart: day(9), tariff: "x", consumptionClass: "x" },
    ];
    const answers: string[] = [];
    for (const [number, order] of orders.entries()) {
      answers.push(await (await file(registry, number, order)).text());
    }
    const headers = { authorization: `Bearer ${MDMS}` };
    for (const path of [
      "/v1/proposals",
      "/v1/cohort-plan",
      `/v1/proposals/${idOf(0)}/cohort-plan`,
    ]) {
      const answer = await registry.app.request(path, { headers });
      assert.equal(answer.status, 200, path);
      answers.push(await answer.text());
    }
    assert.match(answers.at(-1) ?? "", /"waiting":\[\{"where":"north","joiners":0,"leavers":1/);
    for (const point of state.servicePoints) {
      const hidden = [point.label, point.network, ...point.meters.map(({ meterId }) => meterId)];
      if (point.mdms !== servicePoint) hidden.push(point.mdms);
      for (const text of answers)
        assert(
          hidden.every((one) => !text.includes(one)),
          text,
        );
    }
    // The clerk has to know whom it is about.
    const clerks = await registry.app.request("/v1/proposals", {
      headers: { authorization: `Bearer ${TOKENS.admin}` },
    });
    assert.match(await clerks.text(), /north street 0/);
    assert(!(await readFile(join(folder, "proposals.json"), "utf8")).includes("north street"));
    await registry.close();
  });

  test("a day takes a hundred, for each shows what a move would change", async () => {
    const state = await twelve();
    const { registry, clock } = await start(state);
    for (let number = 0; number < 100; number++) {
      const filed = await file(registry, number, moveOut(mdmsNameOf(state, number % 12)));
      assert.equal(filed.status, 201);
      await post(registry, `/v1/proposals/${idOf(number)}/withdraw`, {}, MDMS);
    }
    const more = await file(registry, 100, moveOut(mdmsNameOf(state, 0)));
    assert.equal(more.status, 429);
    await clock.advanceTo((NOW + 86_400) * 1000);
    assert.equal((await file(registry, 100, moveOut(mdmsNameOf(state, 0)))).status, 201);
    await registry.close();
  });

  test("who may: the MDMS files, the clerk decides, nobody else looks", async () => {
    const state = await twelve();
    const { registry } = await start(state);
    const order = moveOut(mdmsNameOf(state, 0));
    for (const token of [TOKENS.admin, TOKENS.parties.aggregator, "nobody-at-all-0000"]) {
      assert.equal((await file(registry, 1, order, token)).status, 401);
    }
    const paths = ["/v1/proposals", "/v1/cohort-plan", `/v1/proposals/${idOf(1)}/cohort-plan`];
    for (const path of paths) {
      const headers = { authorization: `Bearer ${TOKENS.parties.aggregator}` };
      assert.equal((await registry.app.request(path, { headers })).status, 401, path);
    }
    for (const change of ["decline", "approve"]) {
      const path = `/v1/proposals/${idOf(1)}/${change}`;
      assert.equal((await post(registry, path, { reason: "no" }, MDMS)).status, 401, path);
    }
    const malformed = await post(registry, "/v1/proposals", { id: "1", order }, MDMS);
    assert.equal(malformed.status, 400);
    await registry.close();
  });
});

test("a tariff may come through the MDMS: the signature is the authority, not the token", async () => {
  const { registry } = await start(await twelve());
  const [version] = worldTariff.versions;
  const next = { ...version, version: 2, validFrom: "2026-01-01" };
  const jws = await tariffJws({ ...worldTariff, versions: [version, next] });
  const forged = `${jws.slice(0, -8)}AAAAAAAA`;
  assert.equal(
    await codeOf(post(registry, "/v1/tariffs", { jws: forged }, MDMS)),
    "REGISTRY_TARIFF_INVALID",
  );
  const other = await post(registry, "/v1/tariffs", { jws }, TOKENS.parties.aggregator);
  assert.equal(other.status, 401);
  assert.equal((await post(registry, "/v1/tariffs", { jws }, MDMS)).status, 201);
  assert.equal((await post(registry, "/v1/service-points", {}, MDMS)).status, 401);
  await registry.close();
});
