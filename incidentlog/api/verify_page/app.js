// The page: takes files and a key, runs the checks, and shows the report. It connects to nothing.

import { base64, same } from "./bytes.js";
import { PAGE, checkFiles, readEvents, readHead, readManifest, readPage } from "./export.js";
import { isConsistent } from "./merkle.js";
import { isSigned, parseHead, parseKey, parseNote } from "./note.js";
import { HEADER, checkProof, parseProof } from "./proof.js";
import { onExport, onProof, unreadable } from "./report.js";

const FILES = 64;
const SMALL = 1_000_000;
const SIGNS = { good: "✓", care: "!", bad: "✕" };

const at = (id) => document.getElementById(id);
const made = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};

let files = new Map();
let list = null; // the events that were read: {file, pages, first, events, page}
let turn = 0; // the newest question; an older one that is still being answered is dropped
const told = document.documentElement.dataset; // for whoever waits for the page: which question was asked, and answered

// ------------------------------------------------------------------------------------------------- taking files

async function entriesIn(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const each of some) if (each.isFile && found.length < FILES) found.push(...(await entriesIn(each)));
  }
}

function take(list) {
  files = new Map([...list].slice(0, FILES).map((file) => [file.name, file]));
  at("chosen").replaceChildren(...[...files.keys()].map((name) => made("li", name)));
  check();
}

function listen() {
  const drop = at("drop");
  for (const type of ["dragover", "dragenter"]) {
    addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const type of ["dragleave", "drop"]) addEventListener(type, () => drop.classList.remove("over"));
  addEventListener("drop", async (event) => {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const found = entries.length ? (await Promise.all(entries.map(entriesIn))).flat() : [...event.dataTransfer.files];
    if (found.length) take(found);
  });
  at("newer").addEventListener("click", () => turnTo(list.page + 1));
  at("older").addEventListener("click", () => turnTo(list.page - 1));
  at("pager").addEventListener("submit", (event) => {
    event.preventDefault();
    turnTo(Math.floor((at("number").valueAsNumber - list.first) / PAGE));
  });
  for (const id of ["files", "folder"]) at(id).addEventListener("change", (event) => event.target.files.length && take(event.target.files));
  let pause;
  for (const id of ["key", "earlier"]) {
    at(id).addEventListener("input", () => {
      told.asked = turn += 1;
      clearTimeout(pause);
      pause = setTimeout(check, 300);
    });
  }
}

// ---------------------------------------------------------------------------------------------------- checking

async function given(id, parse) {
  const text = at(id).value;
  at(`${id}-fault`).textContent = "";
  if (!text.trim()) return null;
  try {
    return await parse(text);
  } catch (error) {
    at(`${id}-fault`).textContent = error.message;
    return null;
  }
}

function parseEarlier(text) {
  let head;
  try {
    head = parseHead(parseNote(`${text.trim()}\n`).text);
  } catch {
    throw new Error("This is no signed head: it has a name, a number, a line of letters, an empty line, and signatures.");
  }
  return head;
}

async function signatureOn(note, head, key) {
  if (!key) return "none";
  return key.name === head.origin || key.kind !== 1 ? isSigned(note, key) : "foreign";
}

async function check() {
  const mine = (turn += 1);
  told.asked = mine;
  const key = await given("key", parseKey);
  const earlier = await given("earlier", parseEarlier);
  if (mine !== turn) return;
  if (!files.size) {
    told.settled = mine;
    return;
  }
  at("result").hidden = true;
  at("working").hidden = false;
  at("progress").removeAttribute("value");
  at("progress-text").textContent = "Reading …";
  let answer;
  try {
    answer = await judge(key, earlier, (events) => {
      if (mine !== turn) return;
      at("progress").value = events;
      at("progress-text").textContent = `${events.toLocaleString("en-GB")} events checked …`;
    });
  } catch (error) {
    answer = { report: unreadable(`${error.message}.`.replace(/\.\.$/, ".")) };
  }
  if (mine !== turn) return;
  at("working").hidden = true;
  await show(answer);
  told.settled = mine;
}

async function judge(key, earlier, progress) {
  if (!globalThis.crypto?.subtle) {
    throw new Error("This browser does arithmetic on files only for pages from https or from your own machine. Open it there, or use  incidentlog verify");
  }
  const proof = await proofAmong(files.values());
  if (proof) return judgeProof(proof, key, earlier);
  const missing = ["manifest.json", "checkpoint", "events.ndjson"].filter((name) => !files.has(name));
  if (missing.length) {
    throw new Error(`An export has ${missing.join(" and ")} too. Choose all of its files together, or drop its folder`);
  }
  return judgeExport(key, earlier, progress);
}

async function proofAmong(all) {
  for (const file of all) {
    if (file.size < SMALL && (await file.slice(0, HEADER.length).text()) === HEADER) return file.text();
  }
  return null;
}

async function judgeProof(text, key, earlier) {
  const proof = parseProof(text);
  const head = { ...proof.head, rootText: base64(proof.head.root) };
  let [leaf, fault] = [null, null];
  try {
    leaf = await checkProof(proof);
  } catch (error) {
    fault = error.message;
  }
  const signature = await signatureOn(proof.note, head, key);
  const before = earlier && { size: earlier.size, state: againstHead(earlier, head) };
  return { report: onProof({ head, key, signature, earlier: before, leaf, fault }) };
}

function againstHead(earlier, head) {
  if (earlier.origin !== head.origin) return "foreign";
  if (earlier.size !== head.size) return "unproven";
  return same(earlier.root, head.root) ? "same" : "other";
}

async function judgeExport(key, earlier, progress) {
  const { note, head: signedHead } = await readHead(files.get("checkpoint"));
  const head = { ...signedHead, rootText: base64(signedHead.root) };
  const { manifest, edge, consistency } = await readManifest(files.get("manifest.json"));
  at("progress").max = Math.max(manifest.to - manifest.after, 1);
  const file = files.get("events.ndjson");
  const read = await readEvents(file, edge, {
    sizes: earlier ? [earlier.size] : [],
    progress,
  });
  const whole = edge.size === manifest.to;
  const report = onExport({
    head, key, manifest,
    ...read,
    rootFits: whole && (await isConsistent(edge.size, await edge.root(), head.size, head.root, consistency)),
    complete: manifest.to === head.size,
    signature: await signatureOn(note, head, key),
    earlier: earlier && { size: earlier.size, state: earlierIn(earlier, head, manifest, read) },
    files: await checkFiles(manifest.files, files),
  });
  return { report, read: { file, pages: read.pages, first: read.first, events: read.counts.events, fault: read.fault } };
}

function earlierIn(earlier, head, manifest, read) {
  if (earlier.origin !== head.origin) return "foreign";
  if (earlier.size > head.size) return "cut";
  if (earlier.size > manifest.to) return "later";
  if (earlier.size < manifest.after) return "before";
  const root = read.roots.get(earlier.size);
  return root && same(root, earlier.root) ? "same" : "other";
}

// ----------------------------------------------------------------------------------------------------- showing

async function show({ report, read = null }) {
  at("banner").className = `banner ${report.verdict}`;
  at("sign").textContent = SIGNS[report.verdict];
  at("verdict").textContent = report.title;
  at("lead").textContent = report.lead;
  for (const name of ["wrong", "proven", "open", "said"]) {
    at(name).replaceChildren(...report[name].map((text) => made("li", text)));
    at(`${name}-box`).hidden = !report[name].length;
  }
  at("facts").replaceChildren(...report.facts.flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
  at("facts").parentElement.hidden = !report.facts.length;
  list = read;
  at("events-box").hidden = !read?.events;
  // The newest events, unless one of them does not fit: that one.
  if (read?.events) await turnTo(Math.floor(((read.fault?.position ?? Infinity) - read.first) / PAGE));
  at("result").hidden = false;
  at("result").focus({ preventScroll: true });
  at("result").scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** Show a page of the events, the newest first; pages are counted from the oldest. One that there is not means the nearest. */
async function turnTo(page) {
  const { file, pages, first, events } = list;
  const mine = (list.page = Math.max(0, Math.min(page || 0, pages.length - 1)));
  let found = [];
  let fault = "";
  try {
    found = await readPage(file, pages, events, mine);
  } catch {
    fault = " They cannot be read any more: the file was moved or changed. Choose it again.";
  }
  if (list?.file !== file || list.page !== mine) return;
  const start = first + mine * PAGE;
  const numbers = [start, start + Math.min(PAGE, events - mine * PAGE) - 1, events].map((n) => n.toLocaleString("en-GB"));
  at("events-note").textContent = `Number ${numbers[0]} to ${numbers[1]}, the newest first. ${numbers[2]} were checked.${fault}`;
  at("events").replaceChildren(...found.reverse().map(row));
  at("pager").hidden = pages.length === 1;
  at("number").min = first;
  at("number").max = first + events - 1;
  const pressed = document.activeElement;
  at("newer").disabled = mine === pages.length - 1;
  at("older").disabled = mine === 0;
  if (pressed.disabled) at("events-note").focus(); // it leads nowhere now
}

function row({ leaf, opened, fault }) {
  const read = (name) => {
    try {
      return name in opened ? JSON.parse(opened[name]) : null;
    } catch {
      return opened[name];
    }
  };
  const [meta, body, hidden] = ["meta", "body", "private"].map(read);
  const item = made("details");
  const head = made("summary");
  const what = made("span", meta?.type ?? "An event that is not shown", "what");
  what.append(made("small", [meta?.stream, `${leaf.recordedAt.slice(0, 16).replace("T", " ")} UTC`].filter(Boolean).join(" · ")));
  head.append(made("span", `No. ${leaf.position}`, "at"), what);
  const tag = fault ? "does not fit" : body === null ? "not opened" : "private" in leaf.parts && hidden === null ? "private part closed" : null;
  if (tag) head.append(made("span", tag, "tag care"));
  const said = Object.fromEntries(Object.entries({ body, private: hidden, meta }).filter(([, value]) => value !== null));
  item.append(head);
  // Made when it is opened: five hundred of them would take their time.
  item.addEventListener("toggle", () => item.querySelector("pre") ?? item.append(made("pre", Object.keys(said).length ? JSON.stringify(said, null, 2) : "Only its fingerprints are here.")), { once: true });
  return item;
}

listen();
