"""A frame as octets: which header each belongs to, and where the card cuts.

Law.   Every octet of the headers is drawn, in hexadecimal, and belongs to exactly one layer.
Reads. `devmemlab.lab.frames` for the layers and the cut; theme.py and still.py.
Omits. Most of the payload: its first and last octets stand for the rest.
"""

from devmemlab.lab.frames import cut_of, layers
from devmemlab.view import theme
from devmemlab.view.still import Still
from devmemlab.view.svg import element, number, text_width

COLUMNS, CELL, HIGH, LABEL = 32, 19.0, 20.0, 17.0
LEFT, TOP, GAP, FEW = 60, 48.0, 62.0, 24

LOOKS = {
    "Ethernet": theme.Role("E", "#d0d0d0", "#5a5a5a", "", "", ""),
    "VLAN tag": theme.Role("V", "#f0e442", "#857b1f", "M3 3h2v2h-2z", "", ""),
    "Ethernet type": theme.Role("E", "#d0d0d0", "#5a5a5a", "", "", ""),
    "IPv4": theme.Role("4", "#a6d8f5", "#24648c", "M0 7.5h8", "", ""),
    "IPv6": theme.Role("6", "#a6d8f5", "#24648c", "M0 7.5h8", "", ""),
    "IPv4 options": theme.Role("o", "#e3b8d1", "#86406a", "M0 1h8M0 7h8", "", ""),
    "IPv6 extensions": theme.Role("x", "#e3b8d1", "#86406a", "M0 1h8M0 7h8", "", ""),
    "UDP": theme.Role("U", "#e3b8d1", "#86406a", "M0 8l8 -8", "", ""),
    "TCP": theme.Role("T", "#f5cf85", "#8f5f00", "M0 8l8 -8M-1 1l2 -2M7 9l2 -2", "", ""),
    "TCP options": theme.Role("t", "#f2b58a", "#9c4a12", "M1 0v8M7 0v8", "", ""),
    "payload": theme.Role("P", "#8fd6bd", "#14664d", "M2 0v8", "", ""),
    "padding": theme.Role("0", "#f4f4f4", "#303030", "M2 2l4 4M6 2l-4 4", "", ""),
    "not looked at": theme.Role("?", "#f4f4f4", "#303030", "M0 8l8 -8M0 0l8 8", "", ""),
}
"""Layer -> how it looks; the name is written above each stretch, so no colour has to be told apart."""
SHORTENED = ("payload", "not looked at", "padding")


def _key(name):
    """Make the name of a layer fit into a CSS variable.

    Parameters
    ----------
    name : str
        One of `LOOKS`.

    Returns
    -------
    key : str
        Without blanks.
    """
    return name.replace(" ", "-").lower()


def _style():
    """Spell the variables of the layers.

    Returns
    -------
    css : str
        Light and dark, decided as the theme decides.
    """
    light, dark = (";".join(f"--dml-layer-{_key(name)}:{(look.light, look.dark)[column]}" for name, look in LOOKS.items())
                   for column in (0, 1))
    scope = theme.SCOPE
    return (f".{scope}{{{light}}}@media (prefers-color-scheme:dark){{.{scope}{{{dark}}}}}"
            f"[data-jp-theme-light=true] .{scope}{{{light}}}[data-jp-theme-light=false] .{scope}{{{dark}}}"
            f".{scope} .octet{{font-family:'DejaVu Sans Mono',monospace;font-size:10.5px}}")


def _tiles(prefix):
    """Draw the tiles of the layers.

    Parameters
    ----------
    prefix : str
        Sets the names of this picture apart from those of others on the same page.

    Returns
    -------
    defs : str
        An SVG ``defs`` element.
    """
    tiles = []
    for name, look in LOOKS.items():
        ground = element("rect", width=8, height=8, fill=f"var(--dml-layer-{_key(name)},{look.light})")
        lines = element("path", d=look.texture, stroke=theme.colour("ink"), stroke_width=0.8, fill="none",
                        opacity=0.25) if look.texture else ""
        tiles.append(element("pattern", ground + lines, id=f"{prefix}-{_key(name)}", width=8, height=8,
                             patternUnits="userSpaceOnUse"))
    return element("defs", "".join(tiles))


class FramePicture(Still):
    """A frame, octet by octet.

    Parameters
    ----------
    octets : bytes
        The frame.
    title : str
        Above.
    hds_thresh, header_buffer : int
        Of the card, see `devmemlab.lab.frames.cut_of`.

    Attributes
    ----------
    layers : list of Layer
        From the first octet to the last.
    cut : Cut
        Where, or why not.
    """

    def __init__(self, octets, title="A frame", hds_thresh=0, header_buffer=128):
        self.octets, self.title, self.header_buffer = bytes(octets), title, header_buffer
        self.layers, self.cut = layers(self.octets), cut_of(self.octets, hds_thresh, header_buffer)

    @property
    def verdict(self):
        """Where the cut is, in a sentence."""
        if self.cut.at is None:
            return f"not cut ({self.cut.why}): all {len(self.octets):,} octets stay together"
        payload = sum(layer.length for layer in self.layers if layer.name == "payload")
        rest = f"{payload:,} octets of payload to a payload buffer" if payload else "and there is no payload"
        return f"cut behind octet {self.cut.at}: {self.cut.at} octets to the header buffer, {rest}"

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title}: {len(self.octets):,} octets, {self.verdict}"]
        for layer in self.layers:
            start = self.octets[layer.at:layer.at + layer.length]
            shown = start[:FEW].hex(" ") + (" ..." if len(start) > FEW else "")
            lines.append(f"  {layer.name}: {layer.length:,} octets from {layer.at}: {shown}")
        return "\n".join(lines)

    def _cells(self):
        """List what is drawn: stretches of one layer, long ones shortened.

        Returns
        -------
        cells : list of (str, str, int)
            Layer and what is written, and the octet's number; None and ``"…"`` stand for octets left out.
        """
        cells = []
        for layer in self.layers:
            numbers = list(range(layer.at, layer.at + layer.length))
            if layer.name in SHORTENED and layer.length > FEW:
                numbers = [*numbers[:FEW - 4], None, *numbers[-3:]]
            cells += [(layer.name, "…" if k is None else f"{self.octets[k]:02x}", k) for k in numbers]
        return cells

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
        cells, cut, pitch = self._cells(), self.cut.at, HIGH + LABEL
        parts = [_tiles(prefix), f"<style>{_style()}</style>", element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", self.verdict, x=8, y=41, class_="small")]
        starts = {layer.at for layer in self.layers}
        gap = 0.0 if cut is None else GAP
        for at, (name, word, octet) in enumerate(cells):
            column, row = at % COLUMNS, at // COLUMNS
            x, y = LEFT + column * CELL, TOP + row * pitch + (gap if cut is not None and at >= cut else 0)
            parts.append(element("rect", x=x, y=y + LABEL, width=CELL, height=HIGH, fill=f"url(#{prefix}-{_key(name)})",
                                 stroke=theme.colour("line"), stroke_width=0.6))
            parts.append(element("text", word, x=x + CELL / 2, y=y + LABEL + 14, class_="mid octet"))
            if (column == 0 or octet == cut) and octet is not None:
                parts.append(element("text", f"{octet}", x=LEFT - 8, y=y + LABEL + 14, class_="end small quiet"))
            if column == 0 or octet in starts:
                parts.append(self._label(cells, at, x, y, octet in starts))
        if cut is not None:
            parts.append(self._knife(cut, pitch))
        bottom = TOP + -(-len(cells) // COLUMNS) * pitch + (gap if cut is not None and len(cells) > cut else 0)
        return "".join(parts), bottom + (40 if len(cells) == cut else 14)

    def _label(self, cells, at, x, y, begins):
        """Write the name of a layer above where it begins or goes on.

        Parameters
        ----------
        cells : list
            From `_cells`.
        at : int
            The cell.
        x, y : float
            Its upper left corner.
        begins : bool
            The layer begins here.

        Returns
        -------
        drawn : str
            Its name, its letter where the name is too long, and a mark.
        """
        name, end = cells[at][0], at + 1
        starts = {layer.at for layer in self.layers}
        while end < len(cells) and end % COLUMNS and cells[end][0] == name and cells[end][2] not in starts:
            end += 1
        room = (end - at) * CELL - 4
        words = name if text_width(name, 10) <= room else "tag" if name == "VLAN tag" else LOOKS[name].letter
        tick = element("path", d=f"M{number(x)} {number(y + 4)}V{number(y + LABEL)}", stroke=theme.colour("ink"),
                       stroke_width=1.2, fill="none") if begins else ""
        return tick + element("text", words, x=x + 3, y=y + LABEL - 4, class_="tiny")

    def _knife(self, cut, pitch):
        """Draw the cut.

        Parameters
        ----------
        cut : int
            First octet of payload.
        pitch : float
            Height of a row.

        Returns
        -------
        drawn : str
            A line between headers and payload, and what it means.
        """
        row, column = divmod(cut - 1, COLUMNS)
        above, x = TOP + (row + 1) * pitch, LEFT + (column + 1) * CELL
        line = (f"M{number(x)} {number(above - HIGH - 4)}V{number(above + 6)}"
                f"M{LEFT} {number(above + 6)}H{number(LEFT + COLUMNS * CELL)}")
        below = "to the payload buffer" if any(layer.name == "payload" for layer in self.layers) else "no payload"
        words = f"above: to the header buffer, in host memory; below: {below}"
        return (element("path", d=line, stroke=theme.colour("ink"), stroke_width=3, fill="none")
                + element("text", f"the cut, at {cut}", x=LEFT + 4, y=above + 20, class_="small strong")
                + element("text", words, x=LEFT + 112, y=above + 20, class_="small"))


def frame_picture(octets, title="A frame", hds_thresh=0, header_buffer=128):
    """Draw a frame octet by octet, with the cut.

    Parameters
    ----------
    octets : bytes
        The frame.
    title : str
        Above.
    hds_thresh : int
        Payloads of at most this many octets are not cut.
    header_buffer : int
        Octets that the card has for headers.

    Returns
    -------
    picture : FramePicture
        A picture in a notebook; ``print(picture)`` says it in words, ``.save(path)`` keeps it.
    """
    return FramePicture(octets, title, hds_thresh, header_buffer)
