// Why the aggregator takes no contribution, or asks for no release (docs/protocol.md §7), in clear words.

import type { RefusalTexts } from "./refusal-text.ts";

const OPENER = "Check that the opener and the aggregator are on the newest registry epoch.";
const ON_THE_WAY = "Look at the way from the opener to the aggregator: a bug or an attack.";
const WAIT = "Nothing: it is asked for on its own when it is due.";
const FALLBACK = "Nothing: the bill uses the tariff's price for that.";

export const ledgerTexts = {
  NO_CONTRIBUTIONS: {
    what: "No meter contributed to this day before its cutoff.",
    why: "There is nothing to sum.",
    todo: "Look at the concentrator and the opener of that day.",
  },
  WITHHELD_FOR_BILLS: {
    what: "This day of load is left out, because a few members were missing from a part of it.",
    why: "All bills less all loads would show those few; a day that nobody knows hides them.",
    todo: "Nothing: about one day a month is left out where meters have gaps.",
  },
  CONTRACT_ENDED: {
    what: "The contract ended before a register came that could close the window.",
    why: "Nothing is billed up to an instant that no register knows.",
    todo: "Bill the last days by hand, from a reading at the meter.",
  },
  NO_INSTALLATION_BORDER: {
    what: "The meter's first register never came.",
    why: "A raw register is never decrypted: a bill is a difference of two.",
    todo: "Bill the first window by hand; the next ones are billed as usual.",
  },
  METER_OR_KEY_CHANGED: {
    what: "Meter or key changed inside the window, and its registers do not join.",
    why: "A difference of registers of two meters is no energy.",
    todo: "Check the exchange in the registry; bill this window by hand.",
  },
  COST_MISSING: {
    what: "The cost of some hours did not come in time.",
    why: "A cost of some hours alone would be a cost of few hours.",
    todo: FALLBACK,
  },
  COST_TOO_LARGE: {
    what: "The window has more hours than one request holds.",
    why: "Every message has a limit.",
    todo: FALLBACK,
  },
  TARIFF_NOT_IN_FORCE: {
    what: "No version of the tariff is in force in this window.",
    why: "Without prices there is no bill.",
    todo: "Publish a version that begins before the window.",
  },
  TARIFF_PRICES_MISSING: {
    what: "Prices of some hours of the window are not published.",
    why: "A cost counts by the prices of all of its hours.",
    todo: "Publish the prices; until then the bill uses the tariff's price for that.",
  },
  TARIFF_BOUNDARY_INSIDE_INTERVAL: {
    what: "A band changes inside an interval of the neighbourhood's load.",
    why: "Loads and bills cannot be audited together when their times do not fit.",
    todo: "Let the tariff's bands change at the neighbourhood's intervals.",
  },
  ZONE_UNKNOWN: {
    what: "A party's machine does not know the time zone of this place.",
    why: "Days and bands are local: without the zone nothing can be judged.",
    todo: "Update that machine's time zone data.",
  },
  BLOCK_NOT_ENDED: { what: "The day is not over.", why: "A sum is of whole days.", todo: WAIT },
  INCOMPLETE_BEFORE_CUTOFF: {
    what: "Not everybody has contributed, and it is not too late yet.",
    why: "Whoever asks early chooses who is in the sum.",
    todo: WAIT,
  },
  WINDOW_NOT_ENDED: {
    what: "The billing window is not over.",
    why: "A bill is of whole windows.",
    todo: WAIT,
  },
  BORDER_BEFORE_CUTOFF: {
    what: "The window's last register may still come.",
    why: "A border is the first register after the window, so one waits for it.",
    todo: WAIT,
  },
  RETRY_LATER: {
    what: "The registry at hand does not know this version, or has another cutoff by now.",
    why: "Members are those of the registry.",
    todo: WAIT,
  },
  CONTRIBUTION_MALFORMED: {
    what: "A contribution could not be read.",
    why: "What is not well formed is not counted.",
    todo: ON_THE_WAY,
  },
  CONTRIBUTION_BAD_SIGNATURE: {
    what: "A contribution is not signed by its opener or meter.",
    why: "Anybody could add to a sum otherwise.",
    todo: ON_THE_WAY,
  },
  CONTRIBUTION_CIPHERTEXT: {
    what: "A contribution is no ciphertext under the trustees' key.",
    why: "It would spoil the sum that it enters.",
    todo: ON_THE_WAY,
  },
  CONTRIBUTION_FOREIGN: {
    what: "A contribution is of a service point, meter or member that the registry does not list.",
    why: "Made-up members around one home would show it.",
    todo: "Check that the aggregator is on the newest registry epoch.",
  },
  CONTRIBUTION_FUTURE: {
    what: "A contribution is of a time that has not come.",
    why: "Meters measure the past: a clock is wrong.",
    todo: "Check the clocks of the meter and the aggregator.",
  },
  CONTRIBUTION_PROFILE: {
    what: "A contribution came from an opener where the meter encrypts, or the other way round.",
    why: "What is promised to the household depends on who encrypts.",
    todo: OPENER,
  },
  CONTRIBUTION_KEY: {
    what: "A contribution is encrypted under another key.",
    why: "A sum has one key.",
    todo: OPENER,
  },
  CONTRIBUTION_PACKING: {
    what: "The values of a contribution are packed in another way than the registry says.",
    why: "Values that overlap would spill into each other.",
    todo: OPENER,
  },
  CONTRIBUTION_OFF_GRID: {
    what: "A contribution does not lie on the neighbourhood's grid.",
    why: "Sums are of the same intervals of everybody.",
    todo: OPENER,
  },
} as const satisfies RefusalTexts;
