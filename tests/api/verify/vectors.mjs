// Reads questions as JSON from stdin and answers each with what the page's modules make of it. Run by test_verify.py.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder] = process.argv;
const load = (name) => import(pathToFileURL(`${folder}/${name}.js`));
const [bytes, merkle, note, leaf, proof, exported] = await Promise.all(
  ["bytes", "merkle", "note", "leaf", "proof", "export"].map(load),
);
const { hex, unhex, utf8 } = bytes;

const ask = {
  leafHash: async ({ leaf }) => hex(await merkle.leafHash(unhex(leaf))),
  roots: async ({ leaves }) => {
    const edge = new merkle.Edge();
    const roots = [hex(await edge.root())];
    for (const each of leaves) {
      await edge.add(await merkle.leafHash(unhex(each)));
      roots.push(hex(await edge.root()));
    }
    return roots;
  },
  inclusion: async ({ leaf, index, size, path }) => hex(await merkle.rootOfInclusion(unhex(leaf), index, size, path.map(unhex))),
  consistency: ({ old, oldRoot, size, root, path }) =>
    merkle.isConsistent(old, unhex(oldRoot), size, unhex(root), path.map(unhex)),
  key: async ({ vkey }) => {
    const { name, kind, id, key } = await note.parseKey(vkey);
    return [name, kind, hex(id), hex(key)];
  },
  note: ({ whole }) => {
    const { text, signatures } = note.parseNote(whole);
    return [text, signatures.map((s) => [s.name, hex(s.id), hex(s.value)])];
  },
  head: ({ text }) => {
    const { origin, size, root } = note.parseHead(text);
    return [origin, size, hex(root)];
  },
  signed: async ({ whole, vkey }) => note.isSigned(note.parseNote(whole), await note.parseKey(vkey)),
  leaf: ({ text }) => leaf.parseLeaf(text),
  opens: ({ name, digest, part }) => leaf.opens(name, digest, part),
  proof: async ({ text }) => proof.checkProof(proof.parseProof(text)),
  events: async ({ text, sizes }) => {
    const edge = new merkle.Edge();
    const { counts, fault, roots } = await exported.readEvents(new Blob([utf8(text)]), edge, { sizes });
    return { counts, fault, root: hex(await edge.root()), roots: Object.fromEntries([...roots].map(([n, r]) => [n, hex(r)])) };
  },
};

const questions = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const { ask: what, ...question } of questions) {
  try {
    answers.push({ ok: await ask[what](question) });
  } catch (error) {
    answers.push({ refused: String(error.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(answers));
