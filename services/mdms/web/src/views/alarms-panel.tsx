/** Alarms: releases that failed a check, feeders out of balance. The newest first. */
import { Badge, Button, Loaded, Panel, Table, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { AlarmList } from "../api.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvLink } from "./paged-list.tsx";
import { useLive } from "./live.tsx";
import { Refusal } from "./refusal.tsx";
import { usePlaceFormats } from "./place.tsx";

const SHOWN = 50;

export function AlarmsPanel(): VNode {
  const { overview: words } = useTexts();
  const api = useApi();
  const { version } = useLive();
  const loaded = useLoaded(
    (signal) => api.get<AlarmList>("/v1/alarms", { signal, query: { limit: SHOWN } }),
    [api, version],
  );
  return (
    <Panel title={words.alarms} wide actions={<CsvLink path="/v1/alarms" asked={{}} />}>
      <Loaded
        of={loaded}
        empty={({ alarms }) =>
          alarms.length === 0 ? <p class="muted">{words.noAlarms}</p> : undefined
        }
      >
        {({ alarms }) => (
          <AlarmsTable
            alarms={alarms}
            onChange={loaded.state === "ready" ? loaded.reload : undefined}
          />
        )}
      </Loaded>
    </Panel>
  );
}

interface AlarmsTableProps extends AlarmList {
  readonly onChange: (() => void) | undefined;
}

function AlarmsTable({ alarms, onChange }: AlarmsTableProps): VNode {
  const { overview: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const acknowledge = async (digest: string, code: string): Promise<void> => {
    await api.post("/v1/alarms/acknowledge", { digest, code });
    onChange?.();
  };
  const formats = usePlaceFormats();
  return (
    <Table
      caption={words.alarms}
      rows={alarms}
      rowKey={({ digest, code }) => `${digest} ${code}`}
      columns={[
        { key: "what", head: words.what, priority: 1, cell: ({ code }) => <Refusal code={code} /> },
        { key: "subject", head: words.where, cell: ({ subject }) => <code>{subject}</code> },
        { key: "first", head: words.firstAt, cell: ({ firstAt }) => formats.dateTime(firstAt) },
        { key: "last", head: words.lastAt, cell: ({ lastAt }) => formats.dateTime(lastAt) },
        {
          key: "seen",
          head: words.seen,
          cell: ({ digest, code, acknowledgedBy }) => {
            if (acknowledgedBy !== null) return <Badge>{words.acknowledged(acknowledgedBy)}</Badge>;
            if (!may("alarms")) return <Badge tone="warn">{words.unseen}</Badge>;
            return (
              <Button kind="quiet" onClick={() => void acknowledge(digest, code)}>
                {words.acknowledge}
              </Button>
            );
          },
        },
      ]}
    />
  );
}
