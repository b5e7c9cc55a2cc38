/** The frame: login, navigation by role, and which page is at which address. */
import {
  browserZone,
  ErrorState,
  LanguageChoice,
  Menu,
  navigate,
  Notice,
  Page,
  LinkButton,
  Router,
  Shell,
  Skeleton,
  ThemeChoice,
  useLoaded,
  usePath,
  type NavItem,
  type Route,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { CohortList, Overview, Permission } from "./api.ts";
import { AccountPage } from "./pages/account-page.tsx";
import { AuditPage } from "./pages/audit-page.tsx";
import { CorrectionsPage } from "./pages/corrections-page.tsx";
import { FeederPage } from "./pages/feeder-page.tsx";
import { FeedersPage } from "./pages/feeders-page.tsx";
import { LoginPage } from "./pages/login-page.tsx";
import { NeighbourhoodPage } from "./pages/neighbourhood-page.tsx";
import { NeighbourhoodsPage } from "./pages/neighbourhoods-page.tsx";
import { OperatorsPage } from "./pages/operators-page.tsx";
import { OverviewPage } from "./pages/overview-page.tsx";
import { PrivacyPage } from "./pages/privacy-page.tsx";
import { RegistryPage } from "./pages/registry-page.tsx";
import { ServicePointPage } from "./pages/service-point-page.tsx";
import { ServicePointsPage } from "./pages/service-points-page.tsx";
import { StatementPage } from "./pages/statement-page.tsx";
import { StatementsPage } from "./pages/statements-page.tsx";
import { NewTariffPage } from "./pages/new-tariff-page.tsx";
import { TariffsPage } from "./pages/tariffs-page.tsx";
import { SessionProvider, useApi, useMay, useSessionState } from "./session.tsx";
import { useTexts, type Texts } from "./texts.ts";
import { EmptyPage } from "./views/empty-page.tsx";
import { LiveProvider } from "./views/live.tsx";
import { PlaceZone } from "./views/place.tsx";

export const Application = (): VNode => (
  <SessionProvider>
    <Gate />
  </SessionProvider>
);

/** Without a session every address shows the login: whoever logs in is where he wanted to be. */
function Gate(): VNode {
  const texts = useTexts();
  const { session, failure, refresh } = useSessionState();
  if (session === undefined) {
    return (
      <Shell title={texts.application} nav={[]}>
        {failure === undefined ? (
          <Skeleton />
        ) : (
          <Page title={texts.login.unreachable}>
            <ErrorState error={failure} retry={() => void refresh()} />
          </Page>
        )}
      </Shell>
    );
  }
  if (session === null) {
    return (
      <Shell title={texts.application} nav={[]} footer={<Choices />}>
        <LoginPage />
      </Shell>
    );
  }
  return session.mustEnrol ? (
    <EnrolFirst />
  ) : (
    <LiveProvider>
      <Desk />
    </LiveProvider>
  );
}

/** A role that has to have a second factor gets nothing else before. */
function EnrolFirst(): VNode {
  const texts = useTexts();
  return (
    <Shell title={texts.application} nav={[]} user={<UserMenu />} footer={<Choices />}>
      <div class="banner">
        <Notice tone="warn">{texts.common.enrolFirst}</Notice>
      </div>
      <AccountPage />
    </Shell>
  );
}

function Desk(): VNode {
  const texts = useTexts();
  const may = useMay();
  const api = useApi();
  const path = usePath();
  const overview = useLoaded((signal) => api.get<Overview>("/v1/overview", { signal }), [api]);
  const deployment = overview.state === "ready" ? overview.value : undefined;
  const cohorts = useLoaded((signal) => api.get<CohortList>("/v1/cohorts", { signal }), [api]);
  const zone = cohorts.state === "ready" ? cohorts.value.cohorts[0]?.zone : undefined;
  useEffect(() => {
    if (path === "/login") navigate("/", { replace: true });
  }, [path]);
  return (
    <Shell
      title={texts.application}
      layout="side"
      nav={navigationOf(texts, may)}
      user={<UserMenu />}
      footer={<Choices />}
    >
      {deployment?.unsafe === true && (
        <div class="banner">
          <Notice tone="warn">{texts.common.unsafe(deployment.policyId)}</Notice>
        </div>
      )}
      {cohorts.state === "loading" ? (
        <Skeleton />
      ) : (
        <PlaceZone.Provider value={zone ?? browserZone()}>
          <Router
            application={texts.application}
            routes={routesOf(texts, may)}
            notFound={() => <EmptyPage />}
          />
        </PlaceZone.Provider>
      )}
    </Shell>
  );
}

type May = (permission: Permission) => boolean;

function navigationOf({ nav }: Texts, may: May): NavItem[] {
  const items: readonly (NavItem & { readonly needs: Permission })[] = [
    { to: "/", label: nav.overview, icon: "home", needs: "neighbourhoods" },
    { to: "/neighbourhoods", label: nav.neighbourhoods, icon: "curve", needs: "neighbourhoods" },
    { to: "/service-points", label: nav.servicePoints, icon: "meter", needs: "customers" },
    { to: "/statements", label: nav.statements, icon: "receipt", needs: "customers" },
    { to: "/tariffs", label: nav.tariffs, icon: "tag", needs: "neighbourhoods" },
    { to: "/corrections", label: nav.corrections, icon: "reset", needs: "corrections" },
    { to: "/registry", label: nav.registry, icon: "users", needs: "registry" },
    { to: "/privacy", label: nav.privacy, icon: "shield", needs: "ledger" },
    { to: "/feeders", label: nav.feeders, icon: "bolt", needs: "neighbourhoods" },
    { to: "/audit", label: nav.audit, icon: "eye", needs: "audit" },
    { to: "/operators", label: nav.operators, icon: "user", needs: "operators" },
  ];
  return items
    .filter(({ needs }) => may(needs))
    .map(({ to, label, icon }) => ({ to, label, icon }));
}

function routesOf(
  { nav, neighbourhoods, servicePoints, statements, tariffForm, account }: Texts,
  may: May,
): Route[] {
  const guarded = (path: string, title: string, needs: Permission, page: Route["page"]): Route => ({
    path,
    title,
    page: may(needs) ? page : () => <RefusedPage />,
  });
  return [
    guarded("/", nav.overview, "neighbourhoods", () => <OverviewPage />),
    guarded("/neighbourhoods", neighbourhoods.title, "neighbourhoods", () => (
      <NeighbourhoodsPage />
    )),
    guarded(
      "/neighbourhoods/:cohort",
      neighbourhoods.title,
      "neighbourhoods",
      ({ cohort = "" }) => <NeighbourhoodPage cohort={cohort} />,
    ),
    guarded("/service-points", nav.servicePoints, "customers", () => <ServicePointsPage />),
    guarded("/service-points/:id", servicePoints.point, "customers", ({ id = "" }) => (
      <ServicePointPage id={id} />
    )),
    guarded("/statements", nav.statements, "customers", () => <StatementsPage />),
    guarded("/statements/:servicePoint/:from", statements.bill, "customers", (params) => (
      <StatementPage servicePoint={params["servicePoint"] ?? ""} from={params["from"] ?? ""} />
    )),
    guarded("/tariffs", nav.tariffs, "neighbourhoods", () => <TariffsPage />),
    guarded("/tariffs/new", tariffForm.title, "tariffs", () => <NewTariffPage />),
    guarded("/corrections", nav.corrections, "corrections", () => <CorrectionsPage />),
    guarded("/registry", nav.registry, "registry", () => <RegistryPage />),
    guarded("/privacy", nav.privacy, "ledger", () => <PrivacyPage />),
    guarded("/feeders", nav.feeders, "neighbourhoods", () => <FeedersPage />),
    guarded("/feeders/:cohort", nav.feeders, "neighbourhoods", ({ cohort = "" }) => (
      <FeederPage cohort={cohort} />
    )),
    guarded("/audit", nav.audit, "audit", () => <AuditPage />),
    guarded("/operators", nav.operators, "operators", () => <OperatorsPage />),
    { path: "/account", title: account.title, page: () => <AccountPage /> },
    { path: "/login", title: nav.overview, page: () => <Skeleton /> },
  ];
}

function UserMenu(): VNode {
  const texts = useTexts();
  const { session, logOut } = useSessionState();
  const items = [
    { label: texts.nav.account, icon: "user" as const, onClick: () => navigate("/account") },
    { label: texts.nav.logOut, icon: "leave" as const, onClick: () => void logOut() },
  ];
  return <Menu icon="user" label={session?.login ?? ""} items={items} />;
}

const Choices = (): VNode => (
  <div class="row">
    <LanguageChoice />
    <ThemeChoice />
  </div>
);

function RefusedPage(): VNode {
  const texts = useTexts();
  const { session } = useSessionState();
  const role = session === undefined || session === null ? "" : texts.roles[session.role];
  return (
    <Page title={texts.common.notAllowedTitle}>
      <Notice tone="warn">{texts.common.notAllowed(role)}</Notice>
      <div class="row">
        <LinkButton to="/">{texts.common.toOverview}</LinkButton>
        <LinkButton to="/account" kind="quiet">
          {texts.nav.account}
        </LinkButton>
      </div>
    </Page>
  );
}
