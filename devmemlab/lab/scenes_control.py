"""Scenes of the control lessons: a card in your hand, two hosts on a wire, a process that owns a binding.

Law.   A scene does what a program could do with public calls, and nothing else; it leaves no hidden state behind.
Reads. Spec sections 11.3 (the recipe) and 18.2; Linux Documentation/networking/devmem.rst.
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes_steering import DEVICE_PORT, IFNAME, OURS, Card, Flow, arrive, card, flows, frame
from devmemlab.mem.region import DeviceMemory

__all__ = ["DEVICE_PORT", "IFNAME", "OURS", "Bound", "Card", "Flow", "Pair", "arrive", "bind", "bind_request", "calls", "card",
           "flows", "frame", "pair", "queue_memory", "send"]


class Pair(NamedTuple):
    """Two hosts on a wire.

    lab, sender, receiver : Lab, Host, Host
        The receiver has several queues.
    """

    lab: object
    sender: object
    receiver: object


class Bound(NamedTuple):
    """A process that has put queues on device memory.

    process : Process
        Holds all the rest.
    device, fd : DeviceMemory, int
        The memory and its dmabuf.
    netlink, id : NetlinkSocket, int
        Owner of the binding, and its id.
    """

    process: object
    device: object
    fd: int
    netlink: object
    id: int


def bind(host, *queues, memory="1MiB", name="trainer"):
    """Start a process that puts queues on device memory. It steers nothing.

    Parameters
    ----------
    host : Host
        Where.
    *queues : int
        Which.
    memory : int or str
        How much.
    name : str
        Of the process.

    Returns
    -------
    bound : Bound
        Header split is on.
    """
    process, device = host.process(name), DeviceMemory(memory)
    host.ethtool(host.netdev.name).set_rings(tcp_data_split="on", hds_thresh=0)
    fd, netlink = process.export(device), process.netlink("netdev")
    return Bound(process, device, fd, netlink, int(netlink.bind_rx(bind_request(host, fd, *queues))["id"]))


def bind_request(host, fd, *queues):
    """Spell what bind-rx wants to know.

    Parameters
    ----------
    host : Host
        Whose first NIC is meant.
    fd : int
        Of the dmabuf.
    *queues : int
        Which.

    Returns
    -------
    request : dict
        ``ifindex``, ``fd`` and ``queues``.
    """
    return {"ifindex": host.netdev.ifindex, "fd": fd, "queues": [{"type": "rx", "id": queue} for queue in queues]}


def pair(queues=4, **options):
    """Put a sender and a receiver on a wire of 10 Gbit/s.

    Parameters
    ----------
    queues : int
        RX queues of the receiver.
    **options
        For the receiver, see ``lab.host``.

    Returns
    -------
    pair : Pair
        Close its ``lab`` when done.
    """
    lab = Lab()
    sender = lab.host("sender", ip="192.0.2.1", ifname=IFNAME, rx_ring=64, sockets=32)
    receiver = lab.host("receiver", ip=OURS, ifname=IFNAME, rx_queues=queues, **{"rx_ring": 64, "sockets": 32, **options})
    lab.connect(sender, receiver, gbps=10, delay_us=10)
    return Pair(lab, sender, receiver)


def calls(pair, process, port, count=1):
    """Have the sender connect to a port of the receiver, several times.

    Parameters
    ----------
    pair : Pair
        The hosts.
    process : Host or Process
        Who accepts, on the receiver.
    port : int
        Where.
    count : int
        Connections.

    Returns
    -------
    clients, conns : list of Socket, list of Socket
        Both ends of each; no receiving call of theirs waits.
    """
    server, clients, conns = process.socket(), [], []
    server.bind(("", port))
    server.listen()
    for _ in range(count):
        clients.append(pair.sender.socket())
        clients[-1].connect((pair.receiver.ip, port))
        conns.append(server.accept()[0])
        conns[-1].settimeout(0)
    server.close()
    return clients, conns


def send(pair, clients, payload):
    """Send the same octets over several connections, and let them arrive.

    Parameters
    ----------
    pair : Pair
        The hosts.
    clients : sequence of Socket
        From `calls`.
    payload : bytes
        What.
    """
    for client in clients:
        client.send(payload)
    pair.lab.run(until_ns=pair.lab.clock.now_ns + 50_000_000)


def queue_memory(host):
    """Tell what each queue of the first NIC runs on.

    Parameters
    ----------
    host : Host
        Whose.

    Returns
    -------
    memory : list of str
        ``"pages"``, ``"binding 1"`` or ``"dead"``.
    """
    netdev, told = host.netdev, []
    for queue in range(netdev.real_num_rx_queues):
        own = host.rxqs.ctl[netdev.row_of(queue)]
        pool = host.mem.pools.ctl[own.pool]
        told.append("dead" if not own.active else
                    f"binding {int(host.mem.providers.binding[pool.mp_priv].id)}" if pool.provider else "pages")
    return told
