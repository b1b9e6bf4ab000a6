"""XArray: integer ids to entries, lowest free id first.

Law.   `xa_alloc` returns the lowest free id; a mark bit a slot says "something is free below".
Reads. Linux lib/xarray.c with XA_FLAGS_ALLOC1; Documentation/core-api/xarray.rst.
Omits. RCU, multi-index entries and user marks.

A tree of 64-way nodes. Node rows are shared by all trees of a table. One quirk is kept: 0 counts as
busy, so the first id is 1, until somebody erases id 0 while other ids live. From then on 0 is an id
like any other and, being the lowest, the next one handed out; emptying the tree does not undo it.

Taking and erasing an id are put into their callers whole: a call that hands four tables on costs more than the walk.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.bits import lowest_bit
from devmemlab.base.component import component
from devmemlab.base.errno import EBUSY, ENOMEM
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

FANOUT = 64
SHIFT = 6
ALL_FREE = -1
INT_MAX = (1 << 31) - 1
XA_ROOT = schema("top", "levels", "live", "zero_usable")
XA_NODE = schema("free_marks", "live", "parent", "parent_slot")
XA_SLOT = schema("entry")
XA_POOL = schema("watermark", "recycled", "limit")


@component
class XArrays(NamedTuple):
    """Any number of trees over one pool of nodes. Node 0 is never used.

    root : XA_ROOT[n_tree]
        Top node (0: empty tree), height in levels, ids in use, whether 0 may be handed out.
    node : XA_NODE[n_node]
        ``free_marks`` has bit s set when slot s is free (leaf) or has something free below.
    slot : XA_SLOT[n_node, 64]
        Leaf: the entry, 0 when free. Inner node: the child's row, 0 when absent.
    pool : XA_POOL[1]
        Rows never used start at ``watermark``; used ones wait in a list headed by ``recycled``.
    """

    root: np.recarray
    node: np.recarray
    slot: np.recarray
    pool: np.recarray


def make_xarrays(trees, nodes):
    """Make empty trees.

    Parameters
    ----------
    trees : int
        Number of trees.
    nodes : int
        Nodes they share; about one for every 63 ids, plus the height of each tree.

    Returns
    -------
    xas : XArrays
        Empty.
    """
    xas = XArrays(table(XA_ROOT, trees), table(XA_NODE, nodes), table(XA_SLOT, nodes, FANOUT), table(XA_POOL, 1))
    xas.pool[0].watermark = 1
    xas.pool[0].limit = nodes
    return xas


@kernel
def _node_new(xas, parent, parent_slot):
    """Take a node row from the pool.

    Parameters
    ----------
    xas : XArrays
        The pool and one node row are changed.
    parent, parent_slot : int64
        Where it will hang; 0, 0 for a top node.

    Returns
    -------
    node : int64
        Row with every slot free, or 0 when the pool is used up.
    """
    pool = xas.pool[0]
    node = pool.recycled
    if node:
        pool.recycled = xas.node[node].parent
    elif pool.watermark < pool.limit:
        node = pool.watermark
        pool.watermark += 1
    else:
        return np.int64(0)
    row = xas.node[node]
    row.free_marks = ALL_FREE
    row.live = 0
    row.parent = parent
    row.parent_slot = parent_slot
    return node


@kernel
def _node_free(xas, node):
    """Give a node row back to the pool; its slots are all 0 already.

    Parameters
    ----------
    xas : XArrays
        The pool and the row are changed.
    node : int64
        Row.
    """
    pool = xas.pool[0]
    xas.node[node].parent = pool.recycled
    pool.recycled = node


@kernel
def _prune(xas, tree, node):
    """Give back a node and those above it, as far as they are empty.

    Parameters
    ----------
    xas : XArrays
        Tree `tree` and the pool are changed.
    tree : int64
        Which tree.
    node : int64
        Row.
    """
    while xas.node[node].live == 0:
        parent = xas.node[node].parent
        slot = xas.node[node].parent_slot
        _node_free(xas, node)
        if parent == 0:
            xas.root[tree].top = 0
            xas.root[tree].levels = 0
            return
        xas.slot[parent, slot].entry = 0
        xas.node[parent].live -= 1
        node = parent


@kernel(inline="always")
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
    root = xas.root[tree]
    if root.top == 0:
        top = _node_new(xas, 0, 0)
        if top == 0:
            return np.int64(-ENOMEM)
        root.top = top
        root.levels = 1
    if xas.node[root.top].free_marks == 0:
        if root.levels == 6:
            return np.int64(-EBUSY)
        top = _node_new(xas, 0, 0)
        if top == 0:
            return np.int64(-ENOMEM)
        row = xas.node[top]
        row.free_marks = ALL_FREE & ~1
        row.live = 1
        xas.slot[top, 0].entry = root.top
        xas.node[root.top].parent = top
        xas.node[root.top].parent_slot = 0
        root.top = top
        root.levels += 1
    node = root.top
    index = np.int64(0)
    for level in range(root.levels - 1):
        slot = lowest_bit(xas.node[node].free_marks)
        child = xas.slot[node, slot].entry
        if child == 0:
            child = _node_new(xas, node, slot)
            if child == 0:
                _prune(xas, tree, node)
                return np.int64(-ENOMEM)
            xas.slot[node, slot].entry = child
            xas.node[node].live += 1
        index = (index << SHIFT) | slot
        node = child
    if index == 0 and not root.zero_usable:
        xas.node[node].free_marks &= ~1
    slot = lowest_bit(xas.node[node].free_marks)
    index = (index << SHIFT) | slot
    if index > INT_MAX:
        return np.int64(-EBUSY)
    xas.slot[node, slot].entry = entry
    xas.node[node].live += 1
    root.live += 1
    while True:
        row = xas.node[node]
        row.free_marks &= ~(np.int64(1) << slot)
        if row.free_marks != 0 or row.parent == 0:
            return index
        slot = row.parent_slot
        node = row.parent


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


@kernel(inline="always")
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
    root = xas.root[tree]
    node = root.top
    if node == 0 or index < 0 or index >> (SHIFT * root.levels) != 0:
        return np.int64(0)
    if index == 0:
        root.zero_usable = 1
    for level in range(root.levels - 1, 0, -1):
        node = xas.slot[node, (index >> (SHIFT * level)) & 63].entry
        if node == 0:
            return np.int64(0)
    leaf = node
    slot = index & 63
    entry = xas.slot[node, slot].entry
    if entry:
        xas.slot[node, slot].entry = 0
        xas.node[node].live -= 1
        root.live -= 1
    elif index != 0:
        return entry
    while node:
        row = xas.node[node]
        marks = row.free_marks
        row.free_marks = marks | (np.int64(1) << slot)
        if marks != 0:
            break                       # something was free here before: everybody above knows
        slot = row.parent_slot
        node = row.parent
    if xas.node[leaf].live == 0:
        _prune(xas, tree, leaf)
    return entry
