/**
 * What every bus must do, whatever carries it. Called by bus.test.ts for the embedded one and the one
 * over HTTP, and by test/services/bus.test.ts for JetStream.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { busLimits, partitionNames } from "@smarter-metering/runtime";
import type { Bus, BusMessage, Delivery, StreamOptions, Verdict } from "@smarter-metering/runtime";

/** The streams that the bus under test declares. */
export const conformanceStreams: readonly StreamOptions[] = [
  { name: "frames", consumers: ["opener", "ucs"], messagesMax: 50 },
  {
    name: "contributions",
    consumers: ["aggregator"],
    messagesMax: 2_000,
    partitions: { aggregator: 4 },
  },
  { name: "log", consumers: ["trustee"], messagesMax: 50, retainAcked: true },
  { name: "audit", consumers: [], messagesMax: 1_000, retainAcked: true },
];

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
const ids = (batch: readonly BusMessage[]): string[] => batch.map(({ id }) => id);

/** Consumes until `count` deliveries were handled; the rest of the stream stays. */
async function collect(
  bus: Bus,
  consumer: string,
  count: number,
  stream = "frames",
): Promise<Delivery[]> {
  const got: Delivery[] = [];
  await new Promise<void>((resolve) => {
    const options = { batchMax: Math.max(1, Math.min(count, 8)) };
    const subscription = bus.consume(stream, consumer, options, async (batch) => {
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
      let last = under;
      try {
        last = (await run(under)) ?? under;
      } catch (error) {
        last = await under.crash(); // Handlers may hang: a failed test must still end.
        throw error;
      } finally {
        await last.close();
      }
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
      "is full until the slowest consumer catches up; repeated, nothing is missing or double",
      async ({ bus }) => {
        const many = Array.from({ length: 45 }, (_, i) => message(`m${i}`));
        await bus.publish("frames", many);
        const more = messages("x1", "x2", "x3", "x4", "x5", "x6");
        assert.deepEqual(await bus.publish("frames", more), { full: true });
        const opened = await collect(bus, "opener", 45);
        assert.deepEqual(await bus.publish("frames", more), { full: true });
        const kept = await collect(bus, "ucs", 45);
        const result = await bus.publish("frames", more);
        // Some of the batch may have been stored while the stream was full.
        assert("accepted" in result);
        assert.equal(result.accepted + result.duplicates, 6);
        opened.push(...(await collect(bus, "opener", 51 - opened.length)));
        kept.push(...(await collect(bus, "ucs", 51 - kept.length)));
        const all = ids([...many, ...more]).toSorted();
        assert.deepEqual(ids(opened).toSorted(), all);
        assert.deepEqual(ids(kept).toSorted(), all);
      },
    );

    on("a stream that keeps its messages is full when a consumer is behind", async ({ bus }) => {
      const many = (from: number): BusMessage[] =>
        Array.from({ length: 45 }, (_, i) => message(`m${from + i}`));
      assert.deepEqual(await bus.publish("log", many(0)), { accepted: 45, duplicates: 0 });
      assert.deepEqual(await bus.publish("log", many(45)), { full: true });
      await collect(bus, "trustee", 45, "log");
      assert.deepEqual(await bus.publish("log", many(45)), { accepted: 45, duplicates: 0 });
      assert.equal((await bus.read("log", { from: 0n, limit: 1_000 })).length, 90);
    });

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

    on("a dead letter that is given again goes to its consumer alone", async ({ bus }) => {
      await bus.publish("frames", messages("a"));
      let verdict: Verdict = { dead: "NO_SUCH_METER" };
      bus.consume("frames", "opener", { batchMax: 2 }, async (batch) => batch.map(() => verdict));
      await bus.idle();
      assert.deepEqual(ids(await collect(bus, "ucs", 1)), ["a"]);
      const [letter] = await bus.deadLetters("frames");
      assert(letter !== undefined);
      verdict = ack;
      assert(await bus.requeue(letter));
      await bus.idle();
      // Another message, so that there is something to wait for.
      await bus.publish("frames", messages("b"));
      assert.deepEqual(ids(await collect(bus, "ucs", 1)), ["b"]);
    });

    on("each message of a partition goes to its subscription, in order, once", async ({ bus }) => {
      const names = partitionNames(4);
      const sent = Array.from({ length: 1_000 }, (_, i) => message(`${i}`, names[i % 4]));
      const seen = new Map<string, string[]>(names.map((name) => [name, []]));
      for (const subject of names) {
        bus.consume("contributions", "aggregator", { batchMax: 64, subject }, async (batch) => {
          assert(batch.every((delivery) => delivery.subject === subject));
          seen.get(subject)?.push(...ids(batch));
          return batch.map(() => ack);
        });
      }
      const expected = { accepted: 1_000, duplicates: 0 };
      assert.deepEqual(await bus.publish("contributions", sent), expected);
      await bus.idle();
      for (const name of names) {
        const its = sent.filter(({ subject }) => subject === name);
        assert.deepEqual(seen.get(name), ids(its));
      }
    });

    on("a subscription to all partitions gets what is in any", async ({ bus }) => {
      const names = partitionNames(4);
      const sent = Array.from({ length: 20 }, (_, i) => message(`${i}`, names[i % 4]));
      const seen: string[] = [];
      bus.consume("contributions", "aggregator", { batchMax: 3 }, async (batch) => {
        seen.push(...ids(batch));
        return batch.map(() => ack);
      });
      await bus.publish("contributions", sent);
      await bus.idle();
      assert.deepEqual(seen.toSorted(), ids(sent).toSorted());
      for (const subject of ["", "p04", "p0", "p00.x"]) {
        const astray = bus.publish("contributions", [message("astray", subject)]);
        await assert.rejects(astray, subject);
      }
    });

    on("a message comes back as it was, be it empty, large or oddly named", async ({ bus }) => {
      const odd = { ...message("ä\tß  /é%2F ", "load/St. Gallen.*.>..ü."), body: new Uint8Array() };
      const long = "n".repeat(busLimits.idChars);
      const large = { ...message(long, long), body: new Uint8Array(busLimits.bodyBytes).fill(7) };
      await bus.publish("audit", [odd, large]);
      const read = await bus.read("audit", { from: 0n, limit: 10 });
      const content = read.map(({ id, subject, body }) => ({ id, subject, body }));
      assert.deepEqual(content, [odd, large]);
      assert.equal((await bus.last("audit", "load/St. Gallen.*"))?.id, odd.id);
    });

    on("a retained stream can be read again", async ({ bus }) => {
      await bus.publish("audit", [message("a", "x.1"), message("b", "y.1"), message("c", "x.2")]);
      const all = await bus.read("audit", { from: 0n, limit: 10 });
      assert.deepEqual(ids(all), ["a", "b", "c"]);
      const from = all[1]?.sequence ?? 0n;
      assert.deepEqual(ids(await bus.read("audit", { from, limit: 1 })), ["b"]);
      assert.equal((await bus.last("audit", "y"))?.id, "b");
      assert.equal((await bus.last("audit", "x.1"))?.id, "a");
      assert.equal(await bus.last("audit", "x."), undefined);
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
