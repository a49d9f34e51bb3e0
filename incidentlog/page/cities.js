// The table of places: figures as low, best and high, and how they changed against the period before.
import { html, useEffect, useState } from "./html.js";
import { address, read } from "./reads.js";
import { change, useStore } from "./state.js";
import { FIGURES, placesQuestion, usePlace } from "./places.js";
import { moved } from "./live.js";
import { figure, number, signed, t } from "./words.js";
import { placeName } from "./names.js";
import { Keep } from "./keep.js";

const SHOWN = 12;

export function Cities({ rows: read, rest, compared, stale, fault, changed = null }) {
  const s = useStore();
  const [all, showAll] = useState(false);
  const [sort, order] = useState(null); // a column, or null: as the map
  const by = sort ?? s.figure;
  const among = read?.find((row) => row.place !== null && row.place === s.place);
  const alone = usePlace(read !== null && s.place !== null && !among && rest !== null);
  const chosen = among ?? alone.row;
  const rows = read === null ? null : [...read].sort(sorting(by));
  const shown = rows === null ? [] : all ? rows : rows.slice(0, SHOWN);
  if (chosen && !shown.includes(chosen)) shown.unshift(chosen);
  const head = (name) => html`<th class=${name === "name" ? "" : "num"} scope="col" aria-sort=${by === name ? (name === "name" ? "ascending" : "descending") : "none"}><button type="button" class="plain sort" onClick=${() => { order(name); if (name in FIGURES) change({ figure: name }); }}>${t(`figure.${name}`)}</button></th>`;
  return html`<section class="cities card" aria-labelledby="cities-title" data-stale=${stale}>
    <div class="bar"><h2 id="cities-title">${t("cities.title")}</h2><${Keep} name="cities" table="projections/city_incidents" params=${placesQuestion(s)} /></div>
    <${Search} chosen=${chosen} />
    ${s.place !== null && read !== null && !chosen && !alone.waiting ? html`<p class="note none" role="status">${t("cities.no_report")} <button type="button" class="plain" onClick=${() => change({ place: null })}>${t("cities.unchoose")}</button></p>` : ""}
    ${fault ? html`<p class="note bad">${fault.message}</p>` : rows === null ? html`<p class="soft">${t("waiting")}</p>` : rows.length === 0 ? html`<p class="none" role="status">${t("nothing.period")}</p>` : html`<div class="scroll"><table>
      <caption class="unseen">${t("cities.title")}</caption>
      <thead><tr>${head("name")}${head("incidents")}${head("killed")}${head("injured")}</tr></thead>
      <tbody>${shown.map((row) => html`<${Row} key=${row.key} row=${row} compared=${compared} chosen=${row === chosen} changed=${changed?.get(row.key)} />`)}</tbody></table></div>
      ${rest && all ? html`<p class="small rest">${t("cities.rest", { n: rest.rows, incidents: t("count.incidents", { n: rest.incidents }) })}</p>` : ""}
      <p class="pager">${rows.length > SHOWN && html`<button type="button" onClick=${() => showAll(!all)}>${all ? t("cities.fewer") : t(rest ? "cities.largest" : "cities.all", { n: rows.length })}</button>`}
      ${compared && html`<span>${t("cities.compared")}</span>`}</p>`}
  </section>`;
}

const value = (row, name) => (name === "incidents" ? row.incidents : row[name]?.best ?? null);
const sorting = (name) => (a, b) => (name === "name" ? placeName(a).localeCompare(placeName(b)) : (value(b, name) ?? -1) - (value(a, name) ?? -1) || b.incidents - a.incidents);

function Row({ row, compared, chosen, changed }) {
  const choose = () => row.place && change({ place: chosen ? null : row.place });
  return html`<tr class=${`${chosen ? "chosen" : ""}${moved.has(row.place) ? " moved" : ""}${changed ? " differs" : ""}`} data-place=${row.place}>
    <th scope="row">${row.place ? html`<button type="button" class="plain name" aria-pressed=${chosen} onClick=${choose}>${placeName(row)}</button>` : html`<span>${placeName(row)} <span class="soft">${row.admin1 ? t("map.region") : row.country ? t("map.country") : t("map.area")}</span></span>`}
      ${row.restated ? html`<span class="restated" title=${t("restated")}>⟲<span class="unseen"> ${t("restated")}</span></span>` : ""}</th>
    ${["incidents", "killed", "injured"].map((name) => html`<td class="num" key=${name}><${Figure} of=${row[name]} change=${compared ? changeOf(row, name) : null} was=${changed?.other?.[name]} /></td>`)}
  </tr>`;
}

const changeOf = (row, name) => (name === "incidents" ? row.change?.incidents?.absolute : row.change?.[name]?.best?.absolute) ?? null;

/** A figure: its best, its range below, and its change against the period before. What is unknown is said to be so. */
export function Figure({ of, change: by = null, was = undefined }) {
  const { best, range } = figure(of);
  const then = was === undefined ? null : figure(was);
  return html`${then && (then.best !== best || then.range !== range) ? html`<del>${then.best === null ? t("unknown") : number(then.best)}</del> ` : ""}
    ${best === null ? html`<span class="unknown">${t("unknown")}</span>` : html`<b>${number(best)}</b>`}${by ? html` <span class="change">${signed(by)}</span>` : ""}${range ? html`<br /><span class="range">${range}</span>` : ""}`;
}

/** A place by its name, with suggestions of the gazetteer. */
function Search({ chosen }) {
  const s = useStore();
  const [text, type] = useState("");
  const [found, find] = useState([]);
  const [at, point] = useState(-1);
  useEffect(() => {
    if (text.trim().length < 2) { find([]); return undefined; }
    const given = new AbortController();
    const waiting = setTimeout(() => read(address("places", { q: text.trim(), limit: 7 }), given.signal).then(({ suggestions }) => { find(suggestions); point(-1); }, () => {}), 120);
    return () => { clearTimeout(waiting); given.abort(); };
  }, [text]);
  const choose = (place) => { change({ place: place.place_id }); type(""); };
  const keys = (e) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); point((at + (e.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length)); }
    else if (e.key === "Enter" && found.length) { e.preventDefault(); choose(found[Math.max(0, at)]); }
    else if (e.key === "Escape") type("");
  };
  return html`<div class="search"><input type="search" role="combobox" aria-expanded=${found.length > 0} aria-controls="found" aria-autocomplete="list" aria-activedescendant=${at >= 0 ? `found-${at}` : null}
    aria-label=${t("cities.search")} placeholder=${t("cities.search")} value=${text} onInput=${(e) => type(e.target.value)} onKeyDown=${keys} />
    <ul id="found" role="listbox" aria-label=${t("cities.search")} hidden=${found.length === 0}>${found.map((place, i) => html`<li key=${place.place_id} id=${`found-${i}`} role="option" aria-selected=${i === at} onMouseDown=${(e) => { e.preventDefault(); choose(place); }}>
      ${placeName({ place: place.place_id, name: place.name })} <span class="soft">${[placeName({ admin1: place.admin1, name: place.admin1 }), place.country].filter(Boolean).join(", ")}</span></li>`)}</ul>
    ${s.place !== null && html`<p class="picked"><span class="tag">${placeName(chosen ?? { place: s.place })}</span> <a href="#series-title">${t("cities.chosen")}</a> <button type="button" class="plain" onClick=${() => change({ place: null })}>${t("cities.unchoose")}</button></p>`}</div>`;
}
