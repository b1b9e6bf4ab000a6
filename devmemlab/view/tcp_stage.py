"""The scene of a connection: a ladder at the left, sequence numbers over time and the device pages they lie in at the right.

Law.   Both halves are at the same event at every moment; what has not happened yet is not drawn.
Reads. tcp_film.py, ladder_rows.py, tcp_plot.py and time_sequence.py for what is drawn; page_ranges.py for the pages.
Omits. Single segments where a pixel column has several hundred: their stretches are drawn as one.
"""

from devmemlab.view import theme
from devmemlab.view.film import spell_time
from devmemlab.view.ladder_rows import MEANINGS, SHAPES, STYLES, ladder, style
from devmemlab.view.marks import count, phased, slide
from devmemlab.view.still import STATES, css, state_textures
from devmemlab.view.svg import document, element, number, prefix_of, text_width
from devmemlab.view.tcp_film import BACK, SOCKET, TOKEN
from devmemlab.view.tcp_plot import LEFT, MOST, PLOT, RIGHT, TOP, Plot

WIDTH, PAGES, PAGES_WIDTH = 860, 790, 62
PHASES = {SOCKET: "S", TOKEN: "T", BACK: "R"}


def _pages(prefix, plot, film, position):
    """Draw in which page each stretch lies, and whose it is now.

    Parameters
    ----------
    prefix : str
        Of the textures.
    plot : Plot
        Where things stand.
    film : Film
        With pieces.
    position : int
        How many events have happened.

    Returns
    -------
    drawn : str
        Elements.
    """
    kind = "device page" if film.pieces[0].device else "host page"
    parts = [element("text", kind, x=PAGES + PAGES_WIDTH, y=TOP - 14, class_="end small strong"),
             element("rect", x=PAGES, y=TOP, width=PAGES_WIDTH, height=PLOT, fill="none", stroke=theme.colour("quiet"))]
    # What was thrown away at once never was the place of these octets.
    kept = [(piece, steps) for piece, steps in zip(film.pieces, film.phases) if steps[0][1] != BACK]
    every = max(1, -(-len(kept) // MOST))
    tall = plot.scale * min((piece.end - piece.seq for piece, _ in kept), default=0) * every
    for piece, steps in kept[::every]:
        parts.append(phased(position, steps, x=PAGES, y=float(plot.y(piece.end)), width=PAGES_WIDTH, class_="page",
                            height=max((piece.end - piece.seq) * plot.scale * every, 0.6), stroke_width=0.8 if tall >= 3 else 0))
    for run in _runs(kept, plot.scale) if every == 1 else ():
        (first, _), (last, _) = run[0], run[-1]
        middle = float(plot.y((first.seq + last.end) / 2))
        steps = [(max(steps[0][0] for _, steps in run), "named")]
        covered = [one[0][0] for piece, one in kept if one[0][0] > steps[0][0] and piece.seq < last.end and first.seq < piece.end]
        steps += [(event, "") for event in covered[:1]]
        said = f"{first.page}" if len(run) == 1 else f"{first.page} to {last.page}"
        parts.append(phased(position, steps, "text", said, x=PAGES + PAGES_WIDTH / 2, y=middle + 4, class_="mid tiny halo"))
    return "".join(parts)


def _runs(kept, scale):
    """Put neighbours in neighbouring pages together, where one alone is too low for its number.

    Parameters
    ----------
    kept : list of (Piece, list of (int, str))
        Pieces and their phases.
    scale : float
        Pixels of an octet.

    Returns
    -------
    runs : list of list of (Piece, list of (int, str))
        Those that are high enough for a number.
    """
    runs = []
    for one in sorted(kept, key=lambda one: (one[0].seq, one[1][0][0])):
        before = runs[-1][-1][0] if runs else None
        low = before is not None and (before.end - before.seq) * scale < 11 and (one[0].end - one[0].seq) * scale < 11
        if low and before.end == one[0].seq and before.page + 1 == one[0].page:
            runs[-1].append(one)
        else:
            runs.append([one])
    return [run for run in runs if (run[-1][0].end - run[0][0].seq) * scale >= 11]


def _page_legend(prefix, film, position, y):
    """Say what the looks of a page mean, and how many are in each."""
    parts, x = [], LEFT - 46
    for name, label in ((SOCKET, "in sockets: #"), (TOKEN, "by tokens: #"), (BACK, "given back")):
        parts += [element("rect", x=x, y=y - 9, width=18, height=18, fill=f"url(#{prefix}-{name})", stroke=theme.colour("ink"),
                          stroke_width=0.8, opacity=0.35 if name == BACK else None),
                  element("text", STATES[name].letter, x=x + 9, y=y + 4, class_="mid small strong halo")]
        parts.append(element("text", label, x=x + 24, y=y + 4, class_="small") if name == BACK
                     else count(film, position, name, label, x=x + 24, y=y + 4, class_="small"))
        x += 24 + text_width(label, 11) + 26
    return "".join(parts)


def _plot(prefix, plot, film, position):
    """Draw sequence numbers over time, as far as it has come."""
    told, parts = plot.sequence, []
    again, first = [one for one in told.data if one.again], [one for one in told.data if not one.again]
    # One by one where they can be told apart, because many leave at one moment; else the clip has to do.
    number_of = {id(one): k for k, one in enumerate(film.segments)} if len(told.data) <= MOST else {}

    def since(one, column="s.left"):
        return [(int(film.columns[column][number_of[id(one)]]), "sent")]

    looks = ((first, "payload", 1.4), (again, "copied", 2.2))
    inside = [element("path", d=plot.stretches(some), stroke=theme.colour(role), stroke_width=width, fill="none")
              for some, role, width in looks if some and not number_of]
    inside += [phased(position, since(one), "path", d=plot.stretches([one]), stroke=theme.colour(role), stroke_width=width,
                      fill="none") for some, role, width in looks if number_of for one in some]
    for name, role, dashes in (("acknowledged", "device", None), *[("window", "header", "6 3")] * (not plot.clipped)):
        inside.append(element("path", d=plot.steps(name), fill="none", stroke=theme.colour(role), stroke_width=2,
                              stroke_dasharray=dashes))
    blocks = [(one.arrived_ns, *block) for one in told.acks for block in one.sack[one.duplicate:]][:MOST]
    inside.append(element("path", d="".join(f"M{number(float(plot.x(at_ns)) + 2)} {number(float(plot.y(a)))}"
                                            f"V{number(float(plot.y(b)))}" for at_ns, a, b in blocks),
                          stroke=theme.colour("user"), stroke_width=1.5, stroke_dasharray="1.5 2", fill="none"))
    lost = [one for one in told.data if one.fate in ("lost", "damaged")][:MOST]
    for some, tag, made in ((lost, "path", plot.cross), (again[:24], "text", plot.letter)):
        for one in some:
            content, look = made(one)
            inside.append(phased(position, since(one, "s.came" if tag == "path" else "s.left"), tag, content, **look) if number_of
                          else element(tag, content, **look))
    clip = slide(film, position, "plot.width", "width", x=LEFT - 4, y=TOP - 6, height=PLOT + 12)
    parts += [element("defs", element("clipPath", clip, id=f"{prefix}-past")),
              element("g", "".join(inside), clip_path=f"url(#{prefix}-past)"),
              element("path", d=f"M{LEFT} {TOP}V{plot.base}H{RIGHT}", fill="none", stroke=theme.colour("quiet")),
              element("text", f"{plot.top:,}", x=LEFT - 6, y=TOP + 4, class_="end small"),
              element("text", "0", x=LEFT - 6, y=plot.base + 4, class_="end small"),
              element("text", "octet", x=LEFT - 6, y=TOP - 14, class_="end small quiet")]
    for x, ns in plot.axis.cuts[:8]:
        parts.append(element("path", d=f"M{number(x - 5)} {plot.base + 4}l4 -8m2 8l4 -8", stroke=theme.colour("ink"),
                             fill="none"))
    ends = ((LEFT, "0", ""), (RIGHT, spell_time(float(film.time_ns[-1])), "end "))
    parts += [element("text", said, x=x, y=plot.base + 18, class_=f"{side}small quiet") for x, said, side in ends]
    parts.append(slide(film, position, "plot.x", "x", y=TOP - 4, width=2, height=PLOT + 8, fill=theme.colour("ink"),
                       opacity=0.7))
    return "".join(parts)


def _legend(clipped, y):
    """Say what shapes and lines mean."""
    parts, x = [], 10.0
    for name, meaning in MEANINGS.items():
        role = STYLES.get(name, "token")
        fill = theme.colour("paper") if name in ("ack", "dup", "dsack") else theme.colour(role)
        parts += [element("path", d=f"M{number(x + 6)} {number(y - 4)}{SHAPES[name]}", fill=fill, stroke=theme.colour("ink")),
                  element("text", meaning, x=x + 17, y=y, class_="small")]
        x += 17 + text_width(meaning, 11) + 12
    cross = f"M{number(x + 2)} {y - 8}l8 8m0 -8l-8 8"
    parts.append(element("path", d=cross, stroke=theme.colour("ink"), stroke_width=2, fill="none"))
    parts.append(element("text", "lost", x=x + 17, y=y, class_="small"))
    x, y = LEFT - 46, y - 28
    for role, dashes, meaning in (("device", None, "acknowledged"), *[("header", "6 3", "window")] * (not clipped),
                                  ("user", "1.5 2", "SACK"), ("copied", None, "R: again")):
        parts += [element("path", d=f"M{number(x)} {y - 4}h18", stroke=theme.colour(role), stroke_width=2,
                          stroke_dasharray=dashes),
                  element("text", meaning, x=x + 23, y=y, class_="small")]
        x += 23 + text_width(meaning, 11) + 10
    return "".join(parts)


def make_stage(sequence):
    """Make what draws the films of a stream.

    Parameters
    ----------
    sequence : TimeSequence
        The same stream.

    Returns
    -------
    draw : callable
        For `devmemlab.view.player.Player`.
    """
    plots = []

    def draw(film, position):
        if not plots:
            plots.append(Plot(sequence, film))
        plot = plots[0]
        prefix, sides = prefix_of("tcp", film.title, len(film)), film.facts["ends"]
        rungs, bottom = ladder(prefix, film, position)
        side = film.facts["side"]
        parts = [state_textures(prefix), element("text", film.title, x=8, y=22, class_="strong big"),
                 element("text", "one row, one event; the newest is the lowest", x=8, y=42, class_="quiet small"),
                 element("text", f"what {sides[side]} sent to {sides[1 - side]} over time, and where it lies", x=WIDTH - 8, y=42,
                         class_="end quiet small"),
                 rungs, _plot(prefix, plot, film, position)]
        y = plot.base + 40
        for name in ("sent", "acked"):
            parts.append(count(film, position, name, f"{film.tracks[name].label}: #", x=LEFT - 46, y=y, class_="small"))
            y += 18
        if film.pieces:
            parts += [_pages(prefix, plot, film, position), _page_legend(prefix, film, position, y + 8)]
        looks = "".join(f".{theme.SCOPE} .page[data-phase={name}]{{fill:url(#{prefix}-{name});stroke:var(--dml-ink)}}"
                        for name in PHASES)
        looks += (f".{theme.SCOPE} [data-phase='']{{visibility:hidden}}"
                  f".{theme.SCOPE} .page[data-phase={BACK}]{{fill-opacity:.35}}")
        parts.append(_legend(plot.clipped, bottom + 26))
        looks = css() + style() + looks
        return document(film.title, film.words(position), WIDTH, bottom + 38, "".join(parts), looks, theme.SCOPE)

    return draw
