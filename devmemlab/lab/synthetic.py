"""A sender made of arithmetic: a bulk transfer of any size and MTU, as a capture.

Law.   The same arguments give the same octets; checksums are right; nothing is lost or late.
Reads. RFC 9293 for the handshake; `devmemlab.lab.stream` for the payload.
Omits. Congestion control, retransmissions, a second flow.
"""

import numpy as np

from devmemlab.base.table import table
from devmemlab.lab.stream import stream_octets
from devmemlab.wire.address import parse_address
from devmemlab.wire.capture import Capture
from devmemlab.wire.emit import emit_bulk_burst, emit_tcp_frame, frame_header_bytes
from devmemlab.wire.ethernet import mac
from devmemlab.wire.rows import CSUM_VERIFIED, FRAME, make_segments
from devmemlab.wire.tcp import ACK, FIN, SYN

CLIENT, SERVER = ("10.0.0.1", 40000, "02:00:00:00:00:01"), ("10.0.0.2", 5201, "02:00:00:00:00:02")
HEADER_ROOM = 14 + 20 + 60
NS_PER_FRAME = 1000
MIN_MTU, MAX_MTU = 128, 65535


def segment(sender, receiver, seq, ack_seq, flags):
    """Fill in what all segments of one direction share.

    Parameters
    ----------
    sender, receiver : tuple
        Address, port, MAC.
    seq, ack_seq : int
        Sequence numbers.
    flags : int
        TCP flags.

    Returns
    -------
    seg : SEG
        One row.
    """
    seg = make_segments(1)[0]
    seg.src_mac, seg.dst_mac = mac(sender[2]), mac(receiver[2])
    seg.ip_version, seg.saddr_hi, seg.saddr_lo = parse_address(sender[0])
    _, seg.daddr_hi, seg.daddr_lo = parse_address(receiver[0])
    seg.sport, seg.dport = sender[1], receiver[1]
    seg.seq, seg.ack_seq, seg.tcp_flags, seg.window = seq, ack_seq, flags, 65535
    return seg


def bulk_capture(nbytes, mtu=1500, timestamps=True, seed=0, octets=None, client=CLIENT, server=SERVER):
    """Make the capture of a bulk transfer from a client to a server that only receives.

    Parameters
    ----------
    nbytes : int
        Payload octets, more than 0.
    mtu : int
        Largest IP packet, octets.
    timestamps : bool
        Carry the timestamp option, as Linux does.
    seed : int
        Decides both initial sequence numbers.
    octets : uint8[nbytes], optional
        The payload; `devmemlab.lab.stream.stream_octets` without it.
    client, server : tuple
        IP address, port and MAC address of both ends.

    Returns
    -------
    capture : Capture
        Handshake, data, FIN.

    Raises
    ------
    ValueError
        Size or MTU is impossible.
    """
    if nbytes <= 0:
        raise ValueError(f"a transfer of {nbytes} octets: at least 1 is needed")
    if not MIN_MTU <= mtu <= MAX_MTU:
        raise ValueError(f"MTU {mtu}: {MIN_MTU} to {MAX_MTU} is possible")
    client_isn, server_isn = (0x1000_0000 + 77 * seed) & 0xFFFFFFFF, (0x5000_0000 + 131 * seed) & 0xFFFFFFFF
    headers = 60 if ":" in server[0] else 40
    mss = mtu - headers - (12 if timestamps else 0)
    count = -(-nbytes // mss)
    wire = np.zeros(nbytes + (count + 4) * HEADER_ROOM, np.uint8)
    frame = table(FRAME, count + 4)
    made = at = 0

    def put(seg):
        nonlocal made, at
        seg.opt_timestamp = timestamps
        # A clock that never goes back: the receiver would drop what seems older than what it has seen.
        seg.ts_val, seg.ts_ecr = 1 + made, 1
        frame[made].offset, frame[made].length = at, emit_tcp_frame(wire, at, seg)
        at += int(frame[made].length)
        made += 1

    syn = segment(client, server, client_isn, 0, SYN)
    syn.opt_mss, syn.opt_wscale, syn.opt_sack_permitted = mtu - headers, 7, 1
    put(syn)
    synack = segment(server, client, server_isn, client_isn + 1, SYN | ACK)
    synack.opt_mss, synack.opt_wscale, synack.opt_sack_permitted = mtu - headers, 14, 1
    put(synack)
    put(segment(client, server, client_isn + 1, server_isn + 1, ACK))
    data = segment(client, server, client_isn + 1, server_isn + 1, ACK)
    data.opt_timestamp, data.ts_val, data.ts_ecr = timestamps, 1 + made, 1
    assert frame_header_bytes(data) <= HEADER_ROOM
    payload = stream_octets(nbytes) if octets is None else octets
    written, at = emit_bulk_burst(wire, at, frame[made:made + count], data, payload, 0, nbytes, mss)
    made += int(written)
    put(segment(client, server, int(data.seq), server_isn + 1, FIN | ACK))
    frame.wire_length, frame.csum = frame.length, CSUM_VERIFIED
    frame.at_ns = np.arange(made) * NS_PER_FRAME
    return Capture(wire[:at], frame)
