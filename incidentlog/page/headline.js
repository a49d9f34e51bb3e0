// The headline: how the ceasefire stands and in whose view, the agreements, and the talks.
import { html, useEffect, useState } from "./html.js";
import { useRead } from "./reads.js";
import { change, isLive, log, moment, useStore } from "./state.js";
import { dayIn, numberOf } from "./days.js";
import { actor, day, dayOf, instant, number, t } from "./words.js";

const OPEN = new Set(["proposed", "agreed", "in_force", "suspended"]);
const SHORT = /\b(us|usa|un|eu|uk|uae|nato|osce|iaea|icrc)\b/gi; // as everybody writes them
const tone = (state) => ({ in_force: "good", suspended: "care", agreed: "care", proposed: "care", rejected: "bad", collapsed: "bad", terminated: "bad", violated: "bad" })[state] ?? "";

/** What the headline asks for. */
export const ceasefires = (s) => ["projections/ceasefire_status", moment(s)];
export const useCeasefires = () => useRead(...ceasefires(useStore()));
/** All rounds; not before `on`. */
export const useTalks = (on = true) => { const s = useStore(); return useRead(on ? "projections/talks_ledger" : null, moment(s), { all: true, rests: true }); };

/** What a stream is called: the end of its name, as words, or what it is about. */
export function titleOf(stream) {
  const [category, slug] = [stream.split(":")[0], stream.slice(stream.indexOf(":") + 1)];
  const text = /^[0-9a-f-]{36}$/.test(slug) ? "" : slug.replace(/^\d{4}-\d\d-\d\d(-|$)/, "").replaceAll("-", " "); // a day stands beside it anyway
  return text === "" ? t(`category.${category}`) : (text[0].toUpperCase() + text.slice(1)).replace(SHORT, (word) => word.toUpperCase());
}

/** `whole`: with the talks, which are asked for once what says where it happened has come. */
export function Headline({ whole }) {
  const { data, fault, stale } = useCeasefires();
  const talks = useTalks(whole);
  const s = useStore();
  if (fault) return html`<section class="headline"><p class="note bad">${fault.message}</p></section>`;
  if (data === null) return html`<section class="headline waiting" aria-busy="true"><h1>${t("waiting")}</h1></section>`;
  const { headline } = data.rows;
  const rows = Object.fromEntries(Object.entries(data.rows).filter(([key]) => !key.startsWith("headline"))); // each conflict has one too
  const at = data.basis.at;
  const agreements = Object.entries(rows).filter(([, row]) => row.kind === "agreement" && row.is_current && OPEN.has(row.state));
  const others = Object.entries(rows).filter(([stream, row]) => row.kind === "ceasefire" && row.is_current && OPEN.has(row.state) && stream !== headline?.stream);
  const stands = Boolean(headline?.stream); // with none known, the row names no stream
  return html`<section class="headline" aria-labelledby="headline" data-stale=${stale}>
    <div class="lead-story">
      <p class="kicker">${s.to === null ? t("headline.now") : t("headline.on", { day: day(s.to, { weekday: true }) })}</p>
      <h1 id="headline">${sentence(stands ? headline : null, rows)}</h1>
      ${stands && headline.state === "in_force" ? html`<${InForce} row=${headline} at=${at} />` : html`<${Since} row=${headline} rows=${rows} at=${at} />`}
    </div>
    <div class="facts">
      ${stands && html`<${Views} row=${headline} />`}
      ${stands && html`<${Compliance} row=${headline} />`}
      <div class="fact" data-stale=${talks.stale}><h3>${t("headline.talks")}</h3><${LastTalks} ledger=${talks.data} /></div>
      <div class="fact"><h3>${t("headline.also")}</h3>${others.length + agreements.length === 0 ? html`<p class="soft">${t("headline.nothing_else")}</p>` : html`<ul class="plain">${[...agreements, ...others].slice(0, 5).map(([stream, row]) => html`<li key=${stream}><button type="button" class="plain story" onClick=${() => change({ story: stream })}>${titleOf(stream)}</button> <${State} state=${row.state} /></li>`)}</ul>`}</div>
    </div></section>`;
}

export const State = ({ state }) => html`<span class=${`tag ${tone(state)}`}>${t(`state.${state}`)}</span>`;

const scopes = (terms) => (terms?.scope ?? []).map((scope) => t(`scope.${scope}`)).join(", ");

/** The first sentence of the page. */
function sentence(row, rows) {
  const scope = scopes(row?.terms) || t("scope.any");
  if (row?.state === "in_force") return t("headline.in_force", { scope });
  if (row?.state === "suspended") return t("headline.suspended", { scope });
  return t(Object.values(rows).some(({ kind, is_current: current }) => kind === "ceasefire" && current) ? "headline.not_in_force" : "headline.none");
}

function days(from, to) { return numberOf(dayIn(to, log.zone)) - numberOf(dayIn(from, log.zone)); }

function InForce({ row, at }) {
  const from = row.terms.effective_from ?? row.since;
  return html`<p class="standfirst"><button type="button" class="plain story" onClick=${() => change({ story: row.stream })}>${titleOf(row.stream)}</button>. ${t("headline.day_of", { n: days(from, at) + 1, from: dayOf(from) })}
    ${row.terms.effective_until ? ` ${t("headline.until", { until: instant(row.terms.effective_until) })}` : ` ${t("headline.no_end")}`}</p>
    ${row.next_transition_at && html`<${Countdown} to=${row.next_transition_at} />`}
    <${Disputed} row=${row} />`;
}

/** Where none is in force: how long since the last one was, and what is on the table. */
function Since({ row, rows, at }) {
  const past = Object.entries(rows).filter(([, r]) => r.kind === "ceasefire" && r.is_current && r.terms?.effective_from && ["expired", "terminated", "collapsed", "superseded", "ended_unclear"].includes(r.state) && r.since)
    .sort((a, b) => (a[1].since < b[1].since ? 1 : -1));
  const [last] = past;
  return html`<p class="standfirst">${last ? html`${t("headline.last", { n: days(last[1].since, at), day: dayOf(last[1].since) })} <button type="button" class="plain story" onClick=${() => change({ story: last[0] })}>${titleOf(last[0])}</button> <${State} state=${last[1].state} />` : t("headline.never")}</p>
    ${row?.stream && row.stream !== last?.[0] ? html`<p class="standfirst">${t("headline.table")} <button type="button" class="plain story" onClick=${() => change({ story: row.stream })}>${titleOf(row.stream)}</button> <${State} state=${row.state} /></p>` : ""}
    ${last && html`<${Disputed} row=${last[1]} />`}`;
}

function Countdown({ to }) {
  const live = isLive(useStore());
  const [now, tickOn] = useState(Date.now());
  useEffect(() => {
    if (!live) return undefined;
    const ticking = setInterval(() => tickOn(Date.now()), 1000);
    return () => clearInterval(ticking);
  }, [live]);
  const left = Math.max(0, Date.parse(to) - now);
  if (!live) return html`<p class="countdown">${t("headline.next", { at: instant(to) })}</p>`;
  const [d, h, m, sec] = [left / 864e5, (left / 36e5) % 24, (left / 6e4) % 60, (left / 1e3) % 60].map(Math.floor);
  return html`<p class="countdown" role="timer">${t("headline.next", { at: instant(to) })} <b class="num">${d > 0 ? `${t("time.days", { n: d })} ` : ""}${[h, m, sec].map((n) => String(n).padStart(2, "0")).join(":")}</b></p>`;
}

/** Where parties tell different terms. */
function Disputed({ row }) {
  const told = Object.entries(row.disputed_terms ?? {});
  if (told.length === 0) return "";
  const shown = (value) => (/^\d{4}-\d\d-\d\dT/.test(value) ? instant(value) : Array.isArray(value) ? value.join(", ") : String(value));
  return html`<details class="disputed"><summary>${t("headline.disputed", { n: told.length })}</summary>
    <table><tbody>${told.map(([term, by]) => Object.entries(by).map(([code, value], i) => html`<tr key=${term + code}><th scope="row">${i === 0 ? t(`term.${term}`) : ""}</th><td>${actor(code)}</td><td class="num">${shown(value)}</td></tr>`))}</tbody></table></details>`;
}

function Views({ row }) {
  const views = Object.entries(row.views ?? {});
  return html`<div class="fact"><h3>${t("headline.views")} <span class="of">${titleOf(row.stream)}</span></h3>${views.length === 0 ? html`<p class="soft">${t("headline.no_views")}</p>` : html`<ul class="plain views">${views.map(([code, state]) => {
    const said = row.positions?.[code];
    return html`<li key=${code}><span>${actor(code)}</span> <span><${State} state=${state} />${said && (said.status !== state || said.note) ? html`<br /><span class="small">${[said.status === state ? "" : t("headline.states", { what: t(`state.${said.status}`) }), said.note].filter(Boolean).join("; ")}</span>` : ""}</span></li>`;
  })}</ul>`}</div>`;
}

function Compliance({ row }) {
  const { label, by_claimant: by = {}, collapse_suspected: collapse } = row.compliance ?? {};
  const claims = Object.entries(by);
  return html`<div class="fact"><h3>${t("headline.compliance")}</h3>
    <p>${label ? html`<span class=${`tag ${{ contested: "care", strained: "care", breaking_down: "bad" }[label] ?? ""}`}>${t(`compliance.${label}`)}</span>` : html`<span class="soft">${t("compliance.none")}</span>`}${collapse ? html` <span class="tag bad">${t("compliance.collapse")}</span>` : ""}</p>
    ${claims.length > 0 && html`<ul class="plain">${claims.map(([code, n]) => html`<li key=${code}>${t("headline.claims", { who: actor(code), n })}</li>`)}</ul>`}</div>`;
}

function LastTalks({ ledger }) {
  if (ledger === null) return html`<p class="soft">${t("waiting")}</p>`;
  const tracks = Object.entries(ledger.rows).filter(([, row]) => row.rounds?.length).map(([track, row]) => [track, row, row.rounds.at(-1)])
    .sort((a, b) => (a[2].occurred.start < b[2].occurred.start ? 1 : -1));
  if (tracks.length === 0) return html`<p class="soft">${t("headline.no_talks")}</p>`;
  const [[track, row, last]] = tracks;
  return html`<p><b class="big num">${number(row.days_since_last)}</b> ${t("headline.hiatus", { n: row.days_since_last ?? 0 })}</p>
    <p><button type="button" class="plain story" onClick=${() => change({ story: last.stream })}>${last.place ?? titleOf(last.stream)}</button>, ${day(last.occurred.start)} · ${t("headline.round", { n: last.number, track: t(`track.${track}`) })}${last.outcome ? html` · <span class="soft">${t(`outcome.${last.outcome}`)}</span>` : ""}</p>`;
}
