"""Page ranges: in which buffer each stretch of a stream came to lie, and what became of the buffer.

Law.   A stretch is tied to a buffer by the trace of the card, frame by frame, never by a guess about the order of buffers.
Reads. Tracepoints frame_in, nic_drop, dma_payload, cmsg_dmabuf, dontneed, page_pool_recycle; devmemlab.lab.segments.
Omits. Frames that the card itself joined (hardware GRO): their stretches are not told apart, and are left out.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base import trace as tp
from devmemlab.view.heat_map import find_binding

SOCKET, TOKEN, BACK = "socket", "token", "ring"
LONGEST_HEADERS = 14 + 4 + 60 + 60
WHICH = (tp.FRAME_IN, tp.NIC_DROP, tp.DMA_PAYLOAD, tp.CMSG_DMABUF, tp.DONTNEED, tp.PAGE_POOL_RECYCLE)


class Piece(NamedTuple):
    """A stretch of a stream in one buffer.

    segment : int
        Which segment brought it.
    seq, end : int
        Relative sequence numbers.
    page : int
        Which net_iov of the dmabuf; of host memory which page.
    device : bool
        Whether it is a net_iov.
    steps : list of (int, str, int)
        What became of the buffer: time, `SOCKET`, `TOKEN` or `BACK`, and which of the program's calls did it, -1 for none.
    """

    segment: int
    seq: int
    end: int
    page: int
    device: bool
    steps: list


class Call(NamedTuple):
    """One call of the receiving program.

    at_ns, what, count : int, str, int
        When; ``"recvmsg"`` or ``"dontneed"``; tokens.
    """

    at_ns: int
    what: str
    count: int


def _replayed(trace):
    """Read the frames, the buffers they went to, and the program's calls.

    Parameters
    ----------
    trace : Trace
        Of the receiver.

    Returns
    -------
    frames, calls : list of (int, int, bool, list), list of Call
        Of each frame: time, octets, whether the card dropped it, and of each buffer it filled: netmem, octets, steps.
    """
    events = trace.event[: int(trace.ctl[0].count)]
    chosen = events[np.isin(np.asarray(events.kind), WHICH)]
    frames, calls, now, held = [], [], {}, {}

    def called(at_ns, what):
        if calls and calls[-1][:2] == (at_ns, what):
            calls[-1] = Call(at_ns, what, calls[-1].count + 1)
        else:
            calls.append(Call(at_ns, what, 1))
        return len(calls) - 1

    for at_ns, kind, a, b, c, d in zip(*(np.asarray(chosen[name]).tolist() for name in ("at_ns", "kind", "a", "b", "c", "d"))):
        if kind == tp.FRAME_IN:
            frames.append([at_ns, c, False, []])
        elif kind == tp.NIC_DROP and frames:
            frames[-1][2] = True
        elif kind == tp.DMA_PAYLOAD and frames:
            steps = now[b] = [(at_ns, SOCKET, -1)]
            held[b] = 0
            frames[-1][3].append((b, d, steps))
        elif kind == tp.CMSG_DMABUF and c in now:
            held[c] += 1
            now[c].append((at_ns, TOKEN, called(at_ns, "recvmsg")))
        elif kind == tp.DONTNEED and c in now:
            held[c] -= 1
            number = called(at_ns, "dontneed")
            if held[c] == 0:
                now[c].append((at_ns, SOCKET, number))
        elif kind == tp.PAGE_POOL_RECYCLE and b in now:
            steps = now.pop(b)
            last = steps[-1]
            steps.append((at_ns, BACK, last[2] if last[0] == at_ns else -1))
    return frames, calls


def page_ranges(conversation, side, host):
    """Find the buffer of every stretch of a stream.

    Parameters
    ----------
    conversation : Conversation
        Recorded at both ends, or at the receiver.
    side : int
        Who sent the stream.
    host : Host
        Who received it, with a trace of everything since the connection began.

    Returns
    -------
    pieces, calls : list of Piece, list of Call
        In the order in which they arrived; and what the program did.

    Raises
    ------
    ValueError
        There is no trace, or it is full, or it is not of this conversation.
    """
    if host.trace is None or host.trace.ctl[0].lost:
        raise ValueError(f"{host.name} has no whole trace; make it with trace=True, and receive less")
    frames, calls = _replayed(host.trace)
    try:
        first = int(host.mem.providers.binding[find_binding(host.mem, None)].niov_first)
    except ValueError:
        first = 0
    came = sorted((one.arrived_ns, k) for k, one in enumerate(conversation.segments)
                  if one.side == side and one.payload_bytes and one.arrived_ns is not None)
    pieces, at = [], 0
    for arrived_ns, k in came:
        one = conversation.segments[k]
        # Frames without payload and those of other connections lie between.
        while at < len(frames) and not (frames[at][0] >= arrived_ns and 0 < frames[at][1] - one.payload_bytes <= LONGEST_HEADERS):
            at += 1
        if at == len(frames):
            raise ValueError(f"the trace of {host.name} has no frame for octets {one.seq} to {one.end}")
        _, _, dropped, filled = frames[at]
        at, seq = at + 1, one.seq
        over = sum(octets for _, octets, _ in filled) - one.payload_bytes
        for netmem, octets, steps in [] if dropped else filled:
            # Without header split the first buffer has the headers too.
            octets, over = octets - over, 0
            device = bool(netmem & 1)
            pieces.append(Piece(k, seq, seq + octets, (netmem >> 1) - first * device, device, steps))
            seq += octets
    return pieces, calls
