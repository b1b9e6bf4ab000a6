"""A receive window that counts device pages: what it promises is there, and it opens when pages come back."""

import numpy as np
import pytest

from devmemlab.lab.scenes_window import pages_free, starvation
from devmemlab.tcp.page_room import PAGE_OCTETS_UNKNOWN
from tests.scripts.kit import Script

PAGES = 64


def device(pages=PAGES, **options):
    return Script(device=True, dmabuf=pages * 4096, rx_ring=32, page_aware_window=True, **options)


def edge_of(s, wscale):
    """Octets beyond rcv_nxt that the peer has been promised, as the segments on the wire said it."""
    return max(f["ack"] + (f["window"] << (0 if "S" in f["flags"] else wscale)) for f in s.seen)


class Peer(Script):
    """A script that remembers every segment of the host."""

    def _collect(self):
        before = len(self.out)
        super()._collect()
        self.__dict__.setdefault("seen", []).extend(self.out[before:])


def test_small_segments_starve_the_pool_of_a_window_that_counts_octets_and_not_of_one_that_counts_pages():
    blind, aware = (starvation(on, pages=16, messages=60) for on in (False, True))
    assert blind.sound and aware.sound
    assert blind.drops > 3 and blind.retransmits > 0 and blind.fewest_pages_free == 0
    assert (aware.drops, aware.retransmits, aware.timeouts) == (0, 0, 0) and aware.fewest_pages_free > 0
    assert blind.samples.window_octets.min() > 60_000 and aware.samples.window_octets.max() < 16 * 1460
    # No sample shows more segments of the size that this sender sends promised than there are pages.
    assert (aware.samples.window_octets / 100 <= aware.samples.pages_free + 1460 / 100).all()
    assert aware.samples.drops[-1] == 0 and aware.segments < blind.segments + blind.drops, "what waited went in fewer segments"


def test_without_the_option_a_window_knows_nothing_of_pages():
    with Script(device=True, dmabuf="64KiB", rx_ring=16) as s:
        s.handshake()
        assert not s.host.page_aware_window and s.row.rcv_wnd == 65535 and s.row.page_octets == 0


def test_host_queues_are_not_limited():
    with Script(split=True, page_aware_window=True) as s:
        assert s.handshake()["window"] == 65535
        s.data(b"x" * 1000)
        assert s.expect("A", ack=1001)["window"] << s.row.rcv_wscale > 1 << 20


def test_the_first_promise_reckons_with_small_segments_and_the_scale_fits_the_pool():
    with device() as s:
        synack = s.handshake(opt_wscale=7)
        # Half of what is not in reserve, each page for 64 octets; the SYN itself is in one at that moment.
        assert synack["window"] == (PAGES - 1 - PAGES // 16) // 2 * PAGE_OCTETS_UNKNOWN
        assert synack["opt_wscale"] == 3
        s.data(b"x" * 1460)
        ack = s.expect("A", ack=1461)
        free = PAGES - 1 - PAGES // 16
        assert ack["window"] << 3 == free // 2 * 1460 & ~7 and s.row.page_octets == 1460


@pytest.mark.parametrize("size", [100, 1460])
def test_a_peer_that_fills_every_window_never_finds_the_pool_empty_while_tokens_are_held(size):
    with Peer(device=True, dmabuf=PAGES * 4096, rx_ring=64, page_aware_window=True) as s:
        wscale = s.handshake()["opt_wscale"]
        held, right, sent = [], 0, 0
        for turn in range(12):
            edge = edge_of(s, wscale)
            assert edge >= right, "the promised edge moved left"
            right = edge
            while sent + size <= edge - 1:
                s.data(bytes([sent % 251]) * size)
                sent += size
                right = max(right, edge_of(s, wscale))
            if turn % 3 == 2:
                pieces = [token for _ in range(4) for token in read(s)]
                held += pieces
                for token in held[:5]:
                    s.host.dontneed(s.conn, [(token, 1)])
                held = held[5:]
                s.wait(0.01)
        q = s.host.rxqs.ctl[1]
        assert q.rx_hw_drop_overruns == 0 and s.row.drops == 0 and s.row.bytes_received == sent
        assert sent > 40 * size, "buffers that came back were offered again"
        assert pages_free(s.host) > 0 and s.host.audit().tokens == len(held)


def read(s):
    """Tokens of what is there."""
    try:
        return [int(p.frag_token) for p in s.recvmsg()[1]]
    except BlockingIOError:
        return []


def test_returned_tokens_open_the_window_by_an_update_that_is_worth_it():
    with device(16) as s:
        wscale = s.handshake()["opt_wscale"]
        sent = 0
        while s.row.rcv_wnd - (sent + 1 - (s.row.rcv_wup - s.row.irs)) >= 200 and sent < 20_000:
            s.data(b"y" * 200)
            sent += 200
        s.wait(100)
        s.forget()
        tokens, updates = read(s), []
        assert len(tokens) >= 8 and not s.out, "tokens that are held do not open the window"
        for token in tokens:
            s.host.dontneed(s.conn, [(token, 1)])
            s.wait(0.001)
            updates += s.forget()
        assert 1 <= len(updates) <= 4, "one for each token would be silly"
        offered = [u["ack"] + (u["window"] << wscale) for u in updates]
        assert all(later - sooner >= 200 for sooner, later in zip(offered, offered[1:], strict=False))
        assert offered[-1] - updates[-1]["ack"] >= 1460, "with all pages back a full segment fits"


def test_connections_on_one_pool_share_it_and_a_newcomer_finds_some_left():
    with device() as s:
        promised = []
        for k in range(5):
            s.iss, s.next, s.ack = None, 0, 0
            s.peer = (s.peer[0], 40000 + k, s.peer[2])
            promised.append(s.handshake()["window"])
        free = PAGES - 1 - PAGES // 16
        assert promised[0] == free // 2 * PAGE_OCTETS_UNKNOWN and promised[1] <= promised[0] // 2 + 1460 and min(promised) > 0
        assert sum(promised) <= free * PAGE_OCTETS_UNKNOWN
        s.lab.run(until_ns=s.lab.clock.now_ns)
        assert s.host.tcbs.room[1].promised <= free
        rows = s.host.tcbs.tcb[1:int(s.host.tcbs.ctl[0].watermark)]
        assert int(np.sum(rows.pages_promised)) == s.host.tcbs.room[1].promised


def test_a_sender_that_goes_back_to_small_segments_was_not_forgotten():
    with device(8) as s:
        s.handshake()
        for _ in range(12):
            s.data(b"m" * 100)
            s.drain()
        assert s.row.page_octets == 100
        for _ in range(20):
            s.data(b"b" * 1400)
            s.drain()
        assert s.row.page_average > 1200 and s.row.page_octets == 100
        for _ in range(9 * 8):
            s.data(b"b" * 1400)
            s.drain()
        assert s.row.page_octets > 1300, "after eight times the pool it is believed to have changed"


def test_one_short_segment_is_no_habit():
    with device() as s:
        s.handshake()
        for size in (1400, 1400, 20, 1400):
            s.data(b"q" * size)
            s.drain()
        assert s.row.page_octets > 1000


def test_the_end_of_the_stream_gives_the_promise_back():
    with device() as s:
        s.handshake()
        assert s.host.tcbs.room[1].promised > 0
        s.inject("FA")
        s.wait(1)
        assert s.host.tcbs.room[1].promised == 0


def test_the_option_can_be_switched_at_run_time():
    with device() as s:
        s.handshake()
        s.host.page_aware_window = False
        s.data(b"z" * 100)
        assert s.expect("A")["window"] << s.row.rcv_wscale > PAGES * 1460


def test_what_was_promised_stays_promised_when_the_reckoning_falls():
    with device() as s:
        wscale = s.handshake()["opt_wscale"]
        s.data(b"x" * 1460)
        edges, told = [], []
        for _ in range(8):
            s.data(b"y" * 50)
            edges.append(int(s.row.rcv_wup + s.row.rcv_wnd - s.row.irs))
            told += [f["ack"] + (f["window"] << wscale) for f in s.forget()]
        assert s.row.page_octets < 400 and edges == sorted(edges) and edges[0] > 30_000
        assert all(edges[-1] - (1 << wscale) < at <= edges[-1] for at in told), "less is said by a part of a unit only"
