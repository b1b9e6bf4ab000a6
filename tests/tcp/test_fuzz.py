"""Whatever arrives: nothing breaks, nothing leaks, and a connection that is not dead by the rules still works.

The peer of the end of each run knows only what the host itself says: a SYN inside the window is answered by where it is.
"""

import random

import numba
import pytest

from devmemlab.sock.uapi import SO_OOBINLINE, SOL_SOCKET
from tests.tcp.outsider import FLAGS, Wire, mss, sack_option, stamp, wscale

INTERPRETED = bool(numba.config.DISABLE_JIT)
WIRES = [{"stamps": True}, {"six": True, "layout": "freebsd"}, {"device": True}, {"device": True, "stamps": True, "gro": False},
         {"sack": False, "rcvbuf": 8192, "scale": None}]


def odd_options(rng, peer):
    """Options that are right, nearly right, or noise."""
    kind = rng.randrange(8)
    number = peer.iss + rng.randrange(-100, 3000)
    if kind < 3:
        return stamp(peer.ts + rng.randrange(-3, 9), peer.echo) if peer.stamps else b""
    if kind == 3:
        return sack_option([(number + rng.randrange(2000), number + rng.randrange(4000)) for _ in range(1 + rng.randrange(4))])
    if kind == 4:
        return mss(rng.randrange(65536)) + wscale(rng.randrange(256))
    if kind == 5:
        return stamp(rng.randrange(1 << 32), rng.randrange(1 << 32))
    return rng.randbytes(4 * rng.randrange(11))


def odd_frame(rng, peer):
    """One frame: a segment somewhere near or far, or one that was damaged on its way."""
    rcv, snd = peer.rcv, peer.snd
    seq = rcv + rng.choice([0, 0, 0, 1, 5, 40, -1, -7, -40, 1 << 16, -(1 << 20), rng.randrange(1 << 32)])
    ack = snd + rng.choice([0, 0, 0, 0, 1, 10, -1, -10, 1 << 20, -(1 << 30), rng.randrange(1 << 32)])
    flags = rng.choice(["A", "A", "PA", "PA", "PA", "FA", "S", "SA", "R", "RA", "", "F", "AU", "".join(
        letter for letter in FLAGS if rng.random() < 0.4)])
    if "R" in flags and rng.random() < 0.8:
        seq += 3
    if "F" in flags and rng.random() < 0.6:
        flags = flags.replace("F", "")
    payload = rng.randbytes(rng.choice([0, 0, 1, 7, 30, 200]))
    frame = peer.octets(flags, seq, ack, payload, options=odd_options(rng, peer), window=rng.choice([0, 1, 100, 5000, 65535]),
                        urg=rng.choice([0, 1, 60000]))
    kind = rng.randrange(12)
    if kind == 0:
        return frame[:rng.randrange(1, len(frame))]
    if kind == 1:
        at = rng.randrange(len(frame))
        return frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1:]
    if kind == 2:
        return frame[:14] + rng.randbytes(rng.randrange(1, 80))
    return frame


def listen_to(peer, sent=()):
    """Learn from what the host says where it is."""
    for seg in [*sent, *peer.take()]:
        if "A" in seg.flags and "S" not in seg.flags and "R" not in seg.flags:
            peer.rcv, peer.snd = seg.ack, max(peer.snd, seg.seq + seg.length + ("F" in seg.flags))
        if seg.stamp:
            peer.ts = seg.stamp[1] + 1 & 0xFFFF_FFFF


def one_life(wire, rng, frames):
    peer = wire.peer(isn=rng.randrange(1 << 32))
    peer.handshake() if rng.random() < 0.5 else peer.answered()
    peer.conn.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)           # every octet that was sent is read
    peer.rcv = peer.snd = 1
    for _ in range(frames):
        wire.port.inject(odd_frame(rng, peer), at_ns=wire.now_ns)
        if rng.random() < 0.2:
            wire.port.inject(odd_frame(rng, peer), at_ns=wire.now_ns)
        wire.run(rng.choice([0, 0, 0, 1, 50, 700]))
        listen_to(peer)
        what = rng.randrange(12)
        if what == 0 and peer.conn.state in ("ESTABLISHED", "CLOSE_WAIT"):
            try:
                peer.conn.send(bytes(rng.randrange(1, 3000)))
            except OSError:
                assert peer.conn.state in ("CLOSE", "CLOSE_WAIT", "ESTABLISHED")
        elif what == 1:
            try:
                peer.read()
            except OSError as problem:
                assert peer.conn.state == "CLOSE", problem
        elif what == 2:
            wire.host.audit()
    finish(wire, peer)
    wire.run(1000)
    while True:     # a SYN of the fuzz may have begun another connection where the first had died
        try:
            wire.server.accept()[0].close()
        except BlockingIOError:
            break


def finish(wire, peer):
    """A well-behaved peer takes over: everything can still be said and ended, unless the connection is dead."""
    if peer.conn.state not in ("ESTABLISHED", "CLOSE_WAIT"):
        assert peer.conn.state == "CLOSE", peer.story(peer.conn.state)
        peer.conn.close()
        return
    wire.run(1000)
    listen_to(peer)
    peer.window, ended = 65535, peer.conn.state == "CLOSE_WAIT"
    found = [s for s in peer.send("S", peer.rcv + 1) if s.flags == "A"]
    assert len(found) == 1, peer.story("a SYN in the window is answered")
    peer.rcv, peer.snd = found[0].ack, found[0].seq
    if found[0].stamp:
        peer.ts = found[0].stamp[1] + 1 & 0xFFFF_FFFF
    peer.send("A", peer.rcv, peer.snd)
    listen_to(peer)
    peer.read()
    if not ended:
        # Early octets of the fuzz may follow: new ones, in order, reach what is still missing.
        said = bytes(range(50))
        for _ in range(20):
            before = peer.rcv
            peer.send("PA", peer.rcv, peer.snd, said)
            wire.run(50)
            assert peer.conn.state in ("ESTABLISHED", "CLOSE_WAIT"), peer.story(peer.conn.state)
            got = peer.read()
            peer.send("S", peer.rcv + 60)
            wire.run(600)
            peer.send("S", peer.rcv + 60)
            assert got[:50] == said, peer.story(f"{len(got)} octets, not those that were sent")
            peer.rcv = before + len(got) + (peer.conn.state == "CLOSE_WAIT")
            peer.take()
            if peer.conn.state == "CLOSE_WAIT" or len(got) == 50:
                break
    peer.conn.send(b"bye")
    peer.conn.close()
    for _ in range(25):
        wire.run(10_000)
        listen_to(peer)
        listen_to(peer, peer.send("A", peer.rcv, peer.snd))
    sent = peer.send("FA", peer.rcv, peer.snd)
    assert not sent or sent[-1].flags in ("A", "R"), peer.story(f"{sent}")
    for seg in peer.send("SA", peer.rcv - 5, peer.snd):
        assert seg.flags in ("A", "R")


@pytest.mark.parametrize("kind", range(len(WIRES)))
def test_random_segments(kind):
    rng = random.Random(kind + 1)
    run(rng, WIRES[kind], 1 if INTERPRETED else 10, 40)


@pytest.mark.long
@pytest.mark.parametrize("kind", range(len(WIRES)))
def test_many_random_segments(kind):
    rng = random.Random(1000 + kind)
    for _ in range(1 if INTERPRETED else 20):
        run(rng, WIRES[kind], 10, 120)


def run(rng, kind, lives, frames):
    with Wire(**kind) as wire:
        for _ in range(lives):
            one_life(wire, rng, frames)
            wire.host.audit()
        wire.run(2_000_000)
        wire.server.close()
        wire.run(2_000_000)
        wire.host.audit()
        assert wire.host.machine.skbs.ctl[0].live == 0, "an skb was not given back"
        assert not wire.host.tcbs.tcb[1:].state.any(), "a connection was not given back"


def test_frames_that_are_no_segments_are_not_answered():
    rng = random.Random(5)
    with Wire() as wire:
        peer = wire.peer().handshake()
        good = peer.octets("PA", 1, 1, b"octets")
        for at in range(14, len(good)):
            wire.port.inject(good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1:], at_ns=wire.now_ns)
            wire.port.inject(good[:at], at_ns=wire.now_ns)
        wire.run()
        assert peer.take() == [] and peer.read() == b"" and peer.conn.state == "ESTABLISHED"
        peer.one(peer.send("PA", 1, 1, b"octets"), flags="A", ack=7)
