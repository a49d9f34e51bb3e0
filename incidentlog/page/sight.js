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
let [calm, releasing] = [false, false]; // whether nothing in sight was asked for since; and whether what is asked for now is out of it

/** So many more answers are awaited, or fewer. The page says how many are yet to come, and whether all of them are out of sight, for whoever styles or tests it. */
export function busy(by) {
  asking += by;
  if (by > 0) calm = releasing;
  Object.assign(document.documentElement.dataset, { reading: asking + waiting.size, below: calm });
  clearTimeout(resting);
  if (asking === 0 && waiting.size > 0) resting = setTimeout(release, calm ? 0 : QUIET_MS);
}

function release() {
  releasing = true;
  for (const ask of [...waiting].slice(0, AT_ONCE)) ask();
  releasing = false;
}

/** Ask once nothing else is awaited; not at all where it is called off before. Answers what calls it off. */
export function afterwards(ask) {
  const off = () => { if (waiting.delete(then)) busy(0); };
  const then = () => { off(); ask(); };
  waiting.add(then);
  busy(0);
  return off;
}
