/** A party's store: statements and transactions fail before or after their effect, and nothing passes once the party is dead. */
import { RuntimeError, type Sql, type Store } from "@smarter-metering/runtime";
import type { Chance } from "./chance.ts";
import type { Life } from "./life.ts";

const PROBABILITY = 0.02;

export function faultyStore(store: Store, life: Life, chance: Chance, party: string): Store {
  const faulty = <T>(what: string, effect: () => Promise<T>): Promise<T> =>
    life.run(async () => {
      failAt(`${party} ${what} before`);
      const result = await effect();
      failAt(`${party} ${what} after`);
      return result;
    });
  const failAt = (place: string): void => {
    if (!chance.strikes(place, PROBABILITY)) return;
    throw new RuntimeError("STORE_BUSY", "the simulation fails this statement");
  };
  // Inside a transaction a crash may come between any two statements; failures come at its ends.
  const mortal = (sql: Sql): Sql => ({
    query: (text, params) => life.run(() => sql.query(text, params)),
  });
  return {
    kind: store.kind,
    query: (text, params) => faulty("query", () => store.query(text, params)),
    transaction: (work) =>
      faulty("transaction", () => store.transaction((sql) => work(mortal(sql)))),
    close: () => Promise.resolve(),
  };
}

/** A store without faults whose owner can die. */
export function mortalStore(store: Store, life: Life): Store {
  const over = (sql: Sql): Sql => ({
    query: (text, params) => life.run(() => sql.query(text, params)),
  });
  return {
    ...over(store),
    kind: store.kind,
    transaction: (work) => life.run(() => store.transaction((sql) => work(over(sql)))),
    close: () => Promise.resolve(),
  };
}
