"""XArray: integer ids to entries, lowest free id first.

Law.   `xa_alloc` returns the lowest free id; a mark bit a slot says "something is free below".
Reads. Linux lib/xarray.c with XA_FLAGS_ALLOC1; Documentation/core-api/xarray.rst.
Omits. RCU, multi-index entries and user marks.

A tree of 64-way nodes. Node rows are shared by all trees of a table. One quirk is kept: 0 counts as
busy, so the first id is 1, until somebody erases id 0 while other ids live. From then on 0 is an id
like any other and, being the lowest, the next one handed out; emptying the tree does not undo it.

The tree is in `devmemlab.base.xarray_nodes`; who takes or frees many ids in one go uses its runs.
"""

import numpy as np

from devmemlab.base.bits import lowest_bit
from devmemlab.base.kernel import kernel
from devmemlab.base.xarray_nodes import (
    ALL_FREE,
    FANOUT,
    INT_MAX,
    SHIFT,
    XA_NODE,
    XA_POOL,
    XA_ROOT,
    XA_SLOT,
    XArrays,
    make_xarrays,
    xa_find_free,
    xa_freed,
    xa_leaf,
    xa_taken,
)

__all__ = ["ALL_FREE", "FANOUT", "INT_MAX", "SHIFT", "XA_NODE", "XA_POOL", "XA_ROOT", "XA_SLOT", "XArrays", "lowest_bit",
           "make_xarrays", "xa_alloc", "xa_erase", "xa_find_free", "xa_freed", "xa_leaf", "xa_load", "xa_taken"]


@kernel
def xa_alloc(xas, tree, entry):
    """Store an entry under the lowest free id.

    Parameters
    ----------
    xas : XArrays
        Tree `tree` changes on success.
    tree : int64
        Which tree.
    entry : int64
        Not 0.

    Returns
    -------
    id : int64
        The id (0 possible, see the module), ``-ENOMEM`` when nodes are used up, ``-EBUSY`` past 2^31 - 1.
    """
    leaf, first = xa_find_free(xas, tree)
    if leaf < 0:
        return leaf
    marks = xas.node[leaf].free_marks
    slot = lowest_bit(marks)
    xas.slot[leaf, slot].entry = entry
    xa_taken(xas, tree, leaf, marks & ~(np.int64(1) << slot), 1)
    return first | slot


@kernel
def xa_load(xas, tree, index):
    """Look an id up.

    Parameters
    ----------
    xas : XArrays
        Not changed.
    tree : int64
        Which tree.
    index : int64
        The id.

    Returns
    -------
    entry : int64
        0 when the id is not in use.
    """
    root = xas.root[tree]
    node = root.top
    if node == 0 or index < 0 or index >> (SHIFT * root.levels) != 0:
        return np.int64(0)
    for level in range(root.levels - 1, 0, -1):
        node = xas.slot[node, (index >> (SHIFT * level)) & 63].entry
        if node == 0:
            return np.int64(0)
    return xas.slot[node, index & 63].entry


@kernel
def xa_erase(xas, tree, index):
    """Remove an id and make it the next to be handed out if it is the lowest.

    Parameters
    ----------
    xas : XArrays
        Tree `tree` changes when the id was in use; nodes left empty go back to the pool.
    tree : int64
        Which tree.
    index : int64
        The id.

    Returns
    -------
    entry : int64
        What was stored; 0 when nothing was. Erasing an unused id 0 still makes 0 free.
    """
    leaf = xa_leaf(xas, tree, index)
    if leaf == 0:
        return np.int64(0)
    slot = index & 63
    entry = xas.slot[leaf, slot].entry
    xas.slot[leaf, slot].entry = 0
    if entry or index == 0:
        xa_freed(xas, tree, leaf, np.int64(1) << slot, np.int64(entry != 0))
    return entry
