"""The skb inspector against what the inspector of the host and the kernels say of the same skbs at the same moments."""

import pytest

from devmemlab.host.inspect import FragView, Inspection, Queue
from devmemlab.lab import scenes_skb
from devmemlab.lab import scenes_tcp as tcp
from devmemlab.lab.skb_watch import CHANGING, Moment, SkbWatch
from devmemlab.view.skb_film import SLOTS, picked_version, skb_film
from devmemlab.view.skb_inspector import SkbInspector
from devmemlab.view.skb_stage import refused

pytestmark = pytest.mark.every_mode


@pytest.fixture(scope="module")
def watched():
    """Two holes, a program that reads once on the way, and what the host itself said after each step."""
    talk, stream = tcp.transfer(16_000, lose={3, 7})
    watch, seen = SkbWatch(talk.lab, talk.trainer, talk.conn), []
    while len(watch.moments) < 9:
        watch.run(talk.lab.clock.now_ns + 20_000)
        seen.append((len(watch.moments), talk.trainer.inspect(talk.conn)))
    pieces, _ = tcp.receive(talk, 1)
    watch.note("recvmsg hands out {amount} tokens", len(pieces))
    seen.append((len(watch.moments), talk.trainer.inspect(talk.conn)))
    watch.run(talk.lab.clock.now_ns + 5_000_000)
    seen.append((len(watch.moments), talk.trainer.inspect(talk.conn)))
    yield watch, seen, len(stream)
    talk.lab.close()
    talk.device.close()


def shown(film, position):
    """Inspections that the slots show, by place."""
    found = {"in": [], "early": []}
    for name in film.facts["slots"]:
        version = film.value(name, position)
        if version:
            place, one, _ = film.versions[version - 1]
            found[name.partition(".")[0]].append(one)
            assert place == name.partition(".")[0]
    return tuple(found["in"]), tuple(found["early"])


def test_at_every_moment_the_slots_show_what_the_host_says(watched):
    watch, seen, octets = watched
    film = skb_film(watch.moments)
    for position, queue in seen:
        assert shown(film, position) == (queue.skbs[:SLOTS], queue.early[:SLOTS])
        assert film.value("octets", position) == queue.length and film.value("charged", position) == queue.charged
        assert film.value("ofo", position) == len(queue.early)
    assert max(film.tracks["ofo"].value) >= 4 and seen[-1][1].length == octets and film.value("ofo", len(film)) == 0
    assert any("the hole is filled" in film.line(k) for k in range(len(film)))
    assert any(f.tokens for one in (one for _, queue in seen for one in queue.skbs) for f in one.frags)


def test_who_waits_on_is_known_again_and_a_row_used_again_is_another(watched):
    film = skb_film(watched[0].moments)
    lives = {}
    for position in range(1, len(film) + 1):
        for name in film.facts["slots"]:
            if film.value(name, position):
                life = film.value(f"{name}.life", position)
                skb = film.versions[film.value(name, position) - 1][1].skb
                assert lives.setdefault(life, skb) == skb
    assert sorted(lives) == list(range(1, len(lives) + 1)) and len(lives) > 5
    player = SkbInspector(watched[0])
    player.picked = 2
    first = next(k for k in range(len(film) + 1) if picked_version(film, k, 2)[0])
    player.position = first
    assert player.skb.skb == lives[2] and player.skb in watched[0].moments[first - 1].queue.early
    player.position = first - 1
    assert player.skb is None and player.answers == {} and "in no queue" in player.svg()


def test_answers_are_those_of_the_kernels_and_nothing_is_changed_by_asking():
    for queue, denied in zip(scenes_skb.QUEUES, (True, False)):
        arrived = scenes_skb.arrivals(queue, 1448, 4, gro=False)
        before = arrived.host.inspect(arrived.conn)
        player = SkbInspector(SkbWatch(arrived.lab, arrived.host, arrived.conn))
        assert arrived.host.inspect(arrived.conn) == before and player.skb == before.skbs[0]
        for number, answer in player.answers.items():
            assert answer == scenes_skb.ask_one(arrived.host, before.skbs[0].skb, number)
        assert [refused(player.answers[number]) for number in (1, 5, 7, 10)] == [denied] * 4
        assert set(CHANGING) <= set(player.answers) if denied else not set(CHANGING) & set(player.answers)
        assert ("EFAULT" in player.text) == denied and player.answers[22] == "an address"
        scenes_skb.close(arrived)


def test_what_the_page_picks_is_drawn(watched, tmp_path):
    player = SkbInspector(watched[0], position=7)
    first = player.svg()
    assert f"skb {player.skb.skb}" in player.text and player.skb.skb == watched[0].moments[6].queue.skbs[0].skb
    player.set_state({"picked": 3})
    assert player.skb.skb != 1 and player.svg() != first and "early" in player.text
    assert player.save(tmp_path / "a.svg").read_text() == player.svg() + "\n"
    assert "pskb_may_pull" in first and "skb_copy_bits" in first
    data, _ = player._repr_mimebundle_()
    assert data["image/svg+xml"] == player.svg() and "Who asks, and what it gets" in data["text/plain"]
    assert SkbInspector(watched[0], position=7).svg() == first


def inspection(skb, length=1448):
    frag = FragView(0, 2 * skb + 1, "net_iov", 0, length, 0, 1, 1, 4096 * skb, ())
    return Inspection(skb, 0, length, 4864, 1, False, b"", (frag,), ())


def moment(at_ns, in_order, early=()):
    skbs = tuple(inspection(skb) for skb in in_order), tuple(inspection(skb) for skb in early)
    return Moment(at_ns, "so", 0, 0, Queue(1, 4864 * len(in_order), 65536, *skbs), {one.skb: () for one in sum(skbs, ())})


def test_a_row_that_is_used_again_is_another_skb():
    film = skb_film([moment(0, [1]), moment(1, [1, 2]), moment(2, [2]), moment(3, [2, 1])])
    assert [film.value("in.0.life", k) for k in (1, 2, 3, 4)] == [1, 1, 2, 2] and film.value("in.1.life", 4) == 3
    assert picked_version(film, 3, 1) == (0, 1) and picked_version(film, 4, 1) == (0, 1) and picked_version(film, 4, 2)[0]


def test_what_has_no_slot_is_counted_and_too_much_is_refused(monkeypatch):
    film = skb_film([moment(0, range(1, 10)), moment(1, [1], range(2, 10))])
    assert film.value("more", 1) == 9 - SLOTS and film.value("more", 2) == 8 - SLOTS and len(shown(film, 1)[0]) == SLOTS
    with pytest.raises(ValueError, match="nothing was noted"):
        skb_film([])
    monkeypatch.setattr("devmemlab.view.skb_film.MOST", 5)
    with pytest.raises(ValueError, match="different skbs are too many to play"):
        skb_film([moment(0, range(1, 10))])
