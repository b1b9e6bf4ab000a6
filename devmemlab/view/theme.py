"""The theme: what each colour, letter and texture means, in one table.

Law.   A colour is named by its role, never by its hue, and never stands alone: each role has a letter and a texture too.
Reads. Okabe and Ito: Color Universal Design (2008), the palette; JupyterLab's CSS variables ``--jp-*``, the furniture.
Omits. Matplotlib styles beyond what the plots here need.
"""

from typing import NamedTuple

from devmemlab.view.svg import document, element, save_svg, shown, text_width


class Role(NamedTuple):
    """What a colour stands for.

    letter : str
        Stands beside the colour.
    light, dark : str
        The colour on light and on dark paper.
    texture : str
        Strokes of an 8 by 8 tile, an SVG path; empty: plain.
    hatch : str
        The same for Matplotlib.
    meaning : str
        For legends.
    """

    letter: str
    light: str
    dark: str
    texture: str
    hatch: str
    meaning: str


ROLES = {
    "wire": Role("W", "#7a7a7a", "#a6a6a6", "M1 1h1M5 5h1", ".", "the wire and the network card"),
    "host": Role("H", "#56b4e9", "#56b4e9", "M0 2h8M0 6h8", "--", "host memory"),
    "device": Role("D", "#009e73", "#1fb38a", "M2 0v8M6 0v8", "||", "device memory"),
    "user": Role("U", "#cc79a7", "#cc79a7", "M0 0l8 8M8 0l-8 8", "xx", "the program's buffer"),
    "header": Role("h", "#e69f00", "#e69f00", "M0 8l8 -8M-1 1l2 -2M7 9l2 -2", "//", "headers"),
    "payload": Role("P", "#0072b2", "#3d9fdb", "", "", "payload"),
    "copied": Role("C", "#d55e00", "#e8762c", "M0 4h8M4 0v8", "++", "one more copy of each payload byte"),
    "token": Role("T", "#f0e442", "#f0e442", "M4 2v4", "o", "held by a token"),
    "dropped": Role("X", "#000000", "#ffffff", "M2 2l4 4M6 2l-4 4", "*", "dropped"),
}
"""Role name -> how it looks; two columns of colours, one for light paper and one for dark."""

FURNITURE = {
    "paper": ("--jp-layout-color0", "#ffffff", "#161616"),
    "ink": ("--jp-ui-font-color1", "#1c1c1c", "#ededed"),
    "quiet": ("--jp-ui-font-color2", "#5c5c5c", "#b4b4b4"),
    "line": ("--jp-border-color1", "#bdbdbd", "#5e5e5e"),
}
"""What is no role: the variable of the page that decides, and what holds without one on light and on dark paper."""

SCOPE = "dml"
FONT = "system-ui, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif"


def _variables(column):
    """Spell the CSS variables of one column.

    Parameters
    ----------
    column : int
        0 light, 1 dark.

    Returns
    -------
    css : str
        Declarations.
    """
    roles = [f"--dml-{name}:{(role.light, role.dark)[column]}" for name, role in ROLES.items()]
    rest = [f"--dml-{name}:var({page},{fallback[column]})" for name, (page, *fallback) in FURNITURE.items()]
    return ";".join(roles + rest)


def css():
    """Spell the style sheet that every picture carries.

    Returns
    -------
    text : str
        Everything in it is below ``.dml``, so that it cannot disturb the page it is pasted into. JupyterLab's own theme
        decides where it is visible, the reader's system where it is not (an image, a page without Jupyter).
    """
    light, dark = _variables(0), _variables(1)
    return (
        f".{SCOPE}{{{light};font-family:{FONT};color:var(--dml-ink)}}"
        f"@media (prefers-color-scheme:dark){{.{SCOPE}{{{dark}}}}}"
        f"[data-jp-theme-light=true] .{SCOPE}{{{light}}}[data-jp-theme-light=false] .{SCOPE}{{{dark}}}"
        f".{SCOPE} text{{fill:var(--dml-ink);font-size:12px}}.{SCOPE} .quiet{{fill:var(--dml-quiet)}}"
        f".{SCOPE} .strong{{font-weight:600}}.{SCOPE} .big{{font-size:14px}}.{SCOPE} .small{{font-size:11px}}"
        f".{SCOPE} .mid{{text-anchor:middle}}.{SCOPE} .end{{text-anchor:end}}"
    )


def colour(name):
    """Name a colour as a picture uses it.

    Parameters
    ----------
    name : str
        A role, or one of ``FURNITURE``.

    Returns
    -------
    css : str
        A reference to the variable, so that light and dark are decided where the picture is seen, and the colour for
        light paper where a page has taken the style sheet away.
    """
    if name not in ROLES and name not in FURNITURE:
        raise ValueError(f"{name!r} is no role; there are {', '.join((*ROLES, *FURNITURE))}")
    return f"var(--dml-{name},{ROLES[name].light if name in ROLES else FURNITURE[name][1]})"


def textures(prefix):
    """Draw the tiles that ``texture`` fills shapes with.

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
    for name, role in ROLES.items():
        ground = element("rect", width=8, height=8, fill=colour(name))
        lines = (
            element("path", d=role.texture, stroke=colour("ink"), stroke_width=1, fill="none", opacity=0.65)
            if role.texture
            else ""
        )
        tiles.append(
            element("pattern", ground + lines, id=f"{prefix}-{name}", width=8, height=8, patternUnits="userSpaceOnUse")
        )
    return element("defs", "".join(tiles))


def texture(prefix, name):
    """Name the fill of a role.

    Parameters
    ----------
    prefix : str
        As for `textures`.
    name : str
        A role.

    Returns
    -------
    fill : str
        For a ``fill`` attribute.
    """
    colour(name)
    return f"url(#{prefix}-{name})"


def rc(dark=False):
    """Set Matplotlib up in our furniture.

    Parameters
    ----------
    dark : bool
        Dark paper.

    Returns
    -------
    rc : dict
        For ``matplotlib.rc_context``.
    """
    ink, paper, quiet, line = (FURNITURE[name][2 if dark else 1] for name in ("ink", "paper", "quiet", "line"))
    return {
        "figure.facecolor": paper,
        "axes.facecolor": paper,
        "savefig.facecolor": paper,
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": line,
        "xtick.color": quiet,
        "ytick.color": ink,
        "font.family": "sans-serif",
        "font.sans-serif": ["Liberation Sans", "DejaVu Sans"],
        "font.size": 10.0,
        "axes.titlesize": 11.0,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "hatch.linewidth": 0.6,
        "svg.hashsalt": "devmemlab",
        "svg.fonttype": "none",
    }


def legend_row(prefix, names, x, y):
    """Draw a legend in one row.

    Parameters
    ----------
    prefix : str
        As for `textures`.
    names : sequence of str
        Roles.
    x, y : float
        Left end and middle of the row.

    Returns
    -------
    drawn, right : str, float
        Elements, and where they end.
    """
    drawn = []
    for name in names:
        role = ROLES[name]
        drawn.append(element("rect", x=x, y=y - 8, width=16, height=16, fill=texture(prefix, name), stroke=colour("ink")))
        label = f"{role.letter}  {role.meaning}"
        drawn.append(element("text", label, x=x + 22, y=y + 4, class_="small"))
        x += 22 + text_width(label, 11) + 18
    return "".join(drawn), x


class Legend:
    """Roles, shown with their letters and textures.

    Parameters
    ----------
    names : sequence of str
        Roles.
    """

    def __init__(self, names):
        for name in names:
            texture("", name)
        self.names = tuple(names)

    @property
    def svg(self):
        """The picture."""
        rows, widest = [], 0.0
        for first in range(0, len(self.names), 4):
            drawn, right = legend_row("legend", self.names[first : first + 4], 10, 18 + 6 * first)
            rows.append(drawn)
            widest = max(widest, right)
        height = 36 + 24 * (len(rows) - 1)
        return document("What the colours mean", repr(self), widest, height, textures("legend") + "".join(rows), css(), SCOPE)

    def save(self, path):
        """Write the picture to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Its name; ``.svg`` is added where there is no ending.

        Returns
        -------
        path : pathlib.Path
            What was written.
        """
        return save_svg(self.svg, path)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return shown(self.svg, repr(self))

    def __repr__(self):
        return "; ".join(f"{ROLES[name].letter} {ROLES[name].meaning}" for name in self.names)


def legend(*names):
    """Show what the colours mean.

    Parameters
    ----------
    *names : str
        Roles; all of them by default.

    Returns
    -------
    legend : Legend
        A picture in a notebook.
    """
    return Legend(names or tuple(ROLES))
