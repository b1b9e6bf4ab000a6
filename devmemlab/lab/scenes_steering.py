"""Scenes of steering: a card that frames are put into by hand, and flows to put in.

Law.   What a frame does is read in the trace of the card that got it; nothing is computed beside it.
Reads. Spec sections 11.1 and 11.2.
Omits. A far end: nobody answers.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.trace import events
from devmemlab.host.ports.manual import Manual
from devmemlab.lab.lab import Lab
from devmemlab.wire.address import parse_address
from devmemlab.wire.emit import emit_tcp_frame, frame_header_bytes
from devmemlab.wire.rows import make_segments
from devmemlab.wire.tcp import ACK

DEVICE_PORT, IFNAME, OURS = 5201, "eth1", "192.0.2.2"


class Flow(NamedTuple):
    """One direction of one connection.

    src, sport, dst, dport : str, int, str, int
        Addresses and ports.
    """

    src: str
    sport: int
    dst: str
    dport: int


class Card(NamedTuple):
    """A host whose wire is in your hand.

    lab, host, port : Lab, Host, Manual
        Where it stands; ``port`` takes frames.
    """

    lab: object
    host: object
    port: object


def card(queues=4, **options):
    """Set up a host with one NIC, whose frames you inject.

    Parameters
    ----------
    queues : int
        RX queues.
    **options
        For ``lab.host``.

    Returns
    -------
    card : Card
        Close its ``lab`` when done.
    """
    lab, port = Lab(), Manual()
    host = lab.host("receiver", ip=OURS, ifname=IFNAME, rx_queues=queues, port=port,
                    **{"rx_ring": 128, "sockets": 4, "trace": 1 << 12, **options})
    return Card(lab, host, port)


def frame(host, flow, payload=b""):
    """Spell a frame of a flow, addressed to the host's first NIC.

    Parameters
    ----------
    host : Host
        Who shall get it.
    flow : Flow
        Addresses and ports, IPv4 or IPv6.
    payload : bytes
        Behind the headers.

    Returns
    -------
    octets : bytes
        Ethernet, IP, TCP with ACK, and right sums.
    """
    seg = make_segments(1)[0]
    seg.src_mac, seg.dst_mac = 0x020000000099, int(host.nics.ctl[0].mac)
    seg.ip_version, seg.saddr_hi, seg.saddr_lo = parse_address(flow.src)
    _, seg.daddr_hi, seg.daddr_lo = parse_address(flow.dst)
    seg.sport, seg.dport, seg.tcp_flags, seg.payload_bytes = flow.sport, flow.dport, ACK, len(payload)
    head = int(frame_header_bytes(seg))
    octets = np.zeros(head + len(payload), np.uint8)
    octets[head:] = np.frombuffer(payload, np.uint8)
    emit_tcp_frame(octets, 0, seg)
    return octets.tobytes()


def arrive(card, flows):
    """Let a frame of each flow arrive, and read in the trace where the card put it.

    Parameters
    ----------
    card : Card
        Its trace is emptied first.
    flows : sequence of Flow
        In this order.

    Returns
    -------
    seen : list of dict
        For each flow: ``queue``, ``rule`` and ``hash``, as the NIC decided.
    """
    card.host.trace.ctl[0].count = 0
    for flow in flows:
        card.port.inject(frame(card.host, flow), at_ns=card.lab.clock.now_ns)
    card.lab.run(until_ns=card.lab.clock.now_ns)
    return [{name: event[name] for name in ("queue", "rule", "hash")} for event in events(card.host.trace, "steer")]


def flows(count=64, device=8):
    """Make flows from many clients; some are for the program that wants its data in device memory.

    Parameters
    ----------
    count : int
        How many.
    device : int
        How many of them go to port 5201; the others go to port 443.

    Returns
    -------
    flows : list of Flow
        Those to port 5201 first.
    """
    return [Flow(f"198.51.100.{1 + k % 16}", 32768 + 977 * k % 28232, OURS, DEVICE_PORT if k < device else 443)
            for k in range(count)]
