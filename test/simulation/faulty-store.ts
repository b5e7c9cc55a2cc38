/**
 * A party's way to its database: statements and transactions fail before or after their effect, so that nobody knows whether they were
 * done; the server is away, or full; and nothing passes once the party is dead.
 */
import { RuntimeError, type Sql, type Store } from "@smarter-metering/runtime";
import type { Faults, Traveller } from "./faults.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";

export function faultyStore(who: Traveller, database: SimulatedDatabase, faults: Faults): Store {
  const { life, name } = who;
  const store = database.store(() => faults.isDiskFull(name));
  const faulty = <T>(what: string, effect: () => Promise<T>): Promise<T> =>
    life
      .run(`store ${what}`, () => faults.way(who, "store", what, effect))
      .catch((error: unknown) => {
        if (error instanceof RuntimeError || life.isOver) throw error;
        const said = error instanceof Error && error.message.endsWith("is broken");
        throw said ? new RuntimeError("STORE_BUSY", error.message, { cause: error }) : error;
      });
  // Inside a transaction a crash may come between any two statements; failures come at its ends.
  const mortal = (sql: Sql): Sql => ({
    query: (text, params) => life.run("store in transaction", () => sql.query(text, params)),
  });
  return {
    kind: store.kind,
    query: (text, params) => faulty("query", () => store.query(text, params)),
    transaction: (work) =>
      faulty("transaction", () => store.transaction((sql) => work(mortal(sql)))),
    close: () => Promise.resolve(),
  };
}
