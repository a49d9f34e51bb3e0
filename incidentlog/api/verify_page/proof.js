// A proof that stands by itself: that an event is in a log that somebody signed (C2SP tlog-proof).

import { same, unbase64, utf8 } from "./bytes.js";
import { parseLeaf } from "./leaf.js";
import { leafHash, rootOfInclusion } from "./merkle.js";
import { parseHead, parseNote } from "./note.js";

export const HEADER = "c2sp.org/tlog-proof@v1";

export function parseProof(text) {
  const gap = text.indexOf("\n\n");
  const [header, extra, index, ...path] = text.slice(0, Math.max(gap, 0)).split("\n");
  const told = /^index (0|[1-9][0-9]{0,15})$/.exec(index ?? "");
  if (header !== HEADER || !extra?.startsWith("extra ") || !told) throw new Error("this is no proof of an event, with its leaf");
  const note = parseNote(text.slice(gap + 2));
  const leaf = new TextDecoder("utf-8", { fatal: true }).decode(unbase64(extra.slice(6)));
  return { leaf, index: Number(told[1]), path: path.map(unbase64), note, head: parseHead(note.text) };
}

/** What the proof says of its leaf; throws where it does not prove it. The signature is another question. */
export async function checkProof(proof) {
  const leaf = parseLeaf(proof.leaf);
  if (leaf.position !== proof.index + 1) throw new Error(`the event says position ${leaf.position}, and stands at ${proof.index + 1}`);
  const root = await rootOfInclusion(await leafHash(utf8(proof.leaf)), proof.index, proof.head.size, proof.path);
  if (!same(root, proof.head.root)) throw new Error(`the log of ${proof.head.size} events holds something else at position ${leaf.position}`);
  return leaf;
}
