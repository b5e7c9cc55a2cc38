/** Plans of deployments over several machines, and what their database servers are set up with. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { databaseFiles } from "../src/deployment/database-files.ts";
import { databaseNode, firstOf, instancesOf, loadPlan, natsNodes } from "../src/deployment/plan.ts";

const folder = mkdtempSync(join(tmpdir(), "plan-"));
after(() => rmSync(folder, { recursive: true }));
const sample = fileURLToPath(new URL("../../deploy/three-nodes.json", import.meta.url));

const server = { port: 5432 };
const bus = { port: 4222, clusterPort: 6222 };
const everything = {
  registry: 1,
  concentrator: 1,
  opener: 2,
  aggregator: 3,
  trustee: 1,
  mdms: 1,
  ucs: 1,
};
const whole = { host: "node.example", ports: 7000, roles: everything, nats: bus, postgres: server };
let files = 0;

function load(nodes: object): ReturnType<typeof loadPlan> {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, JSON.stringify({ kind: "smarter-metering/plan", nodes }));
  return loadPlan(path);
}

test("the sample is a plan: every role, three NATS servers, a database for each who needs one", () => {
  const plan = loadPlan(sample);
  const roles = instancesOf(plan).map(({ node, role, number }) => `${node} ${role} ${number}`);
  assert.deepEqual(roles, [
    "network concentrator 1",
    "network opener 1",
    "network opener 2",
    "network aggregator 1",
    "network aggregator 2",
    "trust registry 1",
    "trust trustee 1",
    "supplier mdms 1",
    "supplier ucs 1",
  ]);
  assert.equal(natsNodes(plan).length, 3);
  assert.equal(databaseNode(plan, "aggregator")[0], "network");
  assert.equal(databaseNode(plan, "mdms")[0], "supplier");
});

test("no two processes, doors or servers of a node have the same port", () => {
  const plan = load({
    one: whole,
    two: { ...whole, host: "other.example", ports: 9000, roles: { opener: 14, aggregator: 13 } },
  });
  for (const host of ["node.example", "other.example"]) {
    const own = instancesOf(plan).filter(({ listen }) => listen.host === host);
    const ports = own.flatMap(({ listen, door }) => [listen.port, door.port]);
    assert.equal(new Set(ports).size, ports.length);
  }
  // Numbers go on from node to node: each is one member of its group.
  const aggregators = instancesOf(plan).filter(({ role }) => role === "aggregator");
  assert.deepEqual(
    aggregators.map(({ number }) => number),
    Array.from({ length: 16 }, (_, index) => index + 1),
  );
  assert.equal(firstOf(plan, "aggregator").listen.host, "node.example");
});

const { registry: _, ...leaderless } = everything;
const refused: readonly (readonly [what: string, nodes: object, message: RegExp])[] = [
  ["a role is missing", { one: { ...whole, roles: leaderless } }, /no node has the role registry/],
  [
    "two registries",
    { one: whole, two: { ...whole, roles: { registry: 1 } } },
    /registry runs once/,
  ],
  [
    "no server for a database",
    { one: { ...whole, postgres: undefined } },
    /concentrator has a PostgreSQL/,
  ],
  ["no bus", { one: { ...whole, nats: undefined } }, /no node has a NATS server/],
  ["a role that there is not", { one: { ...whole, roles: { ...everything, spy: 1 } } }, /roles/],
  ["too many processes", { one: { ...whole, roles: { ...everything, opener: 17 } } }, /opener/],
  ["a host that is none", { one: { ...whole, host: "a b" } }, /host/],
  ["a node's name with a path", { "../x": whole }, /nodes/],
];
for (const [what, nodes, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => load(nodes), { message });
  });
}

test("an opener is not needed where meters encrypt for themselves", () => {
  const { opener: _opener, ...roles } = everything;
  assert.equal(instancesOf(load({ one: { ...whole, roles } })).length, 8);
});

test("a database server lets in certificates alone, each to its own database", () => {
  const made = databaseFiles(["aggregator", "mdms"], { host: "10.0.0.1", port: 5433 });
  const access = made["pg_hba.conf"].trim().split("\n");
  assert.deepEqual(access, [
    "local all postgres peer",
    "hostssl aggregator aggregator all cert clientcert=verify-full",
    "hostssl aggregator aggregator_owner all cert map=owners",
    "hostssl mdms mdms all cert clientcert=verify-full",
    "hostssl mdms mdms_owner all cert map=owners",
    "host all all all reject",
  ]);
  assert.match(
    made["pg_ident.conf"],
    /^owners migrator aggregator_owner\nowners migrator mdms_owner\n$/,
  );
  assert.doesNotMatch(made["setup.sql"], /password/);
  assert.doesNotMatch(made["setup.sql"], /grant all[^;]*to aggregator;/);
  assert.match(made["postgresql.conf"], /^fsync = on$/m);
  assert.match(made["postgresql.conf"], /^log_parameter_max_length_on_error = 0$/m);
});
