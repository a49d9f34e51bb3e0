// What another state of knowledge said otherwise, part by part of the page, and which events changed it.
import { html } from "./html.js";
import { address, read, useRead } from "./reads.js";
import { bucketOf, change, moment, period, useStore } from "./state.js";
import { spanOf } from "./days.js";
import { kindsOf } from "./places.js";
import { Figure } from "./cities.js";
import { titleOf } from "./headline.js";
import { actor, day, dayOf, figure, number, t } from "./words.js";
import { placeName } from "./names.js";

const MOST = 1000; // differences of one part that are asked for
const SHOWN = 40; // of them in the table

/**
 * {earlier, later, places: Part, days: Part, ...} where a Part is {rows: Map(key -> {before, after, other, causes, row}), fault, waiting,
 * more}, and `other` is what the page does not show; or null where nothing is compared.
 */
export function useDifference() {
  const s = useStore();
  const on = s.vs !== null && s.pos === null;
  const flipped = on && s.known !== null && s.known < s.vs;
  const [earlier, later] = flipped ? [s.known, s.vs] : [s.vs, s.known];
  const { at, basis } = moment(s);
  const between = { from_known: earlier, ...(later === null ? {} : { to_known: later }), ...(at ? { at } : {}), ...(basis ? { basis } : {}), limit: MOST };
  const where = s.place === null ? {} : { place: s.place };
  const by = { ...period(s), ...where, group_by: bucketOf(s) };
  const usePart = (wanted, projection, params, keyOf, how) => partOf(useRead(wanted ? "diff" : null, { projection, ...params, ...between }, how), flipped, keyOf);
  const useLater = (projection, params) => usePart(on && !places.waiting, projection, params, undefined, { later: true });
  const places = usePart(on, "city_incidents", { group_by: ["place", "admin1", "country"], ...period(s), kind: kindsOf(s) }, (_, row) => row.place ?? `region:${row.admin1 ?? row.country ?? ""}`);
  const then = on && !places.waiting; // the places come first, and what stands below them last
  const parts = {
    places,
    ceasefires: usePart(then, "ceasefire_status", {}),
    talks: usePart(then, "talks_ledger", {}),
    days: useLater("city_incidents", { ...by, kind: kindsOf(s) }),
    strikes: useLater("strike_profile", by),
    index: useLater("escalation_index", by),
    exchanges: useLater("exchange_tally", { group_by: "side" }),
    commitments: useLater("commitments", {}),
  };
  return on ? { earlier, later, ...parts } : null;
}

function partOf({ data, fault, stale }, flipped, keyOf = (key) => key) {
  const rows = new Map();
  for (const told of [data?.changed, data?.added, data?.withdrawn]) {
    for (const [key, { before, after, causes }] of Object.entries(told ?? {})) {
      const row = after ?? before;
      rows.set(keyOf(key, row), { before, after, other: flipped ? after : before, causes, row });
    }
  }
  return { rows, fault, stale, waiting: data === null && fault === null, more: data?.next !== undefined };
}

const known = (value, digits = 0) => (value === null || value === undefined ? t("unknown") : number(value, digits));
const range = (of) => { const { best, range: r } = figure(of); return `${known(best)}${r ? ` (${r})` : ""}`; };
const count = (n) => known(n ?? 0);
const when = (text) => (text ? dayOf(text) : t("unknown"));

/** What is told of a row in each part, by the name of the text that says what it is. A row that is not there is null. */
const TOLD = {
  days: (row) => ({ "figure.incidents": count(row?.incidents), "figure.killed": range(row?.killed), "figure.injured": range(row?.injured) }),
  strikes: (row) => ({ "series.launched.word": row?.launched?.best == null ? known(row?.launched_nationwide) : range(row.launched), "series.intercepted.word": range(row?.intercepted) }),
  index: (row) => ({ "series.index": number(row?.index ?? 0, 1), "feed.title": count(row?.events) }),
  ceasefires: (row) => ({
    "compare.state": row?.stream === null ? t("headline.none") : row ? `${row.stream ? `${titleOf(row.stream)}: ` : ""}${t(`state.${row.state}`)}` : t("compare.nothing"), // the headline names its stream
    "compare.since": when(row?.since), "term.effective_from": when(row?.terms?.effective_from), "term.effective_until": when(row?.terms?.effective_until),
    "headline.views": Object.entries(row?.views ?? {}).map(([code, state]) => `${actor(code)}: ${t(`state.${state}`)}`).join("; ") || t("unknown"),
    "headline.compliance": row?.compliance?.label ? t(`compliance.${row.compliance.label}`) : t("compliance.none"),
  }),
  talks: (row) => {
    const last = row?.rounds?.at(-1);
    return {
      "compare.rounds": count(row?.rounds?.length), "compare.planned": count(row?.planned?.length),
      "compare.last": last ? `${last.place ?? titleOf(last.stream)}, ${day(last.occurred.start)}` : t("compare.nothing"), "compare.outcome": last?.outcome ? t(`outcome.${last.outcome}`) : t("unknown"),
    };
  },
  exchanges: (row) => ({ "talks.released": known(row?.released), "talks.civilians": known(row?.civilians), "talks.remains": known(row?.remains), "talks.count": count(row?.exchanges) }),
  commitments: (row) => ({ "compare.state": row ? t(`state.${row.overdue ? "overdue" : row.state ?? "none"}`) : t("compare.nothing"), "compare.due": when(row?.due), "compare.progress": known(row?.progress?.value) }),
};
const LABEL = {
  days: (key) => spanName(key), strikes: (key) => spanName(key), index: (key) => spanName(key),
  ceasefires: (key) => (key === "headline" ? t("compare.headline") : key.startsWith("headline") ? `${t("compare.headline")} (${key.slice(9)})` : titleOf(key)),
  talks: (key) => t(`track.${key}`), exchanges: (key) => actor(key), commitments: (key, row) => row.text ?? titleOf(key),
};
const spanName = (key) => { const span = spanOf({ [key.includes("W") ? "week" : key.length === 7 ? "month" : "day"]: key }); return key === "" ? t("feed.no_day") : span.at === span.to ? day(span.at) : `${day(span.at, { year: false })} – ${day(span.to)}`; };

/** What a part says otherwise: [{key, label, was, is, causes}], without what is another in a figure that the page does not show. */
function toldOtherwise(name, { rows }) {
  return [...rows.entries()].map(([key, { before, after, causes, row }]) => {
    const [was, is] = [TOLD[name](before), TOLD[name](after)];
    return { key, label: LABEL[name](key, row), changes: Object.keys(is).filter((fact) => was[fact] !== is[fact]).map((fact) => [t(fact), was[fact], is[fact]]), causes };
  }).filter(({ changes }) => changes.length);
}

export function Compared({ difference }) {
  const { earlier, later, places } = difference;
  const between = { from: day(earlier), to: later === null ? t("known.now") : day(later) };
  const parts = Object.keys(TOLD).map((name) => ({ name, ...difference[name], told: toldOtherwise(name, difference[name]) }));
  const waiting = [places, ...parts].some((part) => part.waiting || part.stale);
  const same = places.rows.size === 0 && parts.every(({ told, fault }) => told.length === 0 && fault === null);
  return html`<section class="compared card" aria-labelledby="compared-title" data-stale=${waiting}><div class="bar"><h2 id="compared-title">${t("compare.title", between)}</h2><button type="button" class="plain" onClick=${() => change({ vs: null })}>${t("compare.end")}</button></div>
    ${places.fault ? html`<p class="note bad">${places.fault.message}</p>` : places.waiting ? html`<p class="soft">${t("waiting")}</p>` : same && !waiting ? html`<p class="none">${t("compare.same")}</p>` : ""}
    ${["ceasefires", "talks"].map((name) => html`<${Told} key=${name} ...${parts.find((part) => part.name === name)} />`)}
    ${places.rows.size > 0 ? html`<${Places} ...${places} />` : ""}
    ${parts.filter(({ name }) => !["ceasefires", "talks"].includes(name)).map((part) => html`<${Told} key=${part.name} ...${part} />`)}
  </section>`;
}

function Places({ rows, more }) {
  return html`<h3>${t("cities.title")}</h3><p class="small">${t("compare.changed", { n: rows.size })}</p><div class="scroll"><table><thead><tr><th scope="col">${t("figure.name")}</th>${["incidents", "killed", "injured"].map((name) => html`<th class="num" scope="col">${t(`figure.${name}`)}</th>`)}<th scope="col">${t("compare.by")}</th></tr></thead>
    <tbody>${[...rows.entries()].slice(0, SHOWN).map(([key, { before, after, causes, row }]) => html`<tr key=${key}><th scope="row">${placeName(row)}</th>
      ${["incidents", "killed", "injured"].map((name) => html`<td class="num" data-label=${t(`figure.${name}`)}><${Figure} of=${after?.[name] ?? (name === "incidents" ? 0 : null)} was=${before?.[name] ?? (name === "incidents" ? 0 : null)} /></td>`)}
      <td data-label=${t("compare.by")}><${Causes} causes=${causes} /></td></tr>`)}</tbody></table></div><${More} n=${rows.size} more=${more} />`;
}

/** A part of which each row says what became another: figures as struck out, and as they are. */
function Told({ name, told, fault, more }) {
  if (fault) return html`<h3>${t(`compare.part.${name}`)}</h3><p class="note bad">${fault.message}</p>`;
  if (told.length === 0) return "";
  return html`<h3>${t(`compare.part.${name}`)}</h3><div class="scroll"><table data-part=${name}><thead><tr><th scope="col">${t("compare.what")}</th><th scope="col">${t("compare.how")}</th><th scope="col">${t("compare.by")}</th></tr></thead>
    <tbody>${told.slice(0, SHOWN).map(({ key, label, changes, causes }) => html`<tr key=${key}><th scope="row">${label}</th>
      <td>${changes.map(([fact, was, is]) => html`<p class="change-of" key=${fact}><span class="soft">${fact}:</span> <del>${was}</del> <b>${is}</b></p>`)}</td>
      <td data-label=${t("compare.by")}><${Causes} causes=${causes} /></td></tr>`)}</tbody></table></div><${More} n=${told.length} more=${more} />`;
}

const More = ({ n, more }) => (n > SHOWN ? html`<p class="small">${t(more ? "compare.further" : "compare.more", { n: n - SHOWN })}</p>` : "");

function Causes({ causes }) {
  return html`${causes.slice(0, 4).map((cause) => html`<${Cause} key=${cause.event_id} cause=${cause} />`)}${causes.length > 4 ? t("compare.more", { n: causes.length - 4 }) : ""}${causes.length === 0 ? html`<span class="soft">${t("compare.unseen")}</span>` : ""}`;
}

function Cause({ cause }) {
  const open = async () => {
    const { events: [event] } = await read(address("events", { id: cause.event_id }));
    if (event) change({ story: event.stream });
  };
  return html`<button type="button" class="plain story" onClick=${open}>${t(`type.${cause.type}`)}</button> <span class="soft num">№ ${cause.position}</span><br />`;
}
