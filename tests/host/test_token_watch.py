"""The watch over tokens: who received, who returned, who reads afterwards; and that it says nothing when nothing is wrong."""

import gc
import inspect

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.host.token_records import occupant
from devmemlab.host.user_line import user_line
from devmemlab.lab import scenes_tokens as scenes
from devmemlab.mem.poison import MAGIC, REGION_GUARDS, find_poison, poison
from devmemlab.mem.region import DeviceMemory, memory
from devmemlab.sock.uapi import MSG_PEEK, MSG_SOCK_DEVMEM
from tests.scripts.kit import Script

HERE = "test_token_watch.py"


@pytest.fixture
def s():
    with Script(device=True, rx_ring=16) as script:
        script.handshake()
        yield script
        script.host.audit()
        if script.host.token_watch:
            script.host.token_watch.close()


def line():
    """The number of the caller's line."""
    return inspect.currentframe().f_back.f_lineno


def receive(s, *payloads, flags=0):
    for payload in payloads:
        s.data(payload)
    return dml.frags(s.conn.recvmsg(1 << 16, 40 * 64, MSG_SOCK_DEVMEM | flags)[1])


def read(s, piece):
    return s.device.read(int(piece.frag_offset), int(piece.frag_size))


def test_off_nothing_is_watched_and_nothing_poisoned(s):
    assert s.host.token_watch is None and not len(REGION_GUARDS)
    piece = receive(s, b"A" * 100)[0]
    s.host.dontneed(s.conn, [(1, 1)])
    assert read(s, piece) == b"A" * 100
    dml.check_frag(s.conn, piece)
    dml.check_frag(object(), piece)


def test_a_read_after_the_return_names_both_lines_and_who_has_the_memory(s):
    watch = s.host.watch_tokens()
    s.data(b"A" * 100)
    data, ancdata, _, _ = s.conn.recvmsg(1000, 400, MSG_SOCK_DEVMEM); received = line()  # noqa: E702
    piece = dml.frags(ancdata)[0]
    assert read(s, piece) == b"A" * 100 and s.device.view(np.uint8, 100, int(piece.frag_offset))[0] == 65
    dml.check_frag(s.conn, piece)
    s.host.dontneed(s.conn, [(1, 1)]); returned = line()  # noqa: E702
    with pytest.raises(dml.UseAfterReturn) as caught:
        used = line() + 1
        s.device.read(int(piece.frag_offset) + 99, 1)
    held = caught.value.finding.held
    assert (held.token, held.sock, held.size) == (1, s.conn.sock, 100)
    assert (held.received.file, held.received.line) == (HERE, received)
    assert (held.returned.file, held.returned.line) == (HERE, returned)
    assert (caught.value.finding.used.file, caught.value.finding.used.line) == (HERE, used)
    assert caught.value.finding.occupant == "free in the ring of its page_pool"
    for words in (f"received: {HERE}:{received} in test_a_read", f"returned: {HERE}:{returned} in", "token:    1 of connection"):
        assert words in str(caught.value)
    with pytest.raises(dml.UseAfterReturn, match="were read after"):
        s.device.view()
    with pytest.raises(dml.UseAfterReturn, match="were used after"):
        dml.check_frag(s.conn, piece)
    with pytest.raises(dml.UseAfterReturn, match="were read after"):
        dml.gather(s.device, [(int(piece.frag_offset), 100)], 128 << 10)
    assert len(watch.findings) == 4


def test_octets_that_no_token_named_and_those_next_to_a_returned_piece_are_nobodys_business(s):
    s.host.watch_tokens()
    piece = receive(s, b"A" * 100)[0]
    s.host.dontneed(s.conn, [(1, 1)])
    s.device.read(int(piece.frag_offset) + 100, 3000)
    s.device.read(200 << 10, 4096)
    s.device.read(int(piece.frag_offset), 0)


def test_a_second_token_of_the_same_octets_keeps_them(s):
    """MSG_PEEK: each token is a reference; memory is poisoned when the last has gone, not before."""
    s.host.watch_tokens()
    piece = receive(s, b"A" * 100, flags=MSG_PEEK)[0]
    assert len(receive(s, flags=MSG_PEEK)) == 1 and len(receive(s)) == 1
    for token in (1, 2):
        assert s.host.dontneed(s.conn, [(token, 1)]) == 1
        assert read(s, piece) == b"A" * 100
    with pytest.raises(dml.UseAfterReturn):
        dml.check_frag(s.conn, piece)                       # the memory is still there, but this token is not
    s.host.dontneed(s.conn, [(3, 1)])
    with pytest.raises(dml.UseAfterReturn):
        read(s, piece)


def test_what_is_queued_in_the_socket_is_not_poisoned(s):
    s.host.watch_tokens()
    piece = receive(s, b"A" * 100, flags=MSG_PEEK)[0]
    s.host.dontneed(s.conn, [(1, 1)])
    assert find_poison(s.device.octets) == []
    with pytest.raises(dml.UseAfterReturn) as caught:
        read(s, piece)
    assert caught.value.finding.occupant == "in a socket, not read yet"
    assert read(s, receive(s)[0]) == b"A" * 100


def test_memory_that_came_back_under_another_token_may_be_read():
    scene = scenes.start(pages=24, ring=8, trace=False)
    watch = scene.host.watch_tokens()
    scene.arrive(b"A" * 1000)
    first = scenes.take(scene.conn)
    scene.host.dontneed_tokens(scene.conn, first)
    while True:
        scene.arrive(b"B" * 500)
        again = scenes.take(scene.conn)
        if again.frag_offset[0] == first.frag_offset[0]:
            break
        scene.host.dontneed_tokens(scene.conn, again)
    assert scenes.octets_of(scene.device, again) == b"B" * 500
    watch.report_only = True
    dml.check_frag(scene.conn, first[0])
    scenes.octets_of(scene.device, first)                   # 1000 octets, of which 500 are the program's again
    assert [finding.verb for finding in watch.findings] == ["used", "read"]
    assert "token 1 of connection" in watch.findings[1].occupant and "received at scenes_tokens.py" in watch.findings[1].occupant
    scenes.close(scene)


def test_the_victim_of_a_token_returned_twice_learns_which_line_did_it():
    """Q23: the number belongs to somebody else by then; the record says whose line let go of it."""
    scene = scenes.start(pages=24, ring=8, trace=False)
    scene.host.watch_tokens()
    scene.arrive(b"A")
    first = scenes.take(scene.conn)
    scene.host.dontneed_tokens(scene.conn, first)
    scene.arrive(b"B")
    victim = scenes.take(scene.conn)
    scene.host.dontneed_tokens(scene.conn, first); wrong = line()  # noqa: E702
    with pytest.raises(dml.UseAfterReturn) as caught:
        scenes.octets_of(scene.device, victim)
    assert (caught.value.finding.held.returned.file, caught.value.finding.held.returned.line) == (HERE, wrong)
    scenes.close(scene)


def test_poison_in_what_was_read_unseen_tells_the_token(s):
    watch = s.host.watch_tokens(report_only=True)
    pieces = receive(s, b"A" * 100, b"B" * 100)
    raw = s.device.octets                                   # made before: nobody sees what is read through it
    assert watch.verify(raw) == []
    s.host.dontneed(s.conn, [(2, 1)])
    kept = bytes(raw[int(pieces[1].frag_offset) + 5:][:60])
    assert [finding.held.token for finding in watch.verify(kept)] == [2]
    assert watch.verify(raw[int(pieces[0].frag_offset):][:100]) == [] and watch.verify(b"") == []
    s.host.dontneed(s.conn, [(1, 1)])
    assert sorted(finding.held.token for finding in watch.verify(raw)) == [1, 2]
    watch.report_only = False
    with pytest.raises(dml.UseAfterReturn, match="as its poison tells"):
        watch.verify(raw)


def test_tokens_that_went_with_their_socket(s):
    s.host.watch_tokens()
    piece = receive(s, b"A" * 100)[0]
    s.call("close", s.conn.close)
    s.inject("FA", ack=2)
    assert s.host.audit().tokens == 0
    with pytest.raises(dml.UseAfterReturn, match="returned: the end of its socket"):
        read(s, piece)


def test_lines_only(s):
    watch = s.host.watch_tokens(detect=False)
    piece = receive(s, b"A" * 100)[0]
    s.host.dontneed(s.conn, [(1, 1)])
    assert read(s, piece) == b"A" * 100 and not watch.findings and not len(REGION_GUARDS)
    dml.check_frag(s.conn, piece)


def test_a_watch_ends_with_its_block_its_successor_or_its_host(s):
    with s.host.watch_tokens() as first:
        assert s.host.token_watch is first and len(REGION_GUARDS) == 1
    assert s.host.token_watch is None and not len(REGION_GUARDS)
    second = s.host.watch_tokens()
    third = s.host.watch_tokens(report_only=True)
    assert s.host.token_watch is third and len(REGION_GUARDS) == 1
    second.close()
    assert s.host.token_watch is third
    third.close()
    piece = receive(s, b"A" * 100)[0]
    with s.host.watch_tokens():
        s.host.dontneed(s.conn, [(1, 1)])
        read(s, piece)                                      # received before anybody watched
    del second, third, first
    gc.collect()
    assert not len(REGION_GUARDS)


def test_a_region_at_the_address_of_another_is_not_suspected():
    scene = scenes.start(pages=24, ring=8, trace=False)
    watch = scene.host.watch_tokens()
    scene.arrive(b"A")
    scene.host.dontneed_tokens(scene.conn, scenes.take(scene.conn))
    start = scene.device.start
    scene.lab.close()
    scene.device.close()
    other = DeviceMemory(24 * 4096)
    if other.start == start:
        other.read(0, 24 * 4096)
    other.close()
    watch.close()


def test_poison_is_found_wherever_it_begins():
    region = DeviceMemory("8KiB")
    poison(memory(), region.start, 4096, 7)
    poison(memory(), region.start + 4096, 4096, 9)
    assert find_poison(region.octets) == [(0, 7), (4096, 9)]
    for cut in range(1, 16):
        assert find_poison(region.octets[cut:cut + 31])[0][1] == 7
    assert find_poison(region.octets[:15]) == [] and find_poison(MAGIC.to_bytes(8, "little")) == []
    assert find_poison(np.arange(9)) == []
    region.close()


def test_a_line_of_a_program_is_not_one_of_the_machine():
    assert user_line().file == HERE and user_line().function == "test_a_line_of_a_program_is_not_one_of_the_machine"
    scene = scenes.start(pages=24, ring=8, trace=False)
    scene.host.watch_tokens(detect=False)
    scene.arrive(b"A")
    scenes.take(scene.conn)
    (held,) = scene.host.token_watch.live.values()
    assert (held.received.file, held.received.function) == ("scenes_tokens.py", "take")
    assert occupant(scene.host, held.netmem, {}) == f"token 1 of connection {scene.conn.sock}"
    scenes.close(scene)
