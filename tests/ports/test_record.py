"""Recording what passes."""

import pytest

from devmemlab.host import ports
from devmemlab.host.ports.store import FrameStore
from devmemlab.wire.pcap import CaptureError, read_capture
from tests.ports.kit import ToyReceiver, bulk, burst_of


def pass_two(port):
    """One frame in, one out, one in."""
    port.port.inject(b"first in " * 10, at_ns=100)
    port.port.inject(b"last in " * 10, at_ns=300)
    assert port.next_ns() == 100 and port.recv(50) is None
    assert len(port.recv(100).frame) == 1
    port.send(200, burst_of(b"out " * 20))
    assert len(port.recv(300).frame) == 1
    return [(100, b"first in " * 10), (200, b"out " * 20), (300, b"last in " * 10)]


def kept(capture):
    return [(int(capture.frame[k].at_ns), capture.frame_bytes(k)) for k in range(len(capture))]


def test_both_directions_are_kept_in_memory():
    wire = ports.Manual()
    port = ports.Record(wire)
    passed = pass_two(port)
    assert kept(port.capture()) == passed and port.count == 3
    assert [f.octets for f in wire.take()] == [b"out " * 20], "and they went through"
    early = port.capture()
    port.send(400, burst_of(b"more"))
    assert kept(early) == passed and len(port.capture()) == 4
    port.close()
    port.close()
    assert len(port.capture()) == 4


@pytest.mark.parametrize("name", ["wire.pcap", "wire.pcapng"])
def test_a_file_is_written_as_frames_pass(tmp_path, name):
    with ports.Record(ports.Manual(), tmp_path / name) as port:
        passed = pass_two(port)
        assert kept(port.capture()) == passed, "before it is closed, too"
    assert kept(read_capture(tmp_path / name)) == passed
    assert "3 frames" in repr(port)


def test_nothing_passed_is_an_empty_recording(tmp_path):
    assert len(ports.Record(ports.Manual()).capture()) == 0
    with ports.Record(ports.Manual(), tmp_path / "empty.pcap") as port, pytest.raises(CaptureError):
        port.capture()


def test_a_recording_looks_like_the_port_behind_it():
    port = ports.Record(ports.Manual())
    assert port.live is False and port.moderated is False and port.fileno() is None and port.next_ns() is None


def test_a_replay_that_is_recorded_can_be_replayed(tmp_path):
    recorded = ports.Record(ports.Pcap(bulk()), tmp_path / "again.pcap")
    recorded.flow = recorded.port.flow
    first = ToyReceiver(recorded, isn=4321)
    first.run()
    recorded.close()
    second = ToyReceiver(ports.Pcap(tmp_path / "again.pcap"), isn=99)
    second.run()
    assert second.got == first.got and len(first.got) == 400 and second.port.done


def test_a_store_grows_and_keeps_what_it_showed():
    store = FrameStore(octets_capacity=8, rows_capacity=1)
    shown = []
    for k in range(50):
        store.append(burst_of(bytes([k]) * (k + 1), b"tail"))
        shown.append(store.burst())
    for k, burst in enumerate(shown):
        row = burst.frame[-2]
        assert burst.octets[row.offset:row.offset + row.length].tobytes() == bytes([k]) * (k + 1)
    assert store.count == 100
