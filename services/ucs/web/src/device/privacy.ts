/** Who saw what of the household in a month (docs/protocol.md §7, §8), and by which registry all of it is checked. */
import type { PortalClient, Sighting } from "@smarter-metering/customer";
import { keyFingerprint } from "@smarter-metering/protocol";
import { addLocalMonths, dayStartOf, localDate } from "@smarter-metering/tariff";
import type { Account } from "./account.ts";
import type { BillBook } from "./bill-book.ts";
import { findingsOf } from "./findings.ts";
import { laterPart } from "./later-part.ts";
import type { Privacy, Release } from "./messages.ts";
import type { HouseholdReadings } from "./readings.ts";

export interface PrivacyPorts {
  readonly client: PortalClient;
  readonly account: Account;
  readonly readings: () => Promise<HouseholdReadings>;
  readonly book: BillBook;
  readonly zone: string;
}

/** `month` as YYYY-MM; null: that of the newest reading. Throws UCS_EVIDENCE_UNAVAILABLE. */
export async function privacyOf(ports: PrivacyPorts, month: string | null): Promise<Privacy> {
  const { client, account, book, zone } = ports;
  const { registry, opened, links } = await book.shown();
  const newest = (await ports.readings()).newest ?? Date.now() / 1000;
  const named = month ?? localDate(Math.floor(newest) - 1, zone).slice(0, 7);
  const from = dayStartOf(`${named}-01`, zone);
  const shown = await client.evidence(from, addLocalMonths(from, 1, zone));
  const { meters } = account.keys;
  const { whoSawWhat } = await laterPart();
  const report = await whoSawWhat({ registry, meters, shown, statements: opened });
  const all = [...links, ...report.links];
  return {
    zone,
    month: named,
    rootFingerprint: await keyFingerprint(registry.evidence.rootKey),
    isRootUnproven: registry.trusted === "portal",
    epoch: registry.pin?.epoch ?? null,
    releases: report.sightings.map(releaseOf).reverse(),
    links: report.links,
    findings: findingsOf(all),
  };
}

function releaseOf(sighting: Sighting): Release {
  const { kind, from, to, state, codes, withCost, proven, policyId: policy } = sighting;
  const { cohort, intervalSeconds, others, logged, trustees } = sighting;
  return {
    kind,
    from,
    to,
    state,
    codes,
    withCost,
    proven,
    policy,
    stepSeconds: intervalSeconds ?? null,
    others: kind === "BILL" ? null : (others ?? null),
    cohort: cohort === undefined ? null : `${cohort.id} (${cohort.version})`,
    logged: logged ?? null,
    trustees: trustees ?? null,
  };
}
