// The talks, on one line of time: ceasefires and agreements as bars, rounds and exchanges as marks, commitments below.
import { html, useMemo, useRef, useState } from "./html.js";
import { useRead } from "./reads.js";
import { change, log, moment, period, today, useStore } from "./state.js";
import { dayIn, numberOf, ticks } from "./days.js";
import { State, titleOf, useCeasefires, useTalks } from "./headline.js";
import { actor, day, dayOf, lang, number, share, t, tick } from "./words.js";
import { Keep } from "./keep.js";
import { useWide } from "./sight.js";

const ROW = 26;
const ABOVE = 22;
const PROMISES = 8; // commitments that are listed

const dayNumber = (text) => (text ? numberOf(text.length > 10 ? dayIn(text, log.zone) : text) : null);

/** The lanes: [{name, items: [{stream, from, to, text, label, class}]}], with the rounds from the day `since` up to `until`. */
function lanes(ceasefires, ledger, exchanges, since, until) {
  const shown = ({ occurred: { start } }) => { const at = numberOf(start); return at >= since - 1 && at <= until + 1; }; // a day to spare for its zone
  const found = [];
  for (const kind of ["ceasefire", "agreement"]) {
    const items = Object.entries(ceasefires?.rows ?? {}).filter(([key, row]) => !key.startsWith("headline") && row.kind === kind && row.is_current).map(([stream, row]) => {
      const from = dayNumber(row.terms?.effective_from ?? row.since);
      const ended = ["expired", "terminated", "collapsed", "superseded", "never_entered", "ended_unclear"].includes(row.state);
      const to = ended ? dayNumber(row.since) : row.state === "in_force" ? until : from;
      return { stream, from, to: to === null ? from : Math.max(from, to), text: titleOf(stream), class: `s-${row.state}`, label: t(`state.${row.state}`) };
    }).filter((item) => item.from !== null);
    if (items.length) found.push(...packed(t(`lane.${kind}`), items));
  }
  for (const [track, row] of Object.entries(ledger?.rows ?? {})) {
    const items = row.rounds.filter(shown).map((r) => ({ stream: r.stream, from: dayNumber(r.occurred.start), to: dayNumber(r.occurred.start), mark: String(r.number), text: r.place ?? titleOf(r.stream), class: "round", label: `${t("headline.round", { n: r.number, track: t(`track.${track}`) })}${r.outcome ? `: ${t(`outcome.${r.outcome}`)}` : ""}` }));
    if (items.length) found.push({ name: t(`track.${track}`), items });
  }
  const by = new Map();
  for (const row of Object.values(exchanges?.rows ?? {})) {
    if (!row.day || !(row.exchanges || row.transfers || row.withheld)) continue;
    const held = by.get(row.stream + row.day) ?? { stream: row.stream, from: numberOf(row.day), to: numberOf(row.day), sides: [], remains: null, withheld: false, class: "exchange" };
    if (row.released !== null) held.sides.push(`${actor(row.side)} ${number(row.released)}`);
    if (row.remains !== null) held.remains = (held.remains ?? 0) + row.remains;
    held.withheld ||= row.withheld > 0;
    by.set(row.stream + row.day, held);
  }
  const items = [...by.values()].map((e) => ({ ...e, text: titleOf(e.stream), class: e.sides.length ? "exchange" : e.remains !== null ? "remains" : "exchange unknown", label: [e.sides.length ? t("lane.released", { sides: e.sides.join(", ") }) : "", e.remains !== null ? t("lane.remains", { n: e.remains }) : "", e.withheld ? t("lane.withheld") : ""].filter(Boolean).join("; ") || t("unknown") }));
  if (items.length) found.push({ name: t("lane.exchange"), items });
  return found;
}

/** Bars that overlap go into rows of their own. */
function packed(name, items) {
  const rows = [];
  for (const item of items.sort((a, b) => a.from - b.from)) {
    const row = rows.find((r) => r.at(-1).to + 12 < item.from);
    if (row) row.push(item);
    else rows.push([item]);
  }
  return rows.map((row, i) => ({ name: i === 0 ? name : "", items: row }));
}

export function Talks() {
  const s = useStore();
  const box = useRef();
  const wide = useWide(box, { least: 280, first: 900, paper: 650 });
  const [over, hover] = useState(null);
  const ceasefires = useCeasefires(), ledger = useTalks();
  const exchanges = useRead("projections/exchange_tally", { ...moment(s), ...period(s), group_by: ["stream", "day", "side"] });
  const sums = useRead("projections/exchange_tally", { ...moment(s), group_by: "side" });
  const commitments = useRead("projections/commitments", moment(s), { all: true });
  const kept = useRead("projections/follow_through", { ...moment(s), group_by: "obligor" });
  const end = numberOf(s.to ?? today());
  // Of a long history there are thousands: they are made when what they show is another, and not whenever anything is.
  const since = s.from === null ? -Infinity : numberOf(s.from);
  const rows = useMemo(() => lanes(ceasefires.data, ledger.data, exchanges.data, since, end), [ceasefires.data, ledger.data, exchanges.data, since, end, lang()]);
  const first = s.from === null ? rows.reduce((least, { items }) => items.reduce((a, i) => Math.min(a, i.from), least), end - 60) - 10 : numberOf(s.from);
  const left = wide < 600 ? 8 : 150;
  const x = (at) => left + ((at - first) / Math.max(1, end + 1 - first)) * (wide - left - 12);
  const inside = rows.map(({ name, items }) => ({ name, items: items.filter((i) => i.to >= first && i.from <= end) })).filter(({ items }) => items.length);
  const narrow = wide < 600;
  const tall = ABOVE + inside.length * (narrow ? ROW + 14 : ROW) + 6;
  const drawing = useMemo(() => html`<svg width=${wide} height=${tall} viewBox=${`0 0 ${wide} ${tall}`} role="group" aria-label=${t("talks.title")}>
      ${ticks(first, end, wide / 110).map((each) => html`<line class="grid" x1=${x(each.at)} x2=${x(each.at)} y1=${ABOVE - 4} y2=${tall} /><text class="tick" x=${x(each.at) + 3} y="13">${x(each.at) < wide - 40 ? tick(each) : ""}</text>`)}
      ${inside.map(({ name, items }, i) => { const y = ABOVE + i * (narrow ? ROW + 14 : ROW) + ROW / 2 + (narrow ? 14 : 0); return html`<g key=${i}><line class="grid" x1=${left} x2=${wide - 12} y1=${y} y2=${y} /><text class="lane-name" x=${narrow ? 2 : 0} y=${narrow ? y - 15 : y + 4}>${name}</text>
        ${items.map((item) => html`<${Item} key=${item.stream + item.from} item=${item} x=${x} y=${y} first=${first} end=${end} open=${() => change({ story: item.stream })} hover=${hover} />`)}</g>`; })}
    </svg>`, [rows, wide, first, end]);
  return html`<section class="talks card" aria-labelledby="talks-title"><div class="bar"><h2 id="talks-title">${t("talks.title")}</h2><${Keep} name="talks" drawing=${() => box.current.querySelector("svg")} table="projections/exchange_tally" params=${{ group_by: ["stream", "day", "side"] }} /></div>
    <div class="lane" ref=${box}>${inside.length === 0 ? html`<p class="none">${t("nothing.period")}</p>` : drawing}<p class="reading small" aria-live="polite">${over ?? " "}</p></div>
    <div class="below"><${Exchanges} data=${sums.data} /><${Commitments} data=${commitments.data} kept=${kept.data} /></div></section>`;
}

function Item({ item, x, y, first, end, open, hover }) {
  const text = `${item.text} · ${item.from === item.to ? day(item.from) : `${day(item.from)} – ${day(item.to)}`} · ${item.label}`;
  const given = { class: `item ${item.class}`, tabindex: 0, role: "button", "aria-label": text, onClick: open, onKeyDown: (e) => (e.key === "Enter" || e.key === " ") && (e.preventDefault(), open()), onMouseEnter: () => hover(text), onMouseLeave: () => hover(null), onFocus: () => hover(text), onBlur: () => hover(null) };
  const from = x(Math.max(first, item.from)), to = x(Math.min(end, item.to) + 1);
  if (item.class === "round") return html`<g ...${given}><circle cx=${from} cy=${y} r="9" /><text class="in" x=${from} y=${y + 4} text-anchor="middle">${item.mark}</text></g>`;
  if (/exchange|remains/.test(item.class)) return html`<g ...${given}><path d=${`M${from},${y - 8}l8,8l-8,8l-8,-8Z`} /></g>`;
  const width = Math.max(9, to - from);
  const room = width > item.text.length * 6.6 + 12;
  return html`<g ...${given}><rect x=${from} y=${y - 9} width=${width} height="18" rx="4" />${room ? html`<text class="in" x=${from + 7} y=${y + 4}>${item.text}</text>` : ""}</g>`;
}

function Exchanges({ data }) {
  const rows = Object.values(data?.rows ?? {});
  if (rows.length === 0) return "";
  return html`<div><h3>${t("talks.exchanges")}</h3><div class="scroll" tabindex="0" role="region" aria-label=${t("talks.exchanges")}><table><thead><tr><th></th><th class="num">${t("talks.released")}</th><th class="num">${t("talks.civilians")}</th><th class="num">${t("talks.remains")}</th><th class="num">${t("talks.count")}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.side}><th scope="row">${actor(row.side)}</th><td class="num">${known(row.released)}</td><td class="num">${known(row.civilians)}</td><td class="num">${known(row.remains)}</td><td class="num">${number(row.exchanges)}${row.withheld ? html`<br /><span class="range">${t("talks.withheld", { n: row.withheld })}</span>` : ""}</td></tr>`)}</tbody></table></div></div>`;
}
const known = (n) => (n === null ? html`<span class="unknown">${t("unknown")}</span>` : number(n));

function Commitments({ data, kept }) {
  if (data === null) return "";
  const by = Object.values(kept?.rows ?? {}).filter((row) => row.denominator).sort((a, b) => b.denominator - a.denominator);
  const [fulfilled, decided] = ["fulfilled", "denominator"].map((name) => by.reduce((sum, row) => sum + row[name], 0));
  const all = Object.entries(data.rows).filter(([, row]) => row.is_current && row.state !== "none").sort(urgent);
  if (all.length === 0) return "";
  return html`<div><h3>${t("talks.commitments")} ${decided ? html`<span class="small">${t("talks.kept", { share: share(fulfilled / decided), n: decided })}</span>` : ""}</h3>
    ${by.length > 1 ? html`<p class="small">${by.map((row) => `${actor(row.obligor)}: ${t("talks.kept", { share: share(row.rate), n: row.denominator })}`).join(" · ")}</p>` : ""}
    <ul class="plain">${all.slice(0, PROMISES).map(([stream, row]) => html`<li key=${stream}><button type="button" class="plain story" onClick=${() => change({ story: stream })}>${row.text ?? titleOf(stream)}</button> <span class="soft">${actor(row.obligor)}</span> <${State} state=${row.overdue ? "overdue" : row.state} />
      ${row.due ? html` <span class="small">${t("talks.due", { day: dayOf(row.due) })}</span>` : ""}${row.progress?.target ? html` <span class="small num">${known(row.progress.value)} / ${number(row.progress.target)} ${row.progress.unit ?? ""}</span>` : ""}</li>`)}</ul>${all.length > PROMISES ? html`<p class="small">${t("compare.more", { n: all.length - PROMISES })}</p>` : ""}</div>`;
}

/** What is due next comes first; then what is overdue, the latest first; then what has no date; and then what is decided. */
function urgent([, a], [, b]) {
  const rank = (row) => (["made", "in_progress"].includes(row.state) ? (row.overdue ? 1 : row.due ? 0 : 2) : 3);
  const [one, two] = [rank(a), rank(b)];
  if (one !== two) return one - two;
  const [x, y] = one === 3 ? [b.closed ?? "", a.closed ?? ""] : one === 1 ? [b.due, a.due] : [a.due ?? a.made ?? "", b.due ?? b.made ?? ""];
  return x < y ? -1 : x > y ? 1 : 0;
}
