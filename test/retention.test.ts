/**
 * The retention table of docs/privacy-officer.md: it says what the constants say, and what it says happens. Each row's data are put into the
 * party's own store, just old enough and just too young; an hour passes at the running party, and one of the two is gone. The
 * aggregator's row has a test beside it (services/pes/aggregator/test/retention.test.ts).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  manualClock,
  openBus,
  openStore,
  type SqlValue,
  type Store,
} from "@smarter-metering/runtime";
import { RELEASES_KEPT_DAYS, streamsOf } from "../cli/src/serve/streams.ts";
import { DEAD_LETTERS_KEPT_DAYS } from "../packages/runtime/src/bus/stream-state.ts";
import { testPlace } from "../packages/runtime/test/test-place.ts";
import { KEPT_DAYS } from "../services/concentrator/src/chain-store.ts";
import { REQUESTS_KEPT_DAYS } from "../services/concentrator/src/mailbox.ts";
import { openLab, type Lab } from "../services/concentrator/test/lab.ts";
import { SESSION_SECONDS as MDMS_SESSION_SECONDS } from "../services/mdms/src/access/sessions.ts";
import { MDMS_KEPT_DAYS } from "../services/mdms/src/retention.ts";
import { startFixture, type Fixture } from "../services/mdms/test/fixture.ts";
import { AGGREGATOR_KEPT_DAYS } from "../services/pes/aggregator/src/retention.ts";
import { destroyedAt } from "../services/pes/opener/src/key-ring.ts";
import { INVITATION_SECONDS } from "../services/ucs/src/household-store.ts";
import { SESSION_SECONDS as UCS_SESSION_SECONDS } from "../services/ucs/src/http/session-auth.ts";
import { UCS_KEPT_DAYS } from "../services/ucs/src/retention.ts";
import { openPortal, type Portal } from "../services/ucs/test/portal.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;

/** Every constant that the table may name, in its words. */
const CONSTANTS: Readonly<Record<string, string>> = {
  KEPT_DAYS: `${KEPT_DAYS} days`,
  REQUESTS_KEPT_DAYS: `${REQUESTS_KEPT_DAYS} days`,
  RELEASES_KEPT_DAYS: `${RELEASES_KEPT_DAYS} days`,
  DEAD_LETTERS_KEPT_DAYS: `${DEAD_LETTERS_KEPT_DAYS} days`,
  destroyedAt: `${destroyedAt({ to: 0 }) / HOUR} hours after its period`,
  "MDMS SESSION_SECONDS": `${MDMS_SESSION_SECONDS / HOUR} hours`,
  "UCS SESSION_SECONDS": `${UCS_SESSION_SECONDS / HOUR} hours`,
  INVITATION_SECONDS: `${INVITATION_SECONDS / DAY} days`,
  ...named("AGGREGATOR_KEPT_DAYS", AGGREGATOR_KEPT_DAYS),
  ...named("MDMS_KEPT_DAYS", MDMS_KEPT_DAYS),
  ...named("UCS_KEPT_DAYS", UCS_KEPT_DAYS),
};

function named(name: string, days: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(days).map(([key, value]) => [`${name}.${key}`, `${value} days`]),
  );
}

test("the table and the constants say the same, and every time without an end has its reason", () => {
  const text = readFileSync(new URL("../docs/privacy-officer.md", import.meta.url), "utf8");
  const table = text.split("\n\n").find((part) => /^\| party +\| data /.test(part)) ?? "";
  const rows = table
    .split("\n")
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const said: Record<string, string> = {};
  for (const [, data = "", , kept = "", by = "", constant = ""] of rows) {
    if (kept === "for ever") assert(by.startsWith("–: ") && constant === "–", data);
    else said[constant.replaceAll("`", "")] = kept;
  }
  assert.deepEqual(said, CONSTANTS);
});

/** Rows of one kind that a party forgets by age. */
interface Kind {
  readonly constant: string;
  readonly keptSeconds: number;
  /** Puts one in whose age counts from `at`, recognisable by `mark`. */
  readonly put: (store: Store, at: number, mark: string) => Promise<void>;
  /** The marks that are there. */
  readonly marks: string;
}

const bytes = (mark: string): Uint8Array => new TextEncoder().encode(mark);
async function insert(store: Store, table: string, row: Readonly<Record<string, SqlValue>>) {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  await store.query(
    `insert into ${table} (${columns.join()}) values (${places.join()})`,
    Object.values(row),
  );
}

/** Old and young beside each other; an hour later the old one alone is gone. */
async function passes(
  { put, marks, keptSeconds, constant }: Kind,
  store: Store,
  clock: { nowMs(): number; advanceTo(timeMs: number): Promise<void> },
): Promise<void> {
  const now = Math.floor(clock.nowMs() / 1000);
  await put(store, now - keptSeconds, "old");
  await put(store, now - keptSeconds + 2 * HOUR, "young");
  const left = async (): Promise<string[]> =>
    (await store.query<{ mark: string }>(`${marks} order by mark`)).map(({ mark }) => mark);
  assert.deepEqual(await left(), ["old", "young"], `${constant}: both are there`);
  await clock.advanceTo(clock.nowMs() + 1000 * HOUR);
  assert.deepEqual(await left(), ["young"], `${constant}: the old one is gone`);
}

const frame = (kind: "BLOCK" | "LIVE"): Pick<Kind, "put" | "marks"> => ({
  marks: `select meter as mark from ucs_frame where kind = '${kind}'`,
  put: (store, at, mark) =>
    insert(store, "ucs_frame", {
      hash: bytes(kind + mark),
      service_point: "point",
      meter: mark,
      kind,
      block: 0,
      first_slot: 0,
      starts: 0,
      ends: 900,
      received_at: at,
      sealed: bytes("sealed"),
    }),
});
const account = (store: Store, at: number, mark: string): Promise<void> =>
  insert(store, "ucs_account", {
    login: mark,
    salt: bytes("salt"),
    iterations: 1,
    verifier: "",
    recovery_verifier: "",
    items: "{}",
    public_key: bytes(mark),
    created_at: at,
  });

const ucsKinds: readonly Kind[] = [
  {
    constant: "UCS_KEPT_DAYS.liveFrames",
    keptSeconds: UCS_KEPT_DAYS.liveFrames * DAY,
    ...frame("LIVE"),
  },
  {
    constant: "UCS_KEPT_DAYS.sealedFrames",
    keptSeconds: UCS_KEPT_DAYS.sealedFrames * DAY,
    ...frame("BLOCK"),
  },
  {
    constant: "UCS_KEPT_DAYS.sealedStatements",
    keptSeconds: UCS_KEPT_DAYS.sealedStatements * DAY,
    marks: "select convert_from(mailbox, 'UTF8') as mark from ucs_statement",
    put: (store, at, mark) =>
      insert(store, "ucs_statement", {
        mailbox: bytes(mark),
        from_grid: 0,
        sequence: 1,
        message: bytes("sealed"),
        received_at: at,
      }),
  },
  {
    constant: "UCS_KEPT_DAYS.idleAccounts",
    keptSeconds: UCS_KEPT_DAYS.idleAccounts * DAY,
    put: account,
    marks: "select login as mark from ucs_account where login in ('old', 'young')",
  },
  {
    constant: "UCS_KEPT_DAYS.refusedEnrolments",
    keptSeconds: UCS_KEPT_DAYS.refusedEnrolments * DAY,
    async put(store, at, mark) {
      await account(store, at + 100 * DAY, `${mark}-asks`);
      await insert(store, "ucs_enrolment", {
        meter: mark,
        nonce: bytes(mark),
        login: `${mark}-asks`,
        service_point: "point",
        state: "refused",
        request: bytes("request"),
        requested_at: at,
      });
    },
    marks: "select meter as mark from ucs_enrolment",
  },
  {
    constant: "UCS_KEPT_DAYS.audit",
    keptSeconds: UCS_KEPT_DAYS.audit * DAY,
    put: (store, at, mark) =>
      insert(store, "ucs_audit", { at, login: mark, event: "session-opened", about: "" }),
    marks: "select login as mark from ucs_audit",
  },
  {
    constant: "UCS SESSION_SECONDS",
    keptSeconds: UCS_SESSION_SECONDS,
    put: (store, at, mark) =>
      insert(store, "ucs_session", {
        token_hash: bytes(mark),
        login: "young",
        scope: mark,
        created_at: at,
        expires_at: at + UCS_SESSION_SECONDS,
      }),
    marks: "select scope as mark from ucs_session",
  },
  {
    constant: "INVITATION_SECONDS",
    keptSeconds: INVITATION_SECONDS,
    async put(store, at, mark) {
      await account(store, at + INVITATION_SECONDS, `${mark}-invites`);
      await insert(store, "ucs_invitation", {
        proof: bytes(mark),
        inviter: `${mark}-invites`,
        service_point: mark,
        recipient: bytes("key"),
        item: "{}",
        expires_at: at + INVITATION_SECONDS,
      });
    },
    marks: "select service_point as mark from ucs_invitation",
  },
];

let portal: Portal;
let mdms: Fixture;
let lab: Lab;
before(async () => {
  portal = await openPortal();
  mdms = await startFixture();
  lab = await openLab();
});
after(() => Promise.all([portal.close(), mdms.close(), lab.close()]));

for (const kind of ucsKinds) {
  test(`the portal forgets: ${kind.constant}`, () => passes(kind, portal.store, portal.clock));
}

test("an account in use, or with frames that are left, stays, and its keys with it; those of none go", async () => {
  const { store, clock } = portal;
  const now = Math.floor(clock.nowMs() / 1000);
  for (const login of ["in-use", "with-frames", "alone"]) {
    await account(store, now - 2 * UCS_KEPT_DAYS.idleAccounts * DAY, login);
    await store.query("insert into ucs_envelope values ($1, 'meter', 1, sha256($2), 0, $2)", [
      login,
      bytes(login),
    ]);
  }
  await insert(store, "ucs_audit", {
    at: now,
    login: "in-use",
    event: "session-opened",
    about: "",
  });
  await frame("BLOCK").put(store, now, "kept");
  await insert(store, "ucs_link", {
    login: "with-frames",
    service_point: "point",
    contract_start: 0,
    since: 0,
  });
  await clock.advanceTo(clock.nowMs() + 1000 * HOUR);
  const left = await store.query<{ mark: string }>(
    "select service_point as mark from ucs_envelope order by mark",
  );
  assert.deepEqual(
    left.map(({ mark }) => mark),
    ["in-use", "with-frames"],
  );
});

const release = (store: Store, at: number, mark: string, kind: "BILL" | "LOAD"): Promise<void> =>
  insert(store, "release", {
    digest: bytes(kind + mark),
    kind,
    policy_id: "policy",
    registry_epoch: 0,
    received_at: at,
  });

const mdmsKinds: readonly Kind[] = [
  {
    constant: "MDMS_KEPT_DAYS.statements",
    keptSeconds: MDMS_KEPT_DAYS.statements * DAY,
    async put(store, at, mark) {
      await release(store, at, mark, "BILL");
      await insert(store, "statement", {
        service_point: mark,
        from_grid: 0,
        to_grid: 1,
        from_border: 0,
        to_border: 1,
        zone: "UTC",
        energy_milliwatt_hours: 1,
        export_milliwatt_hours: 0,
        tariff: "tariff",
        tariff_version: 1,
        lines: "[]",
        amount: "0",
        currency: "CHF",
        estimated: false,
        jws: "jws",
        digest: bytes(`BILL${mark}`),
      });
      await insert(store, "statement_register", {
        service_point: mark,
        from_grid: 0,
        position: 0,
        band: "all",
        energy_milliwatt_hours: 1,
      });
    },
    marks: `select s.service_point as mark from statement s
      join release r on r.digest = s.digest
      join statement_register g on g.service_point = s.service_point`,
  },
  {
    constant: "MDMS_KEPT_DAYS.loads",
    keptSeconds: MDMS_KEPT_DAYS.loads * DAY,
    async put(store, at, mark) {
      await release(store, at, mark, "LOAD");
      await insert(store, "load_block", {
        cohort: mark,
        stream: "LOAD",
        block_start: 0,
        block_end: 1,
        cohort_version: 1,
        interval_seconds: 900,
        contributors: 1,
        members: 1,
        contributors_per_slot: "{1}",
        energy_watt_hours: "{1}",
        digest: bytes(`LOAD${mark}`),
      });
    },
    marks: "select cohort as mark from load_block",
  },
  {
    constant: "MDMS_KEPT_DAYS.loads",
    keptSeconds: MDMS_KEPT_DAYS.loads * DAY,
    put: (store, at, mark) =>
      insert(store, "feeder_block", {
        cohort: mark,
        block_start: 0,
        block_end: 1,
        interval_seconds: 900,
        energy_watt_hours: "{1}",
        imported_at: at,
      }),
    marks: "select cohort as mark from feeder_block",
  },
  {
    constant: "MDMS_KEPT_DAYS.answers",
    keptSeconds: MDMS_KEPT_DAYS.answers * DAY,
    async put(store, at, mark) {
      const digest = bytes(mark);
      await insert(store, "share", {
        digest,
        trustee: bytes(mark),
        sequence: 1,
        sealed: digest,
        received_at: at,
      });
      await insert(store, "combination", { digest, agreed: digest, corrupt: false });
    },
    marks: `select convert_from(s.digest, 'utf8') as mark from share s
      join combination c on c.digest = s.digest`,
  },
  {
    constant: "MDMS_KEPT_DAYS.alarms",
    keptSeconds: MDMS_KEPT_DAYS.alarms * DAY,
    put: (store, at, mark) =>
      insert(store, "alarm", {
        digest: bytes(mark),
        code: mark,
        subject: "bill",
        first_at: at - DAY,
        last_at: at,
      }),
    marks: "select code as mark from alarm",
  },
  {
    constant: "MDMS_KEPT_DAYS.audit",
    keptSeconds: MDMS_KEPT_DAYS.audit * DAY,
    put: (store, at, mark) =>
      insert(store, "audit", { at, login: mark, action: "view", subject: "", outcome: "allowed" }),
    marks: "select login as mark from audit",
  },
  {
    constant: "MDMS SESSION_SECONDS",
    keptSeconds: MDMS_SESSION_SECONDS,
    async put(store, at, mark) {
      await insert(store, "operator", {
        login: mark,
        role: "viewer",
        password_hash: "",
        created_at: 0,
      });
      const seen_at = at + MDMS_SESSION_SECONDS + 2 * HOUR;
      await insert(store, "session", {
        token_hash: bytes(mark),
        login: mark,
        created_at: at,
        seen_at,
      });
    },
    marks: "select login as mark from session",
  },
];
for (const kind of mdmsKinds) {
  test(`the MDMS forgets: ${kind.constant}`, () => passes(kind, mdms.store, mdms.clock));
}

test("a request that was combined and released is not forgotten with its answers", async () => {
  const { store, clock } = mdms;
  const old = Math.floor(clock.nowMs() / 1000) - MDMS_KEPT_DAYS.answers * DAY;
  await release(store, old, "combined", "BILL");
  const digest = bytes("BILLcombined");
  await insert(store, "share", {
    digest,
    trustee: digest,
    sequence: 9,
    sealed: digest,
    received_at: old,
  });
  await insert(store, "combination", { digest, agreed: digest, corrupt: false });
  await clock.advanceTo(clock.nowMs() + 1000 * HOUR);
  const of = (table: string) => store.query(`select 1 from ${table} where digest = $1`, [digest]);
  assert.deepEqual(
    [(await of("share")).length, (await of("combination")).length, (await of("release")).length],
    [0, 1, 1],
  );
});

const concentratorKinds: readonly Kind[] = [
  {
    constant: "KEPT_DAYS",
    keptSeconds: KEPT_DAYS * DAY,
    async put(store, at, mark) {
      const meter = bytes(mark);
      await store.query(
        "insert into concentrator_frame values ($1, 1, 1, $1, 0, 0, true, $1, $2)",
        [meter, at],
      );
      await store.query("insert into concentrator_fork values ($1, $1, 'point', $1, $1, $1, $2)", [
        meter,
        at,
      ]);
    },
    marks: `select convert_from(f.meter, 'utf8') as mark from concentrator_frame f
      join concentrator_fork k on k.meter = f.meter`,
  },
  {
    constant: "REQUESTS_KEPT_DAYS",
    keptSeconds: REQUESTS_KEPT_DAYS * DAY,
    put: (store, at, mark) =>
      store
        .query("insert into concentrator_downlink values ($1, $2, $2, $2, $3)", [
          mark,
          bytes(mark),
          at,
        ])
        .then(() => undefined),
    marks: "select id as mark from concentrator_downlink",
  },
];
for (const kind of concentratorKinds) {
  test(`the concentrator forgets: ${kind.constant}`, () => passes(kind, lab.store, lab.clock));
}

test("the bus forgets releases and dead letters after 40 days, what all have taken at once, and the log never", async () => {
  assert.equal(RELEASES_KEPT_DAYS, DEAD_LETTERS_KEPT_DAYS, "one step of the clock is for both");
  const store = await openStore({ place: await testPlace(), schema: "test", migrations: [] });
  const startMs = Date.UTC(2025, 0, 1);
  const streams = streamsOf(0).filter(({ name }) =>
    ["frames", "releases", "log", "sealed"].includes(name),
  );
  const open = (clock: ReturnType<typeof manualClock>) => openBus({ store, streams, clock });
  const names = async (): Promise<string[]> => {
    const rows = await store.query<{ mark: string }>(
      "select stream || coalesce('/' || reason, '') as mark from bus_message left join bus_dead using (stream, sequence) order by mark",
    );
    return rows.map(({ mark }) => mark);
  };
  const first = await open(manualClock(startMs));
  for (const { name, consumers } of streams) {
    await first.publish(name, [{ id: name, subject: "", body: bytes(name) }]);
    const verdict = name === "frames" ? { dead: "OLD" } : { ack: true as const };
    const taken = consumers.map((consumer) =>
      first.consume(name, consumer, { batchMax: 1 }, (batch) =>
        Promise.resolve(batch.map(() => verdict)),
      ),
    );
    await first.idle();
    await Promise.all(taken.map((subscription) => subscription.stop()));
  }
  await first.close();
  const minute = 60_000;
  const clock = manualClock(startMs + RELEASES_KEPT_DAYS * DAY * 1000 - 2 * minute);
  const later = await open(clock);
  await clock.advanceTo(clock.nowMs() + minute);
  assert.deepEqual(await names(), ["frames/OLD", "log", "releases"]);
  await clock.advanceTo(clock.nowMs() + 2 * minute);
  assert.deepEqual(await names(), ["log"]);
  await later.close();
  await store.close();
});
