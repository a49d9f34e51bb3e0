// What is out of sight is asked for after what is in sight has come, some parts at a time, or as soon as it is scrolled near.
import { createContext, html, useContext, useEffect, useRef, useState } from "./html.js";

const NEAR = "10% 0px"; // of the window's height, above and below
const QUIET_MS = 120; // after the last answer; somebody who drags asks again sooner
const AT_ONCE = 4;
const Sight = createContext(true);

export const useSight = () => useContext(Sight);

/** A part of the page that may be out of sight; on paper everything is in sight. */
export function Below({ children }) {
  const box = useRef();
  const [near, come] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver(([seen]) => come(seen.isIntersecting), { rootMargin: NEAR });
    const print = () => come(true);
    watch.observe(box.current);
    addEventListener("beforeprint", print);
    return () => { watch.disconnect(); removeEventListener("beforeprint", print); };
  }, []);
  return html`<div ref=${box}><${Sight.Provider} value=${near}>${children}</${Sight.Provider}></div>`;
}

/** How many pixels wide a box is, `least` or more, and `first` until it is known; `paper` is how wide it is on A4, of which no observer is told. */
export function useWide(box, { least, first, paper }) {
  const [wide, measure] = useState(first);
  useEffect(() => {
    let own = first;
    const seen = new ResizeObserver(([entry]) => measure(own = Math.max(least, Math.round(entry.contentRect.width))));
    const [print, printed] = [() => measure(paper), () => measure(own)];
    seen.observe(box.current);
    addEventListener("beforeprint", print);
    addEventListener("afterprint", printed);
    return () => { seen.disconnect(); removeEventListener("beforeprint", print); removeEventListener("afterprint", printed); };
  }, []);
  return wide;
}

const waiting = new Set(); // what is asked for once nothing else is
let asking = 0; // answers that are awaited
let resting = null;
let looked = 0; // when something in sight was last awaited
let [calm, releasing] = [false, false]; // whether nothing in sight was asked for since; and whether what is asked for now is out of it
let next = null; // the step that is made once what is in sight has been drawn
let ahead = null; // what is asked for then, as it may be what is wanted next
let sliding = false; // whether one step follows another, until they rest

/** So many more answers are awaited, or fewer. The page says how many are yet to come, and whether all of them are out of sight, for whoever styles or tests it. */
export function busy(by) {
  asking += by;
  if (by > 0) calm = releasing;
  if (!calm) looked = performance.now();
  Object.assign(document.documentElement.dataset, { reading: asking + waiting.size, below: calm });
  clearTimeout(resting);
  if (next !== null && isDrawn()) requestAnimationFrame(step);
  else if (asking === 0 && ahead !== null) requestAnimationFrame(foresee);
  else if (asking === 0 && waiting.size > 0) resting = setTimeout(release, Math.max(0, looked + QUIET_MS - performance.now()));
}

const isDrawn = () => asking === 0 || calm;

/** What is asked for by `ask` is out of sight. */
function outOfSight(ask) {
  releasing = true;
  ask();
  releasing = false;
}

function release() {
  sliding = false;
  outOfSight(() => { for (const ask of [...waiting].slice(0, AT_ONCE)) ask(); });
}

function step() {
  if (next === null || !isDrawn()) return;
  const make = next;
  next = null;
  stir();
  make();
}

function foresee() {
  if (ahead === null || asking > 0) return;
  const ask = ahead;
  ahead = null;
  outOfSight(ask);
  busy(0);
}

/**
 * A step of dragging or playing: made at once, or when the one before has been drawn, so that what is not looked at any more is not
 * asked for on end; of several meanwhile only the last is. `likely` asks for what the step after it may want.
 */
export function inTurn(make, likely = null) {
  sliding = true;
  ahead = null;
  next = () => { make(); ahead = likely; };
  if (isDrawn()) step();
}

/** No further step is made: something else was chosen. */
export function rest() {
  [sliding, next, ahead] = [false, null, null];
  stir();
}

/** Something in sight is about to be asked for, once it is drawn: what is out of sight has heard of it as well, and is not to come first. */
function stir() {
  looked = performance.now();
}

/** Whether one step follows another, so that only what is looked at meanwhile is asked for at once; and whether one awaits its turn. */
export const isSliding = () => sliding;
export const isDue = () => next !== null;

/** Somebody in sight waits for what was asked for out of it. */
export function seen() {
  if (releasing || !calm) return;
  calm = false;
  busy(0);
}

/** Ask once nothing else is awaited; not at all where it is called off before. Answers what calls it off. */
export function afterwards(ask) {
  const off = () => { if (waiting.delete(then)) busy(0); };
  const then = () => { off(); ask(); };
  waiting.add(then);
  busy(0);
  return off;
}
