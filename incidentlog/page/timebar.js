// The first of the two times: which part of the world's time is shown. A brush over how much happened in each week.
import { html, useMemo, useRef, useState } from "./html.js";
import { useRead } from "./reads.js";
import { change, moment, today, useStore } from "./state.js";
import { dateOf, numberOf, plus, ticks, weekStart } from "./days.js";
import { day, t, tick } from "./words.js";
import { Play } from "./play.js";
import { useWide } from "./sight.js";

const TALL = 46;
const PRESETS = [7, 30, 90, 365];

/** Events by week, over all that is known: [[first day of the week, events]]; null while they are read. */
export function useWeeks() {
  const { data } = useRead(TIMELINE, question(useStore()), { rests: true });
  return useMemo(() => (data === null ? null : weeksOf(data)), [data]);
}

/** What the bar asks for. */
export const timeline = (s) => [TIMELINE, question(s)];

const TIMELINE = "projections/daily_timeline";
const question = (s) => { const { at, ...known } = moment(s); return { ...known, group_by: "week" }; };
export const weeksOf = (data) => Object.values(data.rows).filter((row) => row.week).map((row) => [weekStart(row.week), row.events]).sort((a, b) => a[0] - b[0]);

/** The days over which the bar reaches: from the first week of which anything is known, up to today. */
export function reach(weeks) {
  const last = numberOf(today());
  return weeks === null || weeks.length === 0 ? [last - 365, last] : [Math.min(weeks[0][0], last - 28), Math.max(last, weeks.at(-1)[0] + 6)];
}

export function TimeBar({ weeks }) {
  const s = useStore();
  const box = useRef();
  const wide = useWide(box, { least: 200, first: 800, paper: 700 });
  const [drag, take] = useState(null); // {from, to} in days, while it is drawn
  const [first, last] = reach(weeks);
  const x = (at) => ((at - first) / (last + 1 - first)) * wide;
  const at = (px) => Math.max(first, Math.min(last, Math.floor(first + (px / wide) * (last + 1 - first))));
  const from = drag?.from ?? (s.from === null ? first : Math.max(first, numberOf(s.from)));
  const to = drag?.to ?? (s.to === null ? last : Math.min(last, numberOf(s.to)));
  const most = Math.sqrt(Math.max(1, ...(weeks ?? []).map(([, n]) => n)));
  const settle = (a, b) => change({ from: a <= first ? null : dateOf(a), to: b >= last ? null : dateOf(b) });

  const begin = (event) => {
    event.preventDefault();
    const { left } = box.current.getBoundingClientRect();
    const place = (e) => at(e.clientX - left);
    const held = event.target.dataset.handle ?? (place(event) >= from && place(event) <= to && (from > first || to < last) ? "both" : "new");
    const start = place(event);
    let latest = { from, to };
    const move = (e) => {
      const now = place(e);
      if (held === "from") latest = { from: Math.min(now, to), to };
      else if (held === "to") latest = { from, to: Math.max(now, from) };
      else if (held === "new") latest = { from: Math.min(start, now), to: Math.max(start, now) };
      else { const by = Math.max(first - from, Math.min(last - to, now - start)); latest = { from: from + by, to: to + by }; }
      take(latest);
    };
    const up = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", up);
      take(null);
      if (latest.from !== from || latest.to !== to) settle(latest.from, latest.to);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
  };
  const keys = (which) => (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30 }[event.key];
    if (step === undefined && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    const value = which === "from" ? from : to;
    const next = event.key === "Home" ? first : event.key === "End" ? last : Math.max(first, Math.min(last, value + step));
    if (which === "from") settle(Math.min(next, to), to);
    else settle(from, Math.max(next, from));
  };
  const handle = (which, value) => html`<rect class="handle" data-handle=${which} x=${(which === "from" ? x(value) : x(value + 1)) - 5} y="-2" width="10" height=${TALL + 4} rx="3" tabindex="0"
    role="slider" aria-label=${t(`time.${which}`)} aria-valuemin=${first} aria-valuemax=${last} aria-valuenow=${value} aria-valuetext=${day(value)} onKeyDown=${keys(which)} />`;

  const back = (days) => change({ from: plus(today(), 1 - days), to: null });
  return html`<section class="axis world" aria-labelledby="world-title">
    <div class="bar"><h2 id="world-title">${t("time.title")}</h2>
      <span class="dates"><label><span class="unseen">${t("time.from")}</span><input type="date" value=${dateOf(from)} max=${dateOf(to)} onChange=${(e) => e.target.value && change({ from: e.target.value })} /></label>
      <span aria-hidden="true">–</span>
      <label><span class="unseen">${t("time.to")}</span><input type="date" value=${dateOf(to)} min=${dateOf(from)} onChange=${(e) => e.target.value && change({ to: e.target.value >= today() ? null : e.target.value })} /></label></span>
      <span class="presets">${PRESETS.map((days) => html`<button type="button" class="chip" aria-pressed=${s.to === null && s.from === plus(today(), 1 - days)} onClick=${() => back(days)}>${t("time.days", { n: days })}</button>`)}
      <button type="button" class="chip" aria-pressed=${s.from === null && s.to === null} onClick=${() => change({ from: null, to: null })}>${t("time.all")}</button></span>
      <${Play} axis="world" first=${first} last=${last} /></div>
    <div class="brush" ref=${box}>
      <svg width=${wide} height=${TALL + 18} viewBox=${`0 -1 ${wide} ${TALL + 18}`} onPointerDown=${begin} role="group" aria-label=${t("time.title")}>
        <rect class="rail" width=${wide} height=${TALL} rx="4" />
        ${(weeks ?? []).map(([start, n]) => { const h = n === 0 ? 0 : Math.max(2, (Math.sqrt(n) / most) * (TALL - 6)); const on = start + 6 >= from && start <= to;
          return html`<rect class=${on ? "week on" : "week"} x=${x(start).toFixed(1)} width=${Math.max(1.2, x(start + 7) - x(start) - 0.6).toFixed(1)} y=${(TALL - h).toFixed(1)} height=${h.toFixed(1)} />`; })}
        <rect class="span" x=${x(from)} width=${Math.max(2, x(to + 1) - x(from))} height=${TALL} />
        ${handle("from", from)}${handle("to", to)}
        ${ticks(first, last, wide / 90).filter((each) => x(each.at) < wide - 30).map((each) => html`<text class="tick" x=${x(each.at) + 2} y=${TALL + 14}>${tick(each)}</text>`)}
      </svg>
    </div></section>`;
}
