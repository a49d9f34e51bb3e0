// The one store: which part of the world's time is shown, as known when, and what is chosen in it. It lives in the URL.
import { useEffect, useState } from "./html.js";
import { dayIn, numberOf, plus } from "./days.js";
import { afterwards, rest, useSight } from "./sight.js";

const BLANK = {
  from: null, // first day shown; null is the beginning
  to: null, // last day shown; null is now
  known: null, // as known at the end of this day; null is now
  basis: "recorded", // or "reported"
  pos: null, // a pinned link: known up to this position,
  at: null, // the world at this instant,
  gen: null, // as long as nothing was erased since
  vs: null, // compared with what was known at the end of this day
  kind: null, // kinds of incident, joined by commas
  place: null, // the place that is chosen
  story: null, // the stream whose story is open
  figure: "incidents", // what circles and tables are ordered by
  feed: null, // the category that the feed is narrowed to
  lang: null,
  theme: null,
};

const DAY = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;
const INSTANT = (text) => /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
const form = (pattern) => (text) => pattern.test(text);
const FORMS = {
  from: DAY, to: DAY, known: DAY, vs: DAY, at: INSTANT,
  basis: form(/^(recorded|reported)$/), pos: form(/^\d{1,15}$/), gen: form(/^\d{1,9}$/), figure: form(/^(incidents|killed|injured)$/),
  kind: form(/^[a-z_]+(,[a-z_]+)*$/), feed: form(/^[a-z_]+$/), lang: form(/^[a-z]{2}$/), theme: form(/^(light|dark)$/),
  place: form(/^[a-z]+:[^\p{C}]{1,300}$/u), story: form(/^[a-z_]+:[^\p{C}/\\]{1,160}$/u),
};

/** What a link said that cannot be read: left out, and told, since what is shown is not what was meant. */
export const unread = [];

let state = { ...BLANK, ...fromUrl() };
const heard = new Set();

function fromUrl() {
  const given = [...new URLSearchParams(location.search)].filter(([name]) => Object.hasOwn(FORMS, name));
  unread.splice(0, unread.length, ...given.filter(([name, text]) => !FORMS[name](text)).map(([name]) => name));
  return Object.fromEntries(given.filter(([name]) => !unread.includes(name)));
}

/** Where a state is found again. */
export function urlOf(which, base = location.pathname) {
  const told = Object.entries(which).filter(([name, value]) => name in BLANK && value !== BLANK[name] && value !== null && value !== "");
  const query = new URLSearchParams(told).toString();
  return query ? `${base}?${query}` : base;
}

export const current = () => state;

/** Change some of the state. `quiet` leaves the history of the browser as it is: for dragging, and for playing. */
export function change(some, { quiet = false } = {}) {
  const unpinned = ["from", "to", "known", "basis"].some((name) => name in some) && !("pos" in some);
  const next = { ...state, ...(unpinned ? { pos: null, at: null, gen: null } : {}), ...some };
  if (Object.keys(next).every((name) => next[name] === state[name])) return;
  if (!quiet) rest();
  state = next;
  history[quiet ? "replaceState" : "pushState"](null, "", urlOf(state));
  for (const hear of heard) hear(state);
}

addEventListener("popstate", () => {
  rest();
  state = { ...BLANK, ...fromUrl() };
  for (const hear of heard) hear(state);
});

/** The state, for a component that is drawn anew whenever it changes; out of sight, once what is in sight has been. */
export function useStore() {
  const [held, hold] = useState(state);
  const inSight = useSight();
  useEffect(() => {
    let off = null;
    const hear = (now) => { off?.(); off = inSight ? void hold(now) : afterwards(() => hold(now)); };
    heard.add(hear);
    hold(state);
    return () => { off?.(); heard.delete(hear); };
  }, [inSight]);
  return held;
}

/** What is true of the log itself, and not chosen: its zone, its first day, how far it is followed. */
export const log = { zone: "Europe/Kyiv", position: null, today: null };

/** Whether what is shown is what is known now of the world up to now, so that it may be followed. */
export const isLive = (s = state) => s.known === null && s.pos === null && s.to === null;
export const isPinned = (s = state) => s.pos !== null;

export const today = () => log.today ?? dayIn(Date.now(), log.zone);
/** The first day after the period, or null while it has no end. */
export const until = (s = state) => (s.to === null ? null : plus(s.to, 1));

/** The parameters that say which instant of the world, and which knowledge. */
export function moment(s = state) {
  const at = s.at ?? until(s) ?? (s.known === null ? null : log.now);
  return {
    ...(at === null ? {} : { at }),
    ...(s.basis === "reported" ? { basis: "reported" } : {}),
    ...(s.pos !== null ? { at_position: s.pos } : {}),
    ...(s.known !== null && (s.pos === null || s.basis === "reported") ? { known_at: s.known } : {}),
  };
}

/** The parameters that narrow a tally to the period. */
export function period(s = state) {
  const end = until(s);
  return { ...(s.from === null ? {} : { since: s.from }), ...(end === null ? {} : { until: end }) };
}

export const kinds = (s = state) => (s.kind === null ? [] : s.kind.split(","));

/** Whether the period is drawn by day, week or month. */
export function bucketOf(s) {
  const span = s.from === null ? Infinity : numberOf(s.to ?? today()) - numberOf(s.from);
  return span <= 190 ? "day" : span <= 1500 ? "week" : "month";
}
