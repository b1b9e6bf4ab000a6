"""Hearing what the host says while a recording is played to it.

Law.   Initial sequence number, acknowledgement, window and timestamp are all that is learned of the host.
Reads. RFC 9293 section 3.8.6, RFC 7323 section 2 (window scale).
Omits. The host's payload: a recording cannot answer it.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before
from devmemlab.host.ports.flow_table import find_flow, is_tcp
from devmemlab.host.ports.replay_again import play_again
from devmemlab.wire.frame import CSUM_UNKNOWN, parse_frame, verify_ipv4_csum, verify_tcp_csum
from devmemlab.wire.tcp import ACK, FIN, RST, SYN


@kernel
def replay_hear(octets, frame, flow, slot, play, conns, ctls, pkts, now_ns):
    """Hear what the host sends.

    Parameters
    ----------
    octets : uint8[k]
        Arena of the host's burst.
    frame : FRAME[count]
        Its frames; those that nobody vouches for are heard only with the right sums.
    flow : FLOW[m - 1]
        The flows being played; connection c is the one of flow c.
    slot : SLOT[h]
        Their hash table.
    play : PLAY[n]
        Frames.
    conns : CONN[m]
        Connections.
    ctls : CTL[1]
        The port.
    pkts : PKT[1]
        Scratch.
    now_ns : int64
        Present time.
    """
    ctl = ctls[0]
    pkt = pkts[0]
    for k in range(len(frame)):
        parsed = parse_frame(octets, frame[k].offset, frame[k].length, pkt)
        if not is_tcp(pkt):
            continue
        if frame[k].csum == CSUM_UNKNOWN and (parsed != 0 or not verify_ipv4_csum(octets, frame[k].offset, pkt)
                                              or not verify_tcp_csum(octets, frame[k].offset, pkt)):
            continue
        place = find_flow(flow, slot, pkt.ip_version, pkt.daddr_hi, pkt.daddr_lo, pkt.saddr_hi, pkt.saddr_lo,
                          pkt.dport, pkt.sport)
        if slot[place].entry == 0:
            continue
        conn = conns[slot[place].entry - 1]
        _note(pkt, conn, now_ns)
        if ctl.clamp and conn.left == 0 and conn.answered and pkt.payload_bytes + (pkt.tcp_flags & FIN) > 0:
            play_again(play[conn.last], conn, ctl, conn.last)


@kernel
def _note(pkt, conn, now_ns):
    """Take note of one segment of the host.

    Parameters
    ----------
    pkt : PKT row
        The segment.
    conn : CONN row
        Its connection.
    now_ns : int64
        Present time.
    """
    if pkt.tcp_flags & RST:
        conn.alive = 0
        return
    end = seq_add(pkt.seq, pkt.payload_bytes + (pkt.tcp_flags & FIN))
    scale = conn.wscale
    if pkt.tcp_flags & SYN:
        end = seq_add(end, 1)
        conn.answered = 1
        conn.host_isn = pkt.seq
        conn.host_nxt = end
        conn.wscale = pkt.opt_wscale if pkt.opt_wscale >= 0 and conn.recorded_wscale >= 0 else 0
        conn.ts_on = pkt.opt_timestamp
        conn.host_ts_first = pkt.ts_val
        conn.host_ts = pkt.ts_val
        scale = 0
    elif seq_after(end, conn.host_nxt):
        conn.host_nxt = end
    if pkt.opt_timestamp and seq_before(conn.host_ts, pkt.ts_val):
        conn.host_ts = pkt.ts_val
    if pkt.tcp_flags & ACK:
        edge = seq_add(pkt.ack_seq, pkt.window << scale)
        if not conn.edge_known or seq_after(pkt.ack_seq, conn.acked):
            conn.acked = pkt.ack_seq
            conn.since_ns = now_ns
            conn.tries = 0
        if not conn.edge_known or seq_after(edge, conn.edge):
            conn.edge = edge
        conn.edge_known = 1
