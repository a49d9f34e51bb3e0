// Signed notes and tree heads (C2SP signed-note, tlog-checkpoint, tlog-cosignature), read byte by byte.

import { concat, hex, same, sha256, unbase64, utf8 } from "./bytes.js";

const ED25519 = 1;
const COSIGNATURE = 4;
const NAME = /^[^\s+\p{Cc}]+$/u;
const NOTE_BYTES = 1_000_000;
const SIGNATURES = 100;

/** A public key from `name+id+base64`, whose id is checked. */
export async function parseKey(text) {
  const parts = text.trim().split("+");
  const [name, id] = parts;
  if (parts.length < 3 || !NAME.test(name)) throw new Error("A key looks like  name+1a2b3c4d+AbC…= : three parts, joined by +.");
  let raw;
  try {
    raw = unbase64(parts.slice(2).join("+"));
  } catch {
    throw new Error("The last part of the key is damaged: it is not base 64.");
  }
  if (raw.length !== 33 || ![ED25519, COSIGNATURE].includes(raw[0])) throw new Error("This page does not know keys of this kind.");
  const made = (await sha256(concat(utf8(`${name}\n`), raw))).slice(0, 4);
  if (hex(made) !== id) throw new Error("The key is damaged: its second part does not fit the third. Copy it again, whole.");
  return { name, kind: raw[0], id: made, key: raw.slice(1) };
}

/** A note's text and its signatures; nothing is verified yet. */
export function parseNote(whole) {
  if (whole.length > NOTE_BYTES) throw new Error("a note may have a million characters");
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw new Error("a note has no control characters");
  const gap = whole.lastIndexOf("\n\n");
  if (gap < 0 || !whole.endsWith("\n")) throw new Error("a note is a text, an empty line, and signatures");
  const lines = whole.slice(gap + 2, -1).split("\n");
  if (lines.length > SIGNATURES) throw new Error(`a note may have ${SIGNATURES} signatures`);
  const signatures = lines.map((line) => {
    const [dash, name, value, ...more] = line.split(" ");
    if (dash !== "\u2014" || more.length || !NAME.test(name ?? "")) throw new Error("a signature line has a dash, a name and a value");
    const raw = unbase64(value);
    if (raw.length <= 4) throw new Error("a signature has its key's id and a value");
    return { name, id: raw.slice(0, 4), value: raw.slice(4) };
  });
  return { text: whole.slice(0, gap + 1), signatures };
}

/** What a note says as a tree head: whose log, how large, and the root. */
export function parseHead(text) {
  const lines = text.split("\n");
  if (lines.length < 4 || lines.at(-1) !== "" || lines.slice(0, -1).includes("")) throw new Error("a tree head has an origin, a size and a root");
  const [origin, size] = lines;
  const root = unbase64(lines[2]);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)) || root.length !== 32) {
    throw new Error("a tree head has a decimal size and a root of 32 bytes");
  }
  return { origin, size: Number(size), root };
}

/** "yes", "no", "absent" (this key did not sign), or "unable" (the browser has no Ed25519). */
export async function isSigned(note, key) {
  const by = note.signatures.filter((s) => s.name === key.name && same(s.id, key.id));
  if (!by.length) return "absent";
  let publicKey;
  try {
    publicKey = await crypto.subtle.importKey("raw", key.key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return "unable";
  }
  let [message, value] = [utf8(note.text), by[0].value];
  if (key.kind === COSIGNATURE) {
    if (value.length !== 72) return "no";
    const seconds = new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0);
    message = utf8(`cosignature/v1\ntime ${seconds}\n${note.text}`);
    value = value.slice(8);
  }
  return (await crypto.subtle.verify({ name: "Ed25519" }, publicKey, value, message)) ? "yes" : "no";
}
