"""The exercises of ``devmemlab warm`` in every mode: each room once, with the lab's own kernels among them.

What compiles as part of another kernel need not be entered here; the tests of its room enter it.
"""

import pytest

from devmemlab.lab.warm import EXERCISES

pytestmark = pytest.mark.every_mode


@pytest.mark.parametrize("exercise", [pytest.param(run, id=title) for title, run in EXERCISES])
def test_an_exercise_runs(exercise):
    exercise()
