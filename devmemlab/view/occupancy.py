"""Occupancy of page_pools over time, drawn as steps from a trace.

Law.   The bands add up to what is out of the provider, hold_cnt - release_cnt, at every moment.
Reads. pool_replay.py.
Omits. What the buffers carried.
"""

import numpy as np

from devmemlab.view import theme
from devmemlab.view.pool_replay import BANDS, Replay, pool_names
from devmemlab.view.still import STATES, WIDTH, Still, state_legend
from devmemlab.view.svg import element, number, text_width

LEFT, RIGHT, TOP, PANEL, PLOT, MOST_PANELS = 56, 116, 56, 178, 124, 6
STEPS = 480
OVER = {"time": "time_ns", "event": "event"}
SHORT = {"posted": "posted", "socket": "in socket", "token": "by token", "ring": "ring", "cached": "cache"}


def _spell_axis(value, over):
    """Spell a place on the axis.

    Parameters
    ----------
    value : float
        Nanoseconds, or the number of an event.
    over : str
        ``"time"`` or ``"event"``.

    Returns
    -------
    text : str
        With its unit.
    """
    if over == "event":
        return f"event {int(value):,}"
    for unit, size in (("s", 10**9), ("ms", 10**6), ("\u00b5s", 10**3)):
        if abs(value) >= size:
            return f"{value / size:.4g} {unit}"
    return f"{int(value)} ns"


class Occupancy(Still):
    """Where the buffers of each pool were, from the first event to the last.

    Parameters
    ----------
    replay : Replay
        Of a trace.
    names : dict of int to str
        Pool row -> what to call it.
    over : str
        ``"time"`` or ``"event"``: what the axis counts.

    Attributes
    ----------
    series : dict of int to dict of str to int64[n]
        See `devmemlab.view.pool_replay.Replay`.
    final : dict of int to dict of str to int
        The last value of each band, by pool row.
    earlier : list of (int, dict)
        The same of pools whose rows others have now.
    lost : int
        Events that found no room in the trace; then the picture ends too early.
    """

    title = "Where the buffers of each page_pool were"

    def __init__(self, replay, names, over="time"):
        if over not in OVER:
            raise ValueError(f"over={over!r} is none of {', '.join(OVER)}")
        self.series, self.earlier, self.lost, self.names, self.over = replay.series, replay.earlier, replay.lost, names, over
        self.gone = [pool for pool in self.series if names and pool not in names]
        self.final = {pool: {band: int(lines[band][-1]) for band in (*BANDS, "held")} for pool, lines in self.series.items()}

    def name(self, pool):
        """Call a pool by its name.

        Parameters
        ----------
        pool : int
            Row.

        Returns
        -------
        name : str
            What is known of it.
        """
        return self.names.get(pool, f"page_pool in row {pool}{', gone by now' if pool in self.gone else ''}")

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title}, over {'time' if self.over == 'time' else 'events'}"]
        for pool, final in self.final.items():
            line = self.series[pool]
            most = int(line["held"].max())
            ends = ", ".join(f"{final[band]:,} {STATES[band].meaning}" for band in BANDS)
            lines.append(f"  {self.name(pool)}: at most {most:,} out of the provider, {final['held']:,} at the end ({ends}); "
                         f"most held by tokens: {int(line['token'].max()):,}, "
                         f"from {_spell_axis(line[OVER[self.over]][0], self.over)} "
                         f"to {_spell_axis(line[OVER[self.over]][-1], self.over)}")
        if not self.final:
            lines.append("  no pool has moved a buffer yet")
        if self.earlier:
            lines.append(f"  {len(self.earlier)} earlier pools were in the same rows")
        if self.lost:
            lines.append(f"  the trace was full: {self.lost:,} events are missing at the end")
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
        there = [pool for pool in self.names or self.series if pool in self.series]
        shown = there[:MOST_PANELS]
        parts = [element("text", self.title, x=8, y=22, class_="strong big")]
        note = "height: buffers out of the provider (hold - release), stacked; computed from the trace"
        if self.lost:
            note = f"the trace was full: {self.lost:,} events are missing at the end"
        elif len(shown) < len(self.series) + len(self.earlier):
            more, gone = len(there) - len(shown), len(self.gone) + len(self.earlier)
            note += "; not drawn: " + ", ".join(filter(None, (f"{more} more pools" * bool(more), f"{gone} gone" * bool(gone))))
        parts.append(element("text", note, x=8, y=40, class_="quiet small"))
        ends = [line[OVER[self.over]][[0, -1]] for line in map(self.series.get, shown)]
        first, last = (min(int(e[0]) for e in ends), max(int(e[1]) for e in ends)) if ends else (0, 0)
        for i, pool in enumerate(shown):
            parts.append(self._panel(prefix, pool, TOP + PANEL * i, first, last))
        if not shown:
            parts.append(element("text", "No pool has moved a buffer yet.", x=8, y=TOP + 20))
        bottom = TOP + (PANEL * len(shown) if shown else 36)
        drawn, bottom = state_legend(prefix, dict.fromkeys(reversed(BANDS), ""), 8, bottom + 10)
        return "".join(parts) + drawn, bottom

    def _panel(self, prefix, pool, top, first, last):
        """Draw one pool.

        Parameters
        ----------
        prefix : str
            Of the textures.
        pool : int
            Row.
        top : float
            Where the panel begins.
        first, last : int
            First and last event of all pools.

        Returns
        -------
        drawn : str
            Elements.
        """
        line, width = self.series[pool], WIDTH - LEFT - RIGHT
        axis, most = line[OVER[self.over]], max(int(line["held"].max()), 1)
        y0 = top + 26 + PLOT
        # What the last event left behind needs some width to be seen.
        end = last + max((last - first) // 40, 1)
        parts = [element("text", self.name(pool), x=8, y=top + 14, class_="strong")]
        # What one pixel cannot tell apart is drawn once: the last value that falls on it.
        column = (axis - first) * STEPS // (end - first)
        kept = np.flatnonzero(np.diff(column, append=STEPS + 2))
        x = LEFT + column[kept] * width / STEPS
        below = np.zeros(len(kept), np.int64)
        marks = []
        for band in BANDS:
            above = below + line[band][kept]
            if above.any():
                edge = _steps(x, y0 - above * PLOT / most, LEFT + width)
                back = _steps(x, y0 - below * PLOT / most, LEFT + width)[::-1]
                path = "L".join(f"{number(px)} {number(py)}" for px, py in edge + back)
                parts.append(element("path", d=f"M{path}Z", fill=f"url(#{prefix}-{band})", stroke=theme.colour("ink"),
                                     stroke_width=0.5))
            marks.append((band, int(line[band][-1]), y0 - (int(below[-1]) + int(above[-1])) / 2 * PLOT / most))
            below = above
        frame = f"M{LEFT} {top + 26}V{number(y0)}H{LEFT + width}"
        parts.append(element("path", d=frame, fill="none", stroke=theme.colour("quiet")))
        parts.append(element("text", f"{most:,}", x=LEFT - 6, y=top + 30, class_="end small"))
        parts.append(element("text", "0", x=LEFT - 6, y=y0 + 4, class_="end small"))
        parts.append(element("text", _spell_axis(first, self.over), x=LEFT, y=y0 + 16, class_="small quiet"))
        if last > first:
            x_last = LEFT + width * (last - first) / (end - first)
            parts.append(element("text", _spell_axis(last, self.over), x=x_last, y=y0 + 16, class_="end small quiet"))
        return "".join(parts) + self._ends(marks, top, LEFT + width + 8)

    def _ends(self, marks, top, x):
        """Write what each band ends with, beside it, none over another.

        Parameters
        ----------
        marks : list of (str, int, float)
            Band, value, height of its middle; from the bottom.
        top, x : float
            Of the panel, and where the labels begin.

        Returns
        -------
        drawn : str
            Elements.
        """
        parts, limit = [], top + 26 + PLOT + 4
        for band, value, y in marks:
            if value:
                y = min(y + 4, limit)
                limit = y - 14
                label = f"{STATES[band].letter} {value:,}"
                full = f"{label} {SHORT[band]}"
                parts.append(element("text", full if text_width(full, 11) < RIGHT - 12 else label, x=x, y=y, class_="small"))
        if not parts:
            parts.append(element("text", "none left", x=x, y=limit, class_="small quiet"))
        return "".join(parts)


def _steps(x, y, right):
    """Make the corners of a step line.

    Parameters
    ----------
    x, y : float64[n]
        Where each step begins, and its height.
    right : float
        Where the last one ends.

    Returns
    -------
    corners : list of (float, float)
        From left to right.
    """
    corners = []
    for i in range(len(x)):
        end = x[i + 1] if i + 1 < len(x) else right
        if corners and corners[-1][1] == y[i]:
            corners[-1] = (float(end), float(y[i]))
        else:
            corners += [(float(x[i]), float(y[i])), (float(end), float(y[i]))]
    return corners


def occupancy(host_or_trace, over=None):
    """Draw where the buffers of each page_pool were over time.

    Parameters
    ----------
    host_or_trace : Host or Trace
        A host made with ``trace=True``, or a trace.
    over : str, optional
        ``"time"`` or ``"event"``: what the axis counts. Many events can happen at one moment of virtual time; when all of
        them do, and nothing is asked for, events are counted.

    Returns
    -------
    picture : Occupancy
        A picture in a notebook; ``.series`` has the arrays, ``.final`` the last values, ``print(picture)`` says it in words.

    Raises
    ------
    ValueError
        The host records nothing, or `over` is neither.
    """
    trace = getattr(host_or_trace, "trace", host_or_trace)
    if trace is None:
        raise ValueError("there is no trace; make the host with lab.host(..., trace=True)")
    replay = Replay(trace)
    if over is None:
        moments = {int(line["time_ns"][at]) for line in replay.series.values() for at in (0, -1)}
        over = "event" if len(moments) == 1 else "time"
    return Occupancy(replay, pool_names(host_or_trace) if hasattr(host_or_trace, "mem") else {}, over)
