"""The reference graph: who holds the net_iovs, the bindings and the dmabufs of a host.

Law.   An arrow points from who holds to what is held, and carries how many references.
Reads. references.py.
Omits. Pools on host pages.
"""

from devmemlab.base.units import format_size
from devmemlab.view import theme
from devmemlab.view.references import edges, read_references
from devmemlab.view.still import STATES, Still
from devmemlab.view.svg import arrow, element, text_width

COLUMNS = {"holder": (8, 156), "pool": (224, 132), "binding": (412, 108), "dmabuf": (588, 104)}
"""Kind of box -> x and width; what is held is to the right of who holds it."""

TOP, ROW, POOL_HEIGHT, GAP = 74, 44, 88, 14


def _many(count, noun):
    """Spell how many there are.

    Parameters
    ----------
    count : int
        How many.
    noun : str
        One of them.

    Returns
    -------
    text : str
        Singular or plural.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _short(count):
    """Spell a count so that it fits above an arrow.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    text : str
        All digits below a million, four with a unit above.
    """
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if abs(count) >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count:,}"


def _fitted(text, room, bold):
    """Cut a text that is too long for its box; the words beside the picture have it whole.

    Parameters
    ----------
    text : str
        One line.
    room : float
        Pixels.
    bold : bool
        Bold letters are wider.

    Returns
    -------
    text : str
        The same, or its beginning and three dots.
    """
    room /= 1.16 if bold else 1.04
    if text_width(text, 11) <= room:
        return text
    while text and text_width(text + "\u2026", 11) > room:
        text = text[:-1]
    return text + "\u2026"


def _box(kind, y, height, lines, state=None, prefix=""):
    """Draw a box.

    Parameters
    ----------
    kind : str
        Column.
    y, height : float
        Where.
    lines : sequence of str
        What is written in it; the first is its name.
    state : str, optional
        A state of buffers, whose mark stands at its left edge.
    prefix : str
        Of the textures.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, width = COLUMNS[kind]
    parts = [element("rect", x=x, y=y, width=width, height=height, rx=4, fill=theme.colour("paper"),
                     stroke=theme.colour("ink"))]
    left = x + 8
    if state:
        parts.append(element("rect", x=x, y=y, width=20, height=height, rx=4, fill=f"url(#{prefix}-{state})",
                             stroke=theme.colour("ink")))
        parts.append(element("text", STATES[state].letter, x=x + 10, y=y + height / 2 + 4, class_="mid small strong halo"))
        left = x + 27
    first = y + (height - 15 * (len(lines) - 1)) / 2 + 4
    parts += [element("text", _fitted(line, x + width - left - 2, not i), x=left, y=first + 15 * i,
                      class_="small quiet" if i else "small strong") for i, line in enumerate(lines)]
    return "".join(parts)


def _edge(source, target, y, count, unit):
    """Draw a reference.

    Parameters
    ----------
    source, target : str
        Columns.
    y : float
        Height of the arrow.
    count : int
        How many references.
    unit : str
        Of what kind.

    Returns
    -------
    drawn : str
        Elements.
    """
    x1, x2 = COLUMNS[source][0] + COLUMNS[source][1] + 2, COLUMNS[target][0] - 2
    # A long arrow passes over columns it has nothing to do with; its words stand where it starts.
    middle = (x1 + COLUMNS["pool"][0]) / 2 if source == "holder" else (x1 + x2) / 2
    return (arrow(x1, y, x2, y, 2, fill=theme.colour("ink"))
            + element("text", _short(count), x=middle - 2, y=y - 6, class_="mid small strong")
            + element("text", unit, x=middle - 2, y=y + 15, class_="mid tiny quiet"))


class ReferenceGraph(Still):
    """Who holds whom.

    Parameters
    ----------
    buffers : list of Buffer
        From `devmemlab.view.references.read_references`.
    name : str
        Of the host.

    Attributes
    ----------
    edges : list of Edge
        Every reference: ``source``, ``target``, ``currency``, ``count``.
    """

    def __init__(self, buffers, name):
        self.buffers, self.edges = buffers, edges(buffers)
        self.title = f"Who holds what in {name}"

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [self.title]
        for buffer in self.buffers:
            lines.append(f"  {buffer.name}: {_many(buffer.refs, 'ref')}, {format_size(buffer.length)}, "
                         f"{_many(buffer.attachments, 'attachment')}")
            for bound in buffer.bindings:
                state = "live" if bound.live else "unbound"
                lines.append(f"  {bound.name}: {_many(bound.ref, 'ref')}, {bound.direction}, {state}")
                lines += [f"  {pool.name}: {pool.held:,} net_iovs out of the provider, {pool.cached:,} in the cache, "
                          f"{pool.ring:,} in the ring{', detached' if pool.detached else ''}" for pool in bound.pools]
        lines += [f"  {e.source} -> {e.target}: {e.count:,} {e.currency}" for e in self.edges]
        if not self.buffers:
            lines.append("  there is no dmabuf")
        return "\n".join(lines)

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
        parts = [element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", "an arrow points from who holds to what is held; the number counts references", x=8, y=40,
                         class_="quiet small")]
        heads = {"holder": "holders", "pool": "page_pools", "binding": "bindings", "dmabuf": "dmabufs"}
        parts += [element("text", heads[kind], x=x + 4, y=TOP - 8, class_="small quiet") for kind, (x, _) in COLUMNS.items()]
        y = TOP
        for buffer in self.buffers:
            drawn, bottom = self._buffer(prefix, buffer, y)
            parts.append(drawn)
            y = bottom + GAP
        if not self.buffers:
            parts.append(element("text", "There is no dmabuf.", x=8, y=y + 16))
            y += 30
        return "".join(parts), y

    def _buffer(self, prefix, buffer, top):
        """Draw one dmabuf and all who hold it.

        Parameters
        ----------
        prefix : str
            Of the textures.
        buffer : Buffer
            Which.
        top : float
            Where it begins.

        Returns
        -------
        drawn, bottom : str, float
            Elements, and where they end.
        """
        parts, y = [], top
        for bound in buffer.bindings:
            drawn, bottom = self._bound(prefix, bound, y)
            parts += [drawn, _edge("binding", "dmabuf", (y + bottom) / 2, 1, "ref, mapped")]
            y = bottom + GAP
        for name, count in buffer.holders:
            parts += [_box("holder", y, ROW - 8, [name]), _edge("holder", "dmabuf", y + ROW / 2 - 4, count, "ref")]
            y += ROW
        bottom = max(y - (8 if buffer.holders else GAP), top + 74)
        lines = [buffer.name, _many(buffer.refs, "ref"), format_size(buffer.length), _many(buffer.attachments, "attachment")]
        parts.append(_box("dmabuf", top, bottom - top, lines))
        return "".join(parts), bottom

    def _bound(self, prefix, bound, top):
        """Draw one binding and all who hold it.

        Parameters
        ----------
        prefix : str
            Of the textures.
        bound : Bound
            Which.
        top : float
            Where it begins.

        Returns
        -------
        drawn, bottom : str, float
            Elements, and where they end.
        """
        parts, y = [], top
        for name, count in bound.holders:
            parts += [_box("holder", y, ROW - 8, [name]), _edge("holder", "binding", y + ROW / 2 - 4, count, "ref")]
            y += ROW
        for pool in bound.pools:
            height = max(ROW * len(pool.holders) - 8, POOL_HEIGHT)
            place = f"queue {pool.queue}" if pool.queue >= 0 else "no queue"
            parts.append(_box("pool", y, height, [pool.name, f"{place}{', detached' if pool.detached else ''}",
                                                  f"hold - release {_short(pool.held)}", f"cache {pool.cached:,}",
                                                  f"ring {pool.ring:,}"]))
            parts.append(_edge("pool", "binding", y + height / 2, 1, "ref"))
            for i, (name, state, count) in enumerate(pool.holders):
                parts.append(_box("holder", y + ROW * i, ROW - 8, [name], state, prefix))
                parts.append(_edge("holder", "pool", y + ROW * i + ROW / 2 - 4, count, "pp_ref"))
            y += height + GAP
        bottom = max(y - (GAP if bound.pools else 8), top + 64)
        state = "live" if bound.live else "unbound"
        parts.append(_box("binding", top, bottom - top, [bound.name, _many(bound.ref, "ref"), f"{bound.direction}, {state}",
                                                         format_size(bound.length)]))
        return "".join(parts), bottom


def reference_graph(host):
    """Draw who holds the net_iovs, the bindings and the dmabufs of a host.

    Parameters
    ----------
    host : Host or Mem
        Whose tables to read.

    Returns
    -------
    picture : ReferenceGraph
        A picture in a notebook; ``.edges`` lists the references, ``print(picture)`` says it in words.
    """
    return ReferenceGraph(read_references(host), getattr(host, "name", "these tables"))
