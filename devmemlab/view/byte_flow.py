"""The picture of where every byte went: one strip for each way of receiving, drawn from what its ledger counted.

Law.   All strips have one geometry and one scale, so that what differs is what happened.
Reads. flow.py for what is drawn, theme.py for how.
Omits. Time: bars.py draws that.
"""

from devmemlab.view import theme
from devmemlab.view.flow import describe, panels
from devmemlab.view.strip import BOTTOM, KEY, STRIP, TOP, WIDTH, strip
from devmemlab.view.svg import document, element, prefix_of, save_svg
from devmemlab.view.svg import shown as svg_shown


class ByteFlow:
    """Where every byte went.

    Parameters
    ----------
    shown : list of Panel
        From `devmemlab.view.flow.panels`.
    title : str
        Above the picture.
    """

    def __init__(self, shown, title="Where every byte went"):
        self.panels, self.title = shown, title

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        return "\n".join([self.title, *map(describe, self.panels)])

    def body(self, prefix, top=0.0):
        """Draw the strips.

        Parameters
        ----------
        prefix : str
            Of the textures, which the caller draws.
        top : float
            Where they begin.

        Returns
        -------
        drawn, bottom : str, float
            Elements, and where they end.
        """
        most = max((step.octets for panel in self.panels for step in panel.arrows), default=1)
        strips = [strip(prefix, panel, most, top + STRIP * i) for i, panel in enumerate(self.panels)]
        bottom = top + STRIP * len(self.panels)
        roles = theme.legend_row(prefix, ("payload", "header", "host", "device", "user"), 10, bottom + 18)
        mark = _legend_mark(roles[1], bottom + 18)
        return "".join(strips) + roles[0] + mark, bottom + BOTTOM

    @property
    def svg(self):
        """The picture; it stands alone as a file and inside a page."""
        prefix = prefix_of(self.text)
        drawn, bottom = self.body(prefix, TOP)
        head = element("text", self.title, x=8, y=22, class_="strong big")
        head += element("text", KEY, x=WIDTH - 8, y=22, class_="end quiet small")
        return document(self.title, self.text, WIDTH, bottom, theme.textures(prefix) + head + drawn, theme.css(), theme.SCOPE)

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
        return svg_shown(self.svg, self.text)

    def __repr__(self):
        return self.text


def _legend_mark(x, y):
    """Explain the numbered marks.

    Parameters
    ----------
    x, y : float
        Left end and middle.

    Returns
    -------
    drawn : str
        Elements.
    """
    return (
        element(
            "rect",
            x=x,
            y=y - 8,
            width=22,
            height=16,
            rx=8,
            fill=theme.colour("paper"),
            stroke=theme.colour("copied"),
            stroke_width=2,
        )
        + element("text", "C1", x=x + 11, y=y + 4, class_="mid small strong")
        + element("text", "C2 ...  copies of the payload", x=x + 28, y=y + 4, class_="small")
    )


def byte_flow(shown, modes=("devmem", "host_copy", "host_copy_pageable")):
    """Draw where every byte went.

    Parameters
    ----------
    shown : Result, Row, Host or LEDGER[n_stage]
        A comparison, one row of it, a host, or a ledger.
    modes : sequence of str
        Which rows of a `Result`.

    Returns
    -------
    flow : ByteFlow
        A picture in a notebook; ``print(flow.text)`` says the same in words, ``flow.save(path)`` writes the SVG.
    """
    return ByteFlow(panels(shown, modes))
