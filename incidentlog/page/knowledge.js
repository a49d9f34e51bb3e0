// The second of the two times: which state of knowledge answers. What was known on a day, or reported by it, stays so.
import { html, useEffect, useState } from "./html.js";
import { address, read } from "./reads.js";
import { change, current, isPinned, today, useStore } from "./state.js";
import { dateOf, numberOf } from "./days.js";
import { inTurn, isDue } from "./sight.js";
import { ceasefires } from "./headline.js";
import { placesAsked } from "./places.js";
import { day, instant, number, t } from "./words.js";
import { Play } from "./play.js";

/** Ask for what will be looked at first if this is the next day. */
function expect(at, last) {
  if (at >= last) return;
  const then = { ...current(), known: dateOf(at) };
  for (const [path, params] of [ceasefires(then), ...placesAsked(then)]) if (path !== null) read(address(path, params)).catch(() => {});
}

export function Knowledge({ first, last, generation }) {
  const s = useStore();
  const now = numberOf(today());
  const [held, hold] = useState(null); // where the slider is held, until that day's turn comes
  const value = held ?? (s.known === null ? now : numberOf(s.known));
  const then = s.known !== null || isPinned(s);
  const erased = s.gen !== null && generation !== undefined && String(generation) !== s.gen;
  const set = (at, quiet) => change({ known: at >= now ? null : dateOf(at) }, { quiet });
  useEffect(() => { if (!isDue()) hold(null); }, [s]);
  const slide = (at) => {
    hold(at);
    inTurn(() => set(at, true), () => expect(2 * at - value, now));
  };
  return html`<section class=${then ? "axis knowledge then" : "axis knowledge"} aria-labelledby="known-title">
    <div class="bar"><h2 id="known-title">${t("known.title")}</h2>
      <label><span class="unseen">${t("known.day")}</span><input type="date" id="known-day" value=${dateOf(value)} max=${today()} onChange=${(e) => e.target.value && set(numberOf(e.target.value))} /></label>
      <button type="button" class="chip" aria-pressed=${!then} onClick=${() => change({ known: null })}>${t("known.now")}</button>
      <select aria-label=${t("known.basis")} value=${s.basis} onChange=${(e) => change({ basis: e.target.value })}>
        <option value="recorded">${t("known.recorded")}</option><option value="reported">${t("known.reported")}</option></select>
      <${Play} axis="known" first=${first} last=${last} /></div>
    <input class="rail" type="range" min=${first} max=${now} value=${value} aria-label=${t("known.title")} aria-valuetext=${s.known === null ? t("known.now") : day(s.known)}
      onInput=${(e) => slide(+e.target.value)} />
    <p class="small">${isPinned(s)
      ? html`<span class="tag then">${t("known.pinned")}</span> ${t("known.pinned_at", { position: number(+s.pos), at: s.at ? instant(s.at) : "" })} <button type="button" class="plain" onClick=${() => change({ pos: null, at: null, gen: null, known: s.known })}>${t("known.unpin")}</button>`
      : s.known === null ? t(`known.explain.${s.basis}.now`) : t(`known.explain.${s.basis}`, { day: day(s.known) })}
      ${" "}${!isPinned(s) && html`<${Compare} />`}</p>
    ${erased && html`<p class="note" role="alert">${t("known.erased")}</p>`}
  </section>`;
}

/** The other state of knowledge that this one is compared with. */
function Compare() {
  const s = useStore();
  if (s.vs === null) {
    const begin = () => change({ vs: dateOf(numberOf(s.known ?? today()) - 7) });
    return html`<button type="button" class="plain" onClick=${begin}>${t("compare.begin")}</button>`;
  }
  return html`<label class="compare">${t("compare.with")} <input type="date" id="compare-day" value=${s.vs} max=${today()} onChange=${(e) => e.target.value && change({ vs: e.target.value })} /></label>
    <button type="button" class="plain" onClick=${() => change({ vs: null })}>${t("compare.end")}</button>`;
}
