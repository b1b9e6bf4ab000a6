"""The heat map of a dmabuf over time: a grid that changes, above what it adds up to from first to last.

Law.   The grid at a position is the heat map that would have been drawn then.
Reads. cell_film.py for what moved, heat_map.py for how cells are laid out, marks.py.
Omits. Single net_iovs where a cell stands for several: it is split as they are mixed.
"""

import numpy as np

from devmemlab.base.units import format_size
from devmemlab.view import theme
from devmemlab.view.cell_film import cell_film, states_at
from devmemlab.view.heat_map import GRIDS, LEFT, MOST_CELLS, NAMES, TOP, HeatMap
from devmemlab.view.marks import count
from devmemlab.view.player import Player
from devmemlab.view.still import STATES, WIDTH, css, state_textures
from devmemlab.view.svg import document, element, number, prefix_of

PLOT, COLUMNS, HELD = 72, 300, ("token", "socket", "out", "posted", "ring", "cached")


def niovs_per_cell(count):
    """Say how many net_iovs share a cell.

    Parameters
    ----------
    count : int
        How many there are.

    Returns
    -------
    share : int
        A power of two.
    """
    share = 1
    while -(-count // share) > MOST_CELLS:
        share *= 2
    return share


def _grid(prefix, film, position):
    """Draw the cells.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.cell_film.cell_film`.
    position : int
        How many events have happened.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    states = states_at(film, position)
    heat = HeatMap(states, film.facts["niov_bytes"], film.facts["name"])
    cells = len(heat.bins)
    columns, pitch = next((c, p) for most, c, p in GRIDS if cells <= most or not most)
    columns = min(columns, max(cells, 1))
    rows, shapes = -(-cells // columns), {name: [] for name in NAMES}
    offsets = [heat._row(shapes, row, columns, pitch) for row in range(rows)]
    paths = [element("path", d="".join(shapes[name]), fill=f"url(#{prefix}-{name})", data_state=name) for name in NAMES]
    bottom = TOP + rows * pitch
    lines = [f"M{LEFT} {TOP + pitch * r:g}H{LEFT + pitch * columns:g}" for r in range(rows + 1)]
    lines += [f"M{LEFT + pitch * c:g} {TOP}V{bottom:g}" for c in range(columns + 1)]
    letters = []
    if pitch >= 12 and heat.niovs_per_cell == 1:
        letters = [element("text", film.facts["cells"]["letters"][state], x=LEFT + at % columns * pitch + pitch / 2,
                           y=TOP + at // columns * pitch + pitch / 2 + 4, class_="mid tiny halo", data_letter=at)
                   for at, state in enumerate(states.tolist())]
    group = element("g", "".join(paths), data_cells=cells, data_columns=columns, data_pitch=pitch, data_left=LEFT, data_top=TOP)
    mesh = element("path", d="".join(lines), stroke=theme.colour("paper"), stroke_width=1.5, fill="none")
    return "".join([group, mesh, *letters, *offsets]), bottom


def _legend(prefix, film, position, y):
    """Draw what the states mean, and how many net_iovs are in each.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.cell_film.cell_film`.
    position : int
        How many events have happened.
    y : float
        Middle of the first row.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    parts, shown = [], [name for name in NAMES if len(film.tracks[name].event) or name != "out"]
    for i, name in enumerate(shown):
        x, role = 8 + 228 * (i % 3), STATES[name]
        at = y + 24 * (i // 3)
        parts += [element("rect", x=x, y=at - 9, width=18, height=18, fill=f"url(#{prefix}-{name})", stroke=theme.colour("ink"),
                          stroke_width=0.8),
                  element("text", role.letter, x=x + 9, y=at + 4, class_="mid small strong halo"),
                  count(film, position, name, f"{role.meaning}: #", x=x + 24, y=at + 4, class_="small")]
    bottom = y + 24 * ((len(shown) - 1) // 3)
    if "dropped" in film.tracks:
        bottom += 24
        parts.append(count(film, position, "dropped", "X  frames dropped by the card: #", x=8, y=bottom + 4,
                           class_="small strong"))
    return "".join(parts), bottom + 14


def _history(prefix, film, position, top):
    """Draw what is out of the provider from first to last, and how far we are.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.cell_film.cell_film`.
    position : int
        How many events have happened.
    top : float
        Where it begins.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    width, moments = WIDTH - LEFT - 16, np.unique(np.linspace(0, len(film), COLUMNS).astype(int))
    lines = {name: np.array([film.value(name, k) for k in moments.tolist()]) for name in HELD}
    most = max(int(sum(lines.values()).max()), 1)
    x, below = LEFT + width * moments / max(len(film), 1), np.zeros(len(moments))
    bottom = top + PLOT
    parts = [element("text", f"{most:,}", x=LEFT - 8, y=top + 8, class_="end small quiet"),
             element("text", "0", x=LEFT - 8, y=bottom + 2, class_="end small quiet")]
    for name in HELD:
        above = below + lines[name]
        if lines[name].any():
            edge = [(px, bottom - PLOT * v / most) for px, v in zip(x, above)]
            back = [(px, bottom - PLOT * v / most) for px, v in zip(x, below)][::-1]
            parts.append(element("path", d="M" + "L".join(f"{number(px)} {number(py)}" for px, py in edge + back) + "Z",
                                 fill=f"url(#{prefix}-{name})", stroke=theme.colour("ink"), stroke_width=0.5))
        below = above
    parts.append(element("path", d=f"M{LEFT} {top}V{bottom}H{LEFT + width}", fill="none", stroke=theme.colour("quiet")))
    parts.append(element("rect", x=LEFT + width * position / max(len(film), 1) - 1.5, y=top - 4, width=3, height=PLOT + 8,
                         fill=theme.colour("ink"), stroke=theme.colour("paper"), data_cursor=LEFT - 1.5, data_length=width))
    parts.append(element("text", "out of the provider, event by event; the bar is where we are", x=LEFT, y=bottom + 18,
                         class_="small quiet"))
    return "".join(parts), bottom + 26


def heat_stage(film, position):
    """Draw a film of a dmabuf at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.cell_film.cell_film`.
    position : int
        How many events have happened.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix, each = prefix_of("heat", film.title, len(film)), film.facts["cells"]["per_cell"]
    size = format_size(film.facts["niov_bytes"] * each)
    note = f"one cell is {'one net_iov' if each == 1 else f'{each} net_iovs'}, {size}; at the left: offset in the dmabuf"
    grid, bottom = _grid(prefix, film, position)
    legend, bottom = _legend(prefix, film, position, bottom + 22)
    history, bottom = _history(prefix, film, position, bottom + 14)
    head = (element("text", f"{film.title}, {film.facts['name']}", x=8, y=22, class_="strong big")
            + element("text", note, x=8, y=40, class_="quiet small"))
    body = state_textures(prefix) + head + grid + legend + history
    return document(film.title, film.words(position), WIDTH, bottom, body, css(), theme.SCOPE)


class HeatFilm(Player):
    """The heat map of a dmabuf, to be played."""

    @property
    def states(self):
        """uint8[n]: where each net_iov is at this position, indices of ``devmemlab.view.heat_map.NAMES``."""
        return states_at(self.film, self.position)


def heat_film(host, binding=None, position=None, over=None, speed=1.0):
    """Play where every net_iov of a dmabuf was.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    binding : int or dict, optional
        See `devmemlab.view.heat_map.heat_map`.
    position : int, optional
        To begin with; the first moment at which most was held by tokens when left out.
    over : str, optional
        ``"time"`` plays at the pace of virtual time, ``"event"`` one event after another.
    speed : float
        One of ``devmemlab.view.player.SPEEDS``.

    Returns
    -------
    player : HeatFilm
        An animation in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        There is no trace or no binding, or it is too large.
    """
    film = cell_film(host, binding, over, niovs_per_cell)
    if position is None:
        token = film.tracks["token"]
        position = int(token.event[np.argmax(token.value)]) + 1 if len(token.event) else len(film)
    return HeatFilm(film, heat_stage, position=position, speed=speed)
