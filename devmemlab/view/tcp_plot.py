"""Where numbers and moments of a stream stand in a plot that is played.

Law.   The cursor stands where the plot has drawn what happened then.
Reads. time_axis.py, time_sequence.py.
Omits. Single segments where a pixel column has several hundred: their stretches are drawn as one.
"""

import numpy as np

from devmemlab.view.svg import number
from devmemlab.view.theme import colour
from devmemlab.view.time_axis import TimeAxis

LEFT, RIGHT, TOP, PLOT, MOST = 526, 776, 96, 250, 400


class Plot:
    """Where numbers and moments of a film stand.

    Parameters
    ----------
    sequence : TimeSequence
        The stream that is drawn.
    film : Film
        From `devmemlab.view.tcp_film.tcp_film`.

    Attributes
    ----------
    columns : dict of str to float64[n + 1]
        Where the cursor stands after each event, and how wide the past is; they belong into the film.
    """

    def __init__(self, sequence, film):
        self.sequence, begin = sequence, sequence.begin_ns
        self.axis = TimeAxis(film.time_ns.astype(np.int64), LEFT, RIGHT, wide=20)
        edge = int(sequence.edges["window"].max(initial=0))
        self.clipped = edge > 3 * sequence.high or edge == 0
        self.top = sequence.high if self.clipped else max(sequence.high, edge)
        self.scale, self.base = PLOT / max(self.top, 1), TOP + PLOT
        x = np.concatenate([[LEFT], self.axis.x(film.time_ns.astype(np.int64))])
        self.columns = {"plot.x": x - 1.5, "plot.width": x - LEFT + 4}
        self._begin = begin

    def x(self, at_ns):
        """Place moments.

        Parameters
        ----------
        at_ns : int or int64[n]
            When, on the clock of the recording.

        Returns
        -------
        x : float64[n]
            Pixels.
        """
        return self.axis.x(np.asarray(at_ns) - self._begin)

    def y(self, seq):
        """Place sequence numbers.

        Parameters
        ----------
        seq : int or int64[n]
            Relative.

        Returns
        -------
        y : float64[n]
            Pixels.
        """
        return self.base - np.asarray(seq) * self.scale

    def stretches(self, segments):
        """Draw stretches of the stream as one path; where there are too many, a column of pixels has one.

        Parameters
        ----------
        segments : list of Segment
            With data.

        Returns
        -------
        d : str
            A path.
        """
        x = self.x([one.sent_ns for one in segments])
        low, high = self.y([one.seq for one in segments]), self.y([one.end for one in segments])
        if len(segments) > MOST:
            column, where = np.unique(np.round(x), return_inverse=True)
            lows, highs = np.full(len(column), -np.inf), np.full(len(column), np.inf)
            np.maximum.at(lows, where, low)
            np.minimum.at(highs, where, high)
            x, low, high = column, lows, highs
        return "".join(f"M{number(a - 3)} {number(b)}h6M{number(a)} {number(b)}V{number(c)}M{number(a - 3)} {number(c)}h6"
                       for a, b, c in zip(x.tolist(), low.tolist(), high.tolist()))

    def steps(self, name):
        """Draw an edge of the window.

        Parameters
        ----------
        name : str
            ``"acknowledged"`` or ``"window"``.

        Returns
        -------
        d : str
            A path, or an empty text.
        """
        x, y = self.x(self.sequence.edges["time_ns"]), self.y(self.sequence.edges[name])
        if len(x) > MOST:
            last = np.flatnonzero(np.diff(np.round(x), append=np.inf))
            x, y = x[last], y[last]
        corners = [(a, b) for k, (a, b) in enumerate(zip(x.tolist(), y.tolist()))]
        return "".join(f"{'H' if k else 'M'}{number(a)}{'V' if k else ' '}{number(b)}" for k, (a, b) in enumerate(corners)) + (
            f"H{RIGHT}" if corners else "")

    def cross(self, one):
        """Draw what marks a segment that was lost, a path.

        Parameters
        ----------
        one : Segment
            With data.

        Returns
        -------
        content, attributes : str or None, dict
            For `devmemlab.view.svg.element`.
        """
        x, y = float(self.x(one.sent_ns)) - 4, float(self.y((one.seq + one.end) / 2)) - 4
        return None, {"d": f"M{number(x)} {number(y)}l8 8m0 -8l-8 8", "stroke": colour("ink"), "stroke_width": 2, "fill": "none"}

    def letter(self, one):
        """Draw what marks a segment that was sent again, a text.

        Parameters
        ----------
        one : Segment
            With data.

        Returns
        -------
        content, attributes : str or None, dict
            For `devmemlab.view.svg.element`.
        """
        x, y = float(self.x(one.sent_ns)) + 5, float(self.y((one.seq + one.end) / 2)) + 4
        return "R", {"x": x, "y": y, "class_": "tiny strong halo"}
