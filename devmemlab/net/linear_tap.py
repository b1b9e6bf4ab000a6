"""Taps: what a packet socket sees of a received packet.

Law.   Of an unreadable packet the linear part is captured, which is its headers; of a readable one all, up to the snap length.
Reads. Linux net/packet/af_packet.c (tpacket_rcv, which cuts at the linear length); spec section 13.3.
Omits. Filters; frames that leave: nothing unreadable is sent here, and a `Record` port keeps what passes the wire.

A tap looks where NAPI has built an skb, after the NIC and before GRO: hardware GRO shows, as on Linux, and what the NIC
dropped does not.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.net.linear import skb_copy_bits
from devmemlab.wire.rows import CSUM_UNKNOWN, FRAME

TAP_CTL = schema("active", "snaplen", "count", "used", "lost")


@component
class Taps(NamedTuple):
    """The captured packets of a host.

    ctl : TAP_CTL[1]
        Rows ``[0, count)`` and octets ``[0, used)`` are valid; ``lost`` counts packets that found no room.
    frame : FRAME[n]
        ``length`` is what was captured, ``wire_length`` the whole packet.
    arena : uint8[m]
        Octets.
    """

    ctl: np.recarray
    frame: np.recarray
    arena: np.ndarray


def make_taps(snaplen=0, count=1, room=1):
    """Make a tap.

    Parameters
    ----------
    snaplen : int
        Most octets of a packet; 0: the tap is off.
    count : int
        Packets it can hold.
    room : int
        Octets it can hold.

    Returns
    -------
    taps : Taps
        Empty.
    """
    taps = Taps(table(TAP_CTL, 1), table(FRAME, count), np.zeros(room, np.uint8))
    taps.ctl[0].active, taps.ctl[0].snaplen = int(snaplen > 0), snaplen
    return taps


@kernel
def tap_packet(memory, taps, skbs, skb, netmems, now_ns):
    """Let a tap see a packet whose headers are in its linear part.

    Parameters
    ----------
    memory : uint8[n]
        Read, in frags of readable skbs only.
    taps : Taps
        Grows by a row.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Addresses of frags.
    now_ns : int64
        Time.

    Returns
    -------
    captured : int64
        Octets; -1 when there was no room.
    """
    ctl = taps.ctl[0]
    row = skbs.skb[skb]
    whole = row.length
    if row.unreadable:
        whole = row.headlen
    elif row.frag_list:
        # A tap of ours looks no farther than the first skb of a frag list.
        whole = row.headlen
        for i in range(row.nr_frags):
            whole += skbs.frag[skb, i].length
    length = min(whole, ctl.snaplen)
    if ctl.count == len(taps.frame) or ctl.used + length > len(taps.arena):
        ctl.lost += 1
        return np.int64(-1)
    skb_copy_bits(memory, skbs, skb, netmems, 0, taps.arena, ctl.used, length)
    frame = taps.frame[ctl.count]
    frame.at_ns = now_ns
    frame.offset = ctl.used
    frame.length = length
    frame.wire_length = row.length
    frame.csum = CSUM_UNKNOWN
    ctl.used += length
    ctl.count += 1
    return length
