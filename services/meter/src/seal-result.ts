/** What became of sealing what is due (docs/protocol.md §2.6), for one meter and for a fleet. */

export interface SealResult {
  readonly framesSealed: number;
  /** The source had no data for a day that was due. */
  readonly lacksData: boolean;
  /** No opener key is current that the meter knows of: the day waits, and nothing of it is lost. */
  readonly lacksOpenerKey: boolean;
  /** Not all prices of a day that was due are known (§6.6): the day waits, and nothing of it is lost. */
  readonly lacksPrices: boolean;
}

export const NOTHING_SEALED: SealResult = {
  framesSealed: 0,
  lacksData: false,
  lacksOpenerKey: false,
  lacksPrices: false,
};

export interface SealTally {
  readonly framesSealed: number;
  /** Meters. */
  readonly lackingData: number;
  readonly lackingOpenerKey: number;
  readonly lackingPrices: number;
}

export function tallyOf(results: readonly SealResult[]): SealTally {
  return {
    framesSealed: results.reduce((sum, { framesSealed }) => sum + framesSealed, 0),
    lackingData: results.filter(({ lacksData }) => lacksData).length,
    lackingOpenerKey: results.filter(({ lacksOpenerKey }) => lacksOpenerKey).length,
    lackingPrices: results.filter(({ lacksPrices }) => lacksPrices).length,
  };
}

/** Of two groups of meters. */
export const addTallies = (a: SealTally, b: SealTally): SealTally => ({
  framesSealed: a.framesSealed + b.framesSealed,
  lackingData: a.lackingData + b.lackingData,
  lackingOpenerKey: a.lackingOpenerKey + b.lackingOpenerKey,
  lackingPrices: a.lackingPrices + b.lackingPrices,
});
