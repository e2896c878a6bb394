// The cluster at a glance.

import { byId, digest, el, say, sign, state, Table } from "./dom.js";
import { bytes, clock, count, key, lasting, ms, phrase, plural, rate, short } from "./format.js";
import { blockTable, phaseLegend } from "./blocks.js";

const docsHome = "https://github.com/lockstep-exec/lockstep/blob/main/";

const shardWords = {
  ready: ["well", "well", "Ready"],
  executing: ["well", "work", "Executing"],
  catching_up: ["notice", "up", "Catching up"],
  disconnected: ["waiting", "off", "Not connected"],
  in_doubt: ["waiting", "waiting", "In doubt"],
  waiting_for_coordinator: ["waiting", "waiting", "Waits for the coordinator"],
  quarantined: ["stopped", "stopped", "Quarantine"],
  unknown: ["none", "unknown", "Not known"],
};

const memberWords = {
  ready: ["well", "well", "Ready"],
  catching_up: ["notice", "up", "Catching up"],
  unreachable: ["waiting", "off", "Does not answer"],
  refused: ["stopped", "stopped", "Refused"],
  outside: ["notice", "off", "Takes no part"],
  unknown: ["none", "unknown", "Not known"],
};

const phaseWords = {
  executing: "executing",
  voting: "voting",
  deciding: "all voted, forcing the decision",
  waiting: "waits to be tried",
};

const narrow = matchMedia("(max-width: 760px)");
const mostNarrow = 15; // blocks on a narrow screen

const unknown = "Not known while no coordinator that leads can be asked.";

const silentAfter = 4000; // ms after which what a shard said is old

function shardState(s) {
  const [level, icon, word] = shardWords[s.state] ?? shardWords.unknown;
  const notes = [];
  if (s.away_ms > 0) notes.push(`for ${lasting(s.away_ms)}`);
  if (s.state === "disconnected" && s.own) notes.push(`says itself: ${phrase(s.own)}`);
  if (s.waits_for.length > 0) notes.push(`waits for values of ${s.waits_for.length === 1 ? "shard" : "shards"} ${s.waits_for.join(", ")}`);
  if (s.silent_ms > silentAfter) notes.push(`figures are ${lasting(s.silent_ms)} old`);
  return { level, icon, word, notes };
}

const shardColumns = [
  { title: "Shard", cell: (s) => String(s.id) },
  {
    title: "State", wide: true,
    sign: (s) => JSON.stringify([shardState(s), s.reason]),
    cell: (s) => {
      const { level, icon, word, notes } = shardState(s);
      return el("div", {}, state(level, icon, word), notes.length ? el("span", { class: "note" }, notes.join("; ")) : null,
        s.reason ? el("p", { class: "reason" }, s.reason) : null);
    },
  },
  { title: "Committed", number: true, cell: (s) => (s.unheard ? "–" : count(s.committed)) },
  { title: "Behind", number: true, cell: (s) => (s.unheard || s.lag === 0 ? "–" : count(s.lag)) },
  { title: "In the database", number: true, cell: (s) => (s.unheard ? "–" : count(s.checkpointed)) },
  {
    title: "Prepared", number: true,
    sign: (s) => JSON.stringify([s.prepared, s.prepared && lasting(s.prepared_ms), s.in_doubt]),
    cell: (s) => {
      if (s.prepared === 0) return el("span", {}, "–");
      const text = `${s.prepared}, ${s.prepared_ms < 1000 ? "<1 s" : lasting(s.prepared_ms)}`;
      return s.in_doubt ? el("span", { class: "state", "data-level": "waiting" }, sign("waiting"), `${text} in doubt`) : el("span", {}, text);
    },
  },
  { title: "Log", number: true, cell: (s) => bytes(s.storage?.log_bytes) },
  { title: "Database", number: true, cell: (s) => bytes(s.storage?.database_bytes) },
  { title: "Free", number: true, cell: (s) => bytes(s.storage?.free_bytes) },
  { title: "Address", mono: true, cell: (s) => s.address || "–" },
];

const memberColumns = [
  { title: "Coordinator", cell: (m) => m.name },
  { title: "Role", cell: (m) => (m.role === "unknown" ? "–" : phrase(m.role)) },
  {
    title: "State", wide: true,
    sign: (m) => JSON.stringify([m.state, m.reason]),
    cell: (m) => el("div", {}, state(...(memberWords[m.state] ?? memberWords.unknown)), m.reason ? el("p", { class: "reason" }, m.reason) : null),
  },
  { title: "Term", number: true, cell: (m) => (m.term === 0 ? "–" : count(m.term)) },
  { title: "Entries behind", number: true, cell: (m) => (m.role === "leader" || m.state === "unknown" ? "–" : count(m.behind)) },
  { title: "Heard of", number: true, cell: (m) => (m.contact_ms === undefined ? "–" : m.contact_ms < 2000 ? "now" : `${lasting(m.contact_ms)} ago`) },
  { title: "Address", mono: true, cell: (m) => m.address || "–" },
];

const flightColumns = [
  { title: "Height", number: true, cell: (f) => count(f.height) },
  {
    title: "Block", wide: true, sign: (f) => f.block,
    cell: (f) => el("a", { href: `#/block/${encodeURIComponent(f.block)}` }, key(f.block)),
  },
  { title: "Attempt", cell: (f) => (f.attempt === 0 ? "–" : `${f.epoch}.${f.attempt}`) },
  { title: "Phase", cell: (f) => (f.attempt === 0 ? phaseWords.waiting : phaseWords[f.phase] ?? f.phase) },
  { title: "For", number: true, cell: (f) => ms(Math.round(f.age_ms / 10) * 10) },
  { title: "Waits for", cell: (f) => (f.waiting_for.length === 0 ? "–" : `${f.waiting_for.length === 1 ? "shard" : "shards"} ${f.waiting_for.join(", ")}`) },
];

/** Everything above and below the charts. */
export class Overview {
  constructor() {
    this.shards = new Table(byId("shards"), "Shards", shardColumns);
    this.members = new Table(byId("coordinators"), "Coordinators", memberColumns);
    this.flight = new Table(byId("flight"), "Blocks under way", flightColumns);
    this.blocks = blockTable(byId("blocks"), "Newest blocks");
    this.listed = [];
    byId("phases-legend").replaceChildren(...phaseLegend());
  }

  show(page) {
    this.sentence(page.sentence);
    this.last = page.sentence.text;
    this.facts(page);
    this.shards.show(page.shards, (s) => s.id);
    byId("coordinators-card").hidden = page.coordinators.length < 2;
    this.members.show(page.coordinators, (m) => m.name);
    const known = page.cluster !== null;
    byId("shards-none").hidden = known;
    byId("flight-none").hidden = page.in_flight.length > 0;
    say(byId("flight-none"), known ? "No block is under way." : unknown);
    say(byId("blocks-none"), known ? "None since this coordinator began to lead." : unknown);
    this.flight.show(page.in_flight, (f) => f.block);
    this.list(page.blocks);
  }

  // The list stands still while somebody points at it or is in it: it may change
  // many times a second.
  list(blocks) {
    const place = byId("blocks");
    const held = this.listed.length > 0 && (place.matches(":hover") || place.contains(document.activeElement));
    say(byId("blocks-held"), held ? "stands still while you are in it" : "");
    if (held) return;
    this.listed = blocks.slice(0, narrow.matches ? mostNarrow : blocks.length);
    byId("blocks-none").hidden = blocks.length > 0;
    this.blocks.show(this.listed, (b) => `${b.key} ${b.taken}`);
  }

  // The text changes every second with the figures in it; it is announced only when
  // the reason is another one.
  sentence(s) {
    byId("sentence").dataset.level = s.level;
    if (this.kind !== s.kind) {
      byId("sentence-sign").replaceChildren(sign(s.level === "none" ? "unknown" : s.level));
      byId("announce").textContent = this.kind === undefined ? "" : `${s.text} ${s.detail}`;
      this.kind = s.kind;
    }
    say(byId("sentence-text"), s.text);
    say(byId("sentence-detail"), s.detail);
    say(byId("sentence-do"), s.do ? `What to do: ${s.do}` : "");
    const docs = byId("sentence-docs");
    if (docs.dataset.path === (s.docs?.path ?? "")) return;
    docs.dataset.path = s.docs?.path ?? "";
    docs.replaceChildren(...(s.docs ? ["More: ", el("a", { href: docsHome + s.docs.path, rel: "noreferrer", target: "_blank" }, s.docs.title), " ", el("code", {}, s.docs.path.split("#")[0])] : []));
  }

  /** Says that nothing is known any more, since a time; 0 if something is. */
  unheard(since) {
    if (since === 0 || !this.last) return;
    this.sentence({
      level: "none", kind: "unheard", text: `Nothing was heard of the cluster since ${clock(since)}.`, detail: `Then it was: ${this.last}`,
      do: "See that the coordinator at this address runs, and that the network between is up. What was committed stays committed; shards keep what is prepared.",
      docs: { title: "Failures: the coordinator is away", path: "docs/failures.md#the-coordinator-is-away" },
    });
    document.title = "No connection: Lockstep";
  }

  facts(page) {
    const c = page.cluster;
    const leader = page.here.leads ? page.here.name : page.here.leader || "none";
    const list = [
      ["Height", c ? count(c.height) : "–"],
      ["Root", c ? c.root : ""],
      ["Leader", leader],
      ["Epoch", c ? count(c.epoch) : "–"],
      ["Transactions", rate(page.sample.tx)],
      ["Block latency", page.sample.l50 === null ? "–" : `${ms(page.sample.l50)}, 99% ${ms(page.sample.l99)}`],
      ["Queue", c ? (c.queued_blocks === 0 ? "empty" : plural(c.queued_blocks, "block")) : "–"],
      ["Leads for", c && c.since ? lasting(page.now - c.since) : "–"],
    ];
    if (!this.cells) {
      this.cells = new Map();
      byId("facts").replaceChildren(...list.map(([name]) => {
        const value = el("dd", {});
        this.cells.set(name, value);
        return el("div", {}, el("dt", {}, name), value);
      }));
    }
    for (const [name, text] of list) {
      const cell = this.cells.get(name);
      if (name !== "Root") say(cell, text);
      else if (cell.dataset.root !== text) {
        cell.dataset.root = text;
        cell.replaceChildren(digest("the root", text));
      }
    }
    const line = c ? `cluster ${short(c.id)}` : "";
    say(byId("cluster"), page.here.leads || !page.here.leader ? line : `${line}, seen from ${page.here.name}, which follows ${page.here.leader}`);
    const disk = c?.storage ? ` · log ${bytes(c.storage.log_bytes)}, history ${bytes(c.storage.database_bytes)}, ${bytes(c.storage.free_bytes)} free on ${leader}` : "";
    say(byId("foot"), `Lockstep${page.version ? ` ${page.version}` : ""}${disk}`);
    document.title = `${{ well: "", notice: "! ", waiting: "Waiting: ", stopped: "Stopped: " }[page.sentence.level] ?? ""}Lockstep`;
  }
}
