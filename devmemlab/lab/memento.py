"""A memento: everything that can be reached from an object, as it is now, to be put back in place later.

Law.   Objects stay who they are: their contents change back, so addresses, file descriptors and references stay right.
Reads. Python's data model (``__dict__``, ``__slots__``); the gang-of-four pattern of this name.
Omits. Programs in the middle of a function (generators), which nothing can put back, and random generators of NumPy: both are
       refused. Threads, open files and live ports are passed over.

A deep copy would not do: tables hold addresses of regions, file descriptor tables count names by the identity of things, and
whoever looks at the lab would go on looking at the old one. So each object that can change is remembered beside a shallow copy
of what it holds, arrays and regions beside the blocks of theirs that are not zero (`devmemlab.lab.blocks`).
"""

import collections
import functools
import random
import types
import weakref

import numpy as np

from devmemlab.lab.blocks import kept_blocks, octets_of_array, put_back
from devmemlab.mem.region import Region, memory

ATOMS = (int, float, complex, str, bytes, bool, type(None), type, range, np.generic, np.dtype, types.ModuleType,
         types.BuiltinFunctionType, weakref.ref, weakref.finalize, memoryview, type(Ellipsis), type(NotImplemented))
REFUSED = (types.GeneratorType, types.CoroutineType, types.FrameType, np.random.Generator)
FOREIGN = ("numba", "llvmlite", "numpy", "ctypes", "_ctypes", "mmap", "_thread", "threading", "_io", "re", "select", "socket",
           "ipaddress", "enum")
"""Packages whose objects either do not change or cannot be put back; so are those of classes with ``outside_time``."""


def root_of(array):
    """Find the array that an array is a view of.

    Parameters
    ----------
    array : numpy.ndarray
        Any.

    Returns
    -------
    root : numpy.ndarray or None
        None for views of the address space: regions are kept by themselves.
    """
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    whole = memory()
    if root is whole or root.base is whole or hasattr(root.base, "region"):
        return None
    low, high = root.__array_interface__["data"][0], whole.__array_interface__["data"][0]
    return None if high <= low < high + whole.nbytes else root


class Memento:
    """What can be reached from an object, now.

    Parameters
    ----------
    root : object
        Where to begin.
    before : Memento, optional
        An earlier one of the same object: what has not changed is shared with it.

    Raises
    ------
    TypeError
        A generator or a coroutine was met.
    """

    def __init__(self, root, before=None):
        self._held, self._arrays, self._hashes, self._randoms = [], [], [], []
        self._before = before._octets if before else {}
        self._octets, self._seen, todo = {}, {}, [root]
        while todo:
            one = todo.pop()
            if isinstance(one, ATOMS) and not isinstance(one, np.void) or id(one) in self._seen:
                continue
            self._seen[id(one)] = one
            todo.extend(self._look(one))
        del self._before

    def _look(self, one):
        """Remember one object, and tell what it leads to."""
        if isinstance(one, REFUSED):
            raise TypeError(f"{one!r} cannot be put back; what is in the middle of a function is to be an object with steps")
        if isinstance(one, np.ndarray):
            return self._look_at_array(one)
        if isinstance(one, np.void):
            return (one.base,) if isinstance(one.base, np.ndarray) else ()
        if isinstance(one, (tuple, frozenset)):
            return one
        if isinstance(one, dict):
            self._held.append((one, dict(one)))
            return [*one.values(), *(key for key in one if not isinstance(key, ATOMS)), *_attributes(one)]
        if isinstance(one, (list, set, collections.deque, bytearray)):
            self._held.append((one, type(one)(one) if type(one) in (list, set, bytearray) else list(one)))
            return () if isinstance(one, bytearray) else one
        if isinstance(one, types.MethodType):
            return one.__self__, one.__func__
        if isinstance(one, types.FunctionType):
            return one.__closure__ or ()
        if isinstance(one, types.CellType):
            return self._look_at_cell(one)
        if isinstance(one, functools.partial):
            return one.func, one.args, one.keywords
        if hasattr(one, "hexdigest"):
            self._hashes.append((one, one.copy()))
            return ()
        if isinstance(one, random.Random):
            self._randoms.append((one, one.getstate()))
            return ()
        if type(one).__module__.partition(".")[0] in FOREIGN or getattr(type(one), "outside_time", False):
            return ()
        if isinstance(one, Region) and one.alive:
            self._keep(one, memory()[one.start:one.start + one.length])
        return self._look_at_slots(one)

    def _look_at_array(self, array):
        """Remember the octets of an array."""
        root = root_of(array)
        if root is not None and (root is array or id(root) not in self._seen):
            self._seen[id(root)] = root
            self._keep(root, octets_of_array(root))
        return ()

    def _look_at_cell(self, cell):
        """Remember what a variable of an enclosing function is."""
        try:
            self._held.append((cell, cell.cell_contents))
        except ValueError:
            return ()
        return (cell.cell_contents,)

    def _look_at_slots(self, one):
        """Remember the attributes of an object that are not in its ``__dict__``."""
        names = _slots(type(one))
        slots = {name: getattr(one, name) for name in names if hasattr(one, name)}
        if names:
            self._held.append((one, slots))
        return [*slots.values(), *_attributes(one)]

    def _keep(self, owner, octets):
        """Remember octets.

        Parameters
        ----------
        owner : ndarray or Region
            Whose.
        octets : uint8[n]
            All of them.
        """
        self._octets[id(owner)] = kept_blocks(octets, self._before.get(id(owner)), getattr(owner, "fd", None))
        self._arrays.append((owner, octets))

    def restore(self):
        """Put everything back.

        Raises
        ------
        ValueError
            A region that was alive then has been closed since; nothing has changed.
        """
        for owner, _ in self._arrays:
            if isinstance(owner, Region) and not owner.alive:
                raise ValueError(f"{owner!r} has been closed since; run it again from the beginning")
        fresh = {id(one): kept.copy() for one, kept in self._hashes}
        for one, held in self._held:
            _fill(one, held, fresh)
        for one, state in self._randoms:
            one.setstate(state)
        for owner, octets in self._arrays:
            put_back(octets, self._octets[id(owner)], getattr(owner, "fd", None))

    @property
    def nbytes(self):
        """int: octets of all blocks, shared ones included."""
        return sum(len(block) for kept in self._octets.values() for block in kept.values())


def _attributes(one):
    """The ``__dict__`` of an object, as one more object."""
    return (one.__dict__,) if isinstance(getattr(one, "__dict__", None), dict) else ()


@functools.cache
def _slots(kind):
    """The names of a class's slots, inherited ones too."""
    each = [one.__dict__.get("__slots__", ()) for one in kind.__mro__]
    return [name for names in each for name in ((names,) if isinstance(names, str) else names)
            if name not in ("__dict__", "__weakref__")]


def _fill(one, held, fresh):
    """Make a container hold what it held.

    Parameters
    ----------
    one : object
        The container.
    held : object
        From the memento.
    fresh : dict of int to hash
        Digest objects cannot be put back; copies take their places.
    """
    def now(value):
        return fresh.get(id(value), value)

    if isinstance(one, dict):
        one.clear()
        one.update({key: now(value) for key, value in held.items()} if fresh else held)
    elif isinstance(one, (list, bytearray)):
        one[:] = held if isinstance(one, bytearray) else map(now, held)
    elif isinstance(one, (set, collections.deque)):
        one.clear()
        (one.update if isinstance(one, set) else one.extend)(map(now, held))
    elif isinstance(one, types.CellType):
        one.cell_contents = now(held)
    else:
        for name in _slots(type(one)):
            if name in held:
                object.__setattr__(one, name, now(held[name]))
            elif hasattr(one, name):
                object.__delattr__(one, name)
