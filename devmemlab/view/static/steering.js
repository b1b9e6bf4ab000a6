// The steering explorer: bits are flipped, hashed and looked up here; steering_facts.py does the same and a test compares.
import { Panel, follow, tell } from "./explorer.js";

const COLUMNS = 32;
const TUPLE_ROWS = 3;
const KEY_ROWS = 4;
const BITS = COLUMNS * (TUPLE_ROWS + KEY_ROWS);
const FIELDS = [[0, 4], [4, 8], [8, 10], [10, 12]];

const octetsOf = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const hexOf = (octets, between = "") => [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(between);
const numberOf = (octets) => octets.reduce((sum, octet) => sum * 256 + octet, 0);
const hex8 = (value) => value.toString(16).padStart(8, "0");
const address = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
const bitOf = (octets, at) => (octets[at >> 3] >> (7 - (at & 7))) & 1;

export function toeplitz(key, octets) {
  let value = 0;
  let window = ((key[0] << 24) | (key[1] << 16) | (key[2] << 8) | key[3]) >>> 0;
  for (let at = 0; at < octets.length * 8; at += 1) {
    if (bitOf(octets, at)) value = (value ^ window) >>> 0;
    window = ((window << 1) | bitOf(key, at + 32)) >>> 0;
  }
  return value;
}

function miss(rule, values) {
  if (rule.never) return rule.never;
  for (let i = 0; i < values.length; i += 1) {
    const [name, want, mask] = rule.wanted[i];
    const found = (values[i] & mask) >>> 0;
    if (want !== found) {
      const [wanted, has] = [want, found].map((value) => (name.endsWith("ip") ? address(value) : value));
      return `${name}: ${wanted} is wanted, the packet has ${has}`;
    }
  }
  return "";
}

export function decide(facts, flow, key) {
  const values = FIELDS.map(([start, end]) => numberOf(flow.subarray(start, end)));
  const ends = [0, 1].map((i) => `${address(values[i])}:${values[i + 2]}`);
  const told = { steps: [["packet", `tcp4 ${ends[0]} -> ${ends[1]}`, ""]], queue: 0, rule: -1, hash: 0, index: -1 };
  if (!facts.rules.length) told.steps.push(["rules", "none", "on to RSS"]);
  else if (!facts.ntuple) {
    told.steps.push(["rules", `${facts.rules.length}, but the feature ntuple-filters is off`, "on to RSS"]);
  }
  for (const rule of facts.ntuple ? facts.rules : []) {
    const why = miss(rule, values);
    if (!why) {
      told.rule = rule.at;
      told.queue = rule.queue;
      told.steps.push([`rule ${rule.at}`, rule.said, rule.queue < 0 ? "matches: drop" : `matches: queue ${rule.queue}`]);
      return told;
    }
    told.steps.push([`rule ${rule.at}`, rule.said, `misses by ${why}`]);
  }
  const hashed = FIELDS.filter((_, i) => facts.hashed[i]);
  const input = Uint8Array.from(hashed.flatMap(([start, end]) => [...flow.subarray(start, end)]));
  told.hash = toeplitz(key, input);
  told.index = told.hash % facts.table.length;
  told.queue = facts.table[told.index];
  told.steps.push(["hash fields", `tcp ${facts.short.filter((_, i) => facts.hashed[i]).join(", ")}`, ""],
    ["hash input", hexOf(input), `${input.length} octets`],
    ["toeplitz", `key ${hexOf(key.subarray(0, 4))}...`, `hash ${hex8(told.hash)}`],
    ["table index", `${hex8(told.hash)} modulo ${facts.table.length} entries`, `entry ${told.index}`],
    ["table entry", `context 0, entry ${told.index}`, `queue ${told.queue}`]);
  return told;
}

function inputPlace(facts, bit) {
  let before = 0;
  for (let i = 0; i < FIELDS.length; i += 1) {
    const [start, end] = FIELDS[i];
    if (8 * start <= bit && bit < 8 * end) return facts.hashed[i] ? before + bit - 8 * start : -1;
    if (facts.hashed[i]) before += 8 * (end - start);
  }
  return -1;
}

function bitName(facts, cursor) {
  if (cursor >= 96) return `bit ${cursor - 96} of the key`;
  const at = FIELDS.findIndex(([start, end]) => 8 * start <= cursor && cursor < 8 * end);
  return `bit ${cursor - 8 * FIELDS[at][0]} of the ${facts.names[at]}`;
}

export function look(facts, { flow, key }, cursor = -1) {
  const { left, bit, top, row, break: gap, cell, hand } = facts.place;
  const rowTop = (at) => top + row * at + (at >= TUPLE_ROWS ? gap : 0);
  const [tuple, secret] = [octetsOf(flow), octetsOf(key)];
  const told = decide(facts, tuple, secret);
  const bits = Array.from({ length: BITS }, (_, i) => (i < 96 ? bitOf(tuple, i) : bitOf(secret, i - 96)));
  const texts = {};
  const parts = {};
  bits.forEach((value, i) => {
    texts[`b${i}`] = `${value}`;
    parts[`p${i}`] = [left + (i % COLUMNS) * bit, bit * value];
  });
  const numbers = FIELDS.map(([start, end]) => numberOf(tuple.subarray(start, end)));
  texts.src = address(numbers[0]);
  texts.dst = address(numbers[1]);
  texts.ports = `${numbers[2]} | ${numbers[3]}`;
  for (let r = 0; r < KEY_ROWS; r += 1) texts[`key${r}`] = hexOf(secret.subarray(4 * r, 4 * r + 4), " ");
  const byRule = told.rule >= 0;
  texts.hash = byRule ? `rule ${told.rule} decides; nothing is hashed` : `hash ${hex8(told.hash)}`;
  texts.index = byRule ? "" : `modulo ${facts.table.length}: entry ${told.index}`;
  texts.queue = told.queue < 0 ? "dropped by the rule" : `queue ${told.queue}`;
  texts.memory = told.queue < 0 ? "" : `on ${facts.bound.includes(told.queue) ? "device memory" : "host memory"}`;
  for (let i = 0; i < facts.steps; i += 1) {
    Object.entries(facts.clipped).forEach(([column, most], at) => {
      const said = told.steps[i]?.[at] ?? "";
      texts[`${column}${i}`] = said.length <= most ? said : `${said.slice(0, most - 1)}\u2026`;
    });
  }
  const place = cursor >= 0 && cursor < 96 ? inputPlace(facts, cursor) : -1;
  const first = Math.floor(Math.max(place, 0) / COLUMNS);
  const column = Math.max(place, 0) % COLUMNS;
  for (const [name, at, width] of [["w0", column, COLUMNS - column], ["w1", 0, column]]) {
    parts[name] = [left + at * bit, place >= 0 ? width * bit : 0];
  }
  texts.window = cursor < 0 ? "" : `${bitName(facts, cursor)}: ${bits[cursor]}${place >= 0
    ? `; if it is 1, the hash is XORed with key bits ${place} to ${place + 31} (framed)` : cursor < 96 ? "; it is not hashed" : ""}`;
  const per = facts.queues > 8 ? Math.ceil(facts.queues / 2) : facts.queues;
  const entry = Math.max(told.index, 0);
  const queue = Math.max(told.queue, 0);
  const mark = Math.max(cursor, 0);
  const moves = { w0: [0, rowTop(TUPLE_ROWS + first)], w1: [0, rowTop(TUPLE_ROWS + Math.min(first + 1, KEY_ROWS - 1))],
    cursor: [left + (mark % COLUMNS) * bit, rowTop(Math.floor(mark / COLUMNS))],
    entry: [8 + (entry % 16) * cell, Math.floor(entry / 16) * cell],
    hand: [hand + 150 * Math.floor(queue / per), (queue % per) * cell] };
  const way = told.steps.map(([what, found, so]) => `  ${what}: ${found}${so ? `: ${so}` : ""}`);
  const words = [`Why a packet to ${facts.name} lands on a queue: ${texts.queue} ${texts.memory}`.trimEnd(), ...way];
  return { texts, parts, moves, words: words.join("\n"), told,
    on: { entry: !byRule, hand: told.queue >= 0, cursor: cursor >= 0, window: place >= 0 } };
}

function flipped(hex, at) {
  const octets = octetsOf(hex);
  octets[at >> 3] ^= 128 >> (at & 7);
  return hexOf(octets);
}

function render({ model, el }) {
  const facts = model.get("facts");
  const state = { flow: model.get("flow"), key: model.get("key") };
  const begin = { ...state };
  let cursor = -1;
  const panel = new Panel(model, el, "Why does this packet land on this queue?",
    "ArrowLeft ArrowRight ArrowUp ArrowDown Home End Space Enter r");
  const { left, bit, high, top, row, break: gap } = facts.place;

  const paint = (before = "") => {
    const seen = look(facts, state, cursor);
    const end = `${seen.texts.hash}, ${seen.texts.queue} ${seen.texts.memory}`.trimEnd();
    panel.show(seen, cursor < 0 ? end : `${before || `${bitName(facts, cursor)}: ${seen.texts[`b${cursor}`]}`}; ${end}`);
    panel.root.dataset.cursor = cursor;
    panel.root.dataset.queue = seen.told.queue;
    panel.root.dataset.hash = hex8(seen.told.hash);
    return seen;
  };
  const go = (to) => {
    cursor = (to + BITS) % BITS;
    paint();
  };
  const flip = () => {
    cursor = Math.max(cursor, 0);
    const was = look(facts, state).told;
    if (cursor < 96) state.flow = flipped(state.flow, cursor);
    else state.key = flipped(state.key, cursor - 96);
    const is = look(facts, state).told;
    let differ = 0;
    for (let rest = (was.hash ^ is.hash) >>> 0; rest; rest &= rest - 1) differ += 1;
    const moved = was.queue === is.queue ? "the queue stays" : `from queue ${was.queue} to ${is.queue}`;
    paint(`flipped ${bitName(facts, cursor)}: ${differ} bits of the hash changed, ${moved}`);
    tell(model, state);
  };
  const reset = () => {
    Object.assign(state, begin);
    paint();
    tell(model, state);
  };
  const start = () => cursor - (cursor % COLUMNS);
  const keys = {
    ArrowLeft: () => go(cursor < 0 ? 0 : cursor - 1),
    ArrowRight: () => go(cursor + 1),
    ArrowUp: () => go(cursor < 0 ? 0 : cursor - COLUMNS),
    ArrowDown: () => go(cursor < 0 ? 0 : cursor + COLUMNS),
    Home: () => go(cursor < 0 ? 0 : start()),
    End: () => go(cursor < 0 ? COLUMNS - 1 : start() + COLUMNS - 1),
    " ": flip,
    Enter: flip,
    r: reset,
  };
  panel.button("Bit before", "the bit before (left arrow)", keys.ArrowLeft);
  panel.button("Next bit", "the next bit (right arrow)", keys.ArrowRight);
  panel.button("Flip", "flip this bit (space)", flip);
  panel.button("As at first", "all bits as they were at first (r)", reset);
  panel.keys(keys);
  panel.svg.addEventListener("pointerdown", (event) => {
    const [x, y] = panel.at(event);
    const column = Math.floor((x - left) / bit);
    const rows = Array.from({ length: TUPLE_ROWS + KEY_ROWS }, (_, at) => top + row * at + (at >= TUPLE_ROWS ? gap : 0));
    const at = rows.findIndex((from) => y >= from && y < from + high);
    if (at < 0 || column < 0 || column >= COLUMNS) return;
    cursor = at * COLUMNS + column;
    panel.root.focus();
    event.preventDefault();
    flip();
  });
  paint();
  return follow(model, Object.keys(state), (name) => {
    if (model.get(name) === state[name]) return;
    state[name] = model.get(name);
    paint();
  });
}

export default { render };
