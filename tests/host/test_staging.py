"""Staged memory without any GPU: who is told of what, and when."""

import numpy as np
import pytest

from devmemlab.lab import scenes_tokens
from devmemlab.mem.staging import StagedMemory
from tests.host import send_kit


class Noted(StagedMemory):
    """Writes down what it is told."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.told = []

    def arrived(self, offsets, lengths, ledger=None):
        self.told.append(("arrived", *zip(offsets.tolist(), lengths.tolist())))
        self.seen = [self.octets[at:at + length].tobytes() for at, length in zip(offsets, lengths)]

    def leaving(self, offsets, lengths, ledger=None):
        self.told.append(("leaving", *zip(offsets.tolist(), lengths.tolist())))
        for at, length in zip(offsets, lengths):
            self.octets[at:at + length] = np.arange(length) & 0xFF

    def gather_pieces(self, pieces, target, target_offset, mode, ledger):
        raise NotImplementedError


@pytest.fixture
def staged(monkeypatch):
    monkeypatch.setattr("devmemlab.lab.scenes_control.DeviceMemory", Noted)
    monkeypatch.setattr(send_kit.dml, "DeviceMemory", Noted)


def test_each_recvmsg_tells_of_its_frags_once_and_the_octets_are_there(staged):
    scene = scenes_tokens.start(conns=2, pages=32, ring=8, trace=False)
    for conn, text in ((0, b"a" * 100), (1, b"b" * 50), (0, b"c" * 7)):
        scene.arrive(text, conn=conn)
        pieces = scenes_tokens.take(scene.conns[conn])
        wanted = [(int(p.frag_offset), int(p.frag_size)) for p in pieces]
        assert scene.device.told.pop() == ("arrived", *wanted) and scene.device.told == []
        assert b"".join(scene.device.seen) == text
        scene.host.dontneed_tokens(scene.conns[conn], pieces)
    scenes_tokens.close(scene)


def test_a_host_with_other_memory_knows_of_none():
    scene = scenes_tokens.start(pages=32, ring=8, trace=False)
    assert scene.host.mem.staged == {} and scene.host.mem.staged_of(scene.id) is None
    scenes_tokens.close(scene)


def test_what_will_be_sent_is_fetched_first_and_nothing_for_a_send_that_is_refused(staged):
    with send_kit.Pair() as pair:
        assert pair.put([(100, 30), (4096, 20)]) == 50
        assert pair.device.told == [("leaving", (100, 30), (4096, 20))]
        assert pair.hear(50) == bytes([*range(30), *range(20)])
        with pytest.raises(OSError):
            pair.put([(0, 10)], 999)
        assert len(pair.device.told) == 1
