"""Exporters: ways to turn memory into a dma-buf.

Law.   An exporter decides the segments; everything after it treats all dmabufs alike.
Reads. Linux drivers/dma-buf/udmabuf.c; spec sections 3.1 and 3.3.
Omits. Exporters that move their memory after it was mapped.

========== =========================================================================
udmabuf    pages of a sealed memfd, one segment a page (or merged where they adjoin)
device     one contiguous piece of device memory
scatter    any list of (address, length)
file       a file's bytes, loaded into host memory
array      a NumPy array's bytes, likewise
========== =========================================================================
"""

import os
import pathlib

import numpy as np

from devmemlab.base.errno import EINVAL, ENOMEM, error
from devmemlab.base.octets import copy_octets
from devmemlab.mem.dmabuf import ARRAY, CONTIGUOUS, FILE, SCATTER, UDMABUF, sg_fill
from devmemlab.mem.region import HOST, PAGE_SIZE, Region, memory
from devmemlab.mem.staging import StagedMemory
from devmemlab.mem.udmabuf import F_SEAL_SHRINK, Memfd, check_udmabuf, udmabuf_segments

BUSES = ["pci0"]


def bus_number(name):
    """Number a bus by its name.

    Parameters
    ----------
    name : str or None
        None means that any device can reach the memory.

    Returns
    -------
    bus : int
        -1 for None.
    """
    if name is None:
        return -1
    if name not in BUSES:
        BUSES.append(name)
    return BUSES.index(name)


class Exporters:
    """The part of `Mem` that makes and forgets dmabufs."""

    def memfd(self, size, seals=0, sealable=True, name="memfd"):
        """Make a memory file.

        Parameters
        ----------
        size : int or str
            Length.
        seals : int
            Seals to begin with.
        sealable : bool
            False as without MFD_ALLOW_SEALING.
        name : str
            For people.

        Returns
        -------
        file : Memfd
            Open.
        """
        return Memfd(size, seals, sealable, name)

    def udmabuf_create(self, items, merged=False):
        """Make a dmabuf of pieces of memory files, with the checks of the control device.

        Parameters
        ----------
        items : sequence of (Memfd, int, int)
            File, offset and size of each piece.
        merged : bool
            One segment a run instead of one a page.

        Returns
        -------
        dmabuf : int
            Row, with one reference.
        """
        check_udmabuf(items, self.profile.udmabuf_cap_bytes)
        file, offset, size = items[0]
        whole = file.region if len(items) == 1 and size == file.region.length else None
        files = [file for file, _, _ in items]
        if len(items) == 1 and not merged:
            return self._export([(file.region.start + offset, size)], UDMABUF, files, whole, PAGE_SIZE)
        return self._export(udmabuf_segments(items, merged), UDMABUF, files, whole)

    def udmabuf(self, size, merged=False):
        """Make a udmabuf over fresh host memory: memfd, seal and create in one.

        Parameters
        ----------
        size : int or str
            A multiple of a page, within the cap of the release.
        merged : bool
            One segment instead of one a page.

        Returns
        -------
        dmabuf : int
            Row, with one reference.
        """
        file = Memfd(size, F_SEAL_SHRINK, name="udmabuf")
        try:
            return self.udmabuf_create([(file, 0, file.length)], merged)
        finally:
            file.close()

    def export(self, source):
        """Export memory as a dmabuf.

        Parameters
        ----------
        source : Region, path, array or list of tuple of int
            A region whole; a file's or an array's bytes; any scatter list of (address, length).

        Returns
        -------
        dmabuf : int
            Row, with one reference.
        """
        if isinstance(source, Region):
            if not source.alive:
                raise error(EINVAL, f"region {source.name!r} is closed; export it before you close it")
            return self._export([(source.start, source.length)], CONTIGUOUS, [], source)
        if isinstance(source, list) and source and isinstance(source[0], tuple):
            return self._export(source, SCATTER, [])
        if isinstance(source, (str, os.PathLike)):
            return self._export_bytes(np.fromfile(source, dtype=np.uint8), pathlib.Path(source).name, FILE)
        if source is None or np.asarray(source).dtype.hasobject:
            raise error(EINVAL, f"{source!r} cannot be exported; pass a region, a path, an array or a list of (address, length)")
        return self._export_bytes(np.ascontiguousarray(source).reshape(-1).view(np.uint8), "array", ARRAY)

    def _export_bytes(self, octets, name, exporter):
        """Copy bytes into fresh host memory and export that.

        Parameters
        ----------
        octets : uint8[n]
            The bytes; the dmabuf is rounded up to whole pages.
        name : str
            For people.
        exporter : int
            ``FILE`` or ``ARRAY``.

        Returns
        -------
        dmabuf : int
            Row.
        """
        if len(octets) == 0:
            raise error(EINVAL, f"{name} is empty; a dmabuf needs at least one byte")
        file = Memfd(len(octets), F_SEAL_SHRINK, name=name)
        copy_octets(file.region.octets, 0, octets, 0, len(octets))
        try:
            return self._export([(file.region.start, file.region.length)], exporter, [file], file.region)
        finally:
            file.close()

    def _export(self, segments, exporter, files, region=None, page_bytes=0):
        """Write the rows of a dmabuf.

        Parameters
        ----------
        segments : sequence of tuple of int
            (address, length) pairs; their order defines the offsets.
        exporter : int
            Number of one of `EXPORTERS`.
        files : list of Memfd
            Pinned until the dmabuf goes.
        region : Region, optional
            The region that the bytes are, if they are a whole one: its aperture and bus decide who reaches them.
        page_bytes : int
            Not 0: `segments` is one run, to be listed as pieces of this size.

        Returns
        -------
        dmabuf : int
            Row, with one reference.

        Raises
        ------
        OSError
            EINVAL for a segment that is empty or outside memory, ENOMEM when the tables are full.
        """
        limit = len(memory())
        for address, length in segments:
            if length <= 0 or address < 0 or address + length > limit:
                raise error(EINVAL, f"segment ({address:#x}, {length}) is empty or outside memory of {limit} bytes")
        total = sum(length for _, length in segments)
        free = np.nonzero(self.dmabufs.buf.refs[1:] == 0)[0]
        if len(free) == 0:
            raise error(ENOMEM, f"{len(self.dmabufs.buf) - 1} dmabufs exist; close one first")
        row = int(free[0]) + 1
        count = total // page_bytes if page_bytes else len(segments)
        first = self.take("sg", count)
        if page_bytes:
            sg_fill(self.dmabufs, first, count, segments[0][0], page_bytes)
        else:
            self.dmabufs.sg[first:first + count] = np.array(segments, np.int64).view(self.dmabufs.sg.dtype).reshape(-1)
        buf = self.dmabufs.buf[row]
        buf.length, buf.sg_first, buf.sg_count, buf.refs, buf.exporter = total, first, count, 1, exporter
        buf.attachments = buf.mappings = 0
        buf.region = region.row if region is not None else 0
        buf.reach = total if region is None else region.bar_bytes
        buf.bus = -1 if region is None or region.kind == HOST else bus_number(region.bus)
        for file in files:
            file.pin()
        self.pinned[row] = files
        if region is not None:
            self.backing[row] = region
            if isinstance(region, StagedMemory):
                self.staged[row] = region
        return row

    def dmabuf(self, row):
        """Find a dmabuf.

        Parameters
        ----------
        row : int
            Row.

        Returns
        -------
        buf : numpy.record
            Its row.

        Raises
        ------
        OSError
            The release's answer to an fd that is not a dmabuf.
        """
        if not 0 < row < len(self.dmabufs.buf) or self.dmabufs.buf[row].refs == 0:
            raise error(self.profile.not_dmabuf_errno, f"{row} is not a dmabuf of this host")
        return self.dmabufs.buf[row]

    def put_dmabuf(self, row):
        """Drop the reference of an fd; the memory goes when nobody is attached any more.

        Parameters
        ----------
        row : int
            Row.
        """
        self.dmabuf(row).refs -= 1
        self.reap_dmabuf(row)

    def reap_dmabuf(self, row):
        """Forget a dmabuf if nobody references it.

        Parameters
        ----------
        row : int
            Row.
        """
        buf = self.dmabufs.buf[row]
        if buf.refs == 0 and buf.sg_count:
            self.ranges["sg"].give(int(buf.sg_first), int(buf.sg_count))
            buf.sg_count = 0
            self.backing.pop(row, None)
            self.staged.pop(row, None)
            self.maps.pop(row, None)
            self.begun.discard(row)
            for file in self.pinned.pop(row):
                file.unpin()
