/** Every component on a few pages, for the eyes of whoever changes the kit: not shipped. `?layout=side` shows the operators' frame. */
import { render, type VNode } from "preact";
import { useState } from "preact/hooks";
import * as kit from "../src/index.ts";
import { Charts } from "./charts.tsx";

const { Page, Panel, Grid, Figures, Figure, Button, Badge, Notice, Details, Facts } = kit;
const TONES = ["info", "good", "warn", "alarm"] as const;

function Parts(): VNode {
  const [tab, setTab] = useState<"one" | "two">("one");
  const [period, setPeriod] = useState<"day" | "week" | "month" | "year">("day");
  const [isOpen, setOpen] = useState(location.hash === "#dialog");
  return (
    <Page
      title="Small things"
      lead="Buttons, notices, figures and what waits."
      actions={<Button icon="print">Print</Button>}
    >
      <Panel title="Figures">
        <Figures>
          <Figure
            label="Today"
            value="7.42"
            unit="kWh"
            trend={{ text: "−12 % on last week", isGood: true }}
          />
          <Figure
            label="Cost so far"
            value="€2.31"
            trend={{ text: "+4 % on last week", isGood: false }}
          />
          <Figure label="Base load" value="118" unit="W" hint="lowest hour of the night" />
          <Figure label="Peak" value="3.4" unit="kW" hint="yesterday, 18:45" />
        </Figures>
      </Panel>
      <Grid>
        <Panel
          title="Buttons"
          actions={<kit.IconButton name="settings" label="Settings" onClick={() => undefined} />}
        >
          <div class="row">
            <Button kind="primary" onClick={() => kit.toast("Saved")}>
              Save
            </Button>
            <Button icon="download">Download</Button>
            <Button kind="danger" icon="trash" onClick={() => setOpen(true)}>
              Delete
            </Button>
            <Button kind="quiet">Later</Button>
            <Button kind="primary" busy>
              Working
            </Button>
            <Button disabled>Not now</Button>
            <kit.LinkButton to="/charts" icon="chart">
              Charts
            </kit.LinkButton>
            <kit.Menu
              label="More"
              items={[
                { label: "Export CSV", icon: "download", onClick: () => undefined },
                { label: "Share", icon: "share", onClick: () => undefined },
              ]}
            />
          </div>
          <kit.SegmentedControl
            label="Period"
            items={[
              { value: "day", label: "Day" },
              { value: "week", label: "Week" },
              { value: "month", label: "Month" },
              { value: "year", label: "Year" },
            ]}
            current={period}
            onChange={setPeriod}
          />
          <div class="row">
            <Badge>plain</Badge>
            {TONES.map((tone) => (
              <Badge key={tone} tone={tone}>
                {tone}
              </Badge>
            ))}
          </div>
        </Panel>
        <Panel title="Facts">
          <Facts
            items={[
              ["Meter", <kit.Code>sm-4711-0815-0001</kit.Code>],
              ["Mixed with", "63 households"],
              ["Policy", "version 3"],
              ["In the log", <Badge tone="good">included</Badge>],
            ]}
          />
          <kit.Copyable label="Recovery key" value="RK-7H2KQ-9M3XT-V5B8N-C4WZR-6Y1DJ-FP" />
          <Details summary="How this is known">
            <p>The proof leads from this entry to a tree head that two trustees signed.</p>
          </Details>
        </Panel>
      </Grid>
      {TONES.map((tone) => (
        <Notice
          key={tone}
          tone={tone}
          title="The bill matches"
          actions={tone === "warn" && <Button kind="plain">Look at it</Button>}
        >
          Re-computed on this device from 2,976 readings: the difference is 0.
        </Notice>
      ))}
      <Grid>
        <Panel title="Waiting">
          <kit.Skeleton />
          <kit.Progress label="Opening 365 days" value={212} max={365} />
          <span class="row">
            <kit.Spinner /> Working…
          </span>
        </Panel>
        <Panel title="Nothing">
          <kit.EmptyState
            icon="meter"
            title="No meter yet"
            action={
              <Button kind="primary" icon="plus">
                Add a meter
              </Button>
            }
          >
            The letter of your supplier holds a code of 26 characters.
          </kit.EmptyState>
        </Panel>
        <Panel title="Failed">
          <kit.ErrorState
            error={new kit.ProblemError({ status: 503, code: "UNREACHABLE", title: "x" })}
            retry={() => undefined}
          />
        </Panel>
        <Panel title="Steps and tabs">
          <kit.Steps items={["Account", "Recovery key", "Meter"]} current={1} />
          <kit.Tabs
            label="Statement"
            items={[
              { value: "one", label: "Bill" },
              { value: "two", label: "Readings" },
            ]}
            current={tab}
            onChange={setTab}
          >
            <p>Tab {tab}.</p>
          </kit.Tabs>
        </Panel>
        <Panel title="Icons" wide>
          <div class="row">
            {kit.ICON_NAMES.map((name) => (
              <span key={name} title={name}>
                <kit.Icon name={name} />
              </span>
            ))}
          </div>
        </Panel>
      </Grid>
      <kit.Dialog
        title="Delete the account?"
        open={isOpen}
        onClose={() => setOpen(false)}
        actions={
          <>
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button kind="danger">Delete for ever</Button>
          </>
        }
      >
        <p>Your readings here are erased. Bills stay with the supplier for ten years.</p>
      </kit.Dialog>
    </Page>
  );
}

function Forms(): VNode {
  const refuse = (): Promise<void> =>
    Promise.reject(
      new kit.ProblemError({
        status: 422,
        code: "REQUEST_INVALID",
        title: "the request is not well formed",
        errors: [
          { path: "/login", message: "This name is taken." },
          { path: "other", message: "The window is closed." },
        ],
      }),
    );
  return (
    <Page title="Forms" lead="One column, words beside the field.">
      <Grid>
        <Panel title="Sign up">
          <kit.Form
            onSubmit={refuse}
            submit="Make my account"
            actions={<Button kind="quiet">I have one</Button>}
          >
            <kit.TextField name="login" label="Name" autocomplete="username" value="anna" />
            <kit.PasswordField
              name="password"
              label="Password"
              autocomplete="new-password"
              minLength={12}
            />
            <kit.CodeField name="code" label="Enrolment code" length={26} />
            <kit.CheckboxField
              name="terms"
              label="I keep my recovery key where I find it"
              hint="Nobody can restore it."
            />
          </kit.Form>
        </Panel>
        <Panel title="All fields">
          <kit.Form onSubmit={() => Promise.resolve()} submit="Save">
            <kit.NumberField
              name="price"
              label="Price"
              hint="Cents per kWh"
              optional
              value="31,5"
            />
            <kit.SelectField
              name="role"
              label="Role"
              options={[
                { value: "viewer", label: "Viewer" },
                { value: "billing", label: "Billing" },
              ]}
            />
            <kit.RadioGroup
              name="kind"
              label="Kind"
              value="a"
              options={[
                { value: "a", label: "Green Button", hint: "ESPI 4.0, for other programs" },
                { value: "b", label: "CSV" },
              ]}
            />
            <kit.DateField name="from" label="From" value="2026-03-29" />
            <kit.FileField name="key" label="Their public key" accept=".json" />
            <kit.TextArea name="note" label="Note" optional rows={3} error="Too long." />
          </kit.Form>
        </Panel>
      </Grid>
    </Page>
  );
}

interface BillRow {
  readonly month: string;
  readonly energy: string;
  readonly amount: string;
  readonly state: string;
}
const BILLS: readonly BillRow[] = ["January", "February", "March", "April"].map((month, index) => ({
  month: `${month} 2026`,
  energy: `${(312.4 - index * 21.3).toFixed(1)} kWh`,
  amount: `€${(96.2 - index * 6).toFixed(2)}`,
  state: index === 3 ? "open" : "matches",
}));

function Tables(): VNode {
  const [sort, setSort] = useState<kit.Sort>({ key: "month", descending: true });
  const columns: readonly kit.Column<BillRow>[] = [
    {
      key: "month",
      head: "Month",
      cell: (row) => <kit.Link to="/tables">{row.month}</kit.Link>,
      sort: true,
      priority: 1,
    },
    { key: "energy", head: "Energy", cell: (row) => row.energy, align: "end", sort: true },
    { key: "amount", head: "Amount", cell: (row) => row.amount, align: "end" },
    {
      key: "state",
      head: "State",
      cell: (row) => <Badge tone={row.state === "open" ? "warn" : "good"}>{row.state}</Badge>,
    },
  ];
  return (
    <Page title="Tables" lead="Cards on a phone.">
      <Panel title="Statements">
        <kit.Toolbar>
          <kit.Filters onClear={() => undefined}>
            <kit.TextField name="search" label="Service point" type="search" optional />
            <kit.SelectField name="state" label="State" options={[{ value: "", label: "All" }]} />
          </kit.Filters>
          <Button icon="download">CSV</Button>
        </kit.Toolbar>
        <kit.Table
          caption="Statements"
          columns={columns}
          rows={BILLS}
          rowKey={(row) => row.month}
          sort={sort}
          onSort={setSort}
          onRow={() => undefined}
          footer={{ month: "Total", energy: "1,121.8 kWh", amount: "€348.80" }}
        />
        <kit.Pager
          hasPrevious={false}
          hasNext
          onPrevious={() => undefined}
          onNext={() => undefined}
          label="1-4 of 60"
        />
      </Panel>
      <Panel title="None">
        <kit.Table
          caption="None"
          columns={columns}
          rows={[]}
          rowKey={(row) => row.month}
          empty={
            <kit.EmptyState icon="receipt" title="No statement yet">
              The first one comes after the first month.
            </kit.EmptyState>
          }
        />
      </Panel>
    </Page>
  );
}

const ROUTES: readonly kit.Route[] = [
  { path: "/", title: "Small things", page: () => <Parts /> },
  { path: "/charts", title: "Charts", page: () => <Charts /> },
  { path: "/forms", title: "Forms", page: () => <Forms /> },
  { path: "/tables", title: "Tables", page: () => <Tables /> },
];
const NAV: readonly kit.NavItem[] = [
  { to: "/", label: "Overview", icon: "home" },
  { to: "/charts", label: "Charts", icon: "curve" },
  { to: "/forms", label: "Forms", icon: "key" },
  { to: "/tables", label: "Statements", icon: "receipt" },
  { to: "/privacy", label: "Who saw what", icon: "eye", count: 2 },
  { to: "/settings", label: "Settings", icon: "settings" },
];

function Gallery(): VNode {
  const isDense = new URLSearchParams(location.search).get("layout") === "side";
  return (
    <kit.KitProvider>
      <kit.Shell
        title="My electricity"
        layout={isDense ? "side" : "top"}
        nav={isDense ? NAV : NAV.slice(0, 5)}
        user={
          <kit.Menu
            label="anna"
            icon="user"
            items={[{ label: "Sign out", icon: "leave", onClick: () => undefined }]}
          />
        }
        footer={
          <>
            <span>Readings are opened on this device only.</span>
            <kit.LanguageChoice />
            <kit.ThemeChoice />
          </>
        }
      >
        <kit.Router application="Gallery" routes={ROUTES} notFound={() => <kit.NotFound />} />
      </kit.Shell>
    </kit.KitProvider>
  );
}

kit.applyKeptTheme();
const root = document.querySelector("#app");
if (root !== null) render(<Gallery />, root);
