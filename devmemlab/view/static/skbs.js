// The skbs of a connection: a slot for each that waits, and all about the one that is picked. Python has drawn every version.
import { painters } from "./scene.js";

painters.skbs = ({ film, node, box, model }) => {
  const own = (text) => text.replaceAll("PREFIX", node.dataset.prefix);
  const detail = node.querySelector("[data-detail]");
  const slots = [...node.querySelectorAll("[data-slot]")].map((slot) => ({ slot, name: slot.dataset.slot, life: 0, drawn: null }));
  const row = document.createElement("div");
  row.className = "dml-player-row";
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "pick an skb");
  const said = document.createElement("p");
  said.className = "dml-player-said";
  said.setAttribute("role", "status");
  box.append(row, said);
  let position = 0;
  let drawn = null;

  for (const one of slots) {
    one.button = document.createElement("button");
    one.button.type = "button";
    one.button.setAttribute("data-lm-suppress-shortcuts", "true");
    row.append(one.button);
    const pick = () => {
      if (!one.life) return;
      model.set("picked", one.life);
      model.save_changes();
      paint(position);
    };
    one.button.addEventListener("click", pick);
    one.slot.addEventListener("click", pick);
  }

  const paint = (now) => {
    position = now;
    const picked = model.get("picked");
    let shown = 0;
    let life = picked;
    for (const one of slots) {
      one.version = film.value(one.name, now);
      one.life = film.value(`${one.name}.life`, now);
      if (!shown && one.version && (picked === 0 || picked === one.life)) [shown, life] = [one.version, one.life];
    }
    for (const one of slots) {
      const here = one.version > 0 && one.life === life;
      const key = `${one.version} ${here}`;
      if (one.drawn === key) continue;
      one.drawn = key;
      one.slot.innerHTML = one.version ? own(film.chips[one.version - 1]) + (here ? film.frame : "") : "";
      one.button.hidden = !one.version;
      one.button.textContent = one.version ? film.names[one.version - 1] : "";
      one.button.setAttribute("aria-pressed", here);
    }
    const key = shown || (picked ? "gone" : "none");
    if (drawn === key) return;
    drawn = key;
    detail.innerHTML = shown ? own(film.details[shown - 1]) : film[key];
    said.textContent = shown ? film.said[shown - 1] : detail.textContent;
  };
  const onPicked = () => paint(position);
  model.on("change:picked", onPicked);
  paint.close = () => model.off("change:picked", onPicked);
  return paint;
};
