"""Requests of an io_uring: how a zero-copy receive starts, goes on, and ends.

Law.   A request goes on only while its program is in ``submit``, as a ring with DEFER_TASKRUN has it; it ends with one
       completion without IORING_CQE_F_MORE, which waits when the ring is full.
Reads. Linux io_uring/net.c (io_recvzc_prep, io_recvzc), io_uring/cancel.c; liburing's names without their prefix.
Omits. Every operation but RECV_ZC and ASYNC_CANCEL; linked requests, fixed files; submitting without looking for events.
"""

from typing import NamedTuple

from devmemlab.base.errno import EAGAIN, EBADF, EBUSY, ECANCELED, EINVAL, ENOENT, ENOTSOCK, error
from devmemlab.host.entry_zcrx import machine_recv_zc
from devmemlab.host.readiness import POLLERR, POLLHUP, POLLIN, tcp_poll
from devmemlab.host.receiving import Receiving
from devmemlab.mem.iouring import AREA_SHIFT
from devmemlab.mem.region import memory
from devmemlab.sock.completions import cq_post, cq_room
from devmemlab.tcp.states import LISTEN

IORING_RECV_MULTISHOT = 2
_NS_PER_S = 1_000_000_000


class Cqe(NamedTuple):
    """One completion.

    user_data : int
        Of the request.
    res : int
        Octets, or a negative errno; 0 when the stream, or what the request asked for, is at its end.
    flags : int
        IORING_CQE_F_MORE: the request goes on.
    off : int
        Where the octets lie in the area; its id is in bits 48 and up.
    """

    user_data: int
    res: int
    flags: int
    off: int

    @property
    def area_offset(self):
        """int: `off` without the area's id."""
        return self.off & (1 << AREA_SHIFT) - 1


class Request:
    """A receive request in flight; it keeps its socket open.

    Parameters
    ----------
    socket : Socket
        What it reads.
    ifq : Ifq
        Where the octets are to lie.
    user_data : int
        Named in every completion.
    left : int or None
        Octets that are still wanted; None: all that come.
    """

    def __init__(self, socket, ifq, user_data, left):
        self.socket, self.ifq, self.user_data, self.left = socket, ifq, user_data, left

    @property
    def ready(self):
        """bool: whether a call now would find something."""
        row = self.socket.host.tcbs.tcb[self.socket.sock]
        return row.state != LISTEN and bool(tcp_poll(row) & (POLLIN | POLLERR | POLLHUP))


class Requests:
    """The part of a ring that starts requests and lets them go on."""

    def recv_zc(self, sock, ifq, user_data=0, length=0, ioprio=IORING_RECV_MULTISHOT):
        """Prepare a receive request; ``submit`` starts it.

        Parameters
        ----------
        sock : Socket or int
            What to read, or its file descriptor.
        ifq : Ifq or int
            The queue whose area it is read into, or its number.
        user_data : int
            Named in every completion.
        length : int
            End after so many octets; 0: go on until the stream ends.
        ioprio : int
            IORING_RECV_MULTISHOT; the kernel refuses everything else.
        """
        fd = sock if isinstance(sock, int) else sock.fileno()
        self._prepare(lambda: self._start(fd, getattr(ifq, "zcrx_id", ifq), user_data, length, ioprio))

    def cancel(self, target, user_data=0):
        """Prepare the end of a request; ``submit`` does it.

        Parameters
        ----------
        target : int
            ``user_data`` of the request.
        user_data : int
            Of this one.
        """
        self._prepare(lambda: self._cancel(target, user_data))

    def _prepare(self, work):
        self._check_open()
        if len(self._prepared) == self.sq_entries:
            raise error(EBUSY, f"{self.sq_entries} requests are prepared already; submit them first")
        self._prepared.append(work)

    def _start(self, fd, zcrx_id, user_data, length, ioprio):
        """Check a prepared request and make its first call."""
        thing, ifq = self.kernel.fds.things.get(fd), self.ifqs.get(zcrx_id)
        if thing is None:
            self._post(user_data, -EBADF)
        elif ioprio != IORING_RECV_MULTISHOT or ifq is None:
            self._post(user_data, -EINVAL)
        elif not isinstance(thing, Receiving):
            self._post(user_data, -ENOTSOCK)
        else:
            self.kernel.fds.hold(thing)
            self.requests.append(Request(thing, ifq, user_data, length or None))
            self._call(self.requests[-1])

    def _cancel(self, target, user_data):
        found = next((r for r in self.requests if r.user_data == target), None)
        self._post(user_data, -ENOENT if found is None else 0)
        if found is not None:
            self._finish(found, -ECANCELED)

    def _call(self, request):
        """Call a request once; tells whether it may be called again at once."""
        k = self.kernel
        taken = int(machine_recv_zc(memory(), k.machine, self.completions, k.trace, request.socket.sock, request.ifq.binding,
                                    request.user_data, request.left or 0, k.clock.now_ns))
        if taken == -EAGAIN:
            return False
        if taken > 0 and request.left is not None:
            request.left -= taken
        if taken <= 0 or request.left == 0:
            self._finish(request, min(taken, 0))
            return False
        return True

    def _finish(self, request, res):
        self.requests.remove(request)
        self._post(request.user_data, res)
        self.kernel.fds.drop(request.socket)

    def _post(self, user_data, res):
        """Write the last completion of a request, or let it wait for room."""
        if cq_room(self.completions) > 0:
            cq_post(self.completions, user_data, res, 0, 0)
        else:
            self._waiting.append((user_data, res))
            self.completions.ctl[0].overflown = len(self._waiting)

    def _run(self):
        """Let completions that waited in, then call requests until none finds anything."""
        ctl = self.completions.ctl[0]
        while self._waiting and ctl.tail - ctl.head < ctl.entries:
            cq_post(self.completions, *self._waiting.pop(0), 0, 0)
            ctl.overflown = len(self._waiting)
        again = True
        while again:
            # Each in its turn, as a request that has read its share of packets stands in line again.
            again = any([self._call(request) for request in list(self.requests) if request.ready])

    def submit(self, wait_nr=0, timeout=None):
        """Start what was prepared, let requests go on, and wait for completions.

        Parameters
        ----------
        wait_nr : int
            Completions to wait for; 0: only what can be done now.
        timeout : float, optional
            Seconds.

        Returns
        -------
        submitted : int
            Requests started.

        Raises
        ------
        TimeoutError
            The time is over, or nothing is left that could bring a completion.
        """
        self._check_open()
        self.enters += 1
        prepared, self._prepared = self._prepared, []
        for work in prepared:
            work()
        self._run()
        limit_ns = None if timeout is None else self.kernel.clock.now_ns + int(timeout * _NS_PER_S)
        while self.cq_ready < min(wait_nr, 2 * self.sq_entries):
            left_ns = None if limit_ns is None else limit_ns - self.kernel.clock.now_ns
            self.kernel.lab.wait(lambda: any(request.ready for request in self.requests), "completion", left_ns)
            self._run()
        return len(prepared)
