"""Ways to receive, side by side: what is counted is exact, and the same each time."""

import pytest
from numba import config

import devmemlab as dml
from devmemlab.host.socket import Socket
from devmemlab.lab.mode_readers import READERS
from devmemlab.lab.receive_modes import receive_modes, ways
from devmemlab.lab.synthetic import bulk_capture

NBYTES = 49152 if config.DISABLE_JIT else 98304
SMALL = dict(chunk="16KiB", memory="512KiB", rx_ring=64)


@pytest.fixture(scope="module", params=[pytest.param(1500, marks=pytest.mark.every_mode), 9000])
def result(request):
    return receive_modes(input=bulk_capture(NBYTES, mtu=request.param), **SMALL)


def test_every_way_takes_the_stream_and_leaves_nothing(result):
    assert [row.mode for row in result.rows] == [mode for mode in READERS if mode in ways()]
    for row in result.rows:
        assert (row.octets, row.netmems_in_flight) == (NBYTES, 0)
        assert row.sha256_ok is (None if row.mode == "recv_trunc" else True)


def test_what_each_way_copies(result):
    copies = {row.mode: (row.copied("DMA_HOST"), row.copied("DMA_DEVICE"), row.copied("RECV_COPY")) for row in result.rows}
    copies.pop("zerocopy_receive", None)
    assert copies == {"recv": (1, 0, 1), "recv_trunc": (1, 0, 0), "zcrx": (1, 0, 0), "devmem": (0, 1, 0)}
    assert result["recv"].copied_bytes_per_payload_byte == 2 and result["zcrx"].copied_bytes_per_payload_byte == 1


def test_what_each_way_calls_and_says(result):
    recv, ring, devmem = result["recv"], result["zcrx"], result["devmem"]
    assert NBYTES // 16384 < recv.calls <= NBYTES // 16384 + 3 and recv.control_bytes == recv.pieces == 0
    assert recv.calls_per_mib == recv.calls * (1 << 20) / NBYTES
    assert ring.control_bytes == ring.pieces * (32 + 16) + 32, "completions, refill entries, the last completion"
    assert ring.calls < recv.calls < devmem.calls
    assert devmem.control_bytes == devmem.pieces * 40 + (devmem.calls - 1) // 2 * 8, "one range a call gives all tokens back"
    assert ring.control_bytes_per_kib == ring.control_bytes * 1024 / NBYTES


def test_the_same_again(result):
    again = receive_modes(input=bulk_capture(NBYTES, mtu=result.settings["mtu"]), modes=["zcrx"], **SMALL)
    for row in again.rows:
        assert row._replace(measured_ns=0) == result[row.mode]._replace(measured_ns=0)


def test_the_table_has_what_is_counted_only(result):
    assert dml.receive_modes is receive_modes
    html = result._repr_html_()
    for text in (result.table(), html):
        assert "io_uring" in text and "calls per MiB" in text and "pages of its own" in text and "measured" not in text
    assert all("(measured)" in line for line in result.measured().splitlines())
    assert "zcrx" in repr(result)


def test_impossible_modes():
    with pytest.raises(ValueError, match="none of recv"):
        receive_modes(modes=["warp"])
    assert ("zerocopy_receive" in ways()) == hasattr(Socket, "zerocopy_receive")


def test_a_short_completion_ring_only_means_asking_again(monkeypatch):
    from devmemlab.host.host import Host
    real = Host.io_uring
    monkeypatch.setattr(Host, "io_uring", lambda host, entries: real(host, 4))
    row = receive_modes(input=bulk_capture(NBYTES, mtu=1500), modes=["zcrx"], **SMALL)["zcrx"]
    assert row.sha256_ok and row.calls > 5
