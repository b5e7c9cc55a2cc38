/**
 * The courier (docs/protocol.md §11.5): seals each bill to its customer, with all that he needs to check it, and gives it to the bus. Run by
 * the MDMS. It knows a mailbox and a key for each service point, from the registry; who reads it there it does not know.
 */
import {
  encodeSealedStatement,
  encodeStatementBundle,
  fromHex,
  sealStatement,
  type MdmsView,
  type RegistryFeed,
  type StatementKeys,
} from "@smarter-metering/protocol";
import {
  errorFields,
  type Bus,
  type Logger,
  type Sql,
  type Store,
} from "@smarter-metering/runtime";
import { signedNotes } from "./correction-store.ts";
import {
  dueDeliveries,
  forgetSealed,
  noteMailboxes,
  sealedSoFar,
  storeSealed,
  waitingDeliveries,
  type DueDelivery,
  type SealedDelivery,
} from "./delivery-store.ts";
import { registryContext, type RegistryContext } from "./registry-context.ts";
import { sealedRelease } from "./release-query.ts";

export interface CourierPorts {
  readonly store: Store;
  readonly bus: Bus;
  readonly log: Logger;
  readonly registry: RegistryFeed<MdmsView>;
  /** Of the registry, Ed25519, raw: customers hold the portal's against it. */
  readonly rootKey: Uint8Array;
}

/** Sealed in one transaction, and published together: each is below 1 MiB, and the bus takes 16 MiB at a time. */
const BATCH_MAX = 16;
/** Of one statement. */
const MAILBOXES_AT_ONCE = 10_000;

export class Courier {
  readonly #ports: CourierPorts;
  #view: MdmsView | undefined;
  #last: Promise<void> = Promise.resolve();
  /** After a start, a failure, a full bus. */
  #isLeft = true;

  constructor(ports: CourierPorts) {
    this.#ports = ports;
  }

  /** To be called now and then: goes on with what was left, and with a new epoch; else it costs nothing. */
  tick(): Promise<void> {
    const isNew = this.#ports.registry.current().view !== this.#view;
    return this.#isLeft || isNew ? this.deliver() : this.#last;
  }

  /** Everything that is due, unless the bus is full, one call after the other. A failure is logged and leaves the rest for `tick`. */
  deliver(): Promise<void> {
    this.#last = this.#last.then(async () => {
      this.#isLeft = true;
      try {
        await this.#noteMailboxes();
        // What was sealed before a crash goes first, as it is.
        while (await this.#publish()) {
          if (await this.#sealSome()) continue;
          this.#isLeft = false;
          return;
        }
      } catch (error) {
        this.#ports.log.error("bills wait to be sent", errorFields(error));
      }
    });
    return this.#last;
  }

  async #noteMailboxes(): Promise<void> {
    const { registry, store } = this.#ports;
    const { view } = registry.current();
    if (view === this.#view) return;
    const mailboxes = view.servicePoints.map(({ servicePoint, statements }) => {
      return { servicePoint, mailbox: statements.mailbox };
    });
    for (let start = 0; start < mailboxes.length; start += MAILBOXES_AT_ONCE) {
      await noteMailboxes(store, mailboxes.slice(start, start + MAILBOXES_AT_ONCE));
    }
    this.#view = view;
  }

  /** Whether there was anything. */
  async #sealSome(): Promise<boolean> {
    const { store, registry } = this.#ports;
    const context = await registryContext(registry);
    return store.transaction(async (sql) => {
      const due = await dueDeliveries(sql, BATCH_MAX);
      const points = [...new Set(due.map(({ servicePoint }) => servicePoint))];
      const sent = await sealedSoFar(sql, points);
      const sealed: SealedDelivery[] = [];
      for (const delivery of due) {
        const { servicePoint, from, lastSequence } = delivery;
        const before = sealed.findLast((other) => other.servicePoint === servicePoint);
        const sequence = (before?.sequence ?? lastSequence) + 1;
        const own = (sent.get(servicePoint) ?? new Map<number, number>()).set(from, sequence);
        sent.set(servicePoint, own);
        const bytes = await this.#seal(sql, delivery, { sequence, own }, context);
        sealed.push({ servicePoint, from, sequence, sealed: bytes });
      }
      if (sealed.length > 0) await storeSealed(sql, sealed);
      return sealed.length > 0;
    });
  }

  async #seal(
    sql: Sql,
    { servicePoint, from, statement, tariff, digest }: DueDelivery,
    { sequence, own }: { readonly sequence: number; readonly own: ReadonlyMap<number, number> },
    context: RegistryContext,
  ): Promise<Uint8Array> {
    const bundle = encodeStatementBundle({
      rootKey: this.#ports.rootKey,
      sent: [...own].map(([window, number]) => ({ from: window, sequence: number })),
      statement,
      notes: (await signedNotes(sql, servicePoint, from)) ?? [],
      tariff: context.signedTariffs.get(tariff) ?? "",
      answers: (await sealedRelease(sql, digest)) ?? { release: null, partials: [] },
    });
    const keys = keysOf(servicePoint, context);
    return encodeSealedStatement(await sealStatement(keys, { from, sequence }, bundle));
  }

  /** False when the bus is full. */
  async #publish(): Promise<boolean> {
    const { store, bus } = this.#ports;
    for (;;) {
      const waiting = await waitingDeliveries(store, BATCH_MAX);
      if (waiting.length === 0) return true;
      const messages = waiting.map(({ id, sealed }) => ({ id, subject: "", body: sealed }));
      if ("full" in (await bus.publish("statements", messages))) return false;
      await forgetSealed(store, waiting);
    }
  }
}

function keysOf(servicePoint: string, { servicePoints }: RegistryContext): StatementKeys {
  const statements = servicePoints.get(servicePoint)?.statements;
  if (statements === undefined) throw new Error("the registry forgets no service point");
  return { mailbox: fromHex(statements.mailbox, 16), key: fromHex(statements.key, 32) };
}
