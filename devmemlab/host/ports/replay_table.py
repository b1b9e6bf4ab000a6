"""What a replay remembers, and when a recorded frame may be played.

Law.   Everything that decides is in these rows; a decision changes none of them.
Reads. RFC 9293 section 3.4 (what a segment acknowledges), section 3.8.6 (windows), RFC 7323 section 3 (timestamp echo).
Omits. The reasons to send less than the window allows.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before
from devmemlab.base.table import schema
from devmemlab.wire.tcp import ACK

PLAY = schema("conn", "at_ns", "seq", "stop", "end", "ack_seq", "tcp_flags", "ts_ecr", "state")
"""A recorded frame: ``stop`` is the sequence number behind its payload, ``end`` the one behind its SYN and FIN as well."""

_RECORDED = ("recorded_isn", "recorded_wscale", "recorded_ts")
_HOST = ("answered", "host_isn", "host_nxt", "ts_on", "host_ts_first", "host_ts", "acked", "edge_known", "edge", "wscale")
CONN = schema("left", "first", "last", "alive", *_RECORDED, *_HOST, "played_end", "held", "slip_ns", "since_ns", "tries", "scan")
"""A connection: frames left and their range; the recorded receiver's first numbers; what the host said instead, and up to
which sequence number it allows (``edge``); ``slip_ns`` is by how much the host has delayed the recording; ``scan`` is the
last scan in which it had no more to give."""

CTL = schema("start_ns", "last_ns", "head", "scan", "live", "resend_ns", "clamp", "played", "resent", "skipped")
"""The port: ``head`` is the first frame not played, ``live`` counts connections with frames left."""

FRESH, PLAYED, AGAIN = 0, 1, 2
HOLD, GO, SKIP = 0, 1, 2
MOST_TRIES = 8
NEVER = np.int64(0x7FFFFFFFFFFFFFFF)


@kernel
def moved_ack(row, conn, clamp):
    """Find the acknowledgement that a frame must carry here.

    Parameters
    ----------
    row : PLAY row
        Frame with the ACK flag.
    conn : CONN row
        Its connection, answered.
    clamp : int64
        See `verdict_on`.

    Returns
    -------
    ack_seq : int64
        In the host's own numbers.
    """
    ack = seq_add(row.ack_seq, conn.host_isn - conn.recorded_isn)
    if clamp and (conn.left <= 1 or seq_after(ack, conn.host_nxt)):
        return conn.host_nxt
    return ack


@kernel
def moved_echo(row, conn):
    """Find the timestamp echo that a frame must carry here.

    Parameters
    ----------
    row : PLAY row
        Frame with a timestamp option.
    conn : CONN row
        Its connection, answered with one.

    Returns
    -------
    ts_ecr : int64
        On the host's own clock, and nothing that the host has not sent yet.
    """
    echo = seq_add(row.ts_ecr, conn.host_ts_first - conn.recorded_ts)
    return echo if seq_before(echo, conn.host_ts) else conn.host_ts


@kernel
def verdict_on(row, conn, clamp):
    """Decide whether a frame may be played now.

    Parameters
    ----------
    row : PLAY row
        Frame that is due.
    conn : CONN row
        Its connection.
    clamp : int64
        1: do not wait for octets that the recorded receiver sent and the host has not; acknowledge what there is.

    Returns
    -------
    verdict : int64
        HOLD, GO or SKIP (the connection is dead).
    """
    if not conn.alive:
        return SKIP
    if row.tcp_flags & ACK:
        if not conn.answered:
            return HOLD
        if seq_after(moved_ack(row, conn, clamp), conn.host_nxt):
            return HOLD
    if conn.edge_known and row.stop != row.seq and seq_after(row.stop, conn.edge):
        return HOLD
    return GO


@kernel
def outstanding(conn):
    """Tell whether the host owes an acknowledgement.

    Parameters
    ----------
    conn : CONN row
        Connection.

    Returns
    -------
    owes : bool
        True from the first frame played until everything played is acknowledged.
    """
    return conn.alive and conn.played_end >= 0 and (not conn.edge_known or seq_after(conn.played_end, conn.acked))
