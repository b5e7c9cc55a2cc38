// What a refusal is called in clear words. English; the codes are the keys by which other languages
// translate. No word here depends on whom a refusal is about.

/** Sentences, each with its full stop. */
export interface RefusalText {
  /** What happened. */
  readonly what: string;
  /** Why the rule exists. */
  readonly why: string;
  /** What to do, or that nothing is to be done. */
  readonly todo: string;
}

export type RefusalTexts = Readonly<Record<string, RefusalText>>;
