// A Green Button feed (NAESB ESPI 4.0, in Atom) to its resources and readings, as they stand in it.
// Runs at the customer, on his own file. What the numbers mean is espi-reader.ts.
import type { XmlElement, XmlHandler } from "./xml-stream.ts";

const ESPI = "http://naesb.org/espi";
const ATOM = "http://www.w3.org/2005/Atom";

/** One IntervalReading. */
export interface EspiReading {
  /** The `href` of the meter reading that its entry belongs to; undefined without such a link. */
  readonly meterReading: string | undefined;
  readonly startSeconds: number;
  readonly durationSeconds: number;
  /** Before powerOfTenMultiplier. */
  readonly value: bigint;
  /** QualityOfReading, all that it has. */
  readonly qualities: readonly number[];
  readonly line: number;
  readonly column: number;
}

/** A ReadingType: what the values of a meter reading are. Numbers as in the schema. */
export interface EspiReadingType {
  readonly uom: number | undefined;
  readonly powerOfTenMultiplier: number;
  readonly flowDirection: number | undefined;
  readonly accumulationBehaviour: number | undefined;
}

/** Something that stands in an entry of its own; `links` are the entry's, by relation. */
export interface EspiResource<Content> {
  readonly self: string | undefined;
  readonly related: readonly string[];
  readonly content: Content;
}

export interface EspiSink {
  reading(reading: EspiReading): void;
  /** A reading that cannot be understood. */
  malformed(line: number, column: number, detail: string): void;
  /** After each chunk. */
  paused(): void;
}

/** Of meter readings and reading types of one feed. */
const RESOURCES_MAX = 10_000;
const RELATIONS: ReadonlySet<string> = new Set(["self", "up", "related"]);
/** Of one relation in one entry. */
const LINKS_MAX = 64;
const FIELDS: ReadonlySet<string> = new Set(
  "start duration value quality uom powerOfTenMultiplier flowDirection accumulationBehaviour".split(
    " ",
  ),
);
/** How often a field may stand in one reading: a reading may have several qualities. */
const FIELD_MAX = 8;
/** The schema's Int48. */
const INTEGER = /^[+-]?\d{1,15}$/;
const SECONDS = /^\d{1,10}$/;

/** Fields of the element that is being read, by the name that they have in the schema. */
type Fields = Map<string, string[]>;

/** Hand it to `readXml`. */
export class EspiParser implements XmlHandler {
  readonly meterReadings: EspiResource<undefined>[] = [];
  readonly readingTypes: EspiResource<EspiReadingType>[] = [];
  /** Whether an element of ESPI was met. */
  isEspi = false;
  readonly #sink: EspiSink;
  /** Links of the entry, by relation. */
  #links = new Map<string, string[]>();
  #hasMeterReading = false;
  #readingType: EspiReadingType | undefined;
  /** Of the innermost IntervalReading or ReadingType; undefined outside of one. */
  #fields: Fields | undefined;

  constructor(sink: EspiSink) {
    this.#sink = sink;
  }

  opened(element: XmlElement): void {
    const { namespace, name } = element;
    if (namespace === ATOM && name === "entry") this.#startEntry();
    if (namespace === ATOM && name === "link") this.#addLink(element);
    if (namespace !== ESPI) return;
    this.isEspi = true;
    if (name === "IntervalReading" || name === "ReadingType") this.#fields = new Map();
    if (name === "MeterReading") this.#hasMeterReading = true;
  }

  closed(element: XmlElement, text: string): void {
    const { namespace, name } = element;
    if (namespace === ATOM && name === "entry") this.#endEntry();
    if (namespace !== ESPI) return;
    if (name === "IntervalReading") this.#endReading(element);
    else if (name === "ReadingType") this.#endReadingType();
    else if (this.#fields !== undefined && FIELDS.has(name)) {
      const others = this.#fields.get(name) ?? [];
      if (others.length < FIELD_MAX) this.#fields.set(name, [...others, text.trim()]);
    }
  }

  paused(): void {
    this.#sink.paused();
  }

  #startEntry(): void {
    this.#links = new Map();
    this.#hasMeterReading = false;
    this.#readingType = undefined;
  }

  #addLink(element: XmlElement): void {
    const relation = element.attribute("rel") ?? "";
    const href = element.attribute("href")?.replace(/\/+$/, "");
    const others = this.#links.get(relation) ?? [];
    if (href === undefined || !RELATIONS.has(relation) || others.length >= LINKS_MAX) return;
    this.#links.set(relation, [...others, href]);
  }

  #endEntry(): void {
    const links = { self: this.#links.get("self")?.[0], related: this.#links.get("related") ?? [] };
    const known = this.meterReadings.length + this.readingTypes.length;
    if (known < RESOURCES_MAX) {
      if (this.#hasMeterReading) this.meterReadings.push({ ...links, content: undefined });
      if (this.#readingType !== undefined) {
        this.readingTypes.push({ ...links, content: this.#readingType });
      }
    }
    this.#startEntry();
  }

  #endReadingType(): void {
    const number = (name: string): number | undefined => {
      const text = this.#fields?.get(name)?.[0] ?? "";
      return INTEGER.test(text) ? Number(text) : undefined;
    };
    this.#readingType = {
      uom: number("uom"),
      powerOfTenMultiplier: number("powerOfTenMultiplier") ?? 0,
      flowDirection: number("flowDirection"),
      accumulationBehaviour: number("accumulationBehaviour"),
    };
    this.#fields = undefined;
  }

  #endReading({ line, column }: XmlElement): void {
    const field = (name: string): string => this.#fields?.get(name)?.[0] ?? "";
    const [start, duration, value] = [field("start"), field("duration"), field("value")];
    const qualities = (this.#fields?.get("quality") ?? []).map(Number);
    this.#fields = undefined;
    if (!SECONDS.test(start) || !SECONDS.test(duration) || Number(duration) === 0) {
      this.#sink.malformed(line, column, "no timePeriod with start and duration in seconds");
    } else if (!INTEGER.test(value)) {
      this.#sink.malformed(line, column, "the value is not a whole number");
    } else {
      this.#sink.reading({
        meterReading: this.#meterReading(),
        startSeconds: Number(start),
        durationSeconds: Number(duration),
        value: BigInt(value),
        qualities,
        line,
        column,
      });
    }
  }

  /** An interval block's `up` is its meter reading's collection of blocks; its `self` one of them. */
  #meterReading(): string | undefined {
    const [up] = this.#links.get("up") ?? [];
    const [self] = this.#links.get("self") ?? [];
    return up?.replace(/\/IntervalBlock$/, "") ?? self?.replace(/\/IntervalBlock\/[^/]+$/, "");
  }
}
