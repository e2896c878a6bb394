// What the coordinator tells, as it comes.

const silence = 5000; // ms without an event that mean that the connection is lost
const firstPause = 1000;
const mostPause = 5000;
const fineSpan = 15 * 60 * 1000;

/** Listens to the coordinator for as long as the page is open. */
export class Live {
  /** told gets every state, samples after they have changed, lost since when there is none (0 if there is). */
  constructor({ told, samples, lost }) {
    Object.assign(this, { told, changed: samples, lost });
    this.fine = [];
    this.coarse = [];
    this.heard = Date.now();
    this.since = 0;
    this.pause = firstPause;
    this.wantsCoarse = false;
    this.connect();
    setInterval(() => this.check(), 1000);
  }

  connect() {
    const source = new EventSource("/api/events");
    this.source = source;
    source.onmessage = (event) => this.hear(JSON.parse(event.data));
    source.onerror = () => {
      if (this.source !== source) return;
      source.close();
      this.break();
      this.again();
    };
  }

  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), this.pause * (0.5 + Math.random() / 2));
    this.pause = Math.min(2 * this.pause, mostPause);
  }

  break() {
    if (!this.since) this.since = this.heard;
    this.lost(this.since);
  }

  hear(page) {
    const gap = this.fine.length === 0 || page.sample.t - this.fine.at(-1).t > 2500;
    this.heard = Date.now();
    this.pause = firstPause;
    this.since = 0;
    this.lost(0);
    this.told(page);
    if (gap) {
      this.refresh();
    } else if (page.sample.t > this.fine.at(-1).t) {
      this.fine.push(page.sample);
      this.fine = this.fine.filter((s) => s.t > page.sample.t - fineSpan);
      if (this.wantsCoarse && page.sample.t - (this.coarse.at(-1)?.t ?? 0) > 10500) this.refreshCoarse();
      this.changed();
    }
  }

  check() {
    if (Date.now() - this.heard > silence) this.break();
  }

  /** Gets the samples of a kind anew. */
  async fetch(every) {
    const answer = await fetch(`/api/history?every=${every}`);
    if (!answer.ok) throw new Error(`history: ${answer.status}`);
    return answer.json();
  }

  async refresh() {
    try {
      this.fine = await this.fetch(1);
      if (this.wantsCoarse) this.coarse = await this.fetch(10);
      this.changed();
    } catch {
      // The next event tries again.
    }
  }

  async refreshCoarse() {
    if (this.busy) return;
    this.busy = true;
    try {
      this.coarse = await this.fetch(10);
      this.changed();
    } catch {
      // Likewise.
    } finally {
      this.busy = false;
    }
  }

  /** The samples for a span that begins at a time. */
  from(start, now) {
    this.wantsCoarse = now - start > fineSpan + 5000;
    if (this.wantsCoarse && this.coarse.length === 0) this.refreshCoarse();
    return (this.wantsCoarse ? this.coarse : this.fine).filter((s) => s.t >= start);
  }
}
