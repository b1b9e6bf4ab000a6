"""Scenes of the card: one queue that everything reaches.

Law.   A scene does what a wire or a program could do, except `complete`, which plays a card that is out of order.
Reads. Spec section 12.2; drivers/net/ethernet/google/gve for the names of counters.
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

from devmemlab.base.paths import data_folder
from devmemlab.base.trace import events
from devmemlab.host.ports.manual import Manual
from devmemlab.lab.frames import HERE, make_frame
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes import PAGE
from devmemlab.lab.scenes_talk import Talk, receive, talk
from devmemlab.mem.region import DeviceMemory
from devmemlab.nic.drops import drop_counts
from devmemlab.nic.stats import gve_stats, qstats
from devmemlab.wire.ipv4 import IPPROTO_UDP
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.rows import Burst

__all__ = ["COUNTERS", "QUEUE", "QUEUES", "Card", "Talk", "arrive", "captured", "card", "complete", "counters", "drops",
           "receive", "ring_state", "story", "talk", "traffic"]
QUEUE = 1
QUEUES = ("device memory", "pages")
COUNTERS = ("rx_hsplit_pkt", "rx_hsplit_unsplit_pkt", "rx_hsplit_bytes[1]", "rx_cont_packet_cnt[1]", "rx_copybreak_pkt[1]",
            "rx_skb_alloc_fail", "rx_desc_err_dropped_pkt", "rx_dropped_pkt[1]", "rx_buf_alloc_fail")


class Card(NamedTuple):
    """A card whose queue 1 gets every frame.

    lab, host, port : Lab, Host, Manual
        Where it is, and its wire, held in the hand.
    nic : Ethtool
        Its settings.
    device : DeviceMemory or None
        What queue 1 is bound to; None: it has pages.
    """

    lab: object
    host: object
    port: object
    nic: object
    device: object


def captured(number, mtu=1500):
    """Take a frame out of the capture of the first lesson.

    Parameters
    ----------
    number : int or slice
        Which, from 0.
    mtu : int
        1500 or 9000: which recording.

    Returns
    -------
    octets : bytes or list of bytes
        One frame, or several for a slice.
    """
    capture = read_capture(data_folder() / f"linux-bulk-mtu{mtu}.pcap")
    rows = capture.frame[number] if isinstance(number, slice) else [capture.frame[number]]
    found = [capture.octets[row.offset:row.offset + row.length].tobytes() for row in rows]
    return found if isinstance(number, slice) else found[0]


def card(queue="device memory", ring=16, header_buffer=128, hds_thresh=0, pages=256, mtu=9000, trace=False):
    """Set up a card with header split on, and steer everything to its queue 1.

    Parameters
    ----------
    queue : str
        ``"device memory"`` binds queue 1, ``"pages"`` leaves it as it is.
    ring : int
        Descriptors, a power of two.
    header_buffer : int
        Octets of each header buffer.
    hds_thresh : int
        Payloads of at most this many octets are not split.
    pages : int
        Net_iovs that are bound.
    mtu : int
        Largest IP packet.
    trace : bool
        Record what happens.

    Returns
    -------
    card : Card
        Close its ``lab`` when done.

    Raises
    ------
    OSError
        EINVAL: device memory and a threshold do not go together; an impossible size.
    """
    lab, port = Lab(), Manual()
    host = lab.host("card", ip=HERE[4], ip6=HERE[6], rx_queues=2, ifname="eth1", port=port, mtu=mtu, rx_ring=ring, sockets=4,
                    trace=trace)
    nic, device = host.ethtool("eth1"), None
    nic.set_rings(tcp_data_split="on")
    nic.set_rxfh_indir(table=[QUEUE])
    host.netdev.header_bytes = header_buffer
    if queue == QUEUES[0]:
        device = DeviceMemory(pages * PAGE)
        host.netlink("netdev").bind_rx({"ifindex": host.ifindex("eth1"), "fd": host.export(device),
                                        "queues": [{"type": "rx", "id": QUEUE}]})
    else:
        host.netdev.restart(QUEUE)
    if hds_thresh:
        nic.set_rings(hds_thresh=hds_thresh)
    return Card(lab, host, port, nic, device)


def traffic(rounds=8):
    """Write a burst of everything: full segments, small ones, acknowledgements, long headers, and no TCP.

    Parameters
    ----------
    rounds : int
        How often the twelve frames are repeated.

    Returns
    -------
    frames : list of bytes
        Their headers are 54, 66, 114 and 146 octets long; one of twelve is UDP.
    """
    full = make_frame(tcp_options="timestamps", payload=bytes(1448))
    small, ack = make_frame(payload=bytes(100)), make_frame(payload=b"")
    long = make_frame(6, tcp_options="timestamps, 3 SACK blocks", payload=bytes(1000))
    longer = make_frame(6, 2, 24, "timestamps, 3 SACK blocks", bytes(1000))
    other = make_frame(protocol=IPPROTO_UDP, payload=bytes(500))
    return [full, full, small, full, ack, full, long, full, longer, full, small, other] * rounds


def counters(card):
    """Read the counters of a card's queue, by the names of the gve driver.

    Parameters
    ----------
    card : Card
        Not changed.

    Returns
    -------
    counts : dict of str to int
        Each of them, and ``rx-hw-drop-overruns`` by its netdev name.
    """
    host = card.host
    stats = gve_stats(host.nics, host.rxqs, 0)
    counts = {name.split("[")[0]: stats[name] for name in COUNTERS}
    return counts | {"rx-hw-drop-overruns": qstats(host.rxqs, QUEUE)["rx-hw-drop-overruns"]}


def arrive(card, *frames):
    """Let frames arrive together, and tell what was counted.

    Parameters
    ----------
    card : Card
        Receives.
    *frames : bytes
        One burst.

    Returns
    -------
    changed : dict of str to int
        Counters that grew, and by how much.
    """
    before = counters(card)
    for octets in frames:
        card.port.inject(octets, at_ns=card.lab.clock.now_ns)
    card.lab.run(until_ns=card.lab.clock.now_ns)
    return {name: count - before[name] for name, count in counters(card).items() if count != before[name]}


def complete(card, **fields):
    """Write a completion that no card in order would write, and let the driver poll.

    Parameters
    ----------
    card : Card
        One of its posted buffers is used up.
    **fields
        Of the completion: ``slot``, ``error``, ``header_bytes``, ``split`` ...

    Returns
    -------
    changed : dict of str to int
        As `arrive`.
    """
    host, before = card.host, counters(card)
    q = host.rxqs.ctl[QUEUE]
    slot = int(q.used) & (int(q.desc_count) - 1)
    cqe = host.rxqs.cqe[QUEUE, int(q.complete) & (int(q.desc_count) - 1)]
    for name in cqe.dtype.names:
        cqe[name] = 0
    cqe.netmem, cqe.slot, cqe.header_at, cqe.vlan_tci, cqe.eop = host.rxqs.desc[QUEUE, slot].netmem, slot, q.header_start, -1, 1
    host.rxqs.desc[QUEUE, slot].netmem = 0
    for name, value in fields.items():
        cqe[name] = value
    q.used += 1
    q.complete += 1
    host.receive(Burst(host._tx_octets, host._tx_frames[:0]), card.lab.clock.now_ns)
    return {name: count - before[name] for name, count in counters(card).items() if count != before[name]}


def drops(card):
    """Tell why frames were dropped.

    Parameters
    ----------
    card : Card
        Not changed.

    Returns
    -------
    reasons : dict of str to int
        Frames, for each reason that occurred.
    """
    return {reason: packets for reason, (packets, _) in drop_counts(card.host.nics, card.host.rxqs, 0).items()}


def ring_state(host, queue=QUEUE):
    """Look at a ring.

    Parameters
    ----------
    host : Host
        Whose.
    queue : int
        Row of the queue.

    Returns
    -------
    state : dict of str to int
        The five pointers, which only grow; ``for the card``: buffers that it may use; ``doorbells`` so far.
    """
    q = host.rxqs.ctl[queue]
    state = {name: int(q[name]) for name in ("post", "tail", "used", "complete", "clean", "doorbells")}
    return state | {"for the card": state["tail"] - state["used"]}


def story(card, *frames):
    """Let frames arrive and tell what happened, event by event.

    Parameters
    ----------
    card : Card
        With a trace.
    *frames : bytes
        One burst.

    Returns
    -------
    lines : list of str
        Tracepoints and their arguments, in order.
    """
    first = int(card.host.trace.ctl[0].count)
    arrive(card, *frames)
    told = []
    for event in events(card.host.trace)[first:]:
        said = ", ".join(f"{name} {int(value)}" for name, value in event.items() if name not in ("at_ns", "name"))
        told.append(f"{event['name']:22}{said}")
    return told
