// What every explorer has: a frame around its scene, and a hand that fills a look into the marks of that scene.
let views = 0;

export const tidy = (value) => Math.round(value * 100) / 100;
export const spell = (number) => Math.trunc(number).toLocaleString("en-US");
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

export function make(tag, attributes, text) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
}

// JupyterLab and Notebook take keys from the focused element unless it, not only something around it, is marked.
export const quiet = { "data-lm-suppress-shortcuts": "true" };

export class Panel {
  constructor(model, el, title, keys, rows = 1) {
    views += 1;
    this.root = make("div", { class: "dml-explorer", role: "group", tabindex: "0", ...quiet, "aria-label": title,
      "aria-keyshortcuts": keys });
    this.box = make("div", { class: "dml-explorer-scene" });
    this.rows = Array.from({ length: rows }, () => make("div", { class: "dml-explorer-row" }));
    this.now = make("p", { class: "dml-explorer-now", role: "status", "aria-live": "polite" });
    // Names in a picture are unique on a page, and one explorer may be shown twice.
    this.box.innerHTML = model.get("scene").replace(/\bd[0-9a-f]{8}\b/g, (name) => `${name}x${views}`);
    this.svg = this.box.querySelector("svg");
    this.root.append(this.box, ...this.rows, this.now);
    el.replaceChildren(this.root);
    const marked = (mark) => [...this.svg.querySelectorAll(`[data-${mark}]`)].map((node) => [node, node.dataset[mark]]);
    this.marks = Object.fromEntries(["text", "part", "move", "on"].map((mark) => [mark, marked(mark)]));
    this.painted = 0;
  }

  button(words, says, press, row = 0) {
    const node = make("button", { type: "button", title: says, "aria-label": says, ...quiet }, words);
    node.addEventListener("click", press);
    this.rows[row].append(node);
    return node;
  }

  list(words, options, change, row = 0) {
    const label = make("label", {}, `${words} `);
    const node = make("select", { "aria-label": words, ...quiet });
    for (const [value, text] of options) node.append(make("option", { value }, text));
    node.addEventListener("change", () => change(Number(node.value)));
    label.append(node);
    this.rows[row].append(label);
    return node;
  }

  show(look, line) {
    for (const [node, name] of this.marks.text) if (node.textContent !== look.texts[name]) node.textContent = look.texts[name];
    for (const [node, name] of this.marks.part) {
      node.setAttribute("x", tidy(look.parts[name][0]));
      node.setAttribute("width", tidy(look.parts[name][1]));
    }
    for (const [node, name] of this.marks.move) {
      node.setAttribute("transform", `translate(${look.moves[name].map(tidy).join(" ")})`);
    }
    for (const [node, name] of this.marks.on) node.setAttribute("visibility", look.on[name] ? "visible" : "hidden");
    this.svg.querySelector("desc").textContent = look.words;
    if (this.now.textContent !== line) this.now.textContent = line;
    this.painted += 1;
    this.root.dataset.painted = this.painted;
  }

  // Where in the picture a pointer is.
  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  keys(table) {
    this.root.addEventListener("keydown", (event) => {
      // A button takes Space and Enter, and a list takes arrows, as everywhere.
      if (event.target.tagName === "SELECT") return;
      if (event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter")) return;
      if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in table)) return;
      event.preventDefault();
      event.stopPropagation();
      table[event.key]();
    });
  }
}

// Keep the traits of the kernel and the state of the page in step; nothing is sent while something is being dragged.
export function follow(model, names, changed) {
  const heard = names.map((name) => [`change:${name}`, () => changed(name)]);
  for (const [event, f] of heard) model.on(event, f);
  return () => heard.forEach(([event, f]) => model.off(event, f));
}

export function tell(model, state) {
  const news = Object.entries(state).filter(([name, value]) => model.get(name) !== value);
  for (const [name, value] of news) model.set(name, value);
  if (news.length) model.save_changes();
}
