"""The player of a connection against the stream, the counters and the replay of the pool: three witnesses that do not know it."""

import numpy as np
import pytest

from devmemlab.lab import scenes_tcp as tcp
from devmemlab.lab.segments import Conversation, Segment
from devmemlab.view.ladder_rows import ROWS, rows, words
from devmemlab.view.page_ranges import BACK, SOCKET, TOKEN, page_ranges
from devmemlab.view.pool_replay import Replay
from devmemlab.view.tcp_film import LOOKS, looks_of, tcp_film
from devmemlab.view.tcp_player import TcpPlayer, tcp_player

pytestmark = pytest.mark.every_mode

PAGE = 4096


@pytest.fixture(scope="module")
def harmed():
    """A transfer with losses and late segments, no page of which is used twice."""
    talk, stream = tcp.transfer(24_000, loss=0.1, reorder=0.2, seed=6, pages=128)
    assert tcp.deliver(talk, len(stream)) == stream
    talk.lab.run(until_ns=talk.lab.clock.now_ns + tcp.MS)
    yield talk, stream, tcp_player(talk.lab)
    talk.lab.close()
    talk.device.close()


def test_every_stretch_lies_where_the_device_finds_it(harmed):
    talk, stream, player = harmed
    seen = set()
    for piece in player.pieces:
        assert talk.device.read(piece.page * PAGE, piece.end - piece.seq) == stream[piece.seq - 1:piece.end - 1]
        seen |= set(range(piece.seq, piece.end))
    assert seen == set(range(1, len(stream) + 1)) and all(piece.device for piece in player.pieces)


def test_buffers_change_hands_as_the_replay_of_the_pool_says(harmed):
    talk, _, player = harmed
    film, series = player.film, max(Replay(talk.trainer.trace).series.values(), key=lambda one: int(one["token"].max()))
    begin_ns = player.conversation.segments[0].sent_ns
    last = {int(at_ns): k for k, at_ns in enumerate(film.time_ns + begin_ns)}
    compared = 0
    for at_ns, event in last.items():
        before = np.flatnonzero(series["time_ns"] <= at_ns)
        if len(before) and film.value(SOCKET, event + 1):
            assert film.value(TOKEN, event + 1) == series["token"][before[-1]]
            assert film.value(SOCKET, event + 1) == series["socket"][before[-1]]
            compared += 1
    assert compared > 10 and film.values()[SOCKET] == film.values()[TOKEN] == 0
    assert max(film.tracks[TOKEN].value) >= 6


def test_counts_are_those_of_the_sender(harmed):
    talk, stream, player = harmed
    values, counters = player.film.values(), talk.storage.nstat()
    assert values["again"] == counters["TcpRetransSegs"] > 0
    assert values["acked"] == len(stream) + 1
    data = [one for one in player.conversation.segments if one.side == 0 and one.payload_bytes and one.fate != "copy"]
    assert values["sent"] == sum(one.payload_bytes for one in data) and values["lost"] == sum(
        one.fate == "lost" for one in player.conversation.segments) > 0


def test_an_event_is_told_in_its_place(harmed):
    _, _, player = harmed
    film, segments = player.film, player.conversation.segments
    left, came = film.columns["s.left"], film.columns["s.came"]
    for k, one in enumerate(segments):
        assert film.time_ns[left[k]] == one.sent_ns - segments[0].sent_ns and left[k] < came[k]
        if one.arrived_ns is not None:
            assert film.time_ns[came[k]] == one.arrived_ns - segments[0].sent_ns
    assert (np.diff(film.time_ns) >= 0).all() and film.line(int(left[0])).startswith("storage sends")
    calls = [k for k in range(len(film)) if "calls recvmsg" in film.line(k)]
    tokens = sum(int(film.amount[k]) for k in calls)
    assert tokens == sum(any(name == TOKEN for _, name, _ in piece.steps) for piece in player.pieces) > 15


def segment(side=0, seq=1, size=0, ack=1, flags="A", sack=(), duplicate=False, again=False, sent=0, arrived=5, fate="arrived"):
    end = seq + size + ("S" in flags) + ("F" in flags)
    return Segment(side, sent, arrived, fate, flags, seq, end, ack, size, 1000, sack, duplicate, again)


def test_what_a_segment_is_has_a_shape_of_its_own():
    told = [segment(size=10), segment(size=10, again=True), segment(flags="S", ack=None), segment(1, ack=11), segment(1, ack=11),
            segment(1, ack=11, sack=((21, 31),)), segment(1, ack=31, sack=((1, 11),), duplicate=True), segment(1, flags="RA"),
            segment(1, ack=31)]
    assert [LOOKS[k] for k in looks_of(told)] == ["data", "again", "control", "ack", "dup", "sack", "dsack", "control", "ack"]
    film = tcp_film(Conversation(("a", "b"), told, True))
    assert [words(film, k) for k in range(8)] == ["1+10", "again 1+10", "SYN 1", "ack 11", "dup ack 11", "ack 11 SACK 21-31",
                                                  "ack 31 DSACK 1-11", "RST 1 ack 1"]


def test_a_silence_is_one_event_and_a_loss_is_told_at_once():
    told = [segment(size=10, fate="lost", arrived=None), segment(size=10, again=True, sent=7_000_000, arrived=7_000_050)]
    film = tcp_film(Conversation(("a", "b"), told, True))
    assert [film.line(k) for k in range(len(film))] == [
        "a sends 10 octets from number 1 on", "lost on the way to b: 10 octets from number 1 on",
        "nothing happens for 7,000 microseconds", "a sends 10 octets from number 1 on, once more",
        "b gets 10 octets from number 1 on, once more"]
    assert "nothing for 7.000 ms" in rows(film, 3) and "lost" in rows(film, 2) and "lost" not in rows(film, 1)
    assert float(film.at[3] - film.at[2]) < 7_000_000, "nobody waits for a silence"


def test_what_is_answered_comes_behind_what_it_answers():
    told = [segment(size=10, arrived=5), segment(1, ack=11, sent=5, arrived=9), segment(size=20, seq=11, sent=9, arrived=14)]
    film = tcp_film(Conversation(("a", "b"), told, True))
    said = [" ".join(film.line(k).split(" ")[:2]) for k in range(len(film))]
    assert said == ["a sends", "b gets", "b sends", "a gets", "a sends", "b gets"]
    # All of a burst leave at one moment, and still each is drawn when it is told.
    burst = [segment(size=10, seq=1 + 10 * k, sent=0, arrived=90 + k) for k in range(9)]
    player = TcpPlayer(Conversation(("a", "b"), [*burst, segment(1, ack=91, sent=99, arrived=120)], True))
    assert [player.svg(k).count('data-phase="sent"') for k in (0, 1, 5, 9, 12)] == [0, 1, 5, 9, 9]


def test_rows_show_the_newest_and_nothing_to_come(harmed):
    film = harmed[2].film
    for position in (0, 1, 7, len(film) // 2, len(film)):
        drawn = rows(film, position)
        expected = {words(film, int(film.columns["e.which"][k])) for k in range(max(position - ROWS, 0), position)
                    if film.columns["e.what"][k] == 0 and film.columns["s.fate"][film.columns["e.which"][k]] != 3}
        assert expected == {text.partition(">")[2] for text in drawn.split("<text")[1:] for text in [text.partition("</text>")[0]]
                            if any(word in text for word in ("+", "ack", "SYN")) and "tokens" not in text and "copy" not in text}


def test_an_octet_can_be_asked_for(harmed):
    talk, stream, player = harmed
    piece, steps = next((piece, steps) for piece, steps in zip(player.film.pieces, player.film.phases) if len(steps) == 3)
    player.position = 0
    assert player.page_of(piece.seq) == (-1, "")
    for event, name in steps:
        player.set_state({"position": event + 1})
        assert player.page_of(piece.seq) == (piece.page, name) and player.page_of(piece.end - 1) == (piece.page, name)
    assert [name for _, name in steps] == [SOCKET, TOKEN, BACK]
    player.position = -1


def test_a_picture_stands_without_a_kernel(harmed, tmp_path):
    player = harmed[2]
    svg = player.svg()
    assert svg == player.svg(len(player.film)) == player.save(tmp_path / "a.svg").read_text()[:-1]
    assert "device page" in svg and f"{len(player.film)} of {len(player.film)}" in svg
    again = tcp_player(harmed[0].lab)
    assert again.svg() == svg and again.octets == player.octets
    data, _ = player._repr_mimebundle_()
    assert data["image/svg+xml"] == svg and data["text/plain"] == player.text


def test_without_memory_the_ladder_is_left_and_what_cannot_be_is_refused(harmed):
    talk, _, player = harmed
    bare = TcpPlayer(player.conversation)
    assert bare.pieces == [] and "device page" not in bare.svg() and SOCKET not in bare.film.tracks
    with pytest.raises(ValueError, match="nothing was sent"):
        tcp_film(Conversation(("a", "b"), [], True))
    other, _ = tcp.transfer(3000)
    with pytest.raises(ValueError, match="the trace of trainer has no frame for octets"):
        page_ranges(player.conversation, 0, other.trainer)
    other.trainer.trace.ctl[0].lost = 1
    with pytest.raises(ValueError, match="trainer has no whole trace"):
        page_ranges(player.conversation, 0, other.trainer)
    other.lab.close()
    other.device.close()
