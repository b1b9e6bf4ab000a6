"""The bus map: which link every octet crosses, device memory TCP beside host copy, played as it happens.

Law.   Both maps are one machine, and the chart below them has one scale: what differs is what happened.
Reads. bus_film.py for the counts, marks.py for what moves, memory_flow.py for the receptions.
Omits. How wide the links are: lesson 2 has a table of that.
"""

from devmemlab.base.units import parse_size
from devmemlab.lab.inputs import find_input
from devmemlab.view import theme
from devmemlab.view.bus_film import LOADS, bus_film
from devmemlab.view.flow import MODES
from devmemlab.view.marks import count, level, route
from devmemlab.view.memory_flow import MODES as BESIDE
from devmemlab.view.memory_flow import MemoryFlow, record
from devmemlab.view.svg import document, element, prefix_of

WIDTH, MAP, HIGH, TOP = 840, 420, 330, 40
BOXES = {
    "dram": (14, 54, 112, 66, "host memory", "host"),
    "cpu": (246, 54, 150, 66, "CPU", "user"),
    "switch": (246, 182, 150, 34, "PCIe switch", "wire"),
    "nic": (84, 268, 96, 44, "NIC", "wire"),
    "device": (246, 268, 150, 44, "device memory", "device"),
}
"""Place -> x, y, width, height within its map, name, role."""

ROUTES = {
    "wire": (((10, 290), (84, 290)), (12, 280), ""),
    "nic": (((132, 268), (132, 199), (246, 199)), (140, 190), ""),
    "up": (((276, 182), (276, 120)), (268, 156), "end"),
    "down": (((366, 120), (366, 182)), (358, 156), "end"),
    "read": (((126, 72), (246, 72)), (186, 60), "mid"),
    "written": (((246, 102), (126, 102)), (186, 122), "mid"),
    "device": (((321, 216), (321, 268)), (334, 246), ""),
}
"""Stretch -> corners of its arrow, where its count stands and how."""
DOTS = {"W": "wire", "h": "header", "P": "payload", "C": "copied"}
SAID = {"W": "a frame", "h": "headers", "P": "payload by DMA", "C": "payload, copied once more"}


def _box(prefix, name, left, top):
    """Draw a place.

    Parameters
    ----------
    prefix : str
        Of the textures.
    name : str
        See `BOXES`.
    left, top : float
        Of the map.

    Returns
    -------
    drawn : str
        Elements.
    """
    x, y, width, height, title, role = BOXES[name]
    x, y, ink = x + left, y + top, theme.colour("ink")
    return (element("rect", x=x, y=y, width=width, height=height, rx=4, fill=theme.colour("paper"), stroke=ink)
            + element("rect", x=x, y=y, width=width, height=8, rx=3, fill=theme.texture(prefix, role), stroke=ink,
                      stroke_width=0.7)
            + element("text", title, x=x + width / 2, y=y + height / 2 + 8, class_="mid small strong"))


def _map(prefix, film, position, letter, mode, left):
    """Draw one machine.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.bus_film.bus_film`.
    position : int
        How many events have happened.
    letter, mode : str
        Which reception.
    left : float
        Where it begins.

    Returns
    -------
    drawn : str
        Elements.
    """
    parts = [element("text", f"{letter}  {mode}", x=left + 14, y=TOP + 22, class_="strong big"),
             element("text", MODES[mode][2], x=left + 14, y=TOP + 40, class_="quiet small")]
    parts += [_box(prefix, name, left, TOP) for name in BOXES]
    parts.append(element("text", "uplink", x=left + 404, y=TOP + 156, class_="end small quiet"))
    for stretch, (corners, (x, y), where) in ROUTES.items():
        name, used = f"{letter}.{stretch}", len(film.tracks[f"{letter}.{stretch}"].event) > 0
        corners = [(px + left, py + TOP) for px, py in corners]
        marks = [mark for mark in DOTS if f"{name}.{mark}" in film.tracks]
        parts += [route(corners, f"{name}.{mark}", mark, DOTS[mark]) for mark in marks]
        if not used:
            line = "L".join(f"{px:g} {py:g}" for px, py in corners)
            parts.append(element("path", d=f"M{line}", fill="none", stroke=theme.colour("line"), stroke_width=1.5,
                                 stroke_dasharray="3 4"))
        style = "strong" if used else "quiet"
        parts.append(count(film, position, name, x=x + left, y=y + TOP, class_=f"{where} small {style} halo".lstrip()))
    return "".join(parts)


def _chart(prefix, film, position, top):
    """Draw how much each link has carried, one reception above the other.

    Parameters
    ----------
    prefix : str
        Of the textures.
    film : Film
        From `devmemlab.view.bus_film.bus_film`.
    position : int
        How many events have happened.
    top : float
        Where it begins.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    lanes, ink, y = film.facts["lanes"], theme.colour("ink"), top
    each, left = 15, 206
    parts = [element("text", "octets that have crossed, both directions together", x=14, y=y, class_="strong")]
    y += 14
    for row in LOADS:
        parts.append(element("text", row, x=170, y=y + each * len(lanes) / 2 + 4, class_="end small"))
        for letter, mode in lanes:
            parts += [element("text", letter, x=left - 18, y=y + 11, class_="small strong"),
                      level(film, position, f"{letter}/{row}", film.facts["most"], (left, y, 520, each - 3),
                            fill=theme.texture(prefix, "device" if mode == "devmem" else "copied"), stroke=ink, stroke_width=0.7),
                      count(film, position, f"{letter}/{row}", x=left + 530, y=y + 11, class_="small")]
            y += each
        parts.append(element("path", d=f"M{left} {y - each * len(lanes) - 2}V{y}", stroke=theme.colour("quiet"), stroke_width=1))
        y += 6
    return "".join(parts), y


def bus_stage(film, position):
    """Draw a film of the buses at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.bus_film.bus_film`.
    position : int
        How many events have happened.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix = prefix_of("bus", film.title, len(film))
    parts = [theme.textures(prefix), element("text", film.title, x=8, y=24, class_="strong big"),
             element("text", "a number at an arrow: octets that went this way so far", x=WIDTH - 8, y=24,
                     class_="end quiet small")]
    parts += [_map(prefix, film, position, letter, mode, MAP * i) for i, (letter, mode) in enumerate(film.facts["lanes"])]
    if len(film.facts["lanes"]) > 1:
        parts.append(element("path", d=f"M{MAP} {TOP + 8}V{TOP + HIGH}", stroke=theme.colour("line")))
    chart, y = _chart(prefix, film, position, TOP + HIGH + 24)
    parts.append(chart)
    x, y = 14, y + 16
    for mark, role in DOTS.items():
        parts += [element("circle", cx=x + 8, cy=y, r=8, fill=theme.colour(role), stroke=theme.colour("ink")),
                  element("text", mark, x=x + 8, y=y + 4, class_="mid small strong halo"),
                  element("text", SAID[mark], x=x + 22, y=y + 4, class_="small")]
        x += 56 + 6.4 * len(SAID[mark])
    style = theme.css() + (f".{theme.SCOPE} .halo{{paint-order:stroke;stroke:var(--dml-paper);stroke-width:3px;"
                           "stroke-linejoin:round}")
    return document(film.title, film.words(position), WIDTH, y + 20, "".join(parts), style, theme.SCOPE)


class BusMap(MemoryFlow):
    """Two receptions of the same frames, and the links that they cross.

    Parameters
    ----------
    receptions : sequence of Reception
        From `devmemlab.view.memory_flow.record`; at most two.
    **options
        See `devmemlab.view.player.Player`.
    """

    film_of, stage_of = staticmethod(bus_film), staticmethod(bus_stage)


def bus_map(size="2MiB", mtu=1500, input=None, modes=BESIDE, app_buffer="64KiB", **options):
    """Receive one stream in two ways and play which link every octet crosses.

    Parameters
    ----------
    size : int or str
        Payload wanted where the sender is synthetic; a capture is received once.
    mtu : int
        1500 and 9000 use the recorded captures.
    input : path or Capture, optional
        Replay this one instead.
    modes : sequence of str
        One or two of the ways that receive frames.
    app_buffer : int or str
        The program's buffer in the copying modes: whenever it has something, it is copied to the device.
    **options
        ``position`` and ``speed`` to begin with.

    Returns
    -------
    player : BusMap
        An animation in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        An impossible argument, or more than a trace holds.
    """
    if not 1 <= len(modes) <= 2:
        raise ValueError(f"{len(modes)} ways do not fit beside each other; choose one or two")
    source = find_input(parse_size(size), mtu, "no", input, lambda text: None)
    return BusMap([record(source, mode, app_buffer) for mode in modes], **options)
