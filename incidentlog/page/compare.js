// What another state of knowledge said otherwise, place by place, and which events changed it.
import { html } from "./html.js";
import { useRead } from "./reads.js";
import { change, moment, period, useStore } from "./state.js";
import { kindsOf } from "./places.js";
import { Figure } from "./cities.js";
import { day, t } from "./words.js";
import { placeName } from "./names.js";

/** {earlier, later, rows: Map(place -> {before, after, other, causes})}, where `other` is what the page does not show; or null where nothing is compared. */
export function useDifference() {
  const s = useStore();
  const on = s.vs !== null && s.pos === null;
  const flipped = on && s.known !== null && s.known < s.vs;
  const [earlier, later] = flipped ? [s.known, s.vs] : [s.vs, s.known];
  const { at, basis } = moment(s);
  const { data, fault, stale } = useRead(on ? "diff" : null, {
    projection: "city_incidents", group_by: ["place", "admin1", "country"], ...period(s), kind: kindsOf(s), from_known: earlier,
    ...(later === null ? {} : { to_known: later }), ...(at ? { at } : {}), ...(basis ? { basis } : {}), limit: 1000,
  });
  if (!on) return null;
  const rows = new Map();
  for (const [how, told] of Object.entries({ changed: data?.changed, added: data?.added, withdrawn: data?.withdrawn })) {
    for (const difference of Object.values(told ?? {})) {
      const { before = null, after = null } = difference.before || difference.after ? difference : how === "added" ? { after: difference } : { before: difference };
      const row = after ?? before;
      rows.set(row.place ?? `region:${row.admin1 ?? row.country ?? ""}`, { how, before, after, other: flipped ? after : before, causes: difference.causes ?? [], row });
    }
  }
  return { earlier, later, rows, fault, stale, more: data?.next !== undefined, waiting: data === null };
}

export function Compared({ difference }) {
  const { earlier, later, rows, fault, waiting } = difference;
  const between = { from: day(earlier), to: later === null ? t("known.now") : day(later) };
  return html`<section class="compared card" aria-labelledby="compared-title"><div class="bar"><h2 id="compared-title">${t("compare.title", between)}</h2><button type="button" class="plain" onClick=${() => change({ vs: null })}>${t("compare.end")}</button></div>
    ${fault ? html`<p class="note bad">${fault.message}</p>` : waiting ? html`<p class="soft">${t("waiting")}</p>` : rows.size === 0 ? html`<p class="none">${t("compare.same")}</p>` : html`
    <p class="small">${t("compare.changed", { n: rows.size })}</p><div class="scroll"><table><thead><tr><th scope="col">${t("figure.name")}</th>${["incidents", "killed", "injured"].map((name) => html`<th class="num" scope="col">${t(`figure.${name}`)}</th>`)}<th scope="col">${t("compare.by")}</th></tr></thead>
    <tbody>${[...rows.entries()].slice(0, 40).map(([key, { before, after, causes, row }]) => html`<tr key=${key}><th scope="row">${placeName(row)}</th>
      ${["incidents", "killed", "injured"].map((name) => html`<td class="num"><${Figure} of=${after?.[name] ?? (name === "incidents" ? 0 : null)} was=${before?.[name] ?? (name === "incidents" ? 0 : null)} /></td>`)}
      <td>${causes.slice(-4).map((cause) => html`<${Cause} key=${cause.event_id} cause=${cause} />`)}${causes.length > 4 ? t("compare.more", { n: causes.length - 4 }) : ""}${causes.length === 0 ? html`<span class="soft">${t("compare.unseen")}</span>` : ""}</td></tr>`)}</tbody></table></div>`}
  </section>`;
}

function Cause({ cause }) {
  const { data } = useRead("events", { id: cause.event_id });
  const event = data?.events?.[0];
  return html`<button type="button" class="plain story" disabled=${!event} onClick=${() => change({ story: event.stream })}>${t(`type.${cause.type}`)}</button> <span class="soft num">№ ${cause.position}</span><br />`;
}
