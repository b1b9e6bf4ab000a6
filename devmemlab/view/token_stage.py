"""The time line of tokens as a player: lanes of lives, a window that ends at the present, and all of it in one curve below.

Law.   The lanes at a position show what had happened by then, and nothing else, but for one thing: what will leak is marked.
Reads. token_film.py for lives and lanes; heat_film.py has such a curve too.
Omits. A scale of time: columns are events; the line below the buttons tells the time.
"""

import numpy as np

from devmemlab.host.token_lives import token_lives
from devmemlab.view import theme
from devmemlab.view.explorer import tidy
from devmemlab.view.marks import count
from devmemlab.view.player import Player
from devmemlab.view.still import WIDTH, css, state_textures
from devmemlab.view.svg import document, element, number, prefix_of
from devmemlab.view.token_film import MOMENTS, NEVER, film_of_host

LEFT, RIGHT, TOP, PITCH, BAR, THIN, PLOT, COLUMNS = 92, 104, 92, 24, 18, 6, 56, 300
STYLES = {
    "waits": {"fill": "socket", "stroke": "ink", "stroke_width": 0.6},
    "held": {"fill": "token", "stroke": "ink", "stroke_width": 0.9},
    "leaks": {"fill": "token", "stroke": "copied", "stroke_width": 2.6},
    "rests": {"fill": None, "stroke": "ink", "stroke_width": 1.4, "stroke_dasharray": "2 3"},
    "free": {"fill": "ring", "stroke": "ink", "stroke_width": 0.8},
}
"""What is drawn, lowest first -> how."""


def lane_shapes(film, position):
    """Draw the lanes.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.token_film.token_film`.
    position : int
        How many events have happened.

    Returns
    -------
    shapes, words : dict of str to str, list of (float, float, str, str)
        A path for each of `STYLES`; and texts with their places and classes. static/lanes.js makes the same.
    """
    room, wide, lives = WIDTH - LEFT - RIGHT, film.facts["window"], film.columns
    start, shapes, words = max(position - wide, 0), {name: [] for name in STYLES}, []
    spell = lambda value: number(tidy(value))  # noqa: E731

    def x(event):
        return LEFT + max(event + 1 - start, 0) * room / wide

    def box(name, a, b, y, high):
        shapes[name].append(f"M{spell(a)} {spell(y)}h{spell(b - a)}v{spell(high)}h{spell(a - b)}z")

    now, first = x(position - 1), lives["lives.first"].tolist()
    for lane, (begin, end) in enumerate(zip(first, first[1:])):
        y = TOP + PITCH * lane
        middle = y + BAR / 2
        low = begin + int(np.searchsorted(lives["lives.recycled"][begin:end], start))
        for k in range(low, end):
            arrived, born, returned, recycled = (int(lives[f"lives.{name}"][k]) for name in MOMENTS)
            if arrived >= position:
                break
            came, given = x(arrived), x(born) if born < position else now
            box("waits", came, max(given, came + 1), middle - THIN / 2, THIN)
            if born >= position:
                continue
            back, leak = returned < position, returned == NEVER
            until, label = x(returned) if back else now, str(int(lives["lives.number"][k]))
            box("leaks" if leak else "held", given, max(until, given + 2), y, BAR)
            if until - given >= 7 * len(label) + 3:
                words.append(((given + until) / 2, y + 13, label, "mid small strong halo"))
            if leak:
                words.append((LEFT + room + 8, y + 13, "never returned", "small strong"))
            if back:
                gone = x(recycled) if recycled < position else now
                if gone > until:
                    shapes["rests"].append(f"M{spell(until)} {spell(middle)}H{spell(gone)}")
                if recycled < position:
                    shapes["free"].append(f"M{spell(gone)} {spell(middle - 5)}l5 5l-5 5l-5 -5z")
    return {name: "".join(pieces) for name, pieces in shapes.items()}, words


def _paint(prefix, name):
    """Spell how a shape is painted."""
    style = dict(STYLES[name])
    fill = style.pop("fill")
    style["stroke"] = theme.colour(style["stroke"])
    return {"fill": f"url(#{prefix}-{fill})" if fill else "none", **style}


def _history(prefix, film, position, top):
    """Draw how many tokens were held from first to last, leaks below, and how far we are.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.token_film.token_film`.
    position : int
        How many events have happened.
    top : float
        Where it begins.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    width, moments = WIDTH - LEFT - RIGHT, np.unique(np.linspace(0, len(film), COLUMNS).astype(int))
    lines = {name: np.array([film.value(name, k) for k in moments.tolist()]) for name in ("held", "leaked")}
    most = max(int(film.tracks["held"].value.max()), 1)
    x, bottom = LEFT + width * moments / max(len(film), 1), top + PLOT
    parts = [element("text", f"{most:,}", x=LEFT - 8, y=top + 8, class_="end small quiet"),
             element("text", "0", x=LEFT - 8, y=bottom + 2, class_="end small quiet")]
    for name, stroke, wide in (("held", "ink", 0.7), ("leaked", "copied", 2)):
        # A count jumps: it has no value between two.
        edge = "".join(f"H{number(px)}V{number(bottom - PLOT * value / most)}" for px, value in zip(x, lines[name]))
        if lines[name].any():
            parts.append(element("path", d=f"M{number(x[0])} {bottom}{edge}V{bottom}Z",
                                 fill=f"url(#{prefix}-token)" if name == "held" else theme.texture(f"{prefix}-r", "copied"),
                                 stroke=theme.colour(stroke), stroke_width=wide))
    parts += [element("path", d=f"M{LEFT} {top}V{bottom}H{LEFT + width}", fill="none", stroke=theme.colour("quiet")),
              element("rect", x=LEFT + width * position / max(len(film), 1) - 1.5, y=top - 4, width=3, height=PLOT + 8,
                      fill=theme.colour("ink"), stroke=theme.colour("paper"), data_cursor=LEFT - 1.5, data_length=width),
              element("text", "tokens held, from first to last; crossed: never returned", x=LEFT, y=bottom + 16,
                      class_="small quiet")]
    return "".join(parts), bottom + 24


def token_stage(film, position):
    """Draw a film of tokens at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.token_film.token_film`.
    position : int
        How many events have happened.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix, ink = prefix_of("tokens", film.title, len(film)), theme.colour("ink")
    shapes, words = lane_shapes(film, position)
    other = {"buffer": "numbers in bars are tokens", "token": "numbers in bars are buffers"}[film.facts["by"]]
    parts = [state_textures(prefix), theme.textures(f"{prefix}-r"), element("text", film.title, x=8, y=22, class_="strong big")]
    signs = (("waits", "waiting", "waits: #", "M0 -3h20v6h-20z", 8), ("held", "held", "held: #", "M0 -8h20v16h-20z", 128),
             ("leaks", "leaked", "never returned: #", "M0 -8h20v16h-20z", 238),
             ("free", "recycled", "recycled: #", "M10 -6l6 6l-6 6l-6 -6z", 424))
    for name, track, form, path, x in signs:
        sign = element("path", d=path, **_paint(prefix, name))
        parts += [element("g", sign, transform=f"translate({x} 46)"),
                  count(film, position, track, form, x=x + 27, y=50, class_="small strong" if name == "leaks" else "small")]
    window = "the last {} events".format(film.facts["window"]) if film.facts["window"] < len(film) else "all events"
    parts.append(element("text", f"{window}, in order \u2192; {other}", x=LEFT, y=TOP - 12, class_="small quiet"))
    for lane, name in enumerate(film.facts["lanes"]):
        y = TOP + PITCH * lane
        parts += [element("text", name, x=LEFT - 8, y=y + 13, class_="end small"),
                  element("path", d=f"M{LEFT} {y + BAR / 2:g}H{WIDTH - RIGHT}", stroke=theme.colour("line"), fill="none")]
    drawn = [element("path", d=shapes[name], data_state=name, **_paint(prefix, name)) for name in STYLES]
    texts = [element("text", word, x=tidy(x), y=y, class_=style, data_letter="") for x, y, word, style in words]
    drawn.append(element("g", "".join(texts), data_words="lives"))
    parts.append(element("g", "".join(drawn), data_lanes="lives", data_left=LEFT, data_room=WIDTH - LEFT - RIGHT, data_top=TOP,
                         data_pitch=PITCH, data_bar=BAR, data_thin=THIN))
    bottom = TOP + PITCH * len(film.facts["lanes"])
    parts.append(element("path", d=f"M{LEFT} {TOP - 6}V{bottom}", stroke=ink, stroke_width=0.8))
    history, bottom = _history(prefix, film, position, bottom + 16)
    return document(film.title, film.words(position), WIDTH, bottom, "".join([*parts, history]), css(), theme.SCOPE)


class TokenFilm(Player):
    """Lives of tokens, to be played."""

    @property
    def leaks(self):
        """list of (int, int): connection and token of those born by now that never come back in this recording."""
        lives = self.film.lives
        place = np.searchsorted(self.film.number, lives.born)
        return [(int(life.sock), int(life.token)) for life, at in zip(lives, place) if life.returned < 0 and at < self.position]

    @property
    def lives(self):
        """list of (int, int, int or None, str, int): token, when born and returned, buffer, octets; all of the recording."""
        return [(int(life.token), int(life.born_ns), int(life.returned_ns) if life.returned >= 0 else None, f"net_iov {at}",
                 int(life.octets)) for life, at in zip(self.film.lives, self.film.buffer.tolist())]

    @property
    def tokens(self):
        """list of int: numbers that were in use."""
        return sorted(set(self.film.lives.token.tolist()))


def token_player(host, conn=None, by="buffer", title=None, position=-1, speed=1.0):
    """Play the lives of the tokens of a host that records what happens.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    conn : Socket, optional
        Only tokens of this connection.
    by : str
        ``"buffer"``: a row is a buffer, and bars bear numbers of tokens; ``"token"``: the other way round.
    title : str, optional
        What was done.
    position : int
        To begin with.
    speed : float
        One of ``devmemlab.view.player.SPEEDS``.

    Returns
    -------
    player : TokenFilm
        An animation in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        The host records nothing, no token was handed out, or `by` is unknown.
    """
    film = film_of_host(host, None if conn is None else conn.sock, by, title)
    return TokenFilm(film, token_stage, position=position, speed=speed)


def token_picture(host, sock=None):
    """Play when each token of a connection was held: a row is a token number.

    Parameters
    ----------
    host : Host
        Made with ``trace=``.
    sock : int, optional
        Row of the connection; the one that was given most tokens when left out.

    Returns
    -------
    player : TokenFilm
        As `token_player` makes it.

    Raises
    ------
    ValueError
        The host records nothing, or no token was handed out.
    """
    if sock is None and host.trace is not None:
        given = token_lives(host.trace).sock.tolist()
        sock = max(sorted(set(given)), key=given.count, default=0)
    return TokenFilm(film_of_host(host, sock, "token", f"Tokens of connection {sock} of {host.name}"), token_stage)
