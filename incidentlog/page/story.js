// The story of one thing: what stands, and why; every report in the order in which it came; and how to check it.
import { html, useEffect, useRef } from "./html.js";
import { useRead } from "./reads.js";
import { change, moment, useStore } from "./state.js";
import { Figure } from "./cities.js";
import { State, titleOf } from "./headline.js";
import { placeName } from "./names.js";
import { actor, day, figure, instant, number, t } from "./words.js";
import { summary } from "./feed.js";

const FIGURES = ["killed", "injured", "missing", "civilians_killed", "children_killed"];

export function Story({ stream }) {
  const s = useStore();
  const box = useRef();
  const close = () => change({ story: null });
  useEffect(() => {
    const before = document.activeElement;
    if (!box.current.open) box.current.showModal();
    return () => before?.focus?.();
  }, []);
  const path = encodeURIComponent(stream);
  const { at, ...known } = moment(s);
  const subject = useRead(`subjects/${path}`, moment(s));
  const history = useRead(`subjects/${path}/history`, known);
  const events = useRead(`streams/${path}`, { limit: 1000, ...(s.pos !== null ? { at_position: s.pos } : {}) });
  const state = subject.data?.state ?? null;
  const versions = history.data?.versions ?? [];
  const entries = new Map((state?.entries ?? []).map((entry) => [entry.event, entry]));
  const ignored = new Map((state?.ignored ?? []).map((i) => [i.event, i]));
  const told = (events.data?.events ?? []).filter((e) => /^record\./.test(e.type) ? versions.some((v) => v.from_position === e.position) : entries.size === 0 || entries.has(e.id));
  const stands = standing(state, told, entries);
  const title = state?.place ? t("story.at", { what: t(`category.${stream.split(":")[0]}`), where: placeName({ place: state.place.place_id, name: state.place.name, admin1: state.place.admin1, country: state.place.country }) }) : titleOf(stream);
  return html`<dialog class="story-panel" ref=${box} onClose=${close} onClick=${(e) => e.target === box.current && close()} aria-labelledby="story-title"><div class="inner">
    <div class="bar"><p class="kicker">${t(`category.${stream.split(":")[0]}`)}</p><button type="button" class="plain close" aria-label=${t("close")} onClick=${close}>✕</button></div>
    <h2 id="story-title">${title}</h2>
    ${subject.fault ? html`<p class="note">${subject.fault.status === 404 ? t("story.not_then") : subject.fault.message}</p>` : state === null ? html`<p class="soft">${t("waiting")}</p>` : html`
      <p class="soft">${state.occurred ? whenOf(state.occurred) : ""} ${state.verification ? html`<span class="tag">${t(`verification.${state.verification}`)}</span>` : ""} ${state.is_current === false ? html`<span class="tag bad">${t("feed.retracted")}</span>` : ""} ${state.restated ? "" : ""}</p>
      ${state.casualties && html`<h3>${t("story.stands")}</h3><dl class="figures-now">${FIGURES.filter((name) => name === "killed" || name === "injured" || state.casualties[name]).map((name) => html`<div key=${name}><dt>${t(`figure.${name}`)}</dt><dd><${Figure} of=${state.casualties[name] ?? null} />${state.casualties[name]?.qualifier ? html`<br /><span class="range">${t(`qualifier.${state.casualties[name].qualifier}`)}</span>` : ""}</dd></div>`)}</dl>
        ${stands ? html`<p class="small">${t("story.why", { title: stands.sources.map((x) => x.title).join("; "), day: day(stands.reported_at ?? stands.recorded_at) })}</p>` : ""}`}
      <${Course} versions=${versions} />
      <h3>${t("story.reports", { n: told.length })}</h3>
      <ol class="reports">${told.map((event) => html`<${Report} key=${event.id} event=${event} entry=${entries.get(event.id)} ignored=${ignored.get(event.id)} stands=${stands === event} />`)}</ol>
      <p class="small">${t("story.check")} <a href="verify">${t("story.verify")}</a></p>`}
  </div></dialog>`;
}

function whenOf({ start, end, precision }) {
  const text = precision === "minute" || precision === "hour" ? instant(start) : precision === "month" ? start.slice(0, 7) : precision === "year" ? start.slice(0, 4) : day(start);
  return end ? `${text} – ${day(end)}` : text;
}

/** The report from which the figure of those killed is: the last that says it, and counts. */
function standing(state, told, entries) {
  const best = state?.casualties?.killed?.best;
  if (best === null || best === undefined) return null;
  return [...told].reverse().find((event) => event.data.casualties?.killed?.best === best && entries.get(event.id)?.status !== "retracted") ?? null;
}

/** How the figure of those killed went from version to version, with its range. */
function Course({ versions }) {
  const points = versions.map((v) => ({ position: v.from_position, ...(v.state?.casualties?.killed ?? {}) })).filter((p) => p.best !== undefined && p.best !== null);
  if (points.length < 2) return "";
  const most = Math.max(...points.map((p) => p.high ?? p.best), 1);
  const [wide, tall] = [420, 96];
  const x = (i) => 14 + (i / Math.max(1, points.length - 1)) * (wide - 28);
  const y = (n) => tall - 20 - (n / most) * (tall - 40);
  return html`<figure class="course"><figcaption class="small">${t("story.course")}</figcaption><svg viewBox=${`0 0 ${wide} ${tall}`} role="img" aria-label=${points.map((p) => number(p.best)).join(", ")}>
    ${points.map((p, i) => html`<line class="band-line" x1=${x(i)} x2=${x(i)} y1=${y(p.low ?? p.best)} y2=${y(p.high ?? p.best)} />`)}
    <path class="line" d=${points.map((p, i) => `${i ? "L" : "M"}${x(i).toFixed(1)},${y(p.best).toFixed(1)}`).join("")} />
    ${points.map((p, i) => html`<circle class="dot" cx=${x(i)} cy=${y(p.best)} r="4" /><text class="tick" x=${x(i)} y=${y(p.best) - 9} text-anchor="middle">${number(p.best)}</text><text class="tick" x=${x(i)} y=${tall - 3} text-anchor="middle">№ ${p.position}</text>`)}
  </svg></figure>`;
}

function Report({ event, entry, ignored, stands }) {
  const struck = entry?.status === "retracted";
  const about = event.data.reason;
  return html`<li class=${struck ? "struck" : stands ? "stands" : ""}>
    <p><b>${t(`type.${event.type}`)}</b> <span class="soft num">№ ${event.position}</span> ${stands ? html`<span class="tag good">${t("story.this_stands")}</span>` : ""}${struck ? html`<span class="tag bad">${t("feed.retracted")}</span>` : entry?.status === "amended" ? html`<span class="tag care">${t("feed.amended")}</span>` : ""}${ignored ? html`<span class="tag care" title=${ignored.reason ?? ""}>${t("story.ignored")}</span>` : ""}<br />
    <span class="small">${event.reported_at ? t("story.reported", { day: event.reported_at.length > 10 ? instant(event.reported_at) : day(event.reported_at) }) + " · " : ""}${t("story.recorded", { day: instant(event.recorded_at) })}</span></p>
    <p class="told">${summary(event) || (typeof about === "string" ? about : "")}</p>
    ${event.notes ? html`<p class="small">${event.notes}</p>` : ""}
    <ul class="sources">${event.sources.map((source) => html`<li key=${source.source_id + (source.url ?? "")}>${source.reliability ? html`<span class="grade" title=${t("story.grade", { letter: source.reliability, n: source.credibility ?? 6 })}>${source.reliability}${source.credibility ?? ""}</span> ` : ""}${/^https?:/.test(source.url ?? "") ? html`<a href=${source.url} rel="noreferrer noopener" target="_blank">${source.title ?? source.source_id}</a>` : source.title ?? source.source_id}</li>`)}</ul>
    <p class="small"><a href=${`v1/events/${event.id}/proof`} download>${t("story.proof")}</a></p></li>`;
}
