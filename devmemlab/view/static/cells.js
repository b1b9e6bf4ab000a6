// A grid of buffers and the state of each: changes on top of key frames, so that any moment is near one that is known.
import { below } from "./film.js";

export class Cells {
  constructor(film) {
    this.film = film;
    ({ count: this.count, every: this.every, per_cell: this.perCell, states: this.states } = film.cells);
    this.event = film.column["cells.event"];
    this.buffer = film.column["cells.buffer"];
    this.state = film.column["cells.state"];
    this.keys = film.column["cells.keys"];
    this.now = new Uint8Array(this.count);
    this.width = this.states.length;
    this.bins = new Int32Array(Math.ceil(this.count / this.perCell) * this.width);
    this.applied = -1;
    this.steps = 0;
  }

  restore(key) {
    this.now.set(this.keys.subarray(key * this.count, (key + 1) * this.count));
    this.bins.fill(0);
    for (let i = 0; i < this.count; i += 1) this.bins[Math.floor(i / this.perCell) * this.width + this.now[i]] += 1;
    this.applied = key * this.every;
  }

  // Returns whether anything is different from before.
  seek(position) {
    const wanted = below(this.event, position);
    if (wanted === this.applied) return false;
    if (this.applied < 0 || wanted < this.applied || wanted - this.applied > this.every) {
      this.restore(Math.min(Math.floor(wanted / this.every), this.keys.length / Math.max(this.count, 1) - 1));
    }
    for (; this.applied < wanted; this.applied += 1) {
      const which = this.buffer[this.applied];
      const cell = Math.floor(which / this.perCell) * this.width;
      this.bins[cell + this.now[which]] -= 1;
      this.now[which] = this.state[this.applied];
      this.bins[cell + this.now[which]] += 1;
      this.steps += 1;
    }
    return true;
  }

  // One path for each state; equal neighbours in a row are one rectangle.
  paths({ columns, pitch, left, top }) {
    const shapes = this.states.map(() => []);
    const cells = this.bins.length / this.width;
    const same = (a, b) => {
      for (let s = 0; s < this.width; s += 1) if (this.bins[a * this.width + s] !== this.bins[b * this.width + s]) return false;
      return true;
    };
    const round = (value) => Math.round(value * 100) / 100;
    for (let from = 0, to; from < cells; from = to) {
      const end = Math.min((Math.floor(from / columns) + 1) * columns, cells);
      for (to = from + 1; to < end && same(from, to); ) to += 1;
      let total = 0;
      for (let s = 0; s < this.width; s += 1) total += this.bins[from * this.width + s];
      let y = top + Math.floor(from / columns) * pitch;
      for (let s = 0; s < this.width; s += 1) {
        const part = this.bins[from * this.width + s];
        if (!part) continue;
        const high = (pitch * part) / total;
        const wide = round((to - from) * pitch);
        shapes[s].push(`M${round(left + (from % columns) * pitch)} ${round(y)}h${wide}v${round(high)}h-${wide}z`);
        y += high;
      }
    }
    return shapes.map((pieces) => pieces.join(""));
  }
}
