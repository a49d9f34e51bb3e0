// Runs through either of the two times, a step for each day, or for more where the way is long.
import { html, useEffect, useState } from "./html.js";
import { change, current, today, useStore } from "./state.js";
import { dateOf, numberOf } from "./days.js";
import { inTurn } from "./sight.js";
import { t } from "./words.js";

const STEP_MS = 500;
const STEPS = 120; // for the whole way, at most

let playing = null;

export function Play({ axis, first, last }) {
  useStore();
  const [on, turn] = useState(false);
  useEffect(() => {
    if (!on) return undefined;
    playing?.();
    playing = () => turn(false);
    const s = current();
    const end = axis === "world" ? last : numberOf(today());
    const from = axis === "world" ? numberOf(s.from ?? dateOf(first)) : Math.max(first, numberOf(s.from ?? dateOf(first)));
    const step = Math.max(1, Math.ceil((end - from) / STEPS));
    let at = axis === "world" ? from : s.known === null ? from : numberOf(s.known);
    const move = () => {
      at += step;
      if (at >= end) turn(false);
      const day = at >= end ? null : dateOf(at);
      inTurn(() => change(axis === "world" ? { to: day } : { known: day }, { quiet: true }));
    };
    move();
    const ticking = setInterval(move, STEP_MS);
    return () => clearInterval(ticking);
  }, [on]);
  return html`<button type="button" class="play" aria-pressed=${on} aria-label=${t(on ? "play.stop" : `play.${axis}`)} title=${t(on ? "play.stop" : `play.${axis}`)} onClick=${() => turn(!on)}>${on ? "❚❚" : "▶"}</button>`;
}
