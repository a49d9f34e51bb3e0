// What is asked of the service. Answers are kept by their address, so that going back and forth in time asks nothing twice.
import { useEffect, useRef, useState } from "./html.js";
import { afterwards, busy, isSliding, seen, useSight } from "./sight.js";
import { log } from "./state.js";

const KEPT = 600; // answers
const PATIENCE = 60; // seconds that one answer is waited for where the service says when to ask again
const kept = new Map(); // address -> {answer} or {asking}
const refused = new Set(); // who is told when a key is needed
const base = new URL("..", import.meta.url); // the service may be served under a path
/** In a frame it asks as nobody: what the session's cookie opens is shown in no other page, also where a browser would send it. */
const CREDENTIALS = /\/embed$/.test(location.pathname) ? "omit" : "same-origin";

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? String(status));
    Object.assign(this, { status, problem });
  }
}

export const onRefused = (told) => refused.add(told);

/** An address of the API. What is live is asked again for each position that the log has reached. */
export function address(path, params) {
  const url = new URL(`v1/${path}`, base);
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined) url.searchParams.append(name, one);
  }
  return url;
}

/** One answer. Raises Refused, or AbortError where nobody waits for it any more. */
export async function read(url, signal) {
  const key = String(url);
  const found = kept.get(key);
  if (found) {
    kept.delete(key);
    kept.set(key, found); // the last one asked for is the last one forgotten
    return found;
  }
  if (flights.has(key)) seen();
  const flight = flights.get(key) ?? takeOff(url, key);
  flight.waiting += 1;
  const leave = () => { flight.waiting -= 1; if (flight.waiting === 0) flight.given.abort(); }; // the last one who waits
  signal?.addEventListener("abort", leave, { once: true });
  try {
    return await flight.answer;
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

const flights = new Map(); // address -> {answer, given, waiting}: two parts that ask the same ask once

function takeOff(url, key) {
  const flight = { given: new AbortController(), waiting: 0 };
  flights.set(key, flight);
  flight.answer = ask(url, key, flight.given.signal).finally(() => { if (flights.get(key) === flight) flights.delete(key); });
  flight.given.signal.addEventListener("abort", () => { if (flights.get(key) === flight) flights.delete(key); });
  return flight;
}

async function ask(url, key, signal) {
  let response, body;
  busy(1);
  try {
    response = await patiently(url, signal);
    body = await response.json();
  } finally {
    busy(-1);
  }
  if (!response.ok) {
    if (response.status === 401) for (const told of refused) told();
    throw new Refused(response.status, body);
  }
  kept.set(key, body);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return body;
}

/** What the service answers, asked for again where it has no room now (429, 503) and says when it may (Retry-After). */
async function patiently(url, signal) {
  for (let left = PATIENCE; ; ) {
    const response = await fetch(url, { signal, credentials: CREDENTIALS, headers: { Accept: "application/json, application/geo+json" } });
    const seconds = Number(response.headers.get("Retry-After"));
    left -= seconds;
    if (![429, 503].includes(response.status) || !(seconds > 0) || left < 0) return response;
    await pause(seconds * (1 + Math.random()), signal); // not all at once
  }
}

const pause = (seconds, signal) => new Promise((done, fail) => {
  const waiting = setTimeout(done, seconds * 1000);
  signal.addEventListener("abort", () => { clearTimeout(waiting); fail(signal.reason); }, { once: true });
});

export const forget = () => kept.clear();

/** All pages of an answer as one; `join` puts a further page to those before. */
export async function readAll(url, join, signal, most = 20) {
  let whole = await read(url, signal);
  for (let next = whole.next, n = 1; next && n < most; n += 1) {
    const page = await read(new URL(next, url), signal);
    whole = join(whole, page);
    next = page.next;
  }
  return whole;
}

export const joinRows = (a, b) => ({ ...a, rows: { ...a.rows, ...b.rows }, next: b.next });

/** The parameters of a question, which with everything at "now" is about no less of the log than was heard of: one that names no state of knowledge. */
export const fresh = (params) => (log.position === null || THEN.some((name) => name in params) ? params : { ...params, min_position: log.position });
const THEN = ["at", "known_at", "at_position", "to_known"];

/** File an answer that was asked for before it was known how far the log is under its question as it is asked from now on. */
export function adopt(path, params, answer) {
  if (answer.basis.position >= log.position) kept.set(String(address(path, fresh(params))), answer);
}

/**
 * An answer for a component: {data, fault, stale}. While another is on its way, or waits until it is in sight, the one before stays, as
 * `stale`. `rests`: while one day follows another it is asked for once they rest. `later`: as if it were out of sight.
 */
export function useRead(path, params, { all = false, rests = false, later = false } = {}) {
  const [held, hold] = useState({ key: null, data: null, fault: null });
  const asked = path === null ? null : address(path, fresh(params));
  const key = asked === null ? null : String(asked);
  const latest = useRef(key);
  latest.current = key;
  const inSight = useSight();
  useEffect(() => {
    if (key === null || held.key === key) return undefined;
    const given = new AbortController();
    const ask = () => (all ? readAll(asked, joinRows, given.signal) : read(asked, given.signal)).then(
      (data) => latest.current === key && hold({ key, data, fault: null }),
      (fault) => fault.name !== "AbortError" && latest.current === key && hold((before) => ({ key, data: before.data, fault })),
    );
    const off = (inSight && !later && !(rests && isSliding())) || kept.has(key) ? void ask() : afterwards(ask);
    return () => { off?.(); given.abort(); };
  }, [key, inSight]);
  const known = key === null ? null : kept.get(key);
  if (known && held.key !== key && !all) return { data: known, fault: null, stale: false };
  return { data: key === null ? null : held.data, fault: held.key === key ? held.fault : null, stale: key !== null && held.key !== key };
}
