// A client of the live protocol in a hundred lines: it keeps the rows, and checks the chain while it does.

import { Refused, WORDS, signing } from "../../page/sign_in.js";

const byId = (id) => document.getElementById(id);
const KEPT = 50; // messages shown
const SHOWN = 200; // rows shown
const NO_WAY_BACK = new Set([4400, 4401, 4403, 4408, 4409, 4410]);

let socket = null;
let wanted = null; // what is to be followed, or null
let held = null; // {channel, epoch, position, at, version, rows, changed, gone}
let retry = { min_ms: 500, max_ms: 30000 };
let tried = 0;
let turn = 0; // counts the messages that changed rows
let who = ""; // as whom it is followed, in words

function say(text) { byId("state").textContent = text; }

function cell(text, tag = "td") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function show(message) {
  const list = byId("messages");
  list.prepend(cell(JSON.stringify(message).slice(0, 600), "li"));
  while (list.children.length > KEPT) list.lastChild.remove();
}

// What changed last comes first; what has not changed since it was sent comes by its key, from the end.
function newestFirst(a, b) {
  return (held.changed[b] ?? 0) - (held.changed[a] ?? 0) || (a < b ? 1 : -1);
}

function paint(now) {
  const keys = Object.keys(held.rows).sort(newestFirst);
  const lines = keys.slice(0, SHOWN).map((key) => {
    const line = document.createElement("tr");
    line.className = now !== 0 && held.changed[key] === now ? "changed" : "";
    line.append(cell(key), cell(JSON.stringify(held.rows[key])));
    return line;
  });
  byId("rows").tBodies[0].replaceChildren(...lines);
  const left = keys.length - lines.length + held.gone;
  byId("left").textContent = left === 0 ? `${keys.length} rows` : `The newest ${lines.length} rows; ${left} older ones are left out.`;
}

function changed(keys) {
  turn += 1;
  for (const key of keys) held.changed[key] = turn;
  paint(turn);
}

function chained(from) {
  if (from === held.position) return true;
  say("The chain is broken: beginning anew.");
  held = null;
  socket.close(1000);
  return false;
}

const taken = {
  welcome(message) {
    retry = message.retry;
    who = message.auth.name === "open" ? "without a key" : `as ${message.auth.name}`;
    const asked = { type: "subscribe", id: "page", ...wanted };
    if (held !== null) {
      Object.assign(asked, { from: held.position, epoch: held.epoch, channel: held.channel });
      if (held.version !== null) Object.assign(asked, { at: held.at, version: held.version });
    }
    socket.send(JSON.stringify(asked));
  },
  subscribed(message) {
    tried = 0;
    const resumed = message.mode === "resume" && held !== null ? held : { rows: {}, changed: {}, gone: 0 };
    const { channel, epoch, position, at, version } = message;
    held = { channel, epoch, position, at, version, rows: resumed.rows, changed: resumed.changed, gone: resumed.gone };
    say(`${message.mode} at position ${position}, ${who}` + (message.reason ? ` (${message.reason})` : ""));
    paint(0);
  },
  snapshot(message) {
    if (message.part === 1) Object.assign(held, { rows: {}, changed: {} });
    Object.assign(held.rows, message.rows);
    Object.assign(held, { position: message.position, at: message.at });
    if (message.part === message.parts) paint(0);
  },
  update(message) {
    if (!chained(message.from)) return;
    for (const key of message.del) {
      delete held.rows[key];
      delete held.changed[key];
    }
    Object.assign(held.rows, message.set);
    Object.assign(held, { position: message.to, at: message.at });
    say(`position ${message.to}, by ${message.cause.kind}`);
    changed(Object.keys(message.set));
  },
  events(message) {
    if (!chained(message.from)) return;
    const keys = message.items.map((event) => String(event.position).padStart(9, "0"));
    message.items.forEach((event, n) => { held.rows[keys[n]] = event; });
    held.position = message.to;
    say(`position ${message.to}`);
    for (const key of Object.keys(held.rows).sort().slice(0, -SHOWN)) { // the log is long: no more is kept than is shown
      delete held.rows[key];
      delete held.changed[key];
      held.gone += 1;
    }
    changed(keys.filter((key) => key in held.rows));
  },
  heartbeat(message) {
    const moved = held === null ? undefined : message.channels[held.channel];
    if (moved === undefined || !chained(moved[0])) return;
    held.position = moved[1];
    if (message.at > held.at) held.at = message.at;
  },
  notice(message) { if (message.code === "draining") retry = { ...retry, min_ms: message.retry_ms }; },
  // A subscription that cannot be, or cannot go on. The socket would stay open, but nothing would come of it.
  error(message) {
    const refused = new Refused(message).message;
    if (message.retryable) say(refused);
    else stopped(refused);
    socket?.close(1000);
  },
};

async function connect() {
  if (signed.who !== null) {
    await signed.look().catch(() => {}); // a service that is away tells nothing of the session
    if (wanted === null || socket !== null) return; // who was signed out has been told
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}/v1/live`, "incidentlog.live.v1");
  socket = opened;
  say("Connecting …");
  opened.onmessage = ({ data }) => {
    if (socket !== opened) return;
    const message = JSON.parse(data);
    show(message);
    taken[message.type]?.(message); // what is not known is ignored
  };
  opened.onclose = ({ code, reason }) => {
    if (socket !== opened) return;
    socket = null;
    if (wanted === null) return; // it was said why
    if (NO_WAY_BACK.has(code)) {
      stopped(`Closed: ${code} ${reason}`);
      signed.look().catch(() => {});
      return;
    }
    const wait = Math.random() * Math.min(retry.max_ms, retry.min_ms * 2 ** tried++);
    say(`Closed (${code} ${reason}); coming back in ${(wait / 1000).toFixed(1)} s`);
    setTimeout(() => { if (wanted !== null && socket === null) connect(); }, wait);
  };
}

function stopped(text) {
  wanted = null;
  byId("follow").disabled = false;
  byId("stop").disabled = true;
  byId("resume").disabled = held === null;
  say(text);
}

async function begin() {
  const group = byId("group").value.split(",").map((part) => part.trim()).filter(Boolean);
  let filter = {};
  try {
    filter = JSON.parse(byId("filter").value || "{}");
  } catch {
    say("The filter is not JSON.");
    return;
  }
  if (signed.who === null && !signed.open && !(await signed.ask(WORDS.closed))) {
    say("Reading is not open here: sign in first.");
    return;
  }
  byId("follow").disabled = true;
  wanted = { projection: byId("projection").value, filter };
  if (group.length) wanted.group_by = group;
  byId("resume").disabled = true;
  byId("stop").disabled = false;
  connect();
}

byId("ask").addEventListener("submit", (event) => { event.preventDefault(); held = null; begin(); });
byId("resume").addEventListener("click", begin);
byId("stop").addEventListener("click", () => {
  stopped("Stopped.");
  socket?.close(1000);
  socket = null;
});

// Rows of one reader are not gone on with as another.
const signed = signing(byId("signing"), {
  root: "../",
  changed({ who: now }) {
    const following = wanted !== null;
    held = null;
    stopped(now === null ? "You are signed out." : `Signed in as ${now.name}.`);
    socket?.close(1000);
    socket = null;
    if (following && now !== null) begin();
  },
});
await signed.look().catch(() => say(WORDS.unreachable));
for (const here of document.querySelectorAll(".here")) here.textContent = location.origin;

// What is said, and what can be followed, come from the description of the protocol: nothing is written down twice.
const described = await (await fetch("../asyncapi.json")).json();
for (const [operation, from] of [["hear", "client"], ["tell", "server"]]) {
  for (const { $ref } of described.operations[operation].messages) {
    const message = described.components.messages[$ref.split("/").pop()];
    const line = document.createElement("tr");
    const schema = described.components.schemas[message.payload.$ref.split("/").pop()];
    line.append(cell(from), cell(`${message.name} {${Object.keys(schema.properties).filter((n) => n !== "type").join(", ")}}`), cell(message.summary.replaceAll("`", "")));
    byId("described").append(line);
  }
}
for (const name of described["x-projections"]) {
  const option = document.createElement("option");
  option.value = option.textContent = name;
  byId("projection").append(option);
}
byId("projection").value = "city_incidents";
byId("group").value = "place";
byId("projection").addEventListener("change", () => { byId("group").value = ""; }); // not all are grouped, or by the same
