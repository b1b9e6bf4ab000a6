"""The scene of a page_pool: provider, cache and ring, the card and whoever holds buffers, with a count at every way.

Law.   Cache and ring are as full as they are drawn; a way that nobody took counts 0.
Reads. pool_film.py for the counts, marks.py for what moves.
Omits. Which buffer it is: heat_film.py shows each.
"""

import numpy as np

from devmemlab.view import theme
from devmemlab.view.marks import count, level, route
from devmemlab.view.player import Player
from devmemlab.view.pool_film import pool_film as make_film
from devmemlab.view.still import css, state_colour, state_textures
from devmemlab.view.svg import document, element, prefix_of

WIDTH, HEIGHT = 840, 330
BOXES = {
    "provider": (8, 64, 120, 170), "cached": (238, 64, 120, 100), "ring": (238, 214, 120, 76), "posted": (480, 64, 110, 56),
    "socket": (704, 64, 128, 56), "token": (704, 172, 128, 62),
}
TITLES = {"provider": "provider", "cached": "cache", "ring": "ring", "posted": "the card", "socket": "in a socket",
          "token": "held by a token"}
ROUTES = (
    ("hold", ((128, 92), (238, 92)), "cached", "C", (183, 82), "mid"),
    ("post", ((358, 92), (480, 92)), "posted", "P", (419, 82), "mid"),
    ("fill", ((590, 92), (704, 92)), "socket", "S", (647, 82), "mid"),
    ("give", ((752, 120), (752, 172)), "token", "T", (744, 150), "end"),
    ("back", ((790, 172), (790, 120)), "socket", "S", (798, 150), None),
    ("to_cache", ((709, 120), (709, 140), (358, 140)), "cached", "C", (531, 157), "mid"),
    ("to_ring", ((704, 220), (640, 220), (640, 252), (358, 252)), "ring", "R", (500, 244), "mid"),
    ("refill", ((298, 214), (298, 164)), "cached", "C", (312, 193), None),
    ("release", ((238, 252), (183, 252), (183, 206), (128, 206)), "free", "F", (183, 270), "mid"),
)
"""Way, corners of its arrow, state of what travels, its letter, where its count stands and how."""

FORMS = {"to_cache": "to the cache #", "to_ring": "to the ring #", "refill": "refilled #", "release": "home #"}


def _place(prefix, film, position, name):
    """Draw one place and how much is there.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.pool_film.pool_film`.
    position : int
        How many events have happened.
    name : str
        See `BOXES`.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, y, width, height = BOXES[name]
    parts = [element("rect", x=x, y=y, width=width, height=height, rx=4, fill=theme.colour("paper"),
                     stroke=theme.colour("ink"))]
    if name == "provider":
        parts += [element("text", film.facts["provider"], x=x + 60, y=y + 72, class_="mid small"),
                  element("text", "out of it:", x=x + 60, y=y + 94, class_="mid small quiet"),
                  count(film, position, "held", x=x + 60, y=y + 114, class_="mid strong big")]
    else:
        full = film.facts.get({"cached": "cache"}.get(name, name)) or int(np.max(film.tracks[name].value, initial=1))
        bar = (x + 6, y + 24, width - 12, height - 30)
        parts += [element("rect", x=bar[0], y=bar[1], width=bar[2], height=bar[3], fill=state_colour("free")),
                  level(film, position, name, full, bar, "y" if name in ("cached", "ring") else "x",
                        fill=f"url(#{prefix}-{name})", stroke=theme.colour("ink"), stroke_width=0.6),
                  count(film, position, name, "# of " + f"{full:,}" if name in ("cached", "ring") else "#", x=x + width / 2,
                        y=bar[1] + bar[3] / 2 + 5, class_="mid strong halo")]
    parts.append(element("text", TITLES[name], x=x + width / 2, y=y + 17, class_="mid small strong"))
    return "".join(parts)


def pool_stage(film, position):
    """Draw a film of a page_pool at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.pool_film.pool_film`.
    position : int
        How many events have happened.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix = prefix_of("pool", film.title, len(film))
    parts = [state_textures(prefix), element("text", film.title, x=8, y=22, class_="strong big"),
             element("text", "a number at an arrow: buffers that went this way so far; bars: how full", x=8, y=40,
                     class_="quiet small")]
    parts += [_place(prefix, film, position, name) for name in BOXES]
    for name, points, state, letter, (x, y), anchor in ROUTES:
        arrow = route(points, name, letter, "host")
        parts.append(arrow.replace(theme.colour("host"), state_colour(state)))
        parts.append(count(film, position, name, FORMS.get(name, "#"), x=x, y=y,
                           class_=" ".join(filter(None, (anchor, "small", "halo")))))
    parts.append(count(film, position, "empty", "found cache and ring empty: #", x=8, y=HEIGHT - 14, class_="small"))
    parts.append(count(film, position, "refills", "refills of the cache: #", x=238, y=HEIGHT - 14, class_="small"))
    if "dropped" in film.tracks:
        parts.append(count(film, position, "dropped", "X  frames dropped by the card: #", x=480, y=HEIGHT - 14,
                           class_="small strong"))
    return document(film.title, film.words(position), WIDTH, HEIGHT, "".join(parts), css(), theme.SCOPE)


def pool_film(host, pool=None, position=None, over=None, speed=1.0):
    """Play what a page_pool did.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    pool : int, optional
        Row of the pool; the first one with a memory provider when left out.
    position : int, optional
        To begin with; the end when left out.
    over : str, optional
        ``"time"`` plays at the pace of virtual time, ``"event"`` one event after another.
    speed : float
        One of ``devmemlab.view.player.SPEEDS``.

    Returns
    -------
    player : Player
        An animation in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        There is no trace, or no such pool.
    """
    return Player(make_film(host, pool, over), pool_stage, position=-1 if position is None else position, speed=speed)
