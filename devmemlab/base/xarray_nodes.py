"""XArray, nodes: the tree itself, and the ids of one leaf at a time.

Law.   A mark bit a slot says "something is free below"; a leaf whose marks are not 0 is where the lowest free ids are.
Reads. Linux lib/xarray.c (xa_mark, xas_find_marked).
Omits. Iterating over ids in use.

Ids are taken and freed in runs: some slots of one leaf. Who takes a run finds the leaf, fills slots lowest first, and
reports how many; who frees one empties slots and reports which. The tree above is put right once a run.
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


@kernel
def xa_find_free(xas, tree):
    """Find the leaf of the lowest free id, growing the tree when there is none.

    Parameters
    ----------
    xas : XArrays
        Tree `tree` may grow; whoever then takes nothing still calls `xa_taken`.
    tree : int64
        Which tree.

    Returns
    -------
    leaf, first : int64
        Node row whose ``free_marks`` are not 0 (``-ENOMEM``: nodes are used up, ``-EBUSY``: past 2^31 - 1); id of its slot 0.
    """
    root = xas.root[tree]
    if root.top == 0:
        top = _node_new(xas, 0, 0)
        if top == 0:
            return np.int64(-ENOMEM), np.int64(0)
        root.top = top
        root.levels = 1
    if xas.node[root.top].free_marks == 0:
        if root.levels == 6:
            return np.int64(-EBUSY), np.int64(0)
        top = _node_new(xas, 0, 0)
        if top == 0:
            return np.int64(-ENOMEM), np.int64(0)
        row = xas.node[top]
        row.free_marks = ALL_FREE & ~1
        row.live = 1
        xas.slot[top, 0].entry = root.top
        xas.node[root.top].parent = top
        xas.node[root.top].parent_slot = 0
        root.top = top
        root.levels += 1
    node = root.top
    first = np.int64(0)
    for _ in range(root.levels - 1):
        slot = lowest_bit(xas.node[node].free_marks)
        child = xas.slot[node, slot].entry
        if child == 0:
            child = _node_new(xas, node, slot)
            if child == 0:
                _prune(xas, tree, node)
                return np.int64(-ENOMEM), np.int64(0)
            xas.slot[node, slot].entry = child
            xas.node[node].live += 1
        first = (first | slot) << SHIFT
        node = child
    if first > INT_MAX:
        _prune(xas, tree, node)
        return np.int64(-EBUSY), np.int64(0)
    if first == 0 and not root.zero_usable:
        xas.node[node].free_marks &= ~1
    return node, first


@kernel
def xa_taken(xas, tree, leaf, marks, count):
    """Report what was taken of a leaf.

    Parameters
    ----------
    xas : XArrays
        Tree `tree` changes.
    tree : int64
        Which tree.
    leaf : int64
        From `xa_find_free`; nothing was freed since.
    marks : int64
        The leaf's ``free_marks`` from now on.
    count : int64
        How many slots were filled; when the leaf is empty, it goes.
    """
    node = leaf
    row = xas.node[node]
    row.live += count
    xas.root[tree].live += count
    row.free_marks = marks
    while row.free_marks == 0 and row.parent != 0:
        slot = row.parent_slot
        node = row.parent
        row = xas.node[node]
        row.free_marks &= ~(np.int64(1) << slot)
    if xas.node[leaf].live == 0:
        _prune(xas, tree, leaf)


@kernel
def xa_leaf(xas, tree, index):
    """Find the leaf that an id to be freed is in.

    Parameters
    ----------
    xas : XArrays
        Tree `tree`: 0 is an id like any other from now on, if `index` is 0.
    tree : int64
        Which tree.
    index : int64
        The id.

    Returns
    -------
    leaf : int64
        Node row, 0 when there is none.
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
    return node


@kernel
def xa_freed(xas, tree, leaf, slots, count):
    """Report which slots of a leaf were emptied.

    Parameters
    ----------
    xas : XArrays
        Tree `tree` changes; nodes left empty go back to the pool.
    tree : int64
        Which tree.
    leaf : int64
        From `xa_leaf`.
    slots : int64
        A bit for each slot that is free now.
    count : int64
        How many of them held something: all, or all but that of id 0.
    """
    if slots == 0:
        return
    row = xas.node[leaf]
    row.live -= count
    xas.root[tree].live -= count
    marks = row.free_marks
    row.free_marks = marks | slots
    while marks == 0 and row.parent != 0:       # else something was free here before, and everybody above knows
        slot = row.parent_slot
        row = xas.node[row.parent]
        marks = row.free_marks
        row.free_marks = marks | (np.int64(1) << slot)
    if xas.node[leaf].live == 0:
        _prune(xas, tree, leaf)
