"""System calls that send without a copy, for programs: device memory, files, and hearing that memory may change again.

Law.   A program written against these names runs on a real kernel: `devmemlab.linux.Kernel` has the same ones.
Reads. interfaces section 2; sendfile(2); Linux Documentation/networking/{devmem,msg_zerocopy}.rst.
Omits. sendfile between files; pipes (splice, vmsplice).
"""

from devmemlab.base.errno import EINVAL, error
from devmemlab.host.memory_fds import MemfdFd
from devmemlab.host.pins import Pins
from devmemlab.sock.errqueue import read_completions
from devmemlab.sock.send_cmsg import dmabuf_message
from devmemlab.sock.uapi import MSG_ZEROCOPY


class ZerocopyCalls:
    """The part of `devmemlab.host.face.LinuxFace` that sends without a copy."""

    @property
    def pins(self):
        """Pins: pages of programs and files that the send queue refers to."""
        return self.mem.__dict__.setdefault("_pins", Pins(self.mem))

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
        return conn.sendmsg_offsets(pieces, [dmabuf_message(dmabuf_id)], flags | MSG_ZEROCOPY)

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
        return read_completions(conn)

    def sendfile(self, conn, fd, offset, count):
        """Send octets of a file without copying them: frags refer to the pages of the file, which nobody reports as free.

        Parameters
        ----------
        conn : Socket
            A connection.
        fd : int
            Of a memory file.
        offset, count : int
            Which octets.

        Returns
        -------
        sent : int
            Octets that were queued: fewer where the file ends.

        Raises
        ------
        OSError
            EBADF; EINVAL for what has no pages; as for ``send``.
        """
        file = self.fds.get(fd, MemfdFd, EINVAL, "a memory file").file
        if offset < 0 or count < 0:
            raise error(EINVAL, f"{count} octets from {offset} on: both are 0 or more")
        count = min(count, max(file.length - offset, 0))
        return conn.splice_pages([(file.region.start + offset, count, file.region)]) if count else 0
