/**
 * A bill's lines in French (docs/protocol.md: statements). A statement has them in English, as `describeLine` writes them, and is signed so;
 * pages show these words, and the signed ones beside them. Runs in the operators' pages and at the customer.
 */

const BASES: Readonly<Record<string, string>> = {
  energy: "l’énergie",
  "standing charge": "l’abonnement",
  levies: "les contributions",
};

const basesText = (text: string): string =>
  text
    .split(/, | and /)
    .map((base) => BASES[base] ?? base)
    .join(" et ");

const tierText = (text: string): string =>
  text
    .replace(/^up to /, "jusqu’à ")
    .replace(/^over /, "au-delà de ")
    .replace(/^all$/, "tout")
    .replace(" to ", " à ");

type Rule = readonly [pattern: RegExp, words: (...groups: string[]) => string];

const LINES: readonly Rule[] = [
  [
    /^Energy, (.+): each interval at its own price$/,
    (prices) => `Énergie, ${prices} : chaque intervalle à son prix`,
  ],
  [
    /^Energy, (.+): at the price where its own may not be shown$/,
    (prices) => `Énergie, ${prices} : au prix prévu quand le sien ne peut être montré`,
  ],
  [/^Energy, (up to .+|over .+|.+ to .+ kWh|all)$/, (tier) => `Énergie, ${tierText(tier ?? "")}`],
  [/^Energy, (.+)$/, (band) => `Énergie, ${band}`],
  [/^Feed-in, credited$/, () => "Injection, créditée"],
  [/^Standing charge by the month$/, () => "Abonnement au mois"],
  [/^Standing charge$/, () => "Abonnement"],
  [/^Up to the minimum charge$/, () => "Complément au montant minimal"],
  [/^(.+), credited$/, (name) => `${name}, crédité`],
  [
    /^(.+) on ((?:energy|standing charge|levies)(?:(?:, | and )(?:energy|standing charge|levies))*)$/,
    (name, bases) => `${name === "Tax" ? "Taxe" : name} sur ${basesText(bases ?? "")}`,
  ],
];

function firstOf(rules: readonly Rule[], text: string): string {
  for (const [pattern, words] of rules) {
    const match = pattern.exec(text);
    if (match !== null) return words(...match.slice(1));
  }
  return text;
}

/** A line's name. One that a tariff names itself stays as it is. */
export function billLineFr(text: string): string {
  const [, words = text, from] = /^(.*?)(?: \(from (\d{4}-\d{2}-\d{2})\))?$/.exec(text) ?? [];
  const line = firstOf(LINES, words);
  return from === undefined ? line : `${line} (dès le ${from})`;
}

/** "28 days", "150.000000 kWh". */
export const billQuantityFr = (text: string): string =>
  text
    .replace(/ days?$/, (unit) => (unit === " day" ? " jour" : " jours"))
    .replace(/ months?$/, " mois")
    .replace(/^(\d+)\.(\d+)/, "$1,$2");

/** "0.285 CHF/kWh on average", "0.32 CHF/day"; of a credit note "0.235 CHF/kWh instead of 0.285 CHF/kWh". */
export const billPriceFr = (text: string): string =>
  text
    .replace(" on average", " en moyenne")
    .replace(" instead of ", " au lieu de ")
    .replaceAll(/\/day\b/g, "/jour")
    .replaceAll(/\/month\b/g, "/mois")
    .replaceAll(/(\d)\.(\d)/g, "$1,$2");
