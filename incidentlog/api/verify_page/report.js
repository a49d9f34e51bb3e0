// From what was checked to sentences for a person who has never heard of a hash.

const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en-GB")} ${n === 1 ? one : many}`;
const day = (instant) => `${instant.slice(0, 10)} at ${instant.slice(11, 16)} UTC`;

const ALWAYS_OPEN = [
  "Whether what was recorded is true. It shows what the log said and when, not what happened.",
];
const RESIGNED =
  "Whether the keeper of the key has rewritten everything and signed it anew, or shows others another history. Only a head " +
  "kept from earlier, or a witness’s signature, shows that.";

/** What the signature on a tree head comes to: sentences for what it shows, leaves open or contradicts. */
function signed(state, key, report) {
  const name = key?.name ?? "";
  if (state === "yes") report.proven.push(`The holder of the key of ${name} signed exactly this.`);
  if (state === "no") report.wrong.push(`The signature of ${name} does not fit: what was signed is something else.`);
  if (state === "absent") report.wrong.push(`The key you gave, of ${name}, did not sign this. Another one may have.`);
  if (state === "foreign") report.wrong.push(`The key you gave is of ${name}, and this says it is of another log.`);
  if (state === "unable") {
    report.open.push("Who signed it: this browser does not know Ed25519 signatures. A newer one does; so does  incidentlog verify.");
  }
  if (state === "none") report.open.push("Who signed it: you gave no key to check the signature with.");
}

function earlierHead(earlier, report) {
  if (!earlier) return;
  const { size, state } = earlier;
  if (state === "same") report.proven.push(`Nothing recorded up to number ${size} was changed since the head that you kept.`);
  if (state === "other") report.wrong.push(`The history up to number ${size} is not the one of the head that you kept: it was rewritten.`);
  if (state === "cut") report.wrong.push(`The head that you kept is of ${count(size, "event")}, and the one that is signed here of fewer: this was made before you kept it, or the log was cut. Ask for one made now.`);
  if (state === "later") report.open.push(`The head you kept is of ${count(size, "event")}: more than this reaches. Ask for a newer export.`);
  if (state === "foreign") report.wrong.push("The head that you kept is of another log.");
  if (state === "before") report.open.push(`The head you kept, of ${count(size, "event")}, lies before the stretch that this tells of.`);
  if (state === "unproven") report.open.push("Whether it goes on from the head that you kept: a proof of one event does not tell.");
}

function finish(report, words) {
  report.verdict = report.wrong.length ? "bad" : report.vouched ? "good" : "care";
  [report.title, report.lead] = words[report.verdict];
  return report;
}

const blank = () => ({ proven: [], open: [], wrong: [], said: [], facts: [] });

/** The report on an export. */
export function onExport({ head, key, signature, earlier, first, counts, fault, rootFits, complete, latest, files, manifest }) {
  const report = blank();
  report.vouched = signature === "yes";
  const last = first + counts.events - 1;
  if (fault) report.wrong.push(`Event number ${fault.position} ${fault.detail}. It is the first that does not fit.`);
  for (const [name, state] of Object.entries(files)) {
    if (state === "other") report.wrong.push(`The file ${name} is not the one that the manifest tells of.`);
    if (state === "missing") report.open.push(`What is in ${name}: the manifest tells of it, and it is not among the files.`);
    if (state === "unread") report.open.push(`Whether ${name} is the file that the manifest tells of: it is too large for a browser.`);
  }
  if (manifest.origin !== head.origin) report.wrong.push("The manifest tells of another log than the one that was signed.");
  if (rootFits === false) {
    report.wrong.push(
      "The events do not add up to what was signed: at least one was changed, left out, added or moved, or the files are of two exports.",
    );
  }
  if (!fault && rootFits) {
    report.proven.push(
      counts.events === 1
        ? `This is event number ${first}, as it was recorded.`
        : `These are ${count(counts.events, "event")}, number ${first.toLocaleString("en-GB")} to ${last.toLocaleString("en-GB")}, in the order in which they were recorded: none changed, none left out in between, none slipped in.`,
    );
    const shown = counts.opened.body;
    if (shown) report.proven.push(`What ${count(shown, "event")} say${shown === 1 ? "s" : ""}, to the letter.`);
    if (latest) report.proven.push(`The last of them says it was recorded on ${day(latest)}.`);
  }
  signed(signature, key, report);
  earlierHead(earlier, report);
  const { body, private: hidden } = counts.closed;
  if (body) {
    report.open.push(`What ${count(body, "event")} say${body === 1 ? "s" : ""}: ${body === 1 ? "it has its place, but its words were" : "they have their places, but their words were"} left out of this export, or erased.`);
  }
  if (hidden) report.open.push(`What is private in ${count(hidden, "event")}: that there is something is shown, not what.`);
  if (complete === false) report.open.push("The events after the last one here: the log is longer.");
  report.open.push("Anything recorded later than this was made.", ...ALWAYS_OPEN);
  if (earlier?.state !== "same") report.open.push(RESIGNED);
  report.facts.push(["Log", head.origin], ["Events in the signed log", head.size.toLocaleString("en-GB")], ["Root", head.rootText]);
  report.said = saidOf(manifest);
  return finish(report, {
    good: ["This is what was recorded", "Every event fits its place in the signed history. Nothing in this export was changed since."],
    care: ["It fits together, but nobody vouches for it yet", "The files agree with each other. Whether they are the log’s, only its key can say."],
    bad: ["This is not what was recorded", "Do not rely on it before somebody has explained what is listed here."],
  });
}

/** What the manifest says and nothing proves: only whoever made the export answers for it. */
function saidOf({ exporter, filters, clearance, private: hidden, zone }) {
  const said = [];
  if (exporter?.by) said.push(`It was made by ${[exporter.by, exporter.at].filter(Boolean).join(", ")}.`);
  if (exporter?.purpose) said.push(`The purpose: ${exporter.purpose}.`);
  if (clearance === "RED") said.push("No event was left out for its marking.");
  else if (clearance) said.push(`Events marked higher than ${clearance} were left out, and no others for their marking.`);
  if (filters && Object.keys(filters).length) said.push(`All events were opened that match ${JSON.stringify(filters)}, and no others.`);
  if (hidden === false) said.push("Private parts were left out.");
  if (zone) said.push(`The log counts its days in ${zone}.`);
  return said;
}

/** The report on a proof of one event. */
export function onProof({ head, key, signature, earlier, leaf, fault }) {
  const report = blank();
  report.vouched = signature === "yes";
  if (fault) report.wrong.push(`The proof does not hold: ${fault}.`);
  else {
    report.proven.push(
      `An event stands at number ${leaf.position.toLocaleString("en-GB")} of ${head.size.toLocaleString("en-GB")} in the log ${head.origin}.`,
      `It says it was recorded on ${day(leaf.recordedAt)}.`,
    );
    const parts = { body: "what it says", meta: "what the log added to it", private: "its private part" };
    const fixed = Object.keys(leaf.parts).map((name) => parts[name]);
    report.proven.push(`It is settled what belongs to it (${fixed.join(", ")}): none of it can be exchanged without breaking this proof.`);
  }
  signed(signature, key, report);
  earlierHead(earlier, report);
  report.open.push("What the event says: the proof holds fingerprints alone. An export opens them.", ...ALWAYS_OPEN, RESIGNED);
  report.facts.push(["Log", head.origin], ["Events in the signed log", head.size.toLocaleString("en-GB")], ["Root", head.rootText]);
  if (leaf) for (const [name, digest] of Object.entries(leaf.parts)) report.facts.push([`Fingerprint of ${name}`, digest]);
  return finish(report, {
    good: ["The event is in the log", "Its place and its content were fixed when this was signed."],
    care: ["The proof fits, but nobody vouches for it yet", "It leads to the head that came with it. Whether that is the log’s, only its key can say."],
    bad: ["This proves nothing", "The proof and what it is said to prove do not fit together."],
  });
}

/** The report on what cannot be read at all. */
export function unreadable(detail) {
  const report = blank();
  report.wrong.push(detail);
  return finish(report, { bad: ["This cannot be checked", "The files are not what this page knows how to read."] });
}
