/** The day: bars, total, table, other days, live readings as they come, export. Everything here was decrypted on this device. */
import { toCsv, type Findings } from "@smarter-metering/customer";
import { addLocalDays, dayStartOf, localDate, localDayStart } from "@smarter-metering/tariff";
import { daySeries, kilowattHours } from "./day-series.ts";
import { clockTime, dayChart, dayTable } from "./day-view.ts";
import { rememberZone, zoneOf } from "./device-memory.ts";
import { button, element, field } from "./element.ts";
import { lastInstant, type Household, type OpenedDay, type SealedSpan } from "./household.ts";
import { attempt, say, show } from "./page.ts";

const RECONNECT_MS = 5_000;
/** On a phone the chart has fewer units across, so that its labels stay readable. */
const narrow = matchMedia("(max-width: 600px)");

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class DayPage {
  readonly #household: Household;
  readonly #login: string;
  readonly #ended: AbortSignal;
  readonly #content = element("section", { "aria-live": "off" });
  readonly #date = field("Day", {
    type: "date",
    required: "",
    min: "1970-01-02",
    max: "9999-12-30",
  });
  #zone: string;
  #span: SealedSpan | undefined;
  #opened: OpenedDay | undefined;
  #loads = 0;
  /** Shows the newest day until another one is asked for. */
  #follows = true;

  constructor(household: Household, login: string, ended: AbortSignal) {
    this.#household = household;
    this.#login = login;
    this.#ended = ended;
    this.#zone = zoneOf(login);
  }

  async start(logOut: () => void): Promise<void> {
    const picked = this.#dateInput;
    picked.addEventListener("change", () => {
      if (picked.value !== "" && picked.validity.valid)
        this.#ask(dayStartOf(picked.value, this.#zone));
    });
    show(
      element(
        "div",
        { class: "bar" },
        button("Previous day", () => this.#step(-1)),
        this.#date,
        button("Next day", () => this.#step(1)),
        button("Export CSV", () => this.#export()),
        button("Log out", logOut),
      ),
      this.#content,
      this.#zoneField(),
    );
    narrow.addEventListener("change", () => this.#redraw());
    const now = Math.floor(Date.now() / 1000);
    await this.#load(now);
    if (this.#opened?.readings.length === 0) {
      await this.#load((await this.#household.newestInstant()) ?? now);
    }
    void this.#listen();
  }

  get #dateInput(): HTMLInputElement {
    const input = this.#date.querySelector("input");
    if (input === null) throw new Error("a field has an input");
    return input;
  }

  #zoneField(): HTMLElement {
    const label = field("Time zone of the household", { list: "zones", value: this.#zone });
    const zones = Intl.supportedValuesOf("timeZone");
    const list = element(
      "datalist",
      { id: "zones" },
      ...zones.map((value) => element("option", { value })),
    );
    label.querySelector("input")?.addEventListener("change", (event) => {
      const { value } = event.target as HTMLInputElement;
      if (!zones.includes(value) && value !== "UTC")
        return say("This zone is not known here.", true);
      this.#zone = value;
      rememberZone(this.#login, value);
      this.#ask(this.#span?.from ?? Math.floor(Date.now() / 1000));
    });
    return element("div", { class: "panel" }, label, list);
  }

  #step(days: number): void {
    if (this.#span !== undefined) this.#ask(addLocalDays(this.#span.from, days, this.#zone));
  }

  #ask(instant: number): void {
    this.#follows = false;
    void attempt("Loading", () => this.#load(instant));
  }

  /** Of two loads at once the one asked for last stays. */
  async #load(instant: number): Promise<void> {
    const order = ++this.#loads;
    const from = localDayStart(instant, this.#zone);
    const span = await this.#household.load(from, addLocalDays(from, 1, this.#zone));
    if (order !== this.#loads) return;
    say("");
    await this.#open(span);
  }

  async #open(span: SealedSpan): Promise<void> {
    this.#span = span;
    const opened = await this.#household.open(span);
    if (this.#span !== span) return;
    this.#opened = opened;
    this.#render(span, opened);
  }

  #redraw(): void {
    if (this.#span !== undefined && this.#opened !== undefined) {
      this.#render(this.#span, this.#opened);
    }
  }

  #render(span: SealedSpan, { readings, findings }: OpenedDay): void {
    const date = localDate(span.from, this.#zone);
    const series = daySeries(readings, span.from, span.to);
    this.#dateInput.value = date;
    const exported = series.exportMilliwattHours;
    const notes = [
      `${series.slots.length} intervals of ${series.intervalSeconds / 60} min`,
      ...(series.gaps > 0 ? [`${series.gaps} without a reading`] : []),
      ...(exported > 0 ? [`${kilowattHours(exported)} kWh fed in`] : []),
    ];
    const isTableOpen = this.#content.querySelector("details")?.open === true;
    const table = element(
      "details",
      isTableOpen ? { open: "" } : {},
      element("summary", {}, "The same numbers as a table"),
      dayTable(series, this.#zone),
    );
    this.#content.replaceChildren(
      element("h2", {}, date),
      element("p", { class: "total" }, `${kilowattHours(series.importMilliwattHours)} kWh`),
      element("p", { class: "muted" }, `${notes.join(" · ")} · ${this.#zone}`),
      dayChart(series, this.#zone, date, narrow.matches ? 340 : 720),
      table,
    );
    const alarm = alarmOf(findings);
    if (alarm !== undefined) say(alarm, true);
  }

  async #listen(): Promise<void> {
    while (!this.#ended.aborted) {
      try {
        for await (const frame of this.#household.live(this.#ended)) await this.#arrived(frame);
      } catch {
        // The stream broke; frames in between are loaded with their day.
      }
      if (!this.#ended.aborted) await pause(RECONNECT_MS);
    }
  }

  async #arrived(frame: Uint8Array): Promise<void> {
    const instant = lastInstant(frame);
    const span = this.#span;
    if (instant === undefined || span === undefined) return;
    if (instant >= span.from && instant < span.to) {
      await this.#open({ ...span, frames: [...span.frames, frame] });
      say(`Live: reading up to ${clockTime(instant + 1, this.#zone)}`);
    } else if (this.#follows && instant >= span.to) {
      await this.#load(instant);
    }
  }

  #export(): void {
    if (this.#span === undefined || this.#opened === undefined) return;
    const file = new Blob([toCsv(this.#opened.readings)], { type: "text/csv" });
    const href = URL.createObjectURL(file);
    const name = `readings-${localDate(this.#span.from, this.#zone)}.csv`;
    element("a", { href, download: name }).click();
    URL.revokeObjectURL(href);
  }
}

/** What an honest portal and meter never cause. */
function alarmOf(findings: Findings): string | undefined {
  const { badSignatures, equivocations, brokenLinks, foreign, malformed, unopenable } = findings;
  const bad = badSignatures + equivocations + brokenLinks + foreign + malformed;
  if (bad > 0) return `${bad} frames of this day are not what your meter sent. They are left out.`;
  return unopenable > 0
    ? `${unopenable} frames of this day have no key on this account.`
    : undefined;
}
