/**
 * `/v1/tariffs`: dated versions, a preview on past windows, and publishing what a tariff signer has signed. The signature is made where the
 * signer's key is, never here: the MDMS passes a document on to the registry, which checks it.
 */
import { ProtocolError, registerBankOf, toHex, verifyDocument } from "@smarter-metering/protocol";
import { createRoute, type App, type Clock, type Store } from "@smarter-metering/runtime";
import {
  addLocalMonths,
  describeTariff,
  describeVersion,
  localDate,
  localMonthStart,
  parseTariff,
  publishFaults,
  publishNotes,
  tariffFaults,
  versionOn,
  type Tariff,
} from "@smarter-metering/tariff";
import type { RegistryDesk } from "../peers/registry-desk.ts";
import type { RegistryContext } from "../registry-context.ts";
import { readStatements, type StatementCursor } from "../statement-query.ts";
import {
  differenceOf,
  newestVersionAlone,
  summarise,
  type BillDifference,
} from "../tariff-preview.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers } from "./answers.ts";
import { peerRefusals, present, refused } from "./peer-answers.ts";
import { toIso } from "./schemas.ts";
import {
  previewAnswer,
  previewRequest,
  published,
  signedDocument,
  tariffList,
} from "./tariff-schemas.ts";

/** Bills that one preview prices: about a second's work, a page at a time. */
const BILLS_MAX = 10_000;
const PAGE = 500;
/** The MDMS does not know meters' intervals; R9 counts none shorter. */
const INTERVAL_SECONDS = 900;

export interface TariffApiPorts extends WebPorts {
  readonly clock: Clock;
  readonly registryDesk: RegistryDesk | undefined;
}

export function addTariffApi(app: App, ports: TariffApiPorts): void {
  addList(app, ports);
  addPreview(app, ports);
  addPublish(app, ports, "tariffs");
  addPublish(app, ports, "prices");
}

function addList(app: App, { context, guard, clock }: TariffApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/tariffs",
    summary: "Tariffs that a registered signer vouches for, with every dated version",
    middleware: guard.api({ permission: "neighbourhoods", action: "tariffs.view" }),
    responses: answers("Every tariff with its versions", tariffList),
  });
  app.openapi(route, async (c) => {
    const registry = await context();
    const now = Math.floor(clock.nowMs() / 1000);
    const tariffs = [...registry.tariffs.values()].map(({ tariff }) => ({
      tariff: tariff.tariff,
      currency: tariff.currency,
      description: describeTariff(tariff),
      prices: tariff.calendar.cost?.prices ?? null,
      servicePoints: contractsOf(registry, tariff.tariff, now).length,
      versions: versionsOf(registry, tariff, now),
      document: tariff,
    }));
    return c.json({ tariffs }, 200);
  });
}

/** Under contract now or later. */
const contractsOf = ({ servicePoints }: RegistryContext, id: string, now: number) =>
  [...servicePoints.values()].filter(
    ({ tariff, contractEnd }) => tariff === id && (contractEnd === null || contractEnd > now),
  );

/** By the calendar of its first service point: zones differ by hours. */
function versionsOf(registry: RegistryContext, tariff: Tariff, now: number) {
  const [{ zone } = { zone: "UTC" }] = contractsOf(registry, tariff.tariff, now);
  const today = localDate(now, zone);
  const begun = tariff.versions.filter(({ validFrom }) => validFrom <= today);
  const inForce = begun.length === 0 ? undefined : versionOn(tariff, today);
  return tariff.versions.map((version) => {
    const { version: number, validFrom } = version;
    const isPast = validFrom <= today && version !== inForce;
    const state = version === inForce ? "in-force" : isPast ? "past" : "to-come";
    return {
      version: number,
      validFrom,
      state: state satisfies string,
      description: describeVersion(tariff, version),
    } as const;
  });
}

function addPreview(app: App, { store, context, guard, clock }: TariffApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/tariffs/preview",
    summary: "What a tariff would have made of past bills, of their released registers alone",
    middleware: guard.api({ permission: "tariffs", action: "tariff.preview" }),
    request: {
      body: { required: true, content: { "application/json": { schema: previewRequest } } },
    },
    responses: answers("Faults, notes, and sums before and after", previewAnswer),
  });
  app.openapi(route, async (c) => {
    const { document, jws, of, from, to } = c.req.valid("json");
    const registry = await context();
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const range =
      from === undefined || to === undefined ? lastMonth(registry, nowSeconds) : { from, to };
    const span = { from: toIso(range.from), to: toIso(range.to) };
    const read = jws === undefined ? { document } : await verified(jws, registry);
    const faults = read === undefined ? [NOT_SIGNED] : tariffFaults(read.document);
    if (read === undefined || faults.length > 0) {
      const none = { tariff: null, version: null, currency: null, preview: null };
      return c.json({ ...none, ...span, faults: faults.map(faultAnswer), notes: [] }, 200);
    }
    const tariff = parseTariff(read.document);
    const known = registry.tariffs.get(of ?? tariff.tariff);
    const said = publishing(registry, tariff, nowSeconds);
    const same =
      known !== undefined && known.registerBank === toHex(await registerBankOf(tariff.calendar));
    const preview = same ? await priced(store, tariff, known.tariff.tariff, range) : null;
    const notes = same ? said.notes : [...said.notes, OTHER_CALENDAR];
    const { currency, versions } = tariff;
    const version = versions.at(-1)?.version ?? null;
    const answer = { tariff: tariff.tariff, version, currency, ...span };
    return c.json({ ...answer, faults: said.faults.map(faultAnswer), notes, preview }, 200);
  });
}

const NOT_SIGNED = {
  code: "TARIFF_NOT_SIGNED",
  path: "",
  message: "no tariff signer that the registry lists has signed this tariff",
};
const OTHER_CALENDAR =
  "nothing is priced: no registered tariff has this calendar, so no register that was released counts its hours";

const faultAnswer = ({ code, path, message }: { code: string; path: string; message: string }) => {
  return { code, path, message };
};

async function verified(
  jws: string,
  { tariffSignerKeys }: RegistryContext,
): Promise<{ readonly document: unknown } | undefined> {
  for (const key of tariffSignerKeys) {
    try {
      return { document: await verifyDocument("smarter-metering/tariff", jws, key) };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error; // Perhaps another signer's.
    }
  }
  return undefined;
}

/** The last whole month, in the zone of most people here: that of the first cohort. */
function lastMonth({ cohorts }: RegistryContext, nowSeconds: number) {
  const [{ zone } = { zone: "UTC" }] = [...cohorts.values()];
  const to = localMonthStart(nowSeconds, zone);
  return { from: addLocalMonths(to, -1, zone), to };
}

/** What the registry would say of publishing it, as far as the MDMS can know. */
function publishing(registry: RegistryContext, tariff: Tariff, nowSeconds: number) {
  const current = registry.tariffs.get(tariff.tariff)?.tariff;
  const { billGrid, billWindowDaysMin: windowDaysMin, bandIntervalsMin } = registry.policy;
  const contracts = contractsOf(registry, tariff.tariff, nowSeconds).map(
    ({ zone, contractStart: contractStartSeconds }) => {
      return { zone, contractStartSeconds, intervalSeconds: INTERVAL_SECONDS };
    },
  );
  const terms = { nowSeconds, billGrid, windowDaysMin, bandIntervalsMin, contracts };
  return {
    faults: publishFaults(current, tariff, terms),
    notes: publishNotes(current, tariff, terms),
  };
}

/** Windows that lie in the range, the oldest first. */
async function priced(
  store: Store,
  tariff: Tariff,
  of: string,
  { from, to }: { readonly from: number; readonly to: number },
) {
  const alone = newestVersionAlone(tariff);
  const differences: BillDifference[] = [];
  let [unpriced, read] = [0, 0];
  let after: StatementCursor | undefined;
  do {
    const query = { servicePoint: undefined, tariff: of, fromSeconds: from, toSeconds: to };
    const page = await readStatements(store, { ...query, after, limit: PAGE });
    for (const record of page) {
      if (record.fromSeconds < from || record.toSeconds > to) continue;
      const difference =
        record.currency === tariff.currency ? differenceOf(alone, record) : undefined;
      if (difference === undefined) unpriced += 1;
      else differences.push(difference);
    }
    read += page.length;
    after = page.length < PAGE ? undefined : page.at(-1);
  } while (after !== undefined && read < BILLS_MAX);
  return { ...summarise(differences, unpriced, tariff), more: after !== undefined };
}

function addPublish(
  app: App,
  { guard, registryDesk }: TariffApiPorts,
  kind: "tariffs" | "prices",
): void {
  const route = createRoute({
    method: "post",
    path: `/v1/${kind}`,
    summary: `Publish ${kind} that a registered tariff signer has signed`,
    middleware: guard.api({ permission: "tariffs", action: `${kind}.publish` }),
    request: {
      body: { required: true, content: { "application/json": { schema: signedDocument } } },
    },
    responses: {
      201: {
        description: "In the registry",
        content: { "application/json": { schema: published } },
      },
      ...answers("Unused", published),
      ...peerRefusals,
    },
  });
  app.openapi(route, async (c) => {
    const desk = present(
      registryDesk,
      "the registry: give it the registry's address and its token",
    );
    const asked = await desk.publish(kind, c.req.valid("json").jws);
    if ("refusal" in asked) return refused(c, asked.refusal);
    return c.json({ registryEpoch: asked.value.epoch }, 201);
  });
}
