"""The lab's side: hosts under the profile of a recorded kernel, and the calls that a program makes on them.

Law.   Every answer is what a system call of the lab returned or raised; nothing here knows a record's answer.
Reads. interfaces section 2.
Omits. What the lab does not model: those calls raise `NotModelled`.
"""

from devmemlab.host.ports.manual import Manual
from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.lab.conformance.lab_calls import LabCalls
from devmemlab.lab.conformance.lab_netlink import LabNetlink
from devmemlab.lab.conformance.machines import NIC, QUEUES, build
from devmemlab.lab.conformance.peer import ADDRESSES, HOST_MAC, Peer
from devmemlab.lab.lab import Lab
from devmemlab.sock.uapi import AF_INET, AF_INET6, SHUT_RDWR, SOCK_STREAM

FAMILIES = {"udp": "UDP", "unix": "AF_UNIX", "raw": "raw", "packet": "AF_PACKET", "vsock": "AF_VSOCK",
            "mptcp": "MPTCP"}
"""Beginning of a recorded socket's name -> family that the lab has no socket options for."""
FIRST_PORT = 20000


def refuse_family(name):
    """Refuse a socket family that the lab does not model.

    Parameters
    ----------
    name : str
        As the record calls the socket.

    Raises
    ------
    NotModelled
        By the beginning of the name.
    """
    for start, family in FAMILIES.items():
        if name.startswith(start):
            raise NotModelled(f"the lab does not model {family} sockets")


class LabFace(LabCalls, LabNetlink):
    """One kernel's host, with sockets in every state.

    Parameters
    ----------
    profile : Profile
        Of the recorded kernel.
    machine : str
        Which interfaces it has, see `devmemlab.lab.conformance.machines`.
    kernel : str
        Release that was recorded.
    **options
        Of the host.

    Attributes
    ----------
    lab, host, port : Lab, Host, Manual
        The lab, its host, and the host's wire.
    """

    lab_side = True

    def __init__(self, profile, machine="nic", kernel="", **options):
        self.profile, self.kernel = profile, kernel
        self.lab, self.port = Lab(), Manual()
        options = {"rx_queues": QUEUES, "sockets": 256, "ifname": NIC, **options}
        self.host = self.lab.host("dut", ip=ADDRESSES[4][1], ip6=ADDRESSES[6][1], mac=HOST_MAC, port=self.port, kernel=profile,
                                  **options)
        self._next_port = FIRST_PORT
        self._sockets, self._fds, self._users = {}, {}, {}
        build(self, machine)

    def close(self):
        """End the host."""
        self.lab.close()

    def new_socket(self, version):
        """Make a TCP socket.

        Parameters
        ----------
        version : int
            4 or 6.

        Returns
        -------
        sock : Socket
            Unconnected, not blocking.
        """
        sock = self.host.socket(AF_INET if version == 4 else AF_INET6, SOCK_STREAM)
        sock.setblocking(False)
        return sock

    def listener(self, version):
        """Make a listening socket.

        Parameters
        ----------
        version : int
            4 or 6.

        Returns
        -------
        sock, number : Socket, int
            The socket and its port.
        """
        sock = self.new_socket(version)
        number = self._next_port
        self._next_port += 1
        sock.bind(("", number))
        sock.listen(8)
        return sock, number

    def stream(self, version):
        """Make a connection.

        Parameters
        ----------
        version : int
            4 or 6.

        Returns
        -------
        conn, peer : Socket, Peer
            Both ends.
        """
        listener, number = self.listener(version)
        return self.stream_to(listener, number, version)

    def stream_to(self, listener, number, version):
        """Make a connection to a listener, which ends with that.

        Parameters
        ----------
        listener, number, version : Socket, int, int
            From `listener`; 4 or 6.

        Returns
        -------
        conn, peer : Socket, Peer
            Both ends.
        """
        peer = Peer(self.lab, self.port, version, number + 20000, number)
        peer.connect()
        conn, _ = listener.accept()
        listener.close()
        conn.setblocking(False)
        return conn, peer

    def descriptor(self, name):
        """Find, or make, the socket that a record names.

        Parameters
        ----------
        name : str
            ``"tcp4"``, ``"tcp6-conn"``, ``"tcp4 CLOSE_WAIT"``, ``"/dev/null fd"``, ...

        Returns
        -------
        fd : int
            Its file descriptor.
        """
        if name not in self._sockets:
            refuse_family(name)
            self._sockets[name] = self._make(name)
        return self._sockets[name]

    def _make(self, name):
        if name == "/dev/null fd":
            return self.host.open_other("/dev/null")
        if name == "netlink":
            return self.netlink().sock.fileno()
        version, state = (6 if name.startswith("tcp6") else 4), name[4:].strip("- ")
        if state == "":
            return self.new_socket(version).fileno()
        if state == "listen":
            return self.listener(version)[0].fileno()
        conn, peer = self.stream(version)
        if state == "CLOSE_WAIT":
            peer.finish()
        elif state == "after shutdown(RDWR)":
            conn.shutdown(SHUT_RDWR)
        elif state != "conn":
            raise NotModelled(f"a socket called {name!r} is not known here")
        return conn.fileno()
