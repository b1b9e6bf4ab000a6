"""The pictures and the control of the lesson about sending: copies of each way, and memory that is used again too early.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has; memory_bars.py and ladder.py for what is drawn.
Omits. Times of a real card: everything is counted, or modelled.
"""

from devmemlab.lab import scenes_send
from devmemlab.view.ladder import ladder
from devmemlab.view.memory_bars import Bar, Bars
from devmemlab.view.memory_controls import Turned, _buttons
from devmemlab.view.nic_controls import _choose

STAGES = {"DEVICE_TO_HOST": ("user", "device to host memory"), "SEND_COPY": ("host", "buffer to kernel pages"),
          "DMA_READ": ("host", "card reads host memory"), "DMA_READ_DEVICE": ("device", "card reads device memory")}
"""Stage of a sender's ledger -> the role it is drawn with, and its name for people."""
LOST = {"no frame": (), "the third frame": (3,), "the last frame": (10,)}
LENGTHS = (14_480, 20_000)


def send_bars(result):
    """Draw how many octets each way of sending moved, stage by stage.

    Parameters
    ----------
    result : SendResult
        From ``dml.compare_senders``.

    Returns
    -------
    bars : Bars
        A group for each way.
    """
    groups = []
    for letter, row in zip("ABCD", result.rows):
        bars = [Bar(letter, STAGES[name][1], STAGES[name][0], row.stages[name][0]) for name in STAGES if name in row.stages]
        groups.append((f"{row.mode}: each octet moved {row.copied_bytes_per_payload_byte:.2f} times", bars))
    return Bars("The way of the payload to the wire", "counted by the sender's ledger", groups, "octets")


class SendControl(Turned):
    """Choose how a program sends, when it writes over its memory, and what the wire loses.

    Parameters
    ----------
    way, when : str
        To begin with; of `devmemlab.lab.scenes_send.MODES` and ``WHENS``.
    lost : str
        One of ``LOST``.
    octets : int
        Length of the message, one of ``LENGTHS``.

    Attributes
    ----------
    way, when, lost, octets : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    outcome : Reuse
        What came of it.
    """

    def __init__(self, way="devmem", when="at once", lost="no frame", octets=14_480):
        tips = [f"the memory is written over {words}" for words in scenes_send.WHENS]
        self.when = _buttons([(words, words) for words in scenes_send.WHENS], when, tips, "12em")
        self.way = _choose(scenes_send.MODES, way, "way of sending", "14em")
        self.lost = _choose(tuple(LOST), lost, "the wire loses", "15em")
        self.octets = _choose(LENGTHS, octets, "octets", "9em")
        super().__init__([self.when, self.way, self.lost, self.octets])

    def _make(self):
        self.outcome = scenes_send.reuse(self.way.value, self.when.value, self.octets.value, LOST[self.lost.value], recorded=True)
        title = (f"{self.way.value}, {self.octets.value:,} octets, written over {self.when.value}; lost: {self.lost.value}; "
                 f"{self.outcome.wrong:,} octets wrong")
        return ladder(self.outcome.told, most=40, title=title)

    @property
    def text(self):
        """What was chosen and what came of it, in a sentence."""
        return f"lost: {self.lost.value}; {self.outcome.verdict}"
