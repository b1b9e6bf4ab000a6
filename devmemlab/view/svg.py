"""SVG as text: a few shapes, the same octets every time.

Law.   Every picture has a title and a description; the same picture is the same text, on every machine.
Reads. SVG 1.1; WAI-ARIA graphics: ``role="img"`` with ``aria-labelledby``.
Omits. Whatever the pictures here do not need.
"""

import base64
import math
import pathlib
import zlib
from html import escape

ARROW_HEAD = 9.0
# Advance widths of a common sans-serif at 1 px, rounded up: enough to keep labels apart without measuring fonts.
_NARROW, _WIDE = set("iljtfrI.,:;'|!()[] 1"), set("mwMWGOQD@%")


def number(value):
    """Spell a coordinate.

    Parameters
    ----------
    value : float
        Pixels.

    Returns
    -------
    text : str
        At most two decimals, none when they are zero.
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def element(tag, content=None, **attributes):
    """Write one element.

    Parameters
    ----------
    tag : str
        ``"text"`` escapes its content; others take elements as content.
    content : str, optional
        What is inside.
    **attributes
        In this order; an underscore stands for a hyphen, one at the end is dropped, None leaves the attribute out.

    Returns
    -------
    text : str
        SVG.
    """
    spelled = []
    for name, value in attributes.items():
        if value is None:
            continue
        value = number(value) if isinstance(value, (int, float)) else escape(str(value))
        spelled.append(f' {name.rstrip("_").replace("_", "-")}="{value}"')
    head = tag + "".join(spelled)
    if content is None:
        return f"<{head}/>"
    return f"<{head}>{escape(content, quote=False) if tag in ('text', 'title', 'desc') else content}</{tag}>"


def text_width(text, size):
    """Estimate how wide a text is drawn.

    Parameters
    ----------
    text : str
        One line.
    size : float
        Font size, pixels.

    Returns
    -------
    width : float
        Pixels, rather too many than too few.
    """
    ems = sum(0.34 if c in _NARROW else 0.9 if c in _WIDE else 0.6 for c in text)
    return ems * size


def arrow(x1, y1, x2, y2, width, **attributes):
    """Draw an arrow as thick as what it carries.

    Parameters
    ----------
    x1, y1, x2, y2 : float
        From where to where; the tip ends there.
    width : float
        Thickness of the shaft, pixels.
    **attributes
        See `element`.

    Returns
    -------
    text : str
        A path.
    """
    length = math.hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    half, barb = width / 2, width / 2 + 4.5
    neck = max(length - ARROW_HEAD, 0.0)

    def at(along, aside):
        return f"{number(x1 + along * ux - aside * uy)} {number(y1 + along * uy + aside * ux)}"

    points = [at(0, -half), at(neck, -half), at(neck, -barb), at(length, 0), at(neck, barb), at(neck, half), at(0, half)]
    return element("path", d="M" + "L".join(points) + "Z", **attributes)


def prefix_of(*facts):
    """Make a name that sets the ids of one picture apart from those of others on the same page.

    Parameters
    ----------
    *facts : object
        What the picture shows.

    Returns
    -------
    prefix : str
        The same for the same facts.
    """
    return f"d{zlib.crc32(repr(facts).encode()):08x}"


def document(title, description, width, height, body, style, scope):
    """Write a whole picture.

    Parameters
    ----------
    title, description : str
        What a screen reader says.
    width, height : float
        Pixels at full size; the picture shrinks with its page.
    body : str
        Elements.
    style : str
        CSS, everything in it below the class `scope`.
    scope : str
        Class of the picture.

    Returns
    -------
    svg : str
        Stands alone as a file and inside a page.
    """
    name = prefix_of(title, description)
    inside = (element("title", title, id=f"{name}-title") + element("desc", description, id=f"{name}-desc")
              + f"<style>{style}</style>"
              + element("rect", width=width, height=height, fill="var(--dml-paper,#ffffff)", rx=4) + body)
    return element("svg", inside, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {number(width)} {number(height)}",
                   width=width, height=height, class_=scope, role="img", aria_labelledby=f"{name}-title {name}-desc",
                   style="max-width:100%;height:auto")


def save_svg(svg, path):
    """Write a picture to a file.

    Parameters
    ----------
    svg : str
        The picture; it needs nothing else.
    path : str or pathlib.Path
        Its name; ``.svg`` is added where there is no ending.

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
    path = pathlib.Path(path)
    if not path.suffix:
        path = path.with_suffix(".svg")
    if path.suffix.lower() != ".svg":
        raise ValueError(f"{path.name}: the picture is an SVG, give it a name that ends in .svg")
    path.write_text(svg + "\n", encoding="utf-8")
    return path


def shown(picture, words, kind="image/svg+xml"):
    """Make what a notebook shows of a picture.

    Parameters
    ----------
    picture : str or bytes
        An SVG, or the octets of another kind.
    words : str
        What a screen reader says.
    kind : str
        Its MIME type.

    Returns
    -------
    data, metadata : dict
        An image element first: no front end writes the words beside a bare picture, some do not shrink it to the page, and
        some paste an SVG without its style. The picture itself is there too.
    """
    octets = picture.encode() if isinstance(picture, str) else picture
    address = f"data:{kind};base64,{base64.b64encode(octets).decode()}"
    html = f'<img alt="{escape(words)}" src="{address}" style="max-width:100%">'
    return {"text/html": html, kind: picture, "text/plain": words}, {kind: {"alt": words}}
