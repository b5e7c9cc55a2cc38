/**
 * The views of a state, in parts (docs/protocol.md §9.1). Run by the registry. Each orders service points by the one pseudonym that it knows.
 * The same state gives the same bytes, so that an epoch can be made again; what it has in common with the one before is not made again.
 */
import { partedView, type PartedView, type ViewName } from "@smarter-metering/protocol";
import { RegistryError } from "./error.ts";
import { inRuns, LeafMemory, PointGroups } from "./leaves.ts";
import type { CohortVersion, Neighbourhood, RegistryState, ServicePointRecord } from "./state.ts";
import { tariffsOf } from "./tariff-list.ts";
import {
  banksOf,
  headsOf,
  mdmsCohort,
  mdmsPoint,
  networkPoint,
  publicCohort,
  ucsPoint,
  type Bank,
  type SignedDocuments,
} from "./view-entries.ts";

export type Views = Readonly<Record<ViewName, PartedView>>;

/** What entries say beside the service point's own record. */
interface Terms {
  readonly homes: ReadonlyMap<string, Neighbourhood>;
  readonly banks: ReadonlyMap<string, Bank>;
}

/** Cohort versions in a leaf: of a hundred members each, 30 kB for those who read members. */
const COHORTS_PER_LEAF = 8;
const COUNTED_COHORTS_PER_LEAF = 128;

/** Makes the views of one state after the other. */
export class ViewMaker {
  readonly #byNetwork = new PointGroups(({ network }) => network);
  readonly #byMdms = new PointGroups(({ mdms }) => mdms);
  readonly #points = {
    network: new LeafMemory<ServicePointRecord>(),
    mdms: new LeafMemory<ServicePointRecord>(),
    ucs: new LeafMemory<ServicePointRecord>(),
  };
  readonly #cohorts = {
    network: new LeafMemory<CohortVersion>(),
    mdms: new LeafMemory<CohortVersion>(),
    public: new LeafMemory<CohortVersion>(),
  };
  readonly #prices = new LeafMemory<string>();
  #terms: Terms = { homes: new Map(), banks: new Map() };

  /** Throws REGISTRY_DAMAGED for a service point whose neighbourhood or tariff the state does not hold. */
  async viewsOf(state: RegistryState, signed: SignedDocuments): Promise<Views> {
    const { calendars, banks } = await banksOf(tariffsOf(state));
    const homes = new Map(state.neighbourhoods.map((entry) => [entry.id, entry]));
    this.#hold({ homes, banks });
    const heads = headsOf(state, calendars, signed);
    const leaves = await this.#prices.leaves(inRuns(signed.prices, 1), leafText);
    const prices = leaves.length > 0 && { prices: leaves };
    const points = await this.#pointLeaves(state.servicePoints, { homes, banks });
    const cohorts = await this.#cohortLeaves(state.cohorts);
    const { network, mdms, ucs } = points;
    return {
      network: await partedView(heads.network, {
        ...prices,
        cohorts: cohorts.network,
        servicePoints: network,
      }),
      mdms: await partedView(heads.mdms, { ...prices, cohorts: cohorts.mdms, servicePoints: mdms }),
      ucs: await partedView(heads.ucs, { servicePoints: ucs }),
      public: await partedView(heads.public, { ...prices, cohorts: cohorts.public }),
    };
  }

  async #pointLeaves(points: readonly ServicePointRecord[], { homes, banks }: Terms) {
    const byNetwork = this.#byNetwork.of(points);
    const home = (point: ServicePointRecord) => known(homes.get(point.neighbourhood));
    const { network, mdms, ucs } = this.#points;
    return {
      network: await network.leaves(byNetwork, (sources) =>
        leafText(
          sources
            .toSorted(byName(({ network: name }) => name))
            .map((point) => networkPoint(point, home(point), known(banks.get(point.tariff)))),
        ),
      ),
      mdms: await mdms.leaves(this.#byMdms.of(points), (sources) =>
        leafText(
          sources
            .toSorted(byName(({ mdms: name }) => name))
            .map((point) => mdmsPoint(point, home(point))),
        ),
      ),
      ucs: await ucs.leaves(byNetwork, (sources) =>
        leafText(sources.toSorted(byName(({ network: name }) => name)).map(ucsPoint)),
      ),
    };
  }

  async #cohortLeaves(cohorts: readonly CohortVersion[]) {
    const counted = inRuns(cohorts, COUNTED_COHORTS_PER_LEAF);
    const { network, mdms, public: everybodys } = this.#cohorts;
    return {
      network: await network.leaves(inRuns(cohorts, COHORTS_PER_LEAF), leafText),
      mdms: await mdms.leaves(counted, (sources) => leafText(sources.map(mdmsCohort))),
      public: await everybodys.leaves(counted, (sources) => leafText(sources.map(publicCohort))),
    };
  }

  /** Other terms for what is known make other entries of the same service points. */
  #hold(terms: Terms): void {
    const { homes, banks } = this.#terms;
    const isSame = includes(terms.homes, homes) && includes(terms.banks, banks);
    if (!isSame) for (const memory of [this.#points.network, this.#points.mdms]) memory.forget();
    this.#terms = terms;
  }
}

const leafText = (entries: readonly unknown[]): string => JSON.stringify(entries);

const byName =
  (nameOf: (point: ServicePointRecord) => string) =>
  (a: ServicePointRecord, b: ServicePointRecord): number =>
    nameOf(a) < nameOf(b) ? -1 : 1;

const includes = (all: ReadonlyMap<string, unknown>, some: ReadonlyMap<string, unknown>): boolean =>
  [...some].every(([id, entry]) => {
    const now = all.get(id);
    return now === entry || JSON.stringify(now) === JSON.stringify(entry);
  });

function known<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  const message = "a service point names a neighbourhood or a tariff that the state does not hold";
  throw new RegistryError("REGISTRY_DAMAGED", message);
}
