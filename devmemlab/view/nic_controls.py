"""Controls of the lessons about the card: where a frame is cut, and what becomes of a burst.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has.
Omits. A connection: nobody answers these frames, so that each choice begins from the same state.
"""

import ipywidgets

from devmemlab.lab import scenes_nic
from devmemlab.lab.frames import TCP_OPTIONS, make_frame
from devmemlab.view.frame_picture import frame_picture
from devmemlab.view.memory_bars import Bar, Bars
from devmemlab.view.memory_controls import Turned, _buttons

MORE = {"nothing": 0, "8 octets": 8, "24 octets": 24, "40 octets": 40}
RINGS, HEADER_BUFFERS, THRESHOLDS = (8, 16, 32, 64), (64, 128, 256), (0, 128, 512)


def _choose(options, value, description, width):
    """Make a list to choose from.

    Parameters
    ----------
    options : sequence
        What there is.
    value : object
        Chosen to begin with.
    description : str
        Its name.
    width : str
        Of the whole.

    Returns
    -------
    chooser : ipywidgets.Dropdown
        Also turned by the arrow keys.
    """
    return ipywidgets.Dropdown(options=options, value=value, description=description, style={"description_width": "initial"},
                               layout=ipywidgets.Layout(width=width))


class FrameControl(Turned):
    """Choose what a frame carries, and see where it is cut.

    Parameters
    ----------
    version, tags : int
        IP version and number of VLAN tags to begin with.
    tcp_options, ip_more : str
        What the TCP and the IP header carry in addition; a name from the lists.
    header_buffer : int
        Octets that the card has for headers.

    Attributes
    ----------
    version, tags, ip_more, tcp_options, header_buffer : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    """

    def __init__(self, version=4, tags=0, tcp_options="timestamps", ip_more="nothing", header_buffer=128):
        self.version = _buttons([("IPv4", 4), ("IPv6", 6)], version, ["20 octets of IPv4", "40 octets of IPv6"], "6em")
        self.tags = _choose((0, 1, 2), tags, "VLAN tags", "10em")
        self.ip_more = _choose(tuple(MORE), ip_more, "IP options or extensions", "20em")
        self.tcp_options = _choose(tuple(TCP_OPTIONS), tcp_options, "TCP options", "22em")
        self.header_buffer = _choose(HEADER_BUFFERS, header_buffer, "header buffer", "13em")
        super().__init__([self.version, self.tags, self.ip_more, self.tcp_options, self.header_buffer])

    def _make(self):
        self.octets = make_frame(self.version.value, self.tags.value, MORE[self.ip_more.value], self.tcp_options.value,
                                 payload=bytes(range(64, 128)))
        title = f"A frame with 64 octets of payload, at a card with header buffers of {self.header_buffer.value}"
        return frame_picture(self.octets, title, header_buffer=self.header_buffer.value)

    @property
    def text(self):
        """Where the cut is, in a sentence."""
        return (f"IPv{self.version.value}, VLAN tags: {self.tags.value}, more in IP: {self.ip_more.value}, "
                f"TCP options: {self.tcp_options.value}: {self.picture.verdict}")


class RingControl(Turned):
    """Choose the sizes of a card's queue, and see what becomes of a burst of 96 frames.

    Parameters
    ----------
    queue : str
        ``"device memory"`` or ``"pages"``.
    ring, header_buffer, hds_thresh : int
        To begin with.

    Attributes
    ----------
    queue, ring, header_buffer, hds_thresh : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    counts : dict of str to int
        ``split``, ``unsplit``, ``not split``, ``no descriptor``: their sum is 96; and ``delivered``.
    refused : str
        What the card said to the threshold; empty when nothing.
    """

    def __init__(self, queue="device memory", ring=64, header_buffer=128, hds_thresh=0):
        self.queue = _buttons([(name, name) for name in scenes_nic.QUEUES], queue,
                              ["the queue is bound to a dmabuf", "the queue has ordinary pages"], "11em")
        self.ring = _choose(RINGS, ring, "ring", "8em")
        self.header_buffer = _choose(HEADER_BUFFERS, header_buffer, "header buffer", "13em")
        self.hds_thresh = _choose(THRESHOLDS, hds_thresh, "hds-thresh", "12em")
        super().__init__([self.queue, self.ring, self.header_buffer, self.hds_thresh])

    def _make(self):
        chosen, self.refused = {"ring": self.ring.value, "header_buffer": self.header_buffer.value}, ""
        card = scenes_nic.card(self.queue.value, **chosen)
        try:
            card.nic.set_rings(hds_thresh=self.hds_thresh.value)
        except OSError as error:
            self.refused = f"hds-thresh {self.hds_thresh.value} refused, errno {error.errno}"
        frames = scenes_nic.traffic()
        seen, reasons = scenes_nic.arrive(card, *frames), scenes_nic.drops(card)
        card.lab.close()
        unsplit, dry = seen.get("rx_hsplit_unsplit_pkt", 0), seen.get("rx-hw-drop-overruns", 0)
        split = seen.get("rx_hsplit_pkt", 0) - unsplit
        self.counts = {"split": split, "unsplit": unsplit, "not split": len(frames) - split - unsplit - dry, "no descriptor": dry,
                       "delivered": len(frames) - sum(reasons.values())}
        return self._bars(reasons)

    def _bars(self, reasons):
        """Draw it.

        Parameters
        ----------
        reasons : dict of str to int
            Dropped frames.

        Returns
        -------
        picture : Bars
            Two groups.
        """
        looks = {"split": ("S", "payload"), "unsplit": ("U", "header"), "not split": ("W", "wire"),
                 "no descriptor": ("X", "dropped")}
        ways = [Bar(letter, name, fill, self.counts[name]) for name, (letter, fill) in looks.items()]
        ends = [Bar("D", "to TCP", "device", self.counts["delivered"])]
        ends += [Bar("X", SHORT.get(reason, reason), "dropped", count) for reason, count in reasons.items()]
        title = f"96 frames at a ring of {self.ring.value}, header buffers of {self.header_buffer.value}, into {self.queue.value}"
        note = "frames, counted" + (f"; {self.refused}" if self.refused else f"; hds-thresh {self.hds_thresh.value}")
        return Bars(title, note, [("what the card did", ways), ("what became of them", ends)], "frames")

    @property
    def text(self):
        """What was counted, in a sentence."""
        said = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return (f"{self.queue.value}, ring {self.ring.value}, header buffer {self.header_buffer.value}, "
                f"hds-thresh {self.hds_thresh.value}: {said}" + (f"; {self.refused}" if self.refused else ""))


SHORT = {"no descriptor posted": "dropped: no descriptor", "header would be in unreadable memory": "dropped: not split",
         "header overflow on an unreadable queue": "dropped: unsplit", "protocol not spoken here": "dropped: no TCP"}
"""Reason of a drop -> what fits beside a bar."""
