"""bench tx: what each way of sending copies, and what a run has to prove."""

import pytest

from devmemlab.lab.bench import tx
from devmemlab.lab.bench.measure import measure, time_once
from devmemlab.lab.bench.rows import make_rows

NBYTES = 1 << 14
COPIES = {"memcpy": 1, "devmem": 1, "zerocopy": 2, "sendfile": 2, "copy": 3}


def test_rows_of_tx_count_the_copies_of_the_ledger():
    with tx.cases(True, (NBYTES, 1500)) as cases:
        found = make_rows("tx", measure(cases, 1), tx.CONTRASTS, tx.QUOTED, cases=cases)
    assert {row["mode"]: row["copied_bytes_per_payload_byte"] for row in found} == COPIES
    for row in found:
        assert (row["mtu"], row["footprint_bytes"], row["elements_per_repeat"]) == (1500, NBYTES, 12)
        assert row["figure"] == "ns_per_packet" and row["payload_gbytes_per_s"] > 0
        assert ("ratio_to_memcpy" in row) == (row["mode"] != "memcpy") and ("ratio_to_copy" in row) == (row["mode"] == "devmem")


@pytest.fixture
def case():
    made = tx.SendCase("x", "devmem", NBYTES, 9000)
    yield made
    made.close()


def test_a_send_that_nobody_told_complete_is_found_out(case):
    time_once(case)
    case.told -= 1
    with pytest.raises(OSError, match="sends were told complete"):
        case.check(0)
    case.told += 1


def test_octets_that_are_not_the_devices_are_found_out(case):
    case.device.octets[5] ^= 1
    with pytest.raises(OSError, match="other octets than the device"):
        case._validate()


def test_a_segment_that_is_not_the_next_one_is_found_out(case):
    case.peer._next += 1
    case.peer.send(0, case.peer.recv(0) or _burst_of(case))
    assert case.peer.out_of_order == 1
    case.peer._next -= 1
    with pytest.raises(OSError, match="out of order"):
        case.check(0)


def _burst_of(case):
    """Frames that the host has sent last."""
    from devmemlab.wire.rows import Burst
    return Burst(case.host._tx_octets, case.host._tx_frames[:1])
