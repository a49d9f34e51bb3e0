// Places of the period, the largest first: read once, and shown as a map, as a table, and as the list of what has no place.
import { useRef } from "./html.js";
import { useRead } from "./reads.js";
import { kinds, moment, period, today, useStore } from "./state.js";
import { plus } from "./days.js";
import { USUAL } from "./kinds.js";

export const MOST = 1000; // places that are asked for; what the others add up to is told beside them
const WHERE = ["place", "admin1", "country"];
export const FIGURES = { incidents: "incidents", killed: "killed.best", injured: "injured.best" };
export const kindsOf = (s) => (s.kind === null ? USUAL : kinds(s));

/** The question about places, as the page asks it and as it is handed on: beside as many days before, where there are such. */
export function placesQuestion(s) {
  const span = period(s);
  const beside = span.since === undefined ? {} : { until: plus(today(), 1), ...span, compare: "previous" };
  return { ...span, ...beside, kind: kindsOf(s), group_by: WHERE, top: MOST, order_by: FIGURES[s.figure] ?? "incidents" };
}

const ASKED = "projections/city_incidents";

/** What the page asks about places, as [path, params]: which they are, and how many of each kind, where there are several. */
export function placesAsked(s) {
  const of = kindsOf(s);
  const byKind = { ...moment(s), ...period(s), kind: of, group_by: [...WHERE, "kind"], top: 3 * MOST, order_by: FIGURES[s.figure] ?? "incidents" };
  return [[ASKED, { ...moment(s), ...placesQuestion(s), format: "geojson" }], [of.length === 1 ? null : ASKED, byKind]];
}

/**
 * The places: {rows: [...], places: [...], elsewhere: [...], rest, compared, fault, stale}; the lists are null while they are read.
 * `rows` are all of them, `places` those that can be drawn, `elsewhere` the others; `rest` is what is not among them, with how many
 * `rows` that is, or null.
 */
export function usePlaces() {
  const s = useStore();
  const [which, perKind] = placesAsked(s);
  const [read, byKind] = [useRead(...which), useRead(...perKind)];
  const stale = read.stale || byKind.stale;
  const both = useRef(null); // of one state: the places of one day have no other day's kinds
  if (!stale || both.current === null || both.current.byKind === null) both.current = { data: read.data, byKind: byKind.data, of: kindsOf(s) };
  const { data } = both.current;
  const found = data === null ? { rows: null, places: null, elsewhere: null, rest: null } : gathered(data, both.current.byKind, both.current.of);
  return { ...found, compared: data?.compared !== undefined, basis: data?.basis, fault: read.fault, stale };
}

const keyOf = (row) => row.place ?? `region:${row.admin1 ?? row.country ?? ""}`;

let last = { of: [], found: null };
function gathered(data, byKind, kindsShown) {
  const of = [data, byKind, kindsShown.join()];
  if (last.of.every((each, i) => each === of[i]) && last.found) return last.found;
  const rows = data.features.map(({ geometry, properties: row }) => ({ ...row, name: row.name ?? null, key: keyOf(row), at: geometry?.coordinates ?? null, kinds: kindsShown.length === 1 ? { [kindsShown[0]]: row.incidents } : {} }));
  const held = new Map(rows.map((row) => [row.key, row]));
  for (const row of Object.values(byKind?.rows ?? {})) {
    const place = held.get(keyOf(row));
    if (place && row.incidents > 0) place.kinds[row.kind] = row.incidents;
  }
  const there = rows.filter((row) => row.incidents > 0); // others were there in the period before
  last = { of, found: { rows, places: there.filter((p) => p.at !== null), elsewhere: there.filter((p) => p.at === null), rest: data.rest ?? null } };
  return last.found;
}

/** The row of one place, where it is none of the largest; null elsewhere, and while it is read. */
export function usePlace(wanted) {
  const s = useStore();
  const { top, order_by: order, ...question } = placesQuestion(s);
  const { data } = useRead(wanted ? ASKED : null, { ...moment(s), ...question, place: s.place });
  const [found] = Object.values(data?.rows ?? {});
  return { row: found === undefined ? null : { ...found, key: keyOf(found) }, waiting: wanted && data === null };
}

/** The figure by which circles are drawn; null where it is not known. */
export const sizeOf = (place, figure) => (figure === "incidents" ? place.incidents : place[figure]?.best ?? null);
