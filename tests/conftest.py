"""What every test may rely on: three modes of running, and skips that say why."""

import importlib.util
import os

import pytest
from hypothesis import HealthCheck, settings
from numba import config as numba_config

from devmemlab.commands.about import chromium, tap_possible

MODE = "interpreted" if numba_config.DISABLE_JIT else "compiled, bounds checked" if numba_config.BOUNDSCHECK else "compiled"

# A first example may compile for seconds, hence no deadline. CI replays the same examples every time.
settings.register_profile("house", deadline=None, max_examples=25 if numba_config.DISABLE_JIT else 60,
                          derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("house")


def _unfit():
    """Which markers cannot run here, and why."""
    reasons = {}
    if numba_config.DISABLE_JIT:
        reasons["compiled_only"] = "says nothing about interpreted kernels (NUMBA_DISABLE_JIT=1)"
    if chromium() is None:
        reasons["browser"] = "no Chromium here: apt-get install chromium fonts-dejavu-core"
    elif importlib.util.find_spec("playwright") is None:
        reasons["browser"] = "playwright is not installed: pip install 'devmemlab[ui]'"
    possible, why = tap_possible()
    if not possible:
        reasons["live"] = f"no TAP device here: {why}"
    return reasons


def pytest_collection_modifyitems(config, items):
    if MODE != "compiled":
        again = [item for item in items if item.get_closest_marker("once")]
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]
    reasons = _unfit()
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_report_header():
    return f"kernels: {MODE}" + ("" if MODE == "compiled" else "; tests marked 'once' are left to the compiled mode")


@pytest.fixture
def sizes():
    """Pick a size: ``sizes(compiled, interpreted)``."""
    return lambda compiled, interpreted: interpreted if numba_config.DISABLE_JIT else compiled
