/**
 * Enrolment over the portal (docs/protocol.md §10.1). It can be begun again after any crash: an answer that is there already is checked, a
 * request that waits is waited for, and only otherwise a new one is made.
 */
import { fromHex, toBase64Url, toHex } from "@smarter-metering/protocol";
import { prepareEnrolment, provenMeter } from "./enrolment.ts";
import { CustomerError } from "./error.ts";
import type { PinnedMeter } from "./pinned-meters.ts";
import { bytesOf, malformed, textOf, type JsonObject } from "./portal-answer.ts";
import type { PortalConnection } from "./portal-connection.ts";
import type { OpenVault } from "./vault.ts";

export interface Enrolment {
  /** Parsed from the letter. */
  readonly code: Uint8Array;
  readonly networkPseudonym: Uint8Array;
  /** How often the portal is asked for the meter's answer, at most. */
  readonly attempts: number;
  /** Awaited between two questions. */
  readonly wait: () => Promise<void>;
}

interface Progress {
  readonly isPending: boolean;
  /** Proven by an answer of the meter, whenever that was given. */
  readonly meter: PinnedMeter | undefined;
}

/** Throws CUSTOMER_ENROLMENT_FAILED, CUSTOMER_ENROLMENT_PENDING. */
export async function acceptedMeter(
  connection: PortalConnection,
  vault: OpenVault,
  { code, networkPseudonym, attempts, wait }: Enrolment,
): Promise<PinnedMeter> {
  const pseudonym = toHex(networkPseudonym);

  async function progress(): Promise<Progress> {
    const answer = await connection.call("GET", `/v1/enrolments/${pseudonym}`);
    const isPending = textOf(answer, "state") === "pending";
    if (answer.answer === undefined) return { isPending, meter: undefined };
    const given = bytesOf(answer, "answer");
    return { isPending, meter: await provenMeter(code, networkPseudonym, vault, given) };
  }

  async function ask(): Promise<void> {
    const offered = await connection.call("GET", `/v1/enrolment-offers/${pseudonym}`);
    const request = await prepareEnrolment(code, networkPseudonym, vault, {
      offer: bytesOf(offered, "offer"),
      meterKey: keyOf(offered),
    });
    await connection.call("POST", "/v1/enrolments", { request: toBase64Url(request) });
  }

  let { isPending, meter } = await progress();
  if (meter === undefined && !isPending) {
    await ask();
    ({ isPending, meter } = await progress());
  }
  for (let attempt = 1; meter === undefined; attempt++) {
    if (!isPending) {
      const message =
        "enrolment failed: the meter refused, or did not prove that it knows the code";
      throw new CustomerError("CUSTOMER_ENROLMENT_FAILED", message);
    }
    if (attempt >= attempts) {
      const message = "the meter has not answered yet; ask again later";
      throw new CustomerError("CUSTOMER_ENROLMENT_PENDING", message);
    }
    await wait();
    ({ isPending, meter } = await progress());
  }
  return meter;
}

function keyOf(answer: JsonObject): Uint8Array {
  try {
    return fromHex(textOf(answer, "meterKey"), 32);
  } catch (cause) {
    throw malformed("meterKey is not a key", cause);
  }
}
