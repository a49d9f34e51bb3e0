// The latest events of the period; each opens its story.
import { html, useEffect, useMemo, useState } from "./html.js";
import { useRead } from "./reads.js";
import { change, moment, period, today, useStore } from "./state.js";
import { dateOf, numberOf } from "./days.js";
import { moved } from "./live.js";
import { actor, day, figure, number, t } from "./words.js";
import { placeName } from "./names.js";
import { titleOf } from "./headline.js";
import { kindsOf } from "./places.js";
import { Keep } from "./keep.js";

const PAGE = 40;
const AT_ONCE = 100; // events that are asked for by their ids in one question
const REPORTED = new Set(["strike", "incident"]); // what is assessed anew, time and again
const ABOUT_RECORDS = /^(record|audit)\./; // what is said about records, and not about the world
const CORRECTIONS = 20; // so many more are asked for, as these are not shown
const CATEGORIES = ["strike", "incident", "alert", "ceasefire", "agreement", "violation", "talk", "exchange", "commitment", "proposal", "statement"];

/** Since when the newest events of the period are asked for: as far back as there are enough of them. */
function sinceFor(weeks, s, wanted) {
  const end = numberOf(s.to ?? today());
  let seen = 0;
  for (const [start, n] of [...(weeks ?? [])].reverse()) {
    if (start > end) continue;
    seen += n;
    if (seen > wanted) return dateOf(start);
  }
  return null;
}

export function Feed({ weeks }) {
  const s = useStore();
  const [pages, show] = useState(1);
  const span = period(s);
  // Of what is chosen there is less: it is looked for among more, and among more still where too little was found.
  const chosen = [s.feed, s.place, s.from, s.to, s.known, pages].join();
  const [wide, widen] = useState({ chosen, by: null });
  const by = (wide.chosen === chosen && wide.by) || (s.feed === null && s.place === null ? 3 : 30);
  const near = sinceFor(weeks, s, PAGE * pages * by);
  const since = near === null ? span.since : span.since === undefined || near > span.since ? near : span.since;
  const { data, fault, stale } = useRead(weeks === null ? null : "projections/daily_timeline", {
    ...moment(s), ...span, ...(since ? { since } : {}), group_by: ["day", "occurred", "event", "type", "stream", "place", "admin1"],
    ...(s.feed ? { category: s.feed } : {}), ...(s.place ? { place: s.place } : {}), top: PAGE * pages + CORRECTIONS, order_by: "occurred",
  });
  const rows = useMemo(() => (data === null ? [] : Object.values(data.rows).filter((row) => !ABOUT_RECORDS.test(row.type)).sort((a, b) => (a.occurred < b.occurred ? 1 : a.occurred > b.occurred ? -1 : b.position - a.position))), [data]);
  const shown = rows.slice(0, PAGE * pages);
  const few = data !== null && !stale && rows.length < PAGE * pages && since !== span.since;
  useEffect(() => { if (few) widen({ chosen, by: by * 8 }); }, [few, chosen, by]);
  const whole = since === span.since && data?.rest === undefined;
  return html`<section class="feed card" aria-labelledby="feed-title" data-stale=${stale}><div class="bar"><h2 id="feed-title">${t("feed.title")}</h2>
      <label><span class="unseen">${t("feed.filter")}</span><select value=${s.feed ?? ""} onChange=${(e) => { show(1); change({ feed: e.target.value || null }); }}><option value="">${t("feed.everything")}</option>${CATEGORIES.map((c) => html`<option value=${c}>${t(`category.${c}`)}</option>`)}</select></label>
      ${s.place !== null && html`<span class="tag">${placeName({ place: s.place })}</span>`}
      <${Keep} name="feed" table="projections/daily_timeline" params=${s.feed ? { category: s.feed } : {}} /></div>
    ${fault ? html`<p class="note bad">${fault.message}</p>` : data === null ? html`<p class="soft">${t("waiting")}</p>` : shown.length === 0 ? html`<p class="none" role="status">${t("nothing.period")}</p>` : html`<ol class="events">${batches(grouped(shown)).map((days) => html`<${Days} key=${days[0][0]} days=${days} />`)}</ol>
    ${(rows.length > shown.length || !whole) && html`<p class="pager"><button type="button" onClick=${() => show(pages + 1)}>${t("feed.more")}</button></p>`}`}
  </section>`;
}

function grouped(rows) {
  const by = new Map();
  for (const row of rows) by.set(row.day ?? "", [...(by.get(row.day ?? "") ?? []), row]);
  return [...by.entries()];
}

/** Days in parts of which what their events say can be asked for at once. */
function batches(days) {
  const parts = [];
  let room = 0;
  for (const each of days) {
    if (each[1].length > room) { parts.push([]); room = AT_ONCE; }
    parts.at(-1).push(each);
    room -= each[1].length;
  }
  return parts;
}

/** Some days' events, with what each says. */
function Days({ days }) {
  const { data } = useRead("events", { id: days.flatMap(([, events]) => events).slice(0, AT_ONCE).map((row) => row.event) });
  const said = new Map((data?.events ?? []).map((event) => [event.id, event]));
  return days.map(([date, events]) => html`<li key=${date}><h3>${date === "" ? t("feed.no_day") : day(date, { weekday: true })}</h3>
    <ul>${together(events).map(([row, n]) => html`<${Line} key=${row.event} row=${row} event=${said.get(row.event)} reports=${n} />`)}</ul></li>`);
}

/** Reports of one thing on one day as one line, the latest of them: [row, how many]. What was taken back stands for itself. */
function together(events) {
  const by = new Map();
  for (const row of events) {
    const key = row.struck_out || !REPORTED.has(row.stream.split(":")[0]) ? row.event : row.stream;
    const held = by.get(key);
    by.set(key, held === undefined ? [row, 1] : [held[0].position > row.position ? held[0] : row, held[1] + 1]);
  }
  return [...by.values()];
}

function Line({ row, event, reports }) {
  const category = row.stream.split(":")[0];
  const where = row.place || row.admin1 ? placeName(row) : null;
  return html`<li class=${`line${row.struck_out ? " struck" : ""}${moved.has(row.event) || moved.has(row.stream) ? " moved" : ""}`} data-stream=${row.stream}>
    <button type="button" class="plain story" onClick=${() => change({ story: row.stream })}><span class=${`dot c-${category}`} aria-hidden="true"></span>
      <span class="what"><b>${t(`type.${row.type}`)}</b>${where ? ` · ${where}` : ` · ${titleOf(row.stream)}`}</span></button>
    ${event && html`<span class="said">${summary(event)}</span>`}${reports > 1 ? html`<span class="tag">${t("feed.reports", { n: reports })}</span>` : ""}
    ${row.struck_out ? html`<span class="tag bad">${t("feed.retracted")}</span>` : row.amended ? html`<span class="tag care">${t("feed.amended")}</span>` : ""}</li>`;
}

/** What an event says, in a line. */
export function summary(event) {
  const { data } = event;
  const told = [];
  for (const name of ["killed", "injured"]) {
    const given = data.casualties?.[name];
    if (given) { const { best, range } = figure({ low: null, best: null, high: null, ...given }); if (best !== null || range) told.push(`${t(`figure.${name}`)} ${best === null ? "" : number(best)}${range ? ` (${range})` : ""}`); }
  }
  if (data.means?.length) told.push(data.means.map((m) => t(`means.${m}`)).join(", "));
  if (data.outcome) told.push(t(`outcome.${data.outcome}`));
  if (data.response) told.push(t(`state.${data.response}`));
  if (data.target_class) told.push(t(`target.${data.target_class}`));
  if (data.mode) told.push(t(`mode.${data.mode}`));
  if (data.severity) told.push(t(`severity.${data.severity}`));
  if (data.reason) told.push(data.reason);
  if (data.text) told.push(data.text);
  if (data.released) told.push(Object.entries(data.released).filter(([, n]) => typeof n === "number").map(([side, n]) => `${actor(side)} ${number(n)}`).join(", "));
  const by = data.attributed_to ?? data.claimant ?? data.declared_by;
  if (by) told.push(actor(by));
  return told.filter(Boolean).join(" · ");
}
