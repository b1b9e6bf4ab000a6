"""Time lines of tokens: one row a buffer; what came to lie in it, which token held it, until when.

Law.   Columns are what happened, in order; a token that was not returned runs out of the picture.
Reads. Lives of `devmemlab.host.token_lives`.
Omits. A scale of time: most of a program's steps take none here, and the words tell the times.
"""

import numpy as np

from devmemlab.host.token_lives import token_lives
from devmemlab.host.token_report import said_ns
from devmemlab.mem.provider_table import net_iov_binding_id, net_iov_virtual_offset
from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still, state_legend
from devmemlab.view.svg import element, text_width

LEFT, RIGHT, PITCH, BAR, THIN = 92, 96, 26, 18, 6
MOST_BUFFERS = 20
LEGEND = {"socket": "came, not received yet", "token": "received, not returned", "ring": "recycled"}


class TokenLines(Still):
    """Lives of tokens.

    Parameters
    ----------
    lives : recarray of LIFE_DTYPE
        From `devmemlab.host.token_lives.token_lives`; kept as a copy.
    names : dict of int to str
        Netmem -> how its row is called.
    order : dict of int to tuple
        Netmem -> what rows are sorted by.
    now_ns : int
        When the picture was taken.
    title : str
        What was done.

    Attributes
    ----------
    buffers : list of int
        Netmems that have a row, from top to bottom.
    left_out : int
        Buffers that have none.
    leaks : list of (int, int)
        Connection row and token of those that are held.
    """

    def __init__(self, lives, names, order, now_ns, title="Time lines of tokens"):
        self.title, self._names, self._now_ns = title, names, now_ns
        used = list(dict.fromkeys(lives.netmem.tolist()))
        held = set(lives.netmem[lives.returned_ns < 0].tolist())
        # Where there are too many, those with a leak are kept, then those that were used last.
        kept = sorted(used, key=lambda netmem: (netmem not in held, -used.index(netmem)))[:MOST_BUFFERS]
        self.buffers = sorted(kept, key=order.get)
        self.left_out = len(used) - len(kept)
        self._lives = [life for life in lives.copy() if int(life.netmem) in kept]
        self.leaks = [(int(life.sock), int(life.token)) for life in lives if life.returned_ns < 0]

    def _said(self, life):
        """Tell one life."""
        text = (f"token {life.token} of connection {life.sock}, {life.octets} octets, received {said_ns(life.born_ns)} from the "
                "start")
        if life.returned_ns < 0:
            return f"{text}, held for {said_ns(self._now_ns - life.born_ns)} and NOT RETURNED"
        text += f", returned {said_ns(life.returned_ns - life.born_ns)} later"
        if life.recycled_ns < 0:
            return f"{text}; the buffer has another reference"
        late = life.recycled_ns - life.returned_ns
        return f"{text}, recycled {said_ns(late)} after that" if life.recycled > life.returned + 1 else f"{text} and recycled"

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title}; {len(self.buffers)} buffers, {len(self._lives)} tokens, {len(self.leaks)} of them not returned"]
        for netmem in self.buffers:
            lines.append(f"  {self._names[netmem]}")
            lines += [f"    {self._said(life)}" for life in self._lives if life.netmem == netmem]
        return "\n".join([*lines, f"  {self.left_out} more buffers are left out"] if self.left_out else lines)

    def _body(self, prefix):
        """Draw it.

        Parameters
        ----------
        prefix : str
            Of the textures.

        Returns
        -------
        drawn, bottom : str, float
            Elements, and where they end.
        """
        events = np.unique([life[name] for life in self._lives for name in ("arrived", "born", "returned", "recycled")
                            if life[name] >= 0])
        right = WIDTH - RIGHT
        places = np.linspace(LEFT, right, len(events) + 1)

        def x(event):
            return float(places[np.searchsorted(events, event)])

        parts = [element("text", self.title, x=8, y=20, class_="strong big")]
        legend, top = state_legend(prefix, LEGEND, 8, 42)
        parts += [legend, element("text", "buffer at", x=LEFT - 8, y=top + 12, class_="end small quiet"),
                  element("text", "what happened, in order \u2192", x=LEFT, y=top + 12, class_="small quiet")]
        y = top + 22
        for netmem in self.buffers:
            lanes = self._lanes(netmem)
            parts.append(element("text", self._names[netmem].rpartition(" ")[2], x=LEFT - 8, y=y + 13, class_="end small"))
            parts.append(element("path", d=f"M{LEFT} {y + 9}H{right}", stroke=theme.colour("line"), fill="none"))
            parts += [self._life(prefix, life, x, y + PITCH * lane, right) for lane, lives in enumerate(lanes) for life in lives]
            y += PITCH * len(lanes)
        bottom = y
        note = "numbers in bars are tokens; columns are events, not a scale of time; counted"
        if self.left_out:
            note += f"; {self.left_out} more buffers are left out"
        parts.append(element("text", note, x=8, y=bottom + 14, class_="small quiet"))
        return "".join(parts), bottom + 24

    def _lanes(self, netmem):
        """Sort the tokens of a buffer into lanes: those that were held at the same time lie below one another.

        Parameters
        ----------
        netmem : int
            The buffer.

        Returns
        -------
        lanes : list of list of LIFE_DTYPE
            At least one.
        """
        lanes = []
        for life in self._lives:
            if life.netmem != netmem:
                continue
            free = next((lane for lane in lanes if 0 <= lane[-1].recycled < life.arrived), None)
            if free is None:
                lanes.append(free := [])
            free.append(life)
        return lanes

    @staticmethod
    def _life(prefix, life, x, y, right):
        """Draw one token.

        Parameters
        ----------
        prefix : str
            Of the textures.
        life : LIFE_DTYPE
            Whose.
        x : callable
            Row of the trace -> pixels.
        y, right : float
            Top of the row, and where it ends.

        Returns
        -------
        drawn : str
            Elements.
        """
        ink, middle = theme.colour("ink"), y + BAR / 2
        came, born = x(life.arrived), x(life.born)
        held = life.returned < 0
        end = right + 2 if held else x(life.returned)
        parts = [element("rect", x=came, y=middle - THIN / 2, width=max(born - came, 1), height=THIN,
                         fill=f"url(#{prefix}-socket)", stroke=ink, stroke_width=0.6)]
        if not held:
            gone = x(life.recycled) if life.recycled >= 0 else right
            if life.recycled > life.returned + 1 or life.recycled < 0:
                parts.append(element("path", d=f"M{end:g} {middle:g}H{gone:g}", stroke=ink, fill="none", stroke_width=1.4,
                                     stroke_dasharray="2 3"))
            if life.recycled >= 0:
                parts.append(element("path", d=f"M{gone + 5:g} {middle - 6:g}l6 6l-6 6l-6 -6z", fill=f"url(#{prefix}-ring)",
                                     stroke=ink, stroke_width=0.8))
        parts.append(element("rect", x=born, y=y, width=max(end - born, 2), height=BAR, rx=0 if held else 3,
                             fill=f"url(#{prefix}-token)", stroke=theme.colour("copied") if held else ink,
                             stroke_width=2.4 if held else 0.9))
        label = str(int(life.token))
        if text_width(label, 11) + 2 <= end - born:
            parts.append(element("text", label, x=(born + end) / 2, y=y + 13, class_="mid small strong halo"))
        if held:
            parts.append(element("text", "not returned", x=right + 8, y=y + 13, class_="small strong"))
        return "".join(parts)


def token_lines(host, conn=None, title=None):
    """Draw the lives of the tokens of a host that records what happens.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    conn : Socket, optional
        Only tokens of this connection.
    title : str, optional
        What was done.

    Returns
    -------
    picture : TokenLines
        A picture in a notebook; ``print(picture)`` says it in words.

    Raises
    ------
    ValueError
        The host records nothing, or no token was handed out.
    """
    if host.trace is None:
        raise ValueError(f"{host.name} records nothing: make it with lab.host(..., trace=True)")
    lives = token_lives(host.trace)
    if conn is not None:
        lives = lives[lives.sock == conn.sock]
    if len(lives) == 0:
        raise ValueError(f"no token was handed out by {host.name} while it recorded")
    tables = host.mem.netmems, host.mem.providers
    where = {netmem: (int(net_iov_binding_id(*tables, netmem)), int(net_iov_virtual_offset(*tables, netmem)))
             for netmem in set(lives.netmem.tolist())}
    names = {netmem: f"binding {binding}, buffer at {offset}" for netmem, (binding, offset) in where.items()}
    return TokenLines(lives, names, where, int(host.clock.now_ns), title or f"Time lines of {len(lives)} tokens")
