// The leaf of an event: what the tree holds of it. It commits to each part and shows none.

import { concat, hex, sha256, unbase64, utf8 } from "./bytes.js";

export const PARTS = ["body", "meta", "private"];
const DIGEST = '"([0-9a-f]{64})"';
const LEAF = new RegExp(
  `^\\{"parts":\\{"body":${DIGEST},"meta":${DIGEST}(?:,"private":${DIGEST})?\\},"position":([1-9][0-9]{0,15}),` +
    '"recorded_at":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z)","v":1\\}$',
);

/** Position, instant and commitments; what is not in the one canonical form is no leaf. */
export function parseLeaf(text) {
  const found = LEAF.exec(text);
  if (!found || text.includes("\n")) throw new Error("this is no leaf in its canonical form");
  const [, body, meta, hidden, position, recordedAt] = found;
  return { position: Number(position), recordedAt, parts: { body, meta, ...(hidden === undefined ? {} : { private: hidden }) } };
}

/** A part's commitment, as a leaf writes it: SHA-256(name, 00, salt, exact text). */
export async function commitment(name, salt, text) {
  return hex(await sha256(concat(utf8(name), Uint8Array.of(0), salt, utf8(text))));
}

/** Whether a part, as an export opens it, is what the leaf committed to. */
export async function opens(name, digest, part) {
  if (typeof part?.salt !== "string" || typeof part?.text !== "string") return false;
  try {
    const salt = unbase64(part.salt);
    return salt.length === 32 && (await commitment(name, salt, part.text)) === digest;
  } catch {
    return false;
  }
}
