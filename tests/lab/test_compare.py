"""compare: four modes over one small stream; what is counted must be exact, what is timed only present."""

import json

import pytest

import devmemlab as dml
from devmemlab.base.paths import data_folder
from devmemlab.lab.accelerator import token_ranges
from devmemlab.lab.inputs import describe_input, find_input
from devmemlab.lab.receivers import HostCopyReceiver
from devmemlab.lab.stream import stream_digest
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.mem.ledger import HOST_TO_DEVICE, PAGEABLE_COPY
from devmemlab.wire.capture import CaptureError

NBYTES = 65536


@pytest.fixture(scope="module", params=[1500, 9000])
def result(request):
    return dml.compare(size="64KiB", input=bulk_capture(NBYTES, mtu=request.param), repeats=1, dmabuf="256KiB",
                       app_buffer="32KiB")


def test_copies_of_a_payload_octet(result):
    copies = {row.mode: row.copied_bytes_per_payload_byte for row in result.rows}
    assert copies == {"devmem": 1, "host_copy": 3, "host_copy_pageable": 4, "memcpy": 1}


def test_every_mode_delivers_the_stream_and_leaves_nothing(result):
    for row in result.rows:
        assert (row.sha256_ok, row.netmems_in_flight, row.label) == (True, 0, "measured")
        assert row.ns_per_packet > 0 and row.payload_gbytes_per_s > 0
        assert row.tokens_issued == row.tokens_returned
    assert result["devmem"].tokens_issued >= NBYTES // 4096 and result["host_copy"].tokens_issued == 0


def test_the_ledger_names_each_link(result):
    stages = result["devmem"].stages
    assert sum(n for n, _ in stages.values()) > NBYTES and NBYTES in [n for n, _ in stages.values()]
    pageable = [n for n, _ in result["host_copy_pageable"].stages.values()]
    assert len([n for n in pageable if n >= NBYTES]) == 4
    assert result["memcpy"].stages == {name: stage for name, stage in result["memcpy"].stages.items() if stage[0] == NBYTES}


def test_the_json_has_the_promised_shape(result):
    shape = json.loads(json.dumps(result.as_dict()))
    assert set(shape) == {"machine", "input", "settings", "rows", "picture"}
    assert set(shape["input"]) == {"kind", "bytes", "frames", "sha256"} and shape["input"]["sha256"] == stream_digest(NBYTES)
    fields = {"mode", "ns_per_packet", "payload_gbytes_per_s", "copied_bytes_per_payload_byte", "tokens_issued",
              "tokens_returned", "netmems_in_flight", "sha256_ok", "label"}
    assert all(set(row) >= fields for row in shape["rows"])
    assert [row["mode"] for row in shape["rows"]] == ["devmem", "host_copy", "host_copy_pageable", "memcpy"]
    assert all(mode in result.table() for mode in ("devmem", "memcpy", "match"))


@pytest.mark.parametrize("options", [{"modes": ["warp"]}, {"repeats": 0}, {"live": "perhaps"}, {"size": "big"}])
def test_impossible_arguments(options):
    with pytest.raises(ValueError):
        dml.compare(**{"size": "64KiB", **options})


def test_an_input_with_a_hole_is_refused():
    whole = bulk_capture(NBYTES)
    whole.frame.length[5] = whole.frame.wire_length[5] = 66
    with pytest.raises(CaptureError):
        describe_input("capture", "hole", type(whole)(whole.octets, whole.frame[[k for k in range(len(whole)) if k != 5]].copy()))


def test_inputs_are_found_by_mtu():
    said = []
    assert find_input(NBYTES, 4096, "no", None, said.append).kind == "synthetic"
    recorded = find_input(NBYTES, 9000, "no", None, said.append)
    assert (recorded.kind, recorded.payload_bytes, recorded.mtu) == ("capture", 1999993, 9000)
    mine = find_input(NBYTES, 9000, "no", data_folder() / "linux-bulk-mtu1500.pcap", said.append)
    assert mine.mtu == 1500 and mine.sha256 == recorded.sha256 == stream_digest(1999993)


@pytest.mark.parametrize("tokens, calls", [
    ([], []), ([1], [[(1, 1)]]), ([1, 2, 3, 7, 8], [[(1, 3), (7, 2)]]), (list(range(1, 1501)), [[(1, 1024)], [(1025, 476)]]),
    (list(range(0, 300, 2)), [[(k, 1) for k in range(0, 256, 2)], [(k, 1) for k in range(256, 300, 2)]])])
def test_tokens_are_packed_into_as_few_calls_as_the_limits_allow(tokens, calls):
    assert [[tuple(int(n) for n in pair) for pair in call] for call in token_ranges(tokens)] == calls


class FakeConnection:
    """Hands out this many octets a call, and then the end of the stream."""

    def __init__(self, *sizes):
        self.sizes = list(sizes)

    def recv_region(self, region, at, room):
        got = self.sizes.pop(0) if self.sizes else 0
        assert got <= room
        return got


@pytest.mark.parametrize("sizes, copies", [((4096, 4096), 2), ((4096, 100), 2), ((2048, 2048), 1), ((), 0)])
@pytest.mark.parametrize("pageable", [False, True])
def test_a_buffer_that_fills_exactly_is_copied_once(sizes, copies, pageable):
    host = dml.Lab().host("receiver", ip="10.0.0.2", rx_ring=8)
    receiver = HostCopyReceiver(host, 4096, pageable)
    receiver.drain(FakeConnection(*sizes))
    for stage in [HOST_TO_DEVICE] + [PAGEABLE_COPY] * pageable:
        assert (int(host.ledger[stage].copies), int(host.ledger[stage].length)) == (copies, sum(sizes))
    receiver.close()
