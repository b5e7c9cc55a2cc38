/** `database migrate`: makes and changes the tables of parties' databases on PostgreSQL servers, as their owner. Parties may not. */
import { aggregatorMigrations } from "@smarter-metering/aggregator";
import { concentratorMigrations } from "@smarter-metering/concentrator";
import { logMigrations } from "@smarter-metering/log/store";
import { migrations as mdmsMigrations } from "@smarter-metering/mdms";
import { migrate, openStore, type Migration } from "@smarter-metering/runtime";
import { ucsMigrations } from "@smarter-metering/ucs";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { MIGRATOR, ownerOf } from "../deployment/database-files.ts";
import type { Layout } from "../deployment/layout.ts";
import { WITH_DATABASE } from "../deployment/plan.ts";
import { loadRoleConfig } from "../deployment/role-config.ts";
import { storePlace } from "../deployment/store-config.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

type Party = (typeof WITH_DATABASE)[number];
type Lists = Readonly<Record<string, readonly Migration[]>>;

/** By the label of each list; a party's own label has none where its service brings the tables. */
const TABLES: Readonly<Record<Party, Lists>> = {
  concentrator: { "concentrator-party": [], concentrator: concentratorMigrations },
  aggregator: { aggregator: aggregatorMigrations, log: logMigrations },
  mdms: { mdms: mdmsMigrations },
  ucs: { "ucs-party": [], ucs: ucsMigrations },
};

export const databaseMigrate: Command = {
  name: "database migrate",
  summary: "Make or change the tables of databases on PostgreSQL servers, as their owner.",
  options: {
    ...dirOption,
    party: {
      type: "string",
      value: `<${WITH_DATABASE.join("|")}>`,
      text: "whose database (all that are on a server)",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const party = args.oneOf("party", WITH_DATABASE);
    const done: string[] = [];
    for (const one of party === undefined ? WITH_DATABASE : [party]) {
      if (await migrateParty(layout, one)) done.push(one);
    }
    if (done.length === 0) {
      const message = "no database of this deployment is on a PostgreSQL server";
      throw new CliError("DATABASE_EMBEDDED", message, EXIT.refused);
    }
    if (terminal.json) terminal.printJson({ migrated: done });
    else terminal.print(`the tables are as this version has them: ${done.join(", ")}`);
    return EXIT.ok;
  },
};

/** False when the party's database is embedded: then it makes its tables itself. */
async function migrateParty(layout: Layout, party: Party): Promise<boolean> {
  const { store } = loadRoleConfig(party, layout.config(party)).value;
  if ("folder" in store) return false;
  const { identity, trusted } = layout.tls(MIGRATOR);
  const { postgres } = store;
  const place = await storePlace({
    postgres: {
      ...postgres,
      user: ownerOf(postgres.database),
      tls: { ...postgres.tls, caFile: trusted, certFile: identity, keyFile: identity },
    },
  });
  const owned = await openStore({ place, schema: "migrator", migrations: [] });
  try {
    for (const [label, list] of Object.entries(TABLES[party])) await migrate(owned, label, list);
  } finally {
    await owned.close();
  }
  return true;
}
