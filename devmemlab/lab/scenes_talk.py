"""Scenes of two hosts: one sends, the other has little device memory and decides when it gives tokens back.

Law.   A scene does what programs could do, and nothing else.
Reads. Spec section 12.4.
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes import PAGE
from devmemlab.lab.segments import record
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, CMSG_SPACE, MSG_SOCK_DEVMEM, frags

PORT, QUEUE = 5201, 1


class Talk(NamedTuple):
    """A sender with pages and a receiver with device memory, connected.

    lab : Lab
        Both hosts, and the wire between them.
    storage, trainer : Host
        Who sends, and who receives.
    device : DeviceMemory
        Where payload goes.
    client, conn : Socket
        Both ends of the connection; neither blocks.
    """

    lab: object
    storage: object
    trainer: object
    device: object
    client: object
    conn: object


def talk(pages=64, ring=32, gbps=10, delay_us=50, harm=None, sender=None, recorded=False, seed=0, **options):
    """Connect a sender to a receiver with little device memory.

    Parameters
    ----------
    pages : int
        Net_iovs that the receiver has bound.
    ring : int
        Descriptors of its queue.
    gbps, delay_us : float
        The wire.
    harm : dict of str to float, optional
        What else the wire does: ``loss``, ``reorder``, ``duplicate``, ``corrupt``.
    sender : dict, optional
        For ``lab.host(...)`` of the sender.
    recorded : bool
        Keep what passes both hosts, see `devmemlab.lab.segments`.
    seed : int
        Decides which frames are harmed.
    **options
        For ``lab.host(...)`` of the receiver.

    Returns
    -------
    talk : Talk
        Close its ``lab`` when done.
    """
    lab = Lab(seed)
    storage = lab.host("storage", ip="192.0.2.2", sockets=4, rx_ring=64, **sender or {})
    trainer = lab.host("trainer", ip="192.0.2.1", rx_queues=2, ifname="eth1", rx_ring=ring, sockets=4, **options)
    lab.connect(storage, trainer, gbps=gbps, delay_us=delay_us, **harm or {})
    if recorded:
        record(lab)
    nic, device = trainer.ethtool("eth1"), DeviceMemory(pages * PAGE)
    nic.set_rings(tcp_data_split="on")
    nic.set_rxfh_indir(equal=1)
    nic.add_rule(flow_type="tcp4", dst_port=PORT, queue=QUEUE)
    trainer.netlink("netdev").bind_rx({"ifindex": trainer.ifindex("eth1"), "fd": trainer.export(device),
                                       "queues": [{"type": "rx", "id": QUEUE}]})
    server = trainer.socket(AF_INET)
    server.bind(("", PORT))
    server.listen()
    client = storage.socket(AF_INET)
    client.connect((trainer.ip, PORT))
    conn, _ = server.accept()
    server.close()
    client.settimeout(0)
    conn.settimeout(0)
    return Talk(lab, storage, trainer, device, client, conn)


def receive(talk, room=128):
    """Receive what is there, and keep the tokens.

    Parameters
    ----------
    talk : Talk
        Its receiver calls recvmsg once.
    room : int
        Pieces that fit into the answer.

    Returns
    -------
    pieces, octets : frags, bytes
        Tokens, and what the device sees there; both empty when nothing is there.
    """
    try:
        ancdata = talk.conn.recvmsg(1 << 20, CMSG_SPACE(24) * room, MSG_SOCK_DEVMEM)[1]
    except BlockingIOError:
        ancdata = []
    pieces = frags(ancdata)
    return pieces, b"".join(talk.device.read(int(p.frag_offset), int(p.frag_size)) for p in pieces)
