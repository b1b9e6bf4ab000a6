"""Bars of the memory lessons: groups of counts that belong together, on one scale.

Law.   Bars begin at zero, every bar carries its number, and a heading says how the numbers are known.
Reads. crossings of a ledger; counts of a page_pool.
Omits. Times: nothing here was measured with a clock.
"""

from typing import NamedTuple

from devmemlab.lab.crossings import LINKS, ORDERS, crossings
from devmemlab.view import theme
from devmemlab.view.flow import MODES
from devmemlab.view.still import STATES, WIDTH, Still
from devmemlab.view.svg import element, text_width

ROW, HEAD, TOP, NAMES = 22, 24, 62, 190
THICK = 16
PLACES = {"cache": "cached", "ring": "ring", "provider": "free", "refused": "out"}


class Bar(NamedTuple):
    """One bar.

    letter, name : str
        Written at its left.
    fill : str
        A role of the theme, or a state of a buffer.
    value : int
        Its length.
    """

    letter: str
    name: str
    fill: str
    value: int


class Bars(Still):
    """Groups of bars.

    Parameters
    ----------
    title, note : str
        Above; the note says how the numbers are known.
    groups : sequence of (str, sequence of Bar)
        Headings and bars.
    unit : str
        What is counted.
    """

    def __init__(self, title, note, groups, unit):
        self.title, self.note, self.groups, self.unit = title, note, groups, unit

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title} ({self.note})"]
        for heading, bars in self.groups:
            lines.append(f"  {heading}: " + ", ".join(f"{bar.name} {bar.value:,}" for bar in bars) + f" {self.unit}")
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
        parts = [theme.textures(prefix), element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", self.note, x=8, y=40, class_="quiet small")]
        every = [bar for _, bars in self.groups for bar in bars]
        most = max([bar.value for bar in every] + [1])
        room = WIDTH - NAMES - 18 - max(text_width(f"{bar.value:,}", 12) for bar in every)
        y = TOP
        for heading, bars in self.groups:
            parts.append(element("text", heading, x=8, y=y + 4, class_="strong"))
            y += HEAD - 10
            for bar in bars:
                length = max(room * bar.value / most, 1.0)
                parts.append(element("text", f"{bar.letter}  {bar.name}", x=NAMES - 10, y=y + 12, class_="end small"))
                parts.append(element("rect", x=NAMES, y=y, width=length, height=THICK, fill=f"url(#{prefix}-{bar.fill})",
                                     stroke=theme.colour("ink"), stroke_width=0.8))
                parts.append(element("text", f"{bar.value:,}", x=NAMES + length + 7, y=y + 12.5))
                y += ROW
            y += 18
        return "".join(parts), y - 8


def crossing_bars(result, order="device"):
    """Draw how often each link is crossed.

    Parameters
    ----------
    result : Result
        From ``dml.compare``.
    order : str
        One of `devmemlab.lab.crossings.ORDERS`: who uses the payload.

    Returns
    -------
    picture : Bars
        One group for each link.
    """
    ways = {row.mode: crossings(row.stages, order) for row in result.rows}
    groups = [(heading, [Bar(*MODES[mode][:1], mode, MODES[mode][1], octets[link]) for mode, octets in ways.items()])
              for link, heading in LINKS.items()]
    return Bars(f"What crosses each link when the payload is for {ORDERS[order]}",
                "octets, modelled: a counted stage times the links that it crosses; caches left out", groups, "octets")


def pool_bars(counts, title):
    """Draw where buffers were taken from and where they went.

    Parameters
    ----------
    counts : dict
        From `devmemlab.lab.scenes.bursts`.
    title : str
        Above.

    Returns
    -------
    picture : Bars
        Two groups.
    """
    groups = [(heading, [Bar(STATES[PLACES[name]].letter, name, PLACES[name], count) for name, count in counts[key].items()
                         if count or name != "refused"])
              for heading, key in (("taken from", "taken"), ("returned to", "returned"))]
    return Bars(title, "buffers, counted", groups, "buffers")
