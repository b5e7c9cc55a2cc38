/**
 * How the registry cuts lists into leaves (docs/protocol.md §9.1), so that a change touches few of them. Run by the registry.
 *
 * Service points of a view are cut by the leading bits of the pseudonym that the view knows them by, which says nothing that the pseudonym
 * does not; never in the order of admission, or leaves of two views could be laid side by side.
 */
import { hashOf, type Part } from "@smarter-metering/protocol";
import { setImmediate } from "node:timers/promises";
import type { ServicePointRecord } from "./state.ts";

/** At most about; as many are cut in two when there are more. */
const POINTS_PER_LEAF = 32;
/** Leaves that are made in one go, before whatever else waits for the thread. */
const LEAVES_AT_ONCE = 64;

/** A power of two, and with `points` it only grows: when it doubles, every leaf changes once. */
export const leafCount = (points: number): number =>
  2 ** Math.ceil(Math.log2(Math.max(1, points / POINTS_PER_LEAF)));

/** Which of `leaves` a pseudonym belongs to: in the order of leaves, pseudonyms ascend. */
export const leafOf = (pseudonym: string, leaves: number): number =>
  Math.floor((parseInt(pseudonym.slice(0, 8), 16) * leaves) / 2 ** 32);

/** The leaves of one list, made again where their sources are others than in the epoch before. */
export class LeafMemory<Source> {
  #known: readonly { readonly sources: readonly Source[]; readonly hash: string }[] = [];

  /** `textOf` gives the same text for the same sources; where that is not so any more, `forget`. */
  async leaves(
    groups: readonly (readonly Source[])[],
    textOf: (sources: readonly Source[]) => string,
  ): Promise<Part[]> {
    const made: { sources: readonly Source[]; hash: string }[] = [];
    for (const [index, sources] of groups.entries()) {
      const known = this.#known[index];
      if (known !== undefined && areSame(known.sources, sources)) {
        made.push(known);
        continue;
      }
      made.push({ sources, hash: await hashOf(textOf(sources)) });
      if (index % LEAVES_AT_ONCE === 0) await setImmediate();
    }
    this.#known = made;
    return made.map(({ sources, hash }) => ({ hash, text: () => textOf(sources) }));
  }

  forget(): void {
    this.#known = [];
  }
}

const areSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a === b || (a.length === b.length && a.every((entry, index) => entry === b[index]));

/** Runs of `length`: for lists that are added to at their end. */
export function inRuns<T>(list: readonly T[], length: number): T[][] {
  const runs: T[][] = [];
  for (let from = 0; from < list.length; from += length) runs.push(list.slice(from, from + length));
  return runs;
}

/** Service points by leaf. A group whose service points are those of the call before is the same array. */
export class PointGroups {
  readonly #nameOf: (point: ServicePointRecord) => string;
  #points: readonly ServicePointRecord[] = [];
  #groups: readonly (readonly ServicePointRecord[])[] = [];

  constructor(nameOf: (point: ServicePointRecord) => string) {
    this.#nameOf = nameOf;
  }

  /** Service points keep their place in the list, and new ones follow at its end: else all are grouped anew. */
  of(points: readonly ServicePointRecord[]): readonly (readonly ServicePointRecord[])[] {
    const count = leafCount(points.length);
    if (count !== this.#groups.length || points.length < this.#points.length) this.#clear(count);
    const changed = new Map<number, ServicePointRecord[]>();
    for (const [index, point] of points.entries()) {
      const known = this.#points[index];
      if (point === known) continue;
      if (known !== undefined && this.#nameOf(known) !== this.#nameOf(point)) {
        this.#clear(count); // The state before was not published: another follows the one before it.
        return this.of(points);
      }
      const leaf = leafOf(this.#nameOf(point), count);
      let group = changed.get(leaf);
      if (group === undefined) changed.set(leaf, (group = [...(this.#groups[leaf] ?? [])]));
      if (known === undefined) group.push(point);
      else group.splice(group.indexOf(known), 1, point);
    }
    this.#points = points;
    this.#groups = this.#groups.map((group, leaf) => changed.get(leaf) ?? group);
    return this.#groups;
  }

  #clear(count: number): void {
    this.#points = [];
    this.#groups = Array.from({ length: count }, () => []);
  }
}
