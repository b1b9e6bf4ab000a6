"""Scenes of TCP: losses are those that were asked for, recordings read back as they were, and no memory shows on the wire."""

import pytest

from devmemlab.lab import scenes_tcp as scenes
from devmemlab.lab.fates import match
from devmemlab.lab.lab import Lab
from devmemlab.lab.segments import conversation
from devmemlab.view.tcp_controls import TcpControl


def test_frames_are_matched_with_their_arrivals():
    sent = [(0, b"aa"), (10, b"bb"), (20, b"aa"), (30, b"cc"), (90, b"dd")]
    arrived = [(60, b"bb"), (61, b"bb"), (70, b"aa"), (80, b"cX")]
    assert match(sent, arrived, until_ns=100) == [
        (0, None, "lost"), (1, 60, "arrived"), (2, 70, "arrived"), (3, 80, "damaged"), (4, None, "under way"), (1, 61, "copy")]
    assert match([(0, b"aa")], []) == [(0, None, "lost")]


@pytest.mark.parametrize("lose, expected", [
    ({3}, {"sent again": 1, "fast": 1, "probes": 0, "timeouts": 0}),
    ({9}, {"sent again": 1, "fast": 0, "probes": 1, "timeouts": 0}),
    ({8, 9}, {"sent again": 2, "fast": 1, "probes": 1, "timeouts": 0}),
    ({8, 9, 10}, {"sent again": 3, "fast": 0, "probes": 1, "timeouts": 1})])
def test_what_is_named_is_lost_and_what_repairs_it(lose, expected):
    talk, stream = scenes.transfer(12_000, lose=lose)
    assert scenes.deliver(talk, len(stream)) == stream and scenes.repairs(talk.storage) == expected
    talk.lab.run(until_ns=talk.lab.clock.now_ns + scenes.MS)
    data = [one for one in conversation(talk.lab).segments if one.side == 0 and one.payload_bytes]
    assert {k for k, one in enumerate(data, 1) if one.fate == "lost"} == lose
    assert sum(one.again for one in data) == expected["sent again"]
    talk.trainer.audit()
    talk.lab.close()


def test_the_same_arrivals_bring_the_same_answers_from_either_memory():
    talk, stream = scenes.transfer(12_000, loss=0.1, reorder=0.2, seed=6)
    assert scenes.deliver(talk, len(stream)) == stream
    frames = scenes.arrivals(talk)
    device, pages = (scenes.again(frames, memory) for memory in scenes.MEMORIES)
    assert device[0] == pages[0] and len(device[0]) > 8 and device[1] == pages[1] == stream
    talk.lab.close()


@pytest.mark.parametrize("memory", scenes.MEMORIES)
def test_the_octets_that_came_first_stay_unless_they_are_covered(memory):
    wanted = {((b"evil", 5), (b"good", 5)): b"evil", ((b"evil", 5), (b"good" * 2, 5)): b"good" * 2,
              ((b"evil", 5), (b"good" * 3, 1)): b"good" * 3, ((b"evil", 5), (b"good", 7)): b"evilod"}
    for segments, end in wanted.items():
        with scenes.Hand(memory) as hand:
            for payload, seq in segments:
                hand.arrive(payload, seq)
            hand.arrive(b"....", 1)
            assert hand.read() == (end if segments[1][1] == 1 else b"...." + end)
            hand.host.audit()


def test_a_hand_hears_sack_and_duplicates_and_sees_rows():
    with scenes.Hand() as hand:
        assert hand.arrive(b"B" * 100, seq=101) == ["ack 1 SACK 101-201"]
        assert [(name, first, end, frags) for name, _, first, end, _, frags in hand.queued] == [("ofo", 101, 201, 1)]
        assert hand.arrive(b"A" * 100) == ["ack 201"] and hand.arrive(b"B" * 100, seq=101) == ["ack 201 DSACK 101-201"]
        assert hand.read() == b"A" * 100 + b"B" * 100 and hand.read() == b"" and hand.host.audit().tokens == 0


def test_a_buffer_counts_pages_and_not_payload():
    small, full, one_more = (scenes.fill(mtu, rcvbuf=65_536) for mtu in (576, 4136, 4137))
    assert abs(small["pages"] - full["pages"]) <= 2 and full["payload queued"] > 5 * small["payload queued"]
    assert one_more["payload queued"] < 0.6 * full["payload queued"]
    assert scenes.fill(1500, 65_536, "pages") == scenes.fill(1500, 65_536)


def test_small_segments_behind_a_hole_can_take_every_page_for_ever():
    talk, stream = scenes.transfer(30_000, mtu=576, pages=16, lose={11})
    assert len(scenes.deliver(talk, len(stream))) == 10 * 524
    row = talk.trainer.tcbs.tcb[talk.conn.sock]
    assert row.ofo_count == 16 and talk.trainer.audit().tokens == 0 and scenes.repairs(talk.storage)["timeouts"] > 4
    assert row.rcv_wnd > 1 << 20
    talk.lab.close()
    talk, stream = scenes.transfer(30_000, mtu=576, pages=64, lose={11})
    assert scenes.deliver(talk, len(stream)) == stream
    talk.lab.close()


def test_what_was_not_recorded_is_told():
    with pytest.raises(ValueError, match="record"):
        conversation(Lab())
    with scenes.Hand() as hand, pytest.raises(ValueError, match="1 were recorded"):
        conversation(hand.port, connection=1)


def test_the_control_shows_what_the_sender_did():
    control = TcpControl("20 %")
    data, metadata = control._repr_mimebundle_()
    assert metadata["image/svg+xml"]["alt"] == control.picture.text and "30,000 octets" in control.picture.title
    assert control.whole and control.counts["octets"] == 30_000
    assert control.counts["segments"] == 21 + control.counts["sent again"]
    assert control.text in repr(control) and control.children[1].runs == 1
    assert all(chooser.description or all(chooser.tooltips) for chooser in control.children[0].children)
    control.loss.value = "none"
    assert control.counts["sent again"] == 0 and control.children[1].runs == 2
