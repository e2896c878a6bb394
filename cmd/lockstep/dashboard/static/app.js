// The page: what comes from the coordinator goes to the overview and the charts,
// and the fragment of the address says what is shown.

import { byId, el, say } from "./dom.js";
import { clock, lasting, ms, msTick, phrase, rate, rateTick } from "./format.js";
import { Live } from "./live.js";
import { Overview } from "./overview.js";
import { Chart, Span, spans } from "./charts.js";
import { blockTable, fromHistory } from "./blocks.js";
import { showDetail, showNone } from "./detail.js";

const overview = new Overview();
let page = null;
let lostSince = 0;

// Charts.

const outcomeLines = (samples) => {
  const names = new Set(samples.flatMap((s) => Object.keys(s.oc ?? {})));
  const sorted = [...names].sort((a, b) => (b === "applied") - (a === "applied") || (a < b ? -1 : 1));
  return sorted.map((name) => ({ name: phrase(name), of: (s) => s.oc?.[name] ?? (s.tx === null ? null : 0) }));
};

const kinds = [
  { title: "Throughput", about: "Transactions committed a second.", unit: rate, lines: [{ name: "transactions", of: (s) => s.tx }] },
  { title: "Block latency", about: "From taking a block up to having its decision on disk.", unit: ms, lines: [{ name: "half within", of: (s) => s.l50 }, { name: "99% within", of: (s) => s.l99 }] },
  { title: "Outcomes", about: "What became of transactions, a second.", unit: rate, lines: outcomeLines },
  { title: "Blocks", about: "A second, and attempts that were given up.", unit: rate,
    lines: [{ name: "committed", of: (s) => s.bl }, { name: "given up", of: (s) => s.gu }, { name: "withdrawn", of: (s) => s.wd }] },
  { title: "Disk", about: "99% of the forces of a log take at most this.", unit: ms, lines: [{ name: "shards", of: (s) => s.sf99 }, { name: "coordinator", of: (s) => s.f99 }] },
  { title: "Values from other shards", about: "How long executions waited for them.", unit: ms, lines: [{ name: "half within", of: (s) => s.w50 }, { name: "99% within", of: (s) => s.w99 }] },
];

let queued = false;
const span = new Span(() => draw());
const charts = kinds.map((kind) => new Chart(byId("charts"), { ...kind, tick: kind.unit === ms ? msTick : rateTick }, span));

function draw() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    if (!page || byId("overview").hidden) return;
    const { from } = span.bounds(page.now);
    const samples = live.from(from, page.now);
    for (const chart of charts) chart.draw(samples, page.now);
    for (const button of byId("spans").children) {
      const on = button.dataset.ms ? !span.fixed && Number(button.dataset.ms) === span.length : false;
      if (button.dataset.ms) button.setAttribute("aria-pressed", String(on));
      else button.hidden = !span.fixed;
    }
  });
}

byId("spans").append(
  ...spans.map(({ name, ms: length }) => el("button", { type: "button", "data-ms": length, "aria-pressed": "false", onclick: () => span.follow(length) }, name)),
  el("button", { type: "button", hidden: true, onclick: () => span.follow(span.length) }, "Back to now"));

// The connection.

function showConnection() {
  const bar = byId("lost");
  bar.hidden = lostSince === 0;
  document.body.dataset.lost = String(lostSince !== 0);
  if (lostSince !== 0) {
    say(bar, `Connection to the coordinator lost since ${clock(lostSince)}, ${lasting(Date.now() - lostSince)} ago. What is shown is from then; this page tries again by itself.`);
    overview.unheard(lostSince);
    say(byId("live"), "No connection");
  } else {
    say(bar, "");
    if (page) say(byId("live"), "Live");
  }
}

setInterval(() => lostSince && showConnection(), 1000);

const live = new Live({
  told(next) {
    page = next;
    overview.show(page);
    showConnection();
    byId("more").hidden = !page.cluster?.height;
    draw();
  },
  samples: draw,
  lost(since) {
    if (lostSince === since && since !== 0) return;
    lostSince = since;
    showConnection();
  },
});

// Older blocks.

const older = blockTable(byId("older"), "Older blocks");
older.show([], () => 0);
let olderBlocks = [];

byId("more").addEventListener("click", async () => {
  const lowest = olderBlocks.at(-1)?.height ?? Math.min(page.cluster.height + 1, ...overview.listed.filter((b) => b.end === "committed").map((b) => b.height));
  say(byId("more-state"), "Looking …");
  try {
    const answer = await fetch(`/api/blocks?before=${lowest}`);
    if (!answer.ok) throw new Error(await answer.text());
    const list = await answer.json();
    olderBlocks = olderBlocks.concat(list.map(fromHistory)).slice(-1000);
    byId("older-title").hidden = olderBlocks.length === 0;
    older.show(olderBlocks, (b) => b.height);
    say(byId("more-state"), list.length === 0 ? "There are none." : "");
  } catch (error) {
    say(byId("more-state"), `They cannot be shown: ${error.message}`);
  }
});

byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("find-text").value;
  if (text.trim() === "") return;
  location.hash = /^[0-9]{1,15}$/.test(text.trim()) ? `#/height/${text.trim()}` : `#/block/${encodeURIComponent(text)}`;
});

// What is shown.

let shownHash = null;

async function route() {
  const [, kind, rest] = location.hash.match(/^#\/(block|height)\/(.+)$/) ?? [];
  byId("overview").hidden = Boolean(kind);
  byId("detail").hidden = !kind;
  if (!kind) {
    shownHash = null;
    draw();
    return;
  }
  const hash = location.hash;
  let name = rest;
  try {
    name = decodeURIComponent(rest);
  } catch {
    // It is a key with a per cent sign that somebody typed.
  }
  const place = byId("detail");
  if (shownHash !== hash) place.replaceChildren(el("p", {}, "Looking the block up …"));
  const query = kind === "height" ? `height=${encodeURIComponent(name)}` : `key=${encodeURIComponent(name)}`;
  try {
    const answer = await fetch(`/api/block?${query}`);
    if (location.hash !== hash) return;
    if (answer.ok) {
      const found = await answer.json();
      if (shownHash !== hash || !found.block) showDetail(place, found, page?.shards.map((s) => s.id) ?? []);
      byId("detail").dataset.over = String(Boolean(found.block));
    } else if (answer.status === 404 && kind === "block" && /^[0-9]{1,15}$/.test(name)) {
      showNone(place, `No block with the key ${name} is known; a height is looked up with #/height/${name}.`);
    } else {
      showNone(place, answer.status === 404 ? "No committed block and none under way is called that, or the height is not committed yet." : await answer.text());
    }
  } catch {
    if (location.hash !== hash) return;
    showNone(place, "The coordinator cannot be reached. Try again once the connection is back.");
  }
  if (shownHash !== hash) {
    shownHash = hash;
    scrollTo(0, 0);
    byId("block-title")?.focus({ preventScroll: true });
  }
}

addEventListener("hashchange", route);
route();

// A block that is under way is looked up again until it is over.
setInterval(() => {
  if (!byId("detail").hidden && byId("detail").dataset.over !== "true" && lostSince === 0) route();
}, 2000);

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
