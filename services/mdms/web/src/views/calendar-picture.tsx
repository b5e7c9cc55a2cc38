/** A tariff's calendar drawn: weekdays down, hours across, a colour per band; the same in words for whoever cannot see it. */
import { useFormats } from "@smarter-metering/web";
import type { Calendar } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import { weeksOf, type CalendarWeek, type HourRun } from "../model/calendar-week.ts";
import { useTexts, type Texts } from "../texts.ts";

const ROW = 22;
const LEFT = 44;
const WIDTH = 480;
const TOP = 18;
const DAY_MINUTES = 1440;
const HOURS_MARKED = [0, 6, 12, 18, 24];
/** Classes of colours; bands of a tariff are at most eight. */
const COLOURS = 6;

export const bandClass = (band: number): string => `band-${band % COLOURS}`;

export function CalendarPicture({ calendar }: { readonly calendar: Calendar }): VNode {
  const { tariffs: words } = useTexts();
  const formats = useFormats("UTC");
  const weeks = weeksOf(calendar);
  return (
    <div class="stack">
      <ul class="legend">
        {calendar.bands.map((band, index) => (
          <li key={band}>
            <svg class="swatch" viewBox="0 0 1 1" aria-hidden="true">
              <rect class={bandClass(index)} width="1" height="1" />
            </svg>
            {band}
          </li>
        ))}
      </ul>
      <div class="weeks">
        {weeks.map((week, index) => (
          <Week
            key={index}
            calendar={calendar}
            week={week}
            title={titleOf(week, calendar, words)}
          />
        ))}
      </div>
      {calendar.holidays !== undefined && (
        <p class="small">
          <strong>{words.holidays}:</strong>{" "}
          {calendar.holidays.dates.map((date) => dateText(date, formats)).join(", ")}.{" "}
          {calendar.holidays.countAs !== undefined &&
            words.holidaysAs(words.weekdays[calendar.holidays.countAs - 1] ?? "")}
        </p>
      )}
      {calendar.specialDays !== undefined && (
        <div class="small">
          <strong>{words.specialDays}</strong>
          <ul class="plain-list">
            {calendar.specialDays.map(({ date, rules }) => (
              <li key={date}>
                {words.specialDay(
                  formats.date(date),
                  rules.map(({ band, from, to }) => words.bandAt(band, from, to)).join(", "),
                )}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

/** YYYY-MM-DD, or MM-DD of every year. */
const dateText = (date: string, formats: ReturnType<typeof useFormats>): string =>
  date.length === 10 ? formats.date(date) : `${date.slice(3)}.${date.slice(0, 2)}.`;

function titleOf(week: CalendarWeek, { seasons = [] }: Calendar, words: Texts["tariffs"]): string {
  const season = seasons.find(({ name }) => name === week.season);
  const part =
    season !== undefined
      ? words.season(season.name, dayMonth(season.from), dayMonth(season.to))
      : seasons.length === 0
        ? words.allYear
        : words.otherwise;
  return week.monthDays === undefined
    ? part
    : `${part}, ${words.monthDays(week.monthDays.from, week.monthDays.to)}`;
}

/** "01.10." of "10-01". */
const dayMonth = (date: string): string => `${date.slice(3)}.${date.slice(0, 2)}.`;

interface WeekProps {
  readonly calendar: Calendar;
  readonly week: CalendarWeek;
  readonly title: string;
}

function Week({ calendar, week, title }: WeekProps): VNode {
  const { tariffs: words } = useTexts();
  const height = TOP + week.days.length * ROW;
  const x = (minute: number): number => LEFT + (minute / DAY_MINUTES) * WIDTH;
  const nameOf = (index: number): string => words.weekdays[index] ?? words.holiday;
  const spoken = week.days
    .map(
      (runs, index) => `${nameOf(index)}: ${runs.map((run) => runText(run, calendar)).join(", ")}`,
    )
    .join("; ");
  return (
    <figure class="week">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${LEFT + WIDTH + 14} ${height}`}
        role="img"
        aria-label={`${words.calendarLabel(title)}. ${spoken}`}
      >
        {HOURS_MARKED.map((hour) => (
          <text key={hour} class="axis" x={x(hour * 60)} y={12} text-anchor="middle">
            {hour}
          </text>
        ))}
        {week.days.map((runs, index) => (
          <g key={index}>
            <text class="axis" x={LEFT - 8} y={TOP + index * ROW + 15} text-anchor="end">
              {nameOf(index)}
            </text>
            {runs.map((run) => (
              <rect
                key={run.fromMinute}
                class={bandClass(run.band)}
                x={x(run.fromMinute)}
                y={TOP + index * ROW + 1}
                width={x(run.toMinute) - x(run.fromMinute) - 1}
                height={ROW - 2}
                rx="2"
              >
                <title>{runText(run, calendar)}</title>
              </rect>
            ))}
          </g>
        ))}
      </svg>
    </figure>
  );
}

const timeText = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

const runText = ({ band, fromMinute, toMinute }: HourRun, { bands }: Calendar): string =>
  `${bands[band] ?? ""} ${timeText(fromMinute)}–${timeText(toMinute)}`;
