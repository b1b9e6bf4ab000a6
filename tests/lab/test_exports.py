"""What a cell shows of the network, and what is written for other programs: each beside a witness that is not ours."""

import json
import math
import re
import shutil
import subprocess

import pytest

import devmemlab as dml
from devmemlab.base.trace import events
from devmemlab.lab.packet_story import stories
from devmemlab.lab.scenes_talk import receive, talk
from devmemlab.lab.timeline import MOST_TOKENS
from devmemlab.view import displays
from devmemlab.wire.pcap import read_capture
from tests.view.test_displays import read


def spoken(messages=12, harm=None, mtu=1500, message=1448, back=True, **options):
    """A sender and a receiver that have talked, recorded and traced; and every piece that the program got, with its time."""
    t, got = talk(recorded=True, trace=1 << 16, harm=harm, seed=3, mtu=mtu, sender={"mtu": mtu}, **options), []
    for k in range(messages):
        t.client.send(bytes([k + 1]) * message)
        t.lab.run(until_ns=t.lab.clock.now_ns + 300_000)
        pieces, _ = receive(t)
        got += [(int(p.frag_token), int(p.frag_offset), int(p.frag_size)) for p in pieces]
        if back and len(pieces):
            t.trainer.dontneed(t.conn, [(int(token), 1) for token in pieces.frag_token])
    return t, got


@pytest.fixture(scope="module")
def plain():
    t, got = spoken()
    yield t, got
    t.lab.close()


# ---- in a cell

def test_sockets_counters_and_statistics_are_tables(plain):
    t, _ = plain
    displays.attach()
    sockets, counters, statistics = t.trainer.ss(), t.trainer.nstat(), t.trainer.ethtool("eth1").get_stats()
    captions, rows = read(sockets._repr_html_())
    assert captions == ["Sockets (ss -tai)"] and rows[1][:5] == ["ESTAB", "0", "0", "192.0.2.1:5201", "192.0.2.2:32768"]
    assert "data_segs_in:12" in rows[1][5] and str(sockets).splitlines()[1].startswith("ESTAB      0      0      192.0.2.1:5201")
    captions, rows = read(counters._repr_html_())
    assert captions == ["Counters (nstat)"] and ["TcpInSegs", "14"] in rows and len(rows) == 1 + len(counters.seen)
    assert repr(counters).splitlines()[0] == "#kernel" and re.search(r"^TcpInSegs +14 +0\.0$", repr(counters), re.M)
    captions, rows = read(statistics._repr_html_())
    assert captions == ["NIC statistics (ethtool -S)"] and ["rx_packets[1]", "14"] in rows
    assert "\n     rx_packets[1]: 14\n" in repr(statistics) and statistics["rx_packets[0]"] == 0
    assert "rx_packets[0]" not in repr(statistics) and isinstance(counters, dict)
    assert counters.since({"TcpInSegs": 10}).get("TcpInSegs") == 4
    assert counters.since(counters) == {}


def test_a_display_does_not_change_with_the_run():
    shown = []
    for _ in range(2):
        t, _ = spoken(4)
        displays.attach()
        shown.append([thing._repr_html_() for thing in (t.trainer.ss(), t.trainer.nstat(), dml.packets(t.trainer))])
        t.lab.close()
    assert shown[0] == shown[1]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="no tcpdump here: apt-get install tcpdump")
@pytest.mark.parametrize("harm", [None, {"loss": 0.1, "reorder": 0.1}])
def test_packets_are_what_tcpdump_prints(harm, tmp_path):
    t, _ = spoken(20, harm)
    table = dml.packets(t.trainer)
    path = tmp_path / "all.pcapng"
    assert dml.export_pcapng(t.trainer, path) == len(table) > 30
    said = subprocess.run(["tcpdump", "-nr", path, "-tt", "--nano"], capture_output=True, text=True, check=True, timeout=60)
    assert [str(packet).splitlines()[0] for packet in table] == [line.replace("nop,", "") for line in said.stdout.splitlines()]
    if harm:
        assert any("sack 1 {" in packet.words for packet in table)
    t.lab.close()


def test_packets_of_a_tap_a_capture_and_a_file(plain, tmp_path):
    t, _ = plain
    capture = t.trainer.port.capture()
    capture.save(tmp_path / "x.pcap")
    lines = [str(packet) for packet in dml.packets(capture)]
    assert [str(packet) for packet in dml.packets(tmp_path / "x.pcap")] == lines
    assert [str(packet) for packet in dml.packets(t.trainer.port)] == lines
    assert [packet.words for packet in dml.packets(t.trainer)] == [packet.words for packet in dml.packets(capture)]
    assert len(dml.packets(t.trainer).where("Flags [S")) == 2 and str(dml.packets(t.trainer)[:0]) == "no packets"
    with t.trainer.tap() as tap:
        t.client.send(b"seen by the tap")
        t.lab.run(until_ns=t.lab.clock.now_ns + 300_000)
    assert [packet.length for packet in dml.packets(tap)] == [15]
    receive(t)


# ---- comments

def comments_by_scapy(path):
    """Target port, octets of payload and comment of each packet, read by scapy alone."""
    from scapy.layers.inet import TCP
    from scapy.utils import PcapNgReader

    with PcapNgReader(str(path)) as file:
        return [(int(packet[TCP].dport), len(packet[TCP].payload), (packet.comment or b"").decode()) for packet in file]


@pytest.mark.parametrize("mtu, message, pieces", [(1500, 1448, 1), (9000, 8948, 3)])
def test_comments_name_queue_netmem_and_token(mtu, message, pieces, tmp_path):
    t, got = spoken(6, mtu=mtu, message=message)
    path = tmp_path / "told.pcapng"
    dml.export_pcapng(t.trainer, path)
    seen = comments_by_scapy(path)
    data = [comment for port, length, comment in seen if port == 5201 and length]
    assert len(data) == 6 and all(comment.startswith("queue 1; header split; net_iov ") for comment in data)
    named = [(int(token), int(offset), int(size)) for comment in data for offset, size, token in
             re.findall(r"offset (\d+)\) \+ (\d+): token (\d+) of socket", comment)]
    assert named == got and len(got) == 6 * pieces, "what the program got by recvmsg is what the comments say"
    assert {comment for port, _, comment in seen if port != 5201} == {"sent by trainer"}
    assert [read_capture(path).comment(k) for k in range(len(seen))] == [comment for _, _, comment in seen]
    t.lab.close()


def test_a_buffer_that_is_used_again_tells_of_its_last_packet(tmp_path):
    t, got = spoken(40, pages=16, ring=8)
    path = tmp_path / "again.pcapng"
    dml.export_pcapng(t.trainer, path)
    data = [comment for port, length, comment in comments_by_scapy(path) if port == 5201 and length]
    assert len(data) == len(got) == 40 > len({offset for _, offset, _ in got}), "no buffer was used twice"
    assert [int(re.search(r"offset (\d+)", comment)[1]) for comment in data] == [offset for _, offset, _ in got]
    assert all(comment.count("token") == 1 for comment in data)
    t.lab.close()


def test_kept_tokens_dropped_frames_and_ended_bindings(tmp_path):
    t, got = spoken(20, pages=16, ring=8, back=False)
    path = tmp_path / "starved.pcapng"
    dml.export_pcapng(t.trainer, path)
    comments = [comment for _, _, comment in comments_by_scapy(path)]
    assert any("dropped: no descriptor posted" in comment for comment in comments)
    assert sum("kept" in comment for comment in comments) == len(got) > 0 and not any("held " in comment for comment in comments)
    assert any("(dmabuf id 1," in comment for comment in comments)
    t.trainer.close(next(fd for fd, thing in t.trainer.fds.things.items() if type(thing).__name__ == "GenlSock"))
    dml.export_pcapng(t.trainer, path)
    # Their rows may be those of another binding by now.
    assert not any("dmabuf id" in comment or "net_iov" in comment for _, _, comment in comments_by_scapy(path))
    t.lab.close()


def test_recording_may_begin_late(tmp_path):
    t = talk(trace=1 << 16)
    t.client.send(b"x" * 100)
    t.lab.run(until_ns=t.lab.clock.now_ns + 300_000)
    dml.record(t.lab)
    t.client.send(b"y" * 200)
    t.lab.run(until_ns=t.lab.clock.now_ns + 300_000)
    pieces, _ = receive(t)
    first = dml.packets(t.trainer)[0]
    assert first.length == 200 and f"+ 200: token {int(pieces.frag_token[1])} of socket" in first.story
    t.lab.close()


def test_what_cannot_be_exported_says_why(tmp_path):
    t = talk()
    for wanted, call in (("was recorded; call dml.record", lambda: dml.packets(t.trainer)),
                         ("name it .pcapng", lambda: dml.export_pcapng(t.trainer, tmp_path / "x.pcap")),
                         ("has no trace; make it with", lambda: dml.export_perfetto(t.trainer, tmp_path / "x.json")),
                         ("no host of this lab has a trace", lambda: dml.export_perfetto(t.lab, tmp_path / "x.json"))):
        with pytest.raises(ValueError, match=re.escape(wanted)):
            call()
    t.lab.close()
    t = talk(trace=16, recorded=True)
    for call in (lambda: dml.packets(t.trainer), lambda: dml.export_perfetto(t.trainer, tmp_path / "x.json")):
        with pytest.raises(ValueError, match="was full, .* make it with lab.host"):
            call()
    t.lab.close()


# ---- the time line

PHASES = {"X": {"ph", "name", "ts", "dur", "pid", "tid", "args"}, "i": {"ph", "s", "name", "ts", "pid", "tid", "args"},
          "C": {"ph", "name", "ts", "pid", "tid", "args"}, "M": {"ph", "name", "pid", "tid", "args"}}


def check_schema(text):
    """The Trace Event Format, as its document says it: which fields each phase has, of which kind, and how slices nest."""
    whole = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert set(whole) == {"displayTimeUnit", "traceEvents"} and whole["displayTimeUnit"] == "ns"
    tracks = {}
    for event in whole["traceEvents"]:
        assert set(event) == PHASES[event["ph"]], event
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int) and isinstance(event["name"], str)
        assert isinstance(event["args"], dict)
        for field in ("ts", "dur"):
            assert field not in event or (isinstance(event[field], (int, float)) and math.isfinite(event[field])
                                          and event[field] >= 0)
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name", "process_sort_index")
        if event["ph"] == "C":
            assert all(isinstance(value, int) for value in event["args"].values())
        if event["ph"] == "X":
            tracks.setdefault((event["pid"], event["tid"]), []).append((round(event["ts"] * 1000), round(event["dur"] * 1000)))
    for slices in tracks.values():
        end = 0
        for begin, length in sorted(slices):
            assert begin >= end, "slices of one track overlap, which viewers refuse or draw wrongly"
            end = begin + length
    named = {(event["pid"], event["tid"]) for event in whole["traceEvents"] if event["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in whole["traceEvents"] if e["ph"] in "Xi"} == named
    return whole["traceEvents"]


def test_a_time_line_follows_the_format_and_the_trace(plain, tmp_path):
    t, got = plain
    path = tmp_path / "run.json"
    count = dml.export_perfetto(t.trainer, path)
    rows = check_schema(path.read_text())
    assert count == len(rows)
    lives = [row for row in rows if row["ph"] == "X" and row["name"].startswith("net_iov")]
    given = events(t.trainer.trace, "cmsg_dmabuf")
    assert len(lives) == len(given) and sorted(round(row["ts"] * 1000) for row in lives) == [one["at_ns"] for one in given]
    assert {row["tid"] % MOST_TOKENS for row in lives} == {one["frag_token"] for one in given}
    assert sum(not row["args"]["returned"] for row in lives) == len(given) - len(events(t.trainer.trace, "dontneed"))
    frames = [row for row in rows if row["name"] == "steer"]
    assert [round(row["ts"] * 1000) for row in frames] == [one["at_ns"] for one in events(t.trainer.trace, "steer")]
    assert {"trainer: queues", "trainer: tokens"} <= {row["args"]["name"] for row in rows if row["name"] == "process_name"}
    states = [row["name"] for row in rows if row["ph"] == "X" and row["name"].isupper()]
    assert "ESTABLISHED" in states


def test_the_same_run_writes_the_same_octets(tmp_path):
    files = []
    for number in range(2):
        t, _ = spoken(8, {"loss": 0.1})
        names = [tmp_path / f"{number}.json", tmp_path / f"{number}.pcapng"]
        dml.export_perfetto(t.lab, names[0])
        dml.export_pcapng(t.trainer, names[1])
        files.append([name.read_bytes() for name in names])
        t.lab.close()
    assert files[0] == files[1]


def test_stories_count_every_frame(plain):
    t, _ = plain
    received, sent = stories(t.trainer)
    ctl = t.trainer.nics.ctl[0]
    assert (len(received), len(sent)) == (int(ctl.rx_packets), int(ctl.tx_packets))
