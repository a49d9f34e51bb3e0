// Incidents by place: read once, and shown as a map, as a table, and as the list of what has no place.
import { useRead } from "./reads.js";
import { kinds, moment, period, useStore } from "./state.js";
import { USUAL } from "./kinds.js";

export const DRAWN = 2000; // places that are drawn, the largest first

const FIGURES = { incidents: "incidents", killed: "killed.best", injured: "injured.best" };
export const kindsOf = (s) => (s.kind === null ? USUAL : kinds(s));

/** The features of the period: {places: [...], elsewhere: [...], more, fault, stale}; null while they are read. */
export function usePlaces() {
  const s = useStore();
  const { data, fault, stale } = useRead("projections/city_incidents", {
    ...moment(s), ...period(s), kind: kindsOf(s), group_by: ["place", "admin1", "country", "kind"], format: "geojson",
    top: DRAWN + 1, order_by: FIGURES[s.figure] ?? "incidents",
  });
  return { ...(data === null ? { places: null, elsewhere: null } : gathered(data)), basis: data?.basis, fault, stale };
}

let last = [null, null];
function gathered(data) {
  if (last[0] === data) return last[1];
  const found = new Map();
  for (const { geometry, properties: row } of data.features.slice(0, DRAWN)) {
    const key = row.place ?? `region:${row.admin1 ?? row.country ?? ""}`;
    const held = found.get(key) ?? {
      key, place: row.place, name: row.name ?? null, admin1: row.admin1, country: row.country, at: geometry?.coordinates ?? null, kinds: {},
      incidents: 0, killed: none(), injured: none(), position: 0, restated: false,
    };
    held.incidents += row.incidents;
    held.kinds[row.kind] = row.incidents;
    held.killed = sum(held.killed, row.killed);
    held.injured = sum(held.injured, row.injured);
    held.position = Math.max(held.position, row.position);
    held.restated ||= row.restated;
    found.set(key, held);
  }
  const all = [...found.values()];
  last = [data, { places: all.filter((p) => p.at !== null), elsewhere: all.filter((p) => p.at === null), more: data.features.length > DRAWN }];
  return last[1];
}

const none = () => ({ low: null, best: null, high: null });
const plus = (a, b) => (a === null ? b : b === null ? a : a + b);
/** A sum of figures; what is unknown adds nothing, and a sum of unknown ones is unknown. */
export const sum = (a, b) => ({ low: plus(a.low, b.low), best: plus(a.best, b.best), high: plus(a.high, b.high) });

/** The figure by which circles are drawn; null where it is not known. */
export const sizeOf = (place, figure) => (figure === "incidents" ? place.incidents : place[figure]?.best ?? null);
