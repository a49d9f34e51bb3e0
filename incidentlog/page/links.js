// Links: what is shown, handed on so that it shows the same for ever; and a frame for another page.
import { html, useState } from "./html.js";
import { address, read } from "./reads.js";
import { current, isPinned, moment, today, urlOf } from "./state.js";
import { t } from "./words.js";

/** The state with the basis of its answers pinned: the instant, the position, and the generation of the log. */
export async function pinned() {
  const s = current();
  if (isPinned(s)) return s;
  const { basis } = await read(address("projections/ceasefire_status", { ...moment(s), ...(s.to === null && s.known === null ? { _: undefined } : {}) }));
  return { ...s, to: s.to ?? today(), at: basis.at, pos: String(basis.position), gen: String(basis.generation), known: s.basis === "reported" ? basis.known_at ?? s.known : s.known };
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
