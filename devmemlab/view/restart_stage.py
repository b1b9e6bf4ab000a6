"""The scene of restarts: a lane for each design, and in it what every queue runs on and every packet that came.

Law.   All lanes have one axis of time; a packet that was lost has a shape of its own.
Reads. restart_film.py; marks.py.
Omits. Single packets where there are very many: neighbours in a queue are drawn as one.
"""

import numpy as np

from devmemlab.lab.restart_trial import FAILS, restart_trial
from devmemlab.view import theme
from devmemlab.view.film import spell_time
from devmemlab.view.ladder import wrapped
from devmemlab.view.marks import count, phased, slide
from devmemlab.view.player import Player
from devmemlab.view.restart_film import DEAD, STILL, restart_film, stretches, told
from devmemlab.view.still import css
from devmemlab.view.svg import document, element, number, prefix_of, text_width

WIDTH, LEFT, RIGHT, TOP, ROW = 860, 76, 640, 54, 34
MOST, COARSE = 600, 4
SHAPES = {True: "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", False: "m-5 -5l10 10m0 -10l-10 10"}
COUNTS = (("taken", "packets taken: #"), ("lost", "packets lost: #"), ("still", "queues standing still: #"),
          ("out", "buffers taken out: #"), ("posted", "buffers posted anew: #"))


def _x(film, at_ns):
    """Place a moment."""
    return LEFT + (RIGHT - LEFT) * np.asarray(at_ns) / max(max(trial.until_ns for trial in film.trials), 1)


def prepare(film):
    """Find where everything stands: the columns of the cursor, and the places of the packets.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.restart_film.restart_film`; behind its last event everything is past.
    """
    x = np.concatenate([[LEFT], _x(film, film.time_ns)])
    if len(film):
        x[-1] = RIGHT
    film.columns |= {"now.x": x - 1, "now.width": x - LEFT + 2}
    film.places = [_places(film, lane) for lane in range(len(film.trials))]


def _places(film, lane):
    """Find the packets of a lane that are drawn: event, queue, whether it was taken, x."""
    events = np.flatnonzero((film.lane == lane) & (film.which < 0))
    own = [film.trials[lane].arrivals[k] for k in (-1 - film.which[events]).tolist()]
    x = _x(film, film.time_ns[events])
    grain = np.round(x / COARSE) if len(events) > MOST else x
    table = np.column_stack([film.item[events], [one.taken for one in own], grain]).reshape(-1, 3)
    _, first = np.unique(table, axis=0, return_index=True)
    return [(int(events[k]), int(film.item[events[k]]), own[k].taken, float(x[k])) for k in np.sort(first).tolist()]


def _stretch(prefix, film, one, top):
    """Draw what a queue ran on for a while."""
    x1, x2 = (float(_x(film, at_ns)) for at_ns in (one.begin_ns, one.end_ns))
    look = {"fill": theme.colour("paper"), "stroke_dasharray": "4 3"}
    if one.memory not in (STILL, DEAD):
        look = {"fill": theme.texture(prefix, "host" if one.memory == "pages" else "device")}
    words = one.memory + (f" for {spell_time(one.end_ns - one.begin_ns)}" if one.memory == STILL else "")
    letter = {STILL: "", DEAD: "", "pages": "H  "}.get(one.memory, "D  ")
    y = top + ROW * one.queue
    drawn = element("rect", x=x1, y=y, width=x2 - x1, height=ROW - 6, stroke=theme.colour("ink"), stroke_width=0.8, **look)
    if text_width(letter + words, 11) + 8 < x2 - x1:
        drawn += element("text", letter + words, x=x1 + 6, y=y + 12, class_="small halo")
    return drawn


def _packets(film, lane, position, top):
    """Draw the packets that have come."""
    parts = []
    for event, queue, taken, x in film.places[lane]:
        y = top + ROW * queue + 20
        parts.append(phased(position, [(event, "came")], "path", d=f"M{number(x)} {number(y)}{SHAPES[taken]}",
                            fill=theme.colour("paper") if taken else "none", stroke=theme.colour("ink"),
                            stroke_width=1.5 if taken else 2.5))
    return "".join(parts)


def _calls(film, lane, position, y):
    """Write the calls of one lane where they were made, each as soon as it has happened."""
    parts, trial, rows = [], film.trials[lane], {}
    events = np.flatnonzero((film.lane == lane) & (film.which >= 0))
    for event, k in zip(events.tolist(), film.which[events].tolist()):
        rows.setdefault(trial.calls[k].at_ns, []).append((event, trial.calls[k]))
    line = 0
    for at_ns, made in rows.items():
        names = {}
        for event, call in made:
            names.setdefault((call.what, bool(call.errno)), []).append((event, call))
        steps, pieces = [], []
        for (what, failed), some in names.items():
            many = f"{what} {len(some)} times" + ", failing" * failed
            pieces.append((told(some[0][1]) if len(some) == 1 else many) + ";")
            steps.append(some[-1][0])
        pieces[-1] = pieces[-1].rstrip(";")
        parts.append(phased(position, [(made[0][0], "came")], "path", d=f"M{number(float(_x(film, at_ns)))} {number(y)}l-4 7h8z",
                            fill=theme.colour("ink")))
        for words in wrapped([f"{spell_time(at_ns)}:", *pieces], WIDTH - LEFT - 16):
            line += 1
            parts.append(phased(position, [(max(steps), "came")], "text", words, x=LEFT, y=y + 6 + 15 * line,
                                class_="small halo"))
    return "".join(parts), y + 6 + 15 * line


def _lane(prefix, film, lane, position, top):
    """Draw one lane; gives where it ends."""
    letter, design = film.facts["lanes"][lane]
    trial, first = film.trials[lane], top + 26
    bottom = first + ROW * len(trial.before)
    parts = [element("text", f"{letter}  {design}", x=8, y=top + 14, class_="strong big")]
    for queue in range(len(trial.before)):
        parts.append(element("text", f"queue {queue}", x=LEFT - 10, y=first + ROW * queue + 18, class_="small end"))
    drawn = "".join(_stretch(prefix, film, one, first) for one in stretches(trial))
    parts += [element("g", drawn, clip_path=f"url(#{prefix}-past)"), _packets(film, lane, position, first)]
    calls, end = _calls(film, lane, position, bottom)
    parts += [calls, *(count(film, position, f"{letter}.{name}", form, x=RIGHT + 24, y=first + 14 + 22 * k, class_="small")
                       for k, (name, form) in enumerate(COUNTS))]
    return "".join(parts), end + 26


def restart_stage(film, position):
    """Draw a film of restarts at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.restart_film.restart_film`, after `prepare`.
    position : int
        How many events have happened.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix, until_ns = prefix_of("restart", film.title, len(film)), max(trial.until_ns for trial in film.trials)
    lanes, y = [], TOP
    for lane in range(len(film.trials)):
        drawn, y = _lane(prefix, film, lane, position, y)
        lanes.append(drawn)
    clip = slide(film, position, "now.width", "width", x=LEFT - 1, y=TOP, height=y - TOP)
    note = f"from left to right: {spell_time(until_ns)} of virtual time (modelled), a packet for every queue each millisecond"
    parts = [theme.textures(prefix), element("defs", element("clipPath", clip, id=f"{prefix}-past")),
             element("text", film.title, x=8, y=22, class_="strong big"),
             element("text", note, x=8, y=40, class_="quiet small"),
             slide(film, position, "now.x", "x", y=TOP + 20, width=2, height=y - TOP - 40, fill=theme.colour("ink"),
                   opacity=0.7), *lanes]
    drawn, x = theme.legend_row(prefix, ("host", "device"), 10, y + 6)
    parts.append(drawn)
    parts += [element("path", d=f"M{number(x + 8)} {y + 6}{SHAPES[True]}", fill=theme.colour("paper"), stroke=theme.colour("ink"),
                      stroke_width=1.5),
              element("text", "a packet that was taken", x=x + 18, y=y + 10, class_="small"),
              element("path", d=f"M{number(x + 178)} {y + 6}{SHAPES[False]}", fill="none", stroke=theme.colour("ink"),
                      stroke_width=2.5),
              element("text", "one that was lost", x=x + 190, y=y + 10, class_="small")]
    style = css() + f".{theme.SCOPE} [data-phase='']{{visibility:hidden}}"
    return document(film.title, film.words(position), WIDTH, y + 24, "".join(parts), style, theme.SCOPE)


class RestartPlayer(Player):
    """The same bind in several designs, to be played.

    Parameters
    ----------
    trials : sequence of Trial
        From `devmemlab.lab.restart_trial.restart_trial`.
    title : str, optional
        Above.
    **options
        See `devmemlab.view.player.Player`.

    Attributes
    ----------
    trials : list of Trial
        The same.
    """

    def __init__(self, trials, title=None, **options):
        film = restart_film(trials, title)
        prepare(film)
        self.trials = film.trials
        super().__init__(film, restart_stage, **options)


def restart_player(fails="nothing", designs=("queue", "device"), **options):
    """Make the same bind in several designs and play them beside one another.

    Parameters
    ----------
    fails : str
        What fails, one of ``devmemlab.lab.restart_trial.FAILS``.
    designs : sequence of str
        ``"queue"`` and ``"device"``.
    **options
        ``position`` and ``speed`` to begin with.

    Returns
    -------
    player : RestartPlayer
        An animation in a notebook, a picture where no kernel runs.
    """
    return RestartPlayer([restart_trial(fails, design) for design in designs],
                         f"A bind of queue 2; fault: {FAILS[fails]}", **options)
