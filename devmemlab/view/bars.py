"""Bars: how long each way took and how often it copied, side by side, as SVG of our own.

Law.   Bars begin at zero; what was measured and what was counted are labelled as such.
Reads. Rows of a comparison.
Omits. Axes and ticks: every bar carries its number.
"""

from devmemlab.view import theme
from devmemlab.view.flow import MODES
from devmemlab.view.svg import element, text_width

ROW, HEAD, NAMES_WIDTH, GAP = 26, 30, 172, 30


def _chart(prefix, rows, values, spell, title, label, x, width, top):
    """Draw one chart.

    Parameters
    ----------
    prefix : str
        Of the textures.
    rows : sequence of Row
        One bar each.
    values : sequence of float
        Their lengths.
    spell : callable
        Value to text.
    title, label : str
        What it shows, and how that is known.
    x, width, top : float
        Where.

    Returns
    -------
    drawn : str
        Elements.
    """
    most = max(values) or 1.0
    room = width - max(text_width(spell(value), 12) for value in values) - 10
    parts = [element("text", title, x=x, y=top + 16, class_="strong"),
             element("text", label, x=x + text_width(title, 13) + 12, y=top + 16, class_="quiet small")]
    for i, (row, value) in enumerate(zip(rows, values)):
        y = top + HEAD + ROW * i
        length = max(room * value / most, 1.0)
        parts.append(element("rect", x=x, y=y, width=length, height=18, fill=theme.texture(prefix, MODES[row.mode][1]),
                             stroke=theme.colour("ink"), stroke_width=0.8))
        parts.append(element("text", spell(value), x=x + length + 7, y=y + 13.5))
    return "".join(parts)


def bars(prefix, rows, width, top):
    """Draw both charts with one list of names.

    Parameters
    ----------
    prefix : str
        Of the textures, which the caller draws.
    rows : sequence of Row
        Of a comparison.
    width, top : float
        Where.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    half = (width - NAMES_WIDTH - GAP - 16) / 2
    names = [element("text", f"{MODES[row.mode][0]}  {row.mode}", x=8, y=top + HEAD + ROW * i + 13.5, class_="strong")
             for i, row in enumerate(rows)]
    time = _chart(prefix, rows, [row.ns_per_packet for row in rows], "{:,.0f} ns".format, "Time for each packet",
                  "measured here, in a simulation", NAMES_WIDTH, half, top)
    copies = _chart(prefix, rows, [row.copied_bytes_per_payload_byte for row in rows], "{:.2f}".format,
                    "Copies of each payload byte", "counted", NAMES_WIDTH + half + GAP, half, top)
    return "".join(names) + time + copies, top + HEAD + ROW * len(rows) + 10


def in_words(rows):
    """Say the same in words.

    Parameters
    ----------
    rows : sequence of Row
        Of a comparison.

    Returns
    -------
    text : str
        A line each.
    """
    return "\n".join(f"{row.mode}: {row.ns_per_packet:,.0f} ns for each packet (measured), each payload byte copied "
                     f"{row.copied_bytes_per_payload_byte:.2f} times (counted)" for row in rows)
