// Following: with everything at "now", whatever the log takes in is shown within a second, and what moved is marked.
import { Follower } from "./follow.js";
import { useEffect, useState } from "./html.js";
import { isLive, log, useStore } from "./state.js";

export const moved = new Set(); // places and streams that just moved
const MARKED_MS = 6_000;
const REST_MS = 400; // at most so often everything is asked again
const heard = new Set();
export const link = { state: "off", since: null, why: null }; // off, connecting, live, stale, refused
let resting = null;
let beats = 0;

const tell = () => { beats += 1; for (const hear of heard) hear(beats); };

/** Drawn anew whenever something moved, or the connection is another one. */
export function useLive() {
  const [, hold] = useState(0);
  useEffect(() => {
    heard.add(hold);
    return () => heard.delete(hold);
  }, []);
  return link;
}

function grown(position, events) {
  for (const event of events) {
    for (const what of [event.place?.resolved?.place_id ?? event.place?.place_id, event.stream, event.id]) if (what) mark(what);
  }
  log.reached = Math.max(log.reached ?? 0, position);
  if (resting !== null || log.reached === log.position) return;
  resting = setTimeout(() => { resting = null; log.position = log.reached; tell(); }, log.position === null ? 0 : REST_MS / 2);
}

function mark(what) {
  moved.add(what);
  setTimeout(() => { moved.delete(what); tell(); }, MARKED_MS);
}

let follower = null;
/** Follow as long as the state is that of now. */
export function useFollowing() {
  const s = useStore();
  const wanted = isLive(s);
  useEffect(() => {
    if (!wanted) return undefined;
    const said = (state, more = {}) => { Object.assign(link, { state, since: Date.now() }, more); tell(); };
    follower = new Follower(new URL("../v1/live", import.meta.url), {
      subscribe: [{ id: "events", projection: "events" }, { id: "ceasefires", projection: "ceasefire_status" }],
      subscribed: (id, message) => { if (id === "events") grown(message.position, []); },
      events: (id, items, position) => grown(position, items),
      rows: (id, rows, changed, held) => { if (changed.size) grown(held.position, []); }, // the clock moved a ceasefire, or an event did
      state: (state, why) => { if (link.state !== state) said(state, { why }); },
    });
    follower.start();
    return () => { follower.stop(); follower = null; said("off"); };
  }, [wanted]);
}
