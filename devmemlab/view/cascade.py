"""A cascade: from tokens that are held to goodput that is missing, one strip for each link of the chain.

Law.   The strips have one axis of time, so that what stands above causes what stands below; silence is folded, never left out.
Reads. Samples of `devmemlab.lab.watch`; spec section 12.4.
Omits. Which buffer is where: the heat map tells that.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.lab.watch import silences
from devmemlab.view import theme
from devmemlab.view.occupancy import _spell_axis, _steps
from devmemlab.view.still import STATES, WIDTH, Still
from devmemlab.view.svg import element, number, text_width

LEFT, RIGHT, PLOT, PITCH = 172, 126, 38, 56
FOLD, MOST_FOLDS, LEAST_LIVE = 48.0, 5, 4.0


class Strip(NamedTuple):
    """How a column of the samples is drawn.

    name, unit : str
        What it is, and what is counted.
    letter : str
        Stands beside the colour.
    look : str
        A state of `devmemlab.view.still` or a role of `devmemlab.view.theme`.
    grows : bool
        True: counted from the start; False: what there is now.
    """

    name: str
    unit: str
    letter: str
    look: str
    grows: bool


STRIPS = {
    "held": Strip("held by tokens", "buffers", "T", "token", False),
    "free": Strip("free in the pool", "buffers", "F", "free", False),
    "posted": Strip("posted to the card", "descriptors", "P", "posted", False),
    "socket": Strip("in the socket", "buffers", "S", "socket", False),
    "dropped": Strip("dropped by the card", "frames so far", "X", "dropped", True),
    "sent_again": Strip("sent again", "segments so far", "W", "wire", True),
    "received": Strip("goodput", "octets so far", "D", "device", True),
    "window": Strip("send window", "octets", "h", "header", False),
}
"""Column -> its strip; the order is that of cause and effect."""
CHAIN = ("held", "free", "posted", "dropped", "sent_again", "received")


class Axis:
    """Time as a place on the paper, with long silences folded.

    Parameters
    ----------
    first_ns, last_ns : int
        Of the whole picture.
    folds : sequence of (int, int)
        Silences, in order.
    left, right : float
        Where the axis begins and ends.

    Attributes
    ----------
    folds : list of (int, int, float, float)
        Begin and end of each, ns, and where it is drawn.
    """

    def __init__(self, first_ns, last_ns, folds, left, right):
        fold = min(FOLD, 0.65 * (right - left) / max(len(folds), 1))
        edges = [first_ns, *(edge for pair in folds for edge in pair), last_ns]
        live = [max(end - begin, 0) for begin, end in zip(edges[::2], edges[1::2])]
        room = right - left - fold * len(folds) - LEAST_LIVE * len(live)
        self._ns, self._x = [first_ns], [left]
        for i, span in enumerate(live):
            self._add(span, LEAST_LIVE + room * span / max(sum(live), 1))
            if i < len(folds):
                self._add(folds[i][1] - folds[i][0], fold)
        self.folds = [(begin, end, *self(np.array([begin, end])).tolist()) for begin, end in folds]

    def _add(self, span, width):
        self._ns.append(self._ns[-1] + span)
        self._x.append(self._x[-1] + width)

    def __call__(self, at_ns):
        return np.interp(at_ns, self._ns, self._x)


def _fill(prefix, look):
    """Name the texture of a strip."""
    return f"url(#{prefix}-{look})" if look in STATES else theme.texture(f"{prefix}r", look)


class Cascade(Still):
    """What happened to a queue, link by link.

    Parameters
    ----------
    samples : SAMPLE[n]
        From a `devmemlab.lab.watch.Watch`; kept as a copy.
    end_ns : int, optional
        When watching ended; the last sample when left out.
    title : str
        What was done.
    verdict : str
        What came of it; a line below the title.
    strips : sequence of str
        Columns, from cause to effect; names of `STRIPS`.

    Attributes
    ----------
    silences : list of (int, int)
        Begin and end of what is folded, ns.
    final, most : dict of str to int
        Of each strip the last and the highest value.
    """

    def __init__(self, samples, end_ns=None, title="From tokens to goodput", verdict="", strips=CHAIN):
        unknown = [name for name in strips if name not in STRIPS]
        if unknown or not len(samples):
            raise ValueError(f"no strip {unknown[0]!r}; there are {', '.join(STRIPS)}" if unknown else "there are no samples")
        self.title, self.verdict, self.strips = title, verdict, tuple(strips)
        self._at = np.array(samples.at_ns)
        self._values = {name: np.array(samples[name]) for name in self.strips}
        self._end_ns = int(self._at[-1]) if end_ns is None else max(int(end_ns), int(self._at[-1]))
        long = sorted(silences(samples, self._end_ns), key=lambda pair: pair[0] - pair[1])[:MOST_FOLDS]
        whole = self._end_ns - int(self._at[0])
        self.silences = sorted(long) if sum(end - begin for begin, end in long) * 2 > whole else []
        self.final = {name: int(values[-1]) for name, values in self._values.items()}
        self.most = {name: int(values.max()) for name, values in self._values.items()}

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        first = int(self._at[0])
        lines = [f"{self.title}; {_spell_axis(self._end_ns - first, 'time')} of virtual time"]
        for name in self.strips:
            strip, values = STRIPS[name], self._values[name]
            said = f"{self.final[name]:,} at the end"
            if not strip.grows:
                said = (f"{int(values[0]):,} at first, from {int(values.min()):,} to {self.most[name]:,}, " + said)
            elif self.final[name]:
                moved = self._at[np.flatnonzero(np.diff(values, prepend=0))]
                said += f", the first after {_spell_axis(int(moved[0]) - first, 'time')}"
            lines.append(f"  {strip.letter} {strip.name} ({strip.unit}): {said}")
        lines += [f"  from {_spell_axis(begin - first, 'time')} on nothing changes for {_spell_axis(end - begin, 'time')}"
                  for begin, end in self.silences]
        return "\n".join([*lines, f"  {self.verdict}"] if self.verdict else lines)

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
        first, right = int(self._at[0]), WIDTH - RIGHT
        # What the last event left behind needs some width to be seen.
        live = self._end_ns - first - sum(end - begin for begin, end in self.silences)
        axis = Axis(first, self._end_ns + live // 50, self.silences, LEFT, right)
        said = self.verdict.split("; ") if self.verdict else []
        parts = [theme.textures(f"{prefix}r"), element("text", self.title, x=8, y=20, class_="strong big"),
                 *(element("text", line, x=8, y=38 + 15 * i, class_="small") for i, line in enumerate(said))]
        top = 36 + 15 * len(said) + (16 if axis.folds else 0)
        for place, name in enumerate(self.strips):
            parts.append(self._strip(prefix, name, top + PITCH * place, axis, right))
        bottom = top + PITCH * len(self.strips)
        parts += [self._fold(fold, top - 2, bottom - 14) for fold in axis.folds]
        parts.append(element("text", "0", x=LEFT, y=bottom + 4, class_="small quiet"))
        end = _spell_axis(self._end_ns - first, "time")
        parts.append(element("text", end, x=right, y=bottom + 4, class_="end small quiet"))
        note = "numbers are counted, times are modelled"
        note += "; hatched columns are silence, folded: above it stands how long it lasts" if axis.folds else ""
        parts.append(element("text", note, x=8, y=bottom + 22, class_="small quiet"))
        return "".join(parts), bottom + 30

    def _strip(self, prefix, name, top, axis, right):
        """Draw one strip.

        Parameters
        ----------
        prefix : str
            Of the textures.
        name : str
            Column.
        top : float
            Where it begins.
        axis : Axis
            Time.
        right : float
            Where the plot ends.

        Returns
        -------
        drawn : str
            Elements.
        """
        strip, values, most = STRIPS[name], self._values[name], max(self.most[name], 1)
        base = top + PLOT
        x, y = axis(self._at), base - values * PLOT / most
        # What one pixel cannot tell apart is drawn once: the last value that falls on it.
        kept = np.flatnonzero(np.diff(np.floor(x * 2), append=np.inf))
        path = "L".join(f"{number(px)} {number(py)}" for px, py in _steps(x[kept], y[kept], right))
        fill = _fill(prefix, strip.look)
        parts = [element("rect", x=8, y=top + 8, width=20, height=20, fill=fill, stroke=theme.colour("ink"), stroke_width=0.8),
                 element("text", strip.letter, x=18, y=top + 22, class_="mid small strong halo"),
                 element("text", strip.name, x=34, y=top + 15, class_="small strong"),
                 element("text", strip.unit, x=34, y=top + 29, class_="small quiet"),
                 element("path", d=f"M{LEFT} {number(base)}L{path}L{number(right)} {number(base)}Z", fill=fill,
                         stroke=theme.colour("ink"), stroke_width=0.8),
                 element("path", d=f"M{LEFT} {number(base)}H{number(right)}", stroke=theme.colour("quiet"), fill="none")]
        ends = [f"{self.final[name]:,} at the end"] if self.final[name] == self.most[name] else [
            f"at most {self.most[name]:,}", f"{self.final[name]:,} at the end"]
        parts += [element("text", line, x=right + 8, y=top + 12 + 14 * i + (7 if len(ends) == 1 else 0), class_="small")
                  for i, line in enumerate(ends)]
        return "".join(parts)

    @staticmethod
    def _fold(fold, top, bottom):
        """Draw a folded silence over all strips.

        Parameters
        ----------
        fold : (int, int, float, float)
            See `Axis`.
        top, bottom : float
            Of the strips.

        Returns
        -------
        drawn : str
            Elements.
        """
        begin, end, left, right = fold
        spaced = np.arange(top + 6, bottom - 2, 7)
        lines = "".join(f"M{number(left + 1)} {number(y)}L{number(right - 1)} {number(y - 5)}" for y in spaced)
        parts = [element("rect", x=left, y=top, width=right - left, height=bottom - top, fill=theme.colour("paper"),
                         fill_opacity=0.55, stroke=theme.colour("quiet"), stroke_dasharray="2 3"),
                 element("path", d=lines, stroke=theme.colour("line"), fill="none", stroke_width=0.8)]
        words = _spell_axis(float(f"{end - begin:.3g}"), "time")
        if text_width(words, 11) <= right - left + 2:
            parts.append(element("text", words, x=(left + right) / 2, y=top - 5, class_="mid small"))
        return "".join(parts)


def cascade(run, title=None, strips=CHAIN):
    """Draw what a run has done to its queue.

    Parameters
    ----------
    run : Run
        From `devmemlab.lab.scenes_break.start`.
    title : str, optional
        What was done.
    strips : sequence of str
        See `Cascade`.

    Returns
    -------
    picture : Cascade
        A picture in a notebook; ``.final`` has the numbers, ``print(picture)`` says it in words.
    """
    said = f"{run.messages} messages of {run.message:,} octets, {run.watch.pages} buffers in device memory"
    return Cascade(run.samples, run.lab.clock.now_ns, title or said, run.verdict, strips)
