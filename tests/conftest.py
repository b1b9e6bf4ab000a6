"""What every test may rely on: three modes of running, and skips that say why."""

import importlib.util
import os
import pathlib

import pytest
from hypothesis import HealthCheck, settings
from numba import config as numba_config

from devmemlab.commands.about import chromium, tap_possible

MODE = "interpreted" if numba_config.DISABLE_JIT else "compiled, bounds checked" if numba_config.BOUNDSCHECK else "compiled"

HERE = pathlib.Path(__file__).parent
ABOVE_KERNELS = {("lab",), ("view",), ("browser",), ()}
"""Folders of floors that only call kernels, and what lies in none; see Tests in CONTRIBUTING.md."""

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


def pytest_addoption(parser):
    parser.addoption("--shots", action="store_true",
                     help="browser tests keep screenshots of all that lessons show; --basetemp says where")
    parser.addoption("--above", action="store_true", help="run tests/lab and tests/view in this mode too (make coverage does)")


def _left_to_the_compiled_mode(path, config):
    """Whether a file is of a floor that only calls kernels, and this run is of another mode."""
    if MODE == "compiled" or config.getoption("--above") or not path.is_relative_to(HERE):
        return False
    return path.relative_to(HERE).parts[:-1][:1] in ABOVE_KERNELS


def pytest_ignore_collect(collection_path, config):
    """A file of which this mode runs nothing is not even read: that takes longer than many a test."""
    if collection_path.match("test_*.py") and _left_to_the_compiled_mode(collection_path, config):
        return "every_mode" not in collection_path.read_text(encoding="utf-8") or None


def _once(item):
    """Whether modes other than the compiled one have nothing to add."""
    left = _left_to_the_compiled_mode(item.path, item.config) and not item.get_closest_marker("every_mode")
    return item.get_closest_marker("once") or left


def pytest_collection_modifyitems(config, items):
    if MODE != "compiled":
        again = [item for item in items if _once(item)]
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]
    reasons = _unfit()
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_report_header():
    return f"kernels: {MODE}" + ("" if MODE == "compiled" else "; what says the same in every mode is left to the compiled one")


@pytest.fixture
def sizes():
    """Pick a size: ``sizes(compiled, interpreted)``."""
    return lambda compiled, interpreted: interpreted if numba_config.DISABLE_JIT else compiled
