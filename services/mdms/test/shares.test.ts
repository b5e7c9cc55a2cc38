/** The combiner: from the answers of t trustees to one release, whatever the others answer, and who answered wrongly. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  encryptBatch,
  pack,
  partialDecrypt,
  type Ciphertext,
  type SecretShare,
} from "@smarter-metering/paillier";
import {
  billPacking,
  decodePartialRelease,
  encodePartialRelease,
  fromHex,
  loadPacking,
  partialContext,
  registerBankOf,
  sealPartialRelease,
  sealToken,
  toBase64Url,
  toHex,
  type AggregateTerms,
  type PartialContent,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  RuntimeError,
  type Delivery,
  type Store,
  type Verdict,
} from "@smarter-metering/runtime";
import { dealTestKey } from "../../../packages/paillier/test/threshold-keys.ts";
import { named, type World } from "../../../test/support/world.ts";
import { latestAlarms } from "../src/alarms.ts";
import { LiveEvents } from "../src/live-events.ts";
import { Combiner } from "../src/combiner.ts";
import { readLoad } from "../src/load-query.ts";
import { sealedRelease } from "../src/release-query.ts";
import { readStatements } from "../src/statement-query.ts";
import { costTariff, withCostTariff } from "./cost-tariff.ts";
import { loadRelease, startFixture, type Fixture } from "./fixture.ts";

const QUORUM = { threshold: 2, trustees: 3 };
const SLOTS = 24;
const VALUE_BITS = 16;

let fixture: Fixture;
let world: World;
before(async () => {
  fixture = await startFixture({ quorum: QUORUM, loadIntervalSeconds: 3600 });
  world = fixture.world;
});
after(() => fixture.close());

/** A request that all trustees have granted. */
interface Asked {
  readonly terms: AggregateTerms;
  readonly product: Ciphertext;
  /** Of a bill that has a cost. */
  readonly costProduct?: Ciphertext;
}

async function encrypted(plaintext: bigint): Promise<Ciphertext> {
  const [ciphertext] = await encryptBatch(world.engine, world.paillier.publicKey, [plaintext]);
  assert(ciphertext !== undefined);
  return ciphertext;
}

let asks = 0;
const common = () => ({
  policyId: "UNSAFE-test",
  registryEpoch: 0,
  paillierKeyId: world.paillier.publicKey.id,
  requestDigest: toHex(named(`request ${asks++}`)),
});

/** A day of cohort "north" with `first` Wh in slot 0, one more in each that follows. */
async function askLoad(day: number, first = 100n): Promise<Asked> {
  const values = Array.from({ length: SLOTS }, (_, slot) => first + BigInt(slot));
  const packing = loadPacking(VALUE_BITS, world.paillier.publicKey.bits);
  const members = world.households.length;
  const terms: AggregateTerms = {
    kind: "LOAD",
    stream: "LOAD",
    cohort: "north",
    cohortVersion: 1,
    blockStart: world.dayStart(day),
    intervalSeconds: 3600,
    contributors: members,
    members,
    contributorsPerSlot: values.map(() => members),
    loadValueBits: VALUE_BITS,
    ...common(),
  };
  // Above what one value may have, as a sum does.
  const [half, rest] = [
    pack(
      packing,
      values.map((value) => value / 2n),
    ),
    values,
  ];
  const product =
    half +
    pack(
      packing,
      rest.map((value) => value - value / 2n),
    );
  return { terms, product: await encrypted(product) };
}

async function askBill(household: number): Promise<Asked> {
  const pseudonym = fromHex(world.households[household]?.mdms ?? "");
  const [fromGrid, toGrid] = [world.dayStart(0), world.dayStart(28)];
  const terms: AggregateTerms = {
    kind: "BILL",
    servicePointToken: toBase64Url(await sealToken(world.mdms.recipient, pseudonym)),
    fromGrid,
    toGrid,
    fromBorder: fromGrid,
    toBorder: toGrid,
    registerBank: toHex(await registerBankOf(world.tariff.calendar)),
    hasCost: false,
    ...common(),
  };
  const registers = [100_000_000n, 50_000_000n, 10_000_000n, 0n, 0n, 0n, 0n, 0n];
  const plaintext = pack(billPacking(world.paillier.publicKey.bits), registers);
  return { terms, product: await encrypted(plaintext) };
}

/** The same by prices of the hour; `counted` is what the cost registers differ by, below 0 where one began again. */
async function askCost(household: number, counted: bigint): Promise<Asked> {
  const { terms } = await askBill(household);
  const { bits, n } = world.paillier.publicKey;
  const registerBank = toHex(await registerBankOf(costTariff.calendar));
  return {
    terms: { ...terms, registerBank, hasCost: true } as AggregateTerms,
    product: await encrypted(pack(billPacking(bits), [100_000_000n])),
    costProduct: await encrypted(counted < 0n ? n + counted : counted),
  };
}

interface Changes {
  readonly terms?: Partial<AggregateTerms>;
  readonly product?: Ciphertext;
  readonly costProduct?: Ciphertext;
  readonly sequence?: number;
  /** Of the partial decryption itself. */
  readonly partial?: (bytes: Uint8Array) => Uint8Array;
  readonly share?: SecretShare;
  readonly signer?: Signer;
  readonly trustee?: number;
  /** The request that the partial decryption is really for. */
  readonly madeFor?: Asked;
}

const numbers = new Map<number, number>();
function nextNumber(trustee: number): number {
  const number = numbers.get(trustee) ?? 0;
  numbers.set(trustee, number + 1);
  return number;
}

function holder(trustee: number) {
  const found = world.shareHolders[trustee - 1];
  assert(found !== undefined);
  return found;
}

/** What trustee `trustee` answers, or what becomes of it under `changes`. */
async function answer(asked: Asked, trustee: number, changes: Changes = {}): Promise<Uint8Array> {
  const own = holder(trustee);
  const { share = own.share, signer = own.signer, madeFor } = changes;
  const terms = { ...asked.terms, ...changes.terms } as AggregateTerms;
  const { product = asked.product, costProduct = asked.costProduct } = changes;
  const opened = madeFor ?? { terms, product, ...(costProduct && { costProduct }) };
  const { requestDigest, policyId } = opened.terms;
  const context = partialContext(fromHex(requestDigest), policyId);
  // A share of another ceremony opens what is under its own key alone: told that this is.
  const ciphertexts = [opened.product, ...(opened.costProduct ? [opened.costProduct] : [])].map(
    (ciphertext) => ({ ...ciphertext, keyId: share.key.publicKey.id }),
  );
  const made = await partialDecrypt(world.engine, share, ciphertexts, context);
  const content: PartialContent = {
    terms,
    product: product.bytes,
    ...(costProduct && { costProduct: costProduct.bytes }),
    partial: changes.partial?.(made) ?? made,
  };
  const number = {
    trustee: changes.trustee ?? trustee,
    sequence: changes.sequence ?? nextNumber(trustee),
  };
  return encodePartialRelease(
    await sealPartialRelease(content, number, world.mdms.recipient, signer),
  );
}

let published = 0;
async function deliver(...bodies: readonly Uint8Array[]): Promise<void> {
  const messages = bodies.map((body) => ({ id: `${published++}`, subject: "test", body }));
  await fixture.bus.publish("partial-releases", messages);
  await fixture.bus.idle();
}

const everything = { fromSeconds: 0, toSeconds: Number.MAX_SAFE_INTEGER, after: undefined };
async function loadOf(day: number): Promise<readonly number[] | undefined> {
  const query = { ...everything, stream: "LOAD", cohort: "north", limit: 100 } as const;
  const blocks = await readLoad(fixture.store, query);
  return blocks.find(({ blockStart }) => blockStart === world.dayStart(day))?.energyWattHours;
}
const expected = (first = 100): number[] =>
  Array.from({ length: SLOTS }, (_, slot) => first + slot);

/** Codes and subjects that are new since `work` began. */
async function alarmsOf(work: () => Promise<unknown>): Promise<string[]> {
  const list = async () =>
    (await latestAlarms(fixture.store, 1000)).map(
      ({ digest, code, subject }) => [toHex(digest), `${code} ${subject}`] as const,
    );
  const known = new Set((await list()).map(([digest, text]) => digest + text));
  await work();
  const now = await list();
  return now.filter(([digest, text]) => !known.has(digest + text)).map(([, text]) => text);
}

describe("any two of three, in any order", () => {
  const orders = [
    [1, 2, 3],
    [1, 3, 2],
    [2, 1, 3],
    [2, 3, 1],
    [3, 1, 2],
    [3, 2, 1],
  ];
  for (const [day, order] of orders.entries()) {
    test(`${order.join(", ")}: released with the second, the third changes nothing`, async () => {
      const asked = await askLoad(day);
      const [first, second, third] = await Promise.all(order.map((one) => answer(asked, one)));
      assert(first && second && third);
      const alarms = await alarmsOf(async () => {
        await deliver(first);
        assert.equal(await loadOf(day), undefined);
        await deliver(second);
        assert.deepEqual(await loadOf(day), expected());
        await deliver(third);
        await deliver(third, first, second);
      });
      assert.deepEqual(alarms, []);
      assert.deepEqual(await loadOf(day), expected());
      const kept = await fixture.store.query<{ sealed: Uint8Array; verdict: string }>(
        "select sealed, verdict from share where digest = $1 order by trustee",
        [fromHex(asked.terms.requestDigest)],
      );
      assert.deepEqual(
        new Set(kept.map(({ sealed }) => toHex(sealed))),
        new Set([first, second, third].map(toHex)),
      );
      assert(kept.every(({ verdict }) => verdict === "GOOD"));
      const audited = await sealedRelease(fixture.store, fromHex(asked.terms.requestDigest));
      assert.deepEqual(audited, { release: null, partials: kept.map(({ sealed }) => sealed) });
    });
  }

  test("many requests in one batch: loads and bills, each with all three answers", async () => {
    const asked = await Promise.all([askBill(0), askLoad(10), askBill(1), askLoad(11)]);
    const answers = await Promise.all(
      [1, 2, 3].flatMap((trustee) => asked.map((one) => answer(one, trustee))),
    );
    assert.deepEqual(await alarmsOf(() => deliver(...answers)), []);
    assert.deepEqual([await loadOf(10), await loadOf(11)], [expected(), expected()]);
    for (const household of [0, 1]) {
      const servicePoint = world.households[household]?.mdms;
      const query = { ...everything, servicePoint, limit: 10 };
      const [record, ...others] = await readStatements(fixture.store, query);
      assert(record !== undefined && others.length === 0);
      assert.equal(record.amount, "51.26");
    }
  });

  test("a bill and its cost are opened together; a cost that no register counts spoils both", async () => {
    const { epoch, view } = world.mdmsFeed.current();
    const signer = world.parties["tariff-signer"].signer;
    const points = [2, 3].map((household) => world.households[household]?.mdms ?? "");
    const dynamic = await withCostTariff(view, signer, (point) => points.includes(point));
    world.mdmsFeed.set(epoch, dynamic);
    // The register began again inside the window: 2⁴⁸ less 5 and up to 20 billion.
    const asked = await askCost(2, 20_000_000_000n + 5n - 2n ** 48n);
    const costProduct = await encrypted(1n);
    const alarms = await alarmsOf(async () =>
      deliver(
        await answer(asked, 2, { costProduct }),
        await answer(asked, 1),
        await answer(asked, 3),
      ),
    );
    assert.deepEqual(alarms, ["MDMS_SHARE_DISAGREES trustee 2: bill"]);
    const [servicePoint] = points;
    const query = { ...everything, servicePoint, limit: 10 };
    const [record] = await readStatements(fixture.store, query);
    assert.deepEqual(record?.cost, { prices: "day-ahead", counted: 20_000_000_005n });
    // 20.000000005 less 0.3 for each of 100 kWh.
    assert.equal(
      record.lines[0]?.amountE16,
      String(20_000_000_005n * 10_000_000n - 30n * 10n ** 16n),
    );
    const impossible = await askCost(3, -(2n ** 52n));
    const corrupt = await alarmsOf(async () =>
      deliver(await answer(impossible, 1), await answer(impossible, 2)),
    );
    assert.deepEqual(corrupt, ["RELEASE_CORRUPT combined release"]);
    world.mdmsFeed.set(epoch, view);
  });

  test("trustees that have seen different registry epochs agree all the same", async () => {
    world.mdmsFeed.set(7, { ...world.mdmsFeed.current().view });
    const asked = await askLoad(12);
    const newer = { terms: { registryEpoch: 7 } };
    await deliver(await answer(asked, 1), await answer(asked, 3, newer));
    assert.deepEqual(await loadOf(12), expected());
  });
});

/** Trustee 2 is corrupt, or somebody speaks for it; 1 and 3 are honest. */
const attacks: readonly {
  readonly name: string;
  readonly code: string;
  /** Whether the alarm says who: nobody is named whose signature does not show it. */
  readonly names?: false;
  readonly forge: (asked: Asked) => Promise<Uint8Array>;
}[] = [
  {
    name: "a forged partial decryption",
    code: "MDMS_SHARE_INVALID",
    forge: (asked) => answer(asked, 2, { partial: (bytes) => flipped(bytes, bytes.length - 1) }),
  },
  {
    name: "a forged proof",
    code: "MDMS_SHARE_INVALID",
    forge: (asked) => answer(asked, 2, { partial: (bytes) => flipped(bytes, 40) }),
  },
  {
    name: "a truncated share",
    code: "MDMS_SHARE_INVALID",
    forge: (asked) => answer(asked, 2, { partial: (bytes) => bytes.slice(0, -1) }),
  },
  {
    name: "an empty one",
    code: "MDMS_SHARE_INVALID",
    forge: (asked) => answer(asked, 2, { partial: () => Uint8Array.of(1) }),
  },
  {
    name: "a share replayed from another request",
    code: "MDMS_SHARE_INVALID",
    forge: async (asked) => answer(asked, 2, { madeFor: await askLoad(90) }),
  },
  {
    name: "one granted under another policy",
    code: "MDMS_SHARE_INVALID",
    forge: (asked) => {
      const terms = { ...asked.terms, policyId: "default-1" };
      return answer(asked, 2, { madeFor: { ...asked, terms } });
    },
  },
  {
    name: "the share of another trustee",
    code: "MDMS_SHARE_INVALID",
    forge: (asked) => answer(asked, 2, { share: holder(3).share }),
  },
  {
    name: "a share of another ceremony",
    code: "MDMS_SHARE_FOREIGN_KEY",
    forge: async (asked) => {
      const { shares } = await dealTestKey({ ...QUORUM, which: 1 });
      const [, share] = shares;
      assert(share !== undefined);
      return answer(asked, 2, { share });
    },
  },
  {
    name: "another product, with a proof that holds",
    code: "MDMS_SHARE_DISAGREES",
    forge: async (asked) => answer(asked, 2, { product: await encrypted(5n) }),
  },
  {
    name: "what is no ciphertext",
    code: "MDMS_SHARE_DISAGREES",
    forge: (asked) =>
      answer(asked, 2, { madeFor: asked, product: { ...asked.product, bytes: named("no") } }),
  },
  {
    name: "other counts for the same product",
    code: "MDMS_SHARE_DISAGREES",
    forge: (asked) => answer(asked, 2, { terms: { contributors: 3 } }),
  },
  {
    name: "a policy that is not the registry's",
    code: "MDMS_POLICY",
    forge: (asked) => answer(asked, 2, { terms: { policyId: "UNSAFE-other" } }),
  },
  {
    name: "a sealed share of another request under this one's header",
    code: "MDMS_UNOPENABLE",
    forge: async (asked) => {
      const other = decodePartialRelease(await answer(await askLoad(91), 2));
      return resigned({ ...other, requestDigest: fromHex(asked.terms.requestDigest) }, 2);
    },
  },
  {
    name: "a number that the trustee gave before",
    code: "MDMS_SEQUENCE_REUSED",
    forge: (asked) => answer(asked, 2, { sequence: 0 }),
  },
  {
    name: "trustee 1's answer under number 2",
    code: "MDMS_BAD_SIGNATURE",
    names: false,
    forge: (asked) => answer(asked, 1, { trustee: 2 }),
  },
  {
    name: "a trustee that the registry does not list",
    code: "MDMS_BAD_SIGNATURE",
    names: false,
    forge: (asked) => answer(asked, 2, { trustee: 4 }),
  },
  {
    name: "the signature of a stranger",
    code: "MDMS_BAD_SIGNATURE",
    names: false,
    forge: (asked) => answer(asked, 2, { signer: world.parties.aggregator.signer }),
  },
  {
    name: "a message cut short",
    code: "MDMS_MALFORMED",
    names: false,
    forge: async (asked) => (await answer(asked, 2)).slice(0, -1),
  },
];

const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

describe("a bad answer is refused, its trustee named, and the others release", () => {
  for (const [index, { name, code, names = true, forge }] of attacks.entries()) {
    // What was refused by itself is refused so at any time.
    for (const late of code.startsWith("MDMS_SHARE_") ? [false, true] : [false]) {
      test(`${code}: ${name}${late ? ", late" : ""}`, async () => {
        const day = 20 + 2 * index + (late ? 1 : 0);
        const asked = await askLoad(day);
        const bad = await forge(asked);
        const honest = [await answer(asked, 1), await answer(asked, 3)];
        const alarms = await alarmsOf(async () => {
          for (const body of late ? [...honest, bad] : [bad, ...honest]) await deliver(body);
        });
        assert.equal(alarms.length, 1, alarms.join("; "));
        assert(alarms[0]?.startsWith(code), alarms[0]);
        assert.equal(alarms[0]?.includes("trustee 2"), names);
        assert.deepEqual(await loadOf(day), expected());
      });
    }
  }

  test("MDMS_SHARE_CHANGED: two answers of one trustee to one request; the first stays", async () => {
    const asked = await askLoad(80);
    const [first, second] = [await answer(asked, 2), await answer(asked, 2)];
    const alarms = await alarmsOf(() => deliver(first, second));
    assert.deepEqual(alarms, ["MDMS_SHARE_CHANGED trustee 2: load/north"]);
    await deliver(await answer(asked, 1));
    assert.deepEqual(await loadOf(80), expected());
  });

  test("two bad of three: nothing comes out, whoever they agree with", async () => {
    const asked = await askLoad(81);
    const bent = (bytes: Uint8Array) => flipped(bytes, bytes.length - 1);
    const alarms = await alarmsOf(async () => {
      await deliver(await answer(asked, 1, { partial: bent }));
      await deliver(await answer(asked, 2, { partial: bent }), await answer(asked, 3));
    });
    assert.deepEqual(alarms.toSorted(), [
      "MDMS_SHARE_INVALID trustee 1: load/north",
      "MDMS_SHARE_INVALID trustee 2: load/north",
    ]);
    assert.equal(await loadOf(81), undefined);
  });

  test("one answer alone never makes a release, however often it comes", async () => {
    const asked = await askLoad(82);
    const only = await answer(asked, 1);
    await deliver(only, only);
    await deliver(only);
    assert.equal(await loadOf(82), undefined);
  });
});

async function resigned(
  partial: Parameters<typeof encodePartialRelease>[0],
  trustee: number,
): Promise<Uint8Array> {
  const { signer } = holder(trustee);
  // The same domain, header and body as a trustee would sign.
  const { signedBytes } = await import("../../../packages/protocol/src/signature.ts");
  const encoded = encodePartialRelease(partial);
  const header = encoded.slice(0, encoded.length - 64 - 4 - partial.jwe.length);
  const domain = "smarter-metering/partial-release/v1";
  const signature = await signer.sign(await signedBytes(domain, header, partial.jwe));
  return encodePartialRelease({ ...partial, signature });
}

test("a plaintext that is no sum: RELEASE_CORRUPT, kept and not decoded, late answers checked", async () => {
  const asked = await askLoad(83);
  const huge = await encrypted(1n << 2000n);
  const corrupt = { ...asked, product: huge };
  const alarms = await alarmsOf(async () => {
    await deliver(await answer(corrupt, 3), await answer(corrupt, 1));
    await deliver(await answer(corrupt, 2, { partial: (bytes) => flipped(bytes, 50) }));
  });
  assert.deepEqual(alarms.toSorted(), [
    "MDMS_SHARE_INVALID trustee 2: load/north",
    "RELEASE_CORRUPT combined release",
  ]);
  assert.equal(await loadOf(83), undefined);
  const [row] = await fixture.store.query<{ corrupt: boolean }>(
    "select corrupt from combination where digest = $1",
    [fromHex(asked.terms.requestDigest)],
  );
  assert.equal(row?.corrupt, true);
});

test("what the registry or an earlier release contradicts is refused although all agree", async () => {
  const [once, again] = [await askLoad(84), await askLoad(84, 900n)];
  await deliver(await answer(once, 1), await answer(once, 2));
  const off = await askLoad(85);
  const shifted = { ...off, terms: { ...off.terms, blockStart: world.dayStart(85) + 1 } };
  const alarms = await alarmsOf(async () => {
    await deliver(await answer(again, 1), await answer(again, 2));
    await deliver(await answer(shifted, 1), await answer(shifted, 2));
  });
  assert.deepEqual(alarms.toSorted(), [
    "MDMS_CONFLICT combined release",
    "MDMS_OFF_GRID combined release",
  ]);
  assert.deepEqual(await loadOf(84), expected());
});

test("a whole release where trustees hold shares is refused, and a share where one holds the key", async () => {
  const options = { request: "whole", sequence: 0, trustee: holder(1).signer };
  await fixture.deliver(await loadRelease(world, 86, { ...options, intervalSeconds: 3600 }));
  const lone = await startFixture();
  try {
    await lone.bus.publish("partial-releases", [
      { id: "0", subject: "", body: await answer(await askLoad(86), 1) },
    ]);
    await lone.bus.idle();
    for (const { bus } of [fixture, lone]) {
      const letters = await bus.deadLetters();
      assert.equal(letters.at(-1)?.reason, "MDMS_KEY_HOLDING");
    }
  } finally {
    await lone.close();
  }
});

describe("crashes", () => {
  const bound = (store: Store, property: keyof Store): unknown => {
    const value = store[property];
    return typeof value === "function" ? value.bind(store) : value;
  };
  /** The store of a process that dies at its `nth` transaction. */
  const dying = (nth: number): Store => {
    let left = nth;
    return new Proxy(fixture.store, {
      get(target, property: keyof Store) {
        if (property !== "transaction") return bound(target, property);
        return (work: Parameters<Store["transaction"]>[0]) => {
          left -= 1;
          if (left < 0) return Promise.reject(new Error("the process died"));
          return target.transaction(work);
        };
      },
    });
  };
  const combiner = (store: Store): Combiner =>
    new Combiner({ ...fixture.ports, store, metrics: createMetrics(), events: new LiveEvents() });
  const batch = (bodies: readonly Uint8Array[]): Delivery[] =>
    bodies.map((body, index) => {
      return { id: `${index}`, subject: "", body, sequence: BigInt(index), attempt: 1 };
    });
  const acks = (verdicts: readonly Verdict[]): boolean => verdicts.every((one) => "ack" in one);

  for (const transactions of [0, 1]) {
    test(`after ${transactions} transactions: the batch comes again, and nothing is lost`, async () => {
      const day = 95 + transactions;
      const asked = await askLoad(day);
      const bodies = [await answer(asked, 2), await answer(asked, 3)];
      await assert.rejects(combiner(dying(transactions)).take(batch(bodies)), /the process died/);
      assert.equal(await loadOf(day), undefined);
      assert(acks(await combiner(fixture.store).take(batch(bodies))));
      assert.deepEqual(await loadOf(day), expected());
      assert(acks(await combiner(fixture.store).take(batch(bodies))));
    });
  }

  test("trouble that passes: the messages wait, and are taken then", async () => {
    const asked = await askLoad(97);
    const bodies = [await answer(asked, 1), await answer(asked, 2)];
    const busy: Store = new Proxy(fixture.store, {
      get: (target, property: keyof Store) =>
        property === "transaction"
          ? () => Promise.reject(new RuntimeError("STORE_BUSY", "busy"))
          : bound(target, property),
    });
    const verdicts = await combiner(busy).take(batch(bodies));
    assert(verdicts.every((one) => "retryAfterMs" in one));
    const early = await answer(asked, 3, { terms: { registryEpoch: 99 } });
    const [waits] = await combiner(fixture.store).take(batch([early]));
    assert(waits !== undefined && "retryAfterMs" in waits);
    assert(acks(await combiner(fixture.store).take(batch(bodies))));
    assert.deepEqual(await loadOf(97), expected());
  });
});
