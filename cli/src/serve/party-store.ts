/** A party's store, where its configuration says that it lies. */
import { openStore, type Migration, type Store } from "@smarter-metering/runtime";
import { storePlace, type StoreConfig } from "../deployment/store-config.ts";

/** `schema` names the migrations. Throws what `openStore` and `storePlace` throw. */
export async function partyStore(
  { store }: { readonly store: StoreConfig },
  schema: string,
  migrations: readonly Migration[] = [],
): Promise<Store> {
  return openStore({ place: await storePlace(store), schema, migrations });
}
