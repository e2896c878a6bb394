// Lines over time, drawn as SVG. All charts share a span, a cursor and a selection.

import { el, svg, say } from "./dom.js";
import { clock, dayAndClock } from "./format.js";

const height = 170;
const edge = { top: 10, right: 8, bottom: 22, left: 48 };
const plotHeight = height - edge.top - edge.bottom;
const tableRows = 60;

export const spans = [
  { name: "1 min", ms: 60e3 },
  { name: "5 min", ms: 300e3 },
  { name: "15 min", ms: 900e3 },
  { name: "1 h", ms: 3600e3 },
  { name: "6 h", ms: 21600e3 },
];

/** What all charts share: a span that ends now, or one that was selected. */
export class Span {
  constructor(changed) {
    this.length = spans[1].ms;
    this.fixed = null; // {from, to} of a selection
    this.cursor = null; // a time
    this.changed = changed;
  }

  bounds(now) {
    return this.fixed ?? { from: now - this.length, to: now };
  }

  follow(length) {
    Object.assign(this, { length, fixed: null, cursor: null });
    this.changed();
  }

  select(a, b) {
    const [from, to] = a < b ? [a, b] : [b, a];
    if (to - from < 3000) return;
    Object.assign(this, { fixed: { from, to }, cursor: null });
    this.changed();
  }
}

/** The least round number that is not smaller. */
function round(n) {
  if (!(n > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(n));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((m) => m * size).find((m) => m >= n * 0.9999);
}

/**
 * One chart. lines are {name, of} with of giving the figure of a sample, or
 * undefined or null where there is none; they may be a function of the samples.
 */
export class Chart {
  constructor(place, { title, about, unit, tick, lines }, span) {
    Object.assign(this, { title, unit, tick, span, width: 0, lines: typeof lines === "function" ? lines : () => lines, samples: [], now: Date.now(), drag: null });
    const id = `chart-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
    this.value = el("p", { class: "value", id: `${id}-value` });
    this.picture = svg("svg", { height, "aria-hidden": "true", focusable: "false" });
    this.frame = el("div", { class: "plot", tabindex: "0", role: "group", "aria-labelledby": id, "aria-describedby": `${id}-about ${id}-value` }, this.picture);
    this.rows = el("div", { class: "figures", tabindex: "0", role: "region", "aria-label": `${title}, as a table` });
    this.details = el("details", {}, el("summary", {}, "As a table"), this.rows);
    this.details.addEventListener("toggle", () => this.table());
    place.append(el("section", { class: "card chart", "aria-labelledby": id },
      el("h3", { id }, title), el("p", { class: "about", id: `${id}-about` }, about), this.value, this.frame, this.details));
    this.listen();
    new ResizeObserver(() => span.changed()).observe(this.frame);
  }

  get plotWidth() {
    return Math.max(1, this.width - edge.left - edge.right);
  }

  listen() {
    const at = (event) => {
      const box = this.picture.getBoundingClientRect();
      const x = event.clientX - box.left - edge.left;
      const { from, to } = this.span.bounds(this.now);
      return from + (Math.min(Math.max(x, 0), this.plotWidth) / this.plotWidth) * (to - from);
    };
    const f = this.frame;
    f.addEventListener("pointermove", (e) => this.point(at(e)));
    f.addEventListener("pointerleave", () => this.drag === null && this.point(null));
    f.addEventListener("pointerdown", (e) => {
      if (e.button !== 0 || e.pointerType === "touch") return;
      this.drag = at(e);
      f.setPointerCapture(e.pointerId);
    });
    f.addEventListener("pointerup", (e) => {
      const begun = this.drag;
      this.drag = null;
      if (begun !== null) this.span.select(begun, at(e));
    });
    f.addEventListener("pointercancel", () => (this.drag = null));
    f.addEventListener("blur", () => this.point(null));
    f.addEventListener("keydown", (e) => this.key(e));
  }

  /** Left and right move through the samples, with Shift they select; Enter shows the selection. */
  key(event) {
    const shown = this.shown();
    if (shown.length === 0) return;
    const here = this.span.cursor === null ? shown.length - 1 : this.nearest(shown, this.span.cursor);
    const page = Math.max(1, Math.round(shown.length / 10));
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here - page, PageDown: here + page, Home: 0, End: shown.length - 1 }[event.key];
    if (to !== undefined) {
      if (event.shiftKey && this.drag === null) this.drag = shown[here].t;
      if (!event.shiftKey) this.drag = null;
      this.value.setAttribute("aria-live", "polite");
      this.point(shown[Math.min(Math.max(to, 0), shown.length - 1)].t);
    } else if (event.key === "Enter" && this.drag !== null) {
      const begun = this.drag;
      this.drag = null;
      this.span.select(begun, this.span.cursor ?? begun);
    } else if (event.key === "Escape") {
      this.drag = null;
      this.span.fixed ? this.span.follow(this.span.length) : this.point(null);
    } else return;
    event.preventDefault();
  }

  point(t) {
    if (t === null) this.value.removeAttribute("aria-live");
    this.span.cursor = t;
    this.span.changed();
  }

  nearest(samples, t) {
    let best = 0;
    samples.forEach((s, i) => {
      if (Math.abs(s.t - t) < Math.abs(samples[best].t - t)) best = i;
    });
    return best;
  }

  shown() {
    const { from, to } = this.span.bounds(this.now);
    return this.samples.filter((s) => s.t >= from && s.t <= to);
  }

  /** Draws the samples. */
  draw(samples, now) {
    this.samples = samples;
    this.now = now;
    this.width = this.frame.clientWidth;
    const shown = this.shown();
    const lines = this.lines(shown);
    const { from, to } = this.span.bounds(now);
    const most = round(Math.max(0, ...lines.flatMap((l) => shown.map((s) => l.of(s) ?? 0))));
    const x = (t) => edge.left + ((t - from) / (to - from)) * this.plotWidth;
    const y = (v) => edge.top + plotHeight - (v / most) * plotHeight;
    const parts = [this.grid(most, y, from, to)];
    lines.forEach((line, i) => parts.push(...this.line(line, i, shown, x, y)));
    parts.push(...this.marks(shown, lines, x, y));
    this.picture.replaceChildren(...parts);
    this.tell(shown, lines, from, to);
    this.table();
  }

  grid(most, y, from, to) {
    const parts = [];
    for (const part of [0, 0.5, 1]) {
      const at = y(part * most);
      parts.push(svg("line", { class: part === 0 ? "axis" : "grid", x1: edge.left, x2: this.width - edge.right, y1: at, y2: at }));
      parts.push(svg("text", { x: edge.left - 6, y: at + 4, "text-anchor": "end" }, this.tick(part * most)));
    }
    for (const part of [0, 0.5, 1]) {
      const t = from + part * (to - from);
      parts.push(svg("text", { x: edge.left + part * this.plotWidth, y: height - 5, "text-anchor": ["start", "middle", "end"][part * 2] }, clock(t)));
    }
    return svg("g", { class: "frame" }, parts);
  }

  // A gap in the figures is a gap in the line; a figure between two gaps is a dot.
  line(line, index, shown, x, y) {
    const gap = shown.length > 1 ? 3 * Math.max(1000, (shown.at(-1).t - shown[0].t) / (shown.length - 1)) : Infinity;
    let path = "";
    const dots = [];
    let run = [];
    const end = () => {
      if (run.length === 1) dots.push(svg("circle", { class: `dot line-${index}`, cx: run[0][0], cy: run[0][1], r: 2 }));
      else path += run.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
      run = [];
    };
    let before = null;
    for (const s of shown) {
      const v = line.of(s) ?? null;
      if (v === null || (before !== null && s.t - before > gap)) end();
      if (v !== null) {
        run.push([x(s.t), y(v)]);
        before = s.t;
      }
    }
    end();
    return [svg("path", { class: `line line-${index}`, d: path }), ...dots];
  }

  marks(shown, lines, x, y) {
    const { cursor } = this.span;
    const parts = [];
    if (cursor === null) return parts;
    if (this.drag !== null) {
      const [a, b] = [x(this.drag), x(cursor)].sort((m, n) => m - n);
      parts.push(svg("rect", { class: "selection", x: a, y: edge.top, width: b - a, height: plotHeight }));
    }
    if (shown.length === 0) return parts;
    const s = shown[this.nearest(shown, cursor)];
    parts.push(svg("line", { class: "cursor", x1: x(s.t), x2: x(s.t), y1: edge.top, y2: edge.top + plotHeight }));
    lines.forEach((line, i) => {
      const v = line.of(s);
      if (v !== null && v !== undefined) parts.push(svg("circle", { class: `point line-${i}`, cx: x(s.t), cy: y(v), r: 3.5 }));
    });
    return parts;
  }

  // The figures at the cursor, else the newest.
  tell(shown, lines, from, to) {
    const s = shown.length === 0 ? null : shown[this.span.cursor === null ? shown.length - 1 : this.nearest(shown, this.span.cursor)];
    const time = s && this.span.cursor !== null ? clock(s.t) : this.span.fixed ? `${clock(from)} to ${clock(to)}, at the end` : "now";
    const keys = lines.map((l, i) => el("span", { class: "key" },
      svg("svg", { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": "true" }, svg("path", { class: `line line-${i}`, d: "M1 4h20" })),
      `${l.name} `, el("b", {}, this.unit(s ? l.of(s) ?? null : null))));
    this.value.replaceChildren(el("span", { class: "when" }, time), " ", ...keys);
  }

  table() {
    if (!this.details.open) return;
    const shown = this.shown();
    const lines = this.lines(shown);
    const step = Math.max(1, Math.ceil(shown.length / tableRows));
    const rows = shown.filter((_, i) => (shown.length - 1 - i) % step === 0).reverse();
    if (this.drawn === rows[0]?.t && this.rows.childElementCount > 0) return;
    this.drawn = rows[0]?.t;
    if (rows.length === 0) {
      say(this.rows, "Nothing was measured yet.");
      return;
    }
    this.rows.replaceChildren(el("table", { class: "plain" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Time"), ...lines.map((l) => el("th", { scope: "col", class: "number" }, l.name)))),
      el("tbody", {}, ...rows.map((s) => el("tr", {}, el("th", { scope: "row" }, dayAndClock(s.t)), ...lines.map((l) => el("td", { class: "number" }, this.unit(l.of(s) ?? null))))))));
  }
}
