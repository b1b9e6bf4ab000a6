"""Interrupt moderation in virtual time: who waits, how long, and what ends the wait."""

import pytest

from devmemlab.nic.moderation import get_coalesce, set_coalesce
from tests.scripts.kit import Script

US = 1000


def moderated(usecs, frames=0, **options):
    s = Script(**{"rx_ring": 128, **options})
    s.handshake()
    s.host.nics.ctl[0].moderated = 1
    set_coalesce(s.host.nics, 0, rx_usecs=usecs, rx_frames=frames)
    return s


def arrive(s, at_us, count=1, length=10):
    """So many segments at one time."""
    for _ in range(count):
        s.port.inject(s.segment("A", b"x" * length, seq=s.next), at_ns=at_us * US)
        s.next += length


def received_at(s, *times_us):
    """Octets that TCP has at each time."""
    found = []
    for at in times_us:
        s.lab.run(until_ns=at * US)
        found.append(int(s.row.bytes_received))
    return found


def test_a_packet_waits_rx_usecs_and_those_behind_it_less():
    s = moderated(20)
    arrive(s, 100)
    arrive(s, 110)
    before = int(s.host.rxqs.ctl.interrupts.sum())
    assert received_at(s, 100, 110, 119, 120, 200) == [0, 0, 0, 20, 20]
    assert s.host.rxqs.ctl.interrupts.sum() - before == 1
    arrive(s, 300)
    assert received_at(s, 319, 320) == [20, 30]
    s.close()


@pytest.mark.parametrize("count, at_once", [(3, False), (4, True), (9, True)])
def test_rx_frames_end_the_wait(count, at_once):
    s = moderated(20, 4)
    arrive(s, 100, count)
    assert received_at(s, 100, 120) == [10 * count * at_once, 10 * count]
    s.close()


def test_more_packets_than_a_budget_are_taken_in_several_turns_of_one_interrupt():
    s = moderated(20)
    arrive(s, 100, 100)
    before = int(s.host.rxqs.ctl.interrupts.sum())
    assert received_at(s, 119, 120) == [0, 1000]
    assert s.host.rxqs.ctl.interrupts.sum() - before == 1
    assert s.recv() == b"x" * 1000
    s.close()


def test_a_port_driven_by_hand_is_never_moderated():
    with Script() as s:
        assert s.host.nics.ctl[0].moderated == 0
        s.handshake()
        set_coalesce(s.host.nics, 0, rx_usecs=20)
        s.data(b"at once")
        assert s.recv() == b"at once"


def test_hardware_gro_gathers_what_waits_and_the_audit_sees_it():
    s = moderated(20, device=True, dmabuf="1MiB")
    s.host.nics.ctl[0].gro_hw = 1
    arrive(s, 100, 3, 100)
    s.lab.run(until_ns=100 * US)
    assert s.host.audit().descriptors == 256 and s.row.bytes_received == 0
    assert received_at(s, 120) == [300] and s.drain() == b"x" * 300
    s.close()


def test_a_queue_that_stops_while_packets_wait_counts_them():
    s = moderated(20)
    arrive(s, 100, 3)
    s.lab.run(until_ns=100 * US)
    s.host.netdev.close()
    assert s.host.rxqs.drop.packets.sum() == 3
    s.lab.run(until_ns=200 * US)
    s.host.audit()
    s.close()


@pytest.mark.parametrize("settings", [{"rx_usecs": -1}, {"rx_usecs": 16384}, {"rx_frames": 70000, "rx_usecs": 1},
                                      {"rx_frames": 2}])
def test_impossible_settings_change_nothing(settings):
    with Script(listen=False) as s:
        with pytest.raises(OSError):
            set_coalesce(s.host.nics, 0, **settings)
        assert get_coalesce(s.host.nics, 0) == {"rx-usecs": 0, "rx-frames": 0}
