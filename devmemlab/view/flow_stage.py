"""The scene of memory flow: a strip for each reception, with a count at every arrow.

Law.   All strips have one geometry, so that what differs is what happened.
Reads. flow_film.py for the counts, marks.py for what moves.
Omits. How thick an arrow would have to be: byte_flow.py draws totals to scale.
"""

import numpy as np

from devmemlab.view import theme
from devmemlab.view.flow import MODES
from devmemlab.view.marks import count, level, route
from devmemlab.view.svg import document, element, prefix_of, text_width

WIDTH, LANE, TOP = 840, 226, 40
HOST, DEVICE = (250, 28, 470, 116), (250, 166, 582, 46)
WIRE_Y, HEADER_Y, PAGE_Y, DEVICE_Y = 118, 66, 118, 190
BOXES = {
    "wire": (8, 34, 48, 176, "wire", "wire"),
    "nic": (132, 34, 46, 176, "NIC", "wire"),
    "ring": (272, 50, 88, 34, "header ring", "host"),
    "skbs": (452, 50, 76, 34, "socket", "host"),
    "pages": (272, 102, 88, 34, "host pages", "host"),
    "user": (626, 50, 84, 86, "application", "user"),
    "device": (272, 174, 88, 32, "device pages", "device"),
}
"""Place -> x, y, width, height within its strip, name, role."""

ROUTES = (
    ("wire", ((56, WIRE_Y), (132, WIRE_Y)), "W", "wire", (94, WIRE_Y - 12)),
    ("DMA_HEADER", ((178, HEADER_Y), (272, HEADER_Y)), "h", "header", (214, HEADER_Y - 12)),
    ("DMA_HOST", ((178, PAGE_Y), (272, PAGE_Y)), "P", "payload", (214, PAGE_Y - 12)),
    ("DMA_DEVICE", ((178, DEVICE_Y), (272, DEVICE_Y)), "P", "payload", (214, DEVICE_Y - 12)),
    ("HEADER_COPY", ((360, HEADER_Y), (452, HEADER_Y)), "h", "header", (406, HEADER_Y - 12)),
    ("RECV_COPY", ((360, PAGE_Y), (626, PAGE_Y)), "C", "copied", (406, PAGE_Y - 12)),
    ("given", ((528, HEADER_Y), (626, HEADER_Y)), "T", "token", (577, HEADER_Y - 12)),
    ("HOST_TO_DEVICE", ((668, 136), (668, 174)), "C", "copied", (680, 158)),
    ("returned", ((668, 136), (668, 174)), "T", "token", (680, 158)),
)
"""Track, corners of its arrow, what travels there, its role, where its count stands."""

FORMS = {"given": "# tokens", "returned": "DONTNEED: # back", "HOST_TO_DEVICE": "# octets"}


def _box(prefix, name, title, used):
    """Draw one place.

    Parameters
    ----------
    prefix : str
        Of the textures.
    name : str
        See `BOXES`.
    title : str
        Its name.
    used : bool
        False draws it empty: nothing comes here.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, y, width, height, _, role = BOXES[name]
    ink = theme.colour("ink" if used else "quiet")
    parts = [element("rect", x=x, y=y, width=width, height=height, rx=3, fill=theme.colour("paper"), stroke=ink,
                     stroke_dasharray=None if used else "3 3")]
    if used:
        parts.append(element("rect", x=x, y=y, width=7, height=height, rx=3, fill=theme.texture(prefix, role), stroke=ink))
    words = title.split("|")
    for i, word in enumerate(words):
        parts.append(element("text", word, x=x + 3 + width / 2, y=y + height / 2 + 4 - 7 * (len(words) - 1) + 14 * i,
                             class_="mid small" if used else "mid small quiet"))
    return "".join(parts)


def _memory(prefix, box, role, title):
    """Draw a memory that holds places.

    Parameters
    ----------
    prefix : str
        Of the textures.
    box : tuple of float
        x, y, width, height.
    role, title : str
        Of the theme, and for people.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, y, width, height = box
    return (element("rect", x=x, y=y, width=width, height=height, rx=4, fill=theme.colour(role), fill_opacity=0.13,
                    stroke=theme.colour("ink"))
            + element("rect", x=x, y=y, width=16, height=16, rx=3, fill=theme.texture(prefix, role), stroke=theme.colour("ink"))
            + element("text", title, x=x + 22, y=y + 13, class_="small strong"))


def _lane(prefix, film, position, letter, mode, top):
    """Draw one reception.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.flow_film.flow_film`.
    position : int
        How many events have happened.
    letter, mode : str
        Which.
    top : float
        Where it begins.

    Returns
    -------
    drawn : str
        Elements.
    """
    def at(points):
        return [(x, y + top) for x, y in points]

    there = {name: f"{letter}.{name}" for name, *_ in ROUTES if f"{letter}.{name}" in film.tracks}
    used = {"wire", "nic", "ring", "skbs", "user"}
    used |= {"device"} if {"DMA_DEVICE", "HOST_TO_DEVICE"} & set(there) else set()
    used |= {"pages"} if "DMA_HOST" in there else set()
    parts = [element("text", f"{letter}  {mode}", x=8, y=18, class_="strong big"),
             element("text", MODES[mode][2], x=8 + text_width(f"{letter}  {mode}", 15) + 14, y=18, class_="quiet"),
             _memory(prefix, HOST, "host", "host memory"), _memory(prefix, DEVICE, "device", "")]
    parts.append(element("text", "device memory", x=824, y=DEVICE[1] + 27, class_="end small strong"))
    titles = {"user": "program|(tokens)" if "given" in there else "program's|buffer", "skbs": "socket|(skbs)"}
    parts += [_box(prefix, name, titles.get(name, BOXES[name][4]), name in used) for name in BOXES]
    x, y = HOST[0] + HOST[2] + 10, HOST[1] + 20
    parts += [element("text", "host memory", x=x, y=y, class_="small strong"),
              element("text", "crossed by", x=x, y=y + 15, class_="small"),
              count(film, position, f"{letter}.dram", x=x, y=y + 32, class_="strong"),
              element("text", "payload written", x=x, y=y + 58, class_="small strong"),
              count(film, position, f"{letter}.copied", x=x, y=y + 75, class_="strong"),
              element("text", "octets", x=x, y=y + 90, class_="small quiet")]
    if "given" in there:
        most = int(np.max(film.tracks[f"{letter}.held"].value, initial=0))
        parts += [element("rect", x=376, y=178, width=120, height=24, rx=3, fill=theme.colour("paper"),
                          stroke=theme.colour("quiet")),
                  level(film, position, f"{letter}.held", most, (376, 178, 120, 24), fill=theme.texture(prefix, "token"),
                        stroke=theme.colour("ink")),
                  count(film, position, f"{letter}.held", "tokens held: #", x=506, y=194, class_="small")]
    body = element("g", "".join(parts), transform=f"translate(0 {top})")
    for name, points, mark, role, (x, y) in ROUTES:
        if name in there:
            body += route(at(points), there[name], mark, role, dashed=name in ("given", "returned"))
            middle = None if name in ("HOST_TO_DEVICE", "returned") else "mid small halo"
            body += count(film, position, there[name], FORMS.get(name, "#"), x=x, y=y + top, class_=middle or "small halo")
    return body


def flow_stage(film, position):
    """Draw a film of memory flow at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.flow_film.flow_film`.
    position : int
        How many events have happened.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix = prefix_of("flow", film.title, len(film))
    lanes = film.facts["lanes"]
    parts = [theme.textures(prefix), element("text", film.title, x=8, y=24, class_="strong big"),
             element("text", "a number at an arrow: octets that went this way so far", x=WIDTH - 8, y=24,
                     class_="end quiet small")]
    parts += [_lane(prefix, film, position, letter, mode, TOP + LANE * i) for i, (letter, mode) in enumerate(lanes)]
    y = TOP + LANE * len(lanes) + 16
    x = 10
    for role in ("wire", "header", "payload", "copied", "token"):
        letter = {"copied": "C", "token": "T"}.get(role, theme.ROLES[role].letter)
        said = {"wire": "a frame", "header": "headers", "payload": "payload by DMA", "copied": "payload, copied once more",
                "token": "a token: no octets"}[role]
        parts += [element("circle", cx=x + 8, cy=y, r=8, fill=theme.colour(role), stroke=theme.colour("ink")),
                  element("text", letter, x=x + 8, y=y + 4, class_="mid small strong halo"),
                  element("text", said, x=x + 22, y=y + 4, class_="small")]
        x += 50 + 6.4 * len(said)
    style = theme.css() + (f".{theme.SCOPE} .halo{{paint-order:stroke;stroke:var(--dml-paper);stroke-width:3px;"
                           "stroke-linejoin:round}")
    return document(film.title, film.words(position), WIDTH, y + 20, "".join(parts), style, theme.SCOPE)
