"""Is this mem sound? Run by test_seeded_bugs.py in a process of its own, without the JIT: once as it is, then once a bug.

A bug is one line of one module, replaced in the source text while the module is imported. Each candidate is
examined in a forked child: numpy and numba are imported once, mem is imported afresh.
"""

import importlib.abc
import importlib.util
import json
import os
import pathlib
import signal
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS = 60


class Patched(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of mem from changed text."""

    def __init__(self, module, old, new):
        self.module, self.old, self.new = f"devmemlab.mem.{module}", old, new

    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self.module else None

    def exec_module(self, module):
        path = ROOT / (self.module.replace(".", "/") + ".py")
        text = path.read_text()
        if text.count(self.old) != 1:
            raise LookupError(f"{self.old!r} occurs {text.count(self.old)} times in {path.name}")
        exec(compile(text.replace(self.old, self.new), str(path), "exec"), module.__dict__)


def examine():
    """Raise when anything is wrong: the numbered cases, a few random duels, then the rest."""
    import random

    from tests.mem import test_binding, test_page_pool, test_spec_cases
    from tests.mem.kit import Duel
    from tests.mem.test_duel import SHAPES

    run_tests(test_spec_cases)
    for number, (release, shape, ring) in enumerate((("6.18", 2, 24), ("next", 2, 24), ("v9", 1, 2))):
        rng, duel = random.Random(number), Duel(release, SHAPES[shape], ring)
        for _ in range(40):
            duel.random_step(rng)
            duel.mem.audit()
            duel.compare()
        for _ in range(3):
            duel.destroy(0)
            duel.second()
            duel.compare()
    run_tests(test_page_pool)
    run_tests(test_binding)


def run_tests(module):
    """Call every test of a module, every case of it."""
    for name, function in vars(module).items():
        if name.startswith("test_"):
            for arguments in calls(function):
                function(**arguments)


def calls(function):
    """Arguments of each case of a test: its parametrize marks multiplied out, and small sizes."""
    wanted = function.__code__.co_varnames[:function.__code__.co_argcount]
    cases = [{"sizes": lambda compiled, interpreted: interpreted // 3} if "sizes" in wanted else {}]
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "parametrize":
            names = [name.strip() for name in mark.args[0].split(",")]
            rows = [row if len(names) > 1 else (row,) for row in mark.args[1]]
            cases = [{**case, **dict(zip(names, row))} for case in cases for row in rows]
    return cases


def verdict(bug):
    """Examine in a child; return what it found, or None."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        found = ""
        try:
            if bug:
                sys.meta_path.insert(0, Patched(*bug))
            examine()
        except LookupError as err:
            found = f"!{err}" if bug and repr(bug[1]) in str(err) else f"LookupError: {err}"
        except BaseException as err:
            last = traceback.extract_tb(err.__traceback__)[-1]
            found = f"{type(err).__name__} in {last.name}: {err}"[:200]
        os.write(write, found.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        found = answers.read().decode()
    _, status = os.waitpid(child, 0)
    return found or ("never returned" if status else None)


if __name__ == "__main__":
    import hypothesis  # noqa: F401
    import numba  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    for request in json.load(sys.stdin):
        print(json.dumps(verdict(request)), flush=True)
