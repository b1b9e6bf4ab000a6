"""The picture of a whole comparison in one file: bars above, where every byte went below.

Law.   One SVG that needs nothing else: no kernel, no Matplotlib, no fonts of ours.
Reads. bars.py, byte_flow.py.
Omits. Other formats: a browser shows SVG and prints it.
"""

from devmemlab.view import theme
from devmemlab.view.bars import bars, in_words
from devmemlab.view.byte_flow import byte_flow
from devmemlab.view.strip import KEY, WIDTH
from devmemlab.view.svg import document, element, prefix_of, save_svg


def heading(result):
    """Say what was received.

    Parameters
    ----------
    result : Result
        A comparison.

    Returns
    -------
    text : str
        One line.
    """
    got = result.input
    mtu = f", MTU {result.settings['mtu']}" if getattr(result, "settings", {}).get("mtu") else ""
    return f"{got['bytes']:,} octets of payload in {got['frames']:,} frames ({got['kind']}{mtu})"


def comparison(result):
    """Draw a comparison.

    Parameters
    ----------
    result : Result
        From ``dml.compare``.

    Returns
    -------
    svg : str
        The picture.
    """
    modes = [row.mode for row in result.rows]
    flow = byte_flow(result, modes=[mode for mode in modes if mode != "memcpy"] or modes)
    words = f"{heading(result)}\n{in_words(result.rows)}\n{flow.text}"
    prefix = prefix_of(words)
    head = (element("text", "One transfer, received in different ways", x=8, y=22, class_="strong big")
            + element("text", heading(result), x=WIDTH - 8, y=22, class_="end quiet"))
    charts, bottom = bars(prefix, result.rows, WIDTH, 40)
    rule = element("path", d=f"M8 {bottom + 6}H{WIDTH - 8}", stroke=theme.colour("line"))
    title = (element("text", flow.title, x=8, y=bottom + 30, class_="strong big")
             + element("text", KEY, x=WIDTH - 8, y=bottom + 30, class_="end quiet small"))
    drawn, bottom = flow.body(prefix, bottom + 42)
    return document("One transfer, received in different ways", words, WIDTH, bottom,
                    theme.textures(prefix) + head + charts + rule + title + drawn, theme.css(), theme.SCOPE)


def save_picture(result, path):
    """Write the picture of a comparison to a file.

    Parameters
    ----------
    result : Result
        From ``dml.compare``.
    path : str or pathlib.Path
        Its name; ``.svg`` is added where there is none.

    Returns
    -------
    path : pathlib.Path
        What was written.

    Raises
    ------
    OSError
        It cannot be written.
    ValueError
        Another ending than ``.svg``.
    """
    return save_svg(comparison(result), path)
