/** Processes that share a database: who takes what (laws), who lives, who leads, and what a leader of yesterday can do: nothing. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import * as fc from "fast-check";
import {
  assignPartitions,
  groupStatements,
  joinGroup,
  manualClock,
  openStore,
  partitionNames,
  type Group,
  type ManualClock,
  type Store,
} from "@smarter-metering/runtime";

const PARTITIONS = partitionNames();

describe("the assignment of partitions", () => {
  const groups = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), {
    minLength: 1,
    maxLength: 20,
  });

  test("law: each partition has one owner, nobody has more than his share, whoever asks", () => {
    fc.assert(
      fc.property(groups, (members) => {
        const assigned = assignPartitions(members, PARTITIONS);
        assert.deepEqual([...assigned.keys()], members);
        assert.deepEqual([...assigned.values()].flat().toSorted(), PARTITIONS);
        const share = Math.ceil(PARTITIONS.length / members.length);
        for (const own of assigned.values()) assert(own.length <= share);
        const others = assignPartitions(members.toReversed(), PARTITIONS.toReversed());
        for (const [member, own] of assigned) {
          assert.deepEqual(others.get(member)?.toSorted(), own.toSorted());
        }
      }),
    );
  });

  test("one that comes or goes moves its own share and few others", () => {
    const groupsOfASize = 100;
    for (let size = 2; size <= 12; size++) {
      const share = Math.ceil(PARTITIONS.length / size);
      let total = 0;
      for (let round = 0; round < groupsOfASize; round++) {
        const members = Array.from({ length: size }, (_, index) => `${round}/${index}`);
        const before = ownersOf(assignPartitions(members.slice(1), PARTITIONS));
        const after = ownersOf(assignPartitions(members, PARTITIONS));
        const moved = PARTITIONS.filter((one) => before.get(one) !== after.get(one)).length;
        assert(moved <= 10, `${moved} of 16`);
        total += moved;
      }
      // Its own share, and what the bound pushes on.
      assert(total / groupsOfASize <= share + 3, `${size}: ${total / groupsOfASize}`);
    }
  });

  test("vectors", () => {
    assert.deepEqual(assignPartitions([], PARTITIONS), new Map());
    assert.deepEqual(assignPartitions(["a"], PARTITIONS), new Map([["a", PARTITIONS]]));
    const shares = assignPartitions(["a", "b", "c"], ["p00", "p01", "p02", "p03"]);
    assert.deepEqual(Object.fromEntries(shares), VECTOR);
    assert.throws(() => assignPartitions(["a", "a"], PARTITIONS), { code: "ERR_ASSERTION" });
  });
});

const VECTOR = { a: ["p02"], b: ["p00", "p01"], c: ["p03"] };

function ownersOf(assigned: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  return new Map(
    [...assigned].flatMap(([member, own]) => own.map((one) => [one, member] as const)),
  );
}

describe("a group", () => {
  let store: Store;
  let clock: ManualClock;
  before(async () => {
    const migrations = [{ name: "0001-group", statements: groupStatements }];
    store = await openStore({ place: { kind: "pglite" }, schema: "test", migrations });
    await store.query("create table written (by text not null)");
  });
  after(() => store.close());
  beforeEach(async () => {
    for (const table of ["group_member", "group_lead", "written"]) {
      await store.query(`delete from ${table}`);
    }
    clock = manualClock(0);
  });

  const join = (member: string, group = "g"): Promise<Group> =>
    joinGroup(store, clock, { group, member });
  /** Lets time pass; these beat every 2 s. */
  async function pass(seconds: number, ...beating: readonly Group[]): Promise<void> {
    for (let left = seconds; left > 0; left -= 2) {
      await clock.advanceTo(clock.nowMs() + 2000);
      for (const member of beating) await member.beat();
    }
  }
  const leads = ({ view }: Group): boolean => view.term !== undefined;
  const write = (group: Group, term = group.view.term ?? -1n): Promise<unknown> =>
    group
      .storeOf(term)
      .transaction((sql) => sql.query("insert into written values ($1)", [group.member]));
  const written = async (): Promise<unknown[]> =>
    (await store.query("select by from written order by by")).map(({ by }) => by);

  test("is led by the first, and all see who is there", async () => {
    const [a, b] = [await join("a"), await join("b")];
    await a.beat();
    assert.deepEqual(a.view, { members: ["a", "b"], leader: "a", term: 1n });
    assert.deepEqual(b.view, { members: ["a", "b"], leader: "a", term: undefined });
    const other = await join("c", "h");
    assert.deepEqual(other.view, { members: ["c"], leader: "c", term: 1n });
    await write(a);
    await assert.rejects(write(b), { code: "GROUP_NOT_LEADER" });
    assert.deepEqual(await written(), ["a"]);
  });

  test("goes to another at once when its leader leaves, after ten seconds when he dies", async () => {
    const [a, b, c] = [await join("a"), await join("b"), await join("c")];
    await a.leave();
    await b.beat();
    assert.deepEqual(b.view, { members: ["b", "c"], leader: "b", term: 2n });
    await pass(8, c);
    assert.deepEqual(c.view.members, ["b", "c"], "not yet");
    await pass(4, c);
    assert.deepEqual(c.view, { members: ["c"], leader: "c", term: 3n });
    assert.deepEqual(await store.query("select member from group_member"), [{ member: "c" }]);
  });

  test("does not take one for dead who beats, however clocks differ", async () => {
    const slow = manualClock(-9_000_000);
    const [a, b] = [await join("a"), await joinGroup(store, slow, { group: "g", member: "b" })];
    await pass(60, a, b);
    assert.deepEqual([a.view.members, b.view.members], [a.view.members, ["a", "b"]]);
    assert(leads(a) && !leads(b));
  });

  test("a leader who lost the lead without noticing can write nothing, and is a member again", async () => {
    const [a, b] = [await join("a"), await join("b")];
    await pass(12, b);
    assert(leads(a) && leads(b), "as far as each knows");
    await assert.rejects(write(a), { code: "GROUP_NOT_LEADER" });
    await write(b);
    assert.deepEqual(await written(), ["b"]);
    await a.beat();
    await b.beat();
    assert.deepEqual(a.view, { members: ["a", "b"], leader: "b", term: undefined });
    assert.deepEqual(b.view.members, ["a", "b"], "buried, and back");
    // Leading again is another lead: what was begun in the first does not go on in it.
    await b.leave();
    await a.beat();
    assert.equal(a.view.term, 3n);
    await assert.rejects(write(a, 1n), { code: "GROUP_NOT_LEADER" });
    await write(a);
    assert.deepEqual(await written(), ["a", "b"]);
  });

  test("a leader that starts again under its name leads at once; the process before is told", async () => {
    const old = await join("a");
    const again = await join("a");
    assert.deepEqual(again.view, { members: ["a"], leader: "a", term: 2n });
    await assert.rejects(write(old), { code: "GROUP_NOT_LEADER" });
    await assert.rejects(old.beat(), { code: "GROUP_REPLACED" });
    await old.leave();
    await again.beat();
    assert(leads(again), "another's leaving is not its own");
  });

  test("what fails in a leader's transaction leaves nothing and takes no lead away", async () => {
    const a = await join("a");
    const failing = a.storeOf(1n).transaction(async (sql) => {
      await sql.query("insert into written values ('x')");
      throw new Error("no");
    });
    await assert.rejects(failing, { message: "no" });
    assert.deepEqual(await written(), []);
    await write(a);
    assert.equal(a.storeOf(1n).kind, "pglite");
  });
});
