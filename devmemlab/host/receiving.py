"""Receiving: recvmsg and its shorter relatives.

Law.   Waiting happens here, never in a kernel; a call that fails has consumed nothing it did not report.
Reads. Python's socket module (a socket with a timeout polls, then reads what is there); Linux net/ipv4/tcp.c (tcp_recvmsg).
Omits. recvmmsg. A socket without timeout that nothing more can reach returns what it has, where it would wait for ever.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, EINVAL, ENODEV, ENOMEM, ENOTCONN, ETOOSMALL, error
from devmemlab.host.entry import machine_recvmsg
from devmemlab.host.readiness import POLLERR, POLLHUP, POLLIN, tcp_poll
from devmemlab.mem.region import memory
from devmemlab.sock.recvmsg import tcp_put_inq
from devmemlab.sock.uapi import MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, Ancdata, frags
from devmemlab.tcp.states import CLOSE, LISTEN

_ADVICE = {
    EAGAIN: "nothing has arrived yet",
    EFAULT: "device data is queued; pass MSG_SOCK_DEVMEM and room for control messages (an urgent octet: set SO_OOBINLINE)",
    EINVAL: "no urgent data is there, or it is in line (SO_OOBINLINE)",
    ENODEV: "a frag of this packet is no dmabuf net_iov; check that one binding serves the whole queue",
    ENOTCONN: "the socket is not connected",
    ETOOSMALL: "the control buffer cannot hold one devmem message; pass at least CMSG_SPACE(24) = 40 octets",
    ENOMEM: "no token could be made; return some with SO_DEVMEM_DONTNEED",
}


class Receiving:
    """The receiving half of `devmemlab.host.socket.Socket`."""

    def _receive(self, user, user_at, user_length, control, length, flags):
        """Make one call, which may wait more than once.

        Parameters
        ----------
        user, user_at, user_length : uint8[n], int, int
            The user's buffer.
        control : uint8[k]
            The control buffer.
        length : int
            Octets wanted.
        flags : int
            MSG_*.

        Returns
        -------
        copied : int
            Octets; ``host.msg[0]`` has the cursors.
        """
        host = self.host
        waits = self.timeout != 0 and not flags & (MSG_DONTWAIT | MSG_OOB) and self._word("state")[0] != LISTEN
        if waits and self.timeout is not None:
            # A socket with a timeout does not block in the kernel: Python polls first.
            row = self._row
            self._wait(lambda: tcp_poll(row) & (POLLIN | POLLHUP | POLLERR), "data", self.timeout)
        patience_ns = self._word("rcvtimeo_ns")[0]
        again, until_ns = 0, host.clock.now_ns + patience_ns
        while True:
            copied = machine_recvmsg(memory(), host.machine, host.trace, self._open, user, user_at, user_length, control,
                                     length, flags & ~MSG_DONTWAIT, again, host.clock.now_ns)
            if not waits or not host.said["may_wait"][0] or (copied >= 0 and self.timeout is not None):
                break
            try:
                self._wait_for_more(max(until_ns - host.clock.now_ns, 1) if patience_ns else 0)
            except (TimeoutError, BlockingIOError):
                if copied <= 0:
                    raise
                break                   # what has been taken is reported; the next call tells why
            again = 1
        self.calls.received(host.clock.now_ns, flags, len(control), int(copied), host.said["user_at"][0] - user_at,
                            host.said["control_at"][0])
        if copied < 0:
            raise error(copied, _ADVICE.get(-copied, "receiving failed"))
        return int(copied)

    def _wait_for_more(self, patience_ns):
        """Wait until something has happened to the receive queue.

        Parameters
        ----------
        patience_ns : int
            What is left of SO_RCVTIMEO; 0: for ever.
        """
        rcv_nxt, failed, state = map(self._word, ("rcv_nxt", "error", "state"))
        seen = rcv_nxt[0]
        self._wait(lambda: rcv_nxt[0] != seen or failed[0] or state[0] == CLOSE, "data", self.timeout, patience_ns)

    def _messages(self, control):
        """Take the control messages of the call that has just returned.

        Parameters
        ----------
        control : uint8[k]
            The control buffer.

        Returns
        -------
        ancdata, msg_flags : Ancdata, int
            As ``recvmsg`` returns them.
        """
        said = self.host.said
        devmem_bytes = said["control_at"][0]
        if self.host.mem.staged and devmem_bytes:
            self.host.mem.staged_arrived(frags(Ancdata(control[:devmem_bytes].tobytes())), self.host.ledger)
        if self.host.token_watch is not None:
            self.host.token_watch.received(self, control[:devmem_bytes].tobytes())
        if self._word("recvmsg_inq")[0]:
            tcp_put_inq(self.host.tcbs, self.sock, control, self.host.msg[0])
        return Ancdata(control[:said["control_at"][0]].tobytes(), devmem_bytes), said["msg_flags"][0]

    def recvmsg(self, bufsize, ancbufsize=0, flags=0):
        """Receive data and control messages.

        Parameters
        ----------
        bufsize : int
            Octets wanted; limits device data too, although it is not returned as bytes.
        ancbufsize : int
            Room for control messages, octets.
        flags : int
            MSG_SOCK_DEVMEM, MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT, MSG_WAITALL, MSG_OOB; MSG_ERRQUEUE reads the error queue
            instead.

        Returns
        -------
        data, ancdata, msg_flags, address : bytes, Ancdata, int, None
            `data` holds host bytes and linear bytes; `ancdata` is read by `devmemlab.frags`. How many octets of the
            stream were taken is the sum of the frag sizes, or ``len(data)`` when there are none. `msg_flags` may have
            MSG_CTRUNC and MSG_OOB.

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
        octets = self._user[:self.host.said["user_at"][0]].tobytes()
        return (octets, *self._messages(self._control), None)

    def recvmsg_into(self, buffers, ancbufsize=0, flags=0):
        """Receive data into several buffers, and control messages.

        Parameters
        ----------
        buffers : iterable of writable buffer
            Filled one after the other.
        ancbufsize, flags : int
            As for `recvmsg`.

        Returns
        -------
        copied, ancdata, msg_flags, address : int, Ancdata, int, None
            `copied` counts octets of the stream, those in device memory included.
        """
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        room = sum(map(len, views))
        user, control = np.zeros(room, np.uint8), np.zeros(ancbufsize, np.uint8)
        copied = self._receive(user, 0, room, control, room, flags)
        at = 0
        for view in views:
            piece = user[at:min(at + len(view), self.host.said["user_at"][0])]
            view[:len(piece)] = piece.tobytes()
            at += len(view)
        return (copied, *self._messages(control), None)

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

    def recvfrom(self, bufsize, flags=0):
        """Receive data, and the address that a stream does not tell.

        Parameters
        ----------
        bufsize, flags : int
            As for `recv`.

        Returns
        -------
        data, address : bytes, None
            As there.
        """
        return self.recv(bufsize, flags), None

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        """Receive data into a buffer, and the address that a stream does not tell.

        Parameters
        ----------
        buffer, nbytes, flags
            As for `recv_into`.

        Returns
        -------
        copied, address : int, None
            As there.
        """
        return self.recv_into(buffer, nbytes, flags), None

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
