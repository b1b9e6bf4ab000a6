"""The state machine of TCP as a picture, and the way that real connections took through it.

Law.   Every arrow is an entry of the table that the kernels obey; a way is what the trace says, and nothing else.
Reads. devmemlab.tcp.states; tracepoint tcp_state; RFC 9293 figure 5 for where the states stand.
Omits. What happened on an arrow: the trace tells the states before and behind it.

The many arrows to CLOSE by RST or abort would hide the others: a state that has them carries a mark instead.
"""

from devmemlab.base.trace import events
from devmemlab.tcp.states import STATES, TRANSITIONS
from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still
from devmemlab.view.svg import arrow, element, text_width

BOX, TALL, RADIUS = 116, 30, 9
LEFT, MIDDLE, RIGHT = 92, 350, 608
PLACES = {"CLOSE": (MIDDLE, 84), "LISTEN": (LEFT, 84), "SYN_SENT": (RIGHT, 84), "SYN_RECV": (MIDDLE, 180),
          "ESTABLISHED": (MIDDLE, 276), "FIN_WAIT1": (LEFT, 276), "CLOSE_WAIT": (RIGHT, 276), "FIN_WAIT2": (LEFT, 366),
          "CLOSING": (MIDDLE, 366), "LAST_ACK": (RIGHT, 366), "TIME_WAIT": (MIDDLE, 456)}
END, SPARE_Y = (RIGHT, 456), 546
"""CLOSE stands twice: where connections begin, and where they end."""
ABRUPT = ("rcv RST", "abort")
LOOKS = (("circle", "payload", 0.13, 16), ("square", "copied", 0.82, 40))
"""Of each way: shape of its numbers, role, where on an arrow they stand, and how far from an upright one."""


def lives(trace, sock=None):
    """Find the connections that a trace tells of.

    Parameters
    ----------
    trace : Trace
        With tcp_state events.
    sock : int, optional
        Only of this row; a row is used again.

    Returns
    -------
    lives : list of list of (str, str)
        Changes of state of each, oldest first; listeners are left out.
    """
    running, found = {}, []
    for event in events(trace, "tcp_state"):
        row, old, new = event["sock"], STATES[event["old"]], STATES[event["new"]]
        if sock not in (None, row) or "LISTEN" in (old, new):
            continue
        if old == "CLOSE":
            found.append(running.setdefault(row, []))
            if running[row]:
                found[-1] = running[row] = []
        running.get(row, []).append((old, new))
    return found


def edges(transitions):
    """Collect the table by arrows.

    Parameters
    ----------
    transitions : dict
        (state, event) -> next state.

    Returns
    -------
    drawn, marked : dict of (str, str) to list of str, dict of str to list of str
        Events of each arrow; events that close each state abruptly, which are marked and not drawn.
    """
    drawn, marked = {}, {}
    for (state, event), following in transitions.items():
        if event in ABRUPT and following == "CLOSE" and all(transitions.get((state, one)) == "CLOSE" for one in ABRUPT):
            marked.setdefault(state, []).append(event)
        else:
            drawn.setdefault((state, following), []).append(event)
    return drawn, marked


class StatePicture(Still):
    """The table, and at most two ways through it.

    Parameters
    ----------
    ways : dict of str to list of (str, str)
        Whose -> changes of state, in order.
    transitions : dict, optional
        Another table.

    Attributes
    ----------
    drawn, marked : dict
        See `edges`.
    ways : dict of str to list of (str, str)
        As given.
    """

    def __init__(self, ways=None, transitions=None):
        self.ways = dict(ways or {})
        if len(self.ways) > len(LOOKS):
            raise ValueError(f"{len(self.ways)} ways: at most {len(LOOKS)} can be told apart")
        self.drawn, self.marked = edges(TRANSITIONS if transitions is None else transitions)
        named = {state for edge in self.drawn for state in edge} | set(self.marked)
        spare = sorted(named - set(PLACES))
        self.places = {**PLACES, **{state: (LEFT + 130 * k, SPARE_Y) for k, state in enumerate(spare)}}
        self.height = SPARE_Y if spare else 456
        self.title = "The states of a TCP connection" + (f", and the way of {' and '.join(self.ways)}" if self.ways else "")

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [self.title]
        for name, way in self.ways.items():
            lines.append(f"  {name}: " + (" > ".join([way[0][0], *(new for _, new in way)]) if way else "nothing happened"))
        lines += [f"  {old}: " + "; ".join(f"{', '.join(said)} > {new}" for (from_, new), said in self.drawn.items()
                                           if from_ == old) for old in dict.fromkeys(edge[0] for edge in self.drawn)]
        return "\n".join([*lines, f"  {' or '.join(ABRUPT)} > CLOSE: {', '.join(self.marked)}"])

    def _ends(self, edge):
        """Find where an arrow begins and ends.

        Parameters
        ----------
        edge : (str, str)
            States.

        Returns
        -------
        x1, y1, x2, y2 : float
            On the borders of both boxes.
        """
        (x1, y1), (x2, y2) = (self.places[state] for state in edge)
        if edge[1] == "CLOSE" and y1 > 200:
            x2, y2 = END
        aside = 0
        if edge[::-1] in self.drawn:
            aside = 8 if x1 < x2 or (x1 == x2 and y1 < y2) else -8
            # Two arrows between the same boxes: each keeps to its side.
            y1, y2 = (y1 - 8, y2 - 8) if edge[0] == "CLOSE" else (y1 + 8, y2 + 8)
        dx, dy = x2 - x1, y2 - y1
        if aside or abs(dy) < 1:
            step = BOX / 2 if dx > 0 else -BOX / 2
            return x1 + step, y1, x2 - step, y2
        across = 0 if dx == 0 else (BOX / 2 - 22 if dx > 0 else 22 - BOX / 2)
        down = TALL / 2 if dy > 0 else -TALL / 2
        return x1 + across, y1 + down, x2 - across, y2 - down

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
                 element("text", "every arrow is an entry of the table that the kernels obey", x=8, y=40, class_="quiet small")]
        taken = {edge for way in self.ways.values() for edge in way}
        labels = []
        for edge, said in self.drawn.items():
            ends = self._ends(edge)
            on = edge in taken
            parts.append(arrow(*ends, 3 if on else 1, fill=theme.colour("ink" if on else "quiet")))
            labels.append(self._label(edge, said, ends, on))
        parts += labels
        passed = {state for edge in taken for state in edge}
        for state, (x, y) in {**self.places, "": END}.items():
            parts.append(self._box(prefix, state or "CLOSE", x, y, (state or "CLOSE") in passed))
        for (name, way), look in zip(self.ways.items(), LOOKS):
            parts.append(self._numbers(prefix, way, look))
        return "".join(parts) + self._legend(prefix), self.height + 62 + 18 * len(self.ways)

    def _label(self, edge, said, ends, on):
        """Write what makes a connection go along an arrow."""
        x1, y1, x2, y2 = ends
        words, size = ", ".join(said), "small strong" if on else "small quiet"
        if abs(y2 - y1) < 1:
            above = edge[::-1] not in self.drawn or edge[0] == "CLOSE"
            return element("text", words, x=(x1 + x2) / 2, y=y1 - 6 if above else y1 + 15, class_=f"mid {size}")
        if abs(x2 - x1) < 1:
            side = -1 if x1 > LEFT else 1
            return element("text", words, x=x1 + 9 * side, y=(y1 + y2) / 2 + 4, class_=f"{'end ' * (side < 0)}{size}")
        at = AT.get(edge, 0.5)
        x, y, wide = x1 + at * (x2 - x1), y1 + at * (y2 - y1), text_width(words, 11)
        plate = element("rect", x=x - wide / 2 - 2, y=y - 7, width=wide + 4, height=15, fill=theme.colour("paper"))
        return plate + element("text", words, x=x, y=y + 4, class_=f"mid {size}")

    def _box(self, prefix, state, x, y, passed):
        """Draw a state."""
        parts = [element("rect", x=x - BOX / 2, y=y - TALL / 2, width=BOX, height=TALL, rx=5, fill=theme.colour("paper"),
                         stroke=theme.colour("ink" if passed else "quiet"), stroke_width=2.5 if passed else 1),
                 element("text", state, x=x, y=y + 4, class_="mid strong" if passed else "mid")]
        if state in self.marked:
            parts.append(_mark(x + BOX / 2 - 3, y - TALL / 2 + 2))
        return "".join(parts)

    def _numbers(self, prefix, way, look):
        """Number the steps of one way, along its arrows."""
        shape, role, along, aside = look
        parts = []
        for number, edge in enumerate(way, 1):
            if edge in self.drawn:
                x1, y1, x2, y2 = self._ends(edge)
                x, y = x1 + along * (x2 - x1), y1 + along * (y2 - y1)
                if abs(x2 - x1) < 1:
                    x, y = x1 + (aside if x1 > LEFT else -aside), (y1 + y2) / 2
            else:
                # An abrupt end: beside the mark of the state that was left.
                x, y = self.places[edge[0]]
                x, y = x + BOX / 2 + aside - 4, y + TALL / 2
            parts.append(_number(number, x, y, shape, role))
        return "".join(parts)

    def _legend(self, prefix):
        """Say what the marks mean."""
        y = self.height + 40
        parts = [_mark(16, y - 4), element("text", f"{' or '.join(ABRUPT)}: to CLOSE", x=30, y=y, class_="small")]
        for (name, way), look in zip(self.ways.items(), LOOKS):
            y += 20
            parts.append(_number("1", 16, y - 4, look[0], look[1]))
            parts.append(element("text", f"steps of {name}, in order: {len(way)} (from its trace)", x=30, y=y, class_="small"))
        return "".join(parts)


AT = {("SYN_SENT", "SYN_RECV"): 0.62, ("SYN_SENT", "ESTABLISHED"): 0.42, ("SYN_RECV", "CLOSE_WAIT"): 0.72,
      ("FIN_WAIT1", "CLOSING"): 0.6}
"""Where on an arrow its words stand, when the middle is taken."""


def _mark(x, y):
    """Draw the mark of a state that can end abruptly."""
    return (element("rect", x=x - 7, y=y - 8, width=14, height=15, rx=3, fill=theme.colour("paper"), stroke=theme.colour("ink"),
                    stroke_width=1) + element("text", "X", x=x, y=y + 3.5, class_="mid small strong"))


def _number(number, x, y, shape, role):
    """Draw the number of a step."""
    ring = {"fill": theme.colour("paper"), "stroke": theme.colour(role), "stroke_width": 2.5}
    drawn = (element("circle", cx=x, cy=y, r=RADIUS, **ring) if shape == "circle" else
             element("rect", x=x - RADIUS, y=y - RADIUS, width=2 * RADIUS, height=2 * RADIUS, **ring))
    return drawn + element("text", str(number), x=x, y=y + 4, class_="mid small strong")


def state_picture(**connections):
    """Draw the state machine, and the way of one or two connections through it.

    Parameters
    ----------
    **connections
        Name -> a Socket of a host with a trace, or a Host or Trace: then the connection of it that changed most often.

    Returns
    -------
    picture : StatePicture
        A picture in a notebook; ``.ways`` has the changes, ``print(picture)`` says it in words.

    Raises
    ------
    ValueError
        A host records nothing; more than two connections.
    """
    ways = {}
    for name, what in connections.items():
        sock = getattr(what, "sock", None)
        host = what.host if sock is not None else what
        trace = getattr(host, "trace", host)
        if trace is None:
            raise ValueError("there is no trace; make the host with lab.host(..., trace=True)")
        ways[name] = max(reversed(lives(trace, sock)), key=len, default=[])
    return StatePicture(ways)
