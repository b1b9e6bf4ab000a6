"""The stored table: what ``devmemlab bench gpu`` found on a machine with a GPU, kept in data/.

Law.   A figure that was measured elsewhere is shown under the name of the GPU it was measured on; none is made up.
Reads. ``data/gpu-bench.json``, as ``devmemlab bench gpu --json data/gpu-bench.json`` writes it.
Omits. Judging it: `devmemlab.lab.bench` does that with the figures of its own run.
"""

import json

from devmemlab.base.paths import data_folder

FILE = "gpu-bench.json"
COMMAND = f"devmemlab bench gpu --json data/{FILE}"
NOTHING = f"No table measured on a GPU is stored yet. On a machine that has one:  {COMMAND}"
COLUMNS = ("payload_gbytes_per_s", "ns_per_packet", "gbytes_per_s", "ratio_to_device_copy", "copied_bytes_per_payload_byte")


class StoredTable:
    """Figures that were measured on a GPU, or the sentence that none were; notebooks show it.

    Parameters
    ----------
    found : dict or None
        What ``bench --json`` wrote.

    Attributes
    ----------
    rows : list of dict
        Rows of the bench; empty when nothing is stored.
    device, method : dict, str
        Which GPU, and how it was measured; empty as well.
    """

    def __init__(self, found=None):
        self.rows = [row for row in (found or {}).get("rows", []) if row["bench"] == "gpu"]
        self.device = self.rows[0].get("device", {}) if self.rows else {}
        self.method = self.rows[0].get("method", "") if self.rows else ""

    @property
    def caption(self):
        """str: where it comes from, or that there is nothing."""
        if not self.rows:
            return NOTHING
        name, driver, version = (self.device.get(key) or "unknown" for key in ("name", "driver", "numba_cuda"))
        return (f"Measured on {name} (CUDA {driver}, numba-cuda {version}), stored in data/{FILE}; not measured here. "
                f"{self.method}")

    def lines(self):
        """Spell the figures.

        Returns
        -------
        heads, lines : list of str, list of list of str
            Column heads, and one line a case: medians, and minimum and maximum of the case's own figure.
        """
        columns = [name for name in COLUMNS if any(row.get(name) is not None for row in self.rows)]
        heads = ["case", *columns, "min", "max"]
        return heads, [[row["case"], *("" if row.get(name) is None else f"{row[name]:.2f}" for name in columns),
                        f"{row['min']:.2f}", f"{row['max']:.2f}"] for row in self.rows]

    def table(self):
        """Spell everything.

        Returns
        -------
        text : str
            The caption, and the figures below it.
        """
        if not self.rows:
            return self.caption
        heads, lines = self.lines()
        lines = [heads, *lines]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join([self.caption, ""] + [
            "  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines])

    def __repr__(self):
        return self.table()


def stored_table():
    """Read the table that was measured on a GPU.

    Returns
    -------
    table : StoredTable
        Empty, and saying so, when none is stored.
    """
    path = data_folder() / FILE
    return StoredTable(json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None)
