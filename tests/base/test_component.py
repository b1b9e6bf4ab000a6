"""Components in kernels: what a kernel reads through an address is what Python reads in the tuple."""

import pickle
from typing import NamedTuple

import numpy as np
import pytest
from numba import _dispatcher, config, typeof
from numba.core.errors import TypingError
from numba.core.funcdesc import default_mangler

from devmemlab.base.component import component
from devmemlab.base.crossing import Sealed, note_words, seal
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table, word
from devmemlab.lab.lab import Lab

ROW = schema("left", "right", "third")


@component
class Inner(NamedTuple):
    """Two tables."""

    one: np.recarray
    two: np.recarray


@component(sealed=True)
class Outer(NamedTuple):
    """A table, a component, octets."""

    rows: np.recarray
    inner: Inner
    octets: np.ndarray


@component
class Swapped(NamedTuple):
    """`Inner` under other names."""

    two: np.recarray
    one: np.recarray


def make(rows=5, slots=3):
    outer = Outer(table(ROW, rows), Inner(table(ROW, 2), table(ROW, rows, slots)), np.arange(9, dtype=np.uint8))
    for number, part in enumerate((outer.rows, outer.inner.one, outer.inner.two)):
        words = part.view(np.ndarray).view(np.int64)
        words[...] = np.arange(words.size).reshape(words.shape) + 1000 * (number + 1)
    return outer


@kernel
def _look(outer, out):
    inner = outer.inner
    out[0] = len(outer.rows)
    out[1] = outer.rows[-1].third
    out[2] = inner.one[1].left
    out[3] = inner.two[3, 2].right
    out[4] = outer.octets[8]
    out[5] = inner.two.shape[0] * 100 + inner.two.shape[1]
    out[6] = outer.octets[2:5].sum()
    row = inner.two[4]
    out[7] = row[1].third
    _change(inner, 7)


@kernel
def _change(inner, by):
    inner.two[0, 1].left += by


@pytest.mark.parametrize("shape", [(5, 3), (7, 4)])
def test_a_kernel_sees_what_python_sees(shape):
    outer, out = make(*shape), np.zeros(8, np.int64)
    before = int(outer.inner.two[0, 1].left)
    _look(outer, out)
    two = outer.inner.two
    assert out.tolist() == [shape[0], outer.rows[-1].third, outer.inner.one[1].left, two[3, 2].right, 8,
                            shape[0] * 100 + shape[1], 9, two[4, 1].third]
    assert outer.inner.two[0, 1].left == before + 7


def test_sealed_or_not_it_is_the_same_component_to_the_same_machine_code():
    outer = make()
    sealed, plain, through = seal(outer), np.zeros(8, np.int64), np.zeros(8, np.int64)
    _look(outer, plain)
    _look(sealed, through)
    _look(sealed, through)
    assert plain.tolist() == through.tolist()
    assert sealed.inner is outer.inner and sealed.rows is outer.rows
    if not config.DISABLE_JIT:
        assert isinstance(sealed, Sealed) and typeof(sealed) is typeof(outer) and len(_look.overloads) == 1


@pytest.mark.compiled_only
def test_numba_knows_a_sealed_component_again_and_takes_none_for_another():
    """The dispatcher compares fingerprints, and what it does not know it looks up in Python, call after call."""
    class Other(NamedTuple):
        rows: np.recarray

    outer = make()
    parts = outer, outer._replace(), component(sealed=True)(Other)(outer.rows)
    kinds = {_dispatcher.compute_fingerprint(seal(part)) for part in parts}
    assert len(kinds) == 2


def test_a_view_is_noted_where_it_lies():
    outer = make(8)
    later = outer._replace(rows=outer.rows[3:])
    out = np.zeros(8, np.int64)
    _look(seal(later), out)
    assert out[0] == 5 and note_words(later)[4] == note_words(outer)[4] + 3 * ROW.itemsize


@pytest.mark.compiled_only
def test_a_field_that_is_not_there_is_refused_by_name():
    @kernel
    def wrong(inner):
        return len(inner.three)

    with pytest.raises(TypingError, match="three"):
        wrong(make().inner)


@pytest.mark.compiled_only
def test_names_and_tables_are_part_of_the_type():
    inner = make().inner
    swapped = Swapped(*inner)
    assert typeof(inner) is typeof(make(9).inner) and typeof(inner) != typeof(swapped)
    assert typeof(inner) != typeof(Inner(inner.one, inner.one))
    assert pickle.loads(pickle.dumps(typeof(inner))) is typeof(inner)


@pytest.mark.compiled_only
def test_what_is_no_ordinary_table_is_typed_as_it_is():
    rows, shut = table(ROW, 6), table(ROW, 6)
    shut.flags.writeable = False
    for again in range(2):
        for one in (rows, shut, rows[::2], rows[2:4], table(ROW, 2, 3)):
            assert typeof(Inner(one, rows)).fields == (typeof(one), typeof(rows))


@pytest.mark.compiled_only
def test_names_of_functions_stay_short_and_tell_components_apart():
    inner = make().inner
    kinds = [typeof(each) for each in (inner, Swapped(*inner), Inner(inner.one, inner.one), make())]
    spelled = [default_mangler("f", [kind]) for kind in kinds]
    assert len(set(spelled)) == len(kinds) and max(map(len, spelled)) < 60


def test_a_hosts_note_lasts_as_long_as_its_tables():
    with Lab() as lab:
        host = lab.host("one", ip="10.0.0.1")
        machine = host.machine
        assert host.machine is machine and host.tables.skbs is host.skbs
        host.mem.pools = host.mem.pools._replace(ctl=host.mem.pools.ctl.copy().view(np.recarray))
        assert host.machine is not machine and host.machine.pools.ctl is host.mem.pools.ctl


def test_words_are_read_and_written_in_place():
    rows = table(ROW, 4)
    right = word(rows, "right", 2)
    rows[2].right = -5
    assert right[0] == -5
    right[0] = 1 << 40
    assert rows[2].right == 1 << 40 and rows.left.sum() == rows.third.sum() == 0
