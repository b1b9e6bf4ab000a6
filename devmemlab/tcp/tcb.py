"""The transmission control block: all that TCP remembers of a connection.

Law.   One row a connection or listener; row 0 is never used, so that 0 means none.
Reads. RFC 9293 section 3.3.1 for the names; Linux include/linux/tcp.h.
Omits. Congestion state (nothing but SYN, FIN and ACK is sent).
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.tcp.states import CLOSE, NONE

TCB = schema(
    "state", "nic", "ip_version", "laddr_hi", "laddr_lo", "raddr_hi", "raddr_lo", "lport", "rport", "peer_mac",
    "iss", "snd_una", "snd_nxt", "snd_wnd", "snd_wl1", "snd_wl2", "snd_wscale", "mss",
    "irs", "rcv_nxt", "rcv_wup", "rcv_wnd", "rcv_wscale", "rcv_mss", "copied_seq",
    "timestamps", "ts_recent", "ts_recent_at_ns", "sack_permitted",
    "rcvbuf", "rmem_alloc", "scaling_ratio", "advmss",
    "rcvq_head", "rcvq_tail", "ofo_head", "ofo_tail", "ofo_count", "ofo_newest",
    "ack_now", "quickack", "delack_at_ns", "rto_at_ns", "rto_ns",
    "retries", "timewait_at_ns",
    "fin_seen", "fin_seq", "fin_received", "fin_sent", "orphaned", "error",
    "ack_pending", "ack_next", "reap_pending", "reap_next",
    "listener", "backlog", "accept_count", "accept_head", "accept_tail", "accept_next", "hash_next",
    "segs_in", "segs_out", "data_segs_in", "rcv_ooopack", "rcv_rexmit", "drops", "bytes_received", "bytes_copied")
TCB_CTL = schema("watermark", "recycled", "limit", "iss_state", "rcvbuf_default", "next_timer_ns",
                 "ack_head", "reap_head", "rst_out")
BUCKET = schema("head")
DEFAULT_RCVBUF = 6291456
TCP_MSS_DEFAULT = 536
FAR_FUTURE = (1 << 62)


class Tcbs(NamedTuple):
    """Every connection and listener of a host.

    ctl : TCB_CTL[1]
        Free rows, the generator of initial sequence numbers, the earliest timer.
    tcb : TCB[n_tcb]
        Connections and listeners.
    bucket : BUCKET[2^k]
        Heads of the hash chains of connections.
    """

    ctl: np.recarray
    tcb: np.recarray
    bucket: np.recarray


def make_tcbs(count, seed=0):
    """Make room for connections.

    Parameters
    ----------
    count : int
        Most that can exist at once, plus one.
    seed : int
        Decides the initial sequence numbers.

    Returns
    -------
    tcbs : Tcbs
        Empty.
    """
    buckets = 1
    while buckets < count:
        buckets *= 2
    tcbs = Tcbs(table(TCB_CTL, 1), table(TCB, count), table(BUCKET, buckets))
    ctl = tcbs.ctl[0]
    ctl.watermark = 1
    ctl.limit = count
    ctl.iss_state = (seed * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF
    ctl.rcvbuf_default = DEFAULT_RCVBUF
    ctl.next_timer_ns = FAR_FUTURE
    return tcbs


@kernel
def tcb_alloc(tcbs):
    """Take an empty control block in state CLOSE.

    Parameters
    ----------
    tcbs : Tcbs
        One row becomes used.

    Returns
    -------
    tcb : int64
        Row, 0 when all are in use.
    """
    ctl = tcbs.ctl[0]
    tcb = ctl.recycled
    if tcb:
        ctl.recycled = tcbs.tcb[tcb].hash_next
    elif ctl.watermark < ctl.limit:
        tcb = ctl.watermark
        ctl.watermark += 1
    else:
        return np.int64(0)
    row = tcbs.tcb[tcb]
    row.state = CLOSE
    row.nic = 0
    row.ip_version = 4
    row.laddr_hi = 0
    row.laddr_lo = 0
    row.raddr_hi = 0
    row.raddr_lo = 0
    row.lport = 0
    row.rport = 0
    row.peer_mac = 0
    row.iss = 0
    row.snd_una = 0
    row.snd_nxt = 0
    row.snd_wnd = 0
    row.snd_wl1 = 0
    row.snd_wl2 = 0
    row.snd_wscale = 0
    row.mss = TCP_MSS_DEFAULT
    row.irs = 0
    row.rcv_nxt = 0
    row.rcv_wup = 0
    row.rcv_wnd = 0
    row.rcv_wscale = 0
    row.rcv_mss = TCP_MSS_DEFAULT
    row.copied_seq = 0
    row.timestamps = 0
    row.ts_recent = 0
    row.ts_recent_at_ns = 0
    row.sack_permitted = 0
    row.rcvbuf = ctl.rcvbuf_default
    row.rmem_alloc = 0
    row.scaling_ratio = 128
    row.advmss = 0
    row.rcvq_head = 0
    row.rcvq_tail = 0
    row.ofo_head = 0
    row.ofo_tail = 0
    row.ofo_count = 0
    row.ofo_newest = 0
    row.ack_now = 0
    row.ack_pending = 0
    row.ack_next = 0
    row.reap_pending = 0
    row.reap_next = 0
    row.quickack = 16
    row.delack_at_ns = FAR_FUTURE
    row.rto_at_ns = FAR_FUTURE
    row.rto_ns = 0
    row.retries = 0
    row.timewait_at_ns = FAR_FUTURE
    row.fin_seen = 0
    row.fin_seq = 0
    row.fin_received = 0
    row.fin_sent = 0
    row.orphaned = 0
    row.error = 0
    row.listener = 0
    row.backlog = 0
    row.accept_count = 0
    row.accept_head = 0
    row.accept_tail = 0
    row.accept_next = 0
    row.hash_next = 0
    row.segs_in = 0
    row.segs_out = 0
    row.data_segs_in = 0
    row.rcv_ooopack = 0
    row.rcv_rexmit = 0
    row.drops = 0
    row.bytes_received = 0
    row.bytes_copied = 0
    return tcb


@kernel
def tcb_free(tcbs, tcb):
    """Give a control block back; its queues are empty and it is in no chain.

    Parameters
    ----------
    tcbs : Tcbs
        The row becomes free.
    tcb : int64
        Row.
    """
    row = tcbs.tcb[tcb]
    row.state = NONE
    row.hash_next = tcbs.ctl[0].recycled
    tcbs.ctl[0].recycled = tcb


@kernel
def next_iss(tcbs):
    """Draw an initial sequence number.

    Parameters
    ----------
    tcbs : Tcbs
        The generator's state advances.

    Returns
    -------
    iss : int64
        0 to 2^32 - 1; the same seed gives the same series.
    """
    ctl = tcbs.ctl[0]
    x = ctl.iss_state
    x = (x ^ (x << 13)) & 0xFFFFFFFF
    x = x ^ (x >> 17)
    x = (x ^ (x << 5)) & 0xFFFFFFFF
    ctl.iss_state = x
    return x
