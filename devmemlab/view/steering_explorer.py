"""The steering explorer: flip a bit of the tuple or of the key and see hash, table, queue and rule.

Law.   JavaScript hashes and decides by itself, and comes to what `devmemlab.nic.explain` says; a test compares them.
Reads. steering_facts.py for the decision, explorer.py for the scene.
Omits. Octets 17 to 40 of the key, which no packet of IPv4 reaches: they are counted, not drawn.
"""

import traitlets

from devmemlab.view import theme
from devmemlab.view.explorer import Explorer, module, moved, part, said, seen
from devmemlab.view.steering_facts import decide, steering_facts
from devmemlab.view.steering_look import (
    BIT,
    BREAK,
    CELL,
    CLIPPED,
    COLUMNS,
    HIGH,
    KEY_ROWS,
    LEFT,
    QUEUES_LEFT,
    ROW,
    STEPS,
    TABLE_COLUMNS,
    TOP,
    TUPLE_ROWS,
    row_top,
    steering_look,
)
from devmemlab.view.still import css
from devmemlab.view.svg import document, element, prefix_of

WIDTH = 840
ROWS = (("source", "src"), ("destination", "dst"), ("ports, src | dst", "ports"))
FLOW = bytes.fromhex("4209 95bb a18e 6450 0aea 06e6")
"""The first flow of Microsoft's list of verified hashes."""


def _grid(prefix, look):
    """Draw the bits."""
    ink, drawn = theme.colour("ink"), []
    names = [*(name for name, _ in ROWS), "key, octets 1 to 4", "5 to 8", "9 to 12", "13 to 16"]
    for row, name in enumerate(names):
        y, key = row_top(row), row >= TUPLE_ROWS
        drawn.append(element("text", name, x=LEFT - 8, y=y + 13, class_="end small"))
        for column in range(COLUMNS):
            at = row * COLUMNS + column
            drawn += [element("rect", x=LEFT + column * BIT, y=y, width=BIT, height=HIGH, fill=theme.colour("paper"),
                              stroke=theme.colour("line"), stroke_width=0.7),
                      part(look, f"p{at}", y, HIGH, fill=theme.colour("header" if key else "host"), fill_opacity=0.45),
                      said(look, f"b{at}", x=LEFT + column * BIT + BIT / 2, y=y + 13, class_="mid small")]
        for octet in range(1, 4):
            x = LEFT + octet * 8 * BIT
            wide = 2 if row == 2 and octet == 2 else 1
            drawn.append(element("path", d=f"M{x} {y - 2}V{y + HIGH + 2}", stroke=ink, stroke_width=wide))
        words = f"key{row - TUPLE_ROWS}" if key else ROWS[row][1]
        drawn.append(said(look, words, x=LEFT + COLUMNS * BIT + 10, y=y + 13, class_="small strong"))
    for name in ("w0", "w1"):
        drawn.append(moved(look, name, part(look, name, -1, HIGH + 2, fill="none", stroke=theme.colour("payload"),
                                            stroke_width=2.5)))
    box = (element("rect", x=-1, y=-1, width=BIT + 2, height=HIGH + 2, fill="none", stroke=theme.colour("paper"), stroke_width=5)
           + element("rect", x=-1, y=-1, width=BIT + 2, height=HIGH + 2, fill="none", stroke=ink, stroke_width=2.5))
    return "".join(drawn) + seen(look, "cursor", moved(look, "cursor", box))


def _table(prefix, facts, look, top):
    """Draw the indirection table and the queues."""
    ink, drawn = theme.colour("ink"), []
    for at, queue in enumerate(facts["table"]):
        x, y = 8 + at % TABLE_COLUMNS * CELL, top + at // TABLE_COLUMNS * CELL
        bound = queue in facts["bound"]
        drawn += [element("rect", x=x, y=y, width=CELL, height=CELL, stroke=theme.colour("line"), stroke_width=0.6,
                          fill=theme.texture(prefix, "device") if bound else theme.colour("paper")),
                  element("text", str(queue), x=x + CELL / 2, y=y + 12, class_="mid small halo")]
    mark = (element("rect", width=CELL, height=CELL, fill="none", stroke=theme.colour("paper"), stroke_width=5)
            + element("rect", width=CELL, height=CELL, fill="none", stroke=ink, stroke_width=3))
    group = seen(look, "entry", moved(look, "entry", mark))
    per = -(-facts["queues"] // 2) if facts["queues"] > 8 else facts["queues"]
    for queue in range(facts["queues"]):
        x, y, bound = QUEUES_LEFT + 150 * (queue // per), top + queue % per * CELL, queue in facts["bound"]
        role = "device" if bound else "host"
        drawn += [element("rect", x=x, y=y + 1, width=22, height=CELL - 2, fill=theme.texture(prefix, role), stroke=ink,
                          stroke_width=0.7),
                  element("text", theme.ROLES[role].letter, x=x + 11, y=y + 12, class_="mid small strong halo"),
                  element("text", f"queue {queue}", x=x + 28, y=y + 12, class_="small")]
    hand = element("path", d=f"M-26 {CELL / 2 - 3}h12v-5l10 8l-10 8v-5h-12z", fill=theme.colour("copied"), stroke=ink)
    group += seen(look, "hand", moved(look, "hand", hand))
    rows = -(-len(facts["table"]) // TABLE_COLUMNS)
    drawn.append(element("g", group, transform=f"translate(0 {top})"))
    return "".join(drawn), top + CELL * max(rows, per)


def steering_stage(facts, look):
    """Draw a state.

    Parameters
    ----------
    facts : dict
        From `steering_facts`.
    look : dict
        From `steering_look`.

    Returns
    -------
    svg : str
        JavaScript fills in what is marked in it.
    """
    prefix, title = prefix_of("steering", facts), f"Why does this packet land there? TCP over IPv4 at {facts['name']}"
    y = row_top(TUPLE_ROWS + KEY_ROWS) + 4
    grid = _grid(prefix, look)
    parts = [theme.textures(prefix), element("text", title, x=8, y=20, class_="strong big"),
             element("text", "flip a bit: click it, or move with the arrow keys and press Space; colour: the bit is 1", x=8, y=40,
                     class_="quiet small"), grid,
             element("text", f"the other {len(facts['key']) // 2 - 16} octets of the key: no bit of 12 octets reaches them",
                     x=LEFT, y=y + 8,
                     class_="small quiet"), said(look, "window", x=LEFT, y=y + 26, class_="small strong")]
    top = y + 62
    table, bottom = _table(prefix, facts, look, top)
    parts += [said(look, "hash", x=8, y=top - 8, class_="strong"), said(look, "index", x=130, y=top - 8, class_="small"),
              said(look, "queue", x=QUEUES_LEFT, y=top - 8, class_="strong"),
              said(look, "memory", x=QUEUES_LEFT + 62, y=top - 8, class_="small"), table]
    y = bottom + 20
    parts.append(element("text", "step by step", x=8, y=y, class_="strong"))
    shown = max(len(facts["rules"]), 1) + 6
    for i in range(shown):
        for column, x, style in (("what", 8, "small strong"), ("found", 96, "small"), ("so", 394, "small")):
            parts.append(said(look, f"{column}{i}", x=x, y=y + 18 + 17 * i, class_=style))
    return document(title, look["words"], WIDTH, y + 17 * shown + 14, "".join(parts), css(), theme.SCOPE)


class SteeringExplorer(Explorer):
    """A packet and a key whose bits can be flipped.

    Parameters
    ----------
    facts : dict
        From `devmemlab.view.steering_facts.steering_facts`.
    **state
        ``flow`` and ``key`` to begin with.

    Attributes
    ----------
    flow : str
        24 hexadecimal digits: source address, destination address, source port, destination port.
    key : str
        The RSS key, hexadecimal.
    """

    _esm = module("steering.js")
    flow = traitlets.Unicode(FLOW.hex()).tag(sync=True)
    key = traitlets.Unicode("").tag(sync=True)

    def __init__(self, facts, **state):
        self._facts = {**facts, "steps": STEPS, "clipped": CLIPPED, "place": {
            "left": LEFT, "bit": BIT, "high": HIGH, "top": TOP, "row": ROW, "break": BREAK, "cell": CELL, "hand": QUEUES_LEFT}}
        super().__init__(self._facts, **{"key": facts["key"], **state})

    @traitlets.validate("flow", "key")
    def _octets(self, proposal):
        name, value = proposal["trait"].name, proposal["value"].lower()
        length = 24 if name == "flow" else len(self._facts["key"])
        if len(value) != length or set(value) - set("0123456789abcdef"):
            raise traitlets.TraitError(f"{name} {value!r} has not {length} hexadecimal digits")
        return value

    def flip(self, bit):
        """Flip a bit.

        Parameters
        ----------
        bit : int
            0 to 95 of the tuple, from 96 on of the key; the most significant of each octet first.

        Returns
        -------
        decision : Decision
            What becomes of the packet now.
        """
        name, at = ("flow", bit) if bit < 96 else ("key", bit - 96)
        octets = bytearray.fromhex(getattr(self, name))
        octets[at // 8] ^= 128 >> at % 8
        setattr(self, name, octets.hex())
        return self.decision

    @property
    def decision(self):
        """Decision: what becomes of the packet, with its reasons."""
        return decide(self._facts, bytes.fromhex(self.flow), bytes.fromhex(self.key))

    @property
    def look(self):
        """dict: what the state fills in."""
        return steering_look(self._facts, bytes.fromhex(self.flow), bytes.fromhex(self.key))

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
        return steering_stage(self._facts, look)


def steering_explorer(host, flow=None):
    """Flip bits of a packet and of the RSS key, and see why it lands where it does.

    Parameters
    ----------
    host : Host
        Its first NIC is asked once, and not changed.
    flow : Flow, optional
        IPv4, to begin with; see `devmemlab.lab.scenes_control.flows`.

    Returns
    -------
    explorer : SteeringExplorer
        Turned with the mouse or the keyboard in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        Something that is set there is beyond this explorer.
    """
    state = {}
    if flow is not None:
        ends = [bytes(map(int, address.split("."))) for address in (flow.src, flow.dst)]
        state = {"flow": (b"".join(ends) + flow.sport.to_bytes(2, "big") + flow.dport.to_bytes(2, "big")).hex()}
    return SteeringExplorer(steering_facts(host), **state)
