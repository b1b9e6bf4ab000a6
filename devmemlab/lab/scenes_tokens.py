"""Scenes of tokens: connections that share one binding, small messages, and a token that is returned once too often.

Law.   A scene does what programs could do, and nothing else; it leaves no hidden state behind.
Reads. Spec sections 14.5, 15 and 23 (Q22, Q23).
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.lab.scenes_control import bind, calls, pair, send
from devmemlab.sock.uapi import CMSG_SPACE, MSG_PEEK, MSG_SOCK_DEVMEM, SCM_DEVMEM_DMABUF, frags

QUEUE, PORT, PAGE = 1, 5201, 4096
WORK_NS = 1_000_000
POLICIES = {
    "at once": "each token as soon as its octets are used",
    "late": "the oldest, when it has more than three",
    "together": "all, when it has four",
    "forgets": "at once, but never every third",
    "peeks": "at once, but looks with MSG_PEEK first and forgets that token",
}
"""How a program of `play` returns its tokens."""


class Scene(NamedTuple):
    """A program with connections whose payload goes to one binding.

    lab, sender, host : Lab, Host, Host
        Close the ``lab`` when done.
    device, id : DeviceMemory, int
        The memory, and its binding.
    clients, conns : list of Socket, list of Socket
        Both ends of each connection; no receiving call of theirs waits.
    """

    lab: object
    sender: object
    host: object
    device: object
    id: int
    clients: list
    conns: list

    @property
    def conn(self):
        """Socket: the first connection."""
        return self.conns[0]

    def arrive(self, *messages, conn=0):
        """Send messages over a connection, one segment each, and let them arrive.

        Parameters
        ----------
        *messages : bytes
            What; each fits into a segment.
        conn : int
            Which connection.
        """
        for message in messages:
            send(Sent(self.lab), [self.clients[conn]], message)


class Sent(NamedTuple):
    """What `send` wants to know."""

    lab: object


def start(conns=1, pages=64, ring=16, trace=True, **options):
    """Connect a sender with a program that receives into device memory.

    Parameters
    ----------
    conns : int
        Connections, all to one port and so to one queue.
    pages, ring : int
        Net_iovs that are bound, and descriptors of each queue.
    trace : bool or int
        Record what happens.
    **options
        For the receiver, see ``lab.host``.

    Returns
    -------
    scene : Scene
        `close` ends it.
    """
    two = pair(queues=2, rx_ring=ring, trace=trace, **options)
    bound = bind(two.receiver, QUEUE, memory=pages * PAGE)
    nic = two.receiver.ethtool(two.receiver.netdev.name)
    nic.set_rxfh_indir(equal=1)
    nic.add_rule(flow_type="tcp4", dst_port=PORT, queue=QUEUE)
    clients, accepted = calls(two, two.receiver, PORT, conns)
    return Scene(two.lab, two.sender, two.receiver, bound.device, bound.id, clients, accepted)


def close(*scenes):
    """Let go of scenes, and of their device memory.

    Parameters
    ----------
    *scenes : Scene
        Done with.
    """
    for scene in scenes:
        if scene.host.token_watch is not None:
            scene.host.token_watch.close()
        scene.lab.close()
        scene.device.close()


def play(policy, messages=10, pages=32, ring=8):
    """Play a program that receives messages, works on each for some time, and returns its tokens in its own way.

    Parameters
    ----------
    policy : str
        One of `POLICIES`.
    messages : int
        How many it receives.
    pages, ring : int
        See `start`.

    Returns
    -------
    scene : Scene
        `close` ends it.
    """
    if policy not in POLICIES:
        raise ValueError(f"no policy {policy!r}; there are {', '.join(POLICIES)}")
    scene, held = start(pages=pages, ring=ring), []
    for number in range(messages):
        scene.arrive(bytes([number]) * (200 + 100 * number))
        if policy == "peeks":
            take(scene.conn, MSG_PEEK)
        held += take(scene.conn).frag_token.tolist()
        scene.lab.run(until_ns=scene.lab.clock.now_ns + WORK_NS * (1 + number % 4))
        if policy == "forgets" and number % 3 == 2:
            held.pop()
        least = {"late": 4, "together": 4}.get(policy, 1)
        if len(held) >= least:
            going = held[:1] if policy == "late" else held
            scene.host.dontneed_tokens(scene.conn, going)
            held = held[len(going):]
    return scene


def take(conn, flags=0, room=256):
    """Receive what waits.

    Parameters
    ----------
    conn : Socket
        Connection.
    flags : int
        Added to MSG_SOCK_DEVMEM.
    room : int
        Control messages at most.

    Returns
    -------
    pieces : recarray of FRAG_DTYPE
        Empty when nothing waits.
    """
    try:
        _, ancdata, _, _ = conn.recvmsg(1 << 24, CMSG_SPACE(24) * room, MSG_SOCK_DEVMEM | flags)
    except BlockingIOError:
        return frags([])
    return frags(ancdata)


def octets_of(device, pieces):
    """Read the octets of pieces, as the device does.

    Parameters
    ----------
    device : DeviceMemory
        Where they lie.
    pieces : recarray of FRAG_DTYPE
        From `take`.

    Returns
    -------
    octets : bytes
        In the order of the stream.
    """
    return b"".join(device.read(int(piece.frag_offset), int(piece.frag_size)) for piece in pieces
                    if piece.kind == SCM_DEVMEM_DMABUF)


def overwrite(scene, offset, most=512, conn=0, fill=b"?"):
    """Let messages come and go until one lies at an offset: whoever still looks there sees that one.

    Parameters
    ----------
    scene : Scene
        Its connection receives them, and each is returned at once.
    offset : int
        Start of a buffer that is free, in the dmabuf.
    most : int
        Give up after so many.
    conn : int
        Which connection.
    fill : bytes
        One octet that messages are made of.

    Returns
    -------
    messages : int
        How many it took; 0 when none came to lie there.
    """
    for count in range(1, most + 1):
        scene.arrive(fill * 1000, conn=conn)
        pieces = take(scene.conns[conn])
        scene.host.dontneed_tokens(scene.conns[conn], pieces)
        if np.any(pieces.frag_offset == offset):
            return count
    return 0


def scattered(region, count, piece, seed=0, first=0, spread=2):
    """Make a list of pieces in no order, with gaps.

    Parameters
    ----------
    region : Region
        Where they lie; filled with octets that tell places apart.
    count, piece : int
        How many, and octets of each.
    seed : int
        Decides the order.
    first : int
        They lie behind this offset.
    spread : int
        One of so many places is taken.

    Returns
    -------
    pieces : int64[count, 2]
        Offsets and lengths.
    """
    chosen = np.random.default_rng(seed).permutation(count * spread)[:count]
    pieces = np.stack((first + chosen * piece, np.full(count, piece)), axis=1).astype(np.int64)
    view, end = region.octets, first + count * spread * piece
    view[first:end] = np.random.default_rng(seed + 1).integers(0, 256, end - first, np.uint8)
    return pieces
