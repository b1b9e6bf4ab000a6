"""The captures that come with the lab are what their README says; two other libraries agree."""

import hashlib
import re

import dpkt
import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from devmemlab.base.paths import data_folder
from devmemlab.lab.stream import stream_digest
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.tcp import FIN, SYN

CAPTURES = ["linux-bulk-mtu1500.pcap", "linux-bulk-mtu9000.pcap"]


@pytest.fixture(params=CAPTURES)
def capture(request):
    """Path of a capture and what the README says about it."""
    text = (data_folder() / "README.md").read_text()
    section = text.split(f"## {request.param}\n")[1].split("\n## ")[0]
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


def test_other_readers_see_a_clean_transfer(capture):
    path, says = capture
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
            del fresh[IP].chksum, fresh[TCP].chksum
            assert bytes(fresh) == octets
