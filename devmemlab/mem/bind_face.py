"""The bindings of a host, for Python: bind, with every check in its order.

Law.   What a failed bind did is undone in reverse.
Reads. Spec section 4.2; Linux net/core/devmem.c.
Omits. Permission, netlink attributes and queues: the floors above.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, ENOMEM, EOPNOTSUPP, error
from devmemlab.base.trace import BINDING as TP_BINDING
from devmemlab.base.trace import emit
from devmemlab.mem.binding import EVENT_BIND
from devmemlab.mem.binding_create import binding_alloc_id, binding_carve, binding_measure
from devmemlab.mem.dmabuf import (
    BIDIRECTIONAL,
    FROM_DEVICE,
    TO_DEVICE,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment,
    dma_buf_unmap_attachment,
)
from devmemlab.mem.exporter import bus_number
from devmemlab.mem.iouring import RQ_MAX
from devmemlab.mem.netmem import PAGE_SHIFT, PAGE_SIZE
from devmemlab.mem.pool_table import PROVIDER_DMABUF, PROVIDER_IOURING, PROVIDER_USER
from devmemlab.mem.provider_table import ALLOCATORS, LIFO, USER
from devmemlab.mem.user_provider import UserProvider


class Bindings:
    """The part of `Mem` that deals with bindings and areas."""

    def bind(self, ifindex, dmabuf, direction=FROM_DEVICE, niov_bytes=PAGE_SIZE, allocator=None, provider=PROVIDER_DMABUF,
             dma_dev=True, bus="pci0", rq_entries=4096, area_id=0, trace=None):
        """Bind a dmabuf to a device: attach, map, cut into net_iovs, give it an id.

        Parameters
        ----------
        ifindex : int
            The device.
        dmabuf : int
            Row.
        direction : int
            ``FROM_DEVICE`` (RX) or ``TO_DEVICE`` (TX).
        niov_bytes : int
            Net_iov size; above a page only for RX and where the release has rx-page-size.
        allocator : str or UserProvider, optional
            ``"gen_pool"``, ``"lifo"``, or functions of your own; the release's choice when left out.
        provider : int or UserProvider
            ``PROVIDER_DMABUF``, ``PROVIDER_IOURING`` (an area with a refill ring), or a provider of your own.
        dma_dev : bool
            Whether the device can do DMA at all.
        bus : str
            The bus that it is on.
        rq_entries, area_id : int
            Of an io_uring area: slots of its refill ring (rounded up to a power of two), and its id.
        trace : Trace, optional
            Records it.

        Returns
        -------
        binding : int
            Row; its id is ``mem.providers.binding[binding].id``.

        Raises
        ------
        OSError
            As spec section 4.2: EOPNOTSUPP, EBADF or EINVAL, the exporter's error, EINVAL, E2BIG, ENOMEM.
        """
        if not dma_dev:
            raise error(EOPNOTSUPP, "the device cannot do DMA, so no dmabuf can be bound to it")
        if direction not in (FROM_DEVICE, TO_DEVICE):
            raise error(EINVAL, f"direction {direction}: FROM_DEVICE ({FROM_DEVICE}) to receive, TO_DEVICE ({TO_DEVICE}) to send")
        buf = self.dmabuf(dmabuf)
        shift = self._niov_shift(niov_bytes, direction)
        kind, allocator = self._kind(provider, allocator, rq_entries)
        binding = self._free_binding()
        early = binding_alloc_id(self.providers) if self.profile.id_order == "early" else 0
        attachment = self._attach(ifindex, dmabuf, direction, bus)
        taken = []
        try:
            aligned = int(self.profile.alignment != "none")
            niovs, words = binding_measure(self.dmabufs, dmabuf, shift, aligned)
            if niovs < 0:
                raise error(niovs, f"dmabuf of {buf.length} bytes in {buf.sg_count} segments cannot be cut into net_iovs of "
                                   f"{1 << shift} bytes; every address and length must be a multiple of that")
            own = self._ranges_for(binding, taken, int(niovs), int(words), int(buf.sg_count), allocator)
            if kind == PROVIDER_IOURING:
                self._area_ranges(own, taken, rq_entries, area_id)
        except OSError:
            for name, first, count in taken:
                self.ranges[name].give(first, count)
            dma_buf_unmap_attachment(self.dmabufs, attachment)
            dma_buf_detach(self.dmabufs, attachment)
            raise
        self._taken[binding] = taken, allocator
        own.niov_shift, own.dmabuf, own.attachment, own.ifindex, own.direction = shift, dmabuf, attachment, ifindex, direction
        own.kind = kind
        binding_carve(self.providers, self.dmabufs, binding)
        # An area has no id that user space could name.
        own.id = 0 if kind == PROVIDER_IOURING else early or binding_alloc_id(self.providers)
        own.ref = own.live = 1
        emit(trace, TP_BINDING, binding, EVENT_BIND, own.id, 0)
        return binding

    def _kind(self, provider, allocator, rq_entries):
        """Work out what is being bound.

        Parameters
        ----------
        provider, allocator
            As in `bind`.
        rq_entries : int
            As in `bind`.

        Returns
        -------
        kind : int
            ``PROVIDER_*``.
        allocator : str or UserProvider
            Never None.
        """
        if isinstance(provider, UserProvider):
            return PROVIDER_USER, provider
        if provider not in (PROVIDER_DMABUF, PROVIDER_IOURING):
            raise error(EINVAL, f"{provider!r} is not a provider; use PROVIDER_DMABUF, PROVIDER_IOURING or a UserProvider")
        if provider == PROVIDER_IOURING:
            if not self.profile.provider_ops:
                raise error(EOPNOTSUPP, f"kernel {self.profile.name} has no table of provider operations, so no io_uring areas")
            if not 0 < rq_entries <= RQ_MAX:
                raise error(EINVAL, f"a refill ring of {rq_entries} entries; 1 to {RQ_MAX} are possible")
            return provider, "lifo"
        allocator = allocator or self.profile.allocator
        if not isinstance(allocator, UserProvider) and allocator not in ALLOCATORS[:USER]:
            raise error(EINVAL, f"no allocator {allocator!r}; there are {', '.join(ALLOCATORS[:USER])}, or pass a UserProvider")
        return provider, allocator

    def _free_binding(self):
        """Find a free binding row and clear it.

        Returns
        -------
        binding : int
            Row.
        """
        free = np.nonzero(self.providers.binding.kind[1:] == 0)[0]
        if len(free) == 0:
            raise error(ENOMEM, f"{len(self.providers.binding) - 1} bindings exist; unbind one first")
        binding = int(free[0]) + 1
        self.providers.binding[binding] = np.zeros(1, self.providers.binding.dtype)[0]
        return binding

    def _niov_shift(self, niov_bytes, direction):
        """Check a net_iov size.

        Parameters
        ----------
        niov_bytes : int
            Size.
        direction : int
            ``FROM_DEVICE`` or ``TO_DEVICE``.

        Returns
        -------
        shift : int
            Its log2.
        """
        shift = int(niov_bytes).bit_length() - 1
        if niov_bytes < PAGE_SIZE or niov_bytes != 1 << shift:
            raise error(EINVAL, f"net_iovs of {niov_bytes} bytes; the size must be a power of two of at least {PAGE_SIZE}")
        if shift > PAGE_SHIFT and (direction != FROM_DEVICE or not self.profile.rx_page_size):
            raise error(EINVAL, f"net_iovs of {niov_bytes} bytes; kernel {self.profile.name} has larger ones than a page "
                                f"{'for RX only' if self.profile.rx_page_size else 'not at all'}")
        return shift

    def _attach(self, ifindex, dmabuf, direction, bus):
        """Attach and map.

        Parameters
        ----------
        ifindex, dmabuf, direction, bus
            As in `bind`.

        Returns
        -------
        attachment : int
            Row, mapped.
        """
        attachment = dma_buf_attach(self.dmabufs, dmabuf, ifindex, bus_number(bus))
        if attachment < 0:
            raise error(attachment, f"could not bind dmabuf to device {ifindex}: its bus {bus!r} does not reach that memory")
        mapped = direction if self.profile.map_direction == "directional" else BIDIRECTIONAL
        err = dma_buf_map_attachment(self.dmabufs, attachment, mapped)
        if err < 0:
            dma_buf_detach(self.dmabufs, attachment)
            buf = self.dmabufs.buf[dmabuf]
            raise error(err, f"could not map the attachment: {buf.reach} of {buf.length} bytes lie inside the aperture")
        return attachment

    def _ranges_for(self, binding, taken, niovs, words, chunks, allocator):
        """Take the rows and words that a binding needs.

        Parameters
        ----------
        binding : int
            Row, clear.
        taken : list
            Gets (name, first, count) of each range taken.
        niovs, words, chunks : int
            How many of each; `words` for bitmaps.
        allocator : str or UserProvider
            How its net_iovs are handed out.

        Returns
        -------
        own : numpy.record
            The row, with its ranges set.
        """
        own = self.providers.binding[binding]
        user = isinstance(allocator, UserProvider)
        own.allocator = USER if user else ALLOCATORS.index(allocator)
        own.batch = 64 if allocator == "lifo" else self.profile.batch
        own.hold_niov = int(self.profile.binding_ref == "niov")
        if user:
            words = allocator.state_words or 2 * niovs + 64
        elif own.allocator == LIFO:
            words = niovs
        for field, name, count in (("niov_first", "rows", niovs), ("chunk_first", "chunks", chunks),
                                   ("words_first", "words", words)):
            own[field] = self.take(name, count)
            taken.append((name, int(own[field]), count))
        own.niov_count, own.chunk_count, own.words_count = niovs, chunks, words
        if own.allocator != LIFO:
            self.providers.words.entry[own.words_first:own.words_first + words] = 0
        if user:
            own.state_first, own.state_count = own.words_first, words
            for operation, address in allocator.addresses.items():
                own[f"user_{operation}"] = address
        return own

    def _area_ranges(self, own, taken, rq_entries, area_id):
        """Take the words that an io_uring area needs besides: user counters and the refill ring.

        Parameters
        ----------
        own : numpy.record
            Binding row.
        taken : list
            Gets (name, first, count) of each range taken.
        rq_entries, area_id : int
            As in `bind`.
        """
        own.rq_entries, own.area_id = 1 << (rq_entries - 1).bit_length(), area_id
        for field, count in (("refs_first", int(own.niov_count)), ("rq_first", int(own.rq_entries))):
            own[field] = self.take("words", count)
            taken.append(("words", int(own[field]), count))
            self.providers.words.entry[own[field]:own[field] + count] = 0
