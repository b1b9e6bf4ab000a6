"""The life of tokens: one row for each token of a connection, one bar for each time that it was held.

Law.   A bar begins with the recvmsg that gave the token and ends with the DONTNEED that took it; one that is open is still held.
Reads. Trace of the lab: cmsg_dmabuf, dontneed.
Omits. Connections beside the one that is drawn; ``dml.export_perfetto`` writes all of them for a viewer that zooms.
"""

from devmemlab.base.trace import events
from devmemlab.lab.packet_story import Places
from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still
from devmemlab.view.svg import element, text_width

LEFT, RIGHT, ROW, TOP, MOST = 92, 16, 20, 62, 24


class TokenPicture(Still):
    """Lives of tokens.

    Parameters
    ----------
    name : str
        Of the host.
    sock : int
        The connection.
    lives : list of (int, int, int or None, str, int)
        Token, when it was given, when it was taken back, buffer, octets; in order of time.
    end_ns : int
        When the trace ends.
    """

    def __init__(self, name, sock, lives, end_ns):
        self.lives, self.end_ns = lives, end_ns
        self.title = f"Tokens of connection {sock} of {name}"
        self.begin_ns = min((life[1] for life in lives), default=0)

    @property
    def tokens(self):
        """list of int: numbers that were in use."""
        return sorted({life[0] for life in self.lives})

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title}: {len(self.lives)} times a token was given, with {len(self.tokens)} different numbers; times are "
                 "modelled"]
        for token in self.tokens[:MOST]:
            mine = [life for life in self.lives if life[0] == token]
            parts = [f"{self._us(given):g} to {'the end' if taken is None else f'{self._us(taken):g}'} us, {buffer}"
                     for _, given, taken, buffer, _ in mine[:4]]
            more = f"; {len(mine) - 4} more" if len(mine) > 4 else ""
            lines.append(f"  token {token}: {'; '.join(parts)}{more}")
        return "\n".join(lines)

    def _us(self, at_ns):
        """Microseconds since the first token."""
        return round((at_ns - self.begin_ns) / 1000, 1)

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
        length = max(self.end_ns - self.begin_ns, 1)
        room = WIDTH - LEFT - RIGHT
        parts = [theme.textures(prefix), element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", "bar: held by the program; number in it: the net_iov; time in us since the first one (modelled)",
                         x=8, y=42, class_="quiet small")]
        shown = self.tokens[:MOST]
        bottom = TOP + ROW * max(len(shown), 1)
        for step in range(5):
            x = LEFT + room * step / 4
            parts.append(element("path", d=f"M{x:g} {TOP - 4}V{bottom}", stroke=theme.colour("line"), stroke_width=0.8))
            parts.append(element("text", f"{length * step / 4000:,.0f}", x=x, y=bottom + 16,
                                 class_=f"small {'end' if step == 4 else 'mid'}"))
        for row, token in enumerate(shown):
            y = TOP + ROW * row
            parts.append(element("text", f"T  token {token}", x=LEFT - 8, y=y + 13, class_="end small"))
            for _, given, taken, buffer, _ in (life for life in self.lives if life[0] == token):
                x = LEFT + room * (given - self.begin_ns) / length
                width = max(room * ((self.end_ns if taken is None else taken) - given) / length, 2.0)
                parts.append(element("rect", x=x, y=y + 1, width=width, height=ROW - 5, fill=f"url(#{prefix}-token)",
                                     stroke=theme.colour("ink"), stroke_width=0.8,
                                     stroke_dasharray="3 2" if taken is None else None))
                words = buffer.partition(" ")[2]
                if width > text_width(words, 11) + 8:
                    parts.append(element("text", words, x=x + width / 2, y=y + 12.5, class_="mid small halo"))
        if len(self.tokens) > MOST:
            parts.append(element("text", f"{len(self.tokens) - MOST} more tokens are not drawn", x=LEFT, y=bottom + 34,
                                 class_="small"))
            bottom += 18
        return "".join(parts), bottom + 26


def token_picture(host, sock=None):
    """Draw when each token of a connection was held.

    Parameters
    ----------
    host : Host
        Made with ``trace=``.
    sock : int, optional
        Row of the connection; the one that was given most tokens when left out.

    Returns
    -------
    picture : TokenPicture
        Shows itself in a notebook.

    Raises
    ------
    ValueError
        The host has no trace.
    """
    if host.trace is None:
        raise ValueError(f"{host.name} has no trace; make it with lab.host(..., trace=True)")
    rows = events(host.trace, "cmsg_dmabuf", "dontneed")
    given = [row["sock"] for row in rows if row["name"] == "cmsg_dmabuf"]
    if sock is None:
        sock = max(sorted(set(given)), key=given.count, default=0)
    lives, open_ones, places = [], {}, Places(host)
    for row in rows:
        if row["sock"] != sock:
            continue
        if row["name"] == "cmsg_dmabuf":
            open_ones[row["frag_token"]] = len(lives)
            lives.append((row["frag_token"], row["at_ns"], None, places.name(row["netmem"]), row["frag_size"]))
        elif row["frag_token"] in open_ones:
            place = open_ones.pop(row["frag_token"])
            lives[place] = (*lives[place][:2], row["at_ns"], *lives[place][3:])
    last_ns = int(host.trace.event[host.trace.ctl[0].count - 1].at_ns) if host.trace.ctl[0].count else 0
    return TokenPicture(host.name, sock, lives, last_ns)
