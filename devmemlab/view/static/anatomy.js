// Frame anatomy: the cut is dragged; every answer was worked out by Python and is looked up here.
import { Panel, fill, follow, quiet, spell, tell, make } from "./explorer.js";

const WHO = ["card", "driver", "TCP", "program"];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export function cutPlace(cells, cut) {
  let at = cells.findIndex((octet) => octet >= cut);
  if (at < 0) at = cells.length;
  return at && cells[at - 1] < 0 && (at === cells.length || cells[at] !== cut) ? at - 0.5 : at;
}

export function consequences(facts, cut, room) {
  const late = Math.max(Math.min(cut, facts.payload_at + facts.payload) - facts.payload_at, 0);
  const device = facts.payload - late;
  const where = facts.layers.filter(([, at, length]) => at + length > cut && at < facts.payload_at).map(([name]) => name);
  const values = { cut, room, late: spell(late), device: spell(device), why: facts.kinds[facts.kind[cut]],
    token: device ? `a token for the other ${spell(device)}` : "no token", short: facts.payload_at - cut,
    where: where.join(", ") };
  const lines = cut > room ? facts.overflow : facts.says[facts.kind[cut]];
  return [cut > 0 && cut <= room, lines.map((line) => fill(line, values))];
}

export function look(facts, { cut, hds_thresh, room }) {
  const { n, cells, place: { left, top, pitch, cell, columns, bar, wide } } = facts;
  const place = cutPlace(cells, cut);
  const [written, lines] = consequences(facts, cut, room);
  const [ownAt, own] = facts.own[facts.thresholds.indexOf(hds_thresh)][facts.rooms.indexOf(room)];
  const rows = Math.ceil(cells.length / columns);
  const rowOf = (at) => clamp(Math.ceil(at / columns) - 1, 0, rows - 1);
  const spot = (at) => [left + (at - rowOf(at) * columns) * cell, top + rowOf(at) * pitch];
  const parts = {};
  const texts = {};
  for (let r = 0; r < rows; r += 1) {
    const full = Math.min(cells.length - r * columns, columns);
    const before = clamp(place - r * columns, 0, full);
    parts[`host${r}`] = [left, before * cell];
    parts[`device${r}`] = [left + before * cell, (full - before) * cell];
  }
  facts.layers.forEach(([, at, length], i) => {
    const before = clamp(cut - at, 0, length);
    parts[`h${i}`] = [bar + (Math.min(at, room) * wide) / room, written ? (before * wide) / room : 0];
    parts[`d${i}`] = [bar + (Math.max(at - cut, 0) * wide) / n, written ? ((length - before) * wide) / n : 0];
  });
  const when = (value) => (written ? value : 0);
  const head = when(Math.min(cut, facts.payload_at));
  const late = when(Math.max(Math.min(cut, facts.payload_at + facts.payload) - facts.payload_at, 0));
  const lost = when(Math.max(facts.payload_at - cut, 0));
  const device = when(n - cut - lost);
  texts.cut = cut ? `the cut: behind octet ${spell(cut)}` : "no cut";
  texts.header = `${head} octets of headers, ${spell(late)} of payload`;
  texts.device = `${lost} octets of headers, ${spell(device)} of payload`;
  texts.room = `${room} octets`;
  texts.own = `a card in order (hds-thresh ${hds_thresh}, header buffers of ${room}): ${own}`;
  texts.binding = facts.binding[hds_thresh > 0 ? 1 : 0];
  WHO.forEach((who, i) => { texts[who] = lines[i]; });
  const fate = written && !late && !lost ? "right" : written && !lost ? "wrong" : "lost";
  const words = [`${facts.title}: ${spell(n)} octets, ${texts.cut}`, `  header buffer: ${texts.header}`,
    `  device page: ${texts.device}`, ...WHO.map((who) => `  ${who}: ${texts[who]}`), `  ${texts.own}; ${texts.binding}`];
  return { texts, parts, words: words.join("\n"),
    moves: { knife: spot(place), own: spot(cutPlace(cells, ownAt)) },
    on: { right: fate === "right", wrong: fate === "wrong", lost: fate === "lost", own: ownAt > 0, full: written } };
}

function render({ model, el }) {
  const facts = model.get("facts");
  const state = { cut: model.get("cut"), hds_thresh: model.get("hds_thresh"), room: model.get("room") };
  const panel = new Panel(model, el, facts.title, "ArrowLeft ArrowRight ArrowUp ArrowDown PageUp PageDown Home End c", 2);
  const slider = make("input", { type: "range", min: 0, max: facts.n, step: 1, "aria-label": "the cut", ...quiet });
  const { left, top, pitch, cell, columns } = facts.place;

  const paint = () => {
    const seen = look(facts, state);
    panel.show(seen, `${seen.texts.cut}; program: ${seen.texts.program}`);
    slider.value = state.cut;
    slider.setAttribute("aria-valuetext", seen.texts.cut);
    thresh.value = String(state.hds_thresh);
    room.value = String(state.room);
    panel.root.dataset.cut = state.cut;
  };
  const set = (news, send = true) => {
    Object.assign(state, news);
    state.cut = clamp(state.cut, 0, facts.n);
    paint();
    if (send) tell(model, state);
  };
  const borders = [...new Set([0, ...facts.layers.map(([, at]) => at), facts.n])].sort((a, b) => a - b);
  const border = (way) => (way > 0 ? borders.find((at) => at > state.cut) : borders.filter((at) => at < state.cut).pop());
  const card = () => set({ cut: facts.own[facts.thresholds.indexOf(state.hds_thresh)][facts.rooms.indexOf(state.room)][0] });
  const keys = {
    ArrowLeft: () => set({ cut: state.cut - 1 }),
    ArrowRight: () => set({ cut: state.cut + 1 }),
    ArrowUp: () => set({ cut: state.cut - columns }),
    ArrowDown: () => set({ cut: state.cut + columns }),
    PageUp: () => set({ cut: border(-1) ?? 0 }),
    PageDown: () => set({ cut: border(1) ?? facts.n }),
    Home: () => set({ cut: 0 }),
    End: () => set({ cut: facts.n }),
    c: () => card(),
  };
  panel.button("Back", "cut one octet before (left arrow)", keys.ArrowLeft);
  panel.button("Step", "cut one octet behind (right arrow)", keys.ArrowRight);
  panel.button("Layer back", "cut where a layer begins (Page up)", keys.PageUp);
  panel.button("Layer on", "cut where a layer ends (Page down)", keys.PageDown);
  panel.button("As the card", "cut where a card in order cuts (c)", keys.c);
  panel.rows[0].append(slider);
  const thresh = panel.list("hds-thresh", facts.thresholds.map((value) => [value, `${value}`]), (value) => set({ hds_thresh: value }), 1);
  const room = panel.list("header buffers of", facts.rooms.map((value) => [value, `${value}`]), (value) => set({ room: value }), 1);
  panel.keys(keys);
  slider.addEventListener("input", () => set({ cut: Number(slider.value) }, false));
  slider.addEventListener("change", () => set({ cut: Number(slider.value) }));

  let dragging = false;
  const drag = (event) => {
    const [x, y] = panel.at(event);
    const row = clamp(Math.floor((y - top) / pitch), 0, Math.ceil(facts.cells.length / columns) - 1);
    const at = clamp(row * columns + clamp(Math.round((x - left) / cell), 0, columns), 0, facts.cells.length);
    const gap = facts.cells[at] < 0;
    set({ cut: at === facts.cells.length ? facts.n : gap ? facts.cells[at - 1] + 1 : facts.cells[at] }, false);
  };
  panel.svg.style.touchAction = "pan-y";
  panel.svg.style.cursor = "col-resize";
  panel.svg.addEventListener("pointerdown", (event) => {
    const [, y] = panel.at(event);
    if (y > top + Math.ceil(facts.cells.length / columns) * pitch) return;
    dragging = true;
    panel.svg.setPointerCapture(event.pointerId);
    panel.root.focus();
    event.preventDefault();
    drag(event);
  });
  panel.svg.addEventListener("pointermove", (event) => dragging && drag(event));
  for (const name of ["pointerup", "pointercancel"]) {
    panel.svg.addEventListener(name, () => {
      if (dragging) tell(model, state);
      dragging = false;
    });
  }
  paint();
  return follow(model, Object.keys(state), (name) => model.get(name) !== state[name] && set({ [name]: model.get(name) }, false));
}

export default { render };
