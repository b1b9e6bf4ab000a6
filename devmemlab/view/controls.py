"""Controls for notebooks: choose, run again, look.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. ipywidgets for what is clicked, anywidget for the line that is announced.
Omits. Anything that needs a kernel to be looked at: every control has a static form.

A control is made of ordinary widgets with an explicit handler: no ``@interact`` and no ``Output`` widget, because
those cannot be compared when a notebook is tested, and no slider, because arrow keys do not reach it everywhere.
"""

import pathlib

import anywidget
import ipywidgets
import traitlets

from devmemlab.lab.compare import compare
from devmemlab.view.byte_flow import byte_flow
from devmemlab.view.svg import shown
from devmemlab.view.tables import result_html

BUFFERS = ("64KiB", "1MiB", "8MiB", "64MiB")
MTUS = (1500, 9000)


class Announcer(anywidget.AnyWidget):
    """A line of text that is announced when it changes.

    Attributes
    ----------
    text : str
        The line.
    runs : int
        How many runs are finished; tests in a browser wait for it.
    """

    _esm = pathlib.Path(__file__).parent / "static" / "announcer.js"
    text = traitlets.Unicode("").tag(sync=True)
    runs = traitlets.Int(0).tag(sync=True)


class TransferControl(ipywidgets.VBox):
    """Receive the same transfer again with another MTU or another buffer, and see where every byte went.

    Parameters
    ----------
    mtu : int
        To begin with; 1500 and 9000 have recorded captures.
    app_buffer : str
        The program's buffer to begin with, one of ``BUFFERS``.
    **options
        For `devmemlab.lab.compare.compare`.

    Attributes
    ----------
    mtu, app_buffer : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    again : ipywidgets.Button
        Runs once more.
    result : Result
        Of the last run.
    """

    def __init__(self, mtu=1500, app_buffer="64MiB", **options):
        self._compare = options.pop("run", compare)
        self._options = {"size": "2MiB", "repeats": 3, **options}
        wide = {"description_width": "initial"}
        self.mtu = ipywidgets.ToggleButtons(
            options=[(f"MTU {value}", value) for value in MTUS],
            value=mtu,
            style={"button_width": "7em"},
            layout=ipywidgets.Layout(width="auto", flex="0 0 auto"),
            tooltips=[f"receive frames of {value} octets" for value in MTUS],
        )
        self.app_buffer = ipywidgets.Dropdown(
            options=BUFFERS,
            value=app_buffer,
            description="program's buffer",
            style=wide,
            tooltip="how much the copying ways collect before they copy it to the device",
        )
        self.again = ipywidgets.Button(description="measure again", tooltip="the same transfer once more")
        self._line, self._page = Announcer(), ipywidgets.HTML()
        row = ipywidgets.Box(
            [self.mtu, self.app_buffer, self.again],
            layout=ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="4px 16px"),
        )
        super().__init__([row, self._line, self._page])
        self.add_class("dml-control")
        self.result = None
        self.mtu.observe(self._changed, "value")
        self.app_buffer.observe(self._changed, "value")
        self.again.on_click(self._changed)
        self.run()

    def _changed(self, change):
        self.run()

    def run(self):
        """Receive the transfer with what is chosen now, and show it.

        Returns
        -------
        result : Result
            Kept as ``result``.
        """
        self._line.text = f"receiving: MTU {self.mtu.value}, buffer {self.app_buffer.value} ..."
        self.result = self._compare(mtu=self.mtu.value, app_buffer=self.app_buffer.value, **self._options)
        flow = self.flow
        self._page.value = result_html(self.result) + flow.svg
        self._line.text = self.text
        self._line.runs += 1
        return self.result

    @property
    def flow(self):
        """ByteFlow: where every byte of the last run went."""
        return byte_flow(self.result)

    @property
    def text(self):
        """The last run in a sentence, without times."""
        copies = ", ".join(f"{row.mode} {row.copied_bytes_per_payload_byte:.2f}" for row in self.result.rows)
        return f"MTU {self.mtu.value}, buffer {self.app_buffer.value}: copies of each payload byte: {copies}"

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
        return self.flow.save(path)

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})
        data, metadata = shown(self.flow.svg, self.flow.text)
        return bundle | data | {"text/plain": repr(self)}, metadata

    def __repr__(self):
        return f"TransferControl: {self.text}"
