// Lanes of lives that follow one another: a window of events that ends where we are; what lies outside is not looked at.
import { below } from "./film.js";

const NEVER = 1 << 30;
const SVG_NS = "http://www.w3.org/2000/svg";

export class Lanes {
  constructor(film, group) {
    this.film = film;
    this.group = group;
    for (const name of ["left", "room", "top", "pitch", "bar", "thin"]) this[name] = Number(group.dataset[name]);
    for (const name of ["arrived", "born", "returned", "recycled", "number", "first"]) this[name] = film.column[`lives.${name}`];
    this.paths = Object.fromEntries([...group.querySelectorAll("[data-state]")].map((node) => [node.dataset.state, node]));
    this.words = group.querySelector("[data-words]");
    this.shown = -1;
  }

  paint(position) {
    if (position === this.shown) return;
    this.shown = position;
    const { window: wide } = this.film;
    const from = Math.max(position - wide, 0);
    const round = (value) => Math.round(value * 100) / 100;
    const x = (event) => this.left + (Math.max(event + 1 - from, 0) * this.room) / wide;
    const now = x(position - 1);
    const shapes = { waits: [], held: [], leaks: [], rests: [], free: [] };
    const words = [];
    const box = (list, a, b, y, high) => list.push(`M${round(a)} ${round(y)}h${round(b - a)}v${round(high)}h${round(a - b)}z`);
    for (let lane = 0; lane + 1 < this.first.length; lane += 1) {
      const [start, end] = [this.first[lane], this.first[lane + 1]];
      const y = this.top + this.pitch * lane;
      const middle = y + this.bar / 2;
      const low = start + below(this.recycled.subarray(start, end), from);
      for (let k = low; k < end && this.arrived[k] < position; k += 1) {
        const came = x(this.arrived[k]);
        const born = this.born[k] < position ? x(this.born[k]) : now;
        box(shapes.waits, came, Math.max(born, came + 1), middle - this.thin / 2, this.thin);
        if (this.born[k] >= position) continue;
        const back = this.returned[k] < position;
        const leak = this.returned[k] === NEVER;
        const until = back ? x(this.returned[k]) : now;
        box(leak ? shapes.leaks : shapes.held, born, Math.max(until, born + 2), y, this.bar);
        const label = `${this.number[k]}`;
        if (until - born >= 7 * label.length + 3) words.push([(born + until) / 2, y + 13, label, "mid small strong halo"]);
        if (leak) words.push([this.left + this.room + 8, y + 13, "never returned", "small strong"]);
        if (back) {
          const gone = this.recycled[k] < position ? x(this.recycled[k]) : now;
          if (gone > until) shapes.rests.push(`M${round(until)} ${round(middle)}H${round(gone)}`);
          if (this.recycled[k] < position) shapes.free.push(`M${round(gone)} ${round(middle - 5)}l5 5l-5 5l-5 -5z`);
        }
      }
    }
    for (const [name, pieces] of Object.entries(shapes)) this.paths[name].setAttribute("d", pieces.join(""));
    while (this.words.children.length < words.length) {
      const text = document.createElementNS(SVG_NS, "text");
      text.dataset.letter = "";
      this.words.append(text);
    }
    while (this.words.children.length > words.length) this.words.lastChild.remove();
    words.forEach(([at, y, label, style], i) => {
      const text = this.words.children[i];
      text.setAttribute("x", round(at));
      text.setAttribute("y", round(y));
      text.setAttribute("class", style);
      text.textContent = label;
    });
  }
}
