"""Plots for notebooks, drawn by Matplotlib.

Law.   A plot says what the table says, with the same letters; bars begin at zero.
Reads. Rows of a comparison; theme.py for the looks.
Omits. pyplot: a figure here belongs to nobody but its caller and is shown once.
"""

import io

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from devmemlab.view.bars import in_words
from devmemlab.view.flow import MODES
from devmemlab.view.picture import heading
from devmemlab.view.svg import save_svg, shown
from devmemlab.view.theme import FURNITURE, ROLES, rc


class Plot(Figure):
    """A Matplotlib figure that shows itself in a notebook and carries its words along."""

    words = ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=96)
        data, metadata = shown(file.getvalue(), self.words, "image/png")
        return data | {"text/plain": repr(self)}, metadata

    def save(self, path):
        """Write the plot to a file, as vectors.

        Parameters
        ----------
        path : str or pathlib.Path
            Its name; ``.svg`` is added where there is no ending.

        Returns
        -------
        path : pathlib.Path
            What was written: the same octets every time.
        """
        file = io.StringIO()
        with matplotlib.rc_context(rc()):
            named = {"Date": None, "Title": self.words.partition("\n")[0], "Description": self.words}
            self.savefig(file, format="svg", metadata=named)
        return save_svg(file.getvalue().rstrip("\n"), path)

    def __repr__(self):
        return f"<Plot: {self.words.splitlines()[0] if self.words else 'empty'}>"


def _bars(axes, rows, values, spell, title, dark):
    """Fill one pair of axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Empty.
    rows : sequence of Row
        One bar each, the first one on top.
    values : sequence of float
        Lengths.
    spell : callable
        Value to text.
    title : str
        Above.
    dark : bool
        Dark paper.
    """
    ink = FURNITURE["ink"][2 if dark else 1]
    names = [f"{MODES[row.mode][0]}  {row.mode}" for row in rows]
    for name, row, value in zip(names, rows, values):
        role = ROLES[MODES[row.mode][1]]
        axes.barh(
            name, value, color=role.dark if dark else role.light, hatch=role.hatch, edgecolor=ink, linewidth=0.8, height=0.62
        )
        axes.annotate(spell(value), (value, name), (5, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, max(values) * 1.3 or 1)
    axes.set_title(title)
    axes.tick_params(left=False)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")


def plot(result, dark=False):
    """Draw a comparison: time for each packet beside copies of each payload byte.

    Parameters
    ----------
    result : Result
        From ``dml.compare``.
    dark : bool
        For dark paper.

    Returns
    -------
    figure : Plot
        A `matplotlib.figure.Figure`; the last line of a cell shows it, ``savefig`` writes it.
    """
    rows = result.rows
    with matplotlib.rc_context(rc(dark)):
        figure = Plot(figsize=(9.0, 0.9 + 0.42 * len(rows)), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.1)
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        _bars(left, rows, [row.ns_per_packet for row in rows], "{:,.0f}".format, "ns for each packet (measured)", dark)
        _bars(
            right,
            rows,
            [row.copied_bytes_per_payload_byte for row in rows],
            "{:.2f}".format,
            "copies of each payload byte (counted)",
            dark,
        )
        left.invert_yaxis()
        figure.words = f"{heading(result)}\n{in_words(rows)}"
        # The fonts and colours are decided when text is drawn, which must be inside the context.
        figure.draw_without_rendering()
    return figure
