"""Readers: one program for each way that Linux has of receiving a stream, counting what it costs.

Law.   Each gets the same frames and takes the whole stream; a call is one system call, and nothing else is.
Reads. tools/testing/selftests/net: tcp_mmap.c, ncdevmem.c, iou-zcrx.c; performance-anchors sections 2.1 and 2.2.
Omits. What becomes of the octets: a program that wants them in a device has one more copy to make, unless they are there.
"""

import abc
import hashlib

from devmemlab.base.errno import EIO, ENOSPC
from devmemlab.base.units import parse_size
from devmemlab.host.readiness import POLLIN
from devmemlab.host.zcrx import ZcrxArea
from devmemlab.lab.accelerator import token_ranges
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.mem.region import host_memory
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, MSG_TRUNC, SCM_DEVMEM_LINEAR, frags

CMSG_BYTES, TOKEN_BYTES, CQE_BYTES, RQE_BYTES, ZEROCOPY_BYTES = 40, 8, 32, 16, 64
QUEUE = 1


class Reader(abc.ABC):
    """What all readers count.

    Parameters
    ----------
    host : Host
        Receives.
    flow : Flow
        What.
    chunk : int
        Octets asked for in a call.
    memory_bytes : int
        Memory that is registered or bound, where a way needs some.

    Attributes
    ----------
    octets, calls, control_bytes, pieces : int
        Payload taken; system calls; octets that kernel and program told each other besides; messages, completions or pages.
    digest : hashlib._Hash
        Of the stream, read where its user reads it.
    """

    seen_by = ""
    blind = False

    def __init__(self, host, flow, chunk, memory_bytes):
        self.host, self.chunk = host, chunk
        self.octets = self.calls = self.control_bytes = self.pieces = 0
        self.digest = hashlib.sha256()
        host.ethtool(host.netdev.name).set_rings(tcp_data_split="on", hds_thresh=0)

    @abc.abstractmethod
    def drain(self, conn):
        """Take a connection to its end.

        Parameters
        ----------
        conn : Socket
            Accepted.
        """

    def close(self):
        """Give back what was registered."""


class Recv(Reader):
    """``recv``: the kernel copies."""

    seen_by = "the program, in a buffer of its own"

    def drain(self, conn):
        """Copy.

        Parameters
        ----------
        conn : Socket
            Accepted.
        """
        buffer = host_memory(self.chunk, "program's buffer")
        while True:
            self.calls += 1
            got = conn.recv_region(buffer, 0, self.chunk)
            if got == 0:
                break
            self.octets += got
            self.digest.update(buffer.octets[:got])
        buffer.close()


class RecvTrunc(Reader):
    """``recv`` with MSG_TRUNC: octets are thrown away, which is what receiving costs besides its copy."""

    seen_by, blind = "nobody: it is thrown away", True

    def drain(self, conn):
        """Throw away.

        Parameters
        ----------
        conn : Socket
            Accepted.
        """
        nothing = bytearray(self.chunk)
        while True:
            self.calls += 1
            got = conn.recv_into(nothing, self.chunk, MSG_TRUNC)
            if got == 0:
                return
            self.octets += got


class Mapped(Reader):
    """``TCP_ZEROCOPY_RECEIVE``: whole pages are mapped, the rest is copied."""

    seen_by = "the program, in the kernel's pages"

    def drain(self, conn):
        """Map what can be mapped, after a poll; copy what the kernel says cannot.

        Parameters
        ----------
        conn : Socket
            Accepted.
        """
        poll = self.host.poll()
        poll.register(conn, POLLIN)
        while True:
            poll.poll()
            self.calls += 2
            self.control_bytes += ZEROCOPY_BYTES
            try:
                mapped = conn.zerocopy_receive(self.chunk)
            except OSError as end:
                if end.errno != EIO:
                    raise
                return
            self.octets += mapped.length
            self.pieces += len(mapped.views)
            self.digest.update(mapped.tobytes())
            if mapped.length:
                mapped.release()
                self.calls += 1
            if mapped.recv_skip_hint:
                self.calls += 1
                copied = conn.recv(min(mapped.recv_skip_hint, self.chunk))
                self.octets += len(copied)
                self.digest.update(copied)


class Ring(Reader):
    """io_uring: payload is in the program's pages when it hears of it, as much as has come: a request has no chunk."""

    seen_by = "the program, in pages of its own"

    def __init__(self, host, flow, chunk, memory_bytes):
        super().__init__(host, flow, chunk, memory_bytes)
        nic = host.ethtool(host.netdev.name)
        nic.set_rxfh_indir(equal=QUEUE)
        nic.add_rule(flow_type="tcp6" if ":" in flow.dst else "tcp4", dst_port=flow.dport, queue=QUEUE)
        self.memory = host_memory(memory_bytes, "area")
        self.ring = host.io_uring(1024)
        self.ifq = self.ring.register_ifq(host.netdev.ifindex, QUEUE, ZcrxArea.pages(self.memory),
                                          min(self.memory.length >> 12, 32768))

    def drain(self, conn):
        """Wait for completions, use what they name, and give the buffers back without a call.

        Parameters
        ----------
        conn : Socket
            Accepted.
        """
        before = self.ring.enters
        self.ring.recv_zc(conn, self.ifq)
        over = False
        while not over:
            self.ring.submit(wait_nr=1)
            cqes = self.ring.cqes()
            data = [cqe for cqe in cqes if cqe.res > 0]
            over = len(data) < len(cqes)
            for cqe in data:
                self.digest.update(self.ifq.octets(cqe))
            self.octets += sum(cqe.res for cqe in data)
            self.pieces += len(data)
            self.control_bytes += len(cqes) * CQE_BYTES + self.ifq.refill(data) * RQE_BYTES
            if over and cqes[-1].res == -ENOSPC:
                # More came at once than there is room to tell of: ask again.
                self.ring.recv_zc(conn, self.ifq)
                over = False
        if cqes[-1].res < 0:
            raise OSError(-cqes[-1].res, "the request ended before the stream did")
        self.calls += self.ring.enters - before

    def close(self):
        """Close the ring and the area."""
        self.ring.close()
        self.memory.close()


class Devmem(Reader):
    """``recvmsg`` with MSG_SOCK_DEVMEM: payload is in the device when the program hears of it."""

    seen_by = "the device; the program has tokens"

    def __init__(self, host, flow, chunk, memory_bytes):
        super().__init__(host, flow, chunk, memory_bytes)
        self.bound = DevmemReceiver(host, memory_bytes, flow, True, QUEUE)

    def drain(self, conn):
        """Take tokens, let the device use what they name, and return them.

        Parameters
        ----------
        conn : Socket
            Accepted.
        """
        inner = self.bound
        room = CMSG_SPACE(24) * (self.chunk // 1024)
        while True:
            self.calls += 1
            data, ancdata, _, _ = conn.recvmsg(self.chunk, room, MSG_SOCK_DEVMEM)
            pieces = frags(ancdata)
            if len(pieces) == 0:
                break
            inner._look_at(pieces, data, inner.device.start)
            self.octets += int(pieces.frag_size.sum())
            self.pieces += len(pieces)
            self.control_bytes += len(pieces) * CMSG_BYTES
            for ranges in token_calls(pieces):
                self.calls += 1
                self.control_bytes += len(ranges) * TOKEN_BYTES
                self.host.dontneed(conn, ranges)
        if data:
            raise OSError(14, f"{len(data)} octets came as host data: steering missed the bound queue")
        self.digest = inner.digest

    def close(self):
        """Unbind."""
        self.bound.close()


def token_calls(pieces):
    """Pack the tokens of one ``recvmsg`` into DONTNEED calls.

    Parameters
    ----------
    pieces : recarray
        From `devmemlab.sock.uapi.frags`.

    Returns
    -------
    calls : list
        See `devmemlab.lab.accelerator.token_ranges`.
    """
    return token_ranges(pieces.frag_token[pieces.kind != SCM_DEVMEM_LINEAR])


READERS = {"recv": Recv, "recv_trunc": RecvTrunc, "zerocopy_receive": Mapped, "zcrx": Ring, "devmem": Devmem}
"""Name of a way -> its reader."""


def make_reader(mode, host, flow, chunk, memory_bytes):
    """Make the reader of a mode.

    Parameters
    ----------
    mode : str
        Key of `READERS`.
    host : Host
        Receives.
    flow : Flow
        What.
    chunk, memory_bytes : int or str
        See `Reader`.

    Returns
    -------
    reader : Reader
        Ready for ``drain``.
    """
    return READERS[mode](host, flow, parse_size(chunk), parse_size(memory_bytes))
