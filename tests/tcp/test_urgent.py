"""Urgent data: ours is one answer for both memories, and it never looks at an octet."""

import pytest

from tests.scripts.kit import Script


@pytest.fixture(params=[False, True], ids=["host", "device"])
def s(request):
    with Script(device=request.param) as script:
        script.handshake()
        yield script
        script.host.audit()


@pytest.mark.parametrize("pointer", [0, 1, 3, 6, 7, 65535])
def test_an_urgent_octet_is_an_octet_in_line(s, pointer):
    """real-kernels.md point 16: a running kernel panics on the same segment in a bound queue."""
    s.inject("PAU", b"urgent", urg_ptr=pointer)
    s.expect("A", ack=7)
    s.data(b" and on")
    assert s.drain() == b"urgent and on" and s.row.urgent_in == 1


def test_an_urgent_mark_without_data_changes_nothing(s):
    s.inject("AU", urg_ptr=5)
    s.quiet()
    assert s.row.urgent_in == 1
    s.data(b"data")
    assert s.drain() == b"data"


def test_an_early_urgent_segment_waits_like_any_other(s):
    s.inject("AU", b"world", seq=6, urg_ptr=5)
    s.expect("A", ack=1, sack=[(6, 11)])
    s.data(b"hello", seq=1)
    assert s.drain() == b"helloworld"
