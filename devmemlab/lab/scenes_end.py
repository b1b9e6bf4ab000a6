"""Scenes of leaks and ends: two programs on one binding, one of which leaks, and everything closed in any order.

Law.   A scene does what programs could do with public calls, and nothing else.
Reads. Spec sections 14.6 and 18.2; features C7, C8, D4, G4.
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

from devmemlab.lab import scenes_control
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, frags

__all__ = ["ENDS", "PORT", "QUEUE", "Shared", "again", "begin", "pieces_of", "shared", "teardown"]
PORT, QUEUE, ROOM, WORD = 5201, 3, CMSG_SPACE(24) * 128, b"gradients"
ENDS = ("connection", "netlink", "dmabuf")
"""What a program holds and closes."""


class Shared(NamedTuple):
    """Two hosts, a binding on queue 3 of the receiver, and connections that go there.

    pair, machine : Pair, Host
        The hosts; the receiver.
    owner : Bound
        The process that holds dmabuf and netlink socket.
    clients, conns : list of Socket
        Both ends of each connection.
    tokens : list of list of int
        Those that each connection's program holds.
    """

    pair: object
    machine: object
    owner: object
    clients: list
    conns: list
    tokens: list

    def turn(self, octets=5792, gives_back=(True, False), ms=50):
        """Send the same word again and again to every connection; each program receives, and gives back its tokens or not.

        Parameters
        ----------
        octets : int
            How much for each.
        gives_back : sequence of bool
            For each program.
        ms : float
            Virtual time until they receive.

        Returns
        -------
        received : list of int
            Octets that each program got.
        """
        for client in self.clients:
            client.send((WORD * (octets // len(WORD) + 1))[:octets])
        self.rest(ms)
        got = []
        for conn, tokens, gives in zip(self.conns, self.tokens, gives_back):
            pieces = pieces_of(conn)
            tokens += pieces.frag_token.tolist()
            got.append(int(pieces.frag_size.sum()))
            if gives and tokens:
                self.machine.dontneed(conn, [(token, 1) for token in tokens])
                tokens.clear()
        return got

    def rest(self, ms):
        """Let time pass; nobody sends, nobody receives.

        Parameters
        ----------
        ms : float
            Virtual time.
        """
        self.pair.lab.run(until_ns=self.pair.lab.clock.now_ns + round(ms * 1e6))

    def leave(self, number):
        """One of the programs closes its connection, with whatever tokens it holds.

        Parameters
        ----------
        number : int
            Which. Its peer stays where it is and sends no more.

        Returns
        -------
        tokens : int
            How many it held.
        """
        self.clients.pop(number)
        self.conns.pop(number).close()
        return len(self.tokens.pop(number))


def pieces_of(conn):
    """Receive what is there.

    Parameters
    ----------
    conn : Socket
        It does not block.

    Returns
    -------
    pieces : frags
        Empty when nothing is there, or nothing more will come.
    """
    try:
        return frags(conn.recvmsg(1 << 20, ROOM, MSG_SOCK_DEVMEM)[1])
    except (BlockingIOError, ConnectionError):
        return frags([])


def shared(count=2, memory="256KiB", ring=32, **options):
    """Let several programs receive on one binding.

    Parameters
    ----------
    count : int
        Programs.
    memory : int or str
        Device memory that is bound.
    ring : int
        Descriptors of each queue.
    **options
        For ``lab.host(...)`` of the receiver.

    Returns
    -------
    shared : Shared
        Close its ``pair.lab`` when done.
    """
    pair = scenes_control.pair(rx_ring=ring, **options)
    machine, owner = pair.receiver, scenes_control.bind(pair.receiver, QUEUE, memory=memory)
    machine.sh(f"ethtool -X eth1 equal {QUEUE}; ethtool -N eth1 flow-type tcp4 dst-port {PORT} action {QUEUE}")
    clients, conns = scenes_control.calls(pair, owner.process, PORT, count)
    return Shared(pair, machine, owner, clients, conns, [[] for _ in conns])


def begin(octets=5792, take=1, **options):
    """Bring a single program to the middle of its work: some data is received and held by tokens, some is not received yet.

    Parameters
    ----------
    octets : int
        Sent twice: once received, once not.
    take : int
        0: nothing is received.
    **options
        See `shared`.

    Returns
    -------
    shared : Shared
        With one connection.
    """
    made = shared(1, **options)
    if take:
        made.turn(octets, [False])
    scenes_control.send(made.pair, made.clients, b"not read " * (octets // len(WORD)))
    return made


def again(shared, name="next"):
    """Start another process that binds the same dmabuf to the same queue.

    Parameters
    ----------
    shared : Shared
        Its owner hands the dmabuf over.
    name : str
        Of the new process.

    Returns
    -------
    netlink, id : NetlinkSocket, int
        Owner and number of the new binding.

    Raises
    ------
    NetlinkError
        EEXIST: the queue is still bound.
    """
    machine, owner = shared.machine, shared.owner
    process = machine.process(name)
    fd = owner.process.give(owner.fd, process) if owner.process.alive else process.export(owner.device)
    netlink = process.netlink("netdev")
    return netlink, int(netlink.bind_rx(scenes_control.bind_request(machine, fd, QUEUE))["id"])


def teardown(*order, **options):
    """End a program in the middle of its work, and look what waits for what.

    Parameters
    ----------
    *order : str
        `ENDS` in some order, each closed in turn; nothing: the process is killed.
    **options
        See `begin`.

    Returns
    -------
    end : dict
        ``order``; ``detached``: after each step, how many buffers detached pools wait for; ``gone_ms``: when the last pool was
        gone; ``audit``: references in flight then; ``bindings`` that are left.
    """
    made = begin(**options)
    machine, process = made.machine, made.owner.process
    steps = {"connection": made.conns[0].close, "netlink": made.owner.netlink.close,
             "dmabuf": lambda: process.close(made.owner.fd), "kill": lambda: machine.kill(process)}
    waits = []
    for step in order or ("kill",):
        steps[step]()
        waits.append(sum(pool["inflight"] for pool in machine.detached_pools()))
    gone_ms = machine.wait_detached() / 1e6
    made.pair.lab.run(until_ns=made.pair.lab.clock.now_ns)
    left = machine.audit().netmems_in_flight, int((machine.mem.providers.binding.kind != 0).sum())
    made.pair.lab.close()
    return {"order": order or ("kill",), "detached": waits, "gone_ms": gone_ms, "audit": left[0], "bindings": left[1]}
