"""A still: a picture drawn once from tables or a trace, and what every such picture can do.

Law.   The same tables give the same picture; a still keeps numbers, never a reference to the machine it was taken of.
Reads. theme.py and svg.py.
Omits. What is drawn: heat_map.py, occupancy.py, reference_graph.py.
"""

from devmemlab.view import theme
from devmemlab.view.svg import document, element, prefix_of, save_svg, shown, text_width

WIDTH = 700
PAPERS = ("page", "light", "dark")

STATES = {
    "free": theme.Role("F", "#f4f4f4", "#2b2b2b", "", "", "free"),
    "cached": theme.Role("C", "#56b4e9", "#2b7aa8", "M0 2h8M0 6h8", "--", "pool cache"),
    "ring": theme.Role("R", "#c4c4c4", "#7d7d7d", "M0 4h8M4 0v8", "++", "pool ring"),
    "posted": theme.Role("P", "#009e73", "#14785b", "M2 0v8M6 0v8", "||", "posted to the card"),
    "socket": theme.Role("S", "#e69f00", "#a87300", "M0 8l8 -8M-1 1l2 -2M7 9l2 -2", "//", "in a socket (skb frag)"),
    "token": theme.Role("T", "#f0e442", "#94891a", "M3 3h2v2h-2z", "o", "held by a token"),
    "out": theme.Role("O", "#cc79a7", "#a04c7b", "M0 0l8 8M8 0l-8 8", "xx", "out, in other hands"),
}
"""State of a buffer -> how it looks: the same in every picture of memory."""


def _declarations(column, furniture=False):
    """Spell the variables of one column.

    Parameters
    ----------
    column : int
        0 light, 1 dark.
    furniture : bool
        Everything there is, for a picture that does not ask the page.

    Returns
    -------
    css : str
        Declarations.
    """
    spelled = [f"--dml-state-{name}:{(role.light, role.dark)[column]}" for name, role in STATES.items()]
    if furniture:
        spelled += [f"--dml-{name}:{(role.light, role.dark)[column]}" for name, role in theme.ROLES.items()]
        spelled += [f"--dml-{name}:{row[1 + column]}" for name, row in theme.FURNITURE.items()]
    return ";".join(spelled)


def css(paper="page"):
    """Spell the style sheet of a still.

    Parameters
    ----------
    paper : str
        ``"page"`` lets the page (or the reader's system) decide; ``"light"`` and ``"dark"`` decide here.

    Returns
    -------
    text : str
        The theme's, and the colours of the states.
    """
    if paper not in PAPERS:
        raise ValueError(f"paper {paper!r} is none of {', '.join(PAPERS)}")
    name, light, dark = theme.SCOPE, _declarations(0), _declarations(1)
    own = (f".{name}{{{light}}}@media (prefers-color-scheme:dark){{.{name}{{{dark}}}}}"
           f"[data-jp-theme-light=true] .{name}{{{light}}}[data-jp-theme-light=false] .{name}{{{dark}}}"
           f".{name} .halo{{paint-order:stroke;stroke:var(--dml-paper);stroke-width:3px;stroke-linejoin:round}}"
           f".{name} .tiny{{font-size:10px}}")
    if paper != "page":
        own += f"svg.{name}.{name}.{name}{{{_declarations(PAPERS.index(paper) - 1, True)}}}"
    return theme.css() + own


def state_colour(name):
    """Name the colour of a state.

    Parameters
    ----------
    name : str
        One of `STATES`.

    Returns
    -------
    css : str
        A reference to the variable, and the colour for light paper where there is no style sheet.
    """
    return f"var(--dml-state-{name},{STATES[name].light})"


def state_textures(prefix):
    """Draw the tiles of the states.

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
    for name, role in STATES.items():
        ground = element("rect", width=8, height=8, fill=state_colour(name))
        lines = (element("path", d=role.texture, stroke=theme.colour("ink"), stroke_width=1, fill="none", opacity=0.6)
                 if role.texture else "")
        tiles.append(element("pattern", ground + lines, id=f"{prefix}-{name}", width=8, height=8,
                             patternUnits="userSpaceOnUse"))
    return element("defs", "".join(tiles))


def state_legend(prefix, labels, x, y, right=WIDTH - 8):
    """Draw a legend, in as many rows as it takes.

    Parameters
    ----------
    prefix : str
        As for `state_textures`.
    labels : dict of str to str
        State -> what to write behind its meaning.
    x, y : float
        Left end and middle of the first row.
    right : float
        Where a row ends at the latest.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    parts, at = [], x
    for name, behind in labels.items():
        role = STATES[name]
        label = f"{role.meaning}: {behind}" if behind else role.meaning
        width = 24 + text_width(label, 11) + 16
        if at > x and at + width > right:
            at, y = x, y + 24
        parts.append(element("rect", x=at, y=y - 9, width=18, height=18, fill=f"url(#{prefix}-{name})",
                             stroke=theme.colour("ink"), stroke_width=0.8))
        parts.append(element("text", role.letter, x=at + 9, y=y + 4, class_="mid small strong halo"))
        parts.append(element("text", label, x=at + 24, y=y + 4, class_="small"))
        at += width
    return "".join(parts), y + 16


class Still:
    """A picture with a title, words and one drawing. A subclass has ``title``, ``text`` and ``_body(prefix)``."""

    title, text = "", ""

    def svg(self, paper="page"):
        """Draw it.

        Parameters
        ----------
        paper : str
            ``"page"`` lets the page decide on light or dark; ``"light"`` and ``"dark"`` decide here.

        Returns
        -------
        svg : str
            Stands alone as a file and inside a page.
        """
        style, prefix = css(paper), prefix_of(type(self).__name__, self.text)
        body, bottom = self._body(prefix)
        return document(self.title, self.text, WIDTH, bottom, state_textures(prefix) + body, style, theme.SCOPE)

    def save(self, path, paper="page"):
        """Write the picture to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Its name; ``.svg`` is added where there is no ending.
        paper : str
            As for `svg`.

        Returns
        -------
        path : pathlib.Path
            What was written.
        """
        return save_svg(self.svg(paper), path)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return shown(self.svg(), self.text)

    def __repr__(self):
        return self.text
