// A client of the live protocol in a hundred lines: it keeps the rows, and checks the chain while it does.

const byId = (id) => document.getElementById(id);
const KEPT = 50; // messages shown
const SHOWN = 200; // rows shown
const NO_WAY_BACK = new Set([4400, 4403, 4409, 4410]);

let socket = null;
let wanted = null; // what is to be followed, or null
let held = null; // {channel, epoch, position, at, version, rows}
let retry = { min_ms: 500, max_ms: 30000 };
let tried = 0;
let session = null; // who this browser is signed in as: {name, clearance, expires_at}

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

function paint(changed) {
  const body = byId("rows").tBodies[0];
  const lines = Object.keys(held.rows).sort().slice(0, SHOWN).map((key) => {
    const line = document.createElement("tr");
    line.className = changed.has(key) ? "changed" : "";
    line.append(cell(key), cell(JSON.stringify(held.rows[key])));
    return line;
  });
  body.replaceChildren(...lines);
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
    tried = 0;
    const asked = { type: "subscribe", id: "page", ...wanted };
    if (held !== null) {
      Object.assign(asked, { from: held.position, epoch: held.epoch, channel: held.channel });
      if (held.version !== null) Object.assign(asked, { at: held.at, version: held.version });
    }
    socket.send(JSON.stringify(asked));
  },
  subscribed(message) {
    const rows = message.mode === "resume" && held !== null ? held.rows : {};
    const { channel, epoch, position, at, version } = message;
    held = { channel, epoch, position, at, version, rows };
    say(`${message.mode} at position ${position}` + (message.reason ? ` (${message.reason})` : ""));
    paint(new Set());
  },
  snapshot(message) {
    if (message.part === 1) held.rows = {};
    Object.assign(held.rows, message.rows);
    Object.assign(held, { position: message.position, at: message.at });
    if (message.part === message.parts) paint(new Set());
  },
  update(message) {
    if (!chained(message.from)) return;
    for (const key of message.del) delete held.rows[key];
    Object.assign(held.rows, message.set);
    Object.assign(held, { position: message.to, at: message.at });
    say(`position ${message.to}, by ${message.cause.kind}`);
    paint(new Set(Object.keys(message.set)));
  },
  events(message) {
    if (!chained(message.from)) return;
    for (const event of message.items) held.rows[String(event.position).padStart(9, "0")] = event;
    held.position = message.to;
    say(`position ${message.to}`);
    const keys = Object.keys(held.rows).sort();
    for (const key of keys.slice(0, -SHOWN)) delete held.rows[key];
    paint(new Set(message.items.map((event) => String(event.position).padStart(9, "0"))));
  },
  heartbeat(message) {
    const moved = held === null ? undefined : message.channels[held.channel];
    if (moved === undefined || !chained(moved[0])) return;
    held.position = moved[1];
    if (message.at > held.at) held.at = message.at;
  },
  notice(message) { if (message.code === "draining") retry = { ...retry, min_ms: message.retry_ms }; },
  error(message) { say(`${message.title}: ${message.detail}`); },
};

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}/v1/live`, "incidentlog.live.v1");
  socket = opened;
  say("Connecting …");
  opened.onopen = () => {
    const token = byId("token").value;
    if (token && session === null) opened.send(JSON.stringify({ type: "auth", token }));
  };
  opened.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    show(message);
    taken[message.type]?.(message); // what is not known is ignored
  };
  opened.onclose = ({ code, reason }) => {
    if (socket !== opened) return;
    socket = null;
    if (wanted === null || NO_WAY_BACK.has(code) || code === 4401 || code === 4408) {
      stopped(`Closed: ${code} ${reason}`);
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

function begin() {
  const group = byId("group").value.split(",").map((part) => part.trim()).filter(Boolean);
  let filter = {};
  try {
    filter = JSON.parse(byId("filter").value || "{}");
  } catch {
    say("The filter is not JSON.");
    return;
  }
  wanted = { projection: byId("projection").value, filter };
  if (group.length) wanted.group_by = group;
  byId("follow").disabled = true;
  byId("resume").disabled = true;
  byId("stop").disabled = false;
  connect();
}

// What a page cannot put into a WebSocket's handshake, a cookie says: a key is exchanged for one that scripts cannot read.
async function asked(method, headers = {}) {
  const answer = await fetch("../v1/session", { method, headers });
  const said = answer.status === 204 ? { session: null } : await answer.json();
  if (!answer.ok) {
    say(`${said.title}: ${said.detail}`);
    return;
  }
  session = said.session;
  byId("key").hidden = session !== null;
  byId("sign").textContent = session === null ? "Stay signed in with this key" : `Sign out (${session.name})`;
}

byId("sign").addEventListener("click", async () => {
  if (session !== null) {
    await asked("DELETE");
  } else if (byId("token").value) {
    await asked("POST", { Authorization: `Bearer ${byId("token").value}` });
    if (session !== null) byId("token").value = "";
  } else {
    say("Give a key first.");
  }
});

byId("ask").addEventListener("submit", (event) => { event.preventDefault(); held = null; begin(); });
byId("resume").addEventListener("click", begin);
byId("stop").addEventListener("click", () => {
  stopped("Stopped.");
  socket?.close(1000);
  socket = null;
});

await asked("GET");
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
