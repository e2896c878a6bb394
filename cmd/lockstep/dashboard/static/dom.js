// Building the page. Data only ever becomes text, never markup.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

/** An element. Children are nodes, or strings, which become text. */
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** An element of a drawing. */
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(svgSpace, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

/** Sets text, and leaves the node alone if it has it already. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Signs have a shape each, so that nobody needs their colour.
const shapes = {
  well: [["circle", { cx: 8, cy: 8, r: 6.5 }], ["path", { d: "M5 8.2l2.1 2.1L11 6.2" }]],
  notice: [["path", { d: "M8 1.2L14.8 8 8 14.8 1.2 8z" }], ["path", { d: "M8 5v3.4M8 10.8v.1" }]],
  waiting: [["path", { d: "M4 1.8h8M4 14.2h8M5 2c0 4.5 6 7.5 6 12M11 2c0 4.5-6 7.5-6 12" }]],
  stopped: [["path", { d: "M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2L1.5 10.8V5.2z" }], ["path", { d: "M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4" }]],
  off: [["circle", { cx: 8, cy: 8, r: 6.5, "stroke-dasharray": "2.6 2.2" }], ["path", { d: "M3.6 12.4l8.8-8.8" }]],
  work: [["circle", { cx: 8, cy: 8, r: 6.5 }], ["path", { d: "M6.5 5.2l4 2.8-4 2.8z" }]],
  up: [["circle", { cx: 8, cy: 8, r: 6.5 }], ["path", { d: "M8 11.2V5M5.4 7.4L8 4.8l2.6 2.6" }]],
  unknown: [["circle", { cx: 8, cy: 8, r: 6.5 }], ["path", { d: "M6.2 6.3c.1-2.4 3.7-2.3 3.6 0 0 1.4-1.8 1.4-1.8 2.8M8 11.3v.1" }]],
};

/** A small drawing that stands beside a word. */
export function sign(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    ...(shapes[name] ?? shapes.unknown).map(([tag, attributes]) => svg(tag, attributes)));
}

/** A state: sign and word. */
export const state = (level, icon, word) => el("span", { class: "state", "data-level": level }, sign(icon), word);

/** A button that copies a text. */
export function copy(what, text) {
  const button = el("button", { class: "copy", type: "button", "aria-label": `Copy ${what}` }, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      select(button.previousElementSibling); // pages without a secure origin have no clipboard
      button.textContent = "press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "copy"), 2000);
  });
  return button;
}

function select(node) {
  if (!node) return;
  const full = node.getAttribute("data-full");
  if (full) node.textContent = full;
  getSelection().selectAllChildren(node);
}

/** A digest: its beginning, the rest on a click. */
export function digest(what, hex, length = 8) {
  if (!hex) return el("span", {}, "–");
  return el("span", { class: "digest" }, el("code", { title: hex, "data-full": hex }, hex.slice(0, length)), copy(what, hex));
}

/**
 * A table that is kept up to date in place, so that focus and selection stay where
 * they are. Columns are {title, cell, sign, number, mono, wide, spare}: cell gives text or a node
 * for an item, sign a text that changes whenever that node has to be made anew.
 * On a narrow screen a row becomes a card, in which wide columns take a line and spare
 * ones are left out; the roles keep it a table all the same.
 */
export class Table {
  constructor(place, label, columns) {
    this.columns = columns;
    this.rows = new Map();
    this.body = el("tbody", { role: "rowgroup" });
    const heads = columns.map((c) => el("th", { role: "columnheader", scope: "col", class: c.number ? "number" : undefined }, c.title));
    this.table = el("table", { role: "table", "aria-label": label },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads)), this.body);
    place.replaceChildren(this.table);
  }

  /** Shows the items, told apart by their keys. */
  show(items, keyOf) {
    this.table.hidden = items.length === 0;
    const seen = new Set();
    let after = null;
    for (const item of items) {
      const id = keyOf(item);
      if (seen.has(id)) continue;
      seen.add(id);
      let row = this.rows.get(id);
      if (!row) this.rows.set(id, (row = this.make()));
      this.update(row, item);
      const next = after ? after.nextSibling : this.body.firstChild;
      if (next !== row.node) this.body.insertBefore(row.node, next);
      after = row.node;
    }
    for (const [id, row] of this.rows) {
      if (!seen.has(id)) {
        row.node.remove();
        this.rows.delete(id);
      }
    }
  }

  make() {
    const cells = this.columns.map((c, i) =>
      el("td", { role: i === 0 ? "rowheader" : "cell", "data-label": c.title, class: [c.number && "number", c.wide && "wide", c.mono && "address", c.spare && "spare"].filter(Boolean).join(" ") || undefined }));
    return { node: el("tr", { role: "row" }, ...cells), cells, signs: [] };
  }

  update(row, item) {
    this.columns.forEach((c, i) => {
      const text = c.sign ? c.sign(item) : c.cell(item);
      if (row.signs[i] === text) return;
      row.signs[i] = text;
      row.cells[i].replaceChildren(c.sign ? c.cell(item) : text);
    });
  }
}
