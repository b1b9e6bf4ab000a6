"""Time: any moment again, equal by hash to what a run that nobody stepped back in had there; forks; what cannot be put back."""

import collections
import functools
import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.lab import blocks
from devmemlab.lab.blocks import kept_blocks, put_back
from devmemlab.lab.course import ScenarioCourse
from devmemlab.lab.journey import Journey, journey
from devmemlab.lab.memento import Memento
from devmemlab.lab.program import program_of
from devmemlab.lab.settings import WORDS
from devmemlab.lab.state_hash import ADDRESSES, _feed_table, leaves, parts_of
from devmemlab.mem.region import host_memory, regions


def small(seed=7, **changes):
    """A scenario of two flows over a bad wire, as small as it can be and still lose frames."""
    draw = random.Random(seed)
    link = {"between": ["storage", "trainer"], "gbps": 10, "delay_us": draw.choice([1, 20]), "loss": draw.choice([0, 0.03]),
            "reorder": draw.choice([0, 0.1]), "duplicate": draw.choice([0, 0.05]), "corrupt": draw.choice([0, 0.02])}
    data = {"name": f"small {seed}", "seed": seed,
            "host": [{"name": "storage", "ip": "10.0.0.1", "rx_ring": 8, "sockets": 8, "trace": 1 << 14},
                     {"name": "trainer", "ip": "10.0.0.2", "rx_queues": 2, "rx_ring": 8, "sockets": 8, "trace": 1 << 14}],
            "link": [{**link, **changes}], "binding": [{"host": "trainer", "memory": "128KiB", "queues": [1]}],
            "traffic": [{"from": "storage", "to": "trainer", "octets": "9KiB", "into": "device", "keep": draw.choice([0, 3])},
                        {"from": "trainer", "to": "storage", "port": 80, "octets": "900B", "message": "300B", "pace_us": 30}]}
    return dml.Scenario(data)


def marks(lab):
    """Where a lab is: what the journey must agree on without a hash."""
    return [lab.clock.now_ns, *(int(host.trace.ctl[0].count) for host in lab.hosts)]


@settings(max_examples=3)
@given(seed=st.integers(0, 1 << 16), data=st.data())
def test_any_moment_again_equals_the_one_that_was(seed, data):
    scenario, course, witness = small(seed), None, {}
    with journey(scenario, every=60) as run:
        visits = data.draw(st.lists(st.integers(run.first, run.events), min_size=4, max_size=4))
        moments = {event: int(np.searchsorted(run._ends, event, side="right")) - 1 for event in visits}
        course, at = ScenarioCourse(scenario), 0       # another lab, elsewhere in memory, that only goes forward
        while len(witness) < len(set(moments.values())):
            if at in moments.values():
                witness[at] = dict(parts_of(course.lab)), course.lab.state_hash(), marks(course.lab)
            course.move()
            at += 1
        course.close()
        for event in visits:
            lab = run.at(event)
            parts, whole, where = witness[moments[event]]
            assert (run.event, run.moment, marks(lab)) == (event, moments[event], where)
            different = [name for name, part in parts_of(lab) if part != parts[name]]
            assert not different and lab.state_hash() == whole, different
            assert sum(where[1:]) + len(run.inside) == event
        lab.hosts[1].audit()


@pytest.fixture(scope="module")
def run():
    with journey(small(loss=0.03), every=25) as made:
        yield made


def test_steps_go_through_every_event_once(run):
    begin = run.events - 60
    run.at(begin)
    seen = []
    while run.event < run.events:
        run.step()
        seen.append(run.happened(run.event - 1, run.event)[0])
    assert len(seen) == 60 and seen == run.happened(begin, run.events)
    per_host = collections.Counter(one["host"] for one in run.happened(0, run.events))
    assert per_host == {name: int(host.trace.ctl[0].count) for name, host in run.hosts.items()}
    hashes = {}
    for event in range(run.events, run.events - 12, -1):
        hashes[event] = run.at(event).state_hash()
    assert len(set(hashes.values())) == len({int(np.searchsorted(run._ends, event, side="right")) for event in hashes}) > 1
    for event in range(run.events - 11, run.events):
        assert run.step(0 if event == run.events - 11 else 1).state_hash() == hashes[event]
    assert run.back().state_hash() == hashes[run.events - 2] and run.event == run.events - 2


def test_times_and_ends(run):
    assert run.at(-1) is run.lab and run.event == run.events == run.clamp(1 << 40) and run.whole and not run.stopped
    with small(loss=0.03).run() as outcome:
        assert outcome.trace_sha256 == run.trace_sha256 and list(outcome.flows) == run.flows
    assert run.at(0) is run.lab and (run.event, run.moment, run.inside) == (run.first, 0, [])
    half = run.seek(int(run._marks[-1, 0]) // 2).clock.now_ns
    assert 0 < half <= int(run._marks[-1, 0]) // 2
    assert run.step(run.events) and run.back(run.events) and run.event == run.first
    assert run.seek(-5).clock.now_ns == 0 and run.seek(1 << 60).clock.now_ns == int(run._marks[-1, 0])
    assert "at event" in repr(run) and run.inside == []


def test_inside_tells_what_the_tables_do_not_show_yet(run):
    moment = next(k for k in range(1, run.moments) if run._ends[k] - run._ends[k - 1] > 4)
    event = int(run._ends[moment]) - 1
    lab = run.at(event)
    assert run.moment == moment - 1 and len(run.inside) == event - int(run._ends[moment - 1])
    shown = sum(int(host.trace.ctl[0].count) for host in lab.hosts)
    assert run.inside == run.happened(shown, event)


def test_a_lab_that_was_led_astray_comes_back(run):
    event = run.first + (run.events - run.first) // 2
    before = run.at(event).state_hash()
    run.lab.run()
    assert run.lab.state_hash() != before
    run.hosts["trainer"].sysctl("net.ipv4.tcp_sack", 0)
    assert run.at(event).state_hash() == before
    run.lab.journey._course.close()                    # nothing can be put back into a lab that has ended
    assert run.at(event).state_hash() == before and run.lab.journey is run


def test_a_fork_goes_its_own_way_and_disturbs_nobody(run):
    event = run.first + (run.events - run.first) // 3
    before, end = run.at(event).state_hash(), run.trace_sha256
    with run.fork() as same:
        assert same.lab is not run.lab and (same.moment, same.trace_sha256) == (run.moment, end)
        assert same.lab.state_hash() == before == same.at(same.event).state_hash()
    with run.fork(loss=0.3) as bad:
        assert (bad.moment, bad.trace_sha256 != end, bad.whole) == (run.moment, True, True)
        assert bad.lab.hosts[0].port.port.link.loss == 300_000 and run.lab.hosts[0].port.port.link.loss == 30_000
        assert bad.happened(0, run.event) == run.happened(0, run.event), "what lies before the fork is the same"
        bad.at(-1)
        lost = sum(int(host.port.port.link.lost) for host in bad.lab.hosts)
        with bad.fork(bad.events - 30, loss=0) as good:
            assert [at for at, _ in good.program.changes] == [run.moment, good.moment]
        with bad.fork(run.first) as healed:
            assert healed.trace_sha256 == end, "a fork before the change does not have it"
    assert run.lab.state_hash() == before
    run.at(-1)
    assert lost > sum(int(host.port.port.link.lost) for host in run.lab.hosts)
    assert run.trace_sha256 == end and run.at(event).state_hash() == before


def test_every_setting_can_be_turned_on_the_way(run):
    event = run.first + 40
    turned = {"gbps": 1, "delay_us": 50, "loss": 0.0, "reorder": 0.0, "duplicate": 0.0, "corrupt": 0.0, "keep": 5,
              "sysctl": {"trainer": {"net.ipv4.tcp_reordering": 9}}, "commands": {"trainer": ["ethtool -N eth1 delete 0"]}}
    assert set(turned) == set(WORDS)
    run.at(event)
    with run.fork(**turned) as other:
        link = other.lab.hosts[1].port.port.link
        assert (link.rate_mbps, link.delay_ns, link.detour_ns) == (1000, 50_000, 50_000)
        assert other._course.pairs[0][1].keep == 5 and other.hosts["trainer"].sysctl("net.ipv4.tcp_reordering") == "9"
        assert "delete 0" not in other.hosts["trainer"].sh("ethtool -n eth1").stdout
        here = other.lab.state_hash()
        assert other.at(-1) and other.stand(run.moment).state_hash() == here


@pytest.mark.parametrize("turned, words", [
    ({"los": 1}, "los: there is no such setting; did you mean 'loss'?"),
    ({"loss": 2}, "loss = 2 cannot be; needed: a probability from 0 to 1"),
    ({"keep": True}, "keep = True cannot be"),
    ({"sysctl": {"trainer": 5}}, "sysctl = {'trainer': 5} cannot be; needed: names and values for each host"),
    ({"commands": {"trainer": "ip"}}, "needed: command lines for each host"),
    ({"commands": {"trainr": ["ip link"]}}, "commands: there is no host 'trainr'; did you mean 'trainer'?"),
    ({"commands": {"trainer": ["ethtool -Q"]}}, "commands of trainer: 'ethtool -Q'"),
    ({"sysctl": {"trainer": {"net.ipv4.tcp_no": 1}}}, "sysctl net.ipv4.tcp_no = 1 of trainer:"),
], ids=lambda value: "" if isinstance(value, str) else next(iter(value)))
def test_a_setting_that_cannot_be_is_named(run, turned, words):
    before = run.at(run.first).state_hash()
    with pytest.raises(ValueError) as said:
        run.fork(**turned)
    assert words in str(said.value) and run.lab.state_hash() == before


def test_a_trace_that_is_too_small_is_told_with_the_remedy():
    data = small().data
    data["host"][1]["trace"] = 100
    with pytest.raises(ValueError, match="the trace of trainer is full, .* give it trace = 400"):
        journey(data)


def test_a_run_that_is_not_deterministic_is_found_out():
    class Moody(ScenarioCourse):
        moods = iter([0, 1, 2, 3])

        def _connect(self):
            if not self.pairs:
                self.lab.clock.advance_to(self.lab.clock.now_ns + 1000 * next(self.moods))
            return super()._connect()

    class Program(type(program_of(small()))):
        def begin(self):
            return Moody(self.scenario)

    with Journey(Program(scenario=small())) as run, pytest.raises(RuntimeError, match="move 1 gave other events"):
        run.at(run._ends[1])


# ---- a recording: how a live run is travelled through

def test_a_recording_is_travelled_like_any_run(tmp_path):
    with small(loss=0.05).run() as outcome:             # what a live port would have recorded at its host
        recording = outcome.hosts["trainer"].port
        with journey(recording, memory="256KiB", keep=2) as run:
            assert run.flows[0].whole and run.flows[0].received == 9 << 10 and run.flows[0].frags > 5
            middle = (run.first + run.events) // 2
            first = run.at(middle).state_hash()
            held = len(run._course.actors[0].held)
            assert run.at(run.first).state_hash() != first and run.at(-1).state_hash() != first
            assert run.at(middle).state_hash() == first and len(run._course.actors[0].held) == held
            with run.fork(keep=0) as other:
                assert other.flows == run.flows and other.trace_sha256 != run.trace_sha256
            with pytest.raises(ValueError, match="loss: this lab has no wire; what a recorded sender met is in its recording"):
                run.fork(loss=0.1)
            run.lab.save(tmp_path / "live.dml")
            with dml.open_lab(tmp_path / "live.dml").journey as opened:
                assert opened.lab.state_hash() == first and opened.trace_sha256 == run.trace_sha256
    with pytest.raises(ValueError, match="5 cannot be run; needed: a scenario, a recording, or the name of a file"):
        journey(5)


# ---- the parts

def test_addresses_that_are_forgotten_show():
    pad = host_memory("64KiB")
    one, two = ScenarioCourse(small()), ScenarioCourse(small())
    for course in (one, two):
        while not course.over:
            course.move()
    assert one.lab.state_hash() == two.lab.state_hash()
    moved = set()
    for name in ("storage", "trainer"):
        tables = [[*leaves(c.made.hosts[name].tables, "machine"), *leaves(c.made.hosts[name].mem.dmabufs, "mem.dmabufs")]
                  for c in (one, two)]
        for (path, a), (_, b) in zip(*tables):
            for field in ADDRESSES.get(path, ()):
                moved |= {(path, field)} if (a.reshape(-1)[:4096][field] != b.reshape(-1)[:4096][field]).any() else set()
    assert moved == {(path, field) for path, fields in ADDRESSES.items() for field in fields}, "what is no address is in the list"
    one.close(), two.close(), pad.close()


def test_what_lies_behind_a_region_is_not_part_of_the_state():
    """The pages of a host end where, perhaps, another region begins."""
    with journey(small(loss=0)) as run:
        pages, rows = run.hosts["trainer"].mem.providers.pages, regions()
        alone, crowded = pages.copy(), pages.copy()
        spare = int(np.flatnonzero(rows.alive == 0)[-1])
        kept, seen = rows[spare].copy(), []
        for table, length in ((alone, 0), (crowded, 4096)):
            digest = hashlib.sha256()
            hidden = (rows.alive == 1) & (rows.start == pages[0].end_addr)
            rows.alive[hidden] = 0
            if length:
                rows[spare].start, rows[spare].length, rows[spare].alive = pages[0].end_addr, length, 1
            _feed_table(digest, "machine.providers.pages", table)
            rows[spare], rows.alive[hidden] = kept, 1
            seen.append(digest.hexdigest())
        assert seen[0] == seen[1]


def test_the_hash_sees_every_table_memory_wire_and_descriptor():
    with journey(small(loss=0)) as run:
        lab = run.at((run.first + run.events) // 2)
        host, before = run.hosts["trainer"], lab.state_hash()
        changes = [table.view(np.ndarray).reshape(-1)[:1] for _, table in leaves(host.tables, "machine") if table.size]
        changes += [host.mem.backing[1].octets[5000:5001], host._heads.octets[:1], host._regions[0].octets[:1]]
        for place in changes:
            old = place.copy()
            place.view(np.uint8)[0] ^= 1
            assert lab.state_hash() != before
            place[:] = old
        assert lab.state_hash() == before
        waiting = next(k for k in range(run.moments) if run.stand(k).hosts[1].port.port.waiting)
        port, before = run.lab.hosts[1].port.port, run.lab.state_hash()
        octets, frame = port.all_waiting()
        octets[frame[port._order[0]].offset] ^= 1
        assert run.moment == waiting and run.lab.state_hash() != before
        octets[frame[port._order[0]].offset] ^= 1
        assert run.lab.state_hash() == before and host.open_other() and run.lab.state_hash() != before


def test_a_hash_is_the_same_in_another_journey_and_different_for_another_seed(run):
    with journey(small(loss=0.03)) as again:
        for share in (0, 0.5, 1):
            event = run.first + int(share * (run.events - run.first))
            assert again.at(event).state_hash() == run.at(event).state_hash()


def test_a_lab_of_cells_cannot_be_saved_and_says_what_can():
    with dml.Lab() as lab:
        lab.host("one", ip="10.0.0.1")
        assert len(lab.state_hash()) == 64 and lab.state_hash() == lab.state_hash()
        with pytest.raises(ValueError, match="made call by call.*dml.journey"):
            lab.save("never.dml")


class Slotted:
    __slots__ = ("one", "two")


def test_a_memento_puts_every_kind_of_thing_back():
    class Thing:
        pass

    thing, secret = Thing(), [1]
    thing.numbers, thing.names, thing.some, thing.queue = [1, [2]], {"a": {1: 2}}, {3}, collections.deque([1, 2], maxlen=5)
    thing.octets, thing.digest, thing.luck, thing.slots = bytearray(b"abc"), hashlib.sha256(b"a"), random.Random(1), Slotted()
    thing.slots.one, thing.pair, thing.call = 5, ([7],), functools.partial(max, secret)
    thing.array, thing.table = np.arange(3000), dml.host_memory("8KiB")
    thing.row, thing.me = np.zeros(2, [("x", np.int64)]).view(np.recarray)[1], thing
    count = 0

    def counting():
        nonlocal count
        count += 1
        return count

    thing.counting = counting
    thing.table.octets[5000] = 7
    view, wanted = thing.array[10:20], [thing.luck.random() for _ in range(3)]
    thing.luck.seed(1)
    memento, shared = Memento(thing), thing.digest
    later = Memento(thing, memento)
    for kept in (memento, later, memento):
        thing.numbers[1].append(3), thing.names["a"].update({5: 6}), thing.some.add(4), thing.queue.extend([3, 4, 5, 6])
        thing.octets.extend(b"d"), thing.digest.update(b"b"), thing.pair[0].append(8), secret.append(9), counting()
        thing.slots.one, thing.slots.two, thing.new, thing.row.x = 6, 7, 8, 9
        view[:], thing.table.octets[5000], thing.table.octets[1] = 0, 0, 3
        found = [thing.luck.random() for _ in range(3)]
        kept.restore()
        assert found == wanted and not hasattr(thing, "new") and not hasattr(thing.slots, "two")
        assert (thing.numbers, thing.names, thing.some, list(thing.queue)) == ([1, [2]], {"a": {1: 2}}, {3}, [1, 2])
        assert (thing.octets, thing.slots.one, thing.pair, secret, thing.row.x, count) == (b"abc", 5, ([7],), [1], 0, 0)
        assert thing.digest.hexdigest() == hashlib.sha256(b"a").hexdigest() and thing.digest is not shared
        assert view.tolist() == list(range(10, 20)) and thing.table.octets[5000] == 7 and thing.table.octets[1] == 0
        assert thing.queue.maxlen == 5 and thing.me is thing
    thing.table.close()
    thing.numbers.append(1)
    with pytest.raises(ValueError, match="has been closed since"):
        memento.restore()
    assert thing.numbers == [1, [2], 1], "half of it was put back"
    thing.going = (k for k in range(3))
    with pytest.raises(TypeError, match="cannot be put back"):
        Memento(thing)


@given(st.integers(0, 3 << 20), st.lists(st.tuples(st.integers(0, 3 << 20), st.integers(0, 255)), max_size=8),
       st.lists(st.tuples(st.integers(0, 3 << 20), st.integers(0, 255)), max_size=8))
def test_blocks_come_back(nbytes, first, then):
    octets = np.zeros(nbytes + 16, np.uint8)[16:]       # large ones do not begin at a page
    for at, value in first:
        octets[at:at + 3] = value
    before, kept = octets.copy(), kept_blocks(octets)
    for at, value in then:
        octets[at:at + 5] = value
    later = kept_blocks(octets, kept)
    put_back(octets, kept)
    assert (octets == before).all() and all(any(data) for data in kept.values())
    assert all(later[k] is kept[k] for k in kept if later.get(k) == kept[k]), "what has not changed is kept twice"


@pytest.mark.parametrize("way", ["pagemap", "nothing"])
def test_every_way_of_finding_pages_finds_the_same(way, monkeypatch):
    octets = np.zeros((4 << 20) + 16, np.uint8)[16:]
    octets[[5, 1 << 20, (3 << 20) + 1, (4 << 20) - 1]] = 7
    device = dml.DeviceMemory("4MiB")
    device.octets[[9, 3 << 20]] = 5
    wanted = kept_blocks(octets), kept_blocks(device.octets, None, device.fd)
    assert [len(kept) for kept in wanted] == [4, 2]
    if way == "nothing":
        monkeypatch.setattr(blocks, "fcntl", None)
        monkeypatch.delattr(blocks.os, "SEEK_DATA", raising=False)
    else:
        monkeypatch.setattr(blocks, "PAGEMAP_SCAN", 0)      # an older kernel knows no such request
    assert (kept_blocks(octets), kept_blocks(device.octets, None, device.fd)) == wanted
    device.close()
