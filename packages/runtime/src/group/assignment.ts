/**
 * Who of several processes takes which partition of a stream: the same answer in each of them that
 * knows the same members, without a word between them. A pure function; correctness never depends
 * on it, because two that disagree for a moment only do the same work twice.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

/** At most; the assignment weighs every pair. */
const MEMBERS_MAX = 256;

/**
 * The partitions of each member, in the order given: rendezvous hashing (Thaler and Ravishankar,
 * "Using name-based mappings to increase hit rates", 1998) with a bound, so that nobody has more
 * than ⌈partitions/members⌉. The highest weight SHA-256(member ‖ 0 ‖ partition) of all that are
 * left goes first. A member that comes or goes moves its own share and few others.
 */
export function assignPartitions(
  members: readonly string[],
  partitions: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  assert(members.length <= MEMBERS_MAX, `a group has at most ${MEMBERS_MAX} members`);
  assert(new Set(members).size === members.length, "members have different names");
  const share = Math.ceil(partitions.length / Math.max(1, members.length));
  const pairs = members.flatMap((member) =>
    partitions.map((partition) => ({ member, partition, weight: weightOf(member, partition) })),
  );
  pairs.sort((a, b) => b.weight - a.weight || (a.member < b.member ? -1 : 1));
  const owners = new Map<string, string>();
  const counts = new Map(members.map((member) => [member, 0]));
  for (const { member, partition } of pairs) {
    const count = counts.get(member) ?? 0;
    if (owners.has(partition) || count === share) continue;
    owners.set(partition, member);
    counts.set(member, count + 1);
  }
  return new Map(
    members.map((member) => [member, partitions.filter((one) => owners.get(one) === member)]),
  );
}

const weightOf = (member: string, partition: string): number =>
  createHash("sha256").update(`${member}\0${partition}`).digest().readUIntBE(0, 6);
