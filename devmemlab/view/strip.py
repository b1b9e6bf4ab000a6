"""One strip of the byte-flow picture: the places, the arrows between them, and what went along each.

Law.   A place that was not used is drawn empty, in the same spot, so that strips can be compared.
Reads. flow.py for what is drawn, theme.py for how.
Omits. The document around the strips: byte_flow.py.
"""

from devmemlab.view import theme
from devmemlab.view.flow import PLACES
from devmemlab.view.svg import arrow, element, text_width

WIDTH, STRIP, TOP, BOTTOM = 840, 206, 36, 40
HOST_BOX, DEVICE_BOX = (244, 30, 400, 122), (732, 30, 100, 162)
BOXES = {
    "wire": (8, 30, 62, 162),
    "nic": (98, 30, 58, 162),
    "header_buffers": (256, 50, 90, 36),
    "skb_heads": (412, 50, 82, 36),
    "pages": (256, 106, 90, 36),
    "frames": (256, 106, 90, 36),
    "user": (412, 106, 82, 36),
    "staging": (560, 106, 76, 36),
}
"""Place -> x, y, width, height within its strip."""

HEADER_Y, PAYLOAD_Y, BYPASS_Y = 68, 124, 174
KEY = "above an arrow: how many octets went this way; below: in how many pieces"
ALWAYS = ("wire", "nic", "header_buffers", "skb_heads", "pages", "user")
THICKEST, THINNEST = 15.0, 2.0
GATHERED = {"GATHER": "gathered", "GATHER_OUT": "to the host", "GATHER_IN": "and back"}


def spell(octets):
    """Spell a count so that it fits between two boxes.

    Parameters
    ----------
    octets : int
        A count.

    Returns
    -------
    text : str
        All digits below 10^8, four of them with a unit above.
    """
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6)):
        if octets >= max(size, 10**8):
            return f"{octets / size:.4g} {unit}"
    return f"{octets:,}"


def _box(prefix, name, used, dx=0):
    """Draw one place.

    Parameters
    ----------
    prefix : str
        Of the textures.
    name : str
        See ``BOXES``.
    used : bool
        False draws it empty: nothing came here.
    dx : float
        Moves it.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, y, width, height = BOXES[name]
    title, role = PLACES[name]
    ink = theme.colour("ink" if used else "quiet")
    shape = element(
        "rect",
        x=x + dx,
        y=y,
        width=width,
        height=height,
        rx=3,
        fill=theme.colour("paper"),
        stroke=ink,
        stroke_dasharray=None if used else "3 3",
    )
    tab = (
        element("rect", x=x + dx, y=y, width=7, height=height, rx=3, fill=theme.texture(prefix, role), stroke=ink)
        if used
        else ""
    )
    words, middle = title.split(" "), x + dx + 3 + width / 2
    first = y + height / 2 + 4 - 7 * (len(words) - 1)
    lines = [
        element("text", word, x=middle, y=first + 14 * i, class_="mid small" if used else "mid small quiet")
        for i, word in enumerate(words)
    ]
    return shape + tab + "".join(lines)


def _container(prefix, box, role, title, used=True):
    """Draw a memory that holds places.

    Parameters
    ----------
    prefix : str
        Of the textures.
    box : tuple of float
        x, y, width, height.
    role : str
        Its role.
    title : str
        Its name.
    used : bool
        False: nothing came here.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, y, width, height = box
    letter = theme.ROLES[role].letter
    frame = element(
        "rect",
        x=x,
        y=y,
        width=width,
        height=height,
        rx=4,
        fill=theme.colour(role),
        fill_opacity=0.13,
        stroke=theme.colour("ink" if used else "quiet"),
    )
    badge = element("rect", x=x, y=y, width=18, height=16, rx=3, fill=theme.texture(prefix, role), stroke=theme.colour("ink"))
    plate = element("rect", x=x + 4, y=y + 2, width=10, height=12, rx=2, fill=theme.colour("paper"))
    return (
        frame
        + badge
        + plate
        + element("text", letter, x=x + 9, y=y + 12, class_="mid small strong")
        + element("text", title, x=x + 24, y=y + 13, class_="small strong")
    )


def _ends(step):
    """Find where an arrow begins and ends.

    Parameters
    ----------
    step : Arrow
        One stage.

    Returns
    -------
    x1, y1, x2, y2 : float
        Within the strip.
    """
    left, right = BOXES.get(step.source), BOXES.get(step.target)
    if step.stage == "LINEAR_COPY":
        return left[0] + 43, left[1] + left[3], right[0] + 43, right[1]
    y = HEADER_Y if step.carries == "header" else BYPASS_Y if step.stage == "DMA_DEVICE" else PAYLOAD_Y
    return left[0] + left[2], y, (right or DEVICE_BOX)[0], y


def _mark(x, y, step):
    """Draw the number of a copy, or the letter of a header.

    Parameters
    ----------
    x, y : float
        Middle.
    step : Arrow
        One stage.

    Returns
    -------
    drawn : str
        Elements.
    """
    letter = f"C{step.number}" if step.number else theme.ROLES["header"].letter
    role = "copied" if step.number else "header"
    return element(
        "rect",
        x=x - 11,
        y=y - 8,
        width=22,
        height=16,
        rx=8,
        fill=theme.colour("paper"),
        stroke=theme.colour(role),
        stroke_width=2,
    ) + element("text", letter, x=x, y=y + 4, class_="mid small strong")


def _arrow(prefix, step, most):
    """Draw one stage.

    Parameters
    ----------
    prefix : str
        Of the textures.
    step : Arrow
        One stage that leads from one place to another.
    most : int
        Octets of the thickest arrow of the picture.

    Returns
    -------
    drawn : str
        Elements.
    """
    x1, y1, x2, y2 = _ends(step)
    width = max(THICKEST * step.octets / max(most, 1), THINNEST)
    shaft = arrow(
        x1 + 1,
        y1,
        x2 - 1 if y1 == y2 else x2,
        y2 if y1 == y2 else y2 - 1,
        width,
        fill=theme.texture(prefix, step.carries),
        stroke=theme.colour("ink"),
        stroke_width=0.8,
    )
    if x1 == x2:
        return (
            shaft
            + _mark(x1 + 18, (y1 + y2) / 2, step)
            + element("text", f"{spell(step.octets)}, {step.pieces:,}\u00d7", x=502, y=HEADER_Y + 4, class_="small")
        )
    # A long arrow crosses places it does not touch; its label belongs where nothing else is.
    middle = (x1 + x2) / 2
    if step.stage == "HOST_TO_DEVICE":
        middle = (HOST_BOX[0] + HOST_BOX[2] + x2) / 2
    elif step.source == "nic":
        middle = (x1 + HOST_BOX[0]) / 2
    return (
        shaft
        + _mark(middle, y1, step)
        + element("text", spell(step.octets), x=middle, y=y1 - THICKEST / 2 - 8, class_="mid small")
        + element("text", f"{step.pieces:,}\u00d7", x=middle, y=y1 + THICKEST / 2 + 13, class_="mid small quiet")
    )


def strip(prefix, panel, most, top):
    """Draw one way of receiving.

    Parameters
    ----------
    prefix : str
        Of the textures.
    panel : Panel
        What happened.
    most : int
        Octets of the thickest arrow of the picture.
    top : float
        Where the strip begins.

    Returns
    -------
    drawn : str
        A group.
    """
    touched = {place for step in panel.arrows for place in (step.source, step.target)}
    moving = [step for step in panel.arrows if step.source != step.target]
    heading = f"{panel.letter}  {panel.name}" if panel.letter else panel.name
    parts = [element("text", heading, x=8, y=18, class_="strong big")]
    at = 8 + text_width(heading, 15) + 14
    parts.append(element("text", panel.note, x=at, y=18, class_="quiet"))
    if panel.ratio is not None:
        parts.append(element("text", f"{panel.ratio:.2f} copies of each payload byte", x=WIDTH - 8, y=18, class_="end strong"))
    parts.append(_container(prefix, HOST_BOX, "host", "host memory", bool(touched - {"nic", "device"})))
    parts.append(_container(prefix, DEVICE_BOX, "device", "device", "device" in touched))
    places = ["frames"] if "frames" in touched else [*ALWAYS, *(["staging"] if "staging" in touched else [])]
    arrived = {"wire", "nic"} if "nic" in touched else set()
    parts += [_box(prefix, name, name in touched | arrived) for name in places]
    if arrived:
        total = sum(step.octets for step in panel.arrows if step.source == "nic")
        parts.append(
            arrow(71, 112, 97, 112, THICKEST * total / max(most, 1), fill=theme.colour("wire"), stroke=theme.colour("ink"),
                  stroke_width=0.8)
        )
    parts += [_arrow(prefix, step, most) for step in moving]
    into = sum(step.octets for step in moving if step.target == "device" and step.number)
    lines = [spell(into), "payload octets"] if into else ["nothing came here"]
    for step in panel.arrows:
        if step.stage == "DEVICE_READ":
            lines += [spell(step.octets), "read in place"]
        if step.stage in GATHERED:
            lines += [f"C{step.number}  {spell(step.octets)}", GATHERED[step.stage]]
    x, y, width, height = DEVICE_BOX
    parts += [element("text", line, x=x + width / 2, y=y + 40 + 16 * i, class_="mid small") for i, line in enumerate(lines)]
    for step in panel.arrows:
        if step.stage == "COLLAPSE_COPY":
            x, y, width, height = BOXES["pages"]
            said = f"C{step.number}  {spell(step.octets)} collapsed"
            parts.append(element("text", said, x=x + width / 2, y=y + height + 13, class_="mid small"))
    if "DMA_DEVICE" in {step.stage for step in panel.arrows}:
        parts.append(element("text", "past host memory: no CPU touches it", x=444, y=BYPASS_Y + 22, class_="mid small quiet"))
    return element("g", "".join(parts), transform=f"translate(0 {top})")
