// A client of the live protocol (docs/live-protocol.md): it keeps rows and positions, checks the chain, and comes back.
//
//   const follower = new Follower(new URL("/v1/live", location.href), {
//     subscribe: [{ id: "cities", projection: "city_incidents", group_by: ["place"] }],
//     rows: (id, rows, changed) => ...,   // the rows as they are now, and which keys just changed
//     events: (id, items, position) => ...,
//     state: (state, why) => ...,         // connecting, live, stale, refused
//   });
//   follower.start();

const PROTOCOL = "incidentlog.live.v1";
const NO_WAY_BACK = new Set([4400, 4401, 4403, 4408, 4409, 4410]);
const MISSED_BEATS = 2.5; // after so many beats without a word the connection is taken for dead

export class Follower {
  constructor(url, { subscribe, rows = () => {}, events = () => {}, subscribed = () => {}, state = () => {}, message = () => {}, token = null }) {
    Object.assign(this, { subscribe, told: { rows, events, subscribed, state, message }, token });
    this.url = new URL(url);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.held = new Map(); // id -> {channel, epoch, position, at, version, rows}
    this.retry = { min_ms: 500, max_ms: 30_000 };
    this.wake = () => this.#awake();
  }

  start() {
    this.wanted = true;
    this.tried = 0;
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.#connect();
  }

  stop() {
    this.wanted = false;
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    clearTimeout(this.waiting);
    clearTimeout(this.silence);
    this.socket?.close(1000);
    this.socket = null;
  }

  #connect() {
    const socket = new WebSocket(this.url, PROTOCOL);
    this.socket = socket;
    if (this.tried === 0) this.told.state("connecting");
    socket.onopen = () => { if (this.token) this.#send({ type: "auth", token: this.token }); };
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      const message = JSON.parse(data);
      this.#listen();
      this.told.message(message);
      this.#take[message.type]?.call(this, message); // what is not known is ignored
    };
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      clearTimeout(this.silence);
      if (!this.wanted) return;
      if (NO_WAY_BACK.has(code)) {
        this.told.state("refused", `${code} ${reason}`);
        return;
      }
      this.told.state("stale", `${code} ${reason}`);
      const wait = Math.random() * Math.min(this.retry.max_ms, this.retry.min_ms * 2 ** this.tried++);
      this.waiting = setTimeout(() => this.#connect(), wait);
    };
  }

  /** A laptop that wakes up, or a network that is back: what the old connection says is not waited for. */
  #awake() {
    if (document.visibilityState === "hidden" || !this.wanted) return;
    if (this.socket === null) {
      clearTimeout(this.waiting);
      this.#connect();
    } else if (this.beat && Date.now() - this.heard > this.beat * MISSED_BEATS) this.#drop();
  }

  #listen() {
    this.heard = Date.now();
    if (!this.beat) return;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.#drop(), this.beat * MISSED_BEATS);
  }

  #drop() {
    const socket = this.socket;
    if (socket === null) return;
    socket.onclose({ code: 1006, reason: "silence" });
    socket.close();
  }

  #send(message) { this.socket.send(JSON.stringify(message)); }

  #by(channel) { return [...this.held.entries()].find(([, held]) => held.channel === channel) ?? [null, null]; }

  /** Whether a message goes on from what is held; if not, something was missed, and it begins anew. */
  #chained(id, held, from) {
    if (held === null) return false;
    if (from === held.position) return true;
    this.held.delete(id);
    this.#send({ type: "unsubscribe", id });
    this.#ask(this.subscribe.find((asked) => asked.id === id));
    return false;
  }

  #ask(asked) {
    const held = this.held.get(asked.id);
    if (held === undefined) this.#send({ type: "subscribe", ...asked });
    else {
      const { position, epoch, channel, at, version } = held;
      this.#send({ type: "subscribe", ...asked, from: position, epoch, channel, ...(version === null ? {} : { at, version }) });
    }
  }

  #take = {
    welcome(message) {
      this.retry = message.retry;
      this.beat = message.heartbeat_ms;
      this.tried = 0;
      for (const asked of this.subscribe) this.#ask(asked);
    },
    subscribed(message) {
      const before = this.held.get(message.id);
      const { channel, epoch, position, at, version, mode } = message;
      this.held.set(message.id, { channel, epoch, position, at, version, rows: mode === "resume" && before ? before.rows : {} });
      this.told.state("live");
      this.told.subscribed(message.id, message);
    },
    snapshot(message) {
      const [id, held] = this.#by(message.channel);
      if (held === null) return;
      if (message.part === 1) held.rows = {};
      Object.assign(held.rows, message.rows);
      Object.assign(held, { position: message.position, at: message.at });
      if (message.part === message.parts) this.told.rows(id, held.rows, new Set(), held);
    },
    update(message) {
      const [id, held] = this.#by(message.channel);
      if (!this.#chained(id, held, message.from)) return;
      for (const key of message.del) delete held.rows[key];
      Object.assign(held.rows, message.set);
      Object.assign(held, { position: message.to, at: message.at });
      this.told.rows(id, held.rows, new Set([...Object.keys(message.set), ...message.del]), held);
    },
    events(message) {
      const [id, held] = this.#by(message.channel);
      if (!this.#chained(id, held, message.from)) return;
      held.position = message.to;
      this.told.events(id, message.items, message.to);
    },
    heartbeat(message) {
      for (const [id, held] of this.held) {
        const span = message.channels[held.channel];
        if (span === undefined || !this.#chained(id, held, span[0])) continue;
        held.position = span[1];
        if (message.at > held.at) held.at = message.at;
      }
    },
    notice(message) { if (message.code === "draining" && message.retry_ms) this.retry = { ...this.retry, min_ms: message.retry_ms }; },
    error(message) { if (!message.retryable) this.told.state("refused", message.detail ?? message.title); },
  };
}
