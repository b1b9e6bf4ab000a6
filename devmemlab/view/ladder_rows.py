"""The rows of a ladder that is played: one row for each event near the position, and nothing else.

Law.   What a segment is has a shape as well as a colour; a row stands for an event, so the distance between rows is no time.
Reads. tcp_film.py for the columns; static/ladder.js, which draws the same.
Omits. A segment that is under way for longer than the rows last: it is seen again when it arrives.
"""

from devmemlab.view import theme
from devmemlab.view.film import spell_time
from devmemlab.view.svg import element, number
from devmemlab.view.tcp_film import ARRIVED, CALL, FLAGS, LOOKS, LOST, SENT, SILENCE

NEAR, FAR, TOP, PITCH, ROWS = 172, 292, 96, 15, 26
MIDDLE = (NEAR + FAR) / 2
FATES = ("", "lost", "damaged", "copy")
FLAG_NAMES = {"S": "SYN", "F": "FIN", "R": "RST"}
CALLS = ("", "recvmsg, tokens:", "DONTNEED, tokens:")
SHAPES = {
    "data": "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "again": "m0 -6l6 10.5h-12z",
    "control": "m-4.5 -4.5h9v9h-9z",
    "ack": "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
    "dup": "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0zm2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z",
    "sack": "m0 -6l6 6l-6 6l-6 -6z",
    "dsack": "m0 -6l6 6l-6 6l-6 -6zm-4 6h8",
    "call": "m-6 -4h12v8h-12zm3 2.5h6m-6 3h6",
}
"""What it is -> its shape around a point, an SVG path."""

STYLES = {"data": "payload", "again": "copied", "control": "header", "ack": "ink", "dup": "ink", "sack": "user",
          "dsack": "user"}
"""What it is -> role of its colour."""

MEANINGS = {"data": "payload", "again": "payload again", "control": "SYN, FIN, RST", "ack": "ack", "dup": "dup ack",
            "sack": "SACK", "dsack": "DSACK", "call": "the program"}
HOLLOW = ("ack", "dup", "dsack")


def colour(look):
    """Name the colour of a look.

    Parameters
    ----------
    look : str
        One of `devmemlab.view.tcp_film.LOOKS`.

    Returns
    -------
    css : str
        A variable of the theme.
    """
    return f"var(--dml-{STYLES[look]})"


def _tidy(value):
    """Round as JavaScript does."""
    return number(round(float(value) * 100 + 1e-9) / 100)


def words(film, s):
    """Say what a segment is.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.tcp_film.tcp_film`.
    s : int
        Which segment.

    Returns
    -------
    text : str
        A few words.
    """
    size, ack, blocks, seq = (int(film.columns[f"s.{name}"][s]) for name in ("size", "ack", "blocks", "seq"))
    first, last, bits = (int(film.columns[f"s.{name}"][s]) for name in ("first", "last", "flags"))
    look = LOOKS[film.columns["s.look"][s]]
    flags = " ".join(FLAG_NAMES[flag] for k, flag in enumerate(FLAGS) if bits >> k & 1)
    block = f"{first}-{last}" + (f" +{blocks - 1}" if blocks > 1 else "")
    if size:
        return ("again " if look == "again" else "") + (f"{flags} " if flags else "") + f"{seq}+{size}"
    if look == "control":
        return f"{flags or 'again'} {seq}" + ("" if ack < 0 else f" ack {ack}")
    if look in ("sack", "dsack"):
        return f"ack {ack} {look.upper()} {block}"
    return f"{'dup ack' if look == 'dup' else 'ack'} {ack}"


def rows(film, position):
    """Draw the rows up to a position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.tcp_film.tcp_film`.
    position : int
        How many events have happened.

    Returns
    -------
    drawn : str
        Lines, then what is written over them.
    """
    base, lines, marks, seen = max(position - ROWS, 0), [], [], set()

    def y(event):
        return TOP + (event - base + 0.5) * PITCH

    for event in range(base, position):
        what, which = int(film.columns["e.what"][event]), int(film.columns["e.which"][event])
        if what == SILENCE:
            marks.append(element("text", f"nothing for {spell_time(which * 1000)}", x=MIDDLE, y=y(event) + 4,
                                 class_="mid small strong halo"))
        elif what == CALL:
            at, away = (NEAR, -10) if film.facts["side"] else (FAR, 10)
            marks.append(element("path", d=f"M{at} {_tidy(y(event))}{SHAPES['call']}", fill="var(--dml-token)",
                                 stroke="var(--dml-ink)"))
            marks.append(element("text", f"{CALLS[film.columns['e.call'][event]]} {int(film.amount[event]):,}", x=at + away,
                                 y=y(event) + 4, class_="end small" if film.facts["side"] else "small"))
        elif what in (SENT, ARRIVED, LOST) and which not in seen:
            seen.add(which)
            _segment(film, which, position, y, lines, marks)
    return "".join(lines + marks)


def _segment(film, s, position, y, lines, marks):
    """Draw one segment, as far as it has come.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.tcp_film.tcp_film`.
    s, position : int
        Which segment, and how many events have happened.
    y : callable
        Height of an event.
    lines, marks : list of str
        Grow.
    """
    side, left, came = (int(film.columns[f"s.{name}"][s]) for name in ("side", "left", "came"))
    look, fate = LOOKS[film.columns["s.look"][s]], FATES[film.columns["s.fate"][s]]
    x1, far = (FAR, NEAR) if side else (NEAR, FAR)
    x2, y1 = MIDDLE if fate == "lost" else far, y(left)
    whole = came < position
    part = 1 if whole else min((position - left) / (came - left + 1), 1)
    tip, low = x1 + (x2 - x1) * part, y1 + (y(came) - y1) * part
    # A way from above the window begins where it comes into it.
    high = max(y1, TOP - 8)
    begin = x1 + (tip - x1) * (high - y1) / (low - y1) if high > y1 else x1
    lines.append(element("path", d=f"M{_tidy(begin)} {_tidy(high)}L{_tidy(tip)} {_tidy(low)}", class_=f"way {look}", fill="none"))
    if whole and fate != "lost":
        lines.append(element("path", d=f"M{_tidy(tip)} {_tidy(low)}l{7 if side else -7} -4v8z", fill=colour(look)))
    if whole and fate in ("lost", "damaged"):
        marks.append(element("path", d=f"M{_tidy(tip - 5)} {_tidy(low - 5)}l10 10m0 -10l-10 10", stroke="var(--dml-ink)",
                             stroke_width=2.5, fill="none"))
        marks.append(element("text", fate, x=tip + (-9 if side else 9), y=low + 4,
                             class_="end small strong halo" if side else "small strong halo"))
    if fate == "copy" or y1 < TOP:
        if fate == "copy" and whole:
            marks.append(element("text", "copy", x=x2 + (10 if side else -10), y=low - 4,
                                 class_="tiny halo" if side else "end tiny halo"))
        return
    marks.append(element("path", d=f"M{x1} {_tidy(y1)}{SHAPES[look]}", stroke="var(--dml-ink)",
                         fill="var(--dml-paper)" if look in HOLLOW else colour(look)))
    size = "tiny" if look in ("sack", "dsack") else "small"
    marks.append(element("text", words(film, s), x=x1 + (11 if side else -11), y=y1 + 4, class_=size if side else f"end {size}"))


def ladder(prefix, film, position):
    """Draw the ladder at a position.

    Parameters
    ----------
    prefix : str
        Of the picture's names.
    film : Film
        From `devmemlab.view.tcp_film.tcp_film`.
    position : int
        How many events have happened.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    bottom = TOP + ROWS * PITCH
    window = element("rect", x=0, y=TOP - 8, width=480, height=bottom - TOP + 12)
    parts = [element("defs", element("clipPath", window, id=f"{prefix}-rows"))]
    for x, name, side in ((NEAR + 8, film.facts["ends"][0], "end strong"), (FAR - 8, film.facts["ends"][1], "strong")):
        parts.append(element("text", name, x=x, y=TOP - 14, class_=side))
    for x in (NEAR, FAR):
        parts.append(element("path", d=f"M{x} {TOP - 8}V{bottom + 4}", stroke=theme.colour("ink"), stroke_width=1.5))
    group = element("g", rows(film, position), data_ladder="rows", data_own="ladder", data_near=NEAR, data_far=FAR, data_top=TOP,
                    data_pitch=PITCH, data_rows=ROWS, data_middle=MIDDLE)
    return "".join(parts) + element("g", group, clip_path=f"url(#{prefix}-rows)"), bottom + 4


def style():
    """Spell how the ways of segments look.

    Returns
    -------
    css : str
        Below the class of the picture.
    """
    scope = f".{theme.SCOPE} .way"
    return (f"{scope}{{stroke:var(--dml-ink);stroke-width:1}}{scope}.data{{stroke:var(--dml-payload);stroke-width:2}}"
            f"{scope}.again{{stroke:var(--dml-copied);stroke-width:2;stroke-dasharray:7 3}}"
            f"{scope}.sack,{scope}.dsack{{stroke-dasharray:2 2}}")
