/** The letter's number and code (docs/protocol.md §10.1): enrols this account, and proves the meter again where the vault does not have it. */
import type { Login, PinnedMeter, PortalClient } from "@smarter-metering/customer";
import { fromHex, parseEnrolmentCode } from "@smarter-metering/protocol";
import { element, field, form } from "./element.ts";
import { metersAt } from "./household.ts";
import { attempt, say, show } from "./page.ts";

/** A meter asks for its mail about once a minute. */
const ANSWER_WAIT_MS = 2_000;
const ANSWER_ATTEMPTS = 90;

const letterField = (label: string, name: string) =>
  field(label, {
    name,
    required: "",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
  });

/** For an account that is enrolled already, its service point is known: the code alone is asked for. */
export function showEnrol(
  client: PortalClient,
  session: Login,
  enrolled: (meters: readonly PinnedMeter[]) => Promise<void>,
): void {
  const { servicePoint } = session;
  const isNew = servicePoint === null;
  show(
    form(
      isNew ? "Connect your meter" : "Check your meter",
      isNew ? "Connect" : "Check",
      (typed) =>
        attempt("Waiting for your meter", async () => {
          const point = servicePoint ?? typed("network").trim().toLowerCase();
          if (!/^[0-9a-f]{32}$/.test(point)) {
            say("The number of the letter has 32 characters, 0 to 9 and a to f.", true);
            return;
          }
          const meters = await client.enrol(session, {
            code: parseEnrolmentCode(typed("code")),
            networkPseudonym: fromHex(point, 16),
            attempts: ANSWER_ATTEMPTS,
            wait: () => new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS)),
          });
          await enrolled(metersAt(point, meters));
        }),
      element(
        "p",
        {},
        isNew
          ? "Number and code are in your enrolment letter. The code stays on this device."
          : "Your vault does not have your meter's key. The code of your letter proves it, and stays on this device.",
      ),
      ...(isNew ? [letterField("Network number", "network")] : []),
      letterField("Enrolment code", "code"),
    ),
  );
}
