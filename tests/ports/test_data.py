"""The captures that come with the lab are what their README says; two other libraries agree."""

import hashlib
import re

import dpkt
import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from devmemlab.base.paths import data_folder
from devmemlab.lab.stream import stream_digest
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.tcp import FIN, SYN
from tests.naive.dpkt_streams import streams

pytestmark = pytest.mark.once      # the files are the same in every mode

README = (data_folder() / "README.md").read_text()
CAPTURES = re.findall(r"^## (\S+\.pcap)$", README, re.M)
SMALL_BYTES = 400 << 10


def test_every_capture_has_its_section():
    assert sorted(CAPTURES) == sorted(path.name for path in data_folder().glob("*.pcap*")) and len(CAPTURES) == 4


@pytest.fixture(params=CAPTURES)
def capture(request):
    """Path of a capture and what the README says about it."""
    section = README.split(f"## {request.param}\n")[1].split("\n## ")[0].split("\n# ")[0]
    says = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", section, re.M))
    return data_folder() / request.param, {name.strip(): value.strip("` ") for name, value in says.items()}


def test_the_readme_is_right(capture):
    path, says = capture
    frames = read_capture(path)
    packets = frames.packets()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == says["SHA-256 of the file"]
    nbytes = int(says["payload"].split()[0])
    assert stream_digest(nbytes) == says["SHA-256 of the stream"]
    assert says["frames"] == f"{len(frames)}, of which {int((packets.dport == 5201).sum())} to the receiver"
    assert int(says["octets on the wire"]) == frames.frame.wire_length.sum()
    assert int(frames.frame.wire_length.max()) == int(says["MTU"]) + 14
    assert (packets.err == 0).all() and frames.verify() == len(frames)
    assert int((packets.tcp_flags & SYN > 0).sum()) == int((packets.tcp_flags & FIN > 0).sum()) == 2


def test_another_reassembler_finds_the_stream(capture):
    path, says = capture
    (stream, gaps), = max(streams(path).values(), key=lambda found: len(found[0][0]))
    assert gaps == 0 and hashlib.sha256(stream).hexdigest() == says["SHA-256 of the stream"]


def test_what_was_harmed_shows_it(capture):
    """Something came again, something came late; the harm is counted in the README."""
    path, says = capture
    if "harm" not in says:
        pytest.skip("nothing was harmed here")
    lost, late = map(int, re.search(r"(\d+) lost, (\d+) twice", says["harm"]).groups())
    packets = read_capture(path).packets()
    places = [int(row.seq - packets.seq[0]) % (1 << 32) for row in packets if row.dport == 5201 and row.payload_bytes]
    assert lost > 2 and late > 2 and path.stat().st_size <= SMALL_BYTES
    assert sum(after < before for before, after in zip(places, places[1:])) > 2
    assert any(row.sack_count for row in packets if row.sport == 5201)


def test_other_readers_see_a_clean_transfer(capture):
    path, says = capture
    if "harm" in says:
        pytest.skip("this one was harmed")
    stream, nxt = hashlib.sha256(), None
    with open(path, "rb") as file:
        records = list(dpkt.pcap.Reader(file))
    assert records[0][0] == 0 and [r[0] for r in records] == sorted(r[0] for r in records)
    for _, octets in records:
        tcp = dpkt.ethernet.Ethernet(octets).data.data
        if tcp.dport == 5201:
            assert nxt is None or tcp.seq == nxt, "lost, reordered or sent twice"
            stream.update(tcp.data)
            nxt = (tcp.seq + len(tcp.data) + bool(tcp.flags & (SYN | FIN))) & 0xFFFFFFFF
    assert stream.hexdigest() == says["SHA-256 of the stream"]


def test_scapy_computes_the_same_checksums(capture):
    path, _ = capture
    with open(path, "rb") as file:
        for _, octets in list(dpkt.pcap.Reader(file))[::7]:
            fresh = Ether(octets)
            del fresh[TCP].chksum
            if IP in fresh:
                del fresh[IP].chksum
            assert (IP in fresh) != (IPv6 in fresh) and bytes(fresh) == octets
