"""Curves: rx over footprints and over the program's buffer, for a notebook that cannot wait for all of ``bench rx``.

Law.   The cases, the turns and the statistics are those of ``bench rx``; only the sizes are chosen by the caller.
Reads. interfaces section 3.
Omits. Drawing: `devmemlab.view.curves_plot`.
"""

from devmemlab.base.units import format_size, parse_size
from devmemlab.lab.bench import rx
from devmemlab.lab.bench.measure import measure
from devmemlab.lab.bench.report import align
from devmemlab.lab.bench.rows import make_rows

MODES = ("devmem", "host_copy", "host_copy_pageable", "memcpy")


class Curves:
    """What was measured; notebooks draw it with ``plot()``.

    Attributes
    ----------
    rows : list of dict
        As ``devmemlab bench --json`` has them, each case once.
    mtu : int
        Of all of them.
    """

    def __init__(self, rows, mtu):
        self.rows, self.mtu = rows, mtu

    def over_footprint(self, mode):
        """List one way over footprints; the copying ones with their largest buffer.

        Parameters
        ----------
        mode : str
            devmem, host_copy, host_copy_pageable or memcpy.

        Returns
        -------
        points : list of (int, dict)
            Octets of payload, and the row.
        """
        found = {}
        for row in self.rows:
            if row["mode"] == mode:
                best = found.get(row["footprint_bytes"])
                if best is None or row.get("app_buffer_bytes", 0) >= best.get("app_buffer_bytes", 0):
                    found[row["footprint_bytes"]] = row
        return sorted(found.items())

    def over_buffer(self, mode):
        """List one copying way over the program's buffer, at the largest footprint.

        Parameters
        ----------
        mode : str
            host_copy or host_copy_pageable.

        Returns
        -------
        points : list of (int, dict)
            Octets of the buffer, and the row.
        """
        largest = max(row["footprint_bytes"] for row in self.rows)
        return sorted((row["app_buffer_bytes"], row) for row in self.rows
                      if row["mode"] == mode and row["footprint_bytes"] == largest)

    def table(self):
        """Spell everything.

        Returns
        -------
        text : str
            A line a case: median, and all ratios with their spread.
        """
        lines = [("way", "footprint", "app buffer", "GB/s", "over memcpy", "devmem over it", "copies")]
        for row in self.rows:
            cells = [row["mode"], format_size(row["footprint_bytes"]),
                     format_size(row["app_buffer_bytes"]) if "app_buffer_bytes" in row else "-",
                     f"{row['payload_gbytes_per_s']:.2f}"]
            cells.append(_spread(row["figures"].get("ratio_to_memcpy")))
            cells.append(_spread(_turned(row["figures"].get("ratio_to_devmem"))))
            lines.append((*cells, f"{row['copied_bytes_per_payload_byte']:.2f}"))
        return f"MTU {self.mtu}; measured on this machine, in this run\n\n{align(lines)}"

    def __repr__(self):
        return self.table()


def _turned(stats):
    """Turn a ratio round."""
    return stats and {"median": 1 / stats["median"], "min": 1 / stats["max"], "max": 1 / stats["min"]}


def _spread(stats):
    """Spell a ratio with its spread."""
    return f"{stats['median']:.2f} ({stats['min']:.2f}..{stats['max']:.2f})" if stats else "-"


def bench_curves(footprints=("1MiB", "8MiB", "64MiB"), app_buffers=("64KiB", "1MiB", "64MiB"), mtu=9000, repeats=5,
                 progress=None):
    """Measure the ways of receiving over footprints, and at the largest one over buffers.

    Parameters
    ----------
    footprints, app_buffers : sequence of int or str
        Octets of distinct payload; octets of the program's buffer in the copying ways.
    mtu : int
        Largest IP packet.
    repeats : int
        Rounds, in which the cases take turns.
    progress : callable, optional
        Called with a sentence and the share that is done.

    Returns
    -------
    curves : Curves
        In the order of `footprints`.
    """
    rows, sizes, buffers = [], sorted(map(parse_size, footprints)), sorted(map(parse_size, app_buffers))
    for size in sizes:
        with rx.cases(group=(size, mtu), buffers=buffers if size == sizes[-1] else buffers[-1:]) as cases:
            rows += make_rows("rx", measure(cases, repeats, progress), rx.CONTRASTS, rx.QUOTED, cases=cases)
    return Curves(rows, mtu)
