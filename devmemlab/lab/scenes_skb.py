"""Scenes of skbs: the receive queue of a connection, two neighbours on one card, what a queue can be asked.

Law.   A scene does what programs could do, except `hold` and its like, which play the driver (scenes_held).
Reads. Spec sections 13.3 to 13.6.
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes_control import bind, calls, send
from devmemlab.lab.scenes_control import pair as two_hosts
from devmemlab.lab.scenes_guards import Answer, Answers, ask, ask_one, name_of
from devmemlab.lab.scenes_held import add_page, clone, free, hold, split
from devmemlab.lab.scenes_nic import QUEUE, QUEUES, card, drops
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, SO_RCVBUF, SOL_SOCKET, frags

__all__ = ["OPERATIONS", "QUEUE", "QUEUES", "Answer", "Answers", "Arrived", "Neighbours", "add_page", "arrivals", "ask",
           "ask_one", "card", "clone", "close", "drops", "free", "hold", "neighbours", "packets", "split", "try_operation"]
HEADERS = 52
"""Octets of IPv4 and TCP headers with timestamps: a segment of n octets is a packet of n + 52."""


class Arrived(NamedTuple):
    """A receiver in whose socket segments wait.

    lab, host, conn : Lab, Host, Socket
        Close the ``lab`` when done.
    device : DeviceMemory or None
        Where payload lies; None: in pages.
    segment : int
        Octets of payload of each segment.
    """

    lab: object
    host: object
    conn: object
    device: object
    segment: int


class Neighbours(NamedTuple):
    """Two connections through one card, one with a queue on device memory, one with pages.

    lab, sender, host, device : Lab, Host, Host, DeviceMemory
        Close ``lab`` and ``device`` when done.
    clients, conns : dict of str to Socket
        Both ends of each, by `QUEUES`; no receiving call of theirs waits.
    """

    lab: object
    sender: object
    host: object
    device: object
    clients: dict
    conns: dict

    def send(self, payload):
        """Send the same octets over both connections, and let them arrive.

        Parameters
        ----------
        payload : bytes
            What.
        """
        send(self, self.clients.values(), payload)


def arrivals(queue="device memory", segment=1448, count=44, gro=True, rcvbuf=0, ring=64):
    """Let a connection's segments arrive in one burst, at a program that does not read.

    Parameters
    ----------
    queue : str
        ``"device memory"`` or ``"pages"``; with pages the card does not split.
    segment, count : int
        Octets of payload of each segment, and how many.
    gro : bool
        Whether the stack joins them before TCP.
    rcvbuf : int
        For SO_RCVBUF (the kernel doubles it); 0 leaves it alone.
    ring : int
        Descriptors; the card loses what finds none.

    Returns
    -------
    arrived : Arrived
        Close its ``lab`` when done.
    """
    octets = np.repeat(np.arange(count) % 256, segment).astype(np.uint8)
    port = Pcap(bulk_capture(segment * count, segment + HEADERS, octets=octets), speed=None)
    lab, flow, device = Lab(), port.flow, None
    host = lab.host("receiver", ip=flow.dst, mac=flow.dst_mac, rx_queues=2, ifname="eth1", mtu=9000, port=port, rx_ring=ring,
                    sockets=4)
    nic = host.ethtool("eth1")
    nic.set_feature("gro", gro)
    nic.set_rxfh_indir(table=[QUEUE])
    if queue == QUEUES[0]:
        device = DeviceMemory("2MiB")
        nic.set_rings(tcp_data_split="on")
        host.netlink("netdev").bind_rx({"ifindex": host.ifindex("eth1"), "fd": host.export(device),
                                        "queues": [{"type": "rx", "id": QUEUE}]})
    server = host.socket()
    if rcvbuf:
        server.setsockopt(SOL_SOCKET, SO_RCVBUF, rcvbuf)
    server.bind(("", flow.dport))
    server.listen()
    conn, _ = server.accept()
    conn.settimeout(0)
    server.close()
    lab.run(until_ns=lab.clock.now_ns + 50_000_000)
    return Arrived(lab, host, conn, device, segment)


def packets(arrived):
    """Count the packets with payload that TCP was handed.

    Parameters
    ----------
    arrived : Arrived
        Not changed.

    Returns
    -------
    count : int
        Each link of a frag list is one.
    """
    return int(arrived.host.tcbs.tcb[arrived.conn.sock].data_segs_in)


def close(*scenes):
    """Let go of scenes, and of their device memory.

    Parameters
    ----------
    *scenes : Arrived, Neighbours or Card
        Done with.
    """
    for scene in scenes:
        scene.lab.close()
        if scene.device is not None:
            scene.device.close()


def neighbours():
    """Put two connections on one card: port 5201 comes to a queue on device memory, port 80 to one with pages.

    Returns
    -------
    neighbours : Neighbours
        Nothing has been sent.
    """
    pair = two_hosts(queues=2)
    bound, nic = bind(pair.receiver, QUEUE), pair.receiver.ethtool("eth1")
    nic.set_rxfh_indir(equal=1)
    nic.add_rule(flow_type="tcp4", dst_port=5201, queue=QUEUE)
    clients, conns = {}, {}
    for queue, process, port in zip(QUEUES, (bound.process, pair.receiver.process("web")), (5201, 80)):
        (clients[queue],), (conns[queue],) = calls(pair, process, port)
    return Neighbours(pair.lab, pair.sender, pair.receiver, bound.device, clients, conns)


def _received(arrived, msg_flags):
    """Let the program receive the octets of ten segments.

    Parameters
    ----------
    arrived : Arrived
        Its queue shrinks.
    msg_flags : int
        With or without MSG_SOCK_DEVMEM.

    Returns
    -------
    answer : str
        What it got.
    """
    try:
        got, ancdata, _, _ = arrived.conn.recvmsg(10 * arrived.segment, CMSG_SPACE(24) * 64, msg_flags)
    except OSError as problem:
        return name_of(-problem.errno)
    return f"{len(got):,} octets in the buffer, {len(frags(ancdata))} tokens"


OPERATIONS = {"recv, without the flag": None, "recvmsg with MSG_SOCK_DEVMEM": None, "copy 40 octets out": (1, 40),
              "pull 40 octets into the head": (3, 40), "sum all octets": (7, None), "splice to a pipe": (10, None),
              "copy the whole skb": (5, None), "send through loopback": (24, None)}
"""What can be tried on a queue -> rule of the guard table and octets, asked of its first skb; None: a call of the program."""


def try_operation(arrived, name):
    """Try something on the skbs that wait in a connection.

    Parameters
    ----------
    arrived : Arrived
        From `arrivals`.
    name : str
        One of `OPERATIONS`.

    Returns
    -------
    answer : str
        What came of it.
    """
    if OPERATIONS[name] is None:
        return _received(arrived, MSG_SOCK_DEVMEM if "MSG" in name else 0)
    return ask_one(arrived.host, int(arrived.host.tcbs.tcb[arrived.conn.sock].rcvq_head), *OPERATIONS[name])
