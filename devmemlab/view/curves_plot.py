"""Curves of a bench: ratios over footprints and over the program's buffer.

Law.   A line has a letter, a marker and a style of its own; bars of spread are minimum and maximum of all repeats.
Reads. `devmemlab.lab.bench.curves`; theme.py for the looks.
Omits. Smoothing, and points that were not measured.
"""

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg

from devmemlab.base.units import format_size
from devmemlab.view.flow import MODES
from devmemlab.view.plots import Plot
from devmemlab.view.theme import FURNITURE, ROLES, rc

STYLES = {"devmem": ("o", "-"), "host_copy": ("s", "--"), "host_copy_pageable": ("^", ":")}
"""Way -> marker and line."""


def _line(axes, mode, points, figure, dark, turn=False):
    """Draw one way; gives its points in words."""
    role = ROLES[MODES[mode][1]]
    stats = [row["figures"][figure] for _, row in points]
    if turn:
        stats = [{"median": 1 / one["median"], "min": 1 / one["max"], "max": 1 / one["min"]} for one in stats]
    middle = [one["median"] for one in stats]
    spread = [[one["median"] - one["min"] for one in stats], [one["max"] - one["median"] for one in stats]]
    marker, style = STYLES[mode]
    sizes = [size for size, _ in points]
    axes.errorbar(
        sizes, middle, spread, marker=marker, linestyle=style, capsize=3, color=role.dark if dark else role.light,
        markeredgecolor=FURNITURE["ink"][2 if dark else 1], label=f"{MODES[mode][0]}  {mode}", linewidth=2,
    )
    said = ", ".join(f"{value:.2f} at {format_size(size)}" for size, value in zip(sizes, middle))
    return f"{MODES[mode][0]} {mode}: {said}"


def _finish(axes, title, label, sizes, ink):
    """Dress a pair of axes."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [format_size(size) for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(0, max(1.05, axes.get_ylim()[1]))
    axes.axhline(1, color=ink, linewidth=0.8, linestyle=(0, (1, 3)))
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.legend(frameon=False, fontsize=9)


def curves_plot(curves, dark=False):
    """Draw throughput beside memcpy over footprints, and devmem over the copying ways over their buffers.

    Parameters
    ----------
    curves : Curves
        From ``dml.bench_curves``.
    dark : bool
        For dark paper.

    Returns
    -------
    figure : Plot
        A `matplotlib.figure.Figure`; the last line of a cell shows it, ``savefig`` writes it.
    """
    with matplotlib.rc_context(rc(dark)):
        figure = Plot(figsize=(9.4, 3.8), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        ink, words = FURNITURE["ink"][2 if dark else 1], [f"Receiving at MTU {curves.mtu}, measured; bigger is better."]
        words.append("Throughput beside memcpy, over octets of distinct payload:")
        ways = [mode for mode in STYLES if curves.over_footprint(mode)]
        words += [_line(left, mode, curves.over_footprint(mode), "ratio_to_memcpy", dark) for mode in ways]
        sizes = [size for size, _ in curves.over_footprint(ways[0])]
        _finish(left, "throughput beside memcpy (measured)", "distinct payload", sizes, ink)
        words.append("Throughput of devmem divided by that of a copying way, over its buffer, at the largest footprint:")
        copying = [mode for mode in ways if mode != "devmem"]
        words += [_line(right, mode, curves.over_buffer(mode), "ratio_to_devmem", dark, turn=True) for mode in copying]
        sizes = [size for size, _ in curves.over_buffer(copying[0])]
        _finish(right, "devmem over this way (measured)", "the program's buffer", sizes, ink)
        figure.words = "\n".join(words)
        # The fonts and colours are decided when text is drawn, which must be inside the context.
        figure.draw_without_rendering()
    return figure
