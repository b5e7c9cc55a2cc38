/** Who saw what: each release as a sentence, with what is proven of it behind it; what the portal knows; the key to compare. */
import {
  Badge,
  DateField,
  Details,
  EmptyState,
  ErrorState,
  Facts,
  Grid,
  Loaded,
  Notice,
  Page,
  Panel,
  ProblemError,
  Toolbar,
  useFormats,
  useLoaded,
  useQuery,
  type Formats,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Privacy, Release } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { CheckedLinks } from "../parts/checked-links.tsx";
import { FindingsNotice } from "../parts/findings.tsx";
import { useAsk } from "../portal.tsx";
import type { Texts } from "../texts/en.ts";

export function PrivacyPage(): VNode {
  const { privacy } = useTexts();
  const ask = useAsk();
  const [query, changeQuery] = useQuery();
  const month = /^\d{4}-\d{2}$/.test(query["month"] ?? "") ? (query["month"] ?? null) : null;
  const loaded = useLoaded((signal) => ask("privacy", { month }, { signal }), [month]);
  const shown = loaded.state === "ready" ? loaded.value.month : (month ?? "");
  return (
    <Page title={privacy.title} lead={privacy.lead}>
      <Toolbar>
        <DateField
          key={shown}
          name="month"
          kind="month"
          label={privacy.month}
          value={shown}
          onChange={(picked) => changeQuery({ month: picked })}
        />
      </Toolbar>
      {loaded.state === "failed" && isAway(loaded.error) ? (
        <Unavailable error={loaded.error} retry={loaded.retry} />
      ) : (
        <Loaded of={loaded}>{(value) => <Releases value={value} />}</Loaded>
      )}
      <Grid>
        <Panel title={privacy.portalTitle}>
          <ul>
            {privacy.portal.map((item) => (
              <li key={item}>{item}</li>
            ))}
          </ul>
        </Panel>
        {loaded.state === "ready" && <RootPanel value={loaded.value} />}
      </Grid>
    </Page>
  );
}

const isAway = (error: unknown): boolean =>
  error instanceof ProblemError && error.code === "UCS_EVIDENCE_UNAVAILABLE";

interface UnavailableProps {
  readonly error: unknown;
  readonly retry: () => void;
}

function Unavailable({ error, retry }: UnavailableProps): VNode {
  const { privacy } = useTexts();
  return (
    <>
      <ErrorState error={error} retry={retry} />
      <p class="muted">{privacy.unavailableLead}</p>
    </>
  );
}

function Releases({ value }: { readonly value: Privacy }): VNode {
  const { privacy } = useTexts();
  const formats = useFormats(value.zone);
  const { releases, findings, links } = value;
  const sums = releases.filter(({ others, state }) => others !== null && state === "released");
  const fewest = Math.min(...sums.map(({ others }) => others ?? 0));
  return (
    <>
      <FindingsNotice findings={findings} />
      <Panel title={formats.monthLabel(`${value.month}-15`)}>
        {sums.length > 0 && (
          <p>{privacy.summary(formats.number(sums.length), formats.number(fewest))}</p>
        )}
        {releases.length === 0 ? (
          <EmptyState icon="eye" title={privacy.emptyTitle}>
            {privacy.empty}
          </EmptyState>
        ) : (
          <ul class="releases">
            {releases.map((release) => (
              <li key={`${release.kind} ${release.from}`}>
                <ReleaseEntry release={release} formats={formats} />
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {links.length > 0 && (
        <Details summary={privacy.checks}>
          <CheckedLinks links={links} />
        </Details>
      )}
    </>
  );
}

interface ReleaseEntryProps {
  readonly release: Release;
  readonly formats: Formats;
}

function ReleaseEntry({ release, formats }: ReleaseEntryProps): VNode {
  const texts = useTexts();
  const { privacy } = texts;
  const { state, proven, codes, logged, cohort, others, stepSeconds, trustees } = release;
  const believed = beliefOf(release, privacy);
  const facts: [string, string][] = [
    ...(state === "released" ? [[privacy.receiver, privacy.supplier] as [string, string]] : []),
    ...(cohort === null ? [] : [[privacy.cohort, cohort] as [string, string]]),
    ...(others === null ? [] : [[privacy.others, formats.number(others)] as [string, string]]),
    ...(stepSeconds === null
      ? []
      : [[privacy.step, formats.duration(stepSeconds)] as [string, string]]),
    [privacy.policy, release.policy],
    ...(trustees === null
      ? []
      : [[privacy.trustees, formats.number(trustees)] as [string, string]]),
    [
      privacy.logEntry,
      logged === null ? privacy.logged.absent : `${logged.index} / ${logged.size}`,
    ],
  ];
  return (
    <Details
      summary={
        <span>
          {sentence(release, formats, texts)}{" "}
          {state === "released" ? (
            <Badge tone={proven.log ? "good" : "plain"}>
              {privacy.loggedShort[proven.log ? "verified" : "not-verified"]}
            </Badge>
          ) : (
            <Badge>{privacy.states[state]}</Badge>
          )}
        </span>
      }
    >
      {state !== "released" && codes.length > 0 && (
        <Notice title={privacy.refusalTitle}>
          {codes.map((code) => (
            <p key={code}>
              {refusalText(code, privacy)} <span class="small muted">{code}</span>
            </p>
          ))}
        </Notice>
      )}
      <Facts items={facts} />
      {believed.length > 0 && (
        <p class="small muted">
          {privacy.believed}: {believed.join(", ")}
        </p>
      )}
    </Details>
  );
}

function sentence(
  { kind, state, from, to, others }: Release,
  formats: Formats,
  { privacy }: Texts,
): string {
  const isBill = kind === "BILL";
  const last = formats.date(to - 1);
  if (isBill) {
    const say =
      state === "released"
        ? privacy.bill
        : state === "pending"
          ? privacy.billPending
          : privacy.billHeld;
    return say(formats.date(from), last);
  }
  const day = formats.date(from);
  const fed = kind === "LOAD_EXPORT";
  if (state === "released") {
    const count = formats.number(others ?? 0);
    return fed ? privacy.exportLoad(day, count) : privacy.load(day, count);
  }
  return state === "pending" ? privacy.loadPending(day) : privacy.loadHeld(day);
}

/** By the rule that a code begins with. */
function refusalText(code: string, { refusals }: Texts["privacy"]): string {
  const [rule = ""] = code.split("_");
  return refusals[rule] ?? refusals["OTHER"] ?? code;
}

/** What of an entry rests on the aggregator's word alone. */
function beliefOf({ proven, kind, state }: Release, privacy: Texts["privacy"]): string[] {
  return [
    ...(proven.request ? [] : [privacy.others]),
    ...(proven.membership ? [] : [privacy.membership]),
    ...(proven.log ? [] : [privacy.logEntry]),
    ...(kind === "BILL" && !proven.answered && state === "released" ? [privacy.trustees] : []),
  ];
}

function RootPanel({ value }: { readonly value: Privacy }): VNode {
  const { privacy } = useTexts();
  const { rootFingerprint, epoch, isRootUnproven } = value;
  return (
    <Panel title={privacy.rootTitle} lead={privacy.root}>
      <code class="code fingerprint">{rootFingerprint}</code>
      {isRootUnproven && <p class="small muted">{privacy.rootUnproven}</p>}
      {epoch !== null && <p class="small muted">{privacy.epoch(String(epoch))}</p>}
    </Panel>
  );
}
