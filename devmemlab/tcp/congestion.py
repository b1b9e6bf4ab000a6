"""Congestion control: how fast the window grows, and how far it falls.

Law.   A rule answers two questions only: the next slow-start threshold, and how many ACKs buy one packet of window.
Reads. RFC 5681 (Reno, and section 4.1 on idle connections), RFC 9438 (CUBIC); Linux net/ipv4/tcp_cong.c, tcp_cubic.c.
Omits. HyStart; pacing; ECN's alternative reductions (RFC 8511).

A rule is chosen by the number in ``row.congestion`` (TCP_CONGESTION names it). Everything is integer
arithmetic, so that a run is the same compiled and interpreted.
"""

from devmemlab.base.kernel import kernel
from devmemlab.tcp.tcb import CUBIC, NS_PER_MS, TCP_INIT_CWND

CONGESTION_NAMES = ("cubic", "reno")
CUBIC_BETA, CUBIC_ONE = 717, 1024
CUBIC_C_NUM, CUBIC_C_DEN = 410, 1024


@kernel
def cube_root(value):
    """Integer cube root.

    Parameters
    ----------
    value : int64
        0 to 2^60.

    Returns
    -------
    root : int64
        The largest integer whose cube is not above `value`.
    """
    low = 0
    high = 1 << 20
    while low < high:
        middle = (low + high + 1) >> 1
        if middle * middle * middle <= value:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def cong_ssthresh(row):
    """Answer a loss: the threshold below which the window doubles again.

    Parameters
    ----------
    row : TCB
        CUBIC notes where the window was.

    Returns
    -------
    ssthresh : int64
        Packets, at least 2.
    """
    if row.congestion == CUBIC:
        row.cubic_epoch_ns = 0
        if row.cwnd < row.cubic_wmax:
            row.cubic_wmax = row.cwnd * (CUBIC_ONE + CUBIC_BETA) // (2 * CUBIC_ONE)     # fast convergence
        else:
            row.cubic_wmax = row.cwnd
        return max(row.cwnd * CUBIC_BETA // CUBIC_ONE, 2)
    return max(row.cwnd >> 1, 2)


@kernel
def cwnd_after_idle(row, now_ns):
    """Halve the window for each timeout that a connection had nothing out: what it knew of the path has aged.

    Parameters
    ----------
    row : TCB
        ``cwnd`` falls, not below the initial one; ``ssthresh`` remembers three quarters of what it was.
    now_ns : int64
        Time.

    References
    ----------
    RFC 2861; Linux tcp_cwnd_restart() (net.ipv4.tcp_slow_start_after_idle).
    """
    idle_ns = now_ns - row.last_sent_ns - row.rto_ns
    least = min(row.cwnd, TCP_INIT_CWND)
    if idle_ns < 0 or row.last_sent_ns == 0 or row.cwnd == least:
        return
    row.ssthresh = max(row.ssthresh, (row.cwnd >> 1) + (row.cwnd >> 2))
    while idle_ns >= 0 and row.cwnd > least:
        row.cwnd >>= 1
        idle_ns -= row.rto_ns
    row.cwnd = max(row.cwnd, least)
    row.cwnd_used = 0
    row.cubic_epoch_ns = 0


@kernel
def _cubic_count(row, acked, now_ns):
    """Follow the cubic curve, or Reno's line where that is higher.

    Parameters
    ----------
    row : TCB
        The curve's fields; an epoch begins with the first ACK after a loss.
    acked : int64
        Packets acknowledged.
    now_ns : int64
        Time.

    Returns
    -------
    count : int64
        ACKs that buy one packet of window, at least 2.
    """
    row.cubic_ack_cnt += acked
    if row.cubic_epoch_ns == 0:
        row.cubic_epoch_ns = now_ns
        row.cubic_ack_cnt = acked
        row.cubic_tcp_cwnd = row.cwnd
        if row.cubic_wmax <= row.cwnd:
            row.cubic_k_ms = 0
            row.cubic_origin = row.cwnd
        else:
            row.cubic_k_ms = cube_root((row.cubic_wmax - row.cwnd) * 1_000_000_000 * CUBIC_C_DEN // CUBIC_C_NUM)
            row.cubic_origin = row.cubic_wmax
    rtt_ns = row.min_rtt_ns if row.srtt_ns else 0
    t_ms = min((now_ns - row.cubic_epoch_ns + rtt_ns) // NS_PER_MS, 1_000_000)
    distance = abs(t_ms - row.cubic_k_ms)
    delta = distance * distance * distance // 1_000_000 * CUBIC_C_NUM // (CUBIC_C_DEN * 1000)
    target = row.cubic_origin - delta if t_ms < row.cubic_k_ms else row.cubic_origin + delta
    count = row.cwnd // (target - row.cwnd) if target > row.cwnd else 100 * row.cwnd
    # Reno's line with the same average: 3 (1 - beta) / (1 + beta) packets a round trip, about 8 / 15.
    per_packet = row.cwnd * 15 >> 3
    while per_packet > 0 and row.cubic_ack_cnt > per_packet:
        row.cubic_ack_cnt -= per_packet
        row.cubic_tcp_cwnd += 1
    if row.cubic_tcp_cwnd > row.cwnd:
        count = min(count, row.cwnd // (row.cubic_tcp_cwnd - row.cwnd))
    return max(count, 2)


@kernel
def cong_avoid(row, acked, now_ns):
    """Grow the window for packets that were acknowledged while it was what limited the sender.

    Parameters
    ----------
    row : TCB
        ``cwnd`` may grow.
    acked : int64
        Packets acknowledged.
    now_ns : int64
        Time.
    """
    if row.cwnd < row.ssthresh:
        grown = min(row.cwnd + acked, row.ssthresh)
        acked -= grown - row.cwnd
        row.cwnd = grown
        if acked == 0:
            return
    count = row.cwnd
    if row.congestion == CUBIC:
        count = _cubic_count(row, acked, now_ns)
    if row.cwnd_cnt >= count:
        row.cwnd_cnt = 0
        row.cwnd += 1
    row.cwnd_cnt += acked
    if row.cwnd_cnt >= count:
        grown = row.cwnd_cnt // count
        row.cwnd_cnt -= grown * count
        row.cwnd += grown
