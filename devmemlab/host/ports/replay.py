"""Replay: a recorded sender that listens to whoever takes the recorded receiver's place.

Law.   A recorded frame is played no earlier than it was recorded, than what it acknowledges was sent, than the window allows.
Reads. RFC 9293 sections 3.4 and 3.8; tcpreplay is the open-loop relative.
Omits. Congestion control: the recording has its own.

The receiver answers with an initial sequence number of its own. `replay_hear` reads it, the acknowledgements and the window
out of what the host sends; `replay_play` moves every acknowledgement that it plays (SACK blocks and timestamp echo too) by
the distance between the host's numbers and the recorded ones. Nothing else of a frame changes.

A frame that the host lost is not in the recording a second time: `replay_again` plays it once more.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after
from devmemlab.host.ports.replay_again import check_timers
from devmemlab.host.ports.replay_table import AGAIN, GO, HOLD, NEVER, PLAYED, moved_ack, moved_echo, outstanding, verdict_on
from devmemlab.wire.csum import patch_be32
from devmemlab.wire.frame import parse_frame, rewrite_seq_ack
from devmemlab.wire.options import OPT_TIMESTAMP
from devmemlab.wire.tcp import ACK, TCP_CSUM, find_option


@kernel
def replay_play(octets, frame, play, conns, ctls, pkts, out, now_ns):
    """Play the frames that are due and allowed.

    Parameters
    ----------
    octets : uint8[k]
        The port's own arena; acknowledgements are rewritten in it.
    frame : FRAME[n]
        Where the frames lie.
    play : PLAY[n]
        What they are, in order of time.
    conns : CONN[m]
        Connections.
    ctls : CTL[1]
        The port.
    pkts : PKT[1]
        Scratch.
    out : FRAME[most]
        Filled from the first row on.
    now_ns : int64
        Present time.

    Returns
    -------
    count : int64
        Frames played, at most ``len(out)``.
    """
    ctl = ctls[0]
    pkt = pkts[0]
    if ctl.start_ns < 0:
        ctl.start_ns = now_ns
    if ctl.resend_ns > 0:
        check_timers(play, conns, ctl, now_ns)
    ctl.scan += 1
    count = np.int64(0)
    stopped = np.int64(0)
    k = ctl.head
    while k < len(play) and count < len(out) and stopped < ctl.live:
        row = play[k]
        conn = conns[row.conn]
        k += 1
        if row.state == PLAYED or conn.scan == ctl.scan:
            continue
        due = ctl.start_ns + row.at_ns + conn.slip_ns
        verdict = verdict_on(row, conn, ctl.clamp)
        if due > now_ns or verdict == HOLD:
            conn.held |= due <= now_ns
            conn.scan = ctl.scan
            stopped += 1
            continue
        if verdict == GO:
            if row.state == AGAIN:
                due = now_ns
                ctl.resent += 1
            elif conn.held:
                conn.slip_ns += now_ns - due
                due = now_ns
            conn.held = 0
            ctl.last_ns = max(ctl.last_ns, due)
            _hand_out(octets, frame[k - 1], row, conn, ctl, pkt, out[count])
            conn.since_ns = now_ns
            count += 1
        else:
            ctl.skipped += 1
        row.state = PLAYED
        conn.left -= 1
        if conn.left == 0:
            ctl.live -= 1
    while ctl.head < len(play) and play[ctl.head].state == PLAYED:
        ctl.head += 1
    return count


@kernel
def _hand_out(octets, old, row, conn, ctl, pkt, new):
    """Rewrite one frame and fill its row of the burst.

    Parameters
    ----------
    octets : uint8[k]
        Arena.
    old : FRAME row
        Where the frame lies.
    row : PLAY row
        What it is.
    conn : CONN row
        Its connection.
    ctl : CTL row
        The port; ``last_ns`` is the frame's time.
    pkt : PKT row
        Scratch.
    new : FRAME row
        Filled.
    """
    if row.tcp_flags & ACK:
        parse_frame(octets, old.offset, old.length, pkt)
        rewrite_seq_ack(octets, old.offset, pkt, pkt.seq, moved_ack(row, conn, ctl.clamp))
        if pkt.opt_timestamp and conn.ts_on:
            here = old.offset + find_option(octets, old.offset, pkt, OPT_TIMESTAMP) + 6
            patch_be32(octets, here, old.offset + pkt.tcp_at + TCP_CSUM, moved_echo(row, conn))
    if conn.played_end < 0 or seq_after(row.end, conn.played_end):
        conn.played_end = row.end
    ctl.played += 1
    new.at_ns = ctl.last_ns
    new.offset = old.offset
    new.length = old.length
    new.csum = old.csum
    new.wire_length = old.wire_length


@kernel
def replay_next(play, conns, ctls):
    """Find out when the next frame will be played if the host keeps silent.

    Parameters
    ----------
    play : PLAY[n]
        Frames.
    conns : CONN[m]
        Connections.
    ctls : CTL[1]
        The port.

    Returns
    -------
    at_ns : int64
        -1: never.
    """
    ctl = ctls[0]
    if ctl.start_ns < 0:
        return np.int64(0) if len(play) else np.int64(-1)
    ctl.scan += 1
    soonest = NEVER
    stopped = np.int64(0)
    for k in range(ctl.head, len(play)):
        row = play[k]
        conn = conns[row.conn]
        if stopped == ctl.live:
            break
        if row.state == PLAYED or conn.scan == ctl.scan:
            continue
        if verdict_on(row, conn, ctl.clamp) != HOLD:
            soonest = min(soonest, ctl.start_ns + row.at_ns + conn.slip_ns)
        conn.scan = ctl.scan
        stopped += 1
    if ctl.resend_ns > 0:
        for c in range(len(conns)):
            conn = conns[c]
            if outstanding(conn):
                soonest = min(soonest, conn.since_ns + (ctl.resend_ns << conn.tries))
    return np.int64(-1) if soonest == NEVER else soonest
