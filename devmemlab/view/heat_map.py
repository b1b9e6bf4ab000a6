"""The heat map of a dmabuf: one cell for each net_iov, saying where it is now.

Law.   Every net_iov is in exactly one state, so the counts add up to their number.
Reads. NETMEM, the caches and rings of the pools, BINDING; house rules section 4.
Omits. Who holds a buffer: reference_graph.py draws holders.
"""

import numpy as np

from devmemlab.base.units import format_size
from devmemlab.mem.netmem import PLACE_POSTED, PLACE_SKB, PLACE_TOKEN
from devmemlab.mem.pool_table import PROVIDERS
from devmemlab.view import theme
from devmemlab.view.still import STATES, Still, state_legend
from devmemlab.view.svg import element, number

FREE, CACHED, RING, POSTED, SOCKET, TOKEN, OUT = range(7)
NAMES = tuple(STATES)
GRIDS = ((256, 32, 19.0), (2048, 64, 9.5), (0, 64, 9.5))
LEFT, TOP, MOST_CELLS, MOST_RUNS = 76, 52, 2048, 12
PLACE_STATES = {PLACE_POSTED: POSTED, PLACE_SKB: SOCKET, PLACE_TOKEN: TOKEN}


def resting_rows(pools, pool):
    """List what rests in a pool.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    pool : int
        Row of a pool that is alive.

    Returns
    -------
    cache, ring : int64[n]
        Netmem rows, from the bottom of the stack and from the oldest.
    """
    ring = pools.ring.ctl[pool]
    cache = np.asarray(pools.cache[pool, :int(pools.ctl[pool].cache_count)]["entry"]) >> 1
    order = (int(ring.consumer_head) + np.arange(int(ring.capacity))) % max(int(ring.capacity), 1)
    entries = np.asarray(pools.ring.slot[pool]["entry"])[order]
    empty = np.flatnonzero(entries == 0)
    # Slots that the consumer has passed are cleared late; the producer stands right behind them.
    behind = np.flatnonzero(order == int(ring.producer))
    end = min([len(entries), *empty[:1], *behind[behind > 0][:1]])
    return cache, entries[:end] >> 1


def find_binding(mem, binding=None):
    """Find the binding that is meant.

    Parameters
    ----------
    mem : Mem
        Of a host.
    binding : int, dict or None
        The id of a live binding (or the reply that carries it), else a row; None: the first live one, else the first.

    Returns
    -------
    row : int
        Row of ``mem.providers.binding``.

    Raises
    ------
    ValueError
        There is none such.
    """
    table = mem.providers.binding
    used = [int(row) for row in np.flatnonzero(table.kind)]
    live = [row for row in used if table[row].live]
    if binding is None:
        if not used:
            raise ValueError("nothing is bound, so there are no net_iovs to show; bind a dmabuf first")
        return (live or used)[0]
    wanted = int(binding["id"] if isinstance(binding, dict) else binding)
    found = [row for row in live if table[row].id == wanted] or [row for row in used if row == wanted]
    if not found:
        ids = ", ".join(str(int(table[row].id)) for row in live) or "none"
        raise ValueError(f"there is no binding {wanted}; ids of live bindings: {ids}")
    return found[0]


def niov_states(mem, binding):
    """Say where each net_iov of a binding is.

    Parameters
    ----------
    mem : Mem
        Of a host.
    binding : int
        Row.

    Returns
    -------
    states : uint8[niov_count]
        Indices of `NAMES`.
    """
    own = mem.providers.binding[binding]
    first, count = int(own.niov_first), int(own.niov_count)
    states = np.zeros(count, np.uint8)
    low, high = max(int(own.touched_low), first), int(own.touched_high) + 1
    if high <= low:
        return states
    # Rows that nobody has touched are left alone: a table for 64 GiB is committed only where it is used.
    rows = mem.netmems[low:high]
    place, mine = np.asarray(rows.place), np.asarray(rows.pp) != 0
    part = np.where(mine, OUT, FREE).astype(np.uint8)
    for where, state in PLACE_STATES.items():
        part[mine & (place == where)] = state
    states[low - first:high - first] = part
    for pool in np.flatnonzero(mem.pools.ctl.alive):
        ctl = mem.pools.ctl[pool]
        if ctl.provider and ctl.mp_priv == binding:
            for at_rest, state in zip(resting_rows(mem.pools, int(pool)), (CACHED, RING)):
                states[at_rest - first] = state
    return states


class HeatMap(Still):
    """Where every net_iov of a dmabuf is.

    Parameters
    ----------
    states : uint8[n]
        Indices of `NAMES`.
    niov_bytes : int
        Size of a net_iov.
    name : str
        Which binding it is.

    Attributes
    ----------
    counts : dict of str to int
        ``free``, ``cached``, ``ring``, ``posted``, ``socket``, ``token``, ``out``; their sum is the number of net_iovs.
    bins : int64[n_cell, 7]
        How many net_iovs of each state a cell stands for.
    niovs_per_cell : int
        1, or more when there are more net_iovs than cells fit.
    """

    def __init__(self, states, niov_bytes, name):
        count = len(states)
        self.states, self.niov_bytes, self.name = states, niov_bytes, name
        self.counts = dict(zip(NAMES, map(int, np.bincount(states, minlength=len(NAMES)))))
        self.niovs_per_cell = 1
        while -(-count // self.niovs_per_cell) > MOST_CELLS:
            self.niovs_per_cell *= 2
        cells = -(-count // self.niovs_per_cell)
        flat = np.arange(count) // self.niovs_per_cell * len(NAMES) + states
        self.bins = np.bincount(flat, minlength=cells * len(NAMES)).reshape(cells, len(NAMES))
        self.title = f"Where the net_iovs of {name} are"

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        count = len(self.states)
        lines = [f"{self.title}: {count:,} net_iovs of {format_size(self.niov_bytes)}"]
        lines += [f"  {STATES[name].letter} {STATES[name].meaning}: {n:,}" for name, n in self.counts.items()
                  if n or name != "out"]
        starts = np.flatnonzero(np.diff(self.states, prepend=255))
        ends = [*starts[1:], count]
        for start, end in list(zip(starts, ends))[:MOST_RUNS]:
            span = f"net_iov {start:,}" if end == start + 1 else f"net_iovs {start:,} to {end - 1:,}"
            lines.append(f"  {span}: {STATES[NAMES[self.states[start]]].meaning}")
        if len(starts) > MOST_RUNS:
            lines.append(f"  and {len(starts) - MOST_RUNS:,} more stretches")
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
        cells = len(self.bins)
        columns, pitch = next((c, p) for most, c, p in GRIDS if cells <= most or not most)
        columns = min(columns, max(cells, 1))
        note = (f"one cell is one net_iov of {format_size(self.niov_bytes)}" if self.niovs_per_cell == 1 else
                f"one cell is {self.niovs_per_cell} net_iovs, {format_size(self.niov_bytes * self.niovs_per_cell)}, "
                "split as they are mixed")
        parts = [element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", note, x=8, y=40, class_="quiet small")]
        rows = -(-cells // columns)
        shapes = {name: [] for name in NAMES}
        for row in range(rows):
            parts.append(self._row(shapes, row, columns, pitch))
        parts += [element("path", d="".join(pieces), fill=f"url(#{prefix}-{name})") for name, pieces in shapes.items() if pieces]
        bottom = TOP + rows * pitch
        lines = [f"M{LEFT} {TOP + pitch * r:g}H{LEFT + pitch * min(columns, cells):g}" for r in range(rows + 1)]
        lines += [f"M{LEFT + pitch * c:g} {TOP}V{bottom:g}" for c in range(columns + 1)]
        parts.append(element("path", d="".join(lines), stroke=theme.colour("paper"), stroke_width=1.5, fill="none"))
        parts += self._letters(columns, pitch)
        labels = {name: f"{n:,}" for name, n in self.counts.items() if n or name != "out"}
        drawn, bottom = state_legend(prefix, labels, 8, bottom + 24)
        return "".join(parts) + drawn, bottom

    def _row(self, shapes, row, columns, pitch):
        """Lay out the cells of one row; equal neighbours are one rectangle.

        Parameters
        ----------
        shapes : dict of str to list of str
            State -> pieces of a path; those of this row are added.
        row, columns : int
            Which row, and how many cells it has.
        pitch : float
            Size of a cell, pixels.

        Returns
        -------
        drawn : str
            The offset at its left, where there is room for one.
        """
        bins = self.bins[row * columns:(row + 1) * columns]
        y, starts = TOP + row * pitch, np.flatnonzero([True, *(np.diff(bins, axis=0) != 0).any(axis=1)])
        for at, end in zip(starts.tolist(), [*starts[1:].tolist(), len(bins)]):
            top, total = y, int(bins[at].sum())
            for state in np.flatnonzero(bins[at]):
                share, width = pitch * int(bins[at][state]) / total, number((end - at) * pitch)
                shapes[NAMES[state]].append(f"M{number(LEFT + at * pitch)} {number(top)}h{width}v{number(share)}h-{width}z")
                top += share
        if pitch < 12 and row % 2:
            return ""
        offset = format_size(row * self.niovs_per_cell * columns * self.niov_bytes)
        return element("text", offset, x=LEFT - 8, y=y + pitch / 2 + 4, class_="end small quiet")

    def _letters(self, columns, pitch):
        """Write the letter of each cell where there is room.

        Parameters
        ----------
        columns : int
            Cells in a row.
        pitch : float
            Size of a cell, pixels.

        Returns
        -------
        drawn : list of str
            Elements.
        """
        if pitch < 12 or self.niovs_per_cell > 1:
            return []
        middle = pitch / 2
        return [element("text", STATES[NAMES[state]].letter, x=LEFT + at % columns * pitch + middle,
                        y=TOP + at // columns * pitch + middle + 4, class_="mid tiny halo")
                for at, state in enumerate(self.states) if state != FREE]


def heat_map(host, binding=None):
    """Draw where every net_iov of a dmabuf is.

    Parameters
    ----------
    host : Host or Mem
        Whose tables to read.
    binding : int or dict, optional
        Id of a live binding, what bind-rx replied, or a row; the first live binding by default.

    Returns
    -------
    picture : HeatMap
        A picture in a notebook; ``.counts`` has the numbers, ``print(picture)`` says it in words, ``.save(path)`` keeps it.

    Raises
    ------
    ValueError
        There is no such binding.
    """
    mem = getattr(host, "mem", host)
    row = find_binding(mem, binding)
    own = mem.providers.binding[row]
    state = "" if own.live else " (unbound)"
    name = f"{PROVIDERS[int(own.kind)]} binding {int(own.id)}{state}, {format_size(int(own.length))}"
    return HeatMap(niov_states(mem, row), 1 << int(own.niov_shift), name)
