// How figures are written.

const grouped = new Intl.NumberFormat("en-US");

/** A whole number, with commas. */
export const count = (n) => grouped.format(Math.round(n));

/** A figure with about three digits. */
export function figure(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  if (n === 0) return "0";
  if (n >= 100) return count(n);
  if (n >= 10) return n.toFixed(1);
  return n >= 1 ? n.toFixed(2) : n.toPrecision(2);
}

/** A number of things a second. */
export function rate(n) {
  if (n === null || n === undefined) return "–";
  if (n >= 1e6) return `${(n / 1e6).toFixed(2)} M/s`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(1)} k/s`;
  return `${n >= 100 ? count(n) : figure(n)}/s`;
}

/** A number of things a second, at an axis. */
export function rateTick(n) {
  if (n >= 1e6) return `${Number((n / 1e6).toFixed(2))}M`;
  return n >= 1000 ? `${Number((n / 1e3).toFixed(2))}k` : String(Number(n.toPrecision(2)));
}

/** Milliseconds, at an axis. */
export function msTick(n) {
  if (n >= 1000) return `${Number((n / 1000).toPrecision(3))} s`;
  return n >= 1 || n === 0 ? `${Number(n.toPrecision(3))} ms` : `${Math.round(n * 1000)} µs`;
}

/** Milliseconds, in the unit that suits. */
export function ms(n) {
  if (n === null || n === undefined) return "–";
  if (n < 1) return n === 0 ? "0\u00a0ms" : `${Math.max(1, Math.round(n * 1000))}\u00a0µs`;
  if (n < 1000) return `${figure(n)}\u00a0ms`;
  if (n < 60e3) return `${figure(n / 1000)}\u00a0s`;
  return lasting(n);
}

/** How long something has lasted, in whole units. */
export function lasting(n) {
  if (n < 1000) return "<1\u00a0s";
  const s = Math.floor(n / 1000);
  if (s < 120) return `${s}\u00a0s`;
  if (s < 7200) return `${Math.floor(s / 60)}\u00a0min`;
  if (s < 172800) return `${Math.floor(s / 3600)}\u00a0h`;
  return `${Math.floor(s / 86400)}\u00a0days`;
}

/** Bytes, in the unit that suits. */
export function bytes(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) {
    n /= 1024;
    at++;
  }
  return `${at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)}\u00a0${units[at]}`;
}

/** The beginning of a digest. */
export const short = (hex) => (hex ? hex.slice(0, 8) : "–");

/** A key as it is if it can be shown in a line, cut in the middle if it is long. */
export function key(text, most = 28) {
  const shown = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\u00b7");
  const parts = Array.from(shown);
  if (parts.length <= most) return shown;
  const head = Math.ceil((most - 1) / 2);
  return `${parts.slice(0, head).join("")}…${parts.slice(parts.length - (most - 1 - head)).join("")}`;
}

/** A time of the day. */
export const clock = (t) => new Date(t).toLocaleTimeString("en-GB");

/** A time of the day to the millisecond. */
export const clockMs = (t) => `${clock(t)}.${String(new Date(t).getMilliseconds()).padStart(3, "0")}`;

/** Day and time. */
export const dayAndClock = (t) => `${new Date(t).toLocaleDateString("en-CA")} ${clock(t)}`;

/** A name of the API for people. */
export const phrase = (name) => name.replaceAll("_", " ");

/** With an s, unless there is one. */
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
