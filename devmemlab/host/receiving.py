"""Receiving: recvmsg and its shorter relatives.

Law.   Waiting happens here, never in a kernel; a call that fails has consumed nothing it did not report.
Reads. Python's socket module; Linux net/ipv4/tcp.c (tcp_recvmsg).
Omits. recvmmsg, MSG_WAITALL.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, ENODEV, ENOMEM, ENOTCONN, ETOOSMALL, error
from devmemlab.host.entry import machine_recvmsg
from devmemlab.mem.region import memory
from devmemlab.sock.uapi import MSG_DONTWAIT, MSG_ERRQUEUE, Ancdata
from devmemlab.tcp.states import CLOSE, LISTEN

_ADVICE = {
    EAGAIN: "nothing has arrived yet",
    EFAULT: "device data is queued; pass MSG_SOCK_DEVMEM and room for control messages",
    ENODEV: "a frag of this packet is no dmabuf net_iov; check that one binding serves the whole queue",
    ENOTCONN: "the socket is not connected",
    ETOOSMALL: "the control buffer cannot hold one devmem message; pass at least CMSG_SPACE(24) = 40 octets",
    ENOMEM: "no token could be made; return some with SO_DEVMEM_DONTNEED",
}


class Receiving:
    """The receiving half of `devmemlab.host.socket.Socket`."""

    @staticmethod
    def _readable(row):
        return row.rcvq_head or row.fin_received or row.error or row.state == CLOSE

    def _receive(self, user, user_at, user_length, control, length, flags):
        host = self.host
        row = self._row
        if self.timeout != 0 and not flags & MSG_DONTWAIT and row.state != LISTEN:
            self._wait(lambda: self._readable(row), "data", self.timeout)
        while True:
            copied = machine_recvmsg(memory(), host.machine, host.trace, self.sock, user, user_at, user_length, control,
                                     length, flags & ~MSG_DONTWAIT, host.clock.now_ns)
            if copied != -EAGAIN:
                break
            self._wait(lambda: self._readable(row), "data", 0 if flags & MSG_DONTWAIT else self.timeout)
        if copied < 0:
            raise error(copied, _ADVICE.get(-copied, "receiving failed"))
        return int(copied)

    def recvmsg(self, bufsize, ancbufsize=0, flags=0):
        """Receive data and control messages.

        Parameters
        ----------
        bufsize : int
            Octets wanted; limits device data too, although it is not returned as bytes.
        ancbufsize : int
            Room for control messages, octets.
        flags : int
            MSG_SOCK_DEVMEM, MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT; MSG_ERRQUEUE reads the error queue instead.

        Returns
        -------
        data, ancdata, msg_flags, address : bytes, Ancdata, int, None
            `data` holds host bytes and linear bytes; `ancdata` is read by `devmemlab.frags`. How many octets of the
            stream were taken is the sum of the frag sizes, or ``len(data)`` when there are none.

        Raises
        ------
        OSError
            EAGAIN, EFAULT, ENODEV, ENOTCONN, ECONNRESET, 525.
        """
        if flags & MSG_ERRQUEUE:
            return self.recverr(ancbufsize)
        if len(self._user) < bufsize:
            self._user = np.zeros(bufsize, np.uint8)
        if len(self._control) != ancbufsize:
            self._control = np.zeros(ancbufsize, np.uint8)
        self._receive(self._user, 0, bufsize, self._control, bufsize, flags)
        msg = self.host.msg[0]
        return (self._user[: msg.user_at].tobytes(), Ancdata(self._control[: msg.control_at].tobytes()), 0, None)

    def recv(self, bufsize, flags=0):
        """Receive data.

        Parameters
        ----------
        bufsize : int
            Octets wanted.
        flags : int
            MSG_*.

        Returns
        -------
        data : bytes
            Empty at the end of the stream.
        """
        return self.recvmsg(bufsize, 0, flags)[0]

    def recv_into(self, buffer, nbytes=0, flags=0):
        """Receive data into a buffer.

        Parameters
        ----------
        buffer : writable buffer, or uint8 array
            Where to.
        nbytes : int
            Octets wanted, 0: all the buffer takes.
        flags : int
            MSG_*.

        Returns
        -------
        copied : int
            Octets received.
        """
        view = np.frombuffer(buffer, np.uint8)
        want = nbytes or len(view)
        return self._receive(view, 0, len(view), self._control[:0], want, flags)

    def recv_region(self, region, offset, nbytes, flags=0):
        """Receive data into a region of host memory.

        Parameters
        ----------
        region : Region
            Host memory of the lab.
        offset, nbytes : int
            Where in it, and how much at most.
        flags : int
            MSG_*.

        Returns
        -------
        copied : int
            Octets received.
        """
        return self._receive(memory(), region.start + offset, nbytes, self._control[:0], nbytes, flags)
