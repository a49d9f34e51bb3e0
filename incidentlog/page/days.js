// Local days of the log's zone as whole numbers, so that charts can add and compare them. A day has no time of its own.

const DAY = 86_400_000;

/** The number of a day, from its date or the date that a text begins with. */
export const numberOf = (date) => Math.round(Date.UTC(+date.slice(0, 4), +date.slice(5, 7) - 1, +date.slice(8, 10)) / DAY);
export const dateOf = (number) => new Date(number * DAY).toISOString().slice(0, 10);
export const plus = (date, days) => dateOf(numberOf(date) + days);

const calendars = new Map(); // by zone; to make one takes fifty times as long as to ask it

/** The day that an instant falls on in a zone. */
export function dayIn(instant, zone) {
  if (!calendars.has(zone)) calendars.set(zone, new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }));
  return calendars.get(zone).format(new Date(instant));
}

/** The first day of an ISO week such as 2025-W47, which may be out of the calendar's order at the turn of a year. */
export function weekStart(week) {
  const year = +week.slice(0, 4);
  const fourth = Math.round(Date.UTC(year, 0, 4) / DAY); // 4 January is always in week 1
  return fourth - ((new Date(fourth * DAY).getUTCDay() + 6) % 7) + (+week.slice(6) - 1) * 7;
}

/** The week of a day, as the log calls it. */
export function weekOf(number) {
  const monday = number - ((new Date(number * DAY).getUTCDay() + 6) % 7);
  const year = new Date((monday + 3) * DAY).getUTCFullYear();
  return `${year}-W${String(Math.round((monday - weekStart(`${year}-W01`)) / 7) + 1).padStart(2, "0")}`;
}

/** Days at which an axis is labelled, about `wanted` of them: [{at, text}], with `form` saying how they are written. */
export function ticks(first, last, wanted) {
  const steps = [[1, "day"], [2, "day"], [7, "day"], [14, "day"], [1, "month"], [3, "month"], [6, "month"], [12, "month"], [24, "month"], [60, "month"]];
  const span = Math.max(1, last - first);
  const [step, unit] = steps.find(([n, u]) => span / (u === "day" ? n : n * 30.4) <= wanted) ?? steps.at(-1);
  const found = [];
  if (unit === "day") {
    for (let at = Math.ceil((first + 3) / step) * step - 3; at <= last; at += step) if (at >= first) found.push({ at, unit });
    return found;
  }
  const start = new Date(first * DAY);
  for (let month = start.getUTCFullYear() * 12 + start.getUTCMonth(); ; month += 1) {
    if (month % step) continue;
    const at = Math.round(Date.UTC(Math.floor(month / 12), month % 12, 1) / DAY);
    if (at > last) return found;
    if (at >= first) found.push({ at, unit: step % 12 ? "month" : "year" });
  }
}

const months = (month) => { const at = numberOf(`${month}-01`); const next = new Date(Date.UTC(+month.slice(0, 4), +month.slice(5, 7), 1)); return { at, to: Math.round(next / 864e5) - 1 }; };
/** The first and last day of a row that is of a day, a week or a month; null where it is of none. */
export const spanOf = (row) => (row.day ? { at: numberOf(row.day), to: numberOf(row.day) } : row.week ? { at: weekStart(row.week), to: weekStart(row.week) + 6 } : row.month ? months(row.month) : null);
