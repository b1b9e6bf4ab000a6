"""Controls of the memory lessons: who uses the data, one buffer after another, how large a burst.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. controls.py, for how a control is made here and why.
Omits. A machine of its own that stays: each choice is played from the beginning, so that any of them can be looked at.
"""

import ipywidgets

from devmemlab.lab import scenes
from devmemlab.lab.compare import compare
from devmemlab.lab.crossings import ORDERS, crossings
from devmemlab.view.controls import Announcer
from devmemlab.view.heat_map import heat_map
from devmemlab.view.memory_bars import crossing_bars, pool_bars
from devmemlab.view.svg import shown

PAGES = 16
STEPS = ("take", "take", "take", "take", "take", "return 1 directly", "return 3 by the ring", "take", "take", "take", "destroy")
"""What the binding control plays: numbers say which of the buffers taken so far, counted from 0."""
BURSTS = (1, 16, 64, 100, 200, 256)
RING, POOL_PAGES = 128, 512


class Turned(ipywidgets.VBox):
    """A few choices, a line that is announced, and one picture. A subclass has `_make` and `text`.

    Parameters
    ----------
    choosers : sequence of ipywidgets widgets
        Each has a ``value``.

    Attributes
    ----------
    picture : Still
        Of what is chosen now.
    """

    def __init__(self, choosers):
        self._line, self._page = Announcer(), ipywidgets.HTML()
        row = ipywidgets.Box(
            list(choosers),
            layout=ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="4px 16px"),
        )
        super().__init__([row, self._line, self._page])
        self.add_class("dml-control")
        for chooser in choosers:
            chooser.observe(self._changed, "value")
        self.run()

    def _changed(self, change):
        self.run()

    def run(self):
        """Play what is chosen now, and show it.

        Returns
        -------
        picture : Still
            Kept as ``picture``.
        """
        self.picture = self._make()
        self._page.value = self.picture.svg()
        self._line.text = self.text
        self._line.runs += 1
        return self.picture

    def save(self, path):
        """Write the picture of what is chosen now to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Its name; ``.svg`` is added where there is no ending.

        Returns
        -------
        path : pathlib.Path
            What was written.
        """
        return self.picture.save(path)

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})
        data, metadata = shown(self.picture.svg(), self.picture.text)
        return bundle | data | {"text/plain": repr(self)}, metadata

    def __repr__(self):
        return f"{type(self).__name__}: {self.text}"


def _buttons(options, value, tooltips, width):
    """Make buttons of which one is down.

    Parameters
    ----------
    options : sequence of (str, object)
        Their words and values.
    value : object
        The first one down.
    tooltips : sequence of str
        For each.
    width : str
        Of each.

    Returns
    -------
    buttons : ipywidgets.ToggleButtons
        Also turned by Tab and Enter.
    """
    return ipywidgets.ToggleButtons(options=options, value=value, tooltips=tooltips, style={"button_width": width},
                                    layout=ipywidgets.Layout(width="auto", flex="0 0 auto"))


class LedgerControl(Turned):
    """Choose who uses the payload, and see what crosses each link.

    Parameters
    ----------
    result : Result, optional
        A comparison; a small one is made when left out.
    order : str
        To begin with.

    Attributes
    ----------
    order : ipywidgets.ToggleButtons
        Who uses the payload.
    """

    def __init__(self, result=None, order="device"):
        self.result = result or compare(size="2MiB", mtu=1500, repeats=1, modes=("devmem", "host_copy", "host_copy_pageable"))
        self.order = _buttons([(words, name) for name, words in ORDERS.items()], order,
                              [f"the payload is used by {words}" for words in ORDERS.values()], "16em")
        super().__init__([self.order])

    def _make(self):
        return crossing_bars(self.result, self.order.value)

    @property
    def text(self):
        """Crossings of host memory and of the uplink, in a sentence."""
        ways = {row.mode: crossings(row.stages, self.order.value) for row in self.result.rows}
        said = "; ".join(f"{mode} {octets['dram_written'] + octets['dram_read']:,} and {octets['uplink']:,}"
                         for mode, octets in ways.items())
        return f"for {ORDERS[self.order.value]}, octets over host memory and uplink: {said}"


class BindingControl(Turned):
    """Step through the life of a small binding, and see where each net_iov is.

    Parameters
    ----------
    step : int
        To begin with.
    scattered : bool
        False: memory in one piece; True: one segment a page.
    kernel : str
        ``"6.18"`` or ``"next"``.

    Attributes
    ----------
    step, scattered, kernel : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    said : str
        What the last step did.
    """

    def __init__(self, step=0, scattered=False, kernel="6.18"):
        wide = {"description_width": "initial"}
        self.scattered = _buttons([("one piece", False), ("page by page", True)], scattered,
                                  ["device memory: one segment", "a udmabuf: a segment for each page"], "10em")
        self.kernel = ipywidgets.Dropdown(options=("6.18", "next"), value=kernel, description="kernel", style=wide,
                                          layout=ipywidgets.Layout(width="10em"))
        self.step = ipywidgets.BoundedIntText(value=step, min=0, max=len(STEPS), description=f"step (of {len(STEPS)})",
                                              style=wide, layout=ipywidgets.Layout(width="11em"))
        super().__init__([self.scattered, self.kernel, self.step])

    def _make(self):
        bench = scenes.bench(PAGES, self.scattered.value, kernel=self.kernel.value)
        taken, self.said = [], "bound, nothing taken"
        for verb in STEPS[: self.step.value]:
            self.said = _play(bench, taken, verb)
        picture = heat_map(bench.host, bench.binding)
        bench.lab.close()
        return picture

    @property
    def text(self):
        """What the last step did, and the counts."""
        counts = ", ".join(f"{name} {count}" for name, count in self.picture.counts.items() if count)
        return f"step {self.step.value}: {self.said}. {counts}"


def _play(bench, taken, verb):
    """Play one step.

    Parameters
    ----------
    bench : Bench
        Changes.
    taken : list of int
        Handles in the order in which they were taken; grows.
    verb : str
        One of `STEPS`.

    Returns
    -------
    said : str
        What happened.
    """
    host, pool = bench.host, bench.pool
    if verb == "destroy":
        return f"pool destroyed, {host.mem.destroy(pool)} buffers still out"
    if verb == "take":
        taken.append(host.mem.alloc(pool))
        return f"took offset {scenes.offset_of(host, taken[-1])}"
    number, direct = int(verb.split()[1]), verb.endswith("directly")
    host.mem.put(pool, taken[number], direct)
    return f"returned offset {scenes.offset_of(host, taken[number])} to the {'cache' if direct else 'ring'}"


class PoolControl(Turned):
    """Choose how large a burst is and who returns its buffers, and see which ways were taken.

    Parameters
    ----------
    burst : int
        To begin with, one of ``BURSTS``.
    direct : bool
        Whether the pool's own poll returns the buffers.

    Attributes
    ----------
    burst, direct : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    counts : dict
        From `devmemlab.lab.scenes.bursts`.
    """

    def __init__(self, burst=16, direct=True):
        self.burst = ipywidgets.Dropdown(options=BURSTS, value=burst, description="buffers in a burst",
                                         style={"description_width": "initial"}, layout=ipywidgets.Layout(width="14em"))
        self.direct = _buttons([("returned by the poll", True), ("returned by others", False)], direct,
                               ["the pool's own poll: the cache may be used", "any other processor: the ring only"], "13em")
        super().__init__([self.burst, self.direct])

    def _make(self):
        bench = scenes.bench(POOL_PAGES, ring=RING)
        self.counts = scenes.bursts(bench.host, bench.pool, self.burst.value, direct=self.direct.value)
        bench.lab.close()
        who = "the pool's own poll" if self.direct.value else "others"
        return pool_bars(self.counts, f"Bursts of {self.burst.value}, returned by {who}; a cache of 128 and a ring of {RING}")

    @property
    def text(self):
        """Which ways were taken, in a sentence."""
        taken, returned = (", ".join(f"{place} {count:,}" for place, count in self.counts[way].items() if count)
                           for way in ("taken", "returned"))
        who = "the poll" if self.direct.value else "others"
        return f"bursts of {self.burst.value}, returned by {who}: taken from {taken}; returned to {returned}"
