// A line of text that screen readers hear when it changes. It also makes JupyterLab and Notebook leave the keys of the box
// it stands in alone: without that, "a" inserts a cell and arrow keys move between cells instead of changing a value.
const TRIES = 600;

// Shortcuts are looked up from the focused element upwards, so the mark must be on that element, not just around it.
const guard = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");

function render({ model, el }) {
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  line.style.margin = "4px 2px";
  el.appendChild(line);

  const show = () => {
    line.textContent = model.get("text");
    el.dataset.runs = String(model.get("runs"));
  };
  model.on("change:text", show);
  model.on("change:runs", show);
  show();

  // The box is not in the page yet when this is called.
  let box = null;
  let frame = 0;
  let tries = 0;
  const find = () => {
    box = el.closest(".dml-control, .dml-quiz");
    if (box) {
      box.addEventListener("focusin", guard);
      el.dataset.guarded = "true";
    } else if (tries++ < TRIES) {
      frame = requestAnimationFrame(find);
    }
  };
  find();

  return () => {
    cancelAnimationFrame(frame);
    box?.removeEventListener("focusin", guard);
    model.off("change:text", show);
    model.off("change:runs", show);
  };
}

export default { render };
