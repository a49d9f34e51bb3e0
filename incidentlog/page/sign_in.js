// Signing in, on every page alike: a key is exchanged for a cookie that no script can read (docs/access.md).

/** What is said. A page in another language gives its own, under the same names. */
export const WORDS = {
  sign_in: "Sign in",
  sign_out: "Sign out",
  signed_in: "Signed in as {name}",
  until: "Until {time}",
  title: "Sign in with a key",
  why: "The key stays here no longer than it takes to sign in. The cookie it is exchanged for reads what the key may read, for twelve hours, and can do nothing else.",
  closed: "Reading is not open here.",
  key: "Key",
  cancel: "Cancel",
  none: "Give a key.",
  unreachable: "The service does not answer.",
};

const NO_KEY = /[^\x21-\x7e]/;

/**
 * The way in and out, put into `place`; `root` is where the service begins, such as "../".
 *
 * Answers {who, open, look, ask, signOut}: `who` is {name, clearance, expires_at} or null, `open` says whether one may
 * read without a key. `changed` is called when `who` is somebody else than at the first look.
 */
export function signing(place, { root = "", words = WORDS, changed = () => {} } = {}) {
  const said = (name, given = {}) => words[name].replace(/\{(\w+)\}/g, (_, each) => given[each]);
  const framed = self !== top; // nobody is asked for a key in another's page
  document.querySelector("dialog.sign-in")?.remove(); // of before, in another language
  const dialog = made("dialog", { className: "sign-in" });
  const why = made("p", { className: "note", hidden: true });
  const input = made("input", { className: "secret", type: "text", autocomplete: "off", spellcheck: false, autocapitalize: "off" });
  const fault = made("p", { className: "fault" }, { role: "alert" });
  const go = made("button", { type: "submit", className: "primary", textContent: said("sign_in") });
  const cancel = made("button", { type: "button", textContent: said("cancel") });
  const form = made("form");
  const label = made("label", { textContent: said("key") });
  const title = made("h2", { textContent: said("title"), id: "sign-in-title" });
  const buttons = made("p", { className: "buttons" });
  label.append(input);
  buttons.append(go, cancel);
  form.append(title, why, made("p", { textContent: said("why") }), label, fault, buttons);
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.append(form);
  document.body.append(dialog);

  const here = {
    who: null,
    open: false,

    /** Ask the service who is signed in, such as when it has refused something. Raises where it does not answer. */
    async look() {
      const { session, open } = await told(await fetch(`${root}v1/session`, { cache: "no-store" }));
      here.open = open;
      become(session);
    },

    /** Ask for a key, and say why; whether somebody is signed in then. */
    async ask(reason = "") {
      if (framed) return false;
      why.textContent = reason;
      why.hidden = reason === "";
      fault.textContent = "";
      if (!dialog.open) dialog.showModal();
      input.focus();
      await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
      return here.who !== null;
    },

    async signOut() {
      await fetch(`${root}v1/session`, { method: "DELETE" });
      become(null);
    },
  };

  let looked = false;
  function become(session) {
    const other = looked && here.who?.name !== session?.name;
    looked = true;
    here.who = session;
    paint();
    if (other) changed(here);
  }

  function paint() {
    if (framed) return;
    const focused = place.contains(document.activeElement);
    const button = made("button", { type: "button", className: "plain", id: "sign" });
    if (here.who === null) {
      button.textContent = said("sign_in");
      button.addEventListener("click", () => here.ask());
      place.replaceChildren(button);
    } else {
      const time = new Date(here.who.expires_at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
      button.textContent = said("sign_out");
      button.addEventListener("click", () => here.signOut().catch(() => {}));
      const name = made("span", { textContent: said("signed_in", { name: here.who.name }), title: said("until", { time }) });
      place.replaceChildren(name, button);
    }
    if (focused) button.focus();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = input.value.trim();
    if (key === "" || NO_KEY.test(key)) {
      fault.textContent = said("none");
      input.focus();
      return;
    }
    fault.textContent = "";
    go.disabled = true;
    try {
      const { session } = await told(await fetch(`${root}v1/session`, { method: "POST", headers: { Authorization: `Bearer ${key}` } }));
      input.value = "";
      become(session);
      dialog.close();
    } catch (error) {
      fault.textContent = error instanceof Refused ? error.message : said("unreachable");
      input.select();
    } finally {
      go.disabled = false;
    }
  });
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    input.value = "";
    const { activeElement: focused, body } = document; // what led here may have been replaced: then it is in no place
    if (focused === body || dialog.contains(focused)) place.querySelector("button")?.focus();
  });
  return here;
}

/** What the service has refused, as a sentence. */
export class Refused extends Error {
  constructor({ title, detail, errors = [] }, status) {
    super([`${title}: ${detail}`, ...errors.map((each) => `${each.pointer || "/"} ${each.detail}`)].join("; "));
    this.status = status;
  }
}

/** The JSON of an answer. Raises Refused, with the problem in it (RFC 9457). */
export async function told(answer) {
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said, answer.status);
  return said;
}

function made(tag, properties = {}, attributes = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
