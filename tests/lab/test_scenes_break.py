"""Scenes that break things: what is watched is what the tables say, and each breakage ends as spec sections 12.4 and 18.2 say."""

import itertools

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.lab import scenes_break as breaks
from devmemlab.lab import scenes_control
from devmemlab.lab.scenes_nic import ring_state
from devmemlab.lab.scenes_talk import QUEUE
from devmemlab.lab.watch import SAMPLE, silences
from devmemlab.mem.ledger import NAMES
from devmemlab.view.heat_map import heat_map


def agrees(run):
    """The last sample is what other parts of the house count."""
    last, counts, audit = run.samples[-1], heat_map(run.receiver).counts, run.receiver.audit()
    assert (last.held, last.socket) == (audit.tokens, audit.skb_frags)
    assert last.posted == ring_state(run.receiver, QUEUE)["for the card"] == counts["posted"]
    assert last.free == counts["free"] + counts["cached"] + counts["ring"]
    stats = run.receiver.ethtool("eth1").get_stats()
    assert last.dropped == stats[f"rx_hw_drop_overruns[{QUEUE}]"]
    assert last.sent_again == run.sender.nstat()["TcpRetransSegs"] and last.received == len(run.received)


def adds_up(run):
    samples = run.samples
    assert (samples.held + samples.free + samples.posted + samples.socket == run.watch.pages).all()
    assert (np.diff(samples.at_ns) >= 0).all() and all((samples[name] >= 0).all() for name in SAMPLE.names)
    for name in ("dropped", "sent_again", "received"):
        assert (np.diff(samples[name]) >= 0).all()


def test_case_59_a_program_that_keeps_its_tokens_starves_the_card_and_returning_them_heals_after_the_senders_timer():
    run = breaks.start(give="never").go(45)
    agrees(run)
    adds_up(run)
    samples = run.samples
    assert not run.whole and run.received == run.stream[:64 * 1448] and "stuck" in run.verdict
    # The chain: the pool is empty, then the ring, and only then a frame is dropped; the window never closes.
    empty, dry, dropped = (int(samples.at_ns[np.flatnonzero(found)[0]])
                           for found in (samples.free == 0, samples.posted == 0, samples.dropped > 0))
    assert empty < dry < dropped and samples.window[-1] == samples.window.max() > 64 * 1448
    assert run.give_back() == 64 and run.give_back() == 0
    run.give, before = "oldest", run.lab.clock.now_ns
    assert run.go().whole and run.receiver.audit().netmems_in_flight == 0
    rto_ns = 200_000_000
    assert before < run.begun_ns + rto_ns < run.lab.clock.now_ns, "nothing moves before the sender's timer"
    agrees(run)
    run.close()


@pytest.mark.once
def test_octets_come_in_order_from_a_bad_wire_and_no_processor_copies_them():
    run = breaks.start(harm={"loss": 0.03, "reorder": 0.05, "duplicate": 0.02, "corrupt": 0.02}, seed=4).go()
    assert run.whole and run.offsets != sorted(run.offsets)
    moved = {name: int(row.length) for name, row in zip(NAMES, run.receiver.ledger) if row.length}
    assert set(moved) == {"DMA_HEADER", "DMA_DEVICE", "HEADER_COPY"} and moved["DMA_DEVICE"] > len(run.stream)
    told = breaks.counters(run)
    wire = told["the wire to the receiver"]
    assert told["receiver, ethtool -S"][f"rx_csum_bad[{QUEUE}]"] == wire["corrupted"] > 0 < wire["lost"]
    assert told["sender, nstat"]["TcpRetransSegs"] >= wire["lost"] + wire["corrupted"]
    assert all(count for counts in told.values() for count in counts.values())
    agrees(run)
    run.close()


def test_device_memory_without_a_checksum_of_the_card_is_silence():
    run = breaks.start(messages=10)
    run.receiver.sh("ethtool -K eth1 rx off")
    assert run.go(300).received == b"" and run.samples[-1].dropped == 0
    run.receiver.sh("ethtool -K eth1 rx on")
    assert run.go().whole
    run.close()


@pytest.mark.once
def test_eight_tokens_more_lock_up_behind_a_gap_that_cannot_be_filled():
    fine, stuck = (breaks.start(keep=keep).go(1000) for keep in (48, 56))
    assert (fine.whole, stuck.whole) == (True, False)
    agrees(stuck)
    assert stuck.samples[-1].socket == 8 and "behind a gap" in stuck.verdict
    stuck.keep = 32
    assert stuck.give_back(24) == 24 and stuck.go().whole
    for run in (fine, stuck):
        adds_up(run)
        run.close()


def test_a_window_that_counts_buffers_drops_nothing_and_goes_on_with_the_tokens():
    run = breaks.start(messages=80, give="never", page_aware_window=True).go(45)
    assert not run.whole and run.samples[-1].dropped == 0
    run.give_back()
    run.give = "oldest"
    assert run.go(20).whole and run.samples[-1].dropped == run.samples[-1].sent_again == 0
    agrees(run)
    run.close()


@pytest.mark.once
@pytest.mark.parametrize("give, keep, most", [("oldest", 5, 5), ("together", 20, 36), ("oldest", 0, 0)])
def test_a_policy_keeps_what_it_says(give, keep, most):
    run = breaks.start(messages=60, give=give, keep=keep).go()
    held = run.samples.held
    assert run.whole and held.max() <= most and (give == "together" or held[-1] == len(run.held) == keep)
    run.close()
    with pytest.raises(ValueError, match="sometimes"):
        breaks.start(give="sometimes")


def test_silences_are_the_long_gaps():
    samples = np.zeros(4, SAMPLE).view(np.recarray)
    samples.at_ns = [0, 10, 500, 510]
    assert silences(samples) == [(10, 500)] and silences(samples[:0]) == []
    assert silences(samples, 1000) == [(10, 500), (510, 1000)] and silences(samples, 10**6) == [(510, 10**6)]


@pytest.mark.parametrize("order", [(), *itertools.permutations(("connection", "netlink", "dmabuf"))])
def test_scenarios_a_to_d_no_order_of_ends_leaks_and_only_a_binding_that_ends_first_leaves_a_pool_to_wait(order):
    end = breaks.teardown(*order)
    assert end["audit"] == 0 == end["bindings"]
    first = not order or order.index("netlink") < order.index("connection")
    assert end["gone_ms"] == (1000 if first else 0) and max(end["detached"]) == (8 if first else 0)


@pytest.mark.once
def test_a_leak_starves_the_neighbour_and_close_alone_does_not_heal_a_dry_queue():
    two = breaks.shared()
    got = [two.turn() for _ in range(20)]
    assert got[0] == [5792, 5792] and got[-1] == [5792, 0]
    for _ in range(10):
        got.append(two.turn(23168))
    assert got[-1] == [0, 0] and two.machine.audit().tokens == len(two.tokens[1]) == 61
    assert two.leave(1) == 61
    two.rest(1000)
    assert two.machine.audit().tokens == 61, "the acknowledgement of the FIN finds no descriptor either"
    two.pair.lab.close()
    easy = breaks.shared()
    easy.turn()
    assert easy.leave(1) == 4 == easy.machine.audit().tokens
    easy.rest(1)
    assert easy.machine.audit().tokens == 0
    easy.pair.lab.close()


def test_quirk_21_the_same_memory_bound_again_is_written_over_below_old_tokens():
    made = breaks.begin()
    made.owner.netlink.close()
    late = breaks.pieces_of(made.conns[0])
    place = int(late.frag_offset[0])
    assert made.owner.device.read(place, 9) == b"not read " and set(late.dmabuf_id.tolist()) == {1}
    assert breaks.again(made)[1] == 2
    scenes_control.send(made.pair, made.clients, b"X" * 36_000)
    assert made.owner.device.read(place, 9) == b"XXXXXXXXX" and len(breaks.pieces_of(made.conns[0]))
    made.machine.audit()
    made.pair.lab.close()


def test_a_queue_stays_bound_while_a_child_of_the_dead_holds_the_netlink_socket():
    made = breaks.begin(take=0)
    child = made.owner.process.fork("child")
    made.machine.kill(made.owner.process)
    with pytest.raises(dml.NetlinkError) as refused:
        breaks.again(made)
    assert refused.value.errno == 17 and scenes_control.queue_memory(made.machine)[3] == "binding 1"
    made.machine.kill(child)
    assert breaks.again(made)[1] == 3
    made.pair.lab.close()
