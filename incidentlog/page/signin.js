// Signing in, where reading is not open: a key is exchanged for a cookie that no script can read.
import { html, useState } from "./html.js";
import { forget } from "./reads.js";
import { t } from "./words.js";

const SESSION = new URL("../v1/session", import.meta.url);

/** Who this browser is signed in as, or null. */
export async function session() {
  const answer = await fetch(SESSION);
  return answer.ok ? (await answer.json()).session : null;
}

export function SignIn({ done }) {
  const [fault, say] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const key = event.target.elements.key.value.trim();
    const answer = await fetch(SESSION, { method: "POST", headers: { Authorization: `Bearer ${key}` } });
    if (!answer.ok) {
      const problem = await answer.json();
      say(problem.detail ?? problem.title);
      return;
    }
    forget();
    done();
  };
  return html`<section class="signin card"><h1>${t("signin.title")}</h1><p class="lead">${t("signin.why")}</p>
    <form onSubmit=${submit} autocomplete="off"><label>${t("signin.key")} <input name="key" class="secret" type="text" spellcheck="false" autocapitalize="off" required /></label>
    <button type="submit" class="primary">${t("signin.do")}</button></form><p class="fault" role="alert">${fault ?? ""}</p></section>`;
}

export function SignOut({ who, done }) {
  const out = async () => { await fetch(SESSION, { method: "DELETE" }); forget(); done(); };
  return html`<button type="button" class="plain" onClick=${out}>${t("signin.out", { name: who.name })}</button>`;
}
