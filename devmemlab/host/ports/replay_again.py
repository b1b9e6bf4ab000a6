"""Playing again what the host has lost.

Law.   Only octets that the host has not acknowledged are played again.
Reads. RFC 9293 section 3.8.1 (retransmission timeout), RFC 6298 rule 5.5 (the pause doubles).
Omits. Fast retransmit and selective retransmission: this is go-back-N, a sender's duty and no more of it than needed.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after
from devmemlab.host.ports.replay_table import AGAIN, MOST_TRIES, PLAYED, outstanding


@kernel
def check_timers(play, conns, ctl, now_ns):
    """Go back where the host has been silent for too long; give up where it always is.

    Parameters
    ----------
    play : PLAY[n]
        Frames.
    conns : CONN[m]
        Connections.
    ctl : CTL row
        The port.
    now_ns : int64
        Present time.
    """
    for c in range(len(conns)):
        conn = conns[c]
        if outstanding(conn) and now_ns - conn.since_ns >= ctl.resend_ns << conn.tries:
            if conn.tries == MOST_TRIES:
                conn.alive = 0
            else:
                conn.tries += 1
                conn.since_ns = now_ns
                _go_back(play, conns, ctl, c)


@kernel
def _go_back(play, conns, ctl, c):
    """Mark what the host has not acknowledged to be played again.

    Parameters
    ----------
    play : PLAY[n]
        Rows of the connection are changed.
    conns : CONN[m]
        Row `c` is changed.
    ctl : CTL row
        ``head`` goes back.
    c : int64
        Connection.
    """
    conn = conns[c]
    for k in range(conn.first, conn.last + 1):
        row = play[k]
        if row.conn == c and row.state == PLAYED and (not conn.edge_known or seq_after(row.end, conn.acked)):
            play_again(row, conn, ctl, k)


@kernel
def play_again(row, conn, ctl, k):
    """Mark one frame to be played again.

    Parameters
    ----------
    row : PLAY row
        Played.
    conn : CONN row
        Its connection.
    ctl : CTL row
        The port.
    k : int64
        Number of the row.
    """
    row.state = AGAIN
    if conn.left == 0:
        ctl.live += 1
    conn.left += 1
    ctl.head = min(ctl.head, k)
