"""Scenes of the control lessons: what they set up, and what each failing restart leaves behind."""

import pytest

from devmemlab.lab import scenes_control as scenes
from devmemlab.lab.restart_trial import FAILS, QUEUE, restart_trial
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, frags
from tests.naive.toeplitz import naive_toeplitz
from tests.nic.test_toeplitz import ROWS

ROOM = CMSG_SPACE(24) * 16


@pytest.mark.once
def test_frames_of_published_flows_hash_as_spec_case_25_3_says():
    card = scenes.card(queues=8)
    flows = [scenes.Flow(source, int(sport), target, int(dport)) for source, sport, target, dport, _, _ in ROWS]
    seen = scenes.arrive(card, flows)
    assert [f"{found['hash']:08x}" for found in seen] == [row[5] for row in ROWS]
    assert [found["queue"] for found in seen] == [int(row[5], 16) % 128 % 8 for row in ROWS]
    assert scenes.arrive(card, []) == []
    card.lab.close()


@pytest.mark.once
def test_flows_land_where_a_naive_hash_puts_them():
    card = scenes.card(queues=4)
    flows, key = scenes.flows(24, device=3), card.host.ethtool("eth1").get_rxfh()["key"]
    assert [flow.dport for flow in flows] == [5201] * 3 + [443] * 21 and len(set(flows)) == 24
    wanted = []
    for flow in flows:
        octets = bytes(int(part) for part in f"{flow.src}.{flow.dst}".split("."))
        octets += flow.sport.to_bytes(2, "big") + flow.dport.to_bytes(2, "big")
        wanted.append(naive_toeplitz(key, octets) % 128 % 4)
    assert [found["queue"] for found in scenes.arrive(card, flows)] == wanted
    card.lab.close()


@pytest.mark.once
def test_a_frame_carries_its_payload_and_right_sums():
    scapy = pytest.importorskip("scapy.all")
    card = scenes.card()
    read = scapy.Ether(scenes.frame(card.host, scenes.Flow("198.51.100.9", 7, scenes.OURS, 9), b"payload"))
    told = bytes(read["TCP"].payload), read["TCP"].sport, read["TCP"].dport, read["IP"].src, read["IP"].dst
    assert told == (b"payload", 7, 9, "198.51.100.9", scenes.OURS)
    ip, tcp = read["IP"].chksum, read["TCP"].chksum
    del read["IP"].chksum, read["TCP"].chksum
    again = scapy.Ether(bytes(read))
    assert (again["IP"].chksum, again["TCP"].chksum) == (ip, tcp) and read.dst == "02:00:00:00:00:01"
    card.lab.close()


def test_both_symptoms_of_wrong_steering_and_their_cure_as_spec_section_11_says():
    pair = scenes.pair(queues=2)
    host, trainer = pair.receiver, scenes.bind(pair.receiver, 1)
    assert scenes.queue_memory(host) == ["pages", f"binding {trainer.id}"]
    ours, train = scenes.calls(pair, trainer.process, 5201, count=2)
    theirs, web = scenes.calls(pair, host.process("web"), 80, count=2)
    scenes.send(pair, ours + theirs, b"first")
    got = []
    for conn in train:
        data, ancdata, _, _ = conn.recvmsg(100, ROOM, MSG_SOCK_DEVMEM)
        got.append((len(data), len(frags(ancdata))))
    assert sorted(got) == [(0, 1), (5, 0)]
    refused = []
    for conn in web:
        try:
            assert conn.recv(100) == b"first"
        except OSError as no:
            refused.append((no.errno, conn))
    assert [number for number, _ in refused] == [14]
    host.sh("ethtool -X eth1 equal 1; ethtool -N eth1 flow-type tcp4 dst-port 5201 action 1")
    scenes.send(pair, ours + theirs, b"later")
    assert all(len(frags(conn.recvmsg(100, ROOM, MSG_SOCK_DEVMEM)[1])) == 1 for conn in train)
    with pytest.raises(OSError) as caught:
        refused[0][1].recv(100)
    assert caught.value.errno == 14
    host.audit()
    pair.lab.close()
    trainer.device.close()


UNDONE = {"nothing": ["mem_free"], "blob": [], "mem_alloc": [], "check": ["mem_free"], "stop": ["mem_free"],
          "start": ["start", "mem_free"], "start twice": ["start", "mem_free", "mem_free"]}
LEFT = {"nothing": "binding 1", "start twice": "dead"}


@pytest.mark.once
@pytest.mark.parametrize("fails", FAILS)
def test_a_restart_that_fails_at_each_step_of_spec_section_8_2(fails):
    trial = restart_trial(fails)
    order = ["mem_alloc", "check", "stop", "start"]
    reached = order if fails == "nothing" else [] if fails == "blob" else order[:order.index(fails.split()[0]) + 1]
    heard = ["blob"] if fails == "blob" else reached
    assert [call.what for call in trial.calls] == heard + UNDONE[fails]
    assert bool(trial.errno) == (fails != "nothing") == any(call.errno for call in trial.calls)
    assert trial.before == ["pages"] * 4 and trial.after[QUEUE] == LEFT.get(fails, "pages")
    assert [memory for queue, memory in enumerate(trial.after) if queue != QUEUE] == ["pages"] * 3
    assert [got for queue, got in enumerate(trial.got) if queue != QUEUE] == [trial.sent] * 3
    assert trial.got[QUEUE] == {"nothing": 3, "start": 3, "start twice": 0}.get(fails, trial.sent)
    assert bool(trial.log) == (fails == "start twice")
    if trial.cost:
        assert (trial.cost.packets_lost, trial.cost.queues_stopped) == (5, 1)


@pytest.mark.once
@pytest.mark.parametrize("fails, stopped, after", [("nothing", 4, "binding 1"), ("check", 8, "pages"), ("mem_alloc", 4, "pages"),
                                                   ("start twice", 8, "dead")])
def test_what_the_design_before_costs(fails, stopped, after):
    trial = restart_trial(fails, "device")
    assert trial.after[QUEUE] == after and trial.cost.queues_stopped == stopped
    assert trial.cost.packets_lost == 20 and trial.cost.end_ns - trial.cost.begin_ns >= 5_000_000
    assert (trial.after == ["dead"] * 4) == (fails == "start twice")


@pytest.mark.once
def test_what_cannot_fail_is_said():
    with pytest.raises(ValueError, match="'luck' cannot fail; choose one of 'nothing', 'blob'"):
        restart_trial("luck")
