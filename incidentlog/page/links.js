// Links: what is shown, handed on so that it shows the same for ever; and a frame for another page.
import { html, useState } from "./html.js";
import { address, read } from "./reads.js";
import { current, isPinned, moment, today, urlOf, useStore } from "./state.js";
import { sourceLine } from "./keep.js";
import { t } from "./words.js";

/** The state with the basis of its answers pinned: the instant, the position, and the generation of the log. */
const pinnedBy = (s, basis) => ({ ...s, to: s.to ?? today(), at: basis.at, pos: String(basis.position), gen: String(basis.generation), known: s.basis === "reported" ? basis.known_at ?? s.known : s.known });

export async function pinned() {
  const s = current();
  if (isPinned(s)) return s;
  const { basis } = await read(address("projections/ceasefire_status", { ...moment(s), ...(s.to === null && s.known === null ? { _: undefined } : {}) }));
  return pinnedBy(s, basis);
}

/** On paper: what is shown, as known when, and the link that shows the same again. */
export function Printed({ basis }) {
  const s = useStore();
  if (!basis) return null;
  const link = new URL(urlOf(isPinned(s) ? s : pinnedBy(s, basis)), location.href);
  return html`<p class="printed small">${sourceLine(s, basis.position)}<br />${String(link)}</p>`;
}

export function Links() {
  const [said, say] = useState(null);
  const copy = (make) => async () => {
    const text = make(new URL(urlOf(await pinned()), location.href));
    try {
      await navigator.clipboard.writeText(text);
      say({ text: t("links.copied"), shown: null });
    } catch {
      say({ text: t("links.copy_it"), shown: text }); // no clipboard without https, or without leave
    }
  };
  const framed = (url) => `<iframe src="${Object.assign(new URL(url), { pathname: url.pathname.replace(/[^/]*$/, "embed") })}" title="incidentlog" width="100%" height="720" loading="lazy"></iframe>`;
  return html`<span class="links"><button type="button" id="copy-link" onClick=${copy(String)}>${t("links.copy")}</button>
    <button type="button" class="plain" onClick=${copy(framed)}>${t("links.embed")}</button>
    <span role="status" class="said">${said?.text ?? ""}${said?.shown ? html` <input readonly aria-label=${t("links.copy")} value=${said.shown} ref=${(box) => box?.select()} />` : ""}</span></span>`;
}
