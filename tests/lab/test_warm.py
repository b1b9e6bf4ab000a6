"""The exercises of ``devmemlab warm`` in every mode.

``tests/test_cli.py`` says that they reach every kernel; so every kernel runs compiled, interpreted and bounds-checked.
"""

import pytest

from devmemlab.lab.warm import EXERCISES

pytestmark = pytest.mark.every_mode


@pytest.mark.parametrize("exercise", [pytest.param(run, id=title) for title, run in EXERCISES])
def test_every_kernel_runs(exercise):
    exercise()
