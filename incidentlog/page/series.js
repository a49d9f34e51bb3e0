// How it went: incidents, people killed with the range, launched and intercepted, and the escalation index.
import { html, useRef } from "./html.js";
import { useRead } from "./reads.js";
import { bucketOf, moment, period, today, useStore } from "./state.js";
import { dateOf, numberOf, spanOf } from "./days.js";
import { kindsOf } from "./places.js";
import { Chart } from "./chart.js";
import { day, figure, number, share, t } from "./words.js";
import { placeName } from "./names.js";
import { Keep } from "./keep.js";

/** Rows as points in order; those of no day are left out, as their day is not known. */
const pointsOf = (data) => (data === null ? [] : Object.entries(data.rows).map(([key, row]) => ({ key, ...row, ...spanOf(row) })).filter((p) => p.at !== undefined).sort((a, b) => a.at - b.at));
/** Points with what the other state of knowledge says of them, as `other`: null where it knows nothing. What only it knows is `gone`. */
function beside(points, part, bucket) {
  if (!part?.rows.size) return points;
  const there = new Set(points.map((p) => p.key));
  const gone = [...part.rows].filter(([key, { other }]) => other !== null && key !== "" && !there.has(key)).map(([key, { other }]) => ({ key, gone: true, other, ...spanOf({ [bucket]: key }) }));
  return [...points.map((p) => (part.rows.has(p.key) ? { ...p, other: part.rows.get(p.key).other } : p)), ...gone].sort((a, b) => a.at - b.at);
}
/** What is drawn of a point, and of the other state of knowledge where that says otherwise; nothing of it is nought if it counts. */
const here = (of) => (p) => (p.gone ? null : of(p));
const there = (of, nothing = null) => ({
  kind: "dots", class: "dot then", of: (p) => {
    if (p.other === undefined) return null;
    const [now, then] = [p.gone ? nothing : of(p), p.other === null ? nothing : of(p.other)];
    return now === then ? null : then;
  },
});
/** How many are in no bar, and how many were killed in these. */
const undated = (data, bucket) => (data === null ? [] : Object.values(data.rows)).filter((row) => !row[bucket]).reduce(([n, killed], row) => [n + row.incidents, killed + (row.killed.best ?? 0)], [0, 0]);

export function Series({ difference = null }) {
  const s = useStore();
  const bucket = bucketOf(s);
  const asked = { ...moment(s), ...period(s), group_by: bucket };
  const where = s.place === null ? {} : { place: s.place };
  const cities = useRead("projections/city_incidents", { ...asked, ...where, kind: kindsOf(s) });
  const strikes = useRead("projections/strike_profile", { ...asked, ...where });
  const index = useRead("projections/escalation_index", { ...asked, ...where });
  const [points, fired, steps] = [[cities, "days"], [strikes, "strikes"], [index, "index"]].map(([{ data }, part]) => beside(pointsOf(data), difference?.[part], bucket));
  const ends = [...points, ...fired, ...steps];
  const last = numberOf(s.to ?? today());
  const first = s.from === null ? Math.min(last - 27, ...ends.map((p) => p.at)) : numberOf(s.from);
  const shared = { first, last };
  const [none, lost] = undated(cities.data, bucket);
  const windows = (n) => (n ? ` (${t("series.windows", { n: number(n) })})` : "");
  const when = (p) => (p.at === p.to ? day(p.at) : `${day(p.at, { year: false })} – ${day(p.to)}`);
  const range = (of) => { const { best, range: r } = figure(of); return `${best === null ? t("unknown") : number(best)}${r ? ` (${r})` : ""}`; };
  const launched = (p) => p.launched.best ?? p.launched_nationwide;
  return html`<section class="series" aria-labelledby="series-title">
    <div class="bar"><h2 id="series-title">${t("series.title")}</h2>${s.place !== null ? html`<span class="tag">${placeName({ place: s.place })}</span>` : ""}<span class="small">${t(`series.by.${bucket}`)}${none ? ` · ${t("series.undated", { n: none, killed: number(lost) })}` : ""}</span></div>
    <div class="charts">
      <${One} name="incidents" data=${cities} points=${points} ...${shared} table="projections/city_incidents" params=${{ group_by: bucket, ...where }}
        layers=${[{ kind: "bars", class: "bar-fill", of: here((p) => p.incidents) }, there((p) => p.incidents, 0)]} read=${(p) => `${when(p)}: ${t("count.incidents", { n: p.incidents })}${windows(p.windows.incidents)}`} />
      <${One} name="killed" data=${cities} points=${points} ...${shared} table="projections/city_incidents" params=${{ group_by: bucket, ...where }}
        layers=${[{ kind: "band", class: "band-fill", of: here((p) => [p.killed.low, p.killed.high]) }, { kind: "dots", class: "dot", of: here((p) => p.killed.best) }, there((p) => p.killed.best)]}
        read=${(p) => `${when(p)}: ${t("figure.killed")} ${range(p.killed)}${windows(p.windows.killed)} · ${t("figure.injured")} ${range(p.injured)}`} />
      <${One} name="launched" data=${strikes} points=${fired} ...${shared} table="projections/strike_profile" params=${{ group_by: bucket, ...where }} usable=${(p) => launched(p.gone ? p.other : p) !== null}
        layers=${[{ kind: "bars", class: "bar-light", of: here(launched) }, { kind: "bars", class: "bar-fill cool", of: here((p) => p.intercepted.best) }, there(launched), there((p) => p.intercepted.best)]}
        read=${(p) => `${when(p)}: ${t("series.fired", { launched: p.launched.best === null ? (p.launched_nationwide === null ? t("unknown") : number(p.launched_nationwide)) : range(p.launched), intercepted: range(p.intercepted) })}${p.intercepted_share === null ? "" : ` (${share(p.intercepted_share)})`}`} />
      <${One} name="index" data=${index} points=${steps} ...${shared} table="projections/escalation_index" params=${{ group_by: bucket, ...where }}
        layers=${[{ kind: "bars", class: "bar-index", of: here((p) => p.index) }, ...(bucket === "day" ? [{ kind: "line", class: "line", of: here((p) => p.mean_7_days) }] : []), there((p) => p.index, 0)]}
        read=${(p) => `${when(p)}: ${number(p.index, 1)} · ${t("count.events", { n: p.events })}`} />
    </div></section>`;
}

function One({ name, data, points, layers, first, last, read, table, params, usable = () => true }) {
  const box = useRef();
  const seen = points.filter(usable);
  return html`<div class="one card" ref=${box} data-stale=${data.stale} data-series=${name}>
    <div class="bar"><h3>${t(`series.${name}`)}</h3><${Keep} name=${name} drawing=${() => box.current.querySelector(".chart svg")} table=${table} params=${params} /></div>
    <p class="small sub">${t(`series.${name}.is`)}${points.some((p) => p.other !== undefined) ? ` · ${t("compare.hollow")}` : ""}</p>
    ${data.fault ? html`<p class="note bad">${data.fault.message}</p>` : data.data !== null && seen.length === 0 ? html`<p class="none">${t("nothing.period")}</p>` : html`<${Chart} points=${seen} layers=${layers} first=${first} last=${last} label=${t(`series.${name}`)} read=${(p) => (p.gone ? t("compare.gone") : p.other === undefined ? read(p) : `${read(p)} · ${p.other === null ? t("compare.unknown_then") : t("compare.then", { what: read({ ...p, ...p.other }) })}`)} />`}</div>`;
}
