"""An axis of time on which long silences are cut short, so that what happens can be told apart.

Law.   Order is kept, everything between two cuts is drawn to one scale, and a cut is named with its length.
Reads. Nothing of Linux.
Omits. Time that runs backwards.
"""

import numpy as np

CUT = 46


class TimeAxis:
    """Where moments stand.

    Parameters
    ----------
    moments : sequence of int
        When something happens, ns.
    left, right : float
        Ends of the axis, pixels.
    silence_ns : int
        A gap longer than this is cut.
    wide : float
        Pixels of a cut; less where there are so many that they would leave no room.

    Attributes
    ----------
    cuts : list of (float, int)
        Middle of each cut, and how long it is.
    """

    def __init__(self, moments, left, right, silence_ns=1_000_000, wide=CUT):
        self._at = np.unique(np.asarray(moments, np.int64))
        gaps = np.diff(self._at)
        cut = gaps > silence_ns
        if wide < CUT:
            wide = min(wide, (right - left) / 2 / max(int(cut.sum()), 1))
        room = right - left - wide * int(cut.sum())
        spoken = max(int(gaps[~cut].sum()), 1)
        steps = np.where(cut, wide, gaps * (max(room, 40) / spoken))
        self._x = left + np.concatenate([[0.0], np.cumsum(steps)])
        self.cuts = [(float(self._x[k] + wide / 2), int(gaps[k])) for k in np.flatnonzero(cut)]

    def x(self, at_ns):
        """Place a moment.

        Parameters
        ----------
        at_ns : int or int64[n]
            When.

        Returns
        -------
        x : float or float64[n]
            Pixels.
        """
        return np.interp(at_ns, self._at, self._x)
