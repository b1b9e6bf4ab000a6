"""Zero-copy receive as programs see it: pages to look at, to be given back.

Law.   Pages stay what they are until they are given back, and are given back once.
Reads. Linux tools/testing/selftests/net/tcp_mmap.c (the program), include/uapi/linux/tcp.h (struct tcp_zerocopy_receive).
Omits. The getsockopt form of the call, TCP_ZEROCOPY_RECEIVE, which needs a mapping of the socket; its flags and timestamps.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, EIO, error
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import SLOT
from devmemlab.base.table import table
from devmemlab.base.trace import trace_clock
from devmemlab.mem.region import memory
from devmemlab.sock.uapi import MSG_DONTWAIT
from devmemlab.sock.zerocopy_receive import PAGE_BYTES, ZEROCOPY, put_user_pages, tcp_zerocopy_receive
from devmemlab.tcp.urgent import tcp_inq


@kernel
def machine_zerocopy_receive(machine, trace, sock, pages, zc, length, now_ns):
    """Give a program pages of a connection.

    Parameters
    ----------
    machine : Machine
        The connection, pools.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    pages : SLOT[n]
        Receives handles.
    zc : ZEROCOPY
        Receives the counts.
    length : int64
        Octets wanted.
    now_ns : int64
        Time.

    Returns
    -------
    err : int64
        See `devmemlab.sock.zerocopy_receive.tcp_zerocopy_receive`.
    """
    trace_clock(trace, now_ns)
    return tcp_zerocopy_receive(machine.tcbs, machine.txq, machine.skbs, machine.pools, machine.netmems, machine.providers,
                                trace, sock, pages, zc, length, now_ns)


class MappedPages:
    """What one `zerocopy_receive` gave. Use it with ``with``, or call `release`.

    Parameters
    ----------
    host : Host
        Whose pages they are.
    pages : SLOT[n]
        Their handles.
    length : int
        Octets in them: whole pages.
    inq : int
        Octets that could be read before the call.

    Attributes
    ----------
    views : list of uint8[4096]
        The pages, in the order of the stream; they can only be read.
    copybuf : bytes
        What was copied behind them, see `ZerocopyReceiving.zerocopy_receive`.
    recv_skip_hint : int
        Octets to read by other means before pages can be had again.
    """

    def __init__(self, host, pages, length, inq):
        self._host, self._pages, self.length, self.inq = host, pages, length, inq
        self.copybuf, self.recv_skip_hint, self.views = b"", 0, []
        for page in pages.entry[: length // PAGE_BYTES]:
            start = int(host.mem.netmems[page >> 1].dma_addr)
            view = memory()[start:start + PAGE_BYTES].view()
            view.flags.writeable = False
            self.views.append(view)

    def tobytes(self):
        """Copy everything out, pages and copied octets, in the order of the stream.

        Returns
        -------
        octets : bytes
            ``length`` octets and `copybuf`.
        """
        return b"".join(view.tobytes() for view in self.views) + self.copybuf

    def release(self):
        """Give the pages back, as ``munmap`` does; the views must not be used any more.

        Returns
        -------
        freed : int
            Pages that nobody else held.
        """
        count, self.views = len(self.views), []
        return int(put_user_pages(self._host.mem.netmems, self._host.mem.providers, self._pages, count))

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.release()

    def __repr__(self):
        return (f"<MappedPages: {len(self.views)} pages, {len(self.copybuf)} octets copied, "
                f"recv_skip_hint {self.recv_skip_hint}>")


class ZerocopyReceiving:
    """The part of `devmemlab.host.socket.Socket` that receives pages."""

    def zerocopy_receive(self, length, copybuf_len=0):
        """Receive whole pages without a copy (Linux: TCP_ZEROCOPY_RECEIVE). Never waits.

        Parameters
        ----------
        length : int
            Octets wanted; whole pages of them can be had.
        copybuf_len : int
            Room for a copy of what cannot: at most so many octets that follow in the same packet, or, when no more than this
            waits at all, everything.

        Returns
        -------
        mapped : MappedPages
            Nothing in it, and a ``recv_skip_hint`` above 0: use ``recv`` for so many octets. Nothing in it, no hint, but
            ``inq`` above 0: device data, for ``recvmsg`` with MSG_SOCK_DEVMEM.

        Raises
        ------
        OSError
            EIO at the end of the stream, ENOTCONN for a listener, EINVAL for a length below 1, EFAULT when device data were
            to be copied.
        """
        if length < 1 or copybuf_len < 0:
            raise error(EINVAL, f"length {length}, copybuf_len {copybuf_len}: at least 1 and 0")
        host = self.host
        pages, zc = table(SLOT, length // PAGE_BYTES + 1), table(ZEROCOPY, 1)
        waiting = int(tcp_inq(self._row))
        if 0 < waiting <= copybuf_len:
            # Little waits: copying it is cheaper than giving pages away.
            mapped = MappedPages(host, pages, 0, waiting)
            mapped.copybuf = self.recv(waiting, MSG_DONTWAIT)
            return mapped
        err = machine_zerocopy_receive(host.machine, host.trace, self._open, pages, zc[0], int(length), host.clock.now_ns)
        if err < 0:
            raise error(err, "the stream is over" if err == -EIO else "the socket is not connected")
        mapped = MappedPages(host, pages, int(zc[0].mapped), int(zc[0].inq))
        left = int(zc[0].left)
        if min(copybuf_len, left) and waiting >= PAGE_BYTES:
            mapped.copybuf = self.recv(min(copybuf_len, left), MSG_DONTWAIT)
        mapped.recv_skip_hint = 0 if mapped.length and mapped.length == zc[0].wanted else left - len(mapped.copybuf)
        return mapped
