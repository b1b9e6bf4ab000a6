"""The decorator: compiled or not, a kernel is called the same way."""

import types

import numpy as np
import pytest
from numba import config

from devmemlab.base import kernel as chapter
from devmemlab.base import paths
from devmemlab.base.kernel import REGISTRY, cache_directory, compiled_count, kernel
from devmemlab.base.seq import seq_add


@kernel
def _ours_not_the_packages(a):
    return a + 1


@kernel(inline="always")
def _inlined(a):
    return a * 2


def test_both_forms_of_the_decorator_keep_the_plain_function():
    for made in (_ours_not_the_packages, _inlined, seq_add):
        assert isinstance(made.py_func, types.FunctionType)
    assert _ours_not_the_packages(1) == _ours_not_the_packages.py_func(1) == 2
    assert _inlined(3) == _inlined.py_func(3) == 6


def test_the_registry_holds_the_packages_kernels_and_nobody_elses():
    assert REGISTRY["devmemlab.base.seq.seq_add"] is seq_add
    assert not [name for name in REGISTRY if "_ours_not_the_packages" in name]


@pytest.mark.compiled_only
def test_kernels_from_elsewhere_leave_nothing_on_disk():
    """Numba could not notice when a kernel of ours that they call has changed."""
    _ours_not_the_packages(1)
    assert _ours_not_the_packages.stats.cache_path is None


@pytest.mark.compiled_only
def test_counting_specialisations():
    before = compiled_count()[0]
    seq_add(np.int64(1), np.int64(2))
    seq_add(np.int32(1), np.int32(2))
    assert compiled_count()[0] >= before + 1 and sum(compiled_count()[1:]) >= 2


def test_the_cache_directory_is_chosen_once():
    assert cache_directory() is cache_directory() and chapter.cache_directory() is cache_directory()
    assert config.DISABLE_JIT == 0 or cache_directory() is None


def test_tutorials_and_data_are_found_in_a_checkout():
    root = paths.checkout()
    assert paths.notebooks_folder() == root / "notebooks" and paths.data_folder() == root / "data"


def test_an_installation_without_its_data_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "devmemlab")
    assert paths.checkout() is None
    with pytest.raises(FileNotFoundError, match="lacks its data folder"):
        paths.data_folder()
