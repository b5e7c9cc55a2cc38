/**
 * The prices that stand on an MQTT broker (docs/protocol.md §4.3, §6.6), as one connection has heard them: a retained message for each
 * document, on `…/prices/<series>/<start>`; an empty one where it stands no more. Public data.
 */

const TOPIC = "smarter-metering/v1/prices";
/** A document of a year of quarters. */
const DOCUMENT_CHARACTERS_MAX = 1024 * 1024;
/** Of one connection; more are not heard. */
const DOCUMENTS_MAX = 1024;

export class RetainedPrices {
  /** By topic. */
  readonly #documents = new Map<string, string>();

  static filterOf(series: string): string {
    return `${TOPIC}/${series}/+`;
  }

  /** False for a message of another kind. */
  hear(topic: string, payload: Buffer): boolean {
    if (!topic.startsWith(`${TOPIC}/`)) return false;
    if (payload.length === 0) this.#documents.delete(topic);
    else if (this.#documents.has(topic) || this.#documents.size < DOCUMENTS_MAX) {
      const document = payload.subarray(0, DOCUMENT_CHARACTERS_MAX).toString("utf8");
      this.#documents.set(topic, document);
    }
    return true;
  }

  /** Those that stand, oldest first; undefined where there is none. */
  of(series: string): readonly string[] | undefined {
    const prefix = `${TOPIC}/${series}/`;
    const standing = [...this.#documents].filter(([topic]) => topic.startsWith(prefix));
    if (standing.length === 0) return undefined;
    const startOf = (topic: string): number => Number(topic.slice(prefix.length));
    return standing.toSorted(([a], [b]) => startOf(a) - startOf(b)).map(([, document]) => document);
  }
}
