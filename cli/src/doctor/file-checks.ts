/** What `doctor` can tell from files alone, of the parties that have their folders here. Nothing has to run, and nothing is opened that a party has open. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { toHex, verifyEpochChain } from "@smarter-metering/protocol";
import { processLimits, systemClock } from "@smarter-metering/runtime";
import { reportCertificates, type CertificateReport } from "../deployment/certificate-report.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { EPOCH_READERS, type Layout } from "../deployment/layout.ts";
import { reportOpenerKeys } from "../deployment/opener-keys.ts";
import { loadRoleConfig, ROLE_NAMES } from "../deployment/role-config.ts";
import { presentMs } from "../serve/clock-file.ts";
import { loadHeldKey } from "../serve/held-key.ts";
import { engineInUse } from "../serve/party-engine.ts";
import { pinFile, readEpochs } from "../serve/registry-access.ts";
import { green, lookedAt, red, yellow, type Finding } from "./finding.ts";
import { isHere, partiesElsewhere, partiesHere } from "./parties-here.ts";

type Look = (layout: Layout) => Finding | Promise<Finding>;

const CHECKS: readonly (readonly [what: string, look: Look])[] = [
  ["deployment", deployment],
  ["configurations", configurations],
  ["keys", keys],
  ["folders", folders],
  ["ledgers", ledgers],
  ["registry", registry],
  ["opener keys", openerKeys],
  ["certificates", certificates],
  ["engine", engine],
  ["core dumps", coreDumps],
];

export async function checkFiles(layout: Layout): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [what, look] of CHECKS) findings.push(await lookedAt(what, () => look(layout)));
  return findings;
}

function deployment(layout: Layout): Finding {
  const { clock } = loadDeployment(layout);
  const elsewhere = partiesElsewhere(layout);
  const where = elsewhere.length === 0 ? "" : `; on other machines: ${elsewhere.join(", ")}`;
  const time = clock === "replay" ? "past days replayed, a demonstration" : "the machine's clock";
  return green("deployment", `${time}${where}`);
}

function configurations(layout: Layout): Finding {
  const parties = partiesHere(layout, ROLE_NAMES);
  for (const { role, folder } of parties) loadRoleConfig(role, layout.config(folder));
  return green("configurations", `of ${parties.length} parties`);
}

async function keys(layout: Layout): Promise<Finding> {
  const parties = partiesHere(layout, EPOCH_READERS);
  if (isHere(layout, "registry")) await loadKeysFile(layout.keys("registry"));
  for (const { role, folder } of parties) {
    const own = await loadKeysFile(layout.keys(folder));
    if (role !== "trustee") continue;
    await loadHeldKey(loadRoleConfig("trustee", layout.config(folder)).value, own);
  }
  return green("keys", "whole, and readable by their owner alone");
}

function folders(layout: Layout): Finding {
  const open = partiesHere(layout, ROLE_NAMES)
    .map(({ folder }) => layout.folder(folder))
    .filter((folder) => (statSync(folder).mode & 0o077) !== 0);
  if (open.length === 0) return green("folders", "closed to others");
  return red("folders", `others may enter ${open.join(", ")}`, "chmod 700");
}

/** A ledger that is gone after it was made is an alarm, not a new beginning: the trustee would refuse to start. */
function ledgers(layout: Layout): Finding {
  const trustees = partiesHere(layout, ["trustee"]);
  const missing = trustees.flatMap(({ role, folder }) => {
    const { ledgerFolder } = loadRoleConfig(role, layout.config(folder)).value;
    return ["releases.journal", "head.json", "log.state"]
      .map((name) => join(ledgerFolder, name))
      .filter((path) => !existsSync(path));
  });
  if (missing.length > 0) {
    const advice = "release nothing; find the newest ledger: Backup and restore in operating.md";
    return red("ledgers", `missing: ${missing.join(", ")}`, advice);
  }
  return green("ledgers", trustees.length === 0 ? "none on this machine" : "there");
}

async function registry(layout: Layout): Promise<Finding> {
  if (!isHere(layout, "registry")) return green("registry", "on another machine");
  const { signer } = await loadKeysFile(layout.keys("registry"));
  const chain = await readEpochs(layout);
  if (chain.length === 0) return green("registry", "no epoch yet; the first start issues it");
  for (const { folder } of partiesHere(layout, EPOCH_READERS)) {
    const pin = await pinFile(layout.pin(folder)).load();
    await verifyEpochChain(chain, signer.publicKey, pin);
  }
  const root = toHex(signer.publicKey).slice(0, 16);
  return green("registry", `${chain.length} epochs, signed by ${root}…, none behind a pin`);
}

/** Before the next day that could wait for a key. */
const ROTATE_SECONDS = 2 * 86_400;

async function openerKeys(layout: Layout): Promise<Finding> {
  const what = "opener keys";
  if (!loadDeployment(layout).opener) return green(what, "none: every meter encrypts for itself");
  if (!isHere(layout, "registry") || !isHere(layout, "opener")) {
    return green(what, "registry and opener are not on one machine: see the registry's metrics");
  }
  if ((await readEpochs(layout)).length === 0) {
    return green(what, "not listed yet; the first start issues them");
  }
  const now = Math.floor((await presentMs(layout)) / 1000);
  const report = await reportOpenerKeys(layout, now);
  if (report.some(({ state }) => state === "lost")) {
    const advice = "put it back, or run keys rotate --at-once";
    return red(what, "a listed key has no private part", advice);
  }
  const current = report.find(({ state }) => state === "current");
  if (current === undefined) {
    return red(what, "none is current, meters keep their days", "run keys rotate");
  }
  const day = (seconds: number): string => new Date(1000 * seconds).toISOString().slice(0, 10);
  const next = report.find(({ state }) => state === "next");
  const [oldest = current] = report.filter(({ state }) => state !== "destroyed");
  const parts = [
    `current until ${day(current.to)}`,
    next === undefined ? "no next one yet" : `next until ${day(next.to)}`,
    `the oldest is destroyed on ${day(oldest.destroyedAt)}`,
  ];
  if (next === undefined && current.to - now < ROTATE_SECONDS) {
    return yellow(what, parts.join(", "), "run keys rotate, and see that cron does");
  }
  return green(what, parts.join(", "));
}

async function certificates(layout: Layout): Promise<Finding> {
  const what = "certificates";
  const report = await reportCertificates(layout, systemClock.nowMs());
  if (report.length === 0) return green(what, "none: plain HTTP on this machine alone");
  const said = (state: CertificateReport["state"]): string[] =>
    report
      .filter((each) => each.state === state)
      .map(({ holder, finding }) => `${holder} ${finding}`);
  const advice = "certificates show; certificates renew where the authority is kept";
  if (said("wrong").length > 0) return red(what, said("wrong").join("; "), advice);
  if (said("renew").length > 0) return yellow(what, said("renew").join("; "), advice);
  if (report.some(({ authorities }) => authorities > 1)) {
    const next = "certificates renew everywhere, then certificates drop-ca";
    return yellow(what, "two authorities are believed", next);
  }
  const first = new Date(Math.min(...report.map(({ expiresMs }) => expiresMs)));
  return green(what, `${report.length}, the first expires on ${first.toISOString().slice(0, 10)}`);
}

async function engine(layout: Layout): Promise<Finding> {
  const { name, whyPortable } = await engineInUse();
  if (whyPortable === undefined) return green("engine", name);
  const finding = `${name}: ${whyPortable}`;
  if (loadDeployment(layout).clock === "replay") return green("engine", finding);
  return yellow("engine", finding, "build it with npm ci, or accept a tenth of the speed");
}

/** Of this shell; of roles that run, their metrics say it. */
function coreDumps(layout: Layout): Finding {
  const { coreDumpBytesMax } = processLimits();
  if (coreDumpBytesMax === 0) return green("core dumps", "off");
  const finding = "not off here: they could hold plaintext";
  if (loadDeployment(layout).clock === "replay") return green("core dumps", finding);
  return yellow("core dumps", finding, "ulimit -c 0 before serve, or LimitCORE=0 of its unit");
}
