/** The release policy: every rule with its number, its hard floor, and why it exists; and what is announced. */
import {
  Badge,
  Facts,
  Loaded,
  Notice,
  Panel,
  Table,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { PrivacyPolicy } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { usePlaceFormats } from "./place.tsx";

export function PolicyPanel(): VNode {
  const api = useApi();
  const loaded = useLoaded(
    (signal) => api.get<PrivacyPolicy>("/v1/privacy/policy", { signal }),
    [api],
  );
  return <Loaded of={loaded}>{(policy) => <Policy policy={policy} />}</Loaded>;
}

function Policy({ policy }: { readonly policy: PrivacyPolicy }): VNode {
  const { privacy: words, common } = useTexts();
  const formats = usePlaceFormats();
  const { notice, floors } = policy;
  return (
    <div class="stack">
      {notice !== null && (
        <Notice tone="warn" title={words.notice(formats.date(notice.inForceFrom))}>
          <ul class="plain-list" lang="en">
            {notice.changes.map((change) => (
              <li key={change}>{change}</li>
            ))}
          </ul>
        </Notice>
      )}
      <Panel>
        <Facts
          items={[
            [
              words.policyId,
              <>
                {policy.policyId}{" "}
                {policy.unsafe && <Badge tone="warn">{common.demonstration}</Badge>}
              </>,
            ],
            [words.epoch, String(policy.registryEpoch)],
            ...(notice === null ? [[words.announced, words.noNotice] as const] : []),
          ]}
        />
      </Panel>
      <Table
        caption={words.rulesCaption}
        rows={floors}
        rowKey={({ field }) => field}
        columns={[
          {
            key: "rule",
            head: words.rule,
            priority: 1,
            cell: ({ field }) => (
              <>
                {words.rules[field]?.[0] ?? field}
                <div class="muted small why">{words.rules[field]?.[1]}</div>
              </>
            ),
          },
          {
            key: "value",
            head: words.value,
            align: "end",
            cell: ({ field, value, floor, ceiling }) => {
              const isBeyond = value < floor || (ceiling !== null && value > ceiling);
              const text = valueText(field, value, formats);
              return isBeyond ? <Badge tone="warn">{text}</Badge> : text;
            },
          },
          {
            key: "floor",
            head: words.floor,
            align: "end",
            cell: ({ field, floor, ceiling }) =>
              ceiling === null
                ? `≥ ${valueText(field, floor, formats)}`
                : `≤ ${valueText(field, ceiling, formats)}`,
          },
        ]}
      />
    </div>
  );
}

function valueText(field: string, value: number, formats: ReturnType<typeof useFormats>): string {
  if (field.endsWith("BasisPoints")) return formats.percent(value / 10_000);
  if (field.endsWith("Seconds") || field === "intervalSecondsMin") return formats.duration(value);
  return formats.number(value);
}
