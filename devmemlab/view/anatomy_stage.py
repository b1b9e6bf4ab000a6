"""Frame anatomy as a widget: drag the cut through a frame and see where its octets land.

Law.   Nothing here decides: anatomy.py has an answer for every cut, and both sides look it up.
Reads. explorer.py for how Python and JavaScript share a scene; frame_picture.py for how octets look.
Omits. Most of the payload: its first and last octets stand for the rest, as in frame_picture.py.
"""

import traitlets

from devmemlab.view import theme
from devmemlab.view.anatomy import WHO, anatomy_facts
from devmemlab.view.anatomy_look import BAR_LEFT, BAR_ROOM, BINDING, LEFT, PITCH, TOP, anatomy_look
from devmemlab.view.explorer import Explorer, module, moved, part, said, seen
from devmemlab.view.frame_picture import CELL, COLUMNS, FramePicture, _key, _style, _tiles
from devmemlab.view.still import css
from devmemlab.view.svg import document, element, prefix_of, text_width

WIDTH, LABEL, HIGH, BAND, BAR_HIGH = 700, 16, 20, 7, 26


def _cells(prefix, picture):
    """Draw the octets, and what they belong to.

    Parameters
    ----------
    prefix : str
        Of the textures.
    picture : FramePicture
        Of the frame.

    Returns
    -------
    drawn : str
        Elements.
    """
    parts, cells = [], picture._cells()
    starts = {layer.at for layer in picture.layers}
    for at, (name, word, octet) in enumerate(cells):
        column, row = at % COLUMNS, at // COLUMNS
        x, y = LEFT + column * CELL, TOP + row * PITCH
        parts.append(element("rect", x=x, y=y + LABEL, width=CELL, height=HIGH, fill=f"url(#{prefix}-{_key(name)})",
                             stroke=theme.colour("line"), stroke_width=0.6))
        parts.append(element("text", word, x=x + CELL / 2, y=y + LABEL + 14, class_="mid octet"))
        if column == 0 and octet is not None:
            parts.append(element("text", f"{octet}", x=LEFT - 8, y=y + LABEL + 14, class_="end small quiet"))
        if column == 0 or octet in starts:
            parts.append(picture._label(cells, at, x, y, octet in starts))
    return "".join(parts)


def _bar(prefix, look, picture, y, letter, role, title, count):
    """Draw one memory and what is in it.

    Parameters
    ----------
    prefix : str
        Of the textures.
    look : dict
        Of the state.
    picture : FramePicture
        Of the frame.
    y : float
        Top.
    letter : str
        ``"h"`` or ``"d"``: which of the look's parts.
    role, title, count : str
        Of the theme, for people, and which of the look's texts.

    Returns
    -------
    drawn : str
        Elements.
    """
    ink = theme.colour("ink")
    drawn = [element("rect", x=8, y=y + 4, width=16, height=16, fill=theme.texture(f"{prefix}-m", role), stroke=ink),
             element("text", theme.ROLES[role].letter, x=16, y=y + 16, class_="mid small strong halo"),
             element("text", title, x=30, y=y + 17, class_="small strong"),
             element("rect", x=BAR_LEFT, y=y, width=BAR_ROOM, height=BAR_HIGH, fill=theme.colour("paper"), stroke=ink,
                     stroke_dasharray="3 3")]
    drawn += [part(look, f"{letter}{i}", y, BAR_HIGH, fill=f"url(#{prefix}-{_key(layer.name)})", stroke=theme.colour("quiet"),
                   stroke_width=0.6) for i, layer in enumerate(picture.layers)]
    return "".join(drawn) + said(look, count, x=BAR_LEFT, y=y + BAR_HIGH + 14, class_="small")


def anatomy_stage(picture, look):
    """Draw a state.

    Parameters
    ----------
    picture : FramePicture
        Of the frame.
    look : dict
        From `devmemlab.view.anatomy_look.anatomy_look`.

    Returns
    -------
    svg : str
        JavaScript fills in what is marked in it.
    """
    prefix, cells = prefix_of("anatomy", picture.title, picture.octets), picture._cells()
    rows, ink = -(-len(cells) // COLUMNS), theme.colour("ink")
    parts = [theme.textures(f"{prefix}-m"), _tiles(prefix), f"<style>{_style()}</style>",
             element("text", f"{picture.title}, {len(picture.octets):,} octets", x=8, y=20, class_="strong big"),
             said(look, "cut", x=8, y=40, class_="strong"),
             element("text", "above the cut: to the header buffer (H), behind it: to device memory (D)", x=WIDTH - 8, y=40,
                     class_="end small quiet"), _cells(prefix, picture)]
    for r in range(rows):
        y = TOP + r * PITCH + LABEL + HIGH + 1
        parts += [part(look, f"{where}{r}", y, BAND, fill=theme.texture(f"{prefix}-m", where), stroke=ink, stroke_width=0.5)
                  for where in ("host", "device")]
    foot = LABEL + HIGH + BAND + 2
    tip = element("path", d=f"M-7 {foot + 8}h14l-7 -8z", fill=theme.colour("paper"), stroke=ink, stroke_width=1.4)
    parts.append(seen(look, "own", moved(look, "own", tip)))
    blade = (element("path", d=f"M0 {LABEL - 2}V{foot}", stroke=theme.colour("paper"), stroke_width=7)
             + element("path", d=f"M0 {LABEL - 2}V{foot + 2}", stroke=ink, stroke_width=3.5)
             + element("path", d=f"M-7 {foot + 8}h14l-7 -8z", fill=ink))
    parts.append(moved(look, "knife", blade))
    y = TOP + rows * PITCH + 12
    parts += [_bar(prefix, look, picture, y, "h", "host", "header buffer", "header"),
              said(look, "room", x=30, y=y + 31, class_="small quiet")]
    y += BAR_HIGH + 30
    parts.append(_bar(prefix, look, picture, y, "d", "device", "device page", "device"))
    y += BAR_HIGH + 34
    looks = {"right": ("M4 10l5 6l10 -13", "device"), "wrong": ("M11 2v10M11 16v2", "header"), "lost": ("M4 3l14 14M18 3l-14 14",
                                                                                                        "copied")}
    for name, (path, role) in looks.items():
        sign = (element("rect", x=0, y=-2, width=22, height=24, rx=3, fill="none", stroke=theme.colour(role), stroke_width=2)
                + element("path", d=path, fill="none", stroke=ink, stroke_width=3))
        parts.append(seen(look, name, element("g", sign, transform=f"translate(8 {y + 24})")))
    for i, who in enumerate(WHO):
        parts += [element("text", who, x=44, y=y + 18 * i + 12, class_="small strong"),
                  said(look, who, x=44 + text_width("program", 12) + 16, y=y + 18 * i + 12, class_="small")]
    y += 18 * len(WHO) + 12
    parts += [element("path", d=f"M12 {y + 4}h14l-7 -8z", fill=theme.colour("paper"), stroke=ink, stroke_width=1.4),
              said(look, "own", x=44, y=y + 4, class_="small"), said(look, "binding", x=44, y=y + 20, class_="small")]
    return document(f"{picture.title}: where to cut it", look["words"], WIDTH, y + 32, "".join(parts), css(), theme.SCOPE)


class FrameAnatomy(Explorer):
    """A frame whose cut can be moved.

    Parameters
    ----------
    octets : bytes
        The frame.
    title : str
        Above.
    **state
        ``cut``, ``hds_thresh``, ``room`` to begin with.

    Attributes
    ----------
    cut : int
        Octets for the header buffer, from 0 (the card does not cut) to all.
    hds_thresh, room : int
        Settings of the card that is in order: one of ``facts["thresholds"]`` and ``facts["rooms"]``.
    """

    _esm = module("anatomy.js")
    cut = traitlets.Int(0).tag(sync=True)
    hds_thresh = traitlets.Int(0).tag(sync=True)
    room = traitlets.Int(128).tag(sync=True)

    def __init__(self, octets, title="A frame", **state):
        self.picture = FramePicture(octets, title)
        facts = anatomy_facts(self.picture.octets, title)
        facts["cells"] = [-1 if octet is None else octet for _, _, octet in self.picture._cells()]
        facts["binding"] = BINDING
        facts["place"] = {"left": LEFT, "top": TOP, "pitch": PITCH, "cell": CELL, "columns": COLUMNS, "bar": BAR_LEFT,
                          "wide": BAR_ROOM}
        self._facts = facts
        super().__init__(facts, **{"cut": facts["payload_at"], **state})

    @traitlets.validate("cut", "hds_thresh", "room")
    def _possible(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "cut":
            return min(max(value, 0), self._facts["n"])
        if value not in self._facts[{"room": "rooms"}.get(name, "thresholds")]:
            raise traitlets.TraitError(f"{name} {value} is none of {self._facts[{'room': 'rooms'}.get(name, 'thresholds')]}")
        return value

    @property
    def look(self):
        """dict: what the state fills in."""
        return anatomy_look(self._facts, self.cut, self.hds_thresh, self.room)

    def draw(self, look):
        """Draw a scene; see `devmemlab.view.explorer.Explorer.draw`.

        Parameters
        ----------
        look : dict
            What the state fills in.

        Returns
        -------
        svg : str
            With marks.
        """
        return anatomy_stage(self.picture, look)


def frame_anatomy(octets, title="A frame", **state):
    """Show a frame whose cut can be moved, and what becomes of it on a queue with device memory.

    Parameters
    ----------
    octets : bytes
        The frame, TCP.
    title : str
        Above.
    **state
        ``cut``, ``hds_thresh`` and ``room`` (octets of a header buffer) to begin with; the right cut when left out.

    Returns
    -------
    explorer : FrameAnatomy
        Moved with the mouse or the arrow keys in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        No card would cut this frame.
    """
    return FrameAnatomy(octets, title, **state)
