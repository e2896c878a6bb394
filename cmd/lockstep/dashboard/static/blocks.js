// Blocks: the list, and the bar that shows where their time went.

import { el, svg, Table } from "./dom.js";
import { clockMs, count, key, ms, phrase } from "./format.js";

export const phases = {
  queued: "queued",
  executing: "executing, until the first vote",
  voting: "voting, until the last vote",
  deciding: "forcing the decision",
  committing: "committing, until every shard has",
};

const names = Object.keys(phases);
const endWords = { "": "under way", committed: "committed", aborted: "withdrawn", rejected: "rejected" };

/** What became of a block. */
export const endText = (end) => endWords[end] ?? end;

export const phaseLegend = () => names.map((name) => el("span", { class: "key" },
  svg("svg", { class: "patch", viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("rect", { class: `phase phase-${name}`, width: 12, height: 12 })), phases[name]));

const lengthOf = (p) => p.to_us - p.from_us;

/** The phases in words. */
export const phaseText = (list) => list.map((p) => `${p.name} ${ms(lengthOf(p) / 1000)}${p.goes_on ? " so far" : ""}`).join(", ");

/** A bar of the phases; its length says nothing, its parts how the time is divided. */
export function phaseBar(list, width = 160, height = 12) {
  const total = Math.max(1, list.reduce((sum, p) => sum + lengthOf(p), 0));
  const bar = svg("svg", { class: "phases", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": phaseText(list) });
  bar.append(svg("title", {}, phaseText(list)));
  let x = 0;
  for (const p of list) {
    const part = (lengthOf(p) / total) * width;
    if (part >= 0.5) bar.append(svg("rect", { class: `phase phase-${p.name}`, x, y: 0, width: Math.max(part - 1, 0.5), height }));
    x += part;
  }
  return bar;
}

/** Applied and the rest, in a few words. */
export function outcomeText(outcomes) {
  const list = Object.entries(outcomes).sort(([a, m], [b, n]) => (b === "applied") - (a === "applied") || n - m || (a < b ? -1 : 1));
  return list.map(([name, n]) => `${count(n)} ${phrase(name)}`).join(", ") || "–";
}

const columns = [
  { title: "Height", number: true, cell: (b) => (b.height ? count(b.height) : "–") },
  { title: "Block", wide: true, sign: (b) => b.key, cell: (b) => el("a", { href: `#/block/${encodeURIComponent(b.key)}` }, key(b.key)) },
  { title: "Result", cell: (b) => endText(b.end) },
  { title: "Transactions", spare: true, number: true, cell: (b) => count(b.transactions) },
  { title: "Outcomes", spare: true, cell: (b) => outcomeText(b.outcomes) },
  { title: "Attempts", spare: true, number: true, cell: (b) => (b.attempts === undefined ? "–" : String(b.attempts)) },
  { title: "Decided in", number: true, cell: (b) => (b.phases.length === 0 ? "–" : `${ms(b.duration_us / 1000)}${b.end === "" ? " so far" : ""}`) },
  { title: "Where the time went", wide: true, sign: (b) => JSON.stringify(b.phases), cell: (b) => (b.phases.length === 0 ? el("span", {}, "–") : phaseBar(b.phases)) },
  { title: "Taken up", spare: true, number: true, cell: (b) => (b.taken ? clockMs(b.taken) : "–") },
];

export const blockTable = (place, label) => new Table(place, label, columns);

/** A block of the history in the shape of the list. */
export const fromHistory = (b) => ({ key: b.block, height: b.height, end: "committed", transactions: b.transactions, outcomes: b.outcomes, phases: [], taken: 0, attempts: undefined });
