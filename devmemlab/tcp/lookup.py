"""Finding the control block of a segment.

Law.   An established four-tuple wins over a listener; at most one connection has a four-tuple.
Reads. Linux net/ipv4/inet_hashtables.c.
Omits. SO_REUSEPORT groups; binding to a device.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import LINE_BYTES, prefetch_row
from devmemlab.tcp.states import LISTEN
from devmemlab.tcp.tcb import HOT_BYTES


@kernel
def _bucket(tcbs, raddr_hi, raddr_lo, rport, lport):
    """Hash a four-tuple (the local address is nearly constant and left out).

    Parameters
    ----------
    tcbs : Tcbs
        For the number of buckets.
    raddr_hi, raddr_lo, rport, lport : int64
        Remote address and both ports.

    Returns
    -------
    bucket : int64
        Row of ``tcbs.bucket``.
    """
    # Each multiplication carries low bits up only, so the high ones are folded back: ports that count up then lie apart.
    h = ((raddr_lo ^ (raddr_lo >> 31) ^ (raddr_hi << 7) ^ (raddr_hi >> 29)) & 0x7FFFFFFF) * 0x9E3779B1
    h = ((h >> 31) ^ h ^ (rport << 15) ^ lport) & 0x7FFFFFFF
    h = h * 0x9E3779B1
    return ((h >> 31) ^ (h >> 15)) & (len(tcbs.bucket) - 1)


@kernel
def tcp_hash(tcbs, tcb):
    """Make a connection findable.

    Parameters
    ----------
    tcbs : Tcbs
        A chain grows.
    tcb : int64
        Row with its four-tuple set.
    """
    row = tcbs.tcb[tcb]
    bucket = tcbs.bucket[_bucket(tcbs, row.raddr_hi, row.raddr_lo, row.rport, row.lport)]
    row.hash_next = bucket.head
    bucket.head = tcb


@kernel
def tcp_unhash(tcbs, tcb):
    """Make a connection unfindable; harmless when it already is.

    Parameters
    ----------
    tcbs : Tcbs
        A chain shrinks.
    tcb : int64
        Row.
    """
    row = tcbs.tcb[tcb]
    bucket = tcbs.bucket[_bucket(tcbs, row.raddr_hi, row.raddr_lo, row.rport, row.lport)]
    at = bucket.head
    if at == tcb:
        bucket.head = row.hash_next
        row.hash_next = 0
        return
    while at:
        following = tcbs.tcb[at].hash_next
        if following == tcb:
            tcbs.tcb[at].hash_next = row.hash_next
            row.hash_next = 0
            return
        at = following


@kernel
def tcp_expect(tcbs, pkt):
    """Have the chain fetched in which the connection of a segment will be looked for.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    pkt : PKT
        Parsed headers of a segment that GRO holds.
    """
    prefetch_row(tcbs.bucket, _bucket(tcbs, pkt.saddr_hi, pkt.saddr_lo, pkt.sport, pkt.dport))


@kernel
def tcp_expect_row(tcbs, pkt):
    """Have the connection fetched that a segment is for, or rather the first of its chain.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    pkt : PKT
        Parsed headers of a segment that GRO holds; `tcp_expect` has seen it before.
    """
    tcb = tcbs.bucket[_bucket(tcbs, pkt.saddr_hi, pkt.saddr_lo, pkt.sport, pkt.dport)].head
    for line in range(HOT_BYTES // LINE_BYTES + 1):
        prefetch_row(tcbs.tcb, tcb, line * LINE_BYTES)


@kernel
def tcp_lookup(tcbs, pkt):
    """Find who a segment is for.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    pkt : PKT
        Parsed headers of the segment.

    Returns
    -------
    tcb : int64
        Connection, else listener, else 0.
    """
    at = tcbs.bucket[_bucket(tcbs, pkt.saddr_hi, pkt.saddr_lo, pkt.sport, pkt.dport)].head
    while at:
        row = tcbs.tcb[at]
        if (row.rport == pkt.sport and row.lport == pkt.dport and row.raddr_lo == pkt.saddr_lo
                and row.laddr_lo == pkt.daddr_lo and row.raddr_hi == pkt.saddr_hi and row.laddr_hi == pkt.daddr_hi
                and row.ip_version == pkt.ip_version):
            return at
        at = row.hash_next
    return tcp_lookup_listener(tcbs, pkt.ip_version, pkt.daddr_hi, pkt.daddr_lo, pkt.dport)


@kernel
def tcp_lookup_listener(tcbs, ip_version, addr_hi, addr_lo, port):
    """Find the listener of an address and port, an exact address before the wildcard.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    ip_version : int64
        4 or 6.
    addr_hi, addr_lo, port : int64
        Local address and port.

    Returns
    -------
    tcb : int64
        Row, 0 when nobody listens.
    """
    wildcard = np.int64(0)
    for tcb in range(1, tcbs.ctl[0].watermark):
        row = tcbs.tcb[tcb]
        if row.state != LISTEN or row.lport != port:
            continue
        if row.laddr_lo == 0 and row.laddr_hi == 0:
            if row.ip_version == ip_version or row.ip_version == 0:
                wildcard = np.int64(tcb)
        elif row.ip_version == ip_version and row.laddr_lo == addr_lo and row.laddr_hi == addr_hi:
            return np.int64(tcb)
    return wildcard
