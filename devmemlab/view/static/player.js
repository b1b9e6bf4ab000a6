// The player: buttons, keys, a slider and a log around a scene. JavaScript owns the clock; the kernel hears of it when it stops.
import { Clock } from "./clock.js";
import { Film } from "./film.js";
import { Scene } from "./scene.js";

const CALM_MS = 500; // with reduced motion: two pictures a second, nothing glides
const PAGES = 20; // Page up and Page down go through the film in this many leaps

function make(tag, attributes, text) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
}

function render({ model, el }) {
  const film = new Film(model.get("facts"), model.get("octets"));
  const clock = new Clock(film, model.get("position"), model.get("speed"));
  const motion = matchMedia("(prefers-reduced-motion: reduce)");

  // JupyterLab and Notebook take keys from the focused element unless it, not only something around it, is marked.
  const quiet = { "data-lm-suppress-shortcuts": "true" };
  const root = make("div", { class: "dml-player", role: "group", tabindex: "0", ...quiet, "aria-label": film.title,
    "aria-keyshortcuts": "Space ArrowLeft ArrowRight Home End PageUp PageDown" });
  const box = make("div", { class: "dml-player-scene" });
  const row = make("div", { class: "dml-player-row" });
  const button = (text, says) => {
    const node = make("button", { type: "button", title: says, "aria-label": says, ...quiet }, text);
    row.append(node);
    return node;
  };
  const first = button("Start", "to the start (Home)");
  const back = button("Back", "one event back (left arrow)");
  const play = button("Play", "play (space)");
  const next = button("Step", "one event on (right arrow)");
  const last = button("End", "to the end (End)");
  const label = make("label", {}, "speed ");
  const speed = make("select", { "aria-label": "speed", ...quiet });
  for (const value of film.speeds) speed.append(make("option", { value }, value < 1 ? `1/${1 / value}` : `${value}`));
  label.append(speed);
  const save = make("button", { type: "button", title: "save this picture as an SVG file", ...quiet,
    "aria-label": "save this picture as SVG" }, "Save SVG");
  const slider = make("input", { type: "range", min: 0, max: film.n, step: 1, "aria-label": "position", ...quiet });
  row.append(label, slider, save);
  const place = make("p", { class: "dml-player-place" });
  const now = make("p", { class: "dml-player-now", role: "status" });
  const log = make("ol", { class: "dml-player-log", "aria-label": "what happened last, the newest first" });
  root.append(box, row, place, now, log);
  el.replaceChildren(root);
  const scene = new Scene(film, model.get("scene"), box, model);

  let frame = 0;
  let painted = 0;
  let shown = -1;
  let calmed = 0;

  const paint = () => {
    scene.paint(clock, motion.matches);
    painted += 1;
    root.dataset.painted = painted;
    root.dataset.position = clock.position;
    root.dataset.playing = clock.playing;
    if (shown === clock.position) return;
    shown = clock.position;
    slider.value = shown;
    place.textContent = film.place(shown);
    slider.setAttribute("aria-valuetext", place.textContent);
    const lines = film.log(shown);
    now.textContent = lines[0] ?? "nothing has happened yet";
    const wanted = lines.slice(1);
    while (log.children.length < wanted.length) log.append(make("li", {}));
    while (log.children.length > wanted.length) log.lastChild.remove();
    wanted.forEach((text, i) => { log.children[i].textContent = text; });
  };

  const settle = (tell = true) => {
    play.textContent = clock.playing ? "Pause" : "Play";
    play.setAttribute("aria-label", clock.playing ? "pause (space)" : "play (space)");
    // A screen reader that reads every event of a film never comes to an end.
    now.setAttribute("aria-live", clock.playing ? "off" : "polite");
    paint();
    if (clock.playing) return;
    scene.description.textContent = film.words(clock.position);
    if (tell && (model.get("position") !== clock.position || model.get("playing"))) {
      model.set("position", clock.position);
      model.set("playing", false);
      model.save_changes();
    }
  };

  const run = (time) => {
    clock.tick(time);
    if (!clock.playing) return settle();
    if (!motion.matches || time - calmed >= CALM_MS) {
      calmed = time;
      paint();
    }
    frame = requestAnimationFrame(run);
  };

  const go = (position, tell = true) => {
    cancelAnimationFrame(frame);
    clock.pause();
    clock.go(position);
    settle(tell);
  };
  const toggle = () => {
    cancelAnimationFrame(frame);
    if (clock.playing) clock.pause();
    else {
      clock.play();
      frame = requestAnimationFrame(run);
    }
    settle();
  };

  const leap = Math.max(Math.round(film.n / PAGES), 1);
  const KEYS = {
    " ": toggle,
    ArrowLeft: () => go(clock.position - 1),
    ArrowRight: () => go(clock.position + 1),
    ArrowDown: () => go(clock.position - 1),
    ArrowUp: () => go(clock.position + 1),
    PageDown: () => go(clock.position - leap),
    PageUp: () => go(clock.position + leap),
    Home: () => go(0),
    End: () => go(film.n),
  };
  const key = (event) => {
    // A button takes Space and a list takes arrows, as everywhere.
    if (event.target === speed || (event.key === " " && event.target.tagName === "BUTTON")) return;
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
    event.preventDefault();
    event.stopPropagation();
    KEYS[event.key]();
  };
  root.addEventListener("keydown", key);
  first.addEventListener("click", KEYS.Home);
  back.addEventListener("click", KEYS.ArrowLeft);
  play.addEventListener("click", toggle);
  next.addEventListener("click", KEYS.ArrowRight);
  last.addEventListener("click", KEYS.End);
  save.addEventListener("click", () => {
    scene.description.textContent = film.words(clock.position);
    const url = URL.createObjectURL(new Blob([scene.saved()], { type: "image/svg+xml" }));
    const name = film.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    make("a", { href: url, download: `${name}-${clock.position}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
  slider.addEventListener("input", () => go(Number(slider.value), false));
  slider.addEventListener("change", () => go(Number(slider.value)));
  speed.addEventListener("change", () => {
    model.set("speed", Number(speed.value));
    model.save_changes();
    clock.speed = Number(speed.value);
  });

  const onPosition = () => model.get("position") !== clock.position && go(model.get("position"));
  const onPlaying = () => model.get("playing") !== clock.playing && toggle();
  const onSpeed = () => {
    clock.speed = model.get("speed");
    speed.value = String(clock.speed);
  };
  model.on("change:position", onPosition);
  model.on("change:playing", onPlaying);
  model.on("change:speed", onSpeed);
  motion.addEventListener("change", paint);
  onSpeed();
  settle();
  onPlaying();

  return () => {
    cancelAnimationFrame(frame);
    scene.close();
    motion.removeEventListener("change", paint);
    model.off("change:position", onPosition);
    model.off("change:playing", onPlaying);
    model.off("change:speed", onSpeed);
  };
}

export default { render };
