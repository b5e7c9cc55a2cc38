/** Bills to their customers (docs/protocol.md §11.5): sealed once each, sent once each, again when there is more to say, lost never. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  decodeSealedStatement,
  decodeStatementBundle,
  equalBytes,
  openStatement,
  statementKeys,
  statementSecret,
  toHex,
  verifyStatement,
  type StatementKeys,
} from "@smarter-metering/protocol";
import type { Bus, BusMessage, PublishResult } from "@smarter-metering/runtime";
import { named } from "../../../test/support/world.ts";
import { Courier } from "../src/courier.ts";
import { markDue } from "../src/delivery-store.ts";
import { billRelease, startFixture, type Fixture } from "./fixture.ts";

describe("bills to their customers", () => {
  let fixture: Fixture;
  let releases: readonly Uint8Array[];
  before(async () => {
    fixture = await startFixture();
    const { world } = fixture;
    releases = [
      await billRelease(world, 0, [0, 28], { request: "first of 0", sequence: 0 }),
      await billRelease(world, 0, [28, 59], { request: "second of 0", sequence: 1 }),
      await billRelease(world, 1, [0, 28], { request: "first of 1", sequence: 2 }),
    ];
  });
  after(() => fixture.close());

  /** A minute of the party's clock, and what lies on the bus then. */
  async function sent() {
    await fixture.clock.advanceTo(fixture.clock.nowMs() + 60_000);
    const messages = await fixture.bus.read("statements", { from: 0n, limit: 100 });
    return messages.map(({ id, subject, body }) => {
      return { id, subject, statement: decodeSealedStatement(body) };
    });
  }

  const keysOf = (index: number): StatementKeys => {
    const household = fixture.world.households[index];
    assert(household !== undefined);
    return household.statements;
  };

  test("each statement is sealed to its own mailbox, with all that its customer needs", async () => {
    const { world } = fixture;
    const [first, second, third] = releases;
    assert(first !== undefined && second !== undefined && third !== undefined);
    await fixture.deliver(first, second, third);
    const messages = await sent();
    assert.equal(messages.length, 3);
    for (const { id, subject, statement } of messages) {
      assert.equal(subject, "");
      assert.equal(id, `${toHex(statement.mailbox)}/${statement.sequence}`);
    }
    const own = messages.filter(({ statement }) =>
      equalBytes(statement.mailbox, keysOf(0).mailbox),
    );
    assert.deepEqual(
      own.map(({ statement: { from, sequence } }) => [from, sequence]),
      [
        [world.dayStart(0), 1],
        [world.dayStart(28), 2],
      ],
    );
    for (const [index, { statement: sealed }] of own.entries()) {
      const bundle = decodeStatementBundle(await openStatement(keysOf(0), sealed));
      const statement = await verifyStatement(
        bundle.statement,
        world.parties.mdms.signer.publicKey,
      );
      assert.equal(statement.servicePoint, world.households[0]?.mdms);
      assert.equal(statement.from, sealed.from);
      assert.deepEqual(bundle.rootKey, world.root.publicKey);
      assert.deepEqual(bundle.tariff, world.mdmsFeed.current().view.tariffs[0]);
      assert.deepEqual(bundle.answers, { release: [first, second][index], partials: [] });
      assert.equal(bundle.sent.length, index + 1, "those so far");
      await assert.rejects(openStatement(keysOf(1), sealed), { code: "STATEMENT_UNOPENABLE" });
    }
    const text = messages.map(({ statement }) => Buffer.from(statement.sealed).toString("latin1"));
    for (const { mdms, network } of world.households) {
      assert(!text.some((bytes) => bytes.includes(mdms) || bytes.includes(network)));
    }
  });

  test("what was sent is not sent again; what there is more to say of is, under a higher number", async () => {
    assert.equal((await sent()).length, 3);
    const from = fixture.world.dayStart(0);
    await markDue(fixture.store, [{ servicePoint: fixture.world.households[0]?.mdms ?? "", from }]);
    await new Courier(fixture.ports).deliver();
    const again = (await sent()).slice(3);
    assert.deepEqual(
      again.map(({ statement }) => [statement.from, statement.sequence]),
      [[from, 3]],
    );
    const [newest] = again;
    assert(newest !== undefined);
    const { sent: list } = decodeStatementBundle(await openStatement(keysOf(0), newest.statement));
    assert.deepEqual(
      list.map(({ sequence }) => sequence),
      [3, 2],
    );
  });

  test("a new code is a new mailbox: everything goes there, and nothing more to the old one", async () => {
    const { world } = fixture;
    const { epoch, view } = world.mdmsFeed.current();
    const keys = await statementKeys(await statementSecret(named("another code", 16)));
    const statements = { mailbox: toHex(keys.mailbox), key: toHex(keys.key) };
    const servicePoints = view.servicePoints.map((point) =>
      point.servicePoint === world.households[0]?.mdms ? { ...point, statements } : point,
    );
    world.mdmsFeed.set(epoch + 1, { ...view, servicePoints });
    const again = (await sent()).slice(4);
    assert.equal(again.length, 2);
    for (const { statement } of again) {
      assert.deepEqual(statement.mailbox, keys.mailbox);
      await openStatement(keys, statement);
      await assert.rejects(openStatement(keysOf(0), statement), { code: "STATEMENT_UNOPENABLE" });
    }
    assert.equal((await sent()).length, 6);
  });

  test("a full bus and a crash lose nothing, and make no second message", async () => {
    const { world, ports, store } = fixture;
    const servicePoint = world.households[1]?.mdms ?? "";
    await markDue(store, [{ servicePoint, from: world.dayStart(0) }]);
    const answers: (() => Promise<PublishResult>)[] = [
      () => Promise.resolve({ full: true }),
      () => Promise.reject(new Error("the process died")),
      () => Promise.resolve({ accepted: 1, duplicates: 0 }),
    ];
    const published: BusMessage[] = [];
    const bus: Bus = {
      ...ports.bus,
      publish(_, messages) {
        published.push(...messages);
        return answers.shift()?.() ?? Promise.reject(new Error("asked once more"));
      },
    };
    for (let start = 0; start < 4; start++) await new Courier({ ...ports, bus }).deliver();
    assert.equal(published.length, 3);
    const [first, second, third] = published;
    assert.deepEqual(second, first);
    assert.deepEqual(third, first);
    assert.deepEqual(answers, []);
  });
});
