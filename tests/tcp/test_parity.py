"""The peer cannot tell where payload went: with the same header split, both memories send the same octets at the same times.

Random lives of a connection: data that is lost, repeated, reordered, alone and in bursts; sending, reading, waiting.
"""

import random

import pytest

from tests.scripts.kit import Script

TOTAL = 6000
STREAM = random.Random(11).randbytes(TOTAL)


def plan(seed):
    """What happens, decided before either host lives."""
    rng = random.Random(seed)
    steps, arrived, length = [], 0, rng.choice([60, 200, 500])
    for _ in range(30):
        kind = rng.choice(["one", "one", "burst", "burst", "send", "acknowledge", "read", "wait"])
        if kind in ("one", "burst"):
            starts = [arrived + k * length for k in range(1 if kind == "one" else rng.randrange(2, 7))]
            starts = [at for at in starts if at < TOTAL]
            kept = [at for at in starts if rng.random() < 0.85]
            if rng.random() < 0.4:
                rng.shuffle(kept)
            if kept and rng.random() < 0.3:
                kept.append(max(rng.choice(kept) - rng.randrange(length), 0))
            if starts and rng.random() < 0.6:
                arrived = min(starts[-1] + length, TOTAL)
            steps.append((kind, [(at, STREAM[at:at + length]) for at in kept]))
        else:
            steps.append((kind, rng.randrange(1, 3000)))
    return steps + [("one", [(at, STREAM[at:at + 500])]) for at in range(0, TOTAL, 500)]


def live(device, gro, steps):
    """Play the steps; returns what the host sent and when, and the stream it read."""
    with Script(device=device, split=True, rx_ring=64, mtu=1500, lab_seed=3) as s:
        s.host.netdev.set_feature("rx-gro", gro)
        s.handshake()
        heard, got, sent = [], b"", 1
        for kind, what in steps:
            if kind in ("one", "burst"):
                for at, payload in what:
                    s.port.inject(s.segment("A", payload, seq=1 + at, ack=s.ack), at_ns=s.lab.clock.now_ns)
                    if kind == "one":
                        s.lab.run(until_ns=s.lab.clock.now_ns)
                s.lab.run(until_ns=s.lab.clock.now_ns)
            elif kind == "send":
                s.conn.send(STREAM[:what])
                sent += what
            elif kind == "acknowledge":
                s.ack = min(s.ack + what, sent, max([s.ack, *(f["seq"] + f["payload_bytes"] for f in heard)]))
                s.inject("A", seq=1)
            elif kind == "read":
                got += s.drain()
            else:
                s.wait(what / 10)
            s._collect()
            heard += s.forget()
        got += s.drain()
        heard += s.forget()
        s.host.audit()
        return [(f["at_ms"], f["octets"]) for f in heard], got


@pytest.mark.parametrize("gro", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_random_lives_look_the_same_from_outside(seed, gro):
    steps = plan(seed)
    host, device = live(False, gro, steps), live(True, gro, steps)
    assert host[1] == device[1] == STREAM
    assert len(host[0]) > 10 and host[0] == device[0]
