/**
 * The portal's page, on the customer's device (docs/protocol.md §10): from login to the plot of a day. Keys and readings live in this
 * page's memory and end with it.
 */
import { createPortalClient, type HouseholdKeys, type Login } from "@smarter-metering/customer";
import { primitives } from "@smarter-metering/protocol";
import { DayPage } from "./day-page.ts";
import { showEnrol } from "./enrol-page.ts";
import { Household, metersAt } from "./household.ts";
import { pageFetch } from "./page-fetch.ts";
import { say } from "./page.ts";
import { showPolicyNotice } from "./policy-notice.ts";
import { showWelcome } from "./welcome-page.ts";

const page = pageFetch();
const client = createPortalClient({
  fetch: page.fetch,
  origin: location.origin,
  session: "cookie",
  random: (length) => primitives.randomBytes(length),
});
const ended = new AbortController();

function logOut(): void {
  ended.abort();
  // A fresh page has nothing of the old one's memory, whether or not the portal could be told.
  const reload = (): void => location.reload();
  client.logout().then(reload, reload);
}

async function entered(login: string, session: Login): Promise<void> {
  say("");
  const showDay = (reading: HouseholdKeys): Promise<void> => {
    const household = new Household(client, reading);
    return new DayPage(household, login, ended.signal).start(logOut);
  };
  const { servicePoint, vault } = session;
  const { recipientSecret, meters: known } = session.reading;
  const meters = servicePoint === null ? [] : metersAt(servicePoint, known);
  if (meters.length > 0) return showDay({ recipientSecret, meters });
  const { recipientSecret: own } = vault;
  showEnrol(client, session, (proven) => showDay({ recipientSecret: own, meters: proven }));
  if (page.enrolmentEndedAt() !== null) {
    say(
      "Another account was enrolled for your meter. If that was not you, call your operator.",
      true,
    );
  }
}

showWelcome(client, entered);
void showPolicyNotice(fetch.bind(window));
