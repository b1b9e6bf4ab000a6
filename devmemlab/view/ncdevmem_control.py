"""The control of the lesson on ncdevmem: how octets are cut on their way, and how much device memory that takes.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has.
Omits. Sending: there is nothing to cut but what -z cuts.
"""

from devmemlab.lab.ncdevmem_cell import ncdevmem
from devmemlab.view.memory_bars import Bar, Bars
from devmemlab.view.memory_controls import Turned, _buttons
from devmemlab.view.nic_controls import _choose

SIZES = (1024, 8192, 65536)
MTUS = (1500, 9000)
BUFFERS = (4096, 16384, 65536)


class NcdevmemControl(Turned):
    """Choose what is sent and how large buffers are, run ncdevmem, and see what the memory is used for.

    Parameters
    ----------
    size, mtu, buffer : int
        Octets that are sent, of a packet, and of a receive buffer (``-b``), to begin with.

    Attributes
    ----------
    size, mtu, buffer : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    said : devmemlab.lab.ncdevmem_cell.Said
        What the run said.
    """

    def __init__(self, size=8192, mtu=1500, buffer=4096):
        self.size = _choose(SIZES, size, "octets sent", "13em")
        tips = [f"packets of {octets} octets" for octets in MTUS]
        self.mtu = _buttons([(f"MTU {octets}", octets) for octets in MTUS], mtu, tips, "7em")
        self.buffer = _choose(BUFFERS, buffer, "octets of a buffer (-b)", "17em")
        super().__init__([self.mtu, self.size, self.buffer])

    def _make(self):
        large = f" -b {self.buffer.value}" if self.buffer.value > BUFFERS[0] else ""
        self.said = ncdevmem(f"-l -f eth1 -s 10.0.0.2 -p 5201 -v 7 -L --size {self.size.value} --mtu {self.mtu.value}{large}")
        got = self.said.numbers
        self.taken = got["frags"] * self.buffer.value
        groups = [("octets", [Bar("D", "payload that came", "device", got["bytes"]),
                              Bar("T", "memory under tokens", "token", self.taken)])]
        return Bars(f"{self.size.value:,} octets, MTU {self.mtu.value:,}, buffers of {self.buffer.value:,}",
                    "octets, counted: a token holds a whole buffer, however little lies in it", groups, "octets")

    @property
    def text(self):
        """What was chosen and what came of it, in a sentence."""
        got = self.said.numbers
        return (f"{self.size.value} octets, MTU {self.mtu.value}, buffers of {self.buffer.value}: "
                f"exit status {self.said.exit_code}, {got['frags']} frags, {got['bytes'] / self.taken:.0%} of the memory is used")
