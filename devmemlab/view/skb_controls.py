"""The control of the lesson about skbs: which segments arrive where, and what somebody tries with them.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has.
Omits. Hardware GRO; more than one operation on the same segments: each choice begins with fresh ones.
"""

from devmemlab.lab import scenes_skb
from devmemlab.view.memory_controls import Turned, _buttons
from devmemlab.view.nic_controls import _choose
from devmemlab.view.skb_picture import skb_picture

COUNT = 20
SEGMENTS = (100, 536, 1448, 8948)


class SkbControl(Turned):
    """Choose what arrives and what is tried with it, and see the receive queue and the answer.

    Parameters
    ----------
    queue : str
        ``"device memory"`` or ``"pages"``.
    gro : bool
        Whether the stack joins segments before TCP.
    segment : int
        Octets of payload of each of the 20 segments.
    operation : str
        What is tried with the first skb; a name of `devmemlab.lab.scenes_skb.OPERATIONS`.

    Attributes
    ----------
    queue, gro, segment, operation : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    answer : str
        What came of the operation.
    packets : int
        Packets that TCP was handed.
    counts : dict of str to int
        Of the receive queue before the operation, see `SkbPicture.counts`.
    """

    def __init__(self, queue="device memory", gro=True, segment=1448, operation="recv, without the flag"):
        self.queue = _buttons([(name, name) for name in scenes_skb.QUEUES], queue,
                              ["the queue is bound to a dmabuf", "the queue has ordinary pages"], "11em")
        self.gro = _buttons([("GRO on", True), ("GRO off", False)], gro,
                            ["segments are joined before TCP", "TCP gets every segment by itself"], "7em")
        self.segment = _choose(SEGMENTS, segment, "octets in a segment", "15em")
        self.operation = _choose(tuple(scenes_skb.OPERATIONS), operation, "try", "24em")
        super().__init__([self.queue, self.gro, self.segment, self.operation])

    def _make(self):
        arrived = scenes_skb.arrivals(self.queue.value, self.segment.value, COUNT, self.gro.value)
        self.packets = scenes_skb.packets(arrived)
        self.counts = skb_picture(arrived.host.inspect(arrived.conn)).counts
        self.answer = scenes_skb.try_operation(arrived, self.operation.value)
        picture = skb_picture(arrived.host.inspect(arrived.conn))
        picture.title = f"Tried: {self.operation.value}: {self.answer}"
        scenes_skb.close(arrived)
        return picture

    @property
    def text(self):
        """What waits and what was answered, in a sentence."""
        counts, gro = self.counts, "on" if self.gro.value else "off"
        return (f"{self.queue.value}, GRO {gro}, {COUNT} segments of {self.segment.value}, {self.operation.value}: "
                f"{self.answer}; {self.packets} packets for TCP, {counts['skbs']} skbs with {counts['frags']} frags waited, "
                f"{counts['charged'] / counts['octets']:.1f} charged for each octet")
