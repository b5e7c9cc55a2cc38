/** What every bus must do, whatever carries it. Called by bus.test.ts for each kind. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Bus, BusMessage, Delivery, Verdict } from "@smarter-metering/runtime";

/** The streams that the bus under test declares. */
export const conformanceStreams = [
  { name: "frames", consumers: ["opener", "ucs"], messagesMax: 50 },
  { name: "audit", consumers: [], messagesMax: 1_000, retainAcked: true },
] as const;

export interface BusUnderTest {
  readonly bus: Bus;
  /** Ends everything without settling what is in flight and opens it again on the same data. */
  crash(): Promise<BusUnderTest>;
  close(): Promise<void>;
}

export const message = (id: string, subject = "n1"): BusMessage => ({
  id,
  subject,
  body: new TextEncoder().encode(`body of ${id}`),
});
export const messages = (...ids: string[]): BusMessage[] => ids.map((id) => message(id));
const ack: Verdict = { ack: true };
const ids = (batch: readonly Delivery[]): string[] => batch.map(({ id }) => id);

/** Consumes until `count` deliveries were handled; the rest of the stream stays. */
async function collect(bus: Bus, consumer: string, count: number): Promise<Delivery[]> {
  const got: Delivery[] = [];
  await new Promise<void>((resolve) => {
    const options = { batchMax: Math.max(1, Math.min(count, 8)) };
    const subscription = bus.consume("frames", consumer, options, async (batch) => {
      got.push(...batch);
      if (got.length >= count) void subscription.stop().then(resolve);
      return batch.map(() => ack);
    });
  });
  return got;
}

export function busConformance(name: string, open: () => Promise<BusUnderTest>): void {
  const on = (title: string, run: (under: BusUnderTest) => Promise<BusUnderTest | void>): void => {
    void test(title, { timeout: 20_000 }, async () => {
      const under = await open();
      const last = await run(under);
      await (last ?? under).close();
    });
  };
  void describe(`bus conformance: ${name}`, () => {
    on("delivers in order, whole, to every consumer, and then forgets", async ({ bus }) => {
      const sent = messages("a", "b", "c");
      assert.deepEqual(await bus.publish("frames", sent), { accepted: 3, duplicates: 0 });
      for (const consumer of ["opener", "ucs"]) {
        const got = await collect(bus, consumer, 3);
        const content = got.map(({ id, subject, body }) => ({ id, subject, body }));
        assert.deepEqual(content, sent);
        assert(got.every(({ attempt }) => attempt === 1));
        assert.equal(await bus.pending("frames", consumer), 0);
      }
    });

    on("recognises duplicates, also after delivery and a crash", async (under) => {
      await under.bus.publish("frames", messages("a", "b", "a"));
      const again = await under.bus.publish("frames", messages("b", "c"));
      assert.deepEqual(again, { accepted: 1, duplicates: 1 });
      assert.deepEqual(ids(await collect(under.bus, "opener", 3)), ["a", "b", "c"]);
      const next = await under.crash();
      const late = await next.bus.publish("frames", messages("a", "c"));
      assert.deepEqual(late, { accepted: 0, duplicates: 2 });
      return next;
    });

    on(
      "is full for all of a batch or none, until the slowest consumer catches up",
      async ({ bus }) => {
        const many = Array.from({ length: 45 }, (_, i) => message(`m${i}`));
        await bus.publish("frames", many);
        const more = messages("x1", "x2", "x3", "x4", "x5", "x6");
        assert.deepEqual(await bus.publish("frames", more), { full: true });
        await collect(bus, "opener", 45);
        assert.deepEqual(await bus.publish("frames", more), { full: true });
        await collect(bus, "ucs", 45);
        assert.deepEqual(await bus.publish("frames", more), { accepted: 6, duplicates: 0 });
      },
    );

    on("after a crash what was not settled comes again, what was does not", async (under) => {
      await under.bus.publish("frames", messages("a", "b", "c", "d"));
      assert.deepEqual(ids(await collect(under.bus, "opener", 2)), ["a", "b"]);
      await new Promise<void>((resolve) => {
        under.bus.consume("frames", "opener", { batchMax: 2 }, () => {
          resolve();
          return new Promise(() => undefined); // in flight until the crash
        });
      });
      const next = await under.crash();
      assert.equal(await next.bus.pending("frames", "opener"), 2);
      assert.deepEqual(ids(await collect(next.bus, "opener", 2)), ["c", "d"]);
      return next;
    });

    on("retries, isolates what throws, and sets it aside at the limit", async ({ bus }) => {
      await bus.publish("frames", messages("good1", "bad", "good2", "wait"));
      const seen: string[] = [];
      const options = { batchMax: 4, attemptsMax: 2 };
      bus.consume("frames", "opener", options, async (batch) => {
        seen.push(batch.map(({ id, attempt }) => `${id}${attempt}`).join("+"));
        if (batch.some(({ id }) => id === "bad")) throw new Error("poison");
        return batch.map(({ id, attempt }) =>
          id === "wait" && attempt < 4 ? { retryAfterMs: 1 } : ack,
        );
      });
      await bus.idle();
      assert.equal(seen[0], "good11+bad1+good21+wait1");
      for (const alone of ["good12", "bad2", "good22", "wait4"])
        assert(seen.includes(alone), alone);
      const letters = await bus.deadLetters("frames");
      const facts = letters.map(({ id, reason, consumer, attempt }) => [
        id,
        reason,
        consumer,
        attempt,
      ]);
      assert.deepEqual(facts, [["bad", "HANDLER_FAILED", "opener", 2]]);
    });

    on("a batch that was not full is settled before the next", async ({ bus }) => {
      let inHand = 0;
      let inHandMax = 0;
      const later: string[] = [];
      bus.consume("frames", "opener", { batchMax: 8 }, async (batch) => {
        inHandMax = Math.max(inHandMax, ++inHand);
        // What is published meanwhile fits into `batchMax` and must wait all the same.
        if (batch.some(({ id }) => id === "first")) await bus.publish("frames", messages("next"));
        else later.push(...ids(batch));
        await bus.read("frames", { from: 0n, limit: 9 });
        await bus.read("frames", { from: 0n, limit: 9 });
        inHand -= 1;
        return batch.map(() => ack);
      });
      await bus.publish("frames", messages("first"));
      await bus.idle();
      assert.deepEqual([later, inHandMax], [["next"], 1]);
    });

    on("dead letters can be given again or discarded", async ({ bus }) => {
      await bus.publish("frames", messages("a", "b"));
      let verdict: Verdict = { dead: "NO_SUCH_METER" };
      const seen: string[] = [];
      bus.consume("frames", "opener", { batchMax: 2 }, async (batch) => {
        seen.push(...ids(batch));
        return batch.map(() => verdict);
      });
      await bus.idle();
      const [a, b, ...rest] = await bus.deadLetters();
      assert(a !== undefined && b !== undefined && rest.length === 0);
      assert.deepEqual(
        [a.reason, new TextDecoder().decode(a.body)],
        ["NO_SUCH_METER", "body of a"],
      );
      verdict = ack;
      assert.deepEqual([await bus.requeue(a), await bus.requeue(a)], [true, false]);
      assert.deepEqual([await bus.discard(b), await bus.discard(b)], [true, false]);
      await bus.idle();
      assert.deepEqual(seen, ["a", "b", "a"]);
      assert.deepEqual(await bus.deadLetters(), []);
    });

    on("subscriptions share a consumer by subject, each message handled once", async ({ bus }) => {
      const sent = ["a", "b", "c", "d", "e", "f"].map((id, i) => message(id, `n${i % 2}`));
      const seen: Record<string, string[]> = { n0: [], n1: [] };
      for (const subject of ["n0", "n1"]) {
        bus.consume("frames", "opener", { batchMax: 2, subject }, async (batch) => {
          seen[subject]?.push(...ids(batch));
          return batch.map(() => ack);
        });
      }
      await bus.publish("frames", sent);
      await bus.idle();
      assert.deepEqual(seen, { n0: ["a", "c", "e"], n1: ["b", "d", "f"] });
    });

    on("a retained stream can be read again", async ({ bus }) => {
      await bus.publish("audit", [message("a", "x.1"), message("b", "y.1"), message("c", "x.2")]);
      const all = await bus.read("audit", { from: 0n, limit: 10 });
      assert.deepEqual(ids(all), ["a", "b", "c"]);
      const from = all[1]?.sequence ?? 0n;
      assert.deepEqual(ids(await bus.read("audit", { from, limit: 1 })), ["b"]);
      assert.equal((await bus.last("audit", "y"))?.id, "b");
      assert.equal((await bus.last("audit"))?.id, "c");
      assert.equal(await bus.last("audit", "z"), undefined);
    });

    on("refuses what is not declared, too large or closed", async ({ bus }) => {
      const unknown = { code: "BUS_UNKNOWN_CONSUMER" };
      await assert.rejects(
        bus.publish("frames", [{ ...message("a"), body: new Uint8Array(2 ** 20 + 1) }]),
        {
          code: "BUS_TOO_LARGE",
        },
      );
      const subscription = bus.consume("frames", "nobody", { batchMax: 1 }, async () => []);
      const reason = await subscription.ended;
      assert(reason !== undefined && "code" in reason);
      assert(["BUS_UNKNOWN_CONSUMER", "BUS_FORBIDDEN"].includes(String(reason.code)), unknown.code);
      await bus.close();
      await assert.rejects(bus.publish("frames", messages("a")), { code: "BUS_CLOSED" });
    });
  });
}
