"""The other end of a loopback connection of the running kernel.

Law.   A verb returns when what it sent can be seen at the near end, or a moment later.
Reads. `devmemlab.lab.conformance.peer`, whose verbs these are.
Omits. Segments by hand: the kernel cuts as it likes.
"""

import select
import socket
import struct

WAIT_S = 2.0


class RealPeer:
    """The other end of a loopback connection, with the verbs of `devmemlab.lab.conformance.peer.Peer`.

    Parameters
    ----------
    near, far : socket.socket
        Who receives, and who sends.
    """

    def __init__(self, near, far):
        self.near, self.far = near, far

    def _arrived(self):
        select.select([self.near], [], [self.near], WAIT_S)

    def send(self, payload):
        """Send payload and wait for it to arrive.

        Parameters
        ----------
        payload : bytes
            What.
        """
        self.far.sendall(payload)
        self._arrived()

    def send_urgent(self, payload):
        """Send payload whose last octet is urgent.

        Parameters
        ----------
        payload : bytes
            What.
        """
        self.far.send(payload, socket.MSG_OOB)
        self._arrived()

    def finish(self):
        """Say that nothing more will come."""
        self.far.close()
        self._arrived()

    def reset(self):
        """Break the connection."""
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.far.close()
        self._arrived()
