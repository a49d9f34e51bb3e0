// The Merkle tree of RFC 6962 (RFC 9162, section 2.1). Leaves count from 0, positions in the log from 1.

import { concat, same, sha256 } from "./bytes.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (leaf) => sha256(concat(LEAF, leaf));
export const nodeHash = (left, right) => sha256(concat(NODE, left, right));
export const emptyRoot = () => sha256(new Uint8Array());

/** The largest power of two below a width: how many leaves go left. Sizes pass 2^31, so no bit operators. */
export function split(width) {
  let power = 1;
  while (power * 2 < width) power *= 2;
  return power;
}

/** Which subtrees a proof of inclusion tells, from the leaf's sibling up. */
export function inclusionSpans(index, size) {
  const spans = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + split(end - start);
    if (index < middle) {
      spans.push([middle, end]);
      end = middle;
    } else {
      spans.push([start, middle]);
      start = middle;
    }
  }
  return spans.reverse();
}

/** The root that a leaf's hash and its proof lead to. */
export async function rootOfInclusion(leaf, index, size, proof) {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size)) {
    throw new Error(`a tree of ${size} has no leaf ${index}`);
  }
  const spans = inclusionSpans(index, size);
  if (proof.length !== spans.length) {
    throw new Error(`a proof for leaf ${index} of ${size} has ${spans.length} hashes, not ${proof.length}`);
  }
  let made = leaf;
  for (const [n, [start]] of spans.entries()) {
    made = start > index ? await nodeHash(made, proof[n]) : await nodeHash(proof[n], made);
  }
  return made;
}

/** Which subtrees a proof tells that a tree grew out of a smaller one, the smallest first. */
export function consistencySpans(old, size) {
  if (old === 0 || old === size) return [];
  const spans = [];
  let [start, end] = [0, size];
  while (end !== old) {
    const middle = start + split(end - start);
    if (old <= middle) {
      spans.push([middle, end]);
      end = middle;
    } else {
      spans.push([start, middle]);
      start = middle;
    }
  }
  if (start) spans.push([start, end]);
  return spans.reverse();
}

/** Whether a tree grew out of a smaller one without a change to what that held. */
export async function isConsistent(old, oldRoot, size, root, proof) {
  if (!(Number.isSafeInteger(old) && Number.isSafeInteger(size) && old >= 0 && old <= size)) return false;
  const spans = consistencySpans(old, size);
  if (proof.length !== spans.length) return false;
  if (old === size) return same(oldRoot, root);
  if (old === 0) return same(oldRoot, await emptyRoot());
  const told = spans[0][1] === old;
  let was = told ? proof[0] : oldRoot;
  let now = was;
  for (let n = told ? 1 : 0; n < spans.length; n += 1) {
    if (spans[n][0] < old) {
      now = await nodeHash(proof[n], now);
      was = await nodeHash(proof[n], was);
    } else {
      now = await nodeHash(now, proof[n]);
    }
  }
  return same(was, oldRoot) && same(now, root);
}

/** A tree that leaves are added to, of which only the perfect subtrees at its edge are kept. */
export class Edge {
  constructor(size = 0, hashes = []) {
    this.size = size;
    this.subtrees = [];
    let left = size;
    for (const hash of hashes) {
      let width = 1;
      while (width * 2 <= left) width *= 2;
      this.subtrees.push({ width, hash });
      left -= width;
    }
    if (left !== 0 || this.subtrees.some(({ hash }) => hash?.length !== 32)) {
      throw new Error(`these are not the subtrees of a tree of ${size}`);
    }
  }

  async add(hash) {
    let made = { width: 1, hash };
    while (this.subtrees.at(-1)?.width === made.width) {
      const left = this.subtrees.pop();
      made = { width: made.width * 2, hash: await nodeHash(left.hash, made.hash) };
    }
    this.subtrees.push(made);
    this.size += 1;
  }

  async root() {
    if (!this.subtrees.length) return emptyRoot();
    let made = this.subtrees.at(-1).hash;
    for (let n = this.subtrees.length - 2; n >= 0; n -= 1) made = await nodeHash(this.subtrees[n].hash, made);
    return made;
  }
}
