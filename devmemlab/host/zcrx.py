"""Interface queues of io_uring: registration, in the kernel's order of checks, and what a program does with one.

Law.   A refused registration leaves no area and no queue changed; the end of a queue takes every buffer from the program.
Reads. Linux io_uring/zcrx.c (io_register_zcrx_ifq, io_shutdown_zcrx_ifqs); spec sections 7.1 and 8.3.
Omits. Several areas of one queue; export of a queue to another ring; offsets of the refill ring, which is no memory here.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.errno import EFAULT, EINVAL, ENODEV, EOPNOTSUPP, EPERM, error
from devmemlab.host.entry_zcrx import machine_scrub
from devmemlab.host.genl.bind_rx import unbind
from devmemlab.host.genl.devices import can, devices_of
from devmemlab.mem.iouring import AREA_SHIFT, RQ_MAX, zcrx_post_rqes
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.region import Region, memory

IORING_SETUP_CLAMP, IORING_SETUP_CQE32, IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_DEFER_TASKRUN = 1 << 4, 1 << 11, 1 << 12, 1 << 13
IORING_ZCRX_AREA_DMABUF = 1
IORING_ZCRX_AREA_SHIFT = AREA_SHIFT
AREA_MASK = -1 << AREA_SHIFT
_RING_HEAD_BYTES, _RQE_BYTES = 8, 16
_U64 = (1 << 64) - 1


class ZcrxArea(NamedTuple):
    """What a program registers as an area: ``struct io_uring_zcrx_area_reg``, with memory of the lab in place of a pointer.

    memory : Region or None
        Host memory of the program that `addr` lies in.
    addr : int
        First address; 0 for a dmabuf.
    len : int
        Octets.
    flags : int
        IORING_ZCRX_AREA_DMABUF, or 0.
    dmabuf_fd : int
        File descriptor of the dmabuf; 0 for pages.
    rq_area_token : int
        0: the kernel tells it.
    """

    memory: Region
    addr: int
    len: int
    flags: int = 0
    dmabuf_fd: int = 0
    rq_area_token: int = 0

    @classmethod
    def pages(cls, region, offset=0, length=None):
        """Describe pages of host memory.

        Parameters
        ----------
        region : Region
            For example `devmemlab.host_memory`.
        offset : int
            Where in it the area begins.
        length : int, optional
            Octets; all the rest when left out.

        Returns
        -------
        area : ZcrxArea
            For ``register_ifq``.
        """
        return cls(region, region.start + offset, region.length - offset if length is None else length)

    @classmethod
    def dmabuf(cls, fd, length):
        """Describe a dmabuf.

        Parameters
        ----------
        fd : int
            Its file descriptor.
        length : int
            Its length.

        Returns
        -------
        area : ZcrxArea
            For ``register_ifq``.
        """
        return cls(None, 0, length, IORING_ZCRX_AREA_DMABUF, fd)


class Ifq:
    """A registered interface queue. Made by ``ring.register_ifq``.

    Parameters
    ----------
    host : Host
        The machine.
    area : ZcrxArea
        Its memory.
    binding, if_idx, if_rxq, zcrx_id : int
        Row of the area; the queue; the number that requests name it by.

    Attributes
    ----------
    rq_area_token : int
        What a refill entry has in bits 48 and up.
    rq_entries : int
        Slots of the refill ring.
    """

    def __init__(self, host, area, binding, if_idx, if_rxq, zcrx_id):
        self.host, self.area, self.binding = host, area, binding
        self.if_idx, self.if_rxq, self.zcrx_id = if_idx, if_rxq, zcrx_id
        own = self._own
        self.rq_area_token, self.rq_entries = int(own.area_id) << AREA_SHIFT, int(own.rq_entries)

    def _check(self):
        if not self.binding:
            raise error(EINVAL, f"queue {self.if_rxq} of interface {self.if_idx} is registered no more")

    @property
    def _own(self):
        self._check()
        return self.host.mem.providers.binding[self.binding]

    @property
    def user_refs(self):
        """int: references that the program holds."""
        own = self._own
        return int(self.host.mem.providers.words.entry[own.refs_first:own.refs_first + own.niov_count].sum())

    @property
    def free_count(self):
        """int: buffers of the area that nobody has."""
        return int(self._own.free_count)

    @property
    def rq_ready(self):
        """int: refill entries that the kernel has not read yet."""
        own = self._own
        return int(own.rq_tail - own.rq_head)

    def rqe_off(self, cqe):
        """Turn a completion's offset into that of a refill entry.

        Parameters
        ----------
        cqe : Cqe
            Of this queue.

        Returns
        -------
        off : int
            For `refill`.
        """
        return cqe.off & ~AREA_MASK | self.rq_area_token

    def refill(self, entries):
        """Write entries of the refill ring; the kernel reads them when its pool needs buffers.

        Parameters
        ----------
        entries : sequence of Cqe or int
            Completions whose buffers come back, or offsets as they are.

        Returns
        -------
        written : int
            How many there was room for.
        """
        self._check()
        offsets = [(entry if isinstance(entry, int) else self.rqe_off(entry)) & _U64 for entry in entries]
        return int(zcrx_post_rqes(self.host.mem.providers, self.binding, np.array(offsets, np.uint64).view(np.int64)))

    def octets(self, cqe):
        """Look at what a completion names.

        Parameters
        ----------
        cqe : Cqe
            Of this queue.

        Returns
        -------
        octets : uint8[n]
            The memory itself, not a copy.

        Raises
        ------
        OSError
            EFAULT: the area is a dmabuf, which the program may have no pointer to.
        """
        if not self.area.memory:
            raise error(EFAULT, "the area is a dmabuf: its device reads it, or k.mmap(fd) if that can be mapped")
        at = self.area.addr + (cqe.off & ~AREA_MASK)
        return memory()[at:at + cqe.res]

    def end(self):
        """Take every buffer from the program and the queue from the area; what packets still hold comes home by itself."""
        host, binding = self.host, self.binding
        machine_scrub(host.machine, host.trace, binding, host.clock.now_ns)
        unbind(host, binding)
        self.binding = 0

    def __repr__(self):
        return f"<Ifq {self.zcrx_id}: queue {self.if_rxq} of interface {self.if_idx}, {self.rq_entries} refill entries>"


def register_ifq(kernel, setup, zcrx_id, if_idx, if_rxq, area, rq_entries, flags, rx_buf_len, region_bytes):
    """Register an interface queue.

    Parameters
    ----------
    kernel : Host or Process
        Who asks.
    setup : int
        Flags that the ring was made with.
    zcrx_id : int
        The number that it will have.
    if_idx, if_rxq, area, rq_entries, flags, rx_buf_len, region_bytes
        See `devmemlab.host.io_uring.IoUring.register_ifq`.

    Returns
    -------
    ifq : Ifq
        Registered.
    """
    if not kernel.profile.provider_ops:
        raise error(EINVAL, f"kernel {kernel.profile.name} has no zero-copy receive in io_uring")
    if not kernel.admin:
        raise error(EPERM, "registering an interface queue is for administrators (CAP_NET_ADMIN)")
    if not (setup & IORING_SETUP_DEFER_TASKRUN and setup & IORING_SETUP_CQE32):
        raise error(EINVAL, "the ring was made without IORING_SETUP_DEFER_TASKRUN or IORING_SETUP_CQE32")
    if if_rxq < 0 or rq_entries < 1 or flags:
        raise error(EINVAL, f"if_rxq {if_rxq}, rq_entries {rq_entries}, flags {flags}: a queue, 1 or more, and 0")
    if rq_entries > RQ_MAX:
        if not setup & IORING_SETUP_CLAMP:
            raise error(EINVAL, f"a refill ring of {rq_entries} entries; 1 to {RQ_MAX} are possible")
        rq_entries = RQ_MAX
    rq_entries = 1 << (rq_entries - 1).bit_length()
    if region_bytes is not None and _RING_HEAD_BYTES + _RQE_BYTES * rq_entries > region_bytes:
        raise error(EINVAL, f"{rq_entries} refill entries do not fit into a region of {region_bytes} bytes")
    device = devices_of(kernel).get(if_idx)
    if device is None:
        raise error(ENODEV, f"there is no interface {if_idx}")
    if not can(device, "has_dma"):
        raise error(EOPNOTSUPP, f"{device.name} has no DMA of its own")
    binding = _import(kernel, device, area, rq_entries, rx_buf_len)
    try:
        device.open_provider(if_rxq, binding)
    except OSError:
        unbind(kernel, binding)
        raise
    kernel.poke()
    return Ifq(kernel, area, binding, if_idx, if_rxq, zcrx_id)


def _import(kernel, device, area, rq_entries, rx_buf_len):
    """Make the area of a registration."""
    if area.flags & ~IORING_ZCRX_AREA_DMABUF or area.rq_area_token:
        raise error(EINVAL, f"area flags {area.flags:#x}, token {area.rq_area_token}: IORING_ZCRX_AREA_DMABUF or 0, and 0")
    wanted = dict(rq_entries=rq_entries, niov_bytes=rx_buf_len or PAGE_SIZE, trace=kernel.trace)
    mem = kernel.mem
    mem.check_area_range(area.addr, area.len)
    if area.flags & IORING_ZCRX_AREA_DMABUF:
        if area.addr:
            raise error(EINVAL, f"address {area.addr:#x} in a dmabuf; an area takes the whole, from 0 on")
        return mem.io_import_area(device.ifindex, None, 0, area.len, kernel.dmabuf_of(area.dmabuf_fd), **wanted)
    if area.dmabuf_fd:
        raise error(EINVAL, "a dmabuf without IORING_ZCRX_AREA_DMABUF")
    return mem.io_import_area(device.ifindex, area.memory, area.addr, area.len, **wanted)
