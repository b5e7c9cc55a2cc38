// Refusals of the release policy's rules (docs/protocol.md §8.3), in clear words.

import type { RefusalTexts } from "./refusal-text.ts";

const DIFFER =
  "Compare the registry's epoch and policy at both parties; if they agree, report a bug.";
const FINAL =
  "Nothing: the day stays a gap. See the completeness of that day for what was missing.";

export const ruleTexts = {
  R1_TOO_FEW_CONTRIBUTORS: {
    what: "Too few meters contributed in some interval.",
    why: "A sum over few homes tells of each of them.",
    todo: FINAL,
  },
  R2_DOMINANT_FUSE: {
    what: "One member could be too large a part of the sum, by its fuse rating.",
    why: "The load of one large consumer could be read out of a sum of small ones.",
    todo: "Move large connections to a cohort of their kind; check the fuse rating in the registry.",
  },
  R2_DOMINANT_CLASS: {
    what: "One member could be too large a part of the sum, by its consumption class.",
    why: "The load of one large consumer could be read out of a sum of small ones.",
    todo: "Move large customers to a cohort of their kind; check the registry's table of classes.",
  },
  R3_ALREADY_RELEASED: {
    what: "This interval of the neighbourhood was released before.",
    why: "Two sums over the same time that differ by one home are that home's reading.",
    todo: "Expected after a restore of the aggregator. Otherwise ask its operator why it asked again.",
  },
  R3_OFF_BLOCK_GRID: {
    what: "The block does not lie on the neighbourhood's grid of days.",
    why: "Blocks that overlap by a part could be subtracted from each other.",
    todo: DIFFER,
  },
  R4_NOT_LAMINAR: {
    what: "Two cohorts share members and neither contains the other.",
    why: "Sums that overlap in part can be subtracted until few homes are left.",
    todo: "The registry makes no such cohorts: compare its epoch at both parties.",
  },
  R4_SMALL_REMAINDER: {
    what: "A cohort less the cohorts inside it leaves too few members.",
    why: "The difference of their sums would be the load of those few.",
    todo: "The registry makes no such cohorts: compare its epoch at both parties.",
  },
  R5_EXPOSED: {
    what: "Beside what was released already, this would show a part of few members' readings.",
    why: "Loads and bills can be subtracted from each other; what is left must be of many, or nothing.",
    todo: "A load stays a gap. A bill waits for the next window and covers both, if that is still open.",
  },
  R6_SMALL_CHURN: {
    what: "Too few members came or went with a new version of the cohort.",
    why: "A sum before and one after a single move would give that one home.",
    todo: "The registry makes no such versions: compare its epoch at both parties.",
  },
  R7_INCOMPLETE: {
    what: "Too small a share of the members contributed.",
    why: "Whoever can hold meters back could thin a sum out until one home is left.",
    todo: FINAL,
  },
  R8_OFF_GRID: {
    what: "The billing window does not begin and end on the grid of local midnights.",
    why: "Windows with free borders could differ by a day, which is a reading.",
    todo: DIFFER,
  },
  R8_WINDOW_TOO_SHORT: {
    what: "The billing window is too short.",
    why: "The energy of few days is close to a reading.",
    todo: "Nothing: the next window is long enough. A last bill covers seven days at least.",
  },
  R8_OVERLAP: {
    what: "The billing window covers days that were billed before.",
    why: "Two windows that overlap can be subtracted: what is left is a shorter one.",
    todo: "Expected after a restore of the aggregator. Otherwise ask its operator why it asked again.",
  },
  R8_BORDER_NOT_SHARED: {
    what: "The window does not begin with the register that the one before ended with.",
    why: "Between two different borders of the same instant lies a part of a reading.",
    todo: "Ask the aggregator's operator: its ledger and the trustees' do not agree.",
  },
  R8_BORDER_OUTSIDE_CUTOFF: {
    what: "The meter's register came too late for this border.",
    why: "A border that may move freely makes windows of any length.",
    todo: "Nothing: the window grows to the next border, and the bill says so.",
  },
  R8_INSTALLATION_BORDER: {
    what: "The first window does not begin where the meter was installed.",
    why: "The first register is the only one that has none before it.",
    todo: "Check the meter's installation in the registry.",
  },
  R8_MOVE_OUTS_TOO_CLOSE: {
    what: "Another contract ended at this place shortly before.",
    why: "A contract's end makes a short window; many of them make readings.",
    todo: "Check the contracts of this place in the registry.",
  },
  R9_BAND_TOO_NARROW: {
    what: "A band of the tariff holds for too few intervals of the window.",
    why: "The register of a band that holds for an hour is the reading of that hour.",
    todo: "Run `tariff check`; let the new version begin at a window's border, or widen the band.",
  },
  R9_VALUE_TOO_LARGE: {
    what: "A register could be larger than the fuse allows, or than the encoding holds.",
    why: "A value that overflows would spill into its neighbour.",
    todo: "Check fuse rating and meter of the service point in the registry.",
  },
  R9_COST_NOT_LOGGED: {
    what: "The prices of this cost do not stand in the log.",
    why: "Prices made for one customer could encode his readings in his bill.",
    todo: "Publish the prices; the bill uses the tariff's price for that meanwhile.",
  },
  R9_COST_CLASS_TOO_SMALL: {
    what: "Too few customers have this tariff by changing prices.",
    why: "Prices for a few could be chosen to read those few.",
    todo: "The bill uses the tariff's price for that, until enough have the tariff.",
  },
  R9_COST_BESIDE_BANDS: {
    what: "A cost and more bands than it allows were asked for together.",
    why: "Each further register says more of single hours.",
    todo: "Run `tariff check`: a tariff by changing prices has fewer bands.",
  },
  R9_COST_LEVERAGE: {
    what: "The prices of this window would let a single interval weigh too much.",
    why: "One price far from all others makes the cost a reading of that interval.",
    todo: "The bill uses the tariff's price for that; `tariff check` of the prices says which.",
  },
  R9_COST_RESIDUE: {
    what: "The prices single out a few intervals by a common divisor.",
    why: "What is left of the cost after a division would be the reading of those intervals.",
    todo: "The bill uses the tariff's price for that; `tariff check` of the prices says which.",
  },
  R11_TOO_FINE: {
    what: "The intervals are shorter than the policy allows.",
    why: "Short intervals show single appliances.",
    todo: DIFFER,
  },
  R11_NOT_REGISTERED_INTERVAL: {
    what: "The intervals are not those that the registry lists for this neighbourhood.",
    why: "Two lengths over the same time could be subtracted from each other.",
    todo: DIFFER,
  },
  TIMING_BEFORE_CUTOFF: {
    what: "It was asked for before everybody had the time to contribute.",
    why: "Whoever asks early chooses who is in the sum.",
    todo: "Report it: the aggregator must not ask before the cutoff.",
  },
  SHAPE_INCONSISTENT: {
    what: "The numbers of the request contradict each other or the registry.",
    why: "No rule can judge what does not add up.",
    todo: "Look for a class, calendar or register bank that the registry lacks; else report a bug.",
  },
  SHAPE_TOO_MANY_REGISTERS: {
    what: "The calendar has more registers than the policy allows.",
    why: "More registers say more of a day.",
    todo: "Bill by a calendar with fewer bands.",
  },
  RESIDUAL_FEW_ABSENT: {
    what: "A few billed members were missing from the load.",
    why: "What bills and load do not have in common would be their readings.",
    todo: "Nothing: this residual is never shown.",
  },
  RESIDUAL_FEW_UNBILLED: {
    what: "A few members of the load were not billed.",
    why: "What bills and load do not have in common would be their readings.",
    todo: "Nothing: this residual is never shown.",
  },
} as const satisfies RefusalTexts;
