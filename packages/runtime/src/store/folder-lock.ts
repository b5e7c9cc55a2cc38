/**
 * One process per folder. PGlite would let two processes open one folder and lose rows.
 *
 * Announce, then look: a process first creates its own claim file, then lists the others. Of two that
 * start at the same moment at least one sees the other, so they can never both go on (both may
 * give up). The claim's name says who: process id, its start time and the boot, so that a recycled
 * process id is not mistaken for the owner. Claims of dead processes are removed.
 *
 * The kernel is asked about process ids, so folders shared between machines, or between containers
 * with separate process ids, are not protected.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RuntimeError, systemCode } from "../error.ts";

export interface FolderLock {
  release(): void;
}

const claimPattern = /^lock\.(\d+)\.(\w+)\.[0-9a-f]{16}$/;

/** Claims `folder` (created when missing, mode 0700) for this process, or throws STORE_LOCKED. */
export function lockFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = `lock.${process.pid}.${lifeOf(process.pid) ?? "0"}.${randomBytes(8).toString("hex")}`;
  writeFileSync(join(folder, own), "", { flag: "wx", mode: 0o600 });
  const release = (): void => rmSync(join(folder, own), { force: true });
  for (const name of readdirSync(folder)) {
    const claim = claimPattern.exec(name);
    if (claim === null || name === own) continue;
    const pid = Number(claim[1]);
    if (isAlive(pid, claim[2] ?? "")) {
      release();
      throw new RuntimeError(
        "STORE_LOCKED",
        `process ${pid} uses the folder ${folder}: stop that process, or choose another folder`,
      );
    }
    rmSync(join(folder, name), { force: true });
  }
  return { release };
}

function isAlive(pid: number, life: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if (systemCode(error) !== "EPERM") return false;
  }
  const current = lifeOf(pid);
  return current === undefined ? !hasProc() : current === life || life === "0";
}

/** Start time in clock ticks and the boot it counts from; undefined for a zombie or without /proc. */
function lifeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field, the name in brackets, may hold anything; fields are counted after it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === "Z" || state === "X" || startTicks === undefined) return undefined;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
    return `${startTicks}_${boot}`;
  } catch {
    return undefined; // no /proc, or the process is gone: the caller falls back to the signal
  }
}

function hasProc(): boolean {
  return lifeOf(process.pid) !== undefined;
}
