"""Indices below 0: an error in a kernel of this package, Python's own rule elsewhere."""

import numpy as np
import pytest
from numba import config

from devmemlab.base import indexing
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import make_rings, ring_peek

CHECKED = config.BOUNDSCHECK and not config.DISABLE_JIT


@kernel
def pick(rows, i):
    return rows[i]


@kernel
def pick_slot(rows, i, k):
    return rows[i, k]


def test_a_function_from_elsewhere_counts_from_the_end():
    assert pick(np.arange(5), -1) == 4
    assert pick_slot(np.arange(12).reshape(3, 4), -1, -2) == 10


@pytest.mark.skipif(not CHECKED, reason="only a bounds-checked run looks")
def test_a_kernel_of_this_package_does_not():
    with pytest.raises(IndexError):
        ring_peek(make_rings(3, 8), -1)


@pytest.mark.skipif(config.DISABLE_JIT, reason="says nothing about interpreted kernels")
def test_symbols_of_this_package_are_known_by_their_beginning():
    from devmemlab.wire.frame import clear_packet, make_packets
    clear_packet(make_packets(1)[0])
    signature = clear_packet.signatures[0]
    assert clear_packet.overloads[signature].fndesc.mangled_name.startswith(indexing.PREFIX)
    pick(np.arange(3), 0)
    assert not pick.overloads[pick.signatures[0]].fndesc.mangled_name.startswith(indexing.PREFIX)
