"""Sequence numbers over time: sent, sent again, acknowledged, and what the window allows; below, the device pages in use.

Law.   Everything above was recorded, seen from the sender's end; everything below is computed from the receiver's trace.
Reads. Stevens, TCP/IP Illustrated, and tcptrace for the form; devmemlab.lab.segments; pool_replay.py.
Omits. The other direction: the one with more payload is drawn.
"""

import numpy as np

from devmemlab.lab.segments import Conversation, conversation
from devmemlab.view import theme
from devmemlab.view.ladder import spell_ns
from devmemlab.view.pool_replay import Replay
from devmemlab.view.still import WIDTH, Still, state_legend
from devmemlab.view.svg import element, number, text_width
from devmemlab.view.time_axis import TimeAxis

LEFT, RIGHT, TOP, PLOT, BELOW = 66, 24, 84, 220, 86
MOST_LETTERS = 24
HELD = ("socket", "token")


class TimeSequence(Still):
    """One direction of a connection.

    Parameters
    ----------
    conversation : Conversation
        From `devmemlab.lab.segments.conversation`.
    trace : Trace or None
        Of the receiver.
    title : str, optional
        Above.

    Attributes
    ----------
    side : int
        Whose data is drawn.
    data : list of Segment
        With payload, SYN or FIN.
    edges : dict of str to int64[n]
        ``time_ns``, ``acknowledged`` and ``window``: after each acknowledgement that reached the sender.
    pages : dict of str to int64[n] or None
        ``time_ns``, ``socket`` and ``token``; None without a trace of device memory.
    """

    def __init__(self, conversation, trace=None, title=None):
        told = conversation.segments
        sums = [sum(one.payload_bytes for one in told if one.side == side) for side in (0, 1)]
        self.side, self.ends = int(sums[1] > sums[0]), conversation.ends
        self.title = title or f"What {self.ends[self.side]} sent to {self.ends[1 - self.side]} over time"
        self.data = [one for one in told if one.side == self.side and one.end > one.seq and one.fate != "copy"]
        self.begin_ns = told[0].sent_ns
        self.end_ns = max(max(one.sent_ns, one.arrived_ns or 0) for one in told)
        self.acks = sorted((one for one in told if one.side != self.side and one.ack is not None and one.arrived_ns is not None
                            and one.fate != "damaged"), key=lambda one: one.arrived_ns)
        self.edges = self._edges()
        self.pages = _pages(trace, self.begin_ns, self.end_ns) if trace is not None else None

    def _edges(self):
        """Follow both edges of the window."""
        rows, una, edge = [], 0, 0
        for one in self.acks:
            una, edge = max(una, one.ack), max(edge, one.ack + one.window)
            rows.append((one.arrived_ns, una, edge))
        return dict(zip(("time_ns", "acknowledged", "window"), np.array(rows, np.int64).reshape(-1, 3).T))

    @property
    def high(self):
        """int: the highest number that was sent."""
        return max((one.end for one in self.data), default=1)

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        again = [one for one in self.data if one.again]
        lost = [one for one in self.data if one.fate == "lost"]
        lines = [f"{self.title}: numbers 0 to {self.high} in {spell_ns(self.end_ns - self.begin_ns)} (modelled or recorded)",
                 f"  {len(self.data)} segments with data (counted), {len(again)} sent again, {len(lost)} lost"]
        for one in again:
            lines.append(f"  at {spell_ns(one.sent_ns - self.begin_ns)} again: {one.seq} to {one.end}")
        if len(self.acks):
            lines.append(f"  acknowledged at the end: {self.edges['acknowledged'][-1]}; the window then ends at "
                         f"{self.edges['window'][-1]}")
        if self.pages:
            held = sum(self.pages[name] for name in HELD)
            lines.append(f"  device pages in use: at most {int(held.max(initial=0))}, at the end {int(held[-1])} (counted); most "
                         f"in sockets {int(self.pages['socket'].max())}, most held by tokens {int(self.pages['token'].max())}")
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
        moments = [one.sent_ns for one in self.data] + self.edges["time_ns"].tolist() + [self.begin_ns, self.end_ns]
        axis = TimeAxis(moments, LEFT, WIDTH - RIGHT)
        edge = int(self.edges["window"].max(initial=0))
        clipped = edge > 3 * self.high or edge == 0
        top = self.high if clipped else max(self.high, edge)
        y0 = TOP + PLOT
        note = "up: sequence numbers (recorded); across: time at the sender" + ("; silences are cut" if axis.cuts else "")
        parts = [element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", note, x=8, y=40, class_="quiet small"),
                 element("path", d=f"M{LEFT} {TOP}V{y0}H{WIDTH - RIGHT}", fill="none", stroke=theme.colour("quiet")),
                 element("text", f"{top:,}", x=LEFT - 6, y=TOP + 4, class_="end small"),
                 element("text", "0", x=LEFT - 6, y=y0 + 4, class_="end small")]
        scale = PLOT / max(top, 1)
        parts.append(self._lines(axis, y0, scale, clipped))
        parts += [self._mark(one, axis.x(one.sent_ns), y0, scale) for one in self.data]
        bottom = y0
        if self.pages:
            parts.append(self._band(prefix, axis, y0 + 40))
            bottom = y0 + 40 + BELOW
        for k, (x, ns) in enumerate(axis.cuts):
            parts.append(element("rect", x=x - 9, y=TOP - 4, width=18, height=bottom - TOP + 8, fill=theme.colour("paper")))
            parts.append(element("path", d=f"M{number(x - 9)} {TOP - 4}V{bottom + 4}M{number(x + 9)} {TOP - 4}V{bottom + 4}",
                                 stroke=theme.colour("quiet"), stroke_dasharray="2 4", fill="none"))
            parts.append(element("text", spell_ns(ns), x=x, y=TOP - 9 - 11 * (k % 2), class_="mid tiny halo"))
        for at_ns, side in ((self.begin_ns, ""), (self.end_ns, "end ")):
            parts.append(element("text", spell_ns(at_ns - self.begin_ns), x=float(axis.x(at_ns)), y=bottom + 16,
                                 class_=f"{side}small quiet"))
        drawn, bottom = self._legend(prefix, bottom + 40, clipped)
        return "".join(parts) + drawn, bottom

    def _lines(self, axis, y0, scale, clipped):
        """Draw both edges of the window, as steps."""
        parts = []
        looks = {"acknowledged": ("device", None), "window": ("header", "6 3")}
        for name, (role, dashes) in looks.items():
            if not len(self.acks) or (name == "window" and clipped):
                continue
            corners, before = [], None
            for at_ns, value in zip(self.edges["time_ns"].tolist(), self.edges[name].tolist()):
                x, y = float(axis.x(at_ns)), y0 - value * scale
                corners += [] if before is None else [(x, before)]
                corners.append((x, y))
                before = y
            corners.append((WIDTH - RIGHT, before))
            path = "L".join(f"{number(x)} {number(y)}" for x, y in corners)
            parts.append(element("path", d=f"M{path}", fill="none", stroke=theme.colour(role), stroke_width=2,
                                 stroke_dasharray=dashes))
        for one in self.acks:
            for start, end in one.sack[one.duplicate:]:
                x = number(float(axis.x(one.arrived_ns)) + 2)
                parts.append(element("path", d=f"M{x} {number(y0 - start * scale)}V{number(y0 - end * scale)}",
                                     stroke=theme.colour("user"), stroke_width=1.5, stroke_dasharray="1.5 2"))
        if clipped and len(self.acks):
            above = f"the window ends far above this picture, at {int(self.edges['window'].max()):,}"
            parts.append(element("text", above, x=8, y=55, class_="small"))
        return "".join(parts)

    def _mark(self, one, x, y0, scale):
        """Draw one segment of data."""
        low, high, x = y0 - one.seq * scale, y0 - one.end * scale, float(x)
        role = "copied" if one.again else "payload"
        bar = element("path", d=f"M{number(x - 3)} {number(low)}h6M{number(x)} {number(low)}V{number(high)}M{number(x - 3)} "
                                f"{number(high)}h6",
                      stroke=theme.colour(role), fill="none", stroke_width=2.2 if one.again else 1.4)
        if one.again and sum(other.again for other in self.data) <= MOST_LETTERS:
            bar += element("text", "R", x=x + 5, y=(low + high) / 2 + 4, class_="small strong halo")
        if one.fate in ("lost", "damaged"):
            middle = number((low + high) / 2 - 4)
            bar += element("path", d=f"M{number(x - 4)} {middle}l8 8m0 -8l-8 8", stroke=theme.colour("ink"), stroke_width=2,
                           fill="none")
        return bar

    def _band(self, prefix, axis, top):
        """Draw the pages in use, stacked."""
        y0, below = top + BELOW, np.zeros(len(self.pages["time_ns"]), np.int64)
        most = max(int(sum(self.pages[name] for name in HELD).max(initial=0)), 1)
        x = axis.x(self.pages["time_ns"])
        parts = [element("text", "device pages in use (counted, from the trace)", x=LEFT, y=top - 8, class_="small strong")]
        for name in HELD:
            above = below + self.pages[name]
            if self.pages[name].any():
                edge = _corners(x, y0 - above * (BELOW / most))
                back = _corners(x, y0 - below * (BELOW / most))[::-1]
                path = "L".join(f"{number(px)} {number(py)}" for px, py in edge + back)
                parts.append(element("path", d=f"M{path}Z", fill=f"url(#{prefix}-{name})", stroke=theme.colour("ink"),
                                     stroke_width=0.5))
            below = above
        parts += [element("path", d=f"M{LEFT} {top}V{y0}H{WIDTH - RIGHT}", fill="none", stroke=theme.colour("quiet")),
                  element("text", f"{most}", x=LEFT - 6, y=top + 4, class_="end small"),
                  element("text", "0", x=LEFT - 6, y=y0 + 4, class_="end small")]
        return "".join(parts)

    def _legend(self, prefix, y, clipped):
        """Say what the lines mean; the window's only where it is drawn."""
        parts, x = [], 8.0
        for d, role, width, dashes, meaning in (
                ("m6 4v-10m-3 0h6m-6 10h6", "payload", 1.4, None, "sent"), ("m6 4v-10m-3 0h6m-6 10h6", "copied", 2.2, None,
                 "R: sent again"), ("m0 0h22", "device", 2, None, "acknowledged"),
                *[("m0 0h22", "header", 2, "6 3", "window edge")] * (not clipped),
                ("m6 5v-12", "user", 1.5, "1.5 2", "SACK"), ("m2 -5l8 8m0 -8l-8 8", "dropped", 2, None, "lost")):
            parts.append(element("path", d=f"M{number(x)} {number(y - 3)}{d}", stroke=theme.colour(role), stroke_width=width,
                                 stroke_dasharray=dashes, fill="none"))
            wide = 28 if "h22" in d else 16
            parts.append(element("text", meaning, x=x + wide, y=y, class_="small"))
            x += wide + text_width(meaning, 11) + 16
        if not self.pages:
            return "".join(parts), y + 14
        drawn, bottom = state_legend(prefix, dict.fromkeys(HELD, ""), 8, y + 22)
        return "".join(parts) + drawn, bottom


def _corners(x, y):
    """Make the corners of a step line."""
    corners = []
    for k in range(len(x)):
        corners.append((float(x[k]), float(y[k])))
        if k + 1 < len(x):
            corners.append((float(x[k + 1]), float(y[k])))
    return corners


def _pages(trace, begin_ns, end_ns):
    """Count the pages that sockets and tokens hold, within a stretch of time.

    Parameters
    ----------
    trace : Trace
        Of the receiver.
    begin_ns, end_ns : int
        The stretch.

    Returns
    -------
    pages : dict of str to int64[n] or None
        Of the pool that held most; None when none did.
    """
    series = [line for line in Replay(trace).series.values() if any(line[name].any() for name in HELD)]
    if not series:
        return None
    line = max(series, key=lambda one: int(sum(one[name] for name in HELD).max()))
    time_ns = line["time_ns"]
    # Of what happens at one moment, the last count stays.
    kept = np.flatnonzero((np.diff(time_ns, append=time_ns[-1] + 1) > 0) & (time_ns <= end_ns))
    pages = {name: line[name][kept] for name in HELD} | {"time_ns": np.maximum(time_ns[kept], begin_ns)}
    if not len(kept):
        return None
    return {name: np.append(values, end_ns if name == "time_ns" else values[-1]) for name, values in pages.items()}


def time_sequence(source, connection=0, pages=None, title=None):
    """Draw sequence numbers over time, and the device pages in use below.

    Parameters
    ----------
    source : Lab, Record, Capture, Burst, a pair of them, or Conversation
        See `devmemlab.lab.segments.conversation`.
    connection : int
        Which, in order of appearance.
    pages : Host or Trace, optional
        Whose pages are drawn below; of a Lab it is the receiver, when it has a trace.
    title : str, optional
        Above.

    Returns
    -------
    picture : TimeSequence
        A picture in a notebook; ``.edges`` and ``.pages`` have the arrays, ``print(picture)`` says it in words.
    """
    told = source if isinstance(source, Conversation) else conversation(source, connection)
    trace = getattr(pages, "trace", pages)
    if pages is None and hasattr(source, "hosts"):
        side = TimeSequence(told).side
        trace = next((host.trace for host in source.hosts if host.name == told.ends[1 - side]), None)
    return TimeSequence(told, trace, title)
