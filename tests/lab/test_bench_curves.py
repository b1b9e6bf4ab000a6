"""bench_curves: the points that its lines are made of, and the picture of made-up ones."""

import pytest

from devmemlab.lab.bench import curves as curving
from devmemlab.lab.bench import rx
from devmemlab.lab.bench.curves import Curves, bench_curves

KIB = 1 << 10


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(rx, "HOST", {"rx_ring": 32, "sockets": 8})


def test_every_size_is_measured_once_and_buffers_at_the_largest(small):
    found = bench_curves(footprints=("16KiB", "8KiB"), app_buffers=("8KiB", "4KiB"), repeats=1)
    assert [(row["mode"], row["footprint_bytes"] // KIB, row.get("app_buffer_bytes", 0) // KIB) for row in found.rows] == [
        ("memcpy", 8, 0), ("devmem", 8, 0), ("host_copy", 8, 8), ("host_copy_pageable", 8, 8),
        ("memcpy", 16, 0), ("devmem", 16, 0), ("host_copy", 16, 4), ("host_copy", 16, 8), ("host_copy_pageable", 16, 4),
        ("host_copy_pageable", 16, 8)]
    assert [size // KIB for size, _ in found.over_footprint("devmem")] == [8, 16]
    assert [row["app_buffer_bytes"] // KIB for _, row in found.over_footprint("host_copy")] == [8, 8]
    assert [size // KIB for size, _ in found.over_buffer("host_copy_pageable")] == [4, 8]
    assert len(found.table().splitlines()) == 2 + 2 + len(found.rows)


def row(mode, footprint, ratio, buffer=None):
    stats = {"median": ratio, "min": ratio / 2, "max": ratio * 2}
    figures = {} if mode == "memcpy" else {"ratio_to_memcpy": stats} | ({} if mode == "devmem" else {"ratio_to_devmem": stats})
    return {"mode": mode, "footprint_bytes": footprint * KIB, "payload_gbytes_per_s": 1.0, "figures": figures,
            "copied_bytes_per_payload_byte": 1.0} | ({"app_buffer_bytes": buffer * KIB} if buffer else {})


MADE_UP = Curves([row("memcpy", 1, 1), row("devmem", 1, 0.5), row("host_copy", 1, 0.25, 1), row("memcpy", 4, 1),
                  row("devmem", 4, 0.8), row("host_copy", 4, 0.25, 1), row("host_copy", 4, 0.5, 4),
                  row("host_copy_pageable", 4, 0.2, 4)], 9000)


def test_a_ratio_is_turned_with_its_spread():
    assert curving._turned({"median": 0.5, "min": 0.25, "max": 1.0}) == {"median": 2, "min": 1, "max": 4}
    assert "4.00 (2.00..8.00)" in MADE_UP.table() and curving._spread(None) == "-"


@pytest.mark.parametrize("dark", [False, True])
def test_the_picture_says_what_the_rows_say(dark):
    pytest.importorskip("matplotlib")
    from devmemlab.view.curves_plot import curves_plot
    figure = curves_plot(MADE_UP, dark)
    left, right = figure.axes
    assert "A devmem: 0.50 at 1 KiB, 0.80 at 4 KiB" in figure.words
    assert "B host_copy: 4.00 at 1 KiB, 2.00 at 4 KiB" in figure.words
    assert [list(line.get_ydata()) for line in left.lines if len(line.get_ydata()) == 2][0] == [0.5, 0.8]
    assert left.get_ylim()[0] == right.get_ylim()[0] == 0 and "(measured)" in left.get_title("left")
    assert "image/png" in figure._repr_mimebundle_()[0]
