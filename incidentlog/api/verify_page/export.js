// An export: the leaves of a stretch of the log, the parts that are opened, and the tree head that covers them.

import { concat, hex, sha256, unbase64, utf8 } from "./bytes.js";
import { PARTS, opens, parseLeaf } from "./leaf.js";
import { Edge, leafHash } from "./merkle.js";
import { parseHead, parseNote } from "./note.js";

/** Lines hashed side by side; the browser stays usable in between. */
const BATCH = 512;
const LINE_BYTES = 16 * 1024 * 1024;
/** How many events are read again at a time, to be shown. */
export const PAGE = 100;
const LINE_END = 10;
const FORMAT = "incidentlog-export";
const VERSION = 1;
const MANIFEST_BYTES = 1024 * 1024;
/** Files larger than this are not hashed whole: a browser has to hold them in memory for it. */
export const HASHED_BYTES = 512 * 1024 * 1024;

/** A file's lines as they are, without their ends, and the byte at which each starts; it is never in memory as a whole. */
export async function* lines(file) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const reader = file.stream().getReader();
  let rest = new Uint8Array();
  let start = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rest = concat(rest, value);
    let from = 0;
    for (let end = rest.indexOf(LINE_END); end !== -1; end = rest.indexOf(LINE_END, from)) {
      yield { text: decoder.decode(rest.subarray(from, end)), start: start + from };
      from = end + 1;
    }
    rest = rest.subarray(from);
    start += from;
    if (rest.length > LINE_BYTES) throw new Error("a line is too long");
  }
  if (rest.length) yield { text: decoder.decode(rest), start };
}

/** What one line holds: its leaf, which of its parts are opened as they were committed to, and what is wrong. */
async function readLine(line) {
  let said;
  try {
    said = JSON.parse(line);
  } catch {
    return { fault: "is no line of an export" };
  }
  const hash = typeof said?.leaf === "string" ? leafHash(utf8(said.leaf)) : null;
  let leaf;
  try {
    leaf = parseLeaf(said.leaf);
  } catch {
    return { fault: "has no leaf in its canonical form" };
  }
  const parts = said.parts;
  if (typeof parts !== "object" || parts === null) return { fault: "says nothing of its parts" };
  const opened = {};
  let fault = null;
  for (const name of Object.keys(parts)) {
    if (!PARTS.includes(name) || !(name in leaf.parts)) fault = `has a part “${name}” that was never part of the event`;
  }
  for (const [name, digest] of Object.entries(leaf.parts)) {
    if (!(name in parts)) fault = `leaves out its part “${name}”, even that it is withheld`;
    else if (parts[name] !== null && !(await opens(name, digest, parts[name]))) {
      fault = `has a part “${name}” that is not what was recorded`;
    } else if (parts[name] !== null) opened[name] = parts[name].text;
  }
  return { leaf, hash: await hash, opened, closed: PARTS.filter((name) => parts[name] === null), fault };
}

/**
 * Read the events of an export and add them to the tree. `progress` is told how many there were. Answers counts, the
 * first fault with its position, and `pages`: at which byte every so many-th event starts.
 */
export async function readEvents(file, edge, { sizes = [], progress = () => {} } = {}) {
  const counts = { events: 0, opened: { body: 0, meta: 0, private: 0 }, closed: { body: 0, meta: 0, private: 0 } };
  const roots = new Map();
  const pages = [];
  const first = edge.size + 1;
  let fault = null;
  let latest = "";
  const wanted = new Set(sizes);
  if (wanted.has(edge.size)) roots.set(edge.size, await edge.root());
  const take = async (batch) => {
    const found = await Promise.all(batch.map(({ text }) => readLine(text)));
    for (const [n, read] of found.entries()) {
      const position = edge.size + 1;
      const wrong = read.fault ?? (read.leaf.position === position ? null : `says it is number ${read.leaf.position}`);
      if (wrong) fault ??= { position, detail: wrong };
      if (!read.hash) return false;
      if (read.leaf.recordedAt < latest) fault ??= { position, detail: "says it was recorded before the one in front of it" };
      latest = read.leaf.recordedAt;
      await edge.add(read.hash);
      if (counts.events % PAGE === 0) pages.push(batch[n].start);
      counts.events += 1;
      for (const name of Object.keys(read.leaf.parts)) {
        if (name in read.opened) counts.opened[name] += 1;
        else if (read.closed.includes(name)) counts.closed[name] += 1;
      }
      if (wanted.has(edge.size)) roots.set(edge.size, await edge.root());
    }
    progress(counts.events);
    return true;
  };
  let batch = [];
  let going = true;
  for await (const line of lines(file)) {
    batch.push(line);
    if (batch.length === BATCH) {
      going = await take(batch);
      batch = [];
      if (!going) break;
      await new Promise((resume) => setTimeout(resume));
    }
  }
  if (going) await take(batch);
  return { first, counts, fault, latest, roots, pages };
}

/** The events of one page, read again: `pages` and `events` are what `readEvents` answered. */
export async function readPage(file, pages, events, page) {
  const found = [];
  const most = Math.min(PAGE, events - page * PAGE);
  for await (const { text } of lines(file.slice(pages[page], pages[page + 1]))) {
    found.push(await readLine(text));
    if (found.length === most) break;
  }
  return found;
}

/** Whether each file is the one that the manifest tells of: by name "same", "other", "missing" or "unread". */
export async function checkFiles(listed, files) {
  const told = {};
  for (const [name, said] of Object.entries(listed)) {
    const file = files.get(name);
    if (!file) told[name] = "missing";
    else if (file.size !== said?.bytes) told[name] = "other";
    else if (file.size > HASHED_BYTES) told[name] = "unread";
    else told[name] = hex(await sha256(new Uint8Array(await file.arrayBuffer()))) === said.sha256 ? "same" : "other";
  }
  return told;
}

/** What an export says of itself: its range, the tree in front of that, and what leads from its end to the signed head. */
export async function readManifest(file) {
  if (file.size > MANIFEST_BYTES) throw new Error("The manifest is too large");
  let manifest;
  try {
    manifest = JSON.parse(await file.text());
  } catch {
    throw new Error("The manifest cannot be read: it is no JSON");
  }
  if (manifest?.format !== FORMAT) throw new Error("The manifest is not one of an export of an incident log");
  if (manifest.version !== VERSION) throw new Error(`This page reads exports of version ${VERSION}, and this is another. Use the page of a newer log`);
  try {
    const { after, to, frontier, consistency, files } = manifest;
    if (![after, to].every(Number.isSafeInteger) || after < 0 || after > to || typeof files !== "object") throw new Error();
    return { manifest, edge: new Edge(after, frontier.map(unbase64)), consistency: consistency.map(unbase64) };
  } catch {
    throw new Error("The manifest does not say what an export has to say");
  }
}

export async function readHead(file) {
  const note = parseNote(await file.text());
  return { note, head: parseHead(note.text) };
}
