"""Frame anatomy against headers walked by hand, against the lab's own driver and stack, and against a card in order."""

import struct
import xml.etree.ElementTree as ElementTree

import comm
import numpy as np
import pytest
import traitlets

import devmemlab as dml
from devmemlab.lab.frames import make_frame
from devmemlab.mem.region import memory
from devmemlab.nic.drops import DROP_REASONS
from devmemlab.view.anatomy import VERDICTS, anatomy_facts, consequences, own_choice

FRAMES = {"stamps": make_frame(tcp_options="timestamps", payload=bytes(range(100))),
          "six": make_frame(6, 1, 8, "timestamps, 3 SACK blocks", bytes(300)),
          "short": make_frame(payload=b"x").ljust(60, b"\0"), "bare": make_frame(payload=b"").ljust(60, b"\0"),
          "options": make_frame(4, 2, 12, payload=bytes(20))}


def ends(octets):
    """Where headers and payload end, walked by hand."""
    at = 12
    while octets[at:at + 2] == b"\x81\x00":
        at += 4
    at += 2
    if octets[at] >> 4 == 4:
        tcp, end = at + (octets[at] & 15) * 4, at + struct.unpack_from(">H", octets, at + 2)[0]
    else:
        tcp, end = at + 40, at + 40 + struct.unpack_from(">H", octets, at + 4)[0]
        if octets[at + 6] == 0:
            tcp += 8 + octets[tcp + 1] * 8
    return tcp + (octets[tcp + 12] >> 4) * 4, end


@pytest.mark.parametrize("name", FRAMES)
def test_every_cut_is_judged_as_headers_walked_by_hand_say(name):
    octets = FRAMES[name]
    facts, (headers, end) = anatomy_facts(octets), ends(octets)
    assert (facts["payload_at"], facts["payload"]) == (headers, end - headers)
    for cut in range(len(octets) + 1):
        kind = facts["kinds"][facts["kind"][cut]]
        if cut == 0:
            assert kind == "not cut"
        elif cut < headers:
            assert kind not in VERDICTS, (cut, kind)
        else:
            assert kind == ("nothing to cut" if end == headers else "right" if cut == headers else "late"), cut


@pytest.mark.parametrize("name", ["stamps", "six"])
def test_the_labs_own_driver_and_stack_drop_what_is_said_to_be_dropped(name):
    octets = FRAMES[name]
    facts, headers, card = anatomy_facts(octets), ends(octets)[0], dml.scenes_nic.card(header_buffer=256)
    host = card.host
    for cut in (0, 1, 13, 14, 20, headers - 40, headers - 1, headers, headers + 1, headers + 30):
        q, before = host.rxqs.ctl[dml.scenes_nic.QUEUE], dml.scenes_nic.drops(card)
        memory()[int(q.header_start):][:cut] = np.frombuffer(octets, np.uint8)[:cut]
        dml.scenes_nic.complete(card, header_bytes=cut, split=int(cut > 0), payload_bytes=len(octets) - cut, csum=1, eop=1,
                                frame_bytes=len(octets))
        now = dml.scenes_nic.drops(card)
        reasons = {reason for reason in now if now[reason] != before.get(reason, 0)}
        kind = facts["kinds"][facts["kind"][cut]]
        if kind in ("right", "late"):
            assert not reasons, (cut, reasons)
        elif cut == 0:
            assert reasons == {facts["says"][facts["kind"][0]][1].removeprefix("dropped: ")}
        else:
            assert reasons, (cut, kind)
    card.lab.close()


def test_a_card_in_order_does_what_is_said_of_it():
    octets = FRAMES["stamps"]
    for hds_thresh, room in ((0, 128), (99, 128), (100, 128), (0, 64)):
        card = dml.scenes_nic.card("pages", header_buffer=room, hds_thresh=hds_thresh)
        seen = dml.scenes_nic.arrive(card, octets)
        split = seen.get("rx_hsplit_bytes", 0)
        at, words = own_choice(octets, hds_thresh, room)
        assert at == split and (f"octet {at}" in words) == bool(split) and ("hds_miss" in words) == (not split)
        card.lab.close()
    bound = dml.scenes_nic.card(header_buffer=64)
    dml.scenes_nic.arrive(bound, octets)
    overflow = dml.frame_anatomy(octets, cut=66, room=64)
    assert [f"dropped: {reason}" for reason in dml.scenes_nic.drops(bound)] == [overflow.look["texts"]["driver"]]
    with pytest.raises(OSError, match="hds"):
        dml.scenes_nic.card(hds_thresh=64)
    bound.lab.close()


def test_octets_are_counted_once_wherever_the_cut_is():
    explorer = dml.frame_anatomy(FRAMES["stamps"], "Stamps")
    for cut in range(167):
        explorer.cut = cut
        look = explorer.look
        numbers = [int(word) for name in ("header", "device") for word in look["texts"][name].split() if word.isdigit()]
        assert sum(numbers) == (166 if 0 < cut <= 128 else 0), cut
        assert numbers[0] + numbers[2] == (66 if 0 < cut <= 128 else 0)
        written, (_, _, _, program) = consequences(explorer.facts, cut, 128)
        assert ("token for" in program) == (66 <= cut <= 128) and ("LINEAR" in program) == (66 < cut <= 128)
        assert written == look["on"]["full"]
        if 66 < cut <= 128:
            assert program.startswith(f"{cut - 66} octets by copy") and f"{166 - cut}" in program
        wide = sum(width for name, (_, width) in look["parts"].items() if name.startswith("d") and name[1:].isdigit())
        assert wide == pytest.approx((166 - cut) * 500 / 166 if written else 0)
    assert [name for name in ("right", "wrong", "lost") if dml.frame_anatomy(FRAMES["stamps"]).look["on"][name]] == ["right"]


def test_what_is_in_the_header_buffer_never_leaves_it():
    explorer = dml.frame_anatomy(FRAMES["six"])
    for room in (64, 128, 256):
        explorer.room = room
        for cut in range(0, len(FRAMES["six"]) + 1, 7):
            explorer.cut = cut
            ends_at = [x + width for name, (x, width) in explorer.look["parts"].items() if name[0] == "h" and name[1:].isdigit()]
            assert max(ends_at) <= 650 + 1e-9


def test_a_cell_sets_it_and_what_cannot_be_is_refused():
    explorer = dml.frame_anatomy(FRAMES["stamps"], cut=40)
    explorer.cut = 10_000
    assert explorer.cut == 166
    explorer.cut = -4
    assert explorer.cut == 0 and "no cut" in repr(explorer) and DROP_REASONS[8] in explorer.text
    with pytest.raises(traitlets.TraitError, match="room 100 is none of"):
        explorer.room = 100
    with pytest.raises(traitlets.TraitError, match="hds_thresh 7 is none of"):
        explorer.hds_thresh = 7
    explorer.hds_thresh = 64
    assert "EINVAL" in explorer.text
    with pytest.raises(ValueError, match="never cut .not TCP.*frame_picture"):
        dml.frame_anatomy(make_frame(protocol=17, payload=bytes(20)))


def test_it_shows_without_a_kernel_and_is_the_same_every_time(tmp_path):
    explorer = dml.frame_anatomy(FRAMES["stamps"], "Stamps", cut=60)
    data, metadata = explorer._repr_mimebundle_()
    assert data["image/svg+xml"] == explorer.svg() == dml.frame_anatomy(FRAMES["stamps"], "Stamps", cut=60).svg()
    assert metadata["image/svg+xml"]["alt"] == data["text/plain"] == explorer.text and "6 octets of headers" in explorer.text
    root = ElementTree.fromstring(explorer.save(tmp_path / "cut.svg").read_text())
    assert root.get("role") == "img" and root[1].text == explorer.text


def test_the_page_hears_the_scene_with_everything_else(monkeypatch):
    """A busy page draws before it hears a second message."""
    heard = []

    class Heard(comm.base_comm.BaseComm):
        def publish_msg(self, msg_type, data=None, **more):
            heard.append((msg_type, data["state"]))

    monkeypatch.setattr(comm, "create_comm", Heard)
    dml.frame_anatomy(make_frame())
    (first, state), = [(kind, state) for kind, state in heard if "scene" in state]
    assert first == "comm_open" and "<svg" in state["scene"] and state["facts"]
