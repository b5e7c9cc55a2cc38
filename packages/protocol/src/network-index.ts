/**
 * Where things are in a network view (docs/protocol.md §9.1): service points by name and by meter, cohorts by id and by member. The index of
 * one epoch is made from that of another, and costs what the two do not have in common.
 */
import type { Cohort, ServicePoint } from "./network-view.ts";
import { SharedMap } from "./shared-map.ts";
import type { Leaf } from "./view-reader.ts";

/** Service points of a leaf, about, as the registry cuts them: what an index is sized by. */
export const LEAF_ENTRIES = 32;

export interface NetworkIndexEdit {
  add(leaf: Leaf): void;
  remove(leaf: Leaf): void;
  /** The index with these changes; the edit is over. */
  done(): NetworkIndex;
}

export class NetworkIndex {
  readonly servicePoints: SharedMap<ServicePoint>;
  /** By meter, in order of their beginnings. */
  readonly contracts: SharedMap<readonly ServicePoint[]>;
  /** Versions of a cohort by its id, in order. */
  readonly versions: SharedMap<readonly Cohort[]>;
  /** By member, in order of versions. */
  readonly memberships: SharedMap<readonly Cohort[]>;

  private constructor(
    index: Pick<NetworkIndex, "servicePoints" | "contracts" | "versions" | "memberships">,
  ) {
    this.servicePoints = index.servicePoints;
    this.contracts = index.contracts;
    this.versions = index.versions;
    this.memberships = index.memberships;
  }

  static empty(servicePoints: number): NetworkIndex {
    return new NetworkIndex({
      servicePoints: SharedMap.empty(servicePoints),
      contracts: SharedMap.empty(servicePoints),
      versions: SharedMap.empty(servicePoints / LEAF_ENTRIES),
      memberships: SharedMap.empty(servicePoints),
    });
  }

  edit(): NetworkIndexEdit {
    const servicePoints = this.servicePoints.edit();
    const contracts = this.contracts.edit();
    const versions = this.versions.edit();
    const memberships = this.memberships.edit();
    const lists = {
      servicePoints: {
        add(point: ServicePoint) {
          servicePoints.set(point.network, point);
          for (const { meterId } of point.meters) insert(contracts, meterId, point, byStart);
        },
        remove(point: ServicePoint) {
          // Its leaf may have been replaced by one that has it too.
          if (servicePoints.get(point.network) === point) servicePoints.delete(point.network);
          for (const { meterId } of point.meters) take(contracts, meterId, point);
        },
      },
      cohorts: {
        add(cohort: Cohort) {
          insert(versions, cohort.id, cohort, byVersion);
          for (const member of cohort.members) insert(memberships, member, cohort, byVersion);
        },
        remove(cohort: Cohort) {
          take(versions, cohort.id, cohort);
          for (const member of cohort.members) take(memberships, member, cohort);
        },
      },
    };
    const each = ({ list, entries }: Leaf, change: "add" | "remove"): void => {
      // The network view's reader has read each list by its own shape.
      if (list === "servicePoints") for (const e of entries) lists[list][change](e as ServicePoint);
      if (list === "cohorts") for (const e of entries) lists[list][change](e as Cohort);
    };
    return {
      add: (leaf) => each(leaf, "add"),
      remove: (leaf) => each(leaf, "remove"),
      done: () =>
        new NetworkIndex({
          servicePoints: servicePoints.done(),
          contracts: contracts.done(),
          versions: versions.done(),
          memberships: memberships.done(),
        }),
    };
  }
}

const byStart = (a: ServicePoint, b: ServicePoint): number => a.contractStart - b.contractStart;
const byVersion = (a: Cohort, b: Cohort): number => a.version - b.version;

interface Lists<T> {
  get(key: string): readonly T[] | undefined;
  set(key: string, value: readonly T[]): void;
  delete(key: string): void;
}

function insert<T>(lists: Lists<T>, key: string, entry: T, order: (a: T, b: T) => number): void {
  const known = lists.get(key);
  lists.set(key, known === undefined ? [entry] : [...known, entry].toSorted(order));
}

function take<T>(lists: Lists<T>, key: string, entry: T): void {
  const left = lists.get(key)?.filter((known) => known !== entry) ?? [];
  if (left.length === 0) lists.delete(key);
  else lists.set(key, left);
}
