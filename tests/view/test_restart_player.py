"""The film of restarts against the machine's own counters, and against what its trials say of the queues."""

import pytest

from devmemlab.lab.restart_trial import EACH, FAILS, QUEUES, Arrival, Call, Trial, restart_trial
from devmemlab.view.restart_film import DEAD, STILL, restart_film, stretches, told
from devmemlab.view.restart_stage import RestartPlayer, restart_player


@pytest.fixture(scope="module")
def trials():
    return {(fails, design): restart_trial(fails, design) for fails in ("nothing", "start", "start twice")
            for design in ("queue", "device")}


def pair(trials, fails):
    return [trials[fails, design] for design in ("queue", "device")]


def test_every_packet_is_found_again_where_the_counters_say_it_went(trials):
    for trial in trials.values():
        assert len(trial.arrivals) == QUEUES * EACH
        assert [sum(one.taken for one in trial.arrivals if one.queue == queue) for queue in range(QUEUES)] == trial.got
        assert [one.at_ns for one in trial.arrivals] == sorted(one.at_ns for one in trial.arrivals)
        assert [one.at_ns for one in trial.arrivals][::QUEUES] == [500_000 + 1_000_000 * k for k in range(EACH)]


@pytest.mark.parametrize("fails", ["nothing", "start", "start twice"])
def test_in_the_end_the_counts_are_those_of_the_machine(trials, fails):
    some = pair(trials, fails)
    values = restart_film(some).values()
    for letter, trial in zip("AB", some):
        taken, lost = values[f"{letter}.taken"], values[f"{letter}.lost"]
        assert taken == sum(trial.got) and taken + lost == QUEUES * EACH
        returned, posted = (trial.cost.buffers_returned, trial.cost.buffers_posted) if trial.cost else (0, 0)
        assert (values[f"{letter}.out"], values[f"{letter}.posted"]) == (returned, posted)
        assert values[f"{letter}.still"] == trial.after.count("dead")


def test_queues_stand_still_as_long_as_the_cost_says_and_packets_are_lost_then(trials):
    for trial in trials.values():
        parts = stretches(trial)
        for queue in range(QUEUES):
            own = [one for one in parts if one.queue == queue]
            assert own[0].begin_ns == 0 and own[-1].end_ns == trial.until_ns
            assert all(one.end_ns == other.begin_ns for one, other in zip(own, own[1:])) and own[-1].memory == trial.after[queue]
            for arrival in trial.arrivals:
                if arrival.queue == queue:
                    at = next(one for one in own if one.begin_ns <= arrival.at_ns < one.end_ns)
                    assert arrival.taken == (at.memory not in (STILL, DEAD))
        if trial.cost and DEAD not in trial.after:
            stood = {one.end_ns - one.begin_ns for one in parts if one.memory == STILL}
            assert stood == {trial.cost.end_ns - trial.cost.begin_ns}


def test_both_are_in_step_and_told_in_order(trials):
    film = restart_film(pair(trials, "nothing"))
    assert (film.time_ns[1:] >= film.time_ns[:-1]).all()
    said = [film.line(k) for k in range(len(film))]
    assert said[0] == "A  the kernel calls mem_alloc for queue 2"
    order = ["B  the kernel calls stop for queue 3", "A  queue 0 takes a packet",
             "B  the kernel calls start for queue 3 with its new memory"]
    assert sorted(order, key=said.index) == order
    assert [line for line in said if line.startswith("A") and "calls" in line] == [
        f"A  the kernel calls {told(call)}" for call in film.trials[0].calls]
    still = [film.value("B.still", k) for k in range(len(film) + 1)]
    assert max(still) == 4 and still[0] == still[-1] == 0
    assert sorted({film.value("A.still", k) for k in range(len(film))}) == [0, 1]


def test_the_scene_shows_what_has_happened_and_no_more(trials, tmp_path):
    player = RestartPlayer(pair(trials, "start twice"), position=0)
    assert 'data-phase="came"' not in player.svg()
    player.set_state({"position": len(player.film)})
    svg = player.svg()
    assert 'data-phase=""' not in svg and svg.count('data-phase="came"') == player.scene.count('data-phase=""')
    assert "dead" in svg and "5.000 ms: start 2 times, failing" in svg
    assert player.save(tmp_path / "a.svg").read_text() == svg + "\n"
    assert "A packets lost: 8" in player.text and "(modelled)" in player.text
    assert RestartPlayer(pair(trials, "start twice")).svg() == svg


def test_trials_of_other_traffic_are_refused_and_faults_named(trials):
    one, other = pair(trials, "nothing")
    with pytest.raises(ValueError, match="did not have the same traffic"):
        restart_film([one, other._replace(arrivals=other.arrivals[1:])])
    with pytest.raises(ValueError, match="cannot fail"):
        restart_player("everything")
    assert told(Call("start", 2, "old", 12)) == "start for queue 2 with its old memory: ENOMEM"
    assert all(name in FAILS for name, _ in trials)


def crowd(n):
    """A trial of so many packets, made of thin air."""
    arrivals = tuple(Arrival(k * 10, k % QUEUES, k % 7 > 0) for k in range(n))
    pages = ["pages"] * QUEUES
    return Trial("nothing", "queue", 0, "", [], pages, pages, [0] * QUEUES, n, None, [], arrivals, 0, n * 10)


def test_very_many_packets_are_drawn_as_few(trials):
    player = RestartPlayer([crowd(20_000)])
    assert len(player.film) == 20_000 and player.svg().count("data-phases") < 1300
    assert player.film.values()["A.lost"] == -(-20_000 // 7)
