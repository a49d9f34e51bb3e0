// The board: what happened, and what was known, on any day. Each part is a module named by what it shows.
import { Part, html, render, useEffect, useMemo, useState } from "./html.js";
import { LANGUAGES, chooseLanguage, has, instant, lang, number, t } from "./words.js";
import { readNames } from "./names.js";
import { address, adopt, forget, fresh, onRefused, read } from "./reads.js";
import { Below } from "./sight.js";
import { change, current, log, isLive, isPinned, unread, useStore } from "./state.js";
import { dateOf, dayIn, numberOf } from "./days.js";
import { placesAsked, usePlaces } from "./places.js";
import { useFollowing, useLive } from "./live.js";
import { WORDS, signing } from "./sign_in.js";
import { TimeBar, reach, timeline, useWeeks, weeksOf } from "./timebar.js";
import { Knowledge } from "./knowledge.js";
import { Headline, ceasefires } from "./headline.js";
import { Map_ } from "./map.js";
import { Cities } from "./cities.js";
import { Compared, useDifference } from "./compare.js";
import { Links, Printed } from "./links.js";
import { Series } from "./series.js";
import { Talks } from "./talks.js";
import { Feed } from "./feed.js";
import { Story } from "./story.js";

const EMBEDDED = /\/embed$/.test(location.pathname);
let signed = null; // the way in and out, which has its place in the status
const place = Object.assign(document.createElement("span"), { id: "signing" });

function Board() {
  const s = useStore();
  const [known, know] = useState(null); // null until the log has answered, "closed" where a key is needed
  useLive();
  const begin = async () => {
    try {
      const { zone, projections, weeks, adopted } = await first();
      log.position = log.reached = Math.max(log.reached ?? 0, ...projections.map((each) => each.position)); // reads begin where following will
      log.zone = zone;
      log.today = dayIn(Date.now(), zone);
      for (const each of adopted) adopt(...each);
      settle(weeksOf(weeks));
      for (const [path, params] of placesAsked(current())) if (path !== null) read(address(path, fresh(params))).catch(() => {}); // on their way while the page is drawn
      know("open");
    } catch (fault) {
      know(fault.status === 401 || fault.status === 403 ? "closed" : fault.message);
    }
  };
  useEffect(() => {
    onRefused(() => know("closed"));
    signed = signing(place, { words: words(), changed: () => { forget(); know(null); begin(); } });
    signed.look().catch(() => {});
    begin();
  }, []);
  useEffect(() => {
    document.documentElement.dataset.theme = s.theme ?? "";
    if (!s.theme) delete document.documentElement.dataset.theme;
  }, [s.theme]);
  if (known === null) return html`<p class="boot soft">${t("waiting")}</p>`;
  if (known === "closed") return EMBEDDED ? html`<p class="note">${t("signin.embedded")}</p>` : html`<${Closed} />`;
  if (known !== "open") return html`<p class="note bad">${known} <button type="button" onClick=${begin}>${t("again")}</button></p>`;
  return html`<${Open} />`;
}

/** What the form to sign in says, in the reader's language. */
const words = () => Object.fromEntries(Object.keys(WORDS).map((name) => [name, has(`signin.${name}`) ? t(`signin.${name}`) : WORDS[name]]));

function Closed() {
  const ask = () => signed.ask(t("signin.closed"));
  return html`<section class="signin card"><h1>${t("signin.closed")}</h1><p class="lead">${t("signin.needed")}</p><button type="button" class="primary" onClick=${ask}>${t("signin.sign_in")}</button></section>`;
}

/** What every picture begins with, all at once: what can be asked, the weeks, and how the ceasefire stands. */
async function first() {
  log.now ??= new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString();
  const asked = [timeline(current()), ceasefires(current())];
  const [told, ...answers] = await Promise.all([read(address("projections", {})), ...asked.map(([path, params]) => read(address(path, fresh(params))))]);
  return { ...told, weeks: answers[0], adopted: asked.map((question, n) => [...question, answers[n]]) };
}

/** The period that is shown unless the URL names one: as much of the latest time as there is something to see in. */
function settle(weeks) {
  const s = current();
  if (location.search && (s.from !== null || s.to !== null || s.pos !== null)) return;
  const now = numberOf(log.today);
  let seen = 0;
  for (const [start, events] of weeks.filter(([, n]) => n > 0).reverse()) {
    seen += events;
    if (seen >= 40) {
      const days = [30, 90, 365].find((n) => now - n <= start) ?? null;
      change({ from: dateOf(days === null ? start : now - days + 1) }, { quiet: true });
      return;
    }
  }
}

function Open() {
  const s = useStore();
  useFollowing();
  const weeks = useWeeks();
  const [first, last] = reach(weeks);
  const places = usePlaces();
  const difference = useDifference();
  const [whole, draw] = useState(false); // what is below is drawn once what is above stands, so that this comes soon
  const above = places.rows !== null || places.fault !== null;
  useEffect(() => { if (above) draw(true); }, [above]);
  const below = useMemo(() => (whole ? html`<${Part}><${Below}><${Series} difference=${difference} /></${Below}></${Part}>
    <${Part}><${Below}><${Talks} /></${Below}></${Part}>
    <${Part}><${Below}><${Feed} weeks=${weeks} /></${Below}></${Part}>` : html`<p class="soft" data-stale="true">${t("waiting")}</p>`), [whole, difference, weeks]); // drawn anew for reasons of their own
  const empty = weeks !== null && weeks.length === 0;
  return html`
    <${Status} />
    <div class="times" id="times"><${TimeBar} weeks=${weeks} /><${Knowledge} first=${first} last=${last} generation=${places.basis?.generation} /></div>
    <${Printed} basis=${places.basis} />
    ${unread.length > 0 && html`<p class="note bad" role="alert">${t("link.unread", { names: unread.join(", ") })}</p>`}
    ${empty && html`<${Nothing} />`}
    <${Part}><${Headline} whole=${whole} /></${Part}>
    ${difference && html`<${Part}><${Compared} difference=${difference} /></${Part}>`}
    <div class="where"><${Part}><${Map_} ...${places} changed=${difference?.places.rows ?? null} /></${Part}><${Part}><${Cities} ...${places} changed=${difference?.places.rows ?? null} /></${Part}></div>
    ${below}
    ${s.story && html`<${Part}><${Story} key=${s.story} stream=${s.story} /></${Part}>`}
    ${!EMBEDDED && html`<p class="about small">${t("about")}</p>`}`;
}

/** Why there is nothing: a log that was begun later may know by now what had been told by then. */
function Nothing() {
  const { known, pos, basis } = useStore();
  if (known === null && pos === null) return html`<p class="note">${t("nothing.log")}</p>`;
  return html`<p class="note">${basis === "recorded" ? t("nothing.recorded") : t("nothing.reported")} ${basis === "recorded" && known !== null && html`<button type="button" class="plain" onClick=${() => change({ basis: "reported" })}>${t("nothing.ask")}</button>`}</p>`;
}

/** Whether it is live, and what is done with the page as a whole. */
function Status() {
  const s = useStore();
  const link = useLive();
  const state = isPinned(s) || !isLive(s) ? "then" : link.state;
  return html`<div class="status">
    <span class=${`pulse ${state}`} role="status">${state === "then" ? t(isPinned(s) ? "live.pinned" : "live.then") : t(`live.${state}`)}${state === "live" && log.position ? html` <span class="num soft">№ ${number(log.position)}</span>` : ""}${state === "stale" ? html` <span>${t("live.since", { at: instant(new Date(link.since).toISOString()) })}</span>` : ""}</span>
    ${!EMBEDDED && html`<${Links} />`}
    <select class="quiet" aria-label=${t("language")} value=${lang()} onChange=${async (e) => { change({ lang: e.target.value }); await begin(); }}>${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code}>${name}</option>`)}</select>
    <span ref=${(box) => box?.append(place)} />
  </div>`;
}

async function begin() {
  first().catch(() => {}); // so that it is there when it is needed
  await Promise.all([chooseLanguage(), readNames()]);
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  document.body.classList.toggle("embedded", EMBEDDED);
  render(html`<${Board} key=${lang()} />`, document.getElementById("main"));
}

await begin();
