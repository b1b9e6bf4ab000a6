"""Pictures of TCP: what they draw is what the table says, what was recorded, and what the trace tells."""

import xml.etree.ElementTree as ET

import pytest

from devmemlab.base.trace import NAMES, Trace, emit, make_trace
from devmemlab.lab import scenes_tcp as scenes
from devmemlab.tcp.states import STATES, TRANSITIONS
from devmemlab.view.ladder import ladder, words_of
from devmemlab.view.state_picture import ABRUPT, StatePicture, lives, state_picture
from devmemlab.view.time_axis import CUT, TimeAxis
from devmemlab.view.time_sequence import time_sequence

TCP_STATE = NAMES.index("tcp_state")


@pytest.fixture(scope="module")
def lost():
    """A transfer of seven segments of which the third was lost, to the end of the connection."""
    talk, stream = scenes.transfer(10_000, lose={3})
    assert scenes.deliver(talk, len(stream), every_ns=30_000) == stream
    scenes.farewell(talk)
    yield talk
    talk.lab.close()


def texts(picture, paper="page"):
    return ["".join(node.itertext()) for node in ET.fromstring(picture.svg(paper)).iter("{http://www.w3.org/2000/svg}text")]


def paths(picture):
    return list(ET.fromstring(picture.svg()).iter("{http://www.w3.org/2000/svg}path"))


def test_every_entry_of_the_table_is_an_arrow_or_a_mark_and_there_are_no_others():
    picture = StatePicture()
    said = {(old, event): new for (old, new), events in picture.drawn.items() for event in events}
    said |= {(state, event): "CLOSE" for state, events in picture.marked.items() for event in events}
    assert said == TRANSITIONS
    drawn = texts(picture)
    assert all(state in drawn for state in STATES if state != "NONE") and drawn.count("X") == len(picture.marked) + 1
    assert all(", ".join(events) in drawn for events in picture.drawn.values())
    # An arrow is one path, and nothing else of this picture is.
    outside = [path for path in paths(picture) if path.get("d").endswith("Z")]
    assert len(outside) == len(picture.drawn)


def test_another_table_is_another_picture():
    table = {**TRANSITIONS, ("CLOSING", "nap"): "DREAM", ("DREAM", "rcv RST"): "CLOSE"}
    picture = StatePicture(transitions=table)
    assert ("CLOSING", "DREAM") in picture.drawn and picture.drawn["DREAM", "CLOSE"] == ["rcv RST"]
    assert "DREAM" in texts(picture) and "nap" in texts(picture)


def test_the_way_of_a_connection_is_what_its_trace_says(lost):
    picture = state_picture(storage=lost.client, trainer=lost.conn)
    ways = {name: [way[0][0], *(new for _, new in way)] for name, way in picture.ways.items()}
    assert ways == {"storage": ["CLOSE", "SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE"],
                    "trainer": ["CLOSE", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE"]}
    assert all(edge in picture.drawn for way in picture.ways.values() for edge in way)
    drawn = texts(picture)
    assert [drawn.count(str(step)) for step in (1, 5, 6)] == [2 + 2, 2, 1]
    assert "storage: CLOSE > SYN_SENT" in picture.text and len(picture.text) > 400
    assert state_picture(a=lost.storage).ways["a"] == picture.ways["storage"]


def test_lives_in_one_row_are_told_apart():
    trace = make_trace(16)
    steps = [("CLOSE", "LISTEN"), ("CLOSE", "SYN_RECV"), ("SYN_RECV", "ESTABLISHED"), ("ESTABLISHED", "CLOSE"),
             ("CLOSE", "SYN_RECV"), ("SYN_RECV", "CLOSE")]
    for old, new in steps:
        emit(trace, TCP_STATE, 1, STATES.index(old), STATES.index(new), 0)
    assert lives(trace) == [steps[1:4], steps[4:]] and lives(trace, sock=2) == []
    picture = state_picture(it=Trace(*trace))
    assert picture.ways["it"] == steps[1:4] and picture.marked["ESTABLISHED"] == list(ABRUPT)
    assert texts(picture).count("3") == 1
    with pytest.raises(ValueError, match="at most 2"):
        StatePicture({"a": [], "b": [], "c": []})


def test_a_host_without_a_trace_is_told_so(lost):
    with pytest.raises(ValueError, match="trace=True"):
        state_picture(it=type("Host", (), {"trace": None})())


def test_a_ladder_has_every_segment_with_its_numbers_and_its_fate(lost):
    picture = ladder(lost.lab)
    drawn = texts(picture)
    assert picture.counts == {"arrived": 21, "lost": 1, "again": 1} and picture.every == len(picture.segments) == 22
    assert drawn.count("lost") == 1 and "again 2897+1448 ack 1" in drawn and "ack 2897 SACK 4345-5793" in drawn
    assert "1 lost" in picture.note and "1 sent again" in picture.note and "times modelled" in picture.note
    for one in picture.segments:
        assert " ".join(words_of(one)) in picture.text
    dashed = [path for path in paths(picture) if path.get("stroke-dasharray") == "7 3"]
    assert len(dashed) == 1 + 1                     # the segment, and the legend
    tips = [path for path in paths(picture) if path.get("d").endswith("Z")]
    assert len(tips) == 21


def test_time_runs_downwards_in_a_ladder(lost):
    picture = ladder(lost.lab)
    heights, _, bottom = picture._places()
    moments = sorted((one.sent_ns if what == "sent" else one.arrived_ns, heights[k, what])
                     for k, one in enumerate(picture.segments) for what in ("sent", "arrived") if (k, what) in heights)
    assert all(a[1] <= b[1] for a, b in zip(moments, moments[1:]) if a[0] < b[0]) and moments[-1][1] <= bottom
    for side in (0, 1):
        rows = [heights[k, "sent"] for k, one in enumerate(picture.segments) if one.side == side]
        assert min(b - a for a, b in zip(rows, rows[1:])) >= 13, "words of one side lie over each other"


def test_a_long_silence_is_cut_and_named():
    talk, stream = scenes.transfer(3_000, lose={3})
    assert scenes.deliver(talk, len(stream)) == stream
    picture = ladder(talk.lab)
    assert [text for text in texts(picture) if text.startswith("nothing for 2")] and picture._places()[2] < 500
    assert ladder(talk.lab, first=3, most=4).note.startswith(f"{picture.every} segments (counted), {picture.every - 4} not drawn")
    talk.lab.close()


def test_a_recording_of_one_end_tells_no_fate(lost):
    one_end = ladder(lost.trainer.port)
    assert one_end.counts == {"seen": 21, "again": 0} and "one end" in one_end.note and "lost" not in texts(one_end)
    assert ladder(lost.trainer.port.capture()).text == one_end.text
    pair = ladder((lost.storage.port, lost.trainer.port))
    assert [one.fate for one in pair.segments] == [one.fate for one in ladder(lost.lab).segments]


def test_sequence_numbers_over_time_follow_the_recording(lost):
    picture = time_sequence(lost.lab)
    assert picture.side == 0 and sum(one.payload_bytes for one in picture.data if not one.again) == 10_000
    assert picture.edges["acknowledged"].tolist() == sorted(picture.edges["acknowledged"]) and picture.high == 10_002
    assert picture.edges["acknowledged"][-1] == 10_002 and (picture.edges["window"] > picture.edges["acknowledged"]).all()
    assert texts(picture).count("R") == 1 and "1 sent again, 1 lost" in picture.text
    held = picture.pages["socket"] + picture.pages["token"]
    assert held.max() >= 4 and held[-1] == 0 and (held >= 0).all()
    assert time_sequence(lost.storage.port).pages is None


def test_pages_that_a_hole_keeps_are_in_the_socket_to_the_end():
    talk, stream = scenes.transfer(30_000, mtu=576, pages=16, lose={11}, rcvbuf=0)
    assert len(scenes.deliver(talk, len(stream))) == 5_240
    picture = time_sequence(talk.lab)
    assert picture.pages["socket"][-1] == 16 == talk.trainer.tcbs.tcb[talk.conn.sock].ofo_count
    assert "silences are cut" in " ".join(texts(picture))
    talk.lab.close()


@pytest.mark.parametrize("make", [lambda t: StatePicture(), lambda t: ladder(t.lab), lambda t: time_sequence(t.lab)])
@pytest.mark.parametrize("paper", ["page", "light", "dark"])
def test_words_stay_inside_the_picture(lost, make, paper):
    from devmemlab.view.svg import text_width
    root = ET.fromstring(make(lost).svg(paper))
    width, height = float(root.get("width")), float(root.get("height"))
    for node in root.iter("{http://www.w3.org/2000/svg}text"):
        looks, wide = node.get("class") or "", text_width("".join(node.itertext()), 11) * 0.92
        x = float(node.get("x")) - (wide if "end" in looks.split() else wide / 2 if "mid" in looks.split() else 0)
        assert x > -6 and x + wide < width + 6 and 0 < float(node.get("y")) < height, "".join(node.itertext())


def test_an_axis_cuts_what_is_silent_and_keeps_the_order():
    axis = TimeAxis([0, 100, 200, 5_000_200, 5_000_300], 50, 350)
    x = [float(axis.x(at)) for at in (0, 100, 200, 5_000_200, 5_000_300)]
    assert x == sorted(x) and x[0] == 50 and x[-1] == pytest.approx(350)
    assert axis.cuts == [(pytest.approx((x[2] + x[3]) / 2), 5_000_000)] and x[3] - x[2] == pytest.approx(CUT)
    assert x[1] - x[0] == pytest.approx(x[4] - x[3])
