// The scene: an SVG drawn by Python, in which whatever carries a mark is moved.
import { below, spell } from "./film.js";
import { Cells } from "./cells.js";
import { Lanes } from "./lanes.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_DOTS = 6;
const FLIGHT_S = 0.7;
// Mark -> what makes a painter of the element that carries it: a view with a drawing of its own adds one (see ladder.js).
export const painters = {};
let views = 0;

const tidy = (value) => Math.round(value * 100) / 100;

function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Names in a picture are unique on a page, and one film may be shown twice.
export const renamed = (svg) => svg.replace(/\bd[0-9a-f]{8}\b/g, (name) => `${name}v${views}`);

export class Scene {
  constructor(film, svg, box, model) {
    views += 1;
    this.film = film;
    box.innerHTML = renamed(svg);
    this.svg = box.querySelector("svg");
    this.description = this.svg.querySelector("desc");
    const marked = (mark) => [...this.svg.querySelectorAll(`[data-${mark}]`)];
    this.counts = marked("count").map((node) => ({ node, name: node.dataset.count, form: node.dataset.form ?? "#" }));
    this.levels = marked("level").map((node) => ({ node, ...node.dataset }));
    this.routes = marked("dots").map((path) => this.route(path));
    this.cursors = marked("cursor");
    const lanes = this.svg.querySelector("[data-lanes]");
    if (lanes) this.lanes = new Lanes(film, lanes);
    this.slides = marked("slide").map((node) => ({ node, attr: node.dataset.attr, at: film.column[node.dataset.slide] }));
    this.phases = marked("phases").map((node) => ({ node, steps: node.dataset.phases.split(" ").filter(Boolean).map((step) => {
      const [event, name] = step.split(":");
      return [Number(event), name];
    }) }));
    this.own = Object.entries(painters).flatMap(([mark, make]) => marked(mark).map((node) => make({ film, node, box, model })));
    const grid = this.svg.querySelector("[data-cells]");
    if (grid) {
      this.cells = new Cells(film);
      this.grid = Object.fromEntries(["columns", "pitch", "left", "top"].map((name) => [name, Number(grid.dataset[name])]));
      this.shapes = film.cells.states.map((name) => grid.querySelector(`[data-state="${name}"]`));
      this.letters = marked("letter");
    }
  }

  route(path) {
    const dots = [];
    const group = draw("g", { "aria-hidden": "true" });
    for (let i = 0; i < MOST_DOTS; i += 1) {
      const dot = draw("g", { visibility: "hidden" });
      dot.append(draw("circle", { r: 8, fill: path.dataset.fill, stroke: "var(--dml-ink,#1c1c1c)", "stroke-width": 1 }));
      const letter = draw("text", { y: 4, class: "mid small strong halo" });
      letter.textContent = path.dataset.mark;
      dot.append(letter);
      group.append(dot);
      dots.push(dot);
    }
    this.svg.append(group);
    return { path, dots, length: path.getTotalLength(), events: this.film.column[`${path.dataset.dots}.event`] };
  }

  paint({ position, t, still, speed }, calm) {
    for (const count of this.counts) {
      const text = count.form.replace("#", spell(this.film.value(count.name, position)));
      if (count.node.textContent !== text) count.node.textContent = text;
    }
    for (const { node, level, full, axis, base, length } of this.levels) {
      const size = Math.min(this.film.value(level, position) / Number(full), 1) * Number(length);
      if (axis === "y") {
        node.setAttribute("y", tidy(Number(base) - size));
        node.setAttribute("height", tidy(size));
      } else node.setAttribute("width", tidy(size));
    }
    for (const node of this.cursors) {
      const part = position / Math.max(this.film.n, 1);
      node.setAttribute("x", tidy(Number(node.dataset.cursor) + Number(node.dataset.length) * part));
    }
    for (const { node, attr, at } of this.slides) node.setAttribute(attr, tidy(at[position]));
    for (const { node, steps } of this.phases) {
      let name = "";
      for (const [event, next] of steps) if (event < position) name = next;
      if (node.dataset.phase !== name) node.dataset.phase = name;
    }
    for (const paintOwn of this.own) paintOwn(position);
    for (const route of this.routes) this.travel(route, position, t, still || calm, speed);
    if (this.cells?.seek(position)) this.colour();
    this.lanes?.paint(position);
  }

  // Only what is under way is looked at, and of that a few: which ones depends on their numbers, so that none flickers.
  travel({ path, dots, length, events }, position, t, still, speed) {
    const { at, rate } = this.film;
    const end = below(events, position);
    const shown = [];
    if (still) {
      if (end && events[end - 1] === position - 1) shown.push([0, 0.5]);
    } else {
      const flight = FLIGHT_S * rate * speed;
      const low = below(events, below(at, t - flight));
      let stride = 1;
      while ((end - low) / stride > MOST_DOTS) stride *= 2;
      for (let i = Math.ceil(low / stride) * stride; i < end; i += stride) {
        shown.push([(i / stride) % MOST_DOTS, (t - at[events[i]]) / flight]);
      }
    }
    path.classList.toggle("live", shown.length > 0);
    const seen = new Set();
    for (const [slot, part] of shown) {
      const point = path.getPointAtLength(length * Math.min(Math.max(part, 0), 1));
      dots[slot].setAttribute("transform", `translate(${point.x} ${point.y})`);
      dots[slot].setAttribute("visibility", "visible");
      seen.add(slot);
    }
    dots.forEach((dot, slot) => seen.has(slot) || dot.setAttribute("visibility", "hidden"));
  }

  close() {
    for (const paintOwn of this.own) paintOwn.close?.();
  }

  // What is seen, as a file that stands alone.
  saved() {
    const copy = this.svg.cloneNode(true);
    copy.querySelectorAll("g[aria-hidden]").forEach((group) => group.remove());
    return `${new XMLSerializer().serializeToString(copy)}\n`;
  }

  colour() {
    this.cells.paths(this.grid).forEach((path, i) => this.shapes[i].setAttribute("d", path));
    for (const node of this.letters) {
      const text = this.film.cells.letters[this.cells.now[Number(node.dataset.letter)]];
      if (node.textContent !== text) node.textContent = text;
    }
  }
}
