"""The same names on a real kernel: many tokens are as many DONTNEED calls as it takes, and what only the lab shows says so."""

import sys

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.sock.uapi import SO_DEVMEM_DONTNEED, SOL_SOCKET
from tests.naive.tokens import NaiveTokens

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="dml.linux.Kernel is Linux only")


class Conn:
    """A socket whose kernel is the naive twin."""

    def __init__(self, live):
        self.twin, self.calls = NaiveTokens([0]), 0
        self.twin.receive(0, list(range(1, live + 1)))

    def setsockopt(self, level, option, value):
        assert (level, option) == (SOL_SOCKET, SO_DEVMEM_DONTNEED) and 8 <= len(value) <= 1024
        self.calls += 1
        return self.twin.dontneed(0, np.frombuffer(value, "=u4").reshape(-1, 2).tolist())


@pytest.mark.parametrize("ids, freed, calls", [
    ([], 0, 0), ([5], 1, 1), (list(range(1, 3001)), 3000, 3), (list(range(3000, 0, -1)), 3000, 24), ([1, 1, 9999, 2], 2, 1)])
def test_many_tokens_go_back_in_as_few_calls_as_the_limits_allow(ids, freed, calls):
    conn = Conn(3000)
    assert dml.linux.Kernel().dontneed_tokens(conn, ids) == freed
    assert conn.calls == calls and conn.twin.live == 3000 - freed


def test_what_only_the_lab_shows_says_so():
    for name in ("watch_tokens", "token_report"):
        with pytest.raises(AttributeError, match="only a lab host shows it"):
            getattr(dml.linux.Kernel(), name)
    dml.check_frag(Conn(1), None)
