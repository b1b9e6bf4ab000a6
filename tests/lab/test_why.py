"""Why: a healthy run has nothing to answer for; what is asked about must be there; the answer comes from what is."""

import ast
import pathlib

import pytest

import devmemlab as dml
from devmemlab.base.errno import EFAULT, EINVAL, ENODEV
from devmemlab.host.call_record import Calls
from devmemlab.lab.faults.job import IFNAME, QUEUE, Job
from devmemlab.lab.scenes_tcp import Losing
from devmemlab.lab.senders import SendPair
from devmemlab.lab.why.answer import Answer, Event, Finding, some

WHY = pathlib.Path(dml.__file__).parent / "lab" / "why"

HEALTHY = {
    "standard": {},
    "mtu 576": {"mtu": 576, "sender": {"mtu": 576}, "message": 500},
    "mtu 9000": {"mtu": 9000, "sender": {"mtu": 9000}, "message": 8000, "messages": 12, "pages": 96},
    "small messages": {"message": 100},
    "kernel 6.12": {"kernel": "6.12"},
    "kernel 7.3": {"kernel": "7.3"},
    "kernel next": {"kernel": "next"},
    "series v9": {"kernel": "v9"},
    "a long wire": {"delay_us": 2000},
    "page-aware window": {"page_aware_window": True},
}


def silent(lab, *things):
    for thing in things:
        answer = lab.why(thing)
        assert answer.ok and not answer.past and not answer.also and answer.key == answer.cause == answer.fix == "", answer
        assert "nothing is wrong" in answer.text and answer.chain


@pytest.mark.once
@pytest.mark.parametrize("options", HEALTHY.values(), ids=HEALTHY)
def test_it_is_silent_on_a_healthy_transfer(options):
    job = Job(**options).prepare().bind().call().go(400)
    assert job.whole
    silent(job.lab, job.conn, job.client, (job.receiver, IFNAME, QUEUE), (job.receiver, IFNAME, 0), (job.sender, "eth0", 0))
    job.close()


def test_it_is_silent_in_the_middle_of_a_transfer_and_when_tokens_are_held_for_a_while():
    job = Job().prepare().bind()
    job.give = "none"
    job.call().go(0.15)
    assert 0 < len(job.received) < len(job.stream) and job.tokens
    silent(job.lab, job.conn, job.client, (job.receiver, IFNAME, QUEUE))
    job.go()
    assert job.whole and len(job.tokens) == 24
    silent(job.lab, job.conn, (job.receiver, IFNAME, QUEUE))
    job.give_back()
    silent(job.lab, job.conn)
    job.close()


@pytest.mark.once
@pytest.mark.parametrize("ip6", [False, True], ids=["IPv4", "IPv6"])
def test_it_is_silent_about_an_ordinary_program_beside_device_memory(ip6):
    job = Job().prepare().bind()
    job.flags = 0
    job.receiver.sh(f"ethtool -N {IFNAME} delete {job.receiver.ethtool(IFNAME).get_rules()[0]['location']}")
    job.call(ip6=ip6).go()
    assert job.received == job.stream and job.in_host == len(job.stream)
    silent(job.lab, job.conn, job.client, (job.receiver, IFNAME, 0), (job.receiver, IFNAME, QUEUE))
    job.close()


@pytest.mark.once
def test_it_is_silent_when_device_memory_is_sent_and_says_why_a_send_is_refused():
    pair = SendPair(mtu=1500)
    assert pair.send([(0, 20_000)]) == 20_000
    pair.lab.run(until_ns=pair.lab.clock.now_ns + 10**8)
    silent(pair.lab, pair.conn, pair.peer)

    def refused(errno, key, *args, **kwargs):
        with pytest.raises(OSError) as no:
            pair.sender.sendmsg_devmem(pair.conn, *args, **kwargs)
        answer = pair.lab.why(pair.conn)
        assert no.value.errno == errno and answer.key == key and not answer.ok and answer.chain[-1].at_ns == pair.lab.clock.now_ns

    refused(EFAULT, "send-outside", [(1 << 20, 100)], pair.dmabuf_id)
    refused(EINVAL, "send-binding-unknown", [(0, 100)], 77)
    pair.conn.setsockopt(dml.SOL_SOCKET, dml.SO_ZEROCOPY, 0)
    refused(EINVAL, "zerocopy-off", [(0, 100)], pair.dmabuf_id)
    pair.conn.setsockopt(dml.SOL_SOCKET, dml.SO_ZEROCOPY, 1)
    assert pair.send([(0, 100)]) == 100
    silent(pair.lab, pair.conn)
    other = pair.sender.add_nic("eth9")
    wrong = pair.netlink.bind_tx({"ifindex": other.ifindex, "fd": pair.sender.export(pair.device)})["id"]
    refused(ENODEV, "send-other-device", [(0, 100)], wrong)
    pair.close()


@pytest.mark.once
def test_a_peer_that_loses_what_was_sent_is_no_fault_of_the_sender():
    pair = SendPair(mtu=1500, lose={3})
    assert isinstance(pair.sender.port, Losing) or pair.sender.port is not None
    pair.send([(0, 20_000)])
    pair.lab.run(until_ns=pair.lab.clock.now_ns + 10**9)
    assert pair.lab.why(pair.conn).ok
    pair.close()


def test_it_says_what_became_of_a_packet():
    job = Job(8)
    dml.record(job.lab)
    job.prepare().bind().call().go()
    lines = dml.packets(job.receiver)
    data = next(line for line in lines if line.length == 1448)
    answer = job.lab.why(data)
    assert answer.ok and [event.source.split()[-1] for event in answer.chain] == [
        "frame_in", "steer", "hds_split", "dma_payload", "cmsg_dmabuf", "dontneed"]
    assert answer.chain[0].at_ns == data.at_ns and answer.text == job.lab.why((job.receiver, "packet", data.number)).text
    assert job.lab.why((job.receiver, "packet", len(lines))).ok
    job.close()


def test_it_says_which_packet_was_dropped_and_why():
    job = Job(pages=16)
    dml.record(job.lab)
    job.give = "none"
    job.prepare().bind().call().go(5)
    dropped = dml.packets(job.receiver).where("dropped")
    assert dropped
    answer = job.lab.why(dropped[0])
    assert not answer.ok and answer.key == "tokens-kept" and "no descriptor posted" in answer.cause
    assert any(event.what.startswith("dropped") and event.at_ns == dropped[0].at_ns for event in answer.chain)
    job.close()


@pytest.mark.once
@pytest.mark.parametrize("harm, key", [("loss", "lost"), ("corrupt", "damaged")])
def test_it_says_which_packet_the_wire_has_spoilt(harm, key):
    job = Job(harm={harm: 0.05}, seed=5 if harm == "loss" else 3)
    dml.record(job.lab)
    job.prepare().bind().call().go()
    assert job.whole
    link = job.sender.port.link if hasattr(job.sender.port, "link") else job.sender.port.port.link
    answers = [job.lab.why((job.sender, "packet", line.number)) for line in dml.packets(job.sender)]
    assert [answer.key for answer in answers if not answer.ok] == [key] * int(link.lost + link.corrupted)
    arrived = [job.lab.why((job.receiver, "packet", line.number)) for line in dml.packets(job.receiver)]
    assert [answer.key for answer in arrived if not answer.ok] == [key] * int(link.corrupted)
    job.close()


@pytest.mark.once
def test_it_says_that_a_packet_was_not_checked():
    job = Job(4)
    dml.record(job.lab)
    job.prepare().bind()
    job.receiver.sh(f"ethtool -K {IFNAME} rx off")
    job.call().go(5)
    data = next(line for line in dml.packets(job.receiver) if line.length == 1448)
    assert job.lab.why(data).key == "checksum-off"
    job.close()


def test_what_is_asked_about_must_be_there():
    job = Job(2).prepare().bind().call().go()
    for thing in ("queue 1", (job.receiver, "packet", 10**6), (Job, "eth1", 0), 3.5):
        with pytest.raises(ValueError):
            job.lab.why(thing)
    with pytest.raises(OSError):
        job.lab.why((job.receiver, "eth7", 0))
    with pytest.raises(OSError):
        job.lab.why((job.receiver, 99))
    conn = job.conn
    conn.close()
    with pytest.raises(ValueError, match="closed"):
        job.lab.why(conn)
    job.close()


@pytest.mark.once
def test_the_diagnosis_knows_nothing_of_faults():
    for path in WHY.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [
                alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if "lab.faults" in name or "ports.harm" in name], path


def test_an_answer_says_cause_chain_and_fix_and_what_is_over():
    late = Finding("late", "it was late", "hurry", (Event(1_500_000, "it began", "trace"), Event(None, "it stands", "ss")))
    over = Finding("gone", "it was gone", "nothing", (), True)
    answer = Answer("x", [over, late, late])
    assert not answer.ok and answer.key == "late" and answer.past == [over] and answer.also == []
    assert answer.text.splitlines() == [
        "x: it was late", "         1.500 ms  it began  [trace]", "              now  it stands  [ss]", "  over: it was gone",
        "  do: hurry"]
    assert Answer("x", [over]).ok and some(1, "frame") == "1 frame" and some(2000, "frame") == "2,000 frames"


def test_a_bind_that_succeeds_wipes_every_refusal_about_its_queue():
    job = Job().prepare().bind(queues=[{"type": "rx", "id": 1}, {"type": "rx", "id": 9}])
    binds, ifindex = job.receiver.genl.binds, job.receiver.ifindex(IFNAME)
    assert job.refused and [no.errno for no in binds.about(ifindex, QUEUE)] == [EINVAL] and len(binds.about(ifindex, 9)) == 1
    assert not binds.about(ifindex, 0) and not binds.about(ifindex + 1, QUEUE)
    job.bind()
    assert job.refused is None and not binds
    job.close()


def test_a_record_keeps_the_latest_of_each_kind():
    calls = Calls()
    calls.received(5, 0, 0, -14, 0, 0)
    assert calls.refused["recvmsg"].errno == 14 and calls.refused["recvmsg"].at_ns == 5
    calls.received(6, 0, 0, -11, 0, 0)
    assert calls.refused["recvmsg"].errno == 14, "nothing to read yet is no refusal"
    calls.received(7, dml.MSG_SOCK_DEVMEM, 0, 10, 10, 0)
    assert not calls.refused and calls.host_octets == 10 and calls.devmem == 1
    calls.received(8, dml.MSG_SOCK_DEVMEM, 40, 10, 0, 40)
    calls.received(8, dml.MSG_TRUNC, 0, 10, 0, 0)
    assert calls.host_octets == 0 and calls.discarded == 10
    calls.returned(9, 4, 3)
    calls.returned(10, 2, 2)
    assert (calls.asked, calls.released, calls.last_asked, calls.returned_ns) == (6, 5, 2, 10)
