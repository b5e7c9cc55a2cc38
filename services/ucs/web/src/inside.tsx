/** The application of somebody who is logged in: its navigation, its pages, the ways out. */
import {
  EmptyState,
  IconButton,
  LinkButton,
  Page,
  Router,
  Shell,
  type NavItem,
  type Route,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { Session } from "./device/messages.ts";
import { useTexts } from "./i18n.ts";
import { BillPage } from "./pages/bill-page.tsx";
import { BillsPage } from "./pages/bills-page.tsx";
import { EnrolPage } from "./pages/enrol-page.tsx";
import { ExportPage } from "./pages/export-page.tsx";
import { HouseholdPage } from "./pages/household-page.tsx";
import { OverviewPage } from "./pages/overview-page.tsx";
import { PrivacyPage } from "./pages/privacy-page.tsx";
import { SettingsPage } from "./pages/settings-page.tsx";
import { UsagePage } from "./pages/usage-page.tsx";
import { usePortal } from "./portal.tsx";

export function Inside({ session }: { readonly session: Session }): VNode {
  const texts = useTexts();
  const { nav: words, application, footer } = texts;
  const { lock, signOut } = usePortal();
  useEffect(() => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }), []);
  const nav: NavItem[] = [
    { to: "/", label: words.overview, icon: "home" },
    { to: "/usage", label: words.usage, icon: "chart" },
    { to: "/bills", label: words.bills, icon: "receipt" },
    { to: "/privacy", label: words.privacy, icon: "eye" },
    { to: "/export", label: words.export, icon: "download" },
    { to: "/household", label: words.household, icon: "users" },
    { to: "/settings", label: words.settings, icon: "settings" },
  ];
  const always = new Set(["/", "/settings"]);
  const actions = (
    <>
      <IconButton name="lock" label={texts.actions.lock} onClick={lock} />
      <IconButton name="leave" label={texts.actions.signOut} onClick={signOut} />
    </>
  );
  return (
    <Shell
      title={application}
      nav={session.isEnrolled ? nav : nav.filter(({ to }) => always.has(to))}
      actions={actions}
      footer={footer}
    >
      <Router routes={useRoutes(session)} notFound={() => <NotFound />} application={application} />
    </Shell>
  );
}

function useRoutes({ isEnrolled }: Session): Route[] {
  const { nav: words } = useTexts();
  const withMeter = (page: Route["page"]): Route["page"] =>
    isEnrolled ? page : () => <EnrolPage />;
  const overview = withMeter(() => <OverviewPage />);
  const usage = withMeter(({ span, date }) => <UsagePage span={span} date={date} />);
  return [
    { path: "/", page: overview, title: words.overview },
    // Whoever logs in on these pages is done with them.
    { path: "/sign-up", page: overview, title: words.overview },
    { path: "/recover", page: overview, title: words.overview },
    { path: "/usage", page: usage, title: words.usage },
    { path: "/usage/:span", page: usage, title: words.usage },
    { path: "/usage/:span/:date", page: usage, title: words.usage },
    { path: "/bills", page: withMeter(() => <BillsPage />), title: words.bills },
    {
      path: "/bills/:from",
      page: withMeter(({ from }) => <BillPage from={Number(from)} />),
      title: words.bills,
    },
    { path: "/privacy", page: withMeter(() => <PrivacyPage />), title: words.privacy },
    { path: "/export", page: withMeter(() => <ExportPage />), title: words.export },
    { path: "/household", page: withMeter(() => <HouseholdPage />), title: words.household },
    { path: "/settings", page: () => <SettingsPage />, title: words.settings },
  ];
}

function NotFound(): VNode {
  const { notFound, nav } = useTexts();
  const home = <LinkButton to="/">{nav.overview}</LinkButton>;
  return (
    <Page title={notFound.title}>
      <EmptyState icon="search" title={notFound.lead} action={home} />
    </Page>
  );
}
