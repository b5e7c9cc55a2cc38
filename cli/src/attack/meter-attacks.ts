/** Attacks on what passes between a meter and its customer (docs/protocol.md §2.6, §3, §10.1), on real meters over an adversary's wire. */
import { createCipheriv, randomBytes } from "node:crypto";
import { cp } from "node:fs/promises";
import { openReadings } from "@smarter-metering/customer";
import {
  customerMac,
  decodeEnrolmentAnswer,
  decodeFrame,
  decodeOffer,
  encodeEnrolmentRequest,
  equalBytes,
  fromHex,
  generateRecipient,
  parseEnrolmentCode,
  primitives,
  recipientSecret,
  toHex,
  type EnrolmentContext,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import type { ActiveAttack, Observed, Recovery } from "./attack.ts";
import type { Stage } from "./stage.ts";
import { startMeter, type StagedMeter } from "./staged-meter.ts";
import { instantOfDay, SLOTS } from "./town-homes.ts";

/** A home without an account of its own: whoever has its letter may enrol. */
const TARGET = 7;
const ACCOUNT = "an account of the adversary's";

interface Adversary {
  readonly spki: Uint8Array;
  readonly secret: RecipientSecret;
}

async function newAdversary(): Promise<Adversary> {
  const { spki, pkcs8 } = await generateRecipient();
  return { spki, secret: await recipientSecret(spki, pkcs8) };
}

/** The meter's present nonce, and a request for it under the MAC that `mac` makes. */
async function enrol(
  { fleet, wire }: StagedMeter,
  spki: Uint8Array,
  mac: (context: EnrolmentContext) => Promise<Uint8Array>,
): Promise<boolean | undefined> {
  await fleet.poll();
  const offer = wire.messages("ENROLMENT_OFFER").at(-1);
  if (offer === undefined) throw new RangeError("a meter offers a nonce when it starts");
  const { meterId, networkPseudonym, nonce } = decodeOffer(offer);
  const context = { meterId, networkPseudonym, account: ACCOUNT, customerSpki: spki, nonce };
  const answers = wire.messages("ENROLMENT_ANSWER").length;
  wire.request = encodeEnrolmentRequest({ ...context, mac: await mac(context) });
  await fleet.poll();
  await fleet.poll();
  const answer = wire.messages("ENROLMENT_ANSWER")[answers];
  return answer === undefined ? undefined : decodeEnrolmentAnswer(answer).accepted;
}

/** The guard of enrolment is the letter's code: who has it enrols, gets the keys, and reads. */
async function withTheLetter(stage: Stage): Promise<Recovery> {
  const meter = await startMeter(stage, TARGET, await stage.folder());
  const { fleet, wire } = meter;
  try {
    const { spki, secret } = await newAdversary();
    const letter = stage.town.access.get(stage.home(TARGET).label)?.enrolmentCode ?? "";
    const code = parseEnrolmentCode(letter);
    await enrol(meter, spki, (context) => customerMac(code, context));
    await fleet.sendDay(instantOfDay(1));
    const pins = await pinsOf(stage, wire.frames()[0]);
    const envelopes = wire.messages("ENVELOPE");
    const opened = await openReadings(pins, secret, { envelopes, frames: wire.frames() });
    const recovered = opened.readings.map(({ importMilliwattHours }) => importMilliwattHours);
    return { recovered, truth: stage.home(TARGET).milliwattHours.slice(0, SLOTS) };
  } finally {
    await fleet.close();
  }
}

async function pinsOf({ view, network }: Stage, frame: Uint8Array | undefined) {
  if (frame === undefined) throw new RangeError("a day has frames");
  const { meterId, networkPseudonym } = decodeFrame(frame).header;
  const meter = view.meterAt(network(TARGET), toHex(meterId), instantOfDay(1));
  const meterKey = fromHex(meter?.signingKey ?? "", 32);
  return [{ networkPseudonym, meterId, meterKey, statementSecret: new Uint8Array(32) }];
}

async function trying(
  stage: Stage,
  attempts: number,
  mac: (spki: Uint8Array, context: EnrolmentContext) => Promise<Uint8Array>,
): Promise<Observed> {
  const meter = await startMeter(stage, TARGET, await stage.folder());
  const by = "meter";
  try {
    const { spki } = await newAdversary();
    const answers: (boolean | undefined)[] = [];
    for (let attempt = 0; attempt < attempts; attempt++) {
      answers.push(await enrol(meter, spki, (context) => mac(spki, context)));
    }
    if (answers.includes(true)) return { kind: "succeeded", by, why: "enrolled" };
    const codes = answers.map((each) => (each === undefined ? "no answer" : "accepted: false"));
    return { kind: "refused", by, codes };
  } finally {
    await meter.fleet.close();
  }
}

/** Model of a meter that keeps key and counter in its backup: AES-GCM, the same nonce twice. */
function reusedNonce(readings: readonly number[]): number[] {
  const [key, nonce] = [randomBytes(16), Buffer.alloc(12)];
  const seal = (values: readonly number[]): Buffer => {
    const cipher = createCipheriv("aes-128-gcm", key, nonce);
    return Buffer.concat([
      cipher.update(Buffer.from(Uint32Array.from(values).buffer)),
      cipher.final(),
    ]);
  };
  // What the installer metered on his bench is known to him; what came after the restore is not.
  const bench = readings.map((_, slot) => slot);
  const [before, after] = [seal(bench), seal(readings)];
  const known = Buffer.from(Uint32Array.from(bench).buffer);
  const plain = after.map((byte, at) => byte ^ (before[at] ?? 0) ^ (known[at] ?? 0));
  return readings.map((_, slot) => Buffer.from(plain).readUInt32LE(4 * slot));
}

export const meterAttacks: readonly ActiveAttack[] = [
  {
    name: "key substitution at enrolment",
    adversary: "the portal, which puts its own key into the customer's request",
    guard: "the MAC under the letter's code, which the portal does not have",
    without: "the real meter, and an adversary who has the letter",
    expected: "accepted: false",
    control: withTheLetter,
    async system(stage) {
      const customer = await newAdversary();
      const letter = stage.town.access.get(stage.home(TARGET).label)?.enrolmentCode ?? "";
      // The customer's honest MAC is over his own key.
      return trying(stage, 1, (_, context) =>
        customerMac(parseEnrolmentCode(letter), { ...context, customerSpki: customer.spki }),
      );
    },
  },
  {
    name: "guessing the enrolment code",
    adversary: "the portal, or anybody with an account",
    guard: "128 random bits, five failures a day",
    without: "the real meter, and an adversary who has the letter",
    expected: "accepted: false",
    control: withTheLetter,
    system: (stage) =>
      trying(stage, 7, (_, context) => customerMac(primitives.randomBytes(16), context)),
  },
  {
    name: "nonce reuse after a restore from backup",
    adversary: "who has two sealed frames of a meter that was set back, and knows one",
    guard: "a fresh key at every start",
    without: "model: AES-GCM with key and counter from the backup",
    control({ home }) {
      const truth = home(TARGET).milliwattHours.slice(0, SLOTS);
      return Promise.resolve({ recovered: reusedNonce(truth), truth });
    },
    async system(stage) {
      const [live, backup] = [await stage.folder(), await stage.folder()];
      await (await startMeter(stage, TARGET, live)).fleet.close();
      await cp(live, backup, { recursive: true });
      // The same day twice: under one key and nonce both would be the same bytes.
      const bodies = await Promise.all(
        [live, backup].map(async (folder) => {
          const { fleet, wire } = await startMeter(stage, TARGET, folder);
          await fleet.sendDay(instantOfDay(1));
          await fleet.close();
          return wire.frames().map(decodeFrame);
        }),
      );
      const [before = [], after = []] = bodies;
      const repeated = before.filter(({ header, body }, index) => {
        const other = after[index];
        if (other === undefined) return true;
        return (
          equalBytes(header.keyCommitment, other.header.keyCommitment) ||
          equalBytes(body, other.body)
        );
      });
      const by = "meter";
      if (before.length === 0 || repeated.length > 0) {
        return { kind: "succeeded", by, why: `${repeated.length} frames under one key` };
      }
      return { kind: "nothing found", by, why: "each start has a key of its own" };
    },
  },
];
