/**
 * The opener's keys in a state (docs/protocol.md §3.3): which one meters wrap to, and when. Run by the registry, which sees public keys
 * alone. A period that was signed is never lengthened, or a key could outlive the day on which its opener destroys it.
 */
import {
  fromBase64Url,
  parseOpenerKeys,
  recipientFromSpki,
  type OpenerKey,
  type OpenerKeys,
} from "@smarter-metering/protocol";
import { RegistryError } from "./error.ts";
import type { RegistryState } from "./state.ts";

/** What is stolen opens a period: no period of a rotation is longer than a month. */
const PERIOD_SECONDS_MAX = 31 * 86_400;
/** Between making a key that begins at once and listing it, the difference of two clocks included. */
const AT_ONCE_SECONDS_MAX = 3600;

/** The list that a deployment begins with. Throws REGISTRY_INVALID_CHANGE. */
export async function firstOpenerKeys(key: OpenerKey): Promise<OpenerKeys> {
  return checkedList({ version: 1, keys: [key] });
}

/**
 * The state with one more key. Its period follows the last one's; or it begins now, because the key in use is lost or stolen: then it
 * ends what is listed. One next key waits at most. The same key again changes nothing. Throws REGISTRY_INVALID_CHANGE.
 */
export async function withOpenerKey(
  state: RegistryState,
  key: OpenerKey,
  nowSeconds: number,
): Promise<RegistryState> {
  if (!state.parties.some(({ role }) => role === "opener")) {
    throw invalid("this deployment has no opener");
  }
  const { version, keys } = state.openerKeys ?? { version: 0, keys: [] };
  const known = keys.find(({ spki }) => spki === key.spki);
  if (known !== undefined) {
    if (known.from === key.from && known.to === key.to) return state;
    throw invalid("the period of an opener key does not change");
  }
  if (key.to <= nowSeconds || key.to - key.from > PERIOD_SECONDS_MAX) {
    throw invalid("an opener key is for at most 31 days, and not for past ones");
  }
  if (keys.some(({ to }) => key.from < to)) {
    if (Math.abs(key.from - nowSeconds) > AT_ONCE_SECONDS_MAX) {
      throw invalid("an opener key follows the last one's period, or begins now");
    }
  } else if (keys.some(({ from }) => from > nowSeconds)) {
    throw invalid("a next opener key is listed already");
  }
  // What is over is of no use to a meter, and the opener's own folder remembers it.
  const kept = keys
    .filter(({ from, to }) => from < key.from && to > nowSeconds)
    .map(({ spki, from, to }) => ({ spki, from, to: Math.min(to, key.from) }));
  const openerKeys = await checkedList({ version: version + 1, keys: [...kept, key] });
  return { ...state, openerKeys };
}

async function checkedList(list: OpenerKeys): Promise<OpenerKeys> {
  try {
    for (const { spki } of list.keys) await recipientFromSpki(fromBase64Url(spki));
    return parseOpenerKeys(list);
  } catch (cause) {
    const message = "an opener key is RSA with at least 3072 bits, and has a period";
    throw new RegistryError("REGISTRY_INVALID_CHANGE", message, cause);
  }
}

const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);
