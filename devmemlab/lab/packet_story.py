"""The story of each packet: its queue, its netmems and its tokens, read from the trace of the host that it passed.

Law.   Every word comes from an event of the trace; of what the trace does not tell, nothing is said.
Reads. `devmemlab.base.trace` for the events; Linux Documentation/networking/devmem.rst for the words.
Omits. What GRO merged, and retransmissions: each frame has a story of its own.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.trace import (
    BINDING,
    CMSG_DMABUF,
    DMA_HEADER,
    DMA_PAYLOAD,
    DONTNEED,
    FRAME_IN,
    FRAME_OUT,
    HDS_SPLIT,
    NIC_DROP,
    STEER,
)
from devmemlab.host.ports.record import Record
from devmemlab.mem.binding import EVENT_BIND
from devmemlab.mem.netmem import netmem_is_net_iov
from devmemlab.mem.provider_table import net_iov_binding_id, net_iov_virtual_offset
from devmemlab.nic.drops import DROP_REASONS


class Token(NamedTuple):
    """One token that names octets of a packet.

    sock, token, length : int
        Connection, number, octets.
    given_ns : int
        When recvmsg handed it out.
    returned_ns : int or None
        When DONTNEED took it back.
    """

    sock: int
    token: int
    length: int
    given_ns: int
    returned_ns: int | None = None


class Piece(NamedTuple):
    """Payload of one packet in one buffer.

    netmem : int
        The buffer, with the kernel's tag in bit 0.
    offset, length : int
        Octets in it.
    tokens : list of Token
        In the order in which they were given.
    """

    netmem: int
    offset: int
    length: int
    tokens: list


class Story:
    """What became of one frame at one host.

    Attributes
    ----------
    outgoing : bool
        The host sent it.
    at_ns : int
        When.
    queue : int or None
        The RX queue that it was steered to.
    split, header_bytes : bool, int
        Whether header and payload parted; octets for the header buffer.
    pieces : list of Piece
        Where its payload went.
    dropped : str
        Why the NIC took it no farther; empty when it did.
    """

    __slots__ = ("outgoing", "at_ns", "queue", "split", "header_bytes", "pieces", "dropped")

    def __init__(self, outgoing, at_ns):
        self.outgoing, self.at_ns = outgoing, at_ns
        self.queue, self.split, self.header_bytes, self.pieces, self.dropped = None, False, 0, [], ""


def stories(host, nic=0):
    """Read what became of every frame that the trace of a host knows.

    Parameters
    ----------
    host : Host
        Made with ``trace=``.
    nic : int
        Row of the NIC that the frames passed.

    Returns
    -------
    received, sent : list of Story
        In the order in which they passed.

    Raises
    ------
    ValueError
        The host has no trace, or the trace was too small.
    """
    trace = host.trace
    if trace is None:
        raise ValueError(f"{host.name} has no trace; make it with lab.host(..., trace=True)")
    if trace.ctl[0].lost:
        raise ValueError(f"the trace of {host.name} was full, {int(trace.ctl[0].lost)} events are missing; "
                         f"make it with lab.host(..., trace={4 * int(trace.ctl[0].capacity)})")
    received, sent, story, held, owed = [], [], None, {}, {}
    first_queue = int(host.nics.ctl[nic].first_queue)
    wanted = np.isin(trace.event.kind[:trace.ctl[0].count], (CMSG_DMABUF, DMA_HEADER, DMA_PAYLOAD, DONTNEED, FRAME_IN, FRAME_OUT,
                                                            HDS_SPLIT, NIC_DROP, STEER))
    for at_ns, kind, a, b, c, d in trace.event[:trace.ctl[0].count][wanted].tolist():
        if kind == FRAME_IN:
            story = Story(False, at_ns)
            received.append(story) if a == nic else None
        elif kind == FRAME_OUT:
            sent.append(Story(True, at_ns)) if a == nic else None
        elif kind == STEER:
            story.queue = a - first_queue
        elif kind == HDS_SPLIT:
            story.split = True
        elif kind == DMA_HEADER:
            story.header_bytes = c
        elif kind == DMA_PAYLOAD:
            story.pieces.append(Piece(b, c, d, []))
            held[b] = story.pieces[-1].tokens
        elif kind == NIC_DROP:
            story.dropped = DROP_REASONS[b]
        elif kind == CMSG_DMABUF:
            # A buffer that several packets share tells no token from another's; the last one to be written has it.
            tokens = held.setdefault(c, [])
            tokens.append(Token(a, b, d, at_ns))
            owed[a, b] = tokens, len(tokens) - 1
        elif kind == DONTNEED and (a, b) in owed:
            tokens, place = owed.pop((a, b))
            tokens[place] = tokens[place]._replace(returned_ns=at_ns)
    return received, sent


def recorded(host, nic=0):
    """Put each recorded frame of a host beside its story.

    Parameters
    ----------
    host : Host
        With a trace, and a `Record` before its port (``dml.record(lab)``).
    nic : int
        Row of the NIC.

    Returns
    -------
    capture, stories : Capture, list of Story or None
        None for a frame that passed before the trace began.

    Raises
    ------
    ValueError
        Nothing was recorded; or see `stories`.
    """
    port = host.ports[nic]
    if not isinstance(port, Record):
        raise ValueError(f"nothing of {host.name} was recorded; call dml.record(lab) when its hosts are connected")
    capture = port.capture()
    packets = capture.packets() if len(capture) else []
    mac, told = int(host.nics.ctl[nic].mac), [None] * len(capture)
    for outgoing, known in enumerate(stories(host, nic)):
        rows = [k for k in range(len(capture)) if (int(packets[k].src_mac) == mac) == bool(outgoing)]
        # Both end now, wherever each began.
        count = min(len(rows), len(known))
        for row, story in zip(rows[len(rows) - count:], known[len(known) - count:]):
            told[row] = story
    return capture, told


class Places:
    """Names of buffers, and stories in words, for one host.

    Parameters
    ----------
    host : Host
        With a trace.
    """

    def __init__(self, host):
        self.host = host
        events = host.trace.event[:host.trace.ctl[0].count]
        # Rows of a binding that has ended may be another one's by now.
        self.ended = bool(((events.kind == BINDING) & (events.b != EVENT_BIND)).any())

    def name(self, netmem):
        """Name a buffer.

        Parameters
        ----------
        netmem : int
            With the kernel's tag in bit 0.

        Returns
        -------
        text : str
            ``"net_iov 3"``, counted in its dmabuf; ``"netmem 1048579"`` once a binding has ended; ``"page 7"``.
        """
        if not netmem_is_net_iov(netmem):
            return f"page {netmem >> 1}"
        if self.ended:
            return f"netmem {netmem >> 1}"
        mem = self.host.mem
        shift = int(mem.providers.binding[mem.providers.chunk[mem.netmems[netmem >> 1].owner].binding].niov_shift)
        return f"net_iov {int(net_iov_virtual_offset(mem.netmems, mem.providers, netmem)) >> shift}"

    def where(self, piece):
        """Say where a piece lies.

        Parameters
        ----------
        piece : Piece
            Of one packet.

        Returns
        -------
        text : str
            The buffer; of a net_iov also its place in the dmabuf, as long as no binding has ended.
        """
        name = self.name(piece.netmem)
        if not name.startswith("net_iov"):
            return f"{name} at {piece.offset} + {piece.length}"
        tables = self.host.mem.netmems, self.host.mem.providers, piece.netmem
        return (f"{name} (dmabuf id {int(net_iov_binding_id(*tables))}, "
                f"offset {int(net_iov_virtual_offset(*tables)) + piece.offset}) + {piece.length}")

    def spell(self, story):
        """Tell a story in one line: the comment of its packet.

        Parameters
        ----------
        story : Story or None
            Of one packet.

        Returns
        -------
        text : str
            Queue, netmems, tokens; empty when nothing is known.
        """
        if story is None:
            return ""
        if story.outgoing:
            return f"sent by {self.host.name}"
        parts = [] if story.queue is None else [f"queue {story.queue}"]
        if story.dropped:
            parts.append(f"dropped: {story.dropped}")
        if story.pieces:
            parts.append("header split" if story.split else "not split")
        for piece in story.pieces:
            tokens = ", ".join(f"token {one.token} of socket {one.sock}, "
                               + ("kept" if one.returned_ns is None else f"held {(one.returned_ns - one.given_ns) / 1000:g} us")
                               for one in piece.tokens)
            parts.append(self.where(piece) + (f": {tokens}" if tokens else ""))
        return "; ".join(parts)
