"""The clock: it jumps while virtual, follows its source while live, and never goes back."""

from devmemlab.base.clock import VirtualClock


def test_virtual_time_moves_only_when_told():
    clock = VirtualClock()
    assert clock.now_ns == 0 and not clock.live
    assert clock.advance_to(50) == 50 and clock.now_ns == 50
    assert clock.advance_to(20) == 50


def test_live_time_follows_its_source_from_where_virtual_time_stood():
    clock = VirtualClock()
    clock.advance_to(1000)
    ticks = iter([70_000, 70_000, 70_500, 70_100, 71_000])
    clock.go_live(lambda: next(ticks))
    assert clock.live
    assert [clock.now_ns, clock.now_ns, clock.now_ns, clock.now_ns] == [1000, 1500, 1500, 2000]


def test_a_live_clock_cannot_be_pushed():
    clock = VirtualClock(lambda: 5)
    assert clock.now_ns == 0 and clock.advance_to(10**9) == 0


def test_going_live_twice_keeps_the_first_source():
    clock = VirtualClock(lambda: 3)
    clock.go_live(lambda: 10**12)
    assert clock.now_ns == 0


def test_repr_is_one_line():
    assert repr(VirtualClock()) == "VirtualClock(now_ns=0)"
    assert repr(VirtualClock(lambda: 1)) == "VirtualClock(now_ns=0, live)"
