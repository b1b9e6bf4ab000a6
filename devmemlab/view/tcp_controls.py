"""The control of the lesson about TCP: how bad the wire is, how large the segments, how much device memory.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has.
Omits. Congestion control: a stream of 21 full segments is over before it matters.
"""

from devmemlab.lab import scenes_tcp
from devmemlab.view.ladder import ladder
from devmemlab.view.memory_controls import Turned, _buttons
from devmemlab.view.nic_controls import _choose

LOSSES, REORDERS = {"none": 0.0, "5 %": 0.05, "20 %": 0.2}, {"none": 0.0, "20 %": 0.2}
MTUS, PAGES = (576, 1500, 9000), (16, 32, 128)
OCTETS, SEED = 30_000, 6
NOUNS = {"sent again": "sent again", "fast": "by fast retransmit", "probes": "tail probes", "timeouts": "timeouts"}


class TcpControl(Turned):
    """Choose a wire, a segment size and an amount of memory, and see 30,000 octets travel.

    Parameters
    ----------
    loss, reorder : str
        To begin with; names from the lists.
    mtu, pages : int
        Likewise.

    Attributes
    ----------
    loss, reorder, mtu, pages : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    counts : dict of str to int
        What the sender did (see `devmemlab.lab.scenes_tcp.repairs`), ``segments`` of data that left it, ``early`` ones that
        the receiver queued out of order, ``dropped`` for want of a buffer, ``octets`` that were read, ``ms`` it took.
    whole : bool
        False: 20 s later the program still had not read everything.
    """

    def __init__(self, loss="5 %", reorder="none", mtu=1500, pages=128):
        self.loss = _choose(tuple(LOSSES), loss, "loss", "9em")
        self.reorder = _buttons([("in order", "none"), ("20 % late", "20 %")], reorder,
                                ["the wire keeps the order", "a fifth of the frames is overtaken"], "8em")
        self.mtu = _choose(MTUS, mtu, "MTU", "9em")
        self.pages = _choose(PAGES, pages, "device pages", "13em")
        super().__init__([self.reorder, self.loss, self.mtu, self.pages])

    def _make(self):
        talk, stream = scenes_tcp.transfer(OCTETS, mtu=self.mtu.value, pages=self.pages.value, loss=LOSSES[self.loss.value],
                                           reorder=REORDERS[self.reorder.value], seed=SEED)
        got = scenes_tcp.deliver(talk, len(stream))
        talk.lab.run(until_ns=talk.lab.clock.now_ns + scenes_tcp.MS)
        told = scenes_tcp.conversation(talk.lab)
        data = [one for one in told.segments if one.side == 0 and one.payload_bytes and one.fate != "copy"]
        came = [one.arrived_ns for one in data if one.arrived_ns is not None]
        self.counts = scenes_tcp.repairs(talk.storage) | {
            "segments": len(data), "early": int(talk.trainer.tcbs.tcb[talk.conn.sock].rcv_ooopack),
            "dropped": int(talk.trainer.rxqs.ctl[1].rx_hw_drop_overruns), "octets": len(got),
            "ms": (max(came) - data[0].sent_ns) // scenes_tcp.MS}
        self.whole = got == stream
        talk.lab.close()
        talk.device.close()
        title = (f"30,000 octets: loss {self.loss.value}, reordering {self.reorder.value}, MTU {self.mtu.value}, "
                 f"{self.pages.value} device pages")
        return ladder(told, first=3, most=44, title=title)

    @property
    def text(self):
        """What happened, in a sentence."""
        counts = self.counts
        repaired = ", ".join(f"{NOUNS[name]} {counts[name]}" for name in NOUNS)
        end = f"whole after {counts['ms']} ms" if self.whole else f"{counts['octets']:,} octets in 20 s, and no end"
        return (f"loss {self.loss.value}, reordering {self.reorder.value}, MTU {self.mtu.value}, {self.pages.value} pages: "
                f"{counts['segments']} segments, {repaired}, early {counts['early']}, no buffer {counts['dropped']}; "
                f"{end} (modelled)")
