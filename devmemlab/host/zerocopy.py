"""Sending without a copy, and with control messages: the part of a socket that lends memory to the kernel.

Law.   What a program lends stays its own, and is read when a segment leaves, also when it leaves again; the error queue says when
       that is over.
Reads. Linux net/ipv4/tcp.c (tcp_sendmsg_locked), Documentation/networking/{msg_zerocopy,devmem}.rst; spec sections 17.1 to 17.6.
Omits. Pinning of memory that is not the lab's: octets of ordinary Python buffers are copied, and the completion says so, as
       Linux does for loopback. A call that mixes both is copied whole.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, EHOSTUNREACH, EINVAL, EMSGSIZE, ENOBUFS, ENODEV, ENOMEM, EPIPE, error
from devmemlab.base.table import table
from devmemlab.host.entry_zerocopy import (
    machine_recverr,
    machine_sendmsg_zerocopy,
    machine_zerocopy_begin,
    machine_zerocopy_end,
)
from devmemlab.host.pins import address_of
from devmemlab.mem.region import memory
from devmemlab.nic.tso import MAX_TCP_HEADER
from devmemlab.sock.errqueue import recverr_message
from devmemlab.sock.send_cmsg import parse_send_cmsgs
from devmemlab.sock.sendmsg_zerocopy import CURSOR, IOV
from devmemlab.sock.uapi import MSG_DONTWAIT, MSG_MORE, MSG_ZEROCOPY
from devmemlab.tcp.states import CLOSE, LISTEN, SYN_RECV, SYN_SENT

UIO_MAXIOV = 1024
USER_ADDRESSES = 1 << 47
ADVICE = {
    EAGAIN: "the send buffer is full, and the socket does not block",
    EFAULT: "the pieces must lie inside the dmabuf, or in host memory of the lab; the route's device must do scatter-gather",
    EINVAL: "device memory needs MSG_ZEROCOPY, SO_ZEROCOPY set on the socket, and the id of a bind-tx that is still open",
    ENODEV: "the route leaves by another device than the one that was bound",
    EHOSTUNREACH: "there is no route to the peer",
    ENOBUFS: "no room for another completion: read the error queue, or sysctl net.core.optmem_max",
    EPIPE: "the connection is over, was shut down for sending, or was never made",
    ENOMEM: "no memory for what is to be sent",
}


class Zerocopy:
    """The part of `devmemlab.host.socket.Socket` that sends without a copy."""

    def recverr(self, ancbufsize):
        """Take a message from the error queue: what ``recvmsg(..., MSG_ERRQUEUE)`` does. It never waits.

        Parameters
        ----------
        ancbufsize : int
            Room for the control message, octets.

        Returns
        -------
        data, ancdata, msg_flags, address : bytes, list of (int, int, bytes), int, None
            One IP_RECVERR or IPV6_RECVERR message; `devmemlab.sock.errqueue.completions_in` reads it.

        Raises
        ------
        BlockingIOError
            EAGAIN: no message waits.
        """
        first, last, copied = machine_recverr(self.host.machine, self._open)
        if first < 0:
            raise error(EAGAIN, "the error queue is empty")
        ancdata, msg_flags = recverr_message(self.family, int(first), int(last), bool(copied), ancbufsize)
        return b"", ancdata, msg_flags, None

    def sendmsg(self, buffers, ancdata=(), flags=0):
        """Send the octets of several buffers.

        Parameters
        ----------
        buffers : iterable of buffer
            Octets, in order. With MSG_ZEROCOPY views of a region of host memory are lent to the kernel.
        ancdata : sequence of (int, int, bytes)
            Control messages: SCM_DEVMEM_DMABUF. Offsets in a dmabuf are no buffers: ``k.sendmsg_devmem`` takes those.
        flags : int
            MSG_DONTWAIT, MSG_MORE, MSG_ZEROCOPY.

        Returns
        -------
        sent : int
            Octets that were queued.

        Raises
        ------
        OSError
            As spec section 17.3 has them.
        """
        octets = [np.frombuffer(buffer, np.uint8) for buffer in buffers]
        places = [address_of(part) for part in octets if len(part)]
        lent = flags & MSG_ZEROCOPY and self._row.zerocopy and min(places, default=-1) >= 0
        if not lent:
            whole = np.concatenate(octets) if octets else np.zeros(0, np.uint8)
            return self._sendmsg(len(whole), None, whole, ancdata, flags)
        pieces = [(place, len(part), part) for place, part in zip(places, (o for o in octets if len(o)), strict=True)]
        return self._sendmsg(sum(part[1] for part in pieces), pieces, None, ancdata, flags)

    def sendmsg_offsets(self, pieces, ancdata=(), flags=0):
        """Send pieces that are named by numbers, as a C program names them in ``iov_base``.

        Parameters
        ----------
        pieces : sequence of (int, int)
            Offset in the dmabuf, or address in the lab's memory, and length of each.
        ancdata, flags
            As for `sendmsg`.

        Returns
        -------
        sent : int
            Octets that were queued.

        Raises
        ------
        OSError
            As for `sendmsg`; EMSGSIZE for more than 1024 pieces.
        """
        pieces = [(int(base), int(length), None) for base, length in pieces]
        if len(pieces) > UIO_MAXIOV:
            raise error(EMSGSIZE, f"{len(pieces)} pieces: {UIO_MAXIOV} are possible in one call")
        for base, length, _ in pieces:
            if length < 0 or not 0 <= base <= USER_ADDRESSES - length:
                raise error(EINVAL if length < 0 else EFAULT, f"a piece of {length} octets at {base} is nowhere")
        return self._sendmsg(sum(length for _, length, _ in pieces), pieces, None, ancdata, flags)

    def _sendmsg(self, length, pieces, heap, ancdata, flags):
        """Send, and note a refusal; see `_send_in_order`."""
        try:
            sent = self._send_in_order(length, pieces, heap, ancdata, flags)
        except OSError as no:
            self.calls.refuse(self.host.clock.now_ns, "sendmsg", no.errno or 0, str(no.strerror or no), flags=int(flags),
                              pieces=[part[:2] for part in pieces or ()], dmabuf=bool(ancdata), zerocopy=int(self._row.zerocopy))
            raise
        self.calls.refused.pop("sendmsg", None)
        return sent

    def _send_in_order(self, length, pieces, heap, ancdata, flags):
        """Send in the order of decisions of spec section 17.3.

        Parameters
        ----------
        length : int
            Octets in all.
        pieces : list of tuple, or None
            Base, length and keeper of each; None when `heap` has the octets.
        heap : uint8[n] or None
            Octets that have to be copied.
        ancdata, flags
            As for `sendmsg`.

        Returns
        -------
        sent : int
            Octets that were queued.
        """
        host, row, sock = self.host, self._row, self._open
        dmabuf_id, fine = parse_send_cmsgs(ancdata, host.profile.tx_binding)
        named = dmabuf_id if fine else 0
        lending = bool(flags & MSG_ZEROCOPY) and bool(row.zerocopy)
        gathers = bool(host.nics.ctl[row.nic].sg)
        ubuf = binding = sent = 0
        if lending and length:
            copied = int(not gathers or heap is not None)
            ubuf, binding = machine_zerocopy_begin(host.machine, host.trace, sock, length, int(host.tcbs.ctl[0].optmem_max),
                                                   copied, named, self._way() if named else 0)
            if ubuf < 0:
                raise error(ubuf, ADVICE[int(-ubuf)])
        try:
            if named and not lending:
                raise error(EINVAL, ADVICE[EINVAL])
            if named and length == 0 and host.profile.tx_empty_errno:
                raise error(host.profile.tx_empty_errno, "a send of no octets names a binding")
            self._connected(row, flags)
            if host.mem.staged and binding and pieces is not None:
                host.mem.staged_leaving(named, [piece[:2] for piece in pieces], host.ledger)
            if not fine:
                raise error(EINVAL, "a control message is not understood: SCM_DEVMEM_DMABUF with 4 octets is, where the kernel "
                                    "has bind-tx")
            if ubuf and gathers and pieces is not None:
                sent = self._lend(sock, row, pieces, ubuf, binding, flags)
            elif length:
                sent = self._copy(pieces, heap if binding == 0 else None, flags)
        finally:
            if ubuf:
                machine_zerocopy_end(host.machine, host.trace, ubuf, binding, int(sent == 0), host.clock.now_ns)
        return sent

    def splice_pages(self, pieces, flags=0):
        """Send pages of a file: what sendfile does (MSG_SPLICE_PAGES).

        Parameters
        ----------
        pieces : list of (int, int, object)
            Address and length of each, and what keeps the memory.
        flags : int
            MSG_DONTWAIT, MSG_MORE.

        Returns
        -------
        sent : int
            Octets that were queued.
        """
        row, sock = self._row, self._open
        self._connected(row, flags)
        if self.host.nics.ctl[row.nic].sg:
            return self._lend(sock, row, pieces, 0, 0, flags)
        return self._copy(pieces, None, flags)

    def _connected(self, row, flags):
        """Wait until the connection is made, or say that there is none."""
        if row.state in (CLOSE, LISTEN) and not row.rport:
            raise error(EPIPE, ADVICE[EPIPE])
        if row.state in (SYN_SENT, SYN_RECV):
            self._wait(lambda: row.state not in (SYN_SENT, SYN_RECV), "connection", 0 if flags & MSG_DONTWAIT else self.timeout)

    def _way(self):
        """Number of the device that leads to the peer, 0 when there is none."""
        host, row = self.host, self._row
        nic = int(row.nic)
        if not host.nics.ctl[nic].up:
            found = host.route(self.getpeername()[0].removeprefix("::ffff:")) if row.rport else None
            nic = -1 if found is None or not host.nics.ctl[found[0]].up else found[0]
        return int(host.nics.ctl[nic].ifindex) if nic >= 0 else 0

    def _lend(self, sock, row, pieces, ubuf, binding, flags):
        """Queue pieces, waiting for room when the socket may wait; the completion object is 0 for a file."""
        host, iov, cursor = self.host, table(IOV, len(pieces)), table(CURSOR, 1)
        for piece, (base, length, keep) in zip(iov, pieces, strict=True):
            piece.start, piece.length = base, length
            if not binding:
                piece.row, piece.origin = host.pins.find(base, length, keep)
        ctl = host.nics.ctl[row.nic]
        limit = int(ctl.gso_ipv4_max_size if row.ip_version == 4 else ctl.gso_max_size) - MAX_TCP_HEADER - 1
        mss = int(row.mss_now)
        goal = limit // mss * mss if (ctl.tso if row.ip_version == 4 else ctl.tso6) else mss
        timeout = 0 if flags & MSG_DONTWAIT else self.timeout
        sent, total = 0, sum(length for _, length, _ in pieces)
        while True:
            taken = machine_sendmsg_zerocopy(host.machine, host.trace, sock, ubuf, binding, iov, cursor, goal,
                                             int(bool(flags & MSG_MORE)), host.clock.now_ns)
            host.flush()
            sent += max(int(taken), 0)
            if sent == total:
                return sent
            if taken < 0 and taken != -EAGAIN or timeout == 0 or row.error and sent:
                break
            if taken == -EAGAIN:
                try:
                    self._wait(lambda: self._writable(row), "room in the send buffer", timeout)
                except OSError:
                    if not sent:
                        raise
                    return sent
        if sent:
            return sent
        raise error(taken, ADVICE.get(int(-taken), "the connection ended"))

    def _copy(self, pieces, heap, flags):
        """Send octets by copying them: from a buffer, or from addresses, which an offset in a dmabuf is as well here (Q17)."""
        if heap is None:
            for base, length, keep in pieces:
                if length and self.host.pins.find(base, length, keep)[0] == 0:
                    raise error(EFAULT, ADVICE[EFAULT])
            heap = np.concatenate([memory()[base:base + length] for base, length, _ in pieces])
        return self.send(heap, flags & ~MSG_ZEROCOPY)
