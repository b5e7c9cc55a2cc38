/**
 * What passes between one meter and its customer (docs/protocol.md §3, §10.1): the offer of a
 * nonce, answers to enrolment requests, and the keys of every epoch of the contract, each wrapped
 * to the one key that was enrolled.
 */
import {
  decodeEnrolmentRequest,
  encodeEnvelope,
  encodeOffer,
  encodeUplinkItem,
  equalBytes,
  ProtocolError,
  recipientFromSpki,
  sealEnvelope,
  signOffer,
  type Recipient,
} from "@smarter-metering/protocol";
import { decide, firstEnrolment, isEnrolled } from "./enrolment.ts";
import { keepCode } from "./kept-code.ts";
import type { Epoch, MeterMemory } from "./memory.ts";
import type { MeterPorts } from "./meter.ts";
import type { Provisioning } from "./provisioning.ts";
import type { EnrolmentRecord, MeterRecord } from "./records.ts";

/** Answers that wait; the concentrator asks again for what falls off. */
const ANSWERS_MAX = 8;

export type OutgoingMessage =
  | { readonly kind: "offer" | "answer"; readonly item: Uint8Array }
  | { readonly kind: "envelope"; readonly item: Uint8Array; readonly keyEpoch: number };

export class CustomerDesk {
  readonly #provisioning: Provisioning;
  readonly #memory: MeterMemory;
  readonly #ports: MeterPorts;
  #enrolment: EnrolmentRecord;
  /**
   * At every start, after each change of the nonce, and when the meter asks whether something waits
   * for it.
   */
  #offerDue = true;
  #answers: readonly Uint8Array[] = [];
  /** Items by epoch: what is sent again is the same, and the bus knows it. */
  readonly #envelopes = new Map<number, Uint8Array>();

  private constructor(
    provisioning: Provisioning,
    memory: MeterMemory,
    ports: MeterPorts,
    enrolment: EnrolmentRecord,
  ) {
    this.#provisioning = provisioning;
    this.#memory = memory;
    this.#ports = ports;
    this.#enrolment = enrolment;
  }

  /** Throws METER_CODE_VOID. */
  static async open(
    provisioning: Provisioning,
    memory: MeterMemory,
    ports: MeterPorts,
  ): Promise<CustomerDesk> {
    await keepCode(provisioning, memory, ports);
    let { enrolment } = memory;
    if (enrolment === undefined) {
      enrolment = firstEnrolment(ports.random);
      await ports.journal.append(provisioning, [enrolment]);
      await memory.apply(enrolment);
    }
    return new CustomerDesk(provisioning, memory, ports, enrolment);
  }

  get isEnrolled(): boolean {
    return isEnrolled(this.#enrolment);
  }

  /** Sends the offer again: how a quiet meter asks whether something waits for it. */
  askForMessages(): void {
    this.#offerDue = true;
  }

  /** Answers, the offer when it is due, then the keys that the customer does not have yet. */
  async outgoing(): Promise<OutgoingMessage[]> {
    const outgoing: OutgoingMessage[] = this.#answers.map((message) => ({
      kind: "answer",
      item: encodeUplinkItem({ kind: "ENROLMENT_ANSWER", message }),
    }));
    if (this.#offerDue) outgoing.push({ kind: "offer", item: await this.#offer() });
    const due = [...this.#memory.epochs.values()].filter(({ wrapped }) => !wrapped);
    if (!this.isEnrolled || due.length === 0) return outgoing;
    const customer = await recipientFromSpki(this.#enrolment.customerSpki);
    for (const epoch of due) {
      const { keyEpoch } = epoch;
      const item = this.#envelopes.get(keyEpoch) ?? (await this.#wrap(epoch, customer));
      this.#envelopes.set(keyEpoch, item);
      outgoing.push({ kind: "envelope", item, keyEpoch });
    }
    return outgoing;
  }

  /** The concentrator has this item; the record that says so, if it must survive a restart. */
  taken(outgoing: OutgoingMessage): MeterRecord | undefined {
    if (outgoing.kind === "envelope") {
      // Another customer has enrolled while it was on its way: this one had the one before.
      if (this.#envelopes.get(outgoing.keyEpoch) !== outgoing.item) return undefined;
      this.#envelopes.delete(outgoing.keyEpoch);
      return { kind: "WRAPPED", keyEpoch: outgoing.keyEpoch };
    }
    if (outgoing.kind === "offer") {
      this.#offerDue = false;
      return undefined;
    }
    // The concentrator hands a request out until it has the answer: nothing to write down.
    this.#answers = this.#answers.filter(
      (message) =>
        !equalBytes(outgoing.item, encodeUplinkItem({ kind: "ENROLMENT_ANSWER", message })),
    );
    return undefined;
  }

  /** Takes an enrolment request; the answer goes out with the next request. */
  async receive(message: Uint8Array): Promise<"ignored" | "answered" | "enrolled" | "refused"> {
    const request = parseRequest(message);
    if (request === undefined) return "ignored";
    const { journal, nowSeconds, random } = this.#ports;
    const meter = this.#provisioning;
    const { isCodeUsed } = this.#memory;
    const state = { enrolment: this.#enrolment, isCodeUsed };
    const decision = await decide(request, state, meter, nowSeconds(), random);
    if (decision.outcome === "ignored") return "ignored";
    if ("state" in decision) {
      await journal.append(meter, [decision.state]);
      await this.#memory.apply(decision.state);
      this.#enrolment = decision.state;
      this.#offerDue = true;
      if (decision.outcome === "enrolled") this.#envelopes.clear();
    }
    if (!this.#answers.some((answer) => equalBytes(answer, decision.answer))) {
      this.#answers = [...this.#answers, decision.answer].slice(-ANSWERS_MAX);
    }
    return "state" in decision ? decision.outcome : "answered";
  }

  async #offer(): Promise<Uint8Array> {
    const { meterId, networkPseudonym, signer } = this.#provisioning;
    const terms = { networkPseudonym, meterId, nonce: this.#enrolment.nonce };
    const message = encodeOffer(await signOffer(terms, signer));
    return encodeUplinkItem({ kind: "ENROLMENT_OFFER", message });
  }

  async #wrap({ keyEpoch, dataKey }: Epoch, customer: Recipient): Promise<Uint8Array> {
    const { networkPseudonym, meterId, signer } = this.#provisioning;
    const context = { recipient: "customer", networkPseudonym, meterId, keyEpoch } as const;
    const message = encodeEnvelope(await sealEnvelope(context, dataKey, customer, signer));
    return encodeUplinkItem({ kind: "ENVELOPE", message });
  }
}

function parseRequest(message: Uint8Array) {
  try {
    return decodeEnrolmentRequest(message);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
