// The rows of a ladder, one for each event: only those near the position are looked at. ladder_rows.py draws the same.
import { spell, spellTime } from "./film.js";
import { painters } from "./scene.js";

const LOOKS = ["data", "again", "control", "ack", "dup", "sack", "dsack"];
const FLAG_NAMES = ["SYN", "FIN", "RST"];
const CALLS = ["", "recvmsg, tokens:", "DONTNEED, tokens:"];
const FATES = ["", "lost", "damaged", "copy"];
const tidyRow = (value) => Math.round(value * 100) / 100;

painters.ladder = ({ film, node }) => {
  const { near, far, top, pitch, rows, middle } = Object.fromEntries(
    ["near", "far", "top", "pitch", "rows", "middle"].map((name) => [name, Number(node.dataset[name])]));
  const shapes = film.shapes;
  const c = (name) => film.column[name];
  const what = c("e.what");
  const which = c("e.which");

  const words = (s) => {
    const look = LOOKS[c("s.look")[s]];
    const flags = FLAG_NAMES.filter((_, k) => c("s.flags")[s] & (1 << k)).join(" ");
    const size = c("s.size")[s];
    const ack = c("s.ack")[s];
    const more = c("s.blocks")[s] > 1 ? ` +${c("s.blocks")[s] - 1}` : "";
    const block = `${c("s.first")[s]}-${c("s.last")[s]}${more}`;
    if (size) return `${look === "again" ? "again " : ""}${flags ? `${flags} ` : ""}${c("s.seq")[s]}+${size}`;
    if (look === "control") return `${flags || "again"} ${c("s.seq")[s]}${ack < 0 ? "" : ` ack ${ack}`}`;
    if (look === "sack") return `ack ${ack} SACK ${block}`;
    if (look === "dsack") return `ack ${ack} DSACK ${block}`;
    return `${look === "dup" ? "dup ack" : "ack"} ${ack}`;
  };

  const path = (d, more) => `<path d="${d}" ${more}/>`;
  const text = (said, x, y, kind) => `<text x="${tidyRow(x)}" y="${tidyRow(y)}" class="${kind}">${said}</text>`;

  node.own = (position) => {
    const base = Math.max(position - rows, 0);
    const y = (event) => tidyRow(top + (event - base + 0.5) * pitch);
    const lines = [];
    const marks = [];
    const seen = new Set();
    for (let e = base; e < position; e += 1) {
      if (what[e] === 4) {
        marks.push(text(`nothing for ${spellTime(which[e] * 1000)}`, middle, y(e) + 4, "mid small strong halo"));
      } else if (what[e] === 3) {
        const end = film.side ? near : far;
        marks.push(path(`M${end} ${y(e)}${shapes.call}`, 'fill="var(--dml-token)" stroke="var(--dml-ink)"'));
        marks.push(text(`${CALLS[c("e.call")[e]]} ${spell(c("amount")[e])}`, end + (film.side ? -10 : 10), y(e) + 4,
          film.side ? "end small" : "small"));
      } else if (!seen.has(which[e])) {
        seen.add(which[e]);
        segment(which[e], position, y, lines, marks);
      }
    }
    return lines.join("") + marks.join("");
  };

  const segment = (s, position, y, lines, marks) => {
    const side = c("s.side")[s];
    const look = LOOKS[c("s.look")[s]];
    const fate = FATES[c("s.fate")[s]];
    const left = c("s.left")[s];
    const came = c("s.came")[s];
    const x1 = side ? far : near;
    const x2 = fate === "lost" ? middle : (side ? near : far);
    const y1 = y(left);
    const whole = came < position;
    const part = whole ? 1 : Math.min((position - left) / (came - left + 1), 1);
    const tip = tidyRow(x1 + (x2 - x1) * part);
    const low = tidyRow(y1 + (y(came) - y1) * part);
    const style = film.styles[look];
    // A way from above the window begins where it comes into it.
    const high = Math.max(y1, top - 8);
    const begin = high > y1 ? tidyRow(x1 + ((x2 - x1) * (high - y1)) / (y(came) - y1)) : x1;
    lines.push(path(`M${begin} ${high}L${tip} ${low}`, `class="way ${look}" fill="none"`));
    if (whole && fate !== "lost") {
      const back = side ? 7 : -7;
      lines.push(path(`M${tip} ${low}l${back} -4v8z`, `fill="${style}"`));
    }
    if (whole && (fate === "lost" || fate === "damaged")) {
      marks.push(path(`M${tidyRow(tip - 5)} ${tidyRow(low - 5)}l10 10m0 -10l-10 10`,
        'stroke="var(--dml-ink)" stroke-width="2.5" fill="none"'));
      marks.push(text(fate, tip + (side ? -9 : 9), low + 4, side ? "end small strong halo" : "small strong halo"));
    }
    if (fate === "copy" || y1 < top) {
      if (fate === "copy" && whole) marks.push(text("copy", x2 + (side ? 10 : -10), low - 4, side ? "tiny halo" : "end tiny halo"));
      return;
    }
    const hollow = look === "ack" || look === "dup" || look === "dsack";
    marks.push(path(`M${x1} ${y1}${shapes[look]}`, `fill="${hollow ? "var(--dml-paper)" : style}" stroke="var(--dml-ink)"`));
    const small = look === "sack" || look === "dsack" ? "tiny" : "small";
    marks.push(text(words(s), x1 + (side ? 11 : -11), y1 + 4, side ? small : `end ${small}`));
  };

  return (position) => {
    if (node.at === position) return;
    node.at = position;
    node.innerHTML = node.own(position);
  };
};
