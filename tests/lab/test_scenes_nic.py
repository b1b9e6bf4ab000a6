"""The scenes of the card: what they set up is what they say, and their counters are the tables'."""

import numpy as np
import pytest

from devmemlab.lab import scenes_nic as scenes
from devmemlab.lab.frames import cut_of, make_frame


@pytest.mark.parametrize("queue", scenes.QUEUES)
def test_every_frame_comes_to_queue_1_with_the_sizes_that_were_asked_for(queue):
    card = scenes.card(queue, ring=32, header_buffer=256)
    q = card.host.rxqs.ctl[scenes.QUEUE]
    assert (q.desc_count, q.header_bytes, q.unreadable) == (32, 256, queue == "device memory")
    seen = scenes.arrive(card, *scenes.traffic(1))
    assert seen["rx_hsplit_pkt"] == 11 and card.host.rxqs.ctl[0].rx_packets == 0 and q.rx_packets == 12
    assert (card.device is not None) == (queue == "device memory")
    card.host.audit()
    card.lab.close()


def test_the_payload_lies_in_device_memory_and_nothing_else():
    card = scenes.card()
    assert scenes.arrive(card, make_frame(payload=b"payload")) == {"rx_hsplit_pkt": 1, "rx_hsplit_bytes": 54}
    assert card.device.read(0, 8) == b"payload\0" and card.host.ledger[0].length == 54
    assert scenes.drops(card) == {} and scenes.arrive(card) == {}
    card.lab.close()


def test_a_threshold_and_device_memory_do_not_go_together():
    with pytest.raises(OSError, match="hds_thresh"):
        scenes.card(hds_thresh=100)
    with pytest.raises(OSError, match="header buffers"):
        scenes.card(header_buffer=100)


def test_section_12_2_row_by_row_at_a_bound_queue():
    """Spec section 12.2: rows 1 to 6 and 8."""
    card = scenes.card(ring=32)
    assert scenes.complete(card, slot=32, header_bytes=54, split=1) == {"rx_desc_err_dropped_pkt": 1, "rx_dropped_pkt": 1}
    assert scenes.complete(card, error=7, header_bytes=54, split=1) == {"rx_dropped_pkt": 1}
    assert scenes.arrive(card, make_frame(payload=bytes(18 * 4096))) == {
        "rx_hsplit_pkt": 1, "rx_hsplit_bytes": 54, "rx_cont_packet_cnt": 17}
    assert scenes.arrive(card, make_frame(protocol=17, payload=bytes(9))) == {"rx_skb_alloc_fail": 1, "rx_dropped_pkt": 1}
    assert scenes.arrive(card, make_frame(6, 2, 40, "timestamps, 3 SACK blocks")) == {
        "rx_hsplit_pkt": 1, "rx_hsplit_unsplit_pkt": 1, "rx_dropped_pkt": 1}
    assert sum(scenes.drops(card).values()) == 4
    card.host.audit()
    card.lab.close()


@pytest.mark.parametrize("ring, count", [(8, 64), (32, 100), (64, 200), (16, 5)])
def test_a_ring_takes_what_fits_between_two_polls(ring, count):
    card = scenes.card(ring=ring)
    seen = scenes.arrive(card, *[make_frame()] * count)
    taken = sum(min(ring, count - first, 64) for first in range(0, count, 64))
    assert seen["rx_hsplit_pkt"] == taken and seen.get("rx-hw-drop-overruns", 0) == count - taken
    state = scenes.ring_state(card.host)
    assert state["for the card"] == ring and state["post"] == state["clean"] + ring and state["tail"] == state["post"]
    card.lab.close()


def test_a_story_is_told_in_the_order_of_the_path():
    card = scenes.card(trace=True)
    names = [line.split()[0] for line in scenes.story(card, make_frame())]
    path = ["frame_in", "steer", "dma_header", "dma_payload", "rxq_complete", "skb_build", "page_pool_recycle", "rxq_post",
            "frame_out"]
    assert [name for name in names if name in path] == path
    card.lab.close()


def test_traffic_has_headers_of_every_length():
    cuts = [cut_of(octets, header_buffer=256).at for octets in scenes.traffic(2)]
    assert len(cuts) == 24 and set(cuts) == {54, 66, 114, 146, None} and cuts.count(None) == 2


def test_captured_frames():
    assert len(scenes.captured(0)) == 74 and [len(octets) for octets in scenes.captured(slice(2, 4))] == [66, 1514]
    assert cut_of(scenes.captured(10, mtu=9000)).at == 66


def test_section_12_4_kept_tokens_starve_the_ring_and_the_stream_recovers():
    """Spec sections 12.4 and 27.5: as many pieces as pages, an open window, and the rest by retransmission."""
    talk = scenes.talk(pages=32, ring=16)
    stream = np.random.default_rng(1).integers(0, 256, 90_000, dtype=np.uint8).tobytes()
    assert talk.client.send(stream) == len(stream)
    talk.lab.run(until_ns=talk.lab.clock.now_ns + 50_000_000)
    pieces, got = scenes.receive(talk)
    assert len(pieces) == 32 and scenes.ring_state(talk.trainer)["for the card"] == 0
    assert [len(part) for part in scenes.receive(talk)] == [0, 0]
    sender, ring = talk.storage.tcbs.tcb[talk.client.sock], talk.trainer.rxqs.ctl[1]
    assert ring.rx_hw_drop_overruns > 0 and ring.rx_buf_alloc_fail > 0 and sender.snd_wnd > len(stream)
    for _ in range(100):
        if len(pieces):
            talk.trainer.dontneed(talk.conn, [(int(token), 1) for token in pieces.frag_token])
        if len(got) == len(stream):
            break
        talk.lab.run(until_ns=talk.lab.clock.now_ns + 50_000_000)
        pieces, octets = scenes.receive(talk)
        got += octets
    assert got == stream and sender.total_retrans > 0 and talk.trainer.audit().tokens == 0
    talk.lab.close()
