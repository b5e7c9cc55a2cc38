/**
 * deploy/containers and deploy/systemd, as far as they can be checked without an engine: that they parse, name files that exist, are as
 * closed as they say, and that two trust domains share a network only where one has to call the other.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { z } from "@smarter-metering/runtime";
import { ROLE_NAMES } from "../cli/src/deployment/role-config.ts";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const texts = z.array(z.string());
const log = z.strictObject({
  driver: z.literal("local"),
  options: z.record(z.string(), z.string()),
});
/** Keys of the Compose Specification, those that are used here; whatever is not listed is refused. */
const service = z.strictObject({
  image: z.string(),
  build: z
    .strictObject({ context: z.string(), dockerfile: z.string(), target: z.string() })
    .optional(),
  command: texts.optional(),
  user: z.string().regex(/^[1-9]\d*:[1-9]\d*$/, "a number that is not root's"),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.tuple([z.literal("no-new-privileges:true")]),
  restart: z.literal("unless-stopped"),
  stop_grace_period: z.string().regex(/^\d+s$/),
  ulimits: z.strictObject({ core: z.literal(0), nofile: z.number() }).optional(),
  shm_size: z.string().optional(),
  tmpfs: texts,
  logging: log,
  environment: z.record(z.string(), z.string()).optional(),
  secrets: texts.optional(),
  volumes: texts,
  ports: texts.optional(),
  networks: texts.min(1),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.string() })).optional(),
  healthcheck: z.strictObject({ test: texts, interval: z.string() }).optional(),
});
const compose = z
  .strictObject({
    "x-role": z.unknown(),
    "x-database": z.unknown(),
    services: z.record(z.string(), service),
    networks: z.record(z.string(), z.strictObject({ internal: z.literal(true).optional() })),
    volumes: z.record(z.string(), z.strictObject({})),
    secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
  })
  .parse(parse(read("deploy/containers/compose.yml"), { merge: true }));
const services = Object.entries(compose.services);
const roles = ROLE_NAMES.filter((role) => role !== "bus"); // NATS carries the messages there.

describe("compose.yml", () => {
  test("has every role and its own database, and each user once", () => {
    const names = services.map(([name]) => name);
    const databases = ["concentrator", "aggregator", "mdms", "ucs"].map(
      (role) => `${role}-database`,
    );
    assert.deepEqual(names.toSorted(), [...roles, ...databases, "nats", "mosquitto"].toSorted());
    const users = services
      .filter(([name]) => !name.endsWith("-database"))
      .map(([, { user }]) => user);
    assert.equal(new Set(users).size, users.length);
  });

  test("declares what it uses and uses what it declares", () => {
    for (const kind of ["networks", "secrets"] as const) {
      const used = services.flatMap(([, each]) => each[kind] ?? []);
      assert.deepEqual([...new Set(used)].toSorted(), Object.keys(compose[kind]).toSorted(), kind);
    }
    const mounts = services.flatMap(([, { volumes }]) =>
      volumes.map((mount) => mount.split(":")[0] ?? ""),
    );
    const named = mounts.filter((mount) => !mount.startsWith("./"));
    assert.deepEqual(named.toSorted(), Object.keys(compose.volumes).toSorted());
    const parties = mounts.filter((mount) => mount.startsWith("./"));
    assert.equal(
      new Set(parties).size,
      parties.length,
      "a folder is mounted into one container alone",
    );
    for (const [name, { depends_on = {} }] of services) {
      for (const other of Object.keys(depends_on))
        assert(other in compose.services, `${name}: ${other}`);
    }
  });

  test("lets two meet where one has to call the other, and nowhere else", () => {
    const met = new Set<string>();
    for (const [a, one] of services) {
      for (const [b, other] of services) {
        if (a < b && one.networks.some((net) => other.networks.includes(net))) met.add(`${a} ${b}`);
      }
    }
    const expected = [
      ...roles.filter((role) => role !== "registry").map((role) => [role, "registry"]),
      ...roles.filter((role) => role !== "registry").map((role) => [role, "nats"]),
      ...["concentrator", "aggregator", "mdms", "ucs"].map((role) => [role, `${role}-database`]),
      ["aggregator", "ucs"], // What customers check their bills by.
      ["aggregator", "mdms"], // The ledger's door.
      ["concentrator", "mosquitto"],
    ].map((pair) => pair.toSorted().join(" "));
    assert.deepEqual([...met].toSorted(), expected.toSorted());
    for (const pair of [
      "opener trustee",
      "aggregator trustee",
      "aggregator opener",
      "mdms trustee",
    ]) {
      assert(!met.has(pair), pair);
    }
  });

  test("opens to the outside what customers, operators and meters call, and nothing else", () => {
    const open = Object.entries(compose.networks).filter(([, { internal }]) => internal !== true);
    assert.deepEqual(open.map(([name]) => name).toSorted(), ["meters", "operators", "portal"]);
    const published = services
      .filter(([, { ports = [] }]) => ports.length > 0)
      .map(([name]) => name);
    assert.deepEqual(published.toSorted(), ["mdms", "mosquitto", "ucs"]);
  });

  test("holds no secret, and core dumps are off where plaintext or keys are in memory", () => {
    for (const [name, { environment = {}, ulimits }] of services) {
      for (const key of Object.keys(environment)) {
        assert.doesNotMatch(key, /(PASSWORD|SECRET|TOKEN|KEY)$/, `${name}: ${key} in clear`);
      }
      if (!name.endsWith("-database")) assert.equal(ulimits?.core, 0, name);
    }
  });
});

describe("Dockerfile", () => {
  const lines = read("deploy/containers/Dockerfile").split("\n");
  const stages = new Map<string, string[]>();
  let stage = "";
  for (const line of lines) {
    const [, name] = /^FROM .* AS ([a-z]+)$/.exec(line) ?? [];
    if (name !== undefined) stage = name;
    if (line !== "" && !line.startsWith("#"))
      stages.set(stage, [...(stages.get(stage) ?? []), line]);
  }

  test("knows every instruction that it has", () => {
    const known = /^(ARG|FROM|WORKDIR|COPY|RUN|ENV|VOLUME|HEALTHCHECK|ENTRYPOINT|USER|CMD) /;
    assert.deepEqual(
      [...stages.values()].flat().filter((line) => !known.test(line)),
      [],
    );
  });

  test("has a target for each role, under the user that compose.yml gives it", () => {
    for (const role of roles) {
      const target = stages.get(role) ?? [];
      const { user, build } = compose.services[role] ?? {};
      assert(target.includes(`USER ${user}`), `${role} as ${user}`);
      assert(target.includes(`CMD ["${role}"]`), role);
      assert.equal(build?.target, role);
      assert.equal(
        existsSync(join(root, "deploy/containers", build.context, build.dockerfile)),
        true,
      );
    }
    const others = [...stages.keys()].filter((name) => !roles.some((role) => role === name));
    assert.deepEqual(others, ["", "build", "program", "plain"]);
  });

  test("copies what exists, and what the ignore file lets through", () => {
    const letThrough = read("deploy/containers/Dockerfile.dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    for (const path of letThrough) assert(existsSync(join(root, path)), path);
    const copies = [...stages.values()].flat().filter((line) => /^COPY (?!--from)/.test(line));
    for (const line of copies) {
      const sources = line
        .split(" ")
        .slice(1, -1)
        .filter((word) => !word.startsWith("--"));
      for (const source of sources) {
        const path = source.replace(/^\.\//, "");
        assert(existsSync(join(root, path)), `${path} exists`);
        assert(letThrough.includes(path), `${path} is let through`);
      }
    }
  });

  test("every workspace of package.json is in the folders that it copies", () => {
    const { workspaces } = JSON.parse(read("package.json")) as { workspaces: string[] };
    for (const workspace of workspaces) assert.match(workspace, /^(packages|services|cli)(\/|$)/);
  });

  test("starts roles by programs that are there, and no shell", () => {
    const program = stages.get("program") ?? [];
    const words = program.flatMap((line) =>
      [...line.matchAll(/"\/program\/([^"]+)"/g)].map(([, path]) => path),
    );
    assert.deepEqual(words, ["health.mjs", "cli/bin/smarter-metering.js"]);
    assert(existsSync(join(root, "cli/bin/smarter-metering.js")));
    for (const line of program.filter((each) => /^(CMD|ENTRYPOINT)/.test(each))) {
      assert.match(line, /\["node", /);
    }
  });
});

describe("systemd", () => {
  const folder = "deploy/systemd";
  const unitOf = (name: string): Map<string, string[]> => {
    const settings = new Map<string, string[]>();
    let section = "";
    for (const line of read(join(folder, name)).split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const [, heading] = /^\[([A-Z][a-z]+)\]$/.exec(line) ?? [];
      if (heading !== undefined) section = heading;
      else {
        const [, key = "", value = ""] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
        assert.notEqual(key, "", `${name}: ${line}`);
        settings.set(`${section}.${key}`, [...(settings.get(`${section}.${key}`) ?? []), value]);
      }
    }
    return settings;
  };

  test("a role can write its own folder alone, gains nothing, and dumps no core", () => {
    const unit = unitOf("smarter-metering@.service");
    for (const [key, value] of [
      ["User", "smarter-metering-%i"],
      ["ProtectSystem", "strict"],
      ["ReadWritePaths", "/var/lib/smarter-metering/%i"],
      ["NoNewPrivileges", "yes"],
      ["CapabilityBoundingSet", ""],
      ["LimitCORE", "0"],
      ["MemorySwapMax", "0"],
      ["PrivateTmp", "yes"],
      ["ProtectHome", "yes"],
      ["ProtectProc", "invisible"],
      ["MemoryDenyWriteExecute", "no"],
      ["UMask", "0077"],
    ] as const) {
      assert.deepEqual(unit.get(`Service.${key}`), [value], key);
    }
  });

  test("every unit starts the committed entry, and every timer has its service", () => {
    const names = readdirSync(join(root, folder));
    for (const name of names.filter((each) => each.endsWith(".service"))) {
      const [start = ""] = unitOf(name).get("Service.ExecStart") ?? [];
      assert(start.includes("/opt/smarter-metering/cli/bin/smarter-metering.js"), name);
    }
    for (const name of names.filter((each) => each.endsWith(".timer"))) {
      assert(names.includes(name.replace(/timer$/, "service")), name);
    }
  });

  test("each role has its user and its folder, closed to others", () => {
    const [users, folders] = ["sysusers.conf", "tmpfiles.conf"].map((name) =>
      read(join(folder, name)),
    );
    for (const role of ROLE_NAMES) {
      const user = `smarter-metering-${role}`;
      assert(
        users?.includes(
          `u ${user} - "Smarter Metering: ${role}" /var/lib/smarter-metering/${role}\n`,
        ),
      );
      assert(folders?.includes(`d /var/lib/smarter-metering/${role} 0700 ${user} ${user} -\n`));
    }
  });
});
