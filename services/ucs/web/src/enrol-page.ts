/** The letter's number and code (docs/protocol.md §10.1): enrols this account, or proves the meter again on another device. */
import {
  finishEnrolment,
  type OpenVault,
  type PinnedMeter,
  type PortalClient,
} from "@smarter-metering/customer";
import {
  decodeEnrolmentAnswer,
  fromBase64Url,
  fromHex,
  parseEnrolmentCode,
} from "@smarter-metering/protocol";
import { element, field, form } from "./element.ts";
import type { PageFetch } from "./page-fetch.ts";
import { attempt, say, show } from "./page.ts";

/** A meter asks for its mail about once a minute. */
const ANSWER_WAIT_MS = 2_000;
const ANSWER_ATTEMPTS = 90;

export type Enrolled = (meter: PinnedMeter) => Promise<void>;

const codeField = () =>
  field("Enrolment code", {
    name: "code",
    required: "",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
  });

export function showEnrol(client: PortalClient, vault: OpenVault, enrolled: Enrolled): void {
  show(
    form(
      "Connect your meter",
      "Connect",
      (typed) =>
        attempt("Waiting for your meter", async () => {
          const point = typed("network").trim().toLowerCase();
          if (!/^[0-9a-f]{32}$/.test(point)) {
            say("The number of the letter has 32 characters, 0 to 9 and a to f.", true);
            return;
          }
          const meter = await client.enrol({
            code: parseEnrolmentCode(typed("code")),
            networkPseudonym: fromHex(point, 16),
            vault,
            attempts: ANSWER_ATTEMPTS,
            wait: () => new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS)),
          });
          await enrolled(meter);
        }),
      element(
        "p",
        {},
        "Number and code are in your enrolment letter. The code stays on this device.",
      ),
      field("Network number", {
        name: "network",
        required: "",
        autocomplete: "off",
        spellcheck: "false",
      }),
      codeField(),
    ),
  );
}

/** The portal keeps the meter's answer; with the code this device checks its proof, and never takes the portal's word for the key. */
export function showConfirm(
  page: PageFetch,
  vault: OpenVault,
  servicePoint: string,
  enrolled: Enrolled,
): void {
  show(
    form(
      "A new device",
      "Check my meter",
      (typed) =>
        attempt("Checking your meter's key", async () => {
          const code = parseEnrolmentCode(typed("code"));
          await enrolled(await confirmedMeter(page, vault, servicePoint, code));
        }),
      element(
        "p",
        {},
        "This device does not know your meter's key yet. The code of your letter proves it.",
      ),
      codeField(),
    ),
  );
}

async function confirmedMeter(
  page: PageFetch,
  vault: OpenVault,
  servicePoint: string,
  code: Uint8Array,
): Promise<PinnedMeter> {
  const response = await page.fetch(`/v1/enrolments/${servicePoint}`, { cache: "no-store" });
  const { answer } = (await response.json()) as { answer?: unknown };
  const bytes = fromBase64Url(typeof answer === "string" ? answer : "");
  const { meterId, nonce } = decodeEnrolmentAnswer(bytes);
  const networkPseudonym = fromHex(servicePoint, 16);
  const context = {
    meterId,
    networkPseudonym,
    account: vault.login,
    customerSpki: vault.spki,
    nonce,
  };
  return finishEnrolment(code, context, bytes);
}
