"""The picture of skbs against what the inspector found, and as a picture; and the control that turns it."""

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.host.inspect import FragView, Inspection, Queue
from devmemlab.lab import scenes_skb as scenes
from devmemlab.lab.frames import make_frame
from devmemlab.view import displays
from devmemlab.view.inspected import answers_html
from devmemlab.view.skb_controls import SEGMENTS, SkbControl
from devmemlab.view.skb_picture import SHOWN, SkbPicture, _ranges, skb_picture
from devmemlab.view.still import WIDTH
from devmemlab.view.svg import text_width

NS = "{http://www.w3.org/2000/svg}"
SIZES = {"big": 14, "small": 11, "tiny": 10}


def texts(picture):
    return [node for node in ET.fromstring(picture.svg()).iter(f"{NS}text")]


def fits(picture):
    """Nothing is written beyond the edges."""
    for node in texts(picture):
        looks = (node.get("class") or "").split()
        wide, x = text_width(node.text, next((SIZES[look] for look in looks if look in SIZES), 12)), float(node.get("x"))
        wide *= 1.1 if "strong" in looks else 1
        left = x - wide if "end" in looks else x - wide / 2 if "mid" in looks else x
        assert left >= -2 and left + wide <= WIDTH + 2, node.text
    return True


def boxes(picture):
    """What is written in the boxes of the frags, in order."""
    return [node.text for node in texts(picture) if node.get("class") == "mid tiny halo" and node.text != "linear"]


@st.composite
def inspections(draw, linked=True):
    """Anything that an inspector could find."""
    frags = []
    for k in range(draw(st.integers(0, 17))):
        device = draw(st.booleans())
        offset, row = draw(st.integers(0, 4095)), draw(st.integers(1, 5000))
        tokens = ((2, draw(st.integers(0, 99_999))),) if device and draw(st.booleans()) else ()
        frags.append(FragView(k, row << 1 | device, "net_iov" if device else "page", offset, draw(st.integers(1, 4096)), 0,
                              1 + len(tokens), 1 if device else None, row * 4096 + offset if device else None, tokens))
    head, payload = draw(st.integers(0, 256)) if linked else 0, sum(f.length for f in frags)
    links = tuple(draw(st.lists(inspections(linked=False), max_size=2))) if linked else ()
    length = head + payload + sum(link.length for link in links)
    return Inspection(draw(st.integers(1, 30_000)), head, length, 768 + 4096 * len(frags), draw(st.integers(1, 3)),
                      all(f.kind == "page" for f in frags), bytes(head), tuple(frags), tuple(link.skb for link in links), links)


@given(st.lists(inspections(), max_size=3))
def test_every_frag_is_a_box_and_every_bit_a_frame(skbs):
    picture = SkbPicture([("", skbs)], "skbs", "counted")
    every = [one for found in skbs for one in (found, *found.linked)]
    frags = [f for one in every for f in one.frags]
    assert picture.counts == {"skbs": len(every), "frags": len(frags), "octets": sum(one.length for one in skbs),
                              "charged": sum(one.truesize for one in skbs), "tokens": sum(len(f.tokens) for f in frags),
                              "unreadable": sum(not one.readable for one in every)}
    wanted = []
    heads = {id(one) for one in skbs}           # equal ones may hang from another
    for one in every:
        wanted += [f"{one.headlen}"] if id(one) in heads else []
        wanted += [word for f in one.frags for word in ("D" if f.kind == "net_iov" else "H", f"{f.length}")]
    assert boxes(picture) == wanted
    frames = [node for node in ET.fromstring(picture.svg()).iter(f"{NS}rect") if node.get("rx") == "3"]
    with_frags = [one for one in every if one.frags]
    assert sum(node.get("stroke-width") == "3" for node in frames) == sum(not one.readable for one in with_frags) + 1
    assert sum(node.get("stroke-dasharray") == "4 3" for node in frames) == sum(one.readable for one in with_frags) + 1
    assert picture.text.count("unreadable,") == sum(not found.readable for found in skbs)
    assert picture.svg() == SkbPicture([("", skbs)], "skbs", "counted").svg() and fits(picture)


@given(st.lists(st.integers(0, 12), max_size=12))
def test_ranges_say_every_number_in_order(numbers):
    again = []
    for part in filter(None, _ranges(numbers).split(", ")):
        first, _, last = part.partition(" to ")
        first, last = int(first), int(last or first)
        again += list(range(first, last + 1)) if last >= first else list(range(first, last - 1, -1))
    assert again == numbers


def test_ranges_are_short():
    assert _ranges(range(2, 19)) == "2 to 18" and _ranges([9, 8, 7, 3, 4]) == "9 to 7, 3 to 4" and _ranges([5, 5]) == "5, 5"


def test_a_packet_a_frag_list_and_a_connection():
    card = scenes.card(ring=32)
    skb, big = scenes.hold(card, make_frame()), scenes.hold(card, make_frame(6, payload=bytes(18 * 4096)))
    one, two = card.host.inspect(skb), card.host.inspect(big)
    assert skb_picture(one).title == f"skb {skb}" and skb_picture(one, two, two).title == f"skbs {skb}, {big} and {big}"
    assert "in its frag list" in skb_picture(two).text and [f.netmem for f in two.linked[0].frags]
    assert skb_picture(two).counts["frags"] == 18 and fits(skb_picture(one, two))
    scenes.free(card, skb, big)
    scenes.close(card)
    arrived = scenes.arrivals(segment=100, count=20)
    scenes.try_operation(arrived, "recvmsg with MSG_SOCK_DEVMEM")
    queue = arrived.host.inspect(arrived.conn)
    displays.attach()
    data, metadata = queue._repr_mimebundle_()
    assert metadata["image/svg+xml"]["alt"] == skb_picture(queue).text and len(skb_picture(queue).text) > 100
    assert [node.text for node in texts(skb_picture(queue))].count("2 T") == 10 == skb_picture(queue).counts["tokens"]
    assert "held by a token" in data["text/plain"] and repr(queue).startswith(f"connection {queue.sock}: 2 skbs in order")
    scenes.close(arrived)


def test_many_skbs_are_counted_and_not_drawn():
    arrived = scenes.arrivals("pages", 100, 20)
    picture = skb_picture(arrived.host.inspect(arrived.conn))
    rest = f"and {20 - SHOWN} more: {100 * (20 - SHOWN):,} octets, {768 * (20 - SHOWN):,} charged"
    assert rest in picture.text and rest in [node.text for node in texts(picture)]
    assert len(re.findall(r"^  skb ", picture.text, re.M)) == SHOWN and picture.counts["skbs"] == 20
    scenes.close(arrived)


def test_an_empty_queue_and_an_early_one():
    empty = skb_picture(Queue(3, 0, 1000, (), ()))
    assert "nothing waits" in empty.text and empty.counts["skbs"] == 0 and fits(empty)
    one = Inspection(1, 7, 7, 768, 1, True, bytes(7), (), ())
    assert "too early" in skb_picture(Queue(3, 768, 1000, (), (one,))).text
    assert dml.skb_picture is skb_picture


def test_answers_are_a_table():
    answers = scenes.Answers([scenes.Answer(4, "linearize", "-", "done", "ENOMEM")])
    html = answers_html(answers)
    assert "<td" in html and "ENOMEM" in html and "4  linearize" in html
    displays.attach()
    assert answers._repr_html_() == html


def test_the_control_has_a_form_without_a_kernel_and_says_what_it_shows():
    control = SkbControl()
    data, metadata = control._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == repr(control) and control.text in repr(control)
    assert metadata["image/svg+xml"]["alt"] == control.picture.text and len(control.picture.text) > 100
    line, page = control.children[1:]
    assert line.text == control.text and line.runs == 1 and page.value == control.picture.svg()
    for chooser in control.children[0].children:
        assert chooser.description or all(chooser.tooltips)


def test_what_is_tried_is_answered_in_the_title_and_fits():
    control = SkbControl(segment=100, operation="recvmsg with MSG_SOCK_DEVMEM")
    assert control.answer == "0 octets in the buffer, 10 tokens" and control.picture.counts["tokens"] == 10
    assert control.counts["tokens"] == 0, "counted before"
    control.queue.value = "pages"
    assert control.answer == "1,000 octets in the buffer, 0 tokens" and control.children[1].runs == 2
    assert control.answer in control.text and control.answer in control.picture.title and fits(control.picture)
    for operation in scenes.OPERATIONS:
        control.picture.title = f"Tried: {operation}: 100,000 octets in the buffer, 10 tokens"
        assert fits(control.picture)


def test_gro_changes_what_tcp_is_handed_and_not_the_frags():
    control, seen = SkbControl(segment=SEGMENTS[1]), {}
    for gro in (True, False):
        control.gro.value = gro
        seen[control.packets] = control.counts
    assert list(seen) == [2, 20] and seen[2] == seen[20]
    assert seen[2]["frags"] == 20 and seen[2]["charged"] == 20 * 4096 + 2 * 768
