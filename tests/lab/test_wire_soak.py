"""A long soak: two hosts, many kinds of harm, both directions at once, and every end in order."""

import numpy as np
import pytest

from devmemlab.host.tcp_options import IPPROTO_TCP, TCP_CONGESTION, TCP_NODELAY
from devmemlab.lab.lab import Lab
from tests.lab.test_wire import connection, octets, pair, pump

SEEDS = 60


def soak(seed):
    """One life of a connection; everything about it follows from the seed."""
    draw = np.random.default_rng(seed)
    harm = {"gbps": float(draw.choice([0.05, 1, 10])), "delay_us": float(draw.choice([20, 500, 20_000])),
            "loss": float(draw.choice([0, 0.02, 0.15])), "reorder": float(draw.choice([0, 0.1, 0.3])),
            "duplicate": float(draw.choice([0, 0.1])), "corrupt": float(draw.choice([0, 0.05]))}
    with Lab(seed=seed) as lab:
        a, b, _ = pair(lab, **harm)
        client, conn = connection(lab, a, b)
        client.setsockopt(IPPROTO_TCP, TCP_CONGESTION, [b"cubic", b"reno"][seed % 2])
        client.setsockopt(IPPROTO_TCP, TCP_NODELAY, seed // 2 % 2)
        there, back = octets(seed, 120_000), octets(seed + 1, 40_000)
        assert pump(lab, [(client, conn, there), (conn, client, back)]) == [there, back], harm
        for host in (a, b):
            host.audit()
        client.close()
        conn.close()
        lab.run(until_ns=lab.clock.now_ns + 400_000_000_000)
        for host in (a, b):
            assert host.audit().skbs == 0, harm
            assert host.mem.providers.pages[3].out == 0, harm
            assert not any(host.tcbs.tcb[2:].state), (harm, host.name)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_harm_only_costs_time(seed):
    soak(seed)


def test_one_short_life():
    soak(3)
