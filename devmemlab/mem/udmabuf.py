"""udmabuf: how a program turns its own memory into a dma-buf.

Law.   The memory may no longer shrink once a device knows its pages: only sealed memfds are accepted.
Reads. Linux drivers/dma-buf/udmabuf.c, memfd_create(2), fcntl(2) F_ADD_SEALS; spec section 3.3.
Omits. Huge-page memfds.

Checks, in order: the list is not too long; each offset and size is whole pages, and the sum stays under
the cap; there is something at all; each file is a memfd with the right seals; each range is inside its file.
"""

from devmemlab.base.errno import EBADFD, EINVAL, EPERM, error
from devmemlab.base.units import parse_size
from devmemlab.mem.region import HOST, PAGE_SIZE, Region

F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE = 1, 2, 4, 8, 16
LIST_LIMIT = 1024
U64 = 1 << 64


class Memfd:
    """A file that lives in memory and can be sealed.

    Parameters
    ----------
    size : int or str
        Length, rounded up to whole pages of memory; the file itself ends where it was asked to.
    seals : int
        Seals to begin with.
    sealable : bool
        False: made without MFD_ALLOW_SEALING (or a plain file of tmpfs), which counts as sealed against seals.
    name : str
        For people.

    Attributes
    ----------
    region : Region
        Host memory behind it; it outlives the file while a dmabuf pins it.
    pins : int
        Dmabufs that use it.
    """

    def __init__(self, size, seals=0, sealable=True, name="memfd"):
        self.length = parse_size(size)
        self.seals = seals if sealable else F_SEAL_SEAL
        self.region = Region(max(self.length, 1), HOST, name, shared=True)
        self.pins = 0
        self.closed = False

    def add_seals(self, seals):
        """Add seals; there is no way to remove one.

        Parameters
        ----------
        seals : int
            Sum of ``F_SEAL_*``.

        Raises
        ------
        OSError
            EPERM once it is sealed against more seals.
        """
        if self.seals & F_SEAL_SEAL:
            raise error(EPERM, "the file is sealed against more seals; make it with MFD_ALLOW_SEALING")
        self.seals |= seals

    def pin(self):
        """Count one more dmabuf."""
        self.pins += 1

    def unpin(self):
        """Count one dmabuf less; the last one frees the memory of a closed file."""
        self.pins -= 1
        self._reap()

    def close(self):
        """Close the file; the memory stays while a dmabuf pins it."""
        self.closed = True
        self._reap()

    def _reap(self):
        """Free the memory when nobody needs it."""
        if self.closed and self.pins == 0:
            self.region.close()


def check_udmabuf(items, cap_bytes, list_limit=LIST_LIMIT):
    """Validate a request as the control device does.

    Parameters
    ----------
    items : sequence of (Memfd, int, int)
        File, offset and size of each piece; anything but an open `Memfd` stands for another kind of fd.
    cap_bytes : int
        Largest total of the release, 0 for none.
    list_limit : int
        Most items in a list.

    Raises
    ------
    OSError
        EINVAL or EBADFD, the first that applies.
    """
    if len(items) > list_limit:
        raise error(EINVAL, f"{len(items)} items in one list; the limit is {list_limit}")
    total = 0
    for _, offset, size in items:
        if offset % PAGE_SIZE or size % PAGE_SIZE:
            raise error(EINVAL, f"offset {offset} and size {size} must be multiples of {PAGE_SIZE}")
        total += size
        if cap_bytes and total > cap_bytes:
            raise error(EINVAL, f"udmabuf of {total} bytes or more; this kernel allows {cap_bytes}: take several")
    if total == 0:
        raise error(EINVAL, "a udmabuf of no pages; ask for at least one")
    for file, offset, size in items:
        if not isinstance(file, Memfd) or file.closed:
            raise error(EBADFD, f"{file!r} is not an open memfd; udmabuf takes memory files only")
        if not file.seals & F_SEAL_SHRINK or file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
            raise error(EINVAL, f"seals {file.seals:#x}: the memfd must be sealed with F_SEAL_SHRINK and against no write")
        if size == 0 or (offset + size) % U64 < offset or offset + size > file.length:
            raise error(EINVAL, f"[{offset}, {offset + size}) is empty or outside the file of {file.length} bytes")


def udmabuf_segments(items, merged):
    """List the segments of a valid request.

    Parameters
    ----------
    items : sequence of (Memfd, int, int)
        File, offset and size of each piece.
    merged : bool
        Join pages that follow one another, as an IOMMU does.

    Returns
    -------
    segments : list of tuple of int
        (address, length): one a page, or one a run.
    """
    runs = []
    for file, offset, size in items:
        start = file.region.start + offset
        if merged and runs and sum(runs[-1]) == start:
            runs[-1] = (runs[-1][0], runs[-1][1] + size)
        else:
            runs.append((start, size))
    if merged:
        return runs
    return [(start + at, PAGE_SIZE) for start, size in runs for at in range(0, size, PAGE_SIZE)]
