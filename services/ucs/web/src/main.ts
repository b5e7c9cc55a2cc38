/**
 * The portal's page, on the customer's device (docs/protocol.md §10): from login to the plot of a day. Keys and readings live in this
 * page's memory and end with it.
 */
import {
  createPortalClient,
  type Login,
  type OpenVault,
  type PinnedMeter,
} from "@smarter-metering/customer";
import { DayPage } from "./day-page.ts";
import { rememberedMeter, rememberMeter } from "./device-memory.ts";
import { showConfirm, showEnrol } from "./enrol-page.ts";
import { Household } from "./household.ts";
import { pageFetch } from "./page-fetch.ts";
import { say } from "./page.ts";
import { showWelcome } from "./welcome-page.ts";

const page = pageFetch();
const client = createPortalClient({
  fetch: page.fetch,
  origin: location.origin,
  session: "cookie",
});
const ended = new AbortController();

function logOut(): void {
  ended.abort();
  // A fresh page has nothing of the old one's memory, whether or not the portal could be told.
  const reload = (): void => location.reload();
  client.logout().then(reload, reload);
}

async function entered(login: string, { vault, servicePoint }: Login): Promise<void> {
  say("");
  const enrolled = (meter: PinnedMeter): Promise<void> => {
    rememberMeter(login, meter);
    return showDay(login, vault, meter);
  };
  if (servicePoint === null) {
    showEnrol(client, vault, enrolled);
    if (page.enrolmentEndedAt() !== null) {
      say(
        "Another account was enrolled for your meter. If that was not you, call your operator.",
        true,
      );
    }
    return;
  }
  const meter = rememberedMeter(login, servicePoint);
  if (meter === undefined) showConfirm(page, vault, servicePoint, enrolled);
  else await showDay(login, vault, meter);
}

function showDay(login: string, vault: OpenVault, meter: PinnedMeter): Promise<void> {
  return new DayPage(new Household(client, vault, meter), login, ended.signal).start(logOut);
}

showWelcome(client, entered);
