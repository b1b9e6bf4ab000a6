"""Where an ncdevmem client, or a self-test, finds its machine: a lab host with a peer that receives, or the running kernel.

Law.   The client cannot tell: it gets a Linux face, and somebody who listens.
Reads. House law 10 for the running kernel; ncdevmem_tap.py for one behind a TAP device.
Omits. Peers on other machines, but for ``--backend linux``, where the peer is the user's business.
"""

import contextlib
import hashlib

from devmemlab.host.ports import Manual
from devmemlab.lab import ncdevmem_wire
from devmemlab.lab.lab import Lab
from devmemlab.lab.live import neighbour_of
from devmemlab.sock.uapi import AF_INET, AF_INET6

CHUNK_BYTES = 1 << 16


class PeerLab(Lab):
    """A lab in which a program at the other end receives whenever time passes.

    Attributes
    ----------
    peer : Peer or None
        The program.
    """

    peer = None

    def step(self):
        """Let every host do what is due, and the program at the other end receive; see `Lab.step`.

        Returns
        -------
        progressed : bool
            True when something moved.
        """
        progressed = super().step()
        return bool(self.peer and self.peer.take()) or progressed


class Peer:
    """A program on a lab host that accepts one connection and receives to its end.

    Parameters
    ----------
    host : Host
        Where it runs.
    ip : str
        Address to listen at.
    port : int
        Port.
    pay : callable or None
        Takes the octets.
    """

    def __init__(self, host, ip, port, pay):
        self.pay, self.conn, self.done = pay, None, False
        self.bytes, self._digest = 0, hashlib.sha256()
        self._listener = host.socket(AF_INET6 if ":" in ip else AF_INET)
        self._listener.bind((ip, port))
        self._listener.listen(1)
        self._listener.settimeout(0)

    @property
    def sha256(self):
        """str: digest of what came."""
        return self._digest.hexdigest()

    def take(self):
        """Receive what is there.

        Returns
        -------
        moved : bool
            True when something came.
        """
        if self.done:
            return False
        try:
            if self.conn is None:
                self.conn = self._listener.accept()[0]
                self.conn.settimeout(0)
            octets = self.conn.recv(CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not octets:
            self.done = True
            self.conn.close()
            return True
        self._digest.update(octets)
        self.bytes += len(octets)
        if self.pay:
            self.pay(octets)
        return True


class PeerWire:
    """A machine for a client.

    Parameters
    ----------
    k : Host or Kernel
        The Linux face.
    """

    def __init__(self, k):
        self.k = k

    def start(self):
        """See that somebody listens."""

    def end(self, conn):
        """See a connection through.

        Parameters
        ----------
        conn : Socket
            That of the client, shut down for sending.

        Returns
        -------
        came : tuple of (int, str) or None
            Octets that came to the peer and their digest; None where nobody tells.
        """
        return None


class LabWire(PeerWire):
    """Two hosts of a lab.

    Parameters
    ----------
    lab : PeerLab
        With the peer's program.
    host : Host
        The client's.
    """

    def __init__(self, lab, host):
        super().__init__(host)
        self.lab = lab

    def end(self, conn):
        """See a connection through; see `PeerWire.end`.

        Parameters
        ----------
        conn : Socket
            That of the client.

        Returns
        -------
        came : tuple of (int, str)
            What the peer got.
        """
        peer = self.lab.peer
        self.lab.wait(lambda: peer.done, "end of the peer's program")
        return peer.bytes, peer.sha256


@contextlib.contextmanager
def idle_wire(wanted):
    """Make a lab host that nothing is connected to.

    Parameters
    ----------
    wanted : Wanted
        Name of its interface, kernel profile.

    Yields
    ------
    host : Host
        The Linux face.
    """
    with Lab() as lab:
        yield lab.host("alone", ip="10.0.0.2", ifname=wanted.ifname, port=Manual(), kernel=wanted.kernel,
                       **ncdevmem_wire.HOST_OPTIONS)


@contextlib.contextmanager
def lab_peer_wire(wanted, mtu, pay=None):
    """Make a lab host with another one that receives.

    Parameters
    ----------
    wanted : Wanted
        Addresses, port.
    mtu : int
        Largest IP packet.
    pay : callable, optional
        Takes what the peer receives.

    Yields
    ------
    wire : LabWire
        Time is virtual.
    """
    kind = "ip6" if ":" in wanted.server else "ip"
    with PeerLab() as lab:
        own = {"mtu": mtu, "kernel": wanted.kernel, **ncdevmem_wire.HOST_OPTIONS}
        host = lab.host("sender", ifname=wanted.ifname, **own, **{kind: wanted.client or neighbour_of(wanted.server)})
        far = lab.host("peer", mtu=mtu, **{kind: wanted.server})
        lab.connect(host, far, gbps=10, delay_us=10)
        lab.peer = Peer(far, wanted.server, wanted.port, pay)
        yield LabWire(lab, host)


@contextlib.contextmanager
def linux_wire():
    """Take the running kernel.

    Yields
    ------
    wire : PeerWire
        Its ``k`` is a `devmemlab.linux.Kernel`.
    """
    from devmemlab.linux import Kernel

    yield PeerWire(Kernel())
