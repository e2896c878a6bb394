// One block.

import { digest, el, state } from "./dom.js";
import { endText, phaseBar, phaseText, phases, phaseLegend } from "./blocks.js";
import { clockMs, count, dayAndClock, key, ms, plural } from "./format.js";

const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));

function plainTable(label, heads, rows) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", { class: "plain" }, el("thead", {}, el("tr", {}, ...heads.map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((c, i) => el(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, c)))))));
}

function phaseSection(summary) {
  if (!summary) {
    return el("section", { class: "card", "aria-labelledby": "phases-title" }, el("h2", { id: "phases-title" }, "Where the time went"),
      el("p", {}, "The coordinator remembers this only of its newest blocks, and of none from before it began to lead. What was decided is below, from the history."));
  }
  const rows = summary.phases.map((p) => [phases[p.name] ?? p.name, `${ms(p.from_us / 1000)}`, `${ms((p.to_us - p.from_us) / 1000)}${p.goes_on ? " so far" : ""}`]);
  return el("section", { class: "card", "aria-labelledby": "phases-title" }, el("h2", { id: "phases-title" }, "Where the time went"),
    el("div", { class: "wholebar" }, phaseBar(summary.phases, 800, 20)), el("div", { class: "legend", "aria-hidden": "true" }, ...phaseLegend()),
    plainTable("Phases", ["Phase", "Began after", "Took"], rows),
    el("p", { class: "quiet" }, "By the clock of the coordinator, from the moment the block was taken up. The phases are those of the last attempt; what came before it counts as queued."));
}

function voteRow(vote) {
  return [String(vote.shard), ms(vote.at_us / 1000), vote.prepared ? state("well", "well", "prepared") : state("waiting", "notice", "refused"),
    vote.prepared ? digest(`the state digest of shard ${vote.shard}`, vote.digest) : vote.reason];
}

function attemptSection(tries, total, shards) {
  if (tries.length === 0) return null;
  const parts = [...tries].reverse().map((t) => {
    const live = t.given_up_us === 0;
    const missing = live ? shards.filter((s) => !t.votes.some((v) => v.shard === s)) : [];
    const rows = [...t.votes.map(voteRow), ...missing.map((s) => [String(s), "–", state("none", "waiting", "has not voted"), ""])];
    return el("div", {}, el("h3", {}, `Attempt ${t.epoch}.${t.attempt}`),
      el("p", {}, `Began after ${ms(t.began_us / 1000)}${live ? "." : `, given up after ${ms(t.given_up_us / 1000)}: ${t.reason}`}`),
      rows.length ? plainTable(`Votes of attempt ${t.epoch}.${t.attempt}`, ["Shard", "Came after", "Vote", "State digest, or why not"], rows) : el("p", {}, "No votes."));
  });
  return el("section", { class: "card", "aria-labelledby": "tries-title" }, el("h2", { id: "tries-title" }, total > tries.length ? `Attempts: the newest ${tries.length} of ${count(total)}` : "Attempts"), ...parts);
}

function decisionSection(block) {
  if (!block) return null;
  return el("section", { class: "card", "aria-labelledby": "decision-title" }, el("h2", { id: "decision-title" }, "Decision"),
    el("dl", { class: "facts" }, fact("Height", count(block.height)), fact("Attempt", `${block.epoch}.${block.attempt}`),
      fact("Decided at", block.decided_at ? dayAndClock(Date.parse(block.decided_at)) : "–"), fact("Chain root", digest("the chain root", block.root, 16)),
      fact("Block id", digest("the block id", block.block_id, 16))),
    el("h3", {}, "State digests"),
    plainTable("State digests", ["Shard", "State digest after the block"], block.digests.map((d, i) => [String(i), digest(`the digest of shard ${i}`, d, 16)])));
}

function outcomeSection(outcomes) {
  const list = Object.entries(outcomes);
  if (list.length === 0) return null;
  return el("section", { class: "card", "aria-labelledby": "outcomes-title" }, el("h2", { id: "outcomes-title" }, "Outcomes"),
    plainTable("Outcomes", ["Outcome", "Transactions"], list.sort((a, b) => b[1] - a[1]).map(([name, n]) => [name.replaceAll("_", " "), count(n)])));
}

/** Shows one block in place. shards are all shards of the cluster. */
export function showDetail(place, d, shards) {
  const s = d.summary;
  const name = s?.key ?? d.block.block;
  const transactions = s?.transactions ?? d.block.transactions;
  const done = d.block ? "committed" : s.end;
  const height = d.block?.height ?? s?.height;
  const level = { committed: ["well", "well"], aborted: ["notice", "notice"], rejected: ["stopped", "stopped"] }[done] ?? ["none", "work"];
  place.replaceChildren(
    el("p", {}, el("a", { href: "#/" }, "← All blocks")),
    el("section", { class: "card", "aria-labelledby": "block-title" },
      el("h1", { id: "block-title", tabindex: "-1" }, `Block ${key(name, 60)}`),
      el("p", {}, state(...level, endText(done)), ` ${plural(transactions, "transaction")}${height ? ` at height ${count(height)}` : ""}${s ? `, taken up at ${clockMs(s.taken)}` : ""}.`),
      d.reason ? el("p", { class: "reason" }, d.reason) : null,
      s ? el("p", { class: "quiet" }, phaseText(s.phases)) : null),
    ...[phaseSection(s), attemptSection(d.tries, s?.attempts ?? 0, shards), outcomeSection(d.block?.outcomes ?? s?.outcomes ?? {}), decisionSection(d.block)].filter(Boolean));
}

/** Says that there is nothing to show. */
export function showNone(place, text) {
  place.replaceChildren(el("p", {}, el("a", { href: "#/" }, "← All blocks")), el("section", { class: "card" }, el("h1", { id: "block-title", tabindex: "-1" }, "No such block"), el("p", {}, text)));
}
