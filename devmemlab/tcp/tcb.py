"""The transmission control block: all that TCP remembers of a connection.

Law.   One row a connection or listener; row 0 is never used, so that 0 means none.
Reads. RFC 9293 section 3.3.1 for the names; Linux include/linux/tcp.h.
Omits. Pacing.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.tcp.states import CLOSE, NONE

_LOOKUP = ("hash_next", "rport", "lport", "raddr_lo", "laddr_lo", "raddr_hi", "laddr_hi", "ip_version")
_ARRIVAL = ("state", "segs_in", "rx_queue", "timestamps", "rcv_nxt", "rcv_wup", "rcv_wnd", "rcvq_head", "snd_una", "snd_nxt",
            "iss", "bytes_acked", "max_window", "heard_at_ns", "probes", "packets_out", "cwnd", "cwnd_used", "sacked_out",
            "lost_out", "retrans_out", "snd_wl1", "snd_wl2", "snd_wscale", "snd_wnd", "sack_permitted", "sndq_head", "ecn",
            "tlp_high_seq", "rto_kind", "fin_sent", "urg_state", "ts_recent", "data_segs_in", "dsack_start", "dsack_end",
            "rmem_alloc", "rcvbuf", "rcv_mss", "ofo_head", "rcvq_tail", "bytes_received", "scaling_ratio", "orphaned",
            "fin_seen", "fin_received", "ack_pending", "ack_next")
_ACK = ("ack_now", "quickack", "delack_at_ns", "segs_out", "nic", "peer_mac", "rcv_wscale", "pages_bind")
"""What each segment that arrives in order reads or writes lies together: 8 cache lines of a connection, or 9,
not 18: a row begins where the one before it ends."""
_SEND = ("mss", "mss_now", "snd_sml", "sndbuf", "wmem_queued", "write_seq", "sndq_tail", "send_head", "nodelay", "cork", "page",
         "page_used", "last_sent_ns", "zerocopy")
_RECEIVE = ("irs", "copied_seq", "ts_recent_at_ns", "advmss", "ofo_tail", "ofo_count", "ofo_arrivals", "page_octets",
            "page_average", "page_least", "page_least_before", "page_count", "pages_promised", "room_charged", "rcvlowat",
            "rcvbuf_locked", "rcvtimeo_ns", "sndtimeo_ns", "peek_off", "oobinline", "recvmsg_inq", "urg_seq")
_CONGESTION = ("congestion", "ca_state", "cwnd_cnt", "ssthresh", "prior_cwnd", "prior_ssthresh", "reordering", "high_seq",
               "undo_marker", "undo_retrans", "retrans_stamp", "prr_delivered", "prr_out", "frto", "tlp_retrans", "ecn_seen",
               "ecn_demand", "ecn_cwr", "cubic_wmax", "cubic_k_ms", "cubic_origin", "cubic_epoch_ns", "cubic_tcp_cwnd",
               "cubic_ack_cnt")
_RTT = ("syn_sent_ns", "srtt_ns", "rttvar_ns", "min_rtt_ns", "rto_ns", "backoff", "rack_sent_ns", "rack_end_seq", "rack_rtt_ns",
        "rack_reordered", "rack_steps")
_TIMERS = ("rto_at_ns", "retries", "timewait_at_ns", "oow_ack_at_ns", "keepalive", "keepidle_ns", "keepintvl_ns", "keepcnt",
           "keepalive_at_ns", "user_timeout_ns")
_ENDING = ("fin_seq", "error")
_LISTS = ("reap_pending", "reap_next", "listener", "backlog", "accept_count", "accept_head", "accept_tail", "accept_next")
_COUNTS = ("data_segs_out", "rcv_ooopack", "rcv_rexmit", "drops", "bytes_copied", "bytes_sent", "bytes_retrans",
           "total_retrans", "dsack_dups", "delivered", "urgent_in")
TCB = schema(*_LOOKUP, *_ARRIVAL, *_ACK, *_SEND, *_RECEIVE, *_CONGESTION, *_RTT, *_TIMERS, *_ENDING, *_LISTS, *_COUNTS)
_SETTINGS = ("syn_retries", "synack_retries", "retries2", "retrans_collapse", "ecn", "ecn_fallback", "optmem_max")
_MIB = ("in_segs", "out_segs", "retrans_segs", "active_opens", "passive_opens", "attempt_fails", "estab_resets", "timeouts",
        "fast_retrans", "loss_probes", "listen_overflows", "listen_drops",
        "prune_called", "rcv_collapsed", "rcv_pruned", "ofo_pruned",
        "in_no_ect", "in_ect1", "in_ect0", "in_ce", "in6_no_ect", "in6_ect1", "in6_ect0", "in6_ce")
"""What nstat counts, of all connections that ever were."""
TCB_CTL = schema("watermark", "recycled", "limit", "iss_state", "rcvbuf_default", "next_timer_ns",
                 "sndbuf_default", "congestion_default", "pmtu", "ack_head", "reap_head", "rst_out",
                 *_SETTINGS, *_MIB, "iss_next", "opt_layout", "page_aware", "rooms", "rx_queue",
                 "tight")
ROOM = schema("active", "nic", "binding", "buffer_bytes", "total", "own", "shared", "promised")
BUCKET = schema("head")
SYN_RETRIES, SYNACK_RETRIES, DATA_RETRIES = 6, 5, 15
"""tcp_syn_retries, tcp_synack_retries, tcp_retries2."""
DEFAULT_RCVBUF = 6291456
DEFAULT_SNDBUF = 4194304
DEFAULT_PMTU = 1500
OPTMEM_MAX = 131072
TCP_MSS_DEFAULT = 536
TCP_INIT_CWND = 10
TCP_INFINITE_SSTHRESH = 0x7FFFFFFF
TCP_REORDERING = 3
NS_PER_MS = 1_000_000
RTO_INITIAL_NS = 1000 * NS_PER_MS
RTO_MIN_NS = 200 * NS_PER_MS
RTO_MAX_NS = 120_000 * NS_PER_MS
FAR_FUTURE = (1 << 62)
HOT_BYTES = 8 * len(_LOOKUP + _ARRIVAL + _ACK)
CUBIC, RENO = 0, 1
BLANK = {
    "state": CLOSE, "timestamps": 1, "sack_permitted": 1, "ip_version": 4,
    "mss": TCP_MSS_DEFAULT, "mss_now": TCP_MSS_DEFAULT, "rcv_mss": TCP_MSS_DEFAULT,
    "scaling_ratio": 128, "quickack": 16, "cwnd": TCP_INIT_CWND, "ssthresh": TCP_INFINITE_SSTHRESH,
    "reordering": TCP_REORDERING, "rto_ns": RTO_INITIAL_NS, "min_rtt_ns": FAR_FUTURE, "rack_steps": 1,
    "delack_at_ns": FAR_FUTURE, "rto_at_ns": FAR_FUTURE, "timewait_at_ns": FAR_FUTURE, "keepalive_at_ns": FAR_FUTURE,
    "oow_ack_at_ns": -FAR_FUTURE, "rcvlowat": 1, "peek_off": -1,
    "keepidle_ns": 7_200_000 * NS_PER_MS, "keepintvl_ns": 75_000 * NS_PER_MS, "keepcnt": 9,
}
"""What a new control block holds; every field that is not named is 0."""


@component
class Tcbs(NamedTuple):
    """Every connection and listener of a host.

    ctl : TCB_CTL[1]
        Free rows, the generator of initial sequence numbers, the earliest timer. ``tight`` is 1 as soon as some connection has
        held more than its receive buffer (`devmemlab.tcp.collapse`).
    tcb : TCB[n_tcb]
        Connections and listeners.
    bucket : BUCKET[2^k]
        Heads of the hash chains of connections.
    blank : TCB[1]
        What a new one looks like (`BLANK`).
    room : ROOM[n_queue]
        Free buffers of each RX queue on device memory, kept while ``page_aware`` is set (`devmemlab.tcp.page_room`).
    """

    ctl: np.recarray
    tcb: np.recarray
    bucket: np.recarray
    blank: np.recarray
    room: np.recarray


def make_tcbs(count, seed=0, queues=1):
    """Make room for connections.

    Parameters
    ----------
    count : int
        Most that can exist at once, plus one.
    seed : int
        Decides the initial sequence numbers.
    queues : int
        RX queues of the host.

    Returns
    -------
    tcbs : Tcbs
        Empty.
    """
    buckets = 1
    while buckets < count:
        buckets *= 2
    tcbs = Tcbs(table(TCB_CTL, 1), table(TCB, count), table(BUCKET, buckets), table(TCB, 1), table(ROOM, queues))
    for name, value in BLANK.items():
        tcbs.blank[0][name] = value
    ctl = tcbs.ctl[0]
    ctl.watermark = 1
    ctl.iss_next = -1
    ctl.limit = count
    ctl.iss_state = (seed * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF
    ctl.rcvbuf_default = DEFAULT_RCVBUF
    ctl.sndbuf_default = DEFAULT_SNDBUF
    ctl.pmtu = DEFAULT_PMTU
    ctl.next_timer_ns = FAR_FUTURE
    ctl.retrans_collapse, ctl.ecn, ctl.ecn_fallback, ctl.optmem_max = 1, 2, 1, OPTMEM_MAX
    ctl.syn_retries, ctl.synack_retries, ctl.retries2 = SYN_RETRIES, SYNACK_RETRIES, DATA_RETRIES
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
    tcbs.tcb[tcb] = tcbs.blank[0]
    row = tcbs.tcb[tcb]
    row.rcvbuf = ctl.rcvbuf_default
    row.sndbuf = ctl.sndbuf_default
    row.congestion = ctl.congestion_default
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
        0 to 2^32 - 1; the same seed gives the same series. ``iss_next``, unless it is -1, is drawn first, once.
    """
    ctl = tcbs.ctl[0]
    if ctl.iss_next >= 0:
        x = ctl.iss_next
        ctl.iss_next = -1
        return x
    x = ctl.iss_state
    x = (x ^ (x << 13)) & 0xFFFFFFFF
    x = x ^ (x >> 17)
    x = (x ^ (x << 5)) & 0xFFFFFFFF
    ctl.iss_state = x
    return x
