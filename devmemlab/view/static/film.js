// A film as film.py packs it: columns in one block of octets, asked for any position by binary search.
const VIEWS = { u1: Uint8Array, i4: Int32Array, f8: Float64Array };
const LINES = 6;

// How many of the first numbers are below `limit`, or not above it; they never fall.
export function below(column, limit, orEqual = false) {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle] < limit || (orEqual && column[middle] === limit)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const spell = (number) => Math.trunc(number).toLocaleString("en-US");

export function spellTime(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["\u00b5s", 1e3]]) {
    if (Math.abs(ns) >= size) return `${(ns / size).toFixed(3)} ${unit}`;
  }
  return `${Math.trunc(ns)} ns`;
}

export class Film {
  constructor(facts, octets) {
    Object.assign(this, facts);
    // A copy, because a column must begin at a multiple of its width and the message it came in need not.
    const block = octets.buffer.slice(octets.byteOffset, octets.byteOffset + octets.byteLength);
    this.column = {};
    for (const [name, [kind, at, length]] of Object.entries(facts.columns)) {
      this.column[name] = new VIEWS[kind](block, at, length);
    }
    this.at = this.column.at;
  }

  clamp(position) {
    return Math.min(Math.max(Math.trunc(position), 0), this.n);
  }

  // How much has happened at time `t`: everything that is played by then.
  position(t) {
    return below(this.at, t, true);
  }

  value(name, position) {
    const seen = below(this.column[`${name}.event`], position);
    return seen ? this.column[`${name}.value`][seen - 1] : 0;
  }

  line(number) {
    return this.lines[this.column.kind[number]]
      .replace("{amount}", spell(this.column.amount[number]))
      .replace("{item}", spell(this.column.item[number]));
  }

  log(position) {
    const lines = [];
    for (let i = position - 1; i >= 0 && lines.length < LINES; i -= 1) lines.push(this.line(i));
    return lines;
  }

  place(position) {
    return this.readout.replace(/\{(\w+)\}/g, (_, name) => {
      if (name === "k") return spell(position);
      if (name === "n") return spell(this.n);
      if (name === "time") return spellTime(position ? this.column.time_ns[position - 1] : 0);
      return spell(this.value(name, position));
    });
  }

  words(position) {
    const counts = Object.entries(this.tracks)
      .filter(([, label]) => label)
      .map(([name, label]) => `  ${label}: ${spell(this.value(name, position))}`);
    return [`${this.title}; ${this.place(position)}`, ...counts].join("\n");
  }
}
