// How each kind of incident looks: a colour (Okabe and Ito's, which colour-blind people tell apart) and a shape.
import { html } from "./html.js";

export const KINDS = ["strike", "shelling", "clash", "sabotage", "mine", "maritime", "cyber", "environment", "other", "alert"];
/** What is shown unless somebody chooses: alerts are warnings, and outnumber everything that happened. */
export const USUAL = KINDS.filter((kind) => kind !== "alert");

const corner = (points) => (r) => `M${points.map(([x, y]) => `${(x * r).toFixed(2)},${(y * r).toFixed(2)}`).join("L")}Z`;
const turn = (n, from = -90, inner = 1) => Array.from({ length: inner === 1 ? n : 2 * n }, (_, i) => {
  const angle = ((from + (i * 360) / (inner === 1 ? n : 2 * n)) * Math.PI) / 180;
  const r = inner === 1 || i % 2 === 0 ? 1.12 : inner;
  return [Math.cos(angle) * r, Math.sin(angle) * r];
});
const SHAPES = {
  strike: (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`,
  shelling: corner([[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]]),
  clash: corner(turn(3)),
  sabotage: corner(turn(4)),
  mine: corner([[-.35, -1], [.35, -1], [.35, -.35], [1, -.35], [1, .35], [.35, .35], [.35, 1], [-.35, 1], [-.35, .35], [-1, .35], [-1, -.35], [-.35, -.35]]),
  maritime: corner(turn(3, 90)),
  cyber: corner(turn(5, -90, .5)),
  environment: corner(turn(6)),
  other: corner(turn(5)),
  alert: (r) => `${SHAPES.strike(r)}M${-r * .55},0a${r * .55},${r * .55} 0 1,1 ${r * 1.1},0a${r * .55},${r * .55} 0 1,1 ${-r * 1.1},0Z`,
};

/** The outline of a kind, of radius `r` around nothing. */
export const shape = (kind, r) => (SHAPES[kind] ?? SHAPES.other)(r);

export function Symbol({ kind, size = 14 }) {
  return html`<svg class="symbol" width=${size} height=${size} viewBox="-7 -7 14 14" aria-hidden="true">
    <path class=${`k-${kind}`} fill-rule="evenodd" d=${shape(kind, 5)} /></svg>`;
}
