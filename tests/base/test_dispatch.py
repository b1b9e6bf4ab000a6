"""A kernel is finished when it is needed, and then is what Numba makes of a function."""

import inspect
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from numba import njit

from devmemlab.base.kernel import forms, kernel

pytestmark = pytest.mark.compiled_only


def unfinished(dispatcher):
    return "_unfinished" in vars(dispatcher)


@kernel
def _scaled(a, b=3):
    """A times b."""
    return a * b


@kernel
def _twice(a):
    return _scaled(a) + _scaled(a, b=1)


@kernel(inline="always")
def _inlined(a):
    return _scaled(a, 5)


@kernel
def _spread(*parts):
    return parts[0] + parts[1]


def test_nothing_is_finished_before_it_is_asked_for():
    @kernel
    def late(a):
        """Say so."""
        return a + 1

    assert unfinished(late) and late.py_func(1) == 2 and "late" in repr(late) and late.__doc__ == "Say so." and unfinished(late)
    assert late.__module__ == __name__ and unfinished(late)
    assert late.__name__ == "late" and not unfinished(late), "whoever asks gets an answer"
    assert [unfinished(form) for form in forms(late)] == [False, False]
    with pytest.raises(AttributeError, match="nonsense"):
        late.nonsense


def test_it_is_called_in_every_way_python_has():
    assert [_scaled(2), _scaled(2, 4), _scaled(2, b=5), _scaled(b=6, a=2)] == [6, 8, 10, 12]
    with pytest.raises(TypeError):
        _scaled()
    assert _spread(1, 2) == 3 and _spread(1, 2, 3) == 3
    assert inspect.signature(_scaled) == inspect.signature(_scaled.py_func)


def test_kernels_and_other_peoples_functions_call_it_before_python_does():
    assert _twice(4) == 16 and _inlined(2) == 10
    assert njit(lambda a: _twice(a) + _inlined(a))(1) == 4 + 5


def test_threads_that_ask_at_once_get_one_kernel():
    for _ in range(5):
        @kernel
        def shared(a):
            return a + 1

        start, got = threading.Barrier(4), []

        def ask():
            start.wait()
            got.append(shared(np.int64(1)))
            got.append(len(shared.overloads))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got.count(2) == 4 and got.count(1) == 4


LOADED = """
import sys
from numba.core.registry import cpu_target
from devmemlab.base.kernel import REGISTRY, compiled_count
from devmemlab.base.seq import seq_add
assert seq_add(0xFFFFFFFF, 3) == 2
late = sum("_unfinished" in vars(each) for each in REGISTRY.values())
print(late == len(REGISTRY) - 1, len(cpu_target.typing_context._registries) > 0, *compiled_count()[1:])
"""


def test_what_is_found_in_the_cache_wakes_no_compiler(tmp_path):
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = [subprocess.run([sys.executable, "-c", LOADED], env=environ, capture_output=True, text=True, check=True).stdout.split()
            for _ in range(2)]
    assert said == [["True", "True", "1", "0"], ["True", "False", "0", "1"]]


def test_what_cannot_be_a_kernel_is_refused_at_once_in_one_sentence():
    for function in (_scaled, dict, len):
        with pytest.raises(TypeError, match="is no plain function"):
            kernel(function)
    with pytest.raises(TypeError, match="no option 'fasthmath'"):
        kernel(fasthmath=True)(lambda a: a)
    assert kernel(cache=True)(lambda a: a + 1)(1) == 2, "Numba's own word is understood, and changes nothing"


def test_an_interrupt_while_it_is_finished_is_not_the_end(monkeypatch):
    @kernel
    def late(a):
        return a + 2

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(late), "_keep_from_now_on", interrupted)
        with pytest.raises(KeyboardInterrupt):
            late(1)
    assert late(1) == 3
