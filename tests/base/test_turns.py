"""Processes that fill one cache together compile each kernel once."""

import os
import subprocess
import sys

import pytest

from devmemlab.base import turns

PROGRAM = """
import sys
from devmemlab.base.kernel import REGISTRY, compiled_count, forms
from devmemlab.base.turns import Turns
from devmemlab.base.seq import seq_add, seq_before

turns = Turns(sys.argv[1])
for name, dispatcher in REGISTRY.items():
    for number, form in enumerate(forms(dispatcher)):
        turns.wait_in(f"{name} {number}", form)
sys.stdin.readline()
print(seq_add(0xFFFFFFFF, 3), seq_before(1, 2), *compiled_count()[1:])
"""

pytestmark = pytest.mark.skipif(turns.fcntl is None, reason="this system has no flock")


@pytest.mark.compiled_only
def test_each_kernel_is_compiled_once(tmp_path):
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    (tmp_path / "turns").mkdir()
    both = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "turns")], env=environ, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for each in both:
        each.stdin.write("\n")
        each.stdin.flush()
    told = [each.communicate()[0].split() for each in both]
    assert [words[:2] for words in told] == [["2", "1"]] * 2 or [words[:2] for words in told] == [["2", "True"]] * 2
    alone = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / "turns")], input="\n", text=True, capture_output=True,
                           env=environ | {"NUMBA_CACHE_DIR": str(tmp_path / "other")}, check=True).stdout.split()
    assert sum(int(words[2]) for words in told) == int(alone[2])


def test_a_turn_waits_for_the_other_process_and_not_for_itself(tmp_path):
    mine = turns.Turns(tmp_path)
    with mine.turn("f"), mine.turn("f"), mine.turn("g"):
        (file,) = [path for path in tmp_path.iterdir() if _locked(path)][:1]
        assert sum(map(_locked, tmp_path.iterdir())) == 2
    assert not any(map(_locked, tmp_path.iterdir())) and file.exists()


def _locked(path):
    with open(path, "rb") as file:
        try:
            turns.fcntl.flock(file, turns.fcntl.LOCK_EX | turns.fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
