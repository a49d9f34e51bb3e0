// A small chart over days: bars, lines and bands on one axis of time, with the same day marked in all charts of the page.
import { html, useEffect, useRef, useState } from "./html.js";
import { ticks as nice } from "d3-array";
import { ticks } from "./days.js";
import { number, tick } from "./words.js";
import { useWide } from "./sight.js";

const TALL = 150;
const LEFT = 40;
const BELOW = 20;
const ABOVE = 8;

let marked = null;
const heard = new Set();
function mark(at) { if (at !== marked) { marked = at; for (const hear of heard) hear(at); } }
/** The day under the pointer, in whichever chart it is. */
export function useMarked() {
  const [at, hold] = useState(marked);
  useEffect(() => { heard.add(hold); return () => heard.delete(hold); }, []);
  return at;
}

/**
 * `points`: [{at, to, ...}] by day, in order; `layers`: [{kind: "bars" | "line" | "band", of: (point) => number | null | [low, high], class}].
 * A line has a gap where a figure is unknown.
 */
export function Chart({ points, layers, first, last, label, read }) {
  const box = useRef();
  const wide = useWide(box, { least: 220, first: 480, paper: 310 });
  const at = useMarked();
  const values = layers.flatMap(({ of }) => points.flatMap((p) => of(p) ?? [])).filter((v) => v !== null && v !== undefined);
  const top = Math.max(0, ...values), bottom = Math.min(0, ...values);
  const whole = values.every(Number.isInteger); // there is no half of an incident
  const steps = nice(bottom, top === bottom ? bottom + 1 : top, 4).filter((v) => !whole || Number.isInteger(v));
  const step = steps.length > 1 ? steps[1] - steps[0] : 1;
  const [low, high] = [Math.floor(bottom / step) * step, Math.ceil((top === bottom ? bottom + 1 : top) / step) * step];
  const x = (day) => LEFT + ((day - first) / Math.max(1, last + 1 - first)) * (wide - LEFT - 6);
  const y = (value) => ABOVE + (1 - (value - low) / (high - low)) * (TALL - ABOVE - BELOW);
  const middle = (p) => x((p.at + p.to + 1) / 2);
  const near = at === null ? null : points.find((p) => at >= p.at && at <= p.to);
  const pointed = (e) => { const { left } = box.current.getBoundingClientRect(); mark(Math.floor(first + ((e.clientX - left - LEFT) / (wide - LEFT - 6)) * (last + 1 - first))); };
  const keys = (e) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!by || points.length === 0) return;
    e.preventDefault();
    const now = points.indexOf(near);
    mark(points[now < 0 ? (by > 0 ? 0 : points.length - 1) : Math.max(0, Math.min(points.length - 1, now + by))].at);
  };
  return html`<div class="chart" ref=${box} tabindex="0" role="group" aria-label=${label} onKeyDown=${keys} onPointerMove=${pointed} onPointerLeave=${() => mark(null)} onBlur=${() => mark(null)}>
    <svg width=${wide} height=${TALL} viewBox=${`0 0 ${wide} ${TALL}`} aria-hidden="true">
      ${steps.filter((v) => v >= low && v <= high).map((v) => html`<line class=${v === 0 ? "zero" : "grid"} x1=${LEFT} x2=${wide - 6} y1=${y(v)} y2=${y(v)} /><text class="tick" x=${LEFT - 6} y=${y(v) + 4} text-anchor="end">${number(v, 1)}</text>`)}
      ${ticks(first, last, wide / 110).map((each) => html`<text class="tick" x=${x(each.at)} y=${TALL - 5}>${x(each.at) < wide - 40 ? tick(each) : ""}</text>`)}
      ${layers.map((layer) => html`<${Layer} ...${layer} points=${points} x=${x} y=${y} middle=${middle} />`)}
      ${near && html`<line class="mark" x1=${middle(near)} x2=${middle(near)} y1=${ABOVE} y2=${TALL - BELOW} />`}
    </svg>
    <p class="reading small" aria-live="polite">${near ? read(near) : " "}</p></div>`;
}

function Layer({ kind, of, class: name, points, x, y, middle }) {
  if (kind === "bars") return points.map((p) => { const v = of(p); return v ? html`<rect class=${name} x=${x(p.at) + 0.5} width=${Math.max(1, x(p.to + 1) - x(p.at) - 1)} y=${Math.min(y(v), y(0))} height=${Math.max(1, Math.abs(y(0) - y(v)))} />` : ""; });
  if (kind === "band") return points.map((p) => { const v = of(p); return v && v[0] !== null && v[1] !== null && v[0] !== v[1] ? html`<rect class=${name} x=${middle(p) - Math.max(1.5, (x(p.to + 1) - x(p.at)) / 2 - 0.5)} width=${Math.max(3, x(p.to + 1) - x(p.at) - 1)} y=${y(v[1])} height=${Math.max(1, y(v[0]) - y(v[1]))} />` : ""; });
  if (kind === "dots") return points.map((p) => { const v = of(p); return v === null || v === undefined ? "" : html`<circle class=${name} cx=${middle(p)} cy=${y(v)} r="2.6" />`; });
  let d = "", on = false;
  for (const p of points) { const v = of(p); if (v === null || v === undefined) on = false; else { d += `${on ? "L" : "M"}${middle(p).toFixed(1)},${y(v).toFixed(1)}`; on = true; } }
  return html`<path class=${name} d=${d} />`;
}
