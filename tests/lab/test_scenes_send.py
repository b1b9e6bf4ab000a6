"""Four ways of sending, memory that is used again too early, and a relay: counted, not measured."""

import pytest

from devmemlab.lab.scenes_send import MODES, RELAYS, WHENS, relay, reuse, story
from devmemlab.lab.senders import SendPair, compare_senders
from devmemlab.lab.stream import stream_octets


def test_copies_of_the_four_ways():
    result = compare_senders("72KiB")
    assert [row.mode for row in result.rows] == list(MODES) and all(row.sha256_ok for row in result.rows)
    assert {row.mode: row.copied_bytes_per_payload_byte for row in result.rows} == {
        "devmem": 1, "zerocopy": 2, "sendfile": 2, "copy": 3}
    assert {row.mode: set(row.stages) for row in result.rows} == {
        "devmem": {"DMA_READ_DEVICE"}, "zerocopy": {"DEVICE_TO_HOST", "DMA_READ"}, "sendfile": {"DEVICE_TO_HOST", "DMA_READ"},
        "copy": {"DEVICE_TO_HOST", "SEND_COPY", "DMA_READ"}}
    assert [(row.sends, row.completed, row.copied) for row in result.rows] == [(2, 2, False), (2, 2, False), (2, 0, False),
                                                                             (2, 0, False)]
    assert "devmem" in result.table() and result["copy"].octets == 73728
    with pytest.raises(ValueError, match="none of devmem"):
        compare_senders(modes=("pigeon",))


def test_what_is_sent_again_is_read_again():
    row, = compare_senders("64KiB", lose=(3,), modes=("devmem",)).rows
    assert row.sha256_ok and 65536 < row.stages["DMA_READ_DEVICE"][0] <= 65536 + 8948 and row.completed == row.sends


@pytest.mark.parametrize("way", MODES)
def test_memory_that_is_used_again_at_once_changes_what_is_sent_again(way):
    """The third segment is lost and read again: whoever lent memory sends the second message's octets."""
    outcome = reuse(way, "at once", lose=(3,))
    assert outcome.sent_again == 1 and len(outcome.received) == 14480
    expected = [("A", 14480)] if way == "copy" else [("A", 2896), ("B", 1448), ("A", 10136)]
    assert outcome.runs == expected and outcome.wrong == (0 if way == "copy" else 1448)


@pytest.mark.parametrize("when, wrong", [(WHENS[0], 5520), (WHENS[2], 0)])
def test_without_a_loss_what_waits_for_the_window_is_read_later(when, wrong):
    assert reuse("devmem", when, octets=20_000).wrong == wrong


def test_a_round_trip_is_no_completion():
    """The last segment is lost: everything else is acknowledged long before the probe of the tail."""
    early, told = (reuse("devmem", when, lose=(10,)) for when in WHENS[1:])
    assert early.wrong == 1448 and told.wrong == 0 and told.told_ms > 200 and early.written_ms < 1
    with pytest.raises(ValueError, match="when told complete"):
        reuse(when="tomorrow")


@pytest.mark.parametrize("lose, lose_back", [((), ()), ((3, 9), (4,))])
def test_a_relay_of_device_memory_touches_no_octet(lose, lose_back):
    """Both directions at once: received into and sent from the same dmabuf, which is bound twice."""
    done = relay(RELAYS[1], octets=30_000, lose=lose, lose_back=lose_back)
    assert done.whole and done.octets == 30_000 and set(done.stages) == {"DMA_DEVICE", "DMA_READ_DEVICE"}
    assert done.stages["DMA_READ_DEVICE"] >= 30_000 and done.completions > 0 and 0 < done.most_held <= 64
    assert (done.audit.tokens, done.audit.tx_frags, done.audit.skbs, done.bindings) == (0, 0, 0, 0)


def test_device_memory_in_and_ordinary_octets_out():
    done = relay(RELAYS[0], octets=30_000)
    answer = len(done.answer)
    assert done.whole and done.stages == {"DMA_DEVICE": 30_000, "SEND_COPY": answer, "DMA_READ": answer}
    assert (done.audit.tokens, done.audit.tx_frags, done.bindings, done.completions) == (0, 0, 0, 0)


def test_what_the_error_queue_and_the_binding_tell():
    pair = SendPair("64KiB", mtu=1500, lose=(1,))
    assert pair.send([(0, 1000)]) == 1000
    assert story(pair) == {"completions": [], "tx_frags": 1, "references": 2}
    pair.netlink.close()
    assert story(pair) == {"completions": [], "tx_frags": 1, "references": 1}
    assert pair.hear(1000) == stream_octets(1000).tobytes()
    assert story(pair) == {"completions": [(0, 0, False)], "tx_frags": 0, "references": None}
    pair.close()
