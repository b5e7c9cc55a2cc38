// Advantage of a guesser of one bit over a coin.

/** 2 · Pr[win] − 1: 1 always right, 0 a coin, −1 always wrong. `wins` may contain halves (ties). */
export function advantage(wins: number, games: number): number {
  return (2 * wins) / games - 1;
}
