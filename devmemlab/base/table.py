"""Tables: all state of the lab, as NumPy records of int64.

Law.   State is rows of int64; a handle is a row number; nothing else is remembered anywhere.
Reads. House law 2.
Omits. Smaller integers: unsigned arithmetic differs between compiled and interpreted code.
"""

import mmap
import sys

import numpy as np

RESERVED = frozenset(dir(np.record)) | frozenset(dir(np.recarray))


def schema(*names):
    """Make the dtype of a row whose fields are all int64.

    Parameters
    ----------
    *names : str
        Field names, in order. Names that ``np.record`` answers to itself are refused.

    Returns
    -------
    dtype : numpy.dtype
        Structured dtype, 8 bytes a field.

    Raises
    ------
    ValueError
        A name is reserved or repeated.
    """
    for name in names:
        if name in RESERVED:
            raise ValueError(f"field name {name!r} means something to numpy.record already; choose another "
                             "('length' for nbytes or size, 'start' for base)")
    if len(set(names)) != len(names):
        raise ValueError(f"repeated field name in {names}")
    return np.dtype([(name, np.int64) for name in names])


def table(dtype, *shape):
    """Make a table of zeros, committed only where it is touched.

    Parameters
    ----------
    dtype : numpy.dtype
        From `schema`.
    *shape : int
        Rows, and slots per row where the table has two dimensions.

    Returns
    -------
    table : numpy.recarray
        Attribute access to fields works compiled and interpreted.
    """
    count = int(np.prod(shape))
    nbytes = count * dtype.itemsize
    if nbytes < 1 << 20:
        return np.zeros(shape, dtype).view(np.recarray)
    flags = {}
    if sys.platform == "linux":
        # Python names the flag only from 3.13 on; on alpha, mips, parisc and sparc it has another number.
        noreserve = getattr(mmap, "MAP_NORESERVE", 0x4000)
        flags["flags"] = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | noreserve
    block = mmap.mmap(-1, nbytes, **flags)
    return np.frombuffer(block, dtype=dtype, count=count).reshape(shape).view(np.recarray)


def first_rows(rows, count):
    """Take the first rows of a table, in a tenth of the time that slicing a recarray takes.

    Parameters
    ----------
    rows : numpy.recarray
        A table.
    count : int
        How many.

    Returns
    -------
    first : numpy.recarray
        The same memory.
    """
    return np.ndarray.__getitem__(rows, slice(count))


def grown(old, rows):
    """Return a table with at least `rows` rows that begins with those of `old`.

    Parameters
    ----------
    old : numpy.recarray
        Any table.
    rows : int
        Rows wanted.

    Returns
    -------
    table : numpy.recarray
        `old` itself when it is long enough, else a copy at least twice as long.
    """
    if rows <= len(old):
        return old
    new = table(old.dtype, max(rows, 2 * len(old)), *old.shape[1:])
    new[: len(old)] = old
    return new


def as_dict(row):
    """Spell one row as plain Python integers.

    Parameters
    ----------
    row : numpy.record
        A row of any table.

    Returns
    -------
    fields : dict of str to int
        In schema order.
    """
    return {name: int(row[name]) for name in row.dtype.names}


def word(rows, name, row=0):
    """Point at one number of a table, for whoever looks at it from Python again and again.

    Parameters
    ----------
    rows : numpy.recarray
        A table of one dimension; the word is good as long as this very table is in use.
    name : str
        Field.
    row : int
        Which row.

    Returns
    -------
    word : memoryview of one int64
        ``word[0]`` is read, and written, ten times as fast as ``rows[row].name``.
    """
    names = rows.dtype.names
    at = row * len(names) + names.index(name)
    return memoryview(rows.view(np.ndarray).view(np.int64))[at:at + 1]
