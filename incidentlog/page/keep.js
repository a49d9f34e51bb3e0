// What is taken along: the rows as CSV or GeoJSON, and a drawing as SVG or PNG, each with its source and basis.
import { html, useEffect, useRef, useState } from "./html.js";
import { address } from "./reads.js";
import { log, moment, period, useStore } from "./state.js";
import { kindsOf } from "./places.js";
import { day, instant, t } from "./words.js";


export function Keep({ name, drawing = null, table = null, params = {}, geo = false }) {
  const s = useStore();
  const [open, turn] = useState(false);
  const box = useRef();
  useEffect(() => {
    if (!open) return undefined;
    const away = (e) => { if (e.type === "keydown" ? e.key === "Escape" : !box.current.contains(e.target)) turn(false); };
    addEventListener("pointerdown", away);
    addEventListener("keydown", away);
    return () => { removeEventListener("pointerdown", away); removeEventListener("keydown", away); };
  }, [open]);
  const rows = (format) => { const { compare, top, order_by: order, ...plain } = { ...moment(s), ...period(s), kind: table === "projections/city_incidents" ? kindsOf(s) : null, ...params }; return String(address(table, { ...plain, format })); };
  const draw = (kind) => async () => { turn(false); await keepDrawing(drawing(), name, kind, s); };
  return html`<div class="keep" ref=${box}><button type="button" class="plain" aria-expanded=${open} aria-label=${t("keep.title", { name: t(`keep.${name}`) })} onClick=${() => turn(!open)}>⤓</button>
    ${open && html`<div class="menu">${table && html`<a href=${rows("csv")} download=${`${name}.csv`}>CSV</a>`}${table && geo && html`<a href=${rows("geojson")} download=${`${name}.geojson`}>GeoJSON</a>`}
      ${drawing && html`<button type="button" class="plain" onClick=${draw("svg")}>SVG</button><button type="button" class="plain" onClick=${draw("png")}>PNG</button>`}</div>`}</div>`;
}

/** The line beneath a drawing: where it is from, what it shows, and what was known. */
export function sourceLine(s, position = log.position) {
  const span = `${s.from === null ? "…" : day(s.from)} – ${s.to === null ? instant(new Date().toISOString()) : day(s.to)}`;
  const known = s.pos !== null ? t("keep.position", { n: s.pos }) : s.known === null ? t("keep.known", { day: instant(new Date().toISOString()) }) : t("keep.known", { day: day(s.known) });
  return `${t("keep.source")} · ${span} · ${known} · ${t(`known.${s.basis}`)}${s.pos === null && position ? ` · ${t("keep.position", { n: position })}` : ""}`;
}

const STYLED = ["fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linecap", "stroke-linejoin", "font-family", "font-size", "font-weight", "text-anchor", "letter-spacing", "opacity", "paint-order", "visibility", "display"];

/** A copy of a drawing that needs no stylesheet, with its source beneath. */
function whole(svg, s) {
  const copy = svg.cloneNode(true);
  const [from, to] = [[svg, ...svg.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    to[i].style.cssText = STYLED.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"); // the page's policy refuses an attribute
    for (const unwanted of ["class", "tabindex", "role"]) to[i].removeAttribute(unwanted);
  });
  // A base map is somebody else's, and is not handed on: what is kept has the plain land.
  copy.querySelector("[data-ground=tiles]")?.remove();
  for (const element of copy.querySelectorAll("[data-ground=plain], [data-ground=plain] *")) element.style.visibility = "visible";
  const [, , wide, tall] = (svg.getAttribute("viewBox") ?? `0 0 ${svg.clientWidth} ${svg.clientHeight}`).split(" ").map(Number);
  const line = 26;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("viewBox", `0 0 ${wide} ${tall + line}`);
  copy.setAttribute("width", wide);
  copy.setAttribute("height", tall + line);
  const page = getComputedStyle(document.body);
  const make = (name, given, text) => { const made = document.createElementNS("http://www.w3.org/2000/svg", name); for (const [k, v] of Object.entries(given)) made.setAttribute(k, v); if (text) made.textContent = text; return made; };
  copy.prepend(make("rect", { width: wide, height: tall + line, fill: getComputedStyle(document.documentElement).getPropertyValue("background-color") === "rgba(0, 0, 0, 0)" ? page.backgroundColor : page.backgroundColor }));
  copy.append(make("rect", { y: tall, width: wide, height: line, fill: page.backgroundColor }), make("text", { x: 8, y: tall + 17, "font-size": Math.min(12, wide / 75), "font-family": page.fontFamily, fill: page.color }, sourceLine(s)));
  return { text: new XMLSerializer().serializeToString(copy), wide, tall: tall + line };
}

async function keepDrawing(svg, name, kind, s) {
  const { text, wide, tall } = whole(svg, s);
  const drawn = new Blob([text], { type: "image/svg+xml" });
  if (kind === "svg") return hand(drawn, `${name}.svg`);
  const image = new Image();
  const url = URL.createObjectURL(drawn);
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: wide * 2, height: tall * 2 });
  canvas.getContext("2d").drawImage(image, 0, 0, wide * 2, tall * 2);
  URL.revokeObjectURL(url);
  return hand(await new Promise((done) => canvas.toBlob(done, "image/png")), `${name}.png`);
}

function hand(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

