"""Sending from device memory, and hearing that the memory may change again.

Law.   A piece is named by its offset in the dmabuf; its octets belong to the kernel until its number is reported complete.
Reads. Linux Documentation/networking/{devmem,msg_zerocopy}.rst, include/uapi/linux/errqueue.h; spec sections 17.1 to 17.6.
Omits. Completions of other kinds (time stamps, ICMP errors): they are taken from the queue and left out.
"""

import os
import select
import struct
import time

from devmemlab.base.errno import EFAULT, EHOSTUNREACH, EINVAL, ENOBUFS, ENODEV
from devmemlab.linux import calls
from devmemlab.linux.tcp_socket import NUMBERS
from devmemlab.sock.machines import GENERIC

MSG_DONTWAIT, MSG_ZEROCOPY = 0x40, 0x4000000
PAUSE_S = 0.001
ADVICE = {
    EINVAL: "device memory needs kernel 6.16, SO_ZEROCOPY set on the socket, and the id of a bind-tx whose socket is open",
    EFAULT: "the pieces must lie inside the dmabuf, and the route's device must do scatter-gather",
    ENODEV: "the route leaves by another device than the one that was bound: SO_BINDTODEVICE, or bind that one",
    EHOSTUNREACH: "there is no route to the peer",
    ENOBUFS: "no room for another completion: read the error queue, or sysctl net.core.optmem_max",
}


def _wait_for_room(conn, end):
    """Wait until a connection takes more, or the time is over."""
    poll = select.poll()
    poll.register(conn, select.POLLOUT)
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        told = poll.poll(left * 1000)
        if told and told[0][1] & select.POLLOUT:
            return
        # A completion that nobody reads ends every poll at once.
        time.sleep(min(left, PAUSE_S) if told else 0)


class DeviceSends:
    """The part of `devmemlab.linux.kernel.Kernel` that sends from device memory."""

    def sendmsg_devmem(self, conn, pieces, dmabuf_id, flags=0):
        """Send pieces of a bound dmabuf.

        Parameters
        ----------
        conn : Socket
            A connection with SO_ZEROCOPY set.
        pieces : sequence of (int, int)
            Offset in the dmabuf and length of each.
        dmabuf_id : int
            From ``bind_tx``.
        flags : int
            More MSG_* than MSG_ZEROCOPY, which always goes along.

        Returns
        -------
        sent : int
            Octets that were queued.

        Raises
        ------
        OSError
            EINVAL, EFAULT, ENODEV, EHOSTUNREACH, ENOBUFS with what to look at; BlockingIOError; TimeoutError.
        """
        control = calls.control_message(NUMBERS.sol_socket, NUMBERS.dmabuf, struct.pack("=I", dmabuf_id))
        timeout = conn.gettimeout()
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return calls.sendmsg_offsets(conn.fileno(), list(pieces), control, flags | MSG_ZEROCOPY)
            except BlockingIOError:
                # Python gives a socket with a time limit to the kernel as one that does not block.
                if timeout == 0 or flags & MSG_DONTWAIT or timeout is None:
                    raise
                _wait_for_room(conn, end)
            except OSError as problem:
                raise calls.failure(problem.errno, ADVICE.get(problem.errno, "")) from None

    def completions(self, conn):
        """Read what the error queue of a connection tells about sends.

        Parameters
        ----------
        conn : Socket
            Which.

        Returns
        -------
        completions : list of devmemlab.sock.errqueue.Completion
            Those that wait; empty when none does. POLLERR says that some do.
        """
        from devmemlab.sock.errqueue import read_completions        # imports the compiler, which a doctor can do without

        return read_completions(conn)

    def sendfile(self, conn, fd, offset, count):
        """Send octets of a file without copying them: one ``sendfile``.

        Parameters
        ----------
        conn : Socket
            A connection.
        fd : int
            Of a file that has pages.
        offset, count : int
            Which octets.

        Returns
        -------
        sent : int
            Octets that were queued: fewer where the file ends.
        """
        return os.sendfile(conn.fileno(), fd, offset, count)

    def dontneed(self, conn, tokens):
        """Return tokens: one ``setsockopt(SO_DEVMEM_DONTNEED)``.

        Parameters
        ----------
        conn : Socket
            The connection that received them.
        tokens : sequence of (token_start, token_count)
            At most 128 ranges; the kernel looks at 1024 tokens in all.

        Returns
        -------
        freed : int
            References released: the kernel's positive value.

        Raises
        ------
        OSError
            ENOPROTOOPT on a kernel without CONFIG_PAGE_POOL or before 6.12; EBADF on what is no TCP socket; EINVAL.
        """
        octets = b"".join(struct.pack("=II", start & 0xFFFFFFFF, count & 0xFFFFFFFF) for start, count in tokens)
        return conn.setsockopt(GENERIC.sol_socket, GENERIC.dontneed, octets)

    def dontneed_tokens(self, conn, tokens):
        """Return any number of tokens: neighbours are joined to ranges, and as many calls are made as it takes.

        Parameters
        ----------
        conn : Socket
            The connection that received them.
        tokens : recarray of FRAG_DTYPE, or sequence of int
            Records of `devmemlab.frags`, or token numbers; they go back in this order.

        Returns
        -------
        freed : int
            References released, by all calls.
        """
        from devmemlab.sock.token_batch import token_ranges         # imports the compiler, too

        return sum(self.dontneed(conn, ranges.tolist()) for ranges in token_ranges(tokens))
