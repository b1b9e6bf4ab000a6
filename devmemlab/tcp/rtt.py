"""Round-trip time and the retransmission timeout.

Law.   Only a segment that was sent once, or whose echo says which copy arrived, gives a sample (Karn).
Reads. RFC 6298; RFC 7323 section 4; Linux net/ipv4/tcp_input.c (tcp_rtt_estimator): a floor of 200 ms under 4 * RTTVAR.
Omits. Linux's windowed minimum: the least RTT is kept for the life of the connection.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32
from devmemlab.tcp.tcb import NS_PER_MS, RTO_MAX_NS, RTO_MIN_NS

RTO_FALLBACK_NS = 3000 * NS_PER_MS
"""Until there is a sample, when the first second has proved too short."""


@kernel
def tcp_rtt_sample(row, rtt_ns):
    """Take in one round-trip time.

    Parameters
    ----------
    row : TCB
        ``srtt_ns``, ``rttvar_ns``, ``min_rtt_ns``, ``rto_ns``; the backoff ends.
    rtt_ns : int64
        The sample; below 1 it counts as 1.
    """
    rtt = max(rtt_ns, 1)
    row.min_rtt_ns = min(row.min_rtt_ns, rtt)
    if row.srtt_ns == 0:
        row.srtt_ns = rtt
        row.rttvar_ns = rtt >> 1
    else:
        error = rtt - row.srtt_ns
        row.rttvar_ns += (abs(error) - row.rttvar_ns) // 4
        row.srtt_ns = max(row.srtt_ns + error // 8, 1)
    row.backoff = 0
    tcp_set_rto(row)


@kernel
def tcp_handshake_rtt(row, pkt, now_ns):
    """Take the first sample: from our SYN to what acknowledges it.

    Parameters
    ----------
    row : TCB
        See `tcp_rtt_sample`; a SYN that was sent again measures only by the echo of its timestamp, else the timeout
        becomes 3 s (RFC 6298 section 5.7), and one sent more than twice costs the initial window (RFC 5681 section 3.1).
    pkt : PKT
        The segment that acknowledges our SYN.
    now_ns : int64
        Time.
    """
    if row.retries == 0:
        tcp_rtt_sample(row, now_ns - row.syn_sent_ns)
    elif row.timestamps and pkt.opt_timestamp and pkt.ts_ecr:
        tcp_rtt_sample(row, (((now_ns // NS_PER_MS) - pkt.ts_ecr) & U32) * NS_PER_MS)
    else:
        row.rto_ns = RTO_FALLBACK_NS
    if row.retries > 1:
        row.cwnd = 1
    row.retries = 0
    row.backoff = 0


@kernel
def tcp_set_rto(row):
    """Work the timeout out of the estimates and the backoff.

    Parameters
    ----------
    row : TCB
        ``rto_ns`` is set, between `RTO_MIN_NS` and `RTO_MAX_NS`.
    """
    if row.srtt_ns:
        row.rto_ns = row.srtt_ns + max(4 * row.rttvar_ns, RTO_MIN_NS)
    row.rto_ns = min(row.rto_ns << min(row.backoff, 20), RTO_MAX_NS)


@kernel
def tcp_back_off(row):
    """Double the timeout.

    Parameters
    ----------
    row : TCB
        ``backoff`` and ``rto_ns`` grow.
    """
    row.backoff += 1
    row.rto_ns = min(row.rto_ns * 2, RTO_MAX_NS)
