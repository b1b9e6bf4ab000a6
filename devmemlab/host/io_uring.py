"""io_uring: a ring with interface queues, zero-copy receive requests, and the completions that tell what became of them.

Law.   Closing the ring ends its requests and its queues, whatever is in flight.
Reads. Linux io_uring/io_uring.c, include/uapi/linux/io_uring.h; liburing's names without their prefix.
Omits. The rings as memory that the program maps; waiting for completions through another descriptor (eventfd).

::

    ring = k.io_uring(64)
    ifq = ring.register_ifq(k.ifindex("eth1"), 1, dml.ZcrxArea.pages(dml.host_memory("16MiB")), rq_entries=4096)
    ring.recv_zc(conn, ifq, user_data=7)
    ring.submit(wait_nr=1)
    for cqe in ring.cqes():                 # cqe.user_data, cqe.res, cqe.flags, cqe.off
        ...ifq.octets(cqe)...
        ifq.refill([cqe])
"""

from devmemlab.base.errno import EBADF, ECANCELED, EINVAL, error
from devmemlab.host.readiness import POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM
from devmemlab.host.uring_requests import Cqe, Requests
from devmemlab.host.zcrx import (
    IORING_SETUP_CLAMP,
    IORING_SETUP_CQE32,
    IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_SINGLE_ISSUER,
    register_ifq,
)
from devmemlab.sock.completions import make_completions

IORING_MAX_ENTRIES = 32768
SETUP = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32
_KNOWN = SETUP | IORING_SETUP_CLAMP


class IoUring(Requests):
    """A ring of a lab host. Made by ``k.io_uring(...)``.

    Parameters
    ----------
    kernel : Host or Process
        Whose ring it is.
    entries : int
        Requests that can be prepared at a time, rounded up to a power of two; the completion ring is twice as long.
    flags : int
        IORING_SETUP_*.

    Attributes
    ----------
    enters : int
        System calls so far: registrations and ``submit``.
    ifqs : dict of int to Ifq
        Registered queues by number.
    """

    def __init__(self, kernel, entries=64, flags=SETUP):
        if flags & ~_KNOWN or (flags & IORING_SETUP_DEFER_TASKRUN and not flags & IORING_SETUP_SINGLE_ISSUER):
            raise error(EINVAL, f"setup flags {flags:#x}: SINGLE_ISSUER, DEFER_TASKRUN (with it), CQE32 and CLAMP are known")
        if entries > IORING_MAX_ENTRIES and flags & IORING_SETUP_CLAMP:
            entries = IORING_MAX_ENTRIES
        if not 0 < entries <= IORING_MAX_ENTRIES:
            raise error(EINVAL, f"a ring of {entries} entries; 1 to {IORING_MAX_ENTRIES} are possible")
        self.kernel, self.flags = kernel, flags
        self.sq_entries = 1 << (entries - 1).bit_length()
        self.completions = make_completions(2 * self.sq_entries)
        self.requests, self.ifqs, self.enters = [], {}, 0
        self._prepared, self._waiting = [], []
        self._fd = kernel.fds.install(self)

    def fileno(self):
        """Return the file descriptor, -1 after close."""
        return self._fd

    def register_ifq(self, if_idx, if_rxq, area, rq_entries, flags=0, rx_buf_len=0, region_bytes=None):
        """Register an interface queue: its payload goes to the area from now on.

        Parameters
        ----------
        if_idx, if_rxq : int
            Interface number and receive queue.
        area : ZcrxArea
            Memory.
        rq_entries : int
            Slots of the refill ring, rounded up to a power of two.
        flags : int
            0.
        rx_buf_len : int
            Octets of a buffer where the release and the driver have larger ones than a page; 0: a page.
        region_bytes : int, optional
            Memory that the program brings for the refill ring; as much as it takes when left out.

        Returns
        -------
        ifq : Ifq
            With ``zcrx_id`` and ``rq_area_token``.

        Raises
        ------
        OSError
            In this order: EPERM; EINVAL the ring's flags, the numbers, the refill ring; ENODEV, EOPNOTSUPP the interface; EFAULT,
            EOVERFLOW, EINVAL, EBADF, ERANGE the area; ERANGE, EINVAL (header split), EEXIST, EBUSY, ... the queue.

        References
        ----------
        Linux io_uring/zcrx.c, io_register_zcrx_ifq().
        """
        self._check_open()
        self.enters += 1
        zcrx_id = next(number for number in range(len(self.ifqs) + 1) if number not in self.ifqs)
        self.ifqs[zcrx_id] = register_ifq(self.kernel, self.flags, zcrx_id, if_idx, if_rxq, area, rq_entries, flags, rx_buf_len,
                                          region_bytes)
        return self.ifqs[zcrx_id]

    def unregister_ifq(self, ifq):
        """End one queue: its requests are cancelled, and every buffer is taken from the program.

        Parameters
        ----------
        ifq : Ifq
            Of this ring.

        Notes
        -----
        Linux (6.18) has no such call: its queues end with their ring, in the same way.
        """
        if self.ifqs.get(ifq.zcrx_id) is not ifq:
            raise error(EINVAL, f"{ifq!r} is no queue of this ring")
        self.enters += 1
        for request in [r for r in self.requests if r.ifq is ifq]:
            self._finish(request, -ECANCELED)
        del self.ifqs[ifq.zcrx_id]
        ifq.end()

    @property
    def cq_ready(self):
        """int: completions that the program has not consumed."""
        return int(self.completions.ctl[0].tail - self.completions.ctl[0].head)

    def peek(self):
        """Look at the completions that are there.

        Returns
        -------
        cqes : list of Cqe
            They stay until ``cq_advance``.
        """
        ctl = self.completions.ctl[0]
        rows = [self.completions.cqe[at & (ctl.entries - 1)] for at in range(int(ctl.head), int(ctl.tail))]
        return [Cqe(int(row.user_data), int(row.res), int(row.cqe_flags), int(row.off)) for row in rows]

    def cq_advance(self, count):
        """Consume completions.

        Parameters
        ----------
        count : int
            How many, the oldest first.
        """
        if not 0 <= count <= self.cq_ready:
            raise error(EINVAL, f"{count} completions; {self.cq_ready} are there")
        self.completions.ctl[0].head += count

    def cqes(self):
        """Take the completions that are there.

        Returns
        -------
        cqes : list of Cqe
            Consumed.
        """
        found = self.peek()
        self.cq_advance(len(found))
        return found

    def poll(self):
        """Tell what the ring's descriptor is ready for.

        Returns
        -------
        events : int
            POLL*: readable when completions are there, or requests could bring some.
        """
        events = POLLOUT | POLLWRNORM if len(self._prepared) < self.sq_entries else 0
        if self.cq_ready or self._waiting or any(request.ready for request in self.requests):
            events |= POLLIN | POLLRDNORM
        return events

    def _check_open(self):
        if self._fd < 0:
            raise error(EBADF, "the ring is closed")

    def close(self):
        """Close the ring: its requests and its queues end."""
        if self._fd >= 0:
            self.kernel.close(self._fd)

    def release(self):
        """End everything: the last file descriptor is closed."""
        self._fd = -1
        ended, self.requests = self.requests, []
        for zcrx_id in sorted(self.ifqs):
            self.ifqs.pop(zcrx_id).end()
        for request in ended:
            self.kernel.fds.drop(request.socket)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<IoUring fd={self._fd}: {len(self.ifqs)} queues, {len(self.requests)} requests, {self.cq_ready} completions>"
