"""Preparing a replay: the frames that will be played, in an arena of their own, and what must be known of each.

Law.   The capture is only read; what is played is a copy.
Reads. RFC 9293 section 3.4 (what occupies sequence space), RFC 7323 (options of a SYN).
Omits. Frames of other link types: the capture reader makes Ethernet of them.

A connection whose handshake was not captured gets a SYN made up in front of its first frame, so that a
listening host can accept it: the sequence number before the lowest of its beginning, and the options its frames show.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.base.table import table
from devmemlab.host.ports.flow_table import find_flow, is_tcp
from devmemlab.host.ports.store import FrameStore
from devmemlab.wire.frame import emit_tcp_frame, make_packets, make_segments, parse_frame
from devmemlab.wire.rows import FRAME, Burst
from devmemlab.wire.tcp import ACK, FIN, SYN

MADE_UP_WSCALE = 7
MADE_UP_MSS_BYTES = 536


@kernel
def replay_build(octets, frame, flow, slot, play, conns, pkts):
    """Fill the rows of a replay.

    Parameters
    ----------
    octets : uint8[k]
        The port's own arena.
    frame : FRAME[n]
        Frames in order of time.
    flow : FLOW[m - 1]
        The flows to be played; connection c is the one of flow c.
    slot : SLOT[h]
        Their hash table.
    play : PLAY[n]
        Filled, except for ``at_ns``.
    conns : CONN[m]
        Filled; the last row stands for everything that is not TCP, which nothing holds up.
    pkts : PKT[1]
        Scratch.
    """
    pkt = pkts[0]
    for c in range(len(conns)):
        conns[c].alive = 1
        conns[c].first = -1
        conns[c].played_end = -1
        conns[c].recorded_isn = -1
        conns[c].recorded_ts = -1
        conns[c].recorded_wscale = -1
    conns[len(conns) - 1].edge_known = 1
    for k in range(len(frame)):
        row = play[k]
        row.conn = len(conns) - 1
        parse_frame(octets, frame[k].offset, frame[k].length, pkt)
        if is_tcp(pkt):
            place = find_flow(flow, slot, pkt.ip_version, pkt.saddr_hi, pkt.saddr_lo, pkt.daddr_hi, pkt.daddr_lo,
                              pkt.sport, pkt.dport)
            row.conn = slot[place].entry - 1
            row.tcp_flags = pkt.tcp_flags
            row.seq = pkt.seq
            row.stop = seq_add(pkt.seq, pkt.payload_bytes)
            row.end = seq_add(row.stop, (pkt.tcp_flags & FIN) + ((pkt.tcp_flags & SYN) >> 1))
            row.ack_seq = pkt.ack_seq
            row.ts_ecr = pkt.ts_ecr
        conn = conns[row.conn]
        conn.left += 1
        conn.last = k
        if conn.first < 0:
            conn.first = k
        if row.tcp_flags & SYN:
            conn.recorded_wscale = pkt.opt_wscale
        if row.tcp_flags & ACK:
            # What the first acknowledgement covers is the recorded receiver's SYN.
            if conn.recorded_isn < 0:
                conn.recorded_isn = seq_add(pkt.ack_seq, -1)
            if conn.recorded_ts < 0 and pkt.opt_timestamp:
                conn.recorded_ts = pkt.ts_ecr


def made_up_syn(capture, row):
    """Make the SYN that a capture lacks.

    Parameters
    ----------
    capture : Capture or Burst
        Frames.
    row : FLOW row
        A flow without SYN.

    Returns
    -------
    burst : Burst
        One frame, at the time of the flow's first.
    """
    first = capture.frame[row.first]
    pkt, seg = make_packets()[0], make_segments()[0]
    parse_frame(capture.octets, first.offset, first.length, pkt)
    for name in ("dst_mac", "src_mac", "vlan_tci", "ip_version", "ttl", "saddr_hi", "saddr_lo", "daddr_hi", "daddr_lo",
                 "sport", "dport", "window", "opt_timestamp", "ts_val"):
        seg[name] = pkt[name]
    seg.seq = seq_add(row.lowest, -1)
    seg.tcp_flags = SYN
    seg.opt_mss = max(row.mss, MADE_UP_MSS_BYTES)
    seg.opt_wscale = MADE_UP_WSCALE
    seg.opt_sack_permitted = 1
    octets, frame = np.zeros(256, np.uint8), table(FRAME, 1)
    frame[0].length = emit_tcp_frame(octets, 0, seg)
    frame[0].wire_length = frame[0].length
    frame[0].at_ns = first.at_ns
    return Burst(octets, frame)


def replay_frames(capture, chosen, flow):
    """Copy the frames to be played, SYNs made up where they are missing.

    Parameters
    ----------
    capture : Capture or Burst
        Only read.
    chosen : int64[n]
        Numbers of its frames, in order.
    flow : FLOW[m]
        The flows to be played.

    Returns
    -------
    burst : Burst
        In order of time.
    """
    store = FrameStore(int(capture.frame.length[chosen].sum()) + 256 * len(flow) + 1, len(chosen) + len(flow) + 1)
    for row in flow:
        if not row.syn:
            store.append(made_up_syn(capture, row))
    store.append(Burst(capture.octets, capture.frame[chosen]))
    octets, frame = store.burst()
    # Stable: a SYN made up stands before the frame whose time it shares. A capture may be a little out of order.
    order = np.argsort(frame.at_ns, kind="stable")
    return Burst(octets, frame[order])
