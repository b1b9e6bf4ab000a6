"""bench gpu: what its cases check and count; never how long they take."""

import numpy as np
import pytest

from devmemlab.cuda.driver import simulated
from devmemlab.lab.bench import gpu
from devmemlab.lab.bench.gpu_cases import OwnCopy
from devmemlab.lab.bench.measure import measure

pytestmark = pytest.mark.usefixtures("cuda")
STREAM, GATHER = 20_000, 1 << 17


@pytest.mark.compiled_only
def test_every_case_delivers_and_names_its_figures(monkeypatch):
    monkeypatch.setattr(gpu, "MTUS", (9000,))
    with gpu.make_cases(STREAM, GATHER) as cases:
        samples = measure(cases, 1)
        names = {case.name: case.figures(samples[case.name]) for case in cases}
        copied = {way: names[f"{way}_9000"]["copied_bytes_per_payload_byte"][0] for way in gpu.WAYS}
        assert all(case.more["device"]["name"] and case.more["method"] for case in cases)
        contrasts = {case.name: dict(case.contrasts) for case in cases}
    # devmem: the NIC's write, and the copy in place of its DMA into the GPU, which takes the ends of net_iovs along.
    assert copied["host_copy"] == copied["host_copy_pageable"] == 3 and 2 <= copied["devmem"] < 2.5
    own = {"copy_h2d", "copy_d2h", "copy_d2d"}
    assert {name for name, to in contrasts.items() if not to} == own
    assert {to["ratio_to_device_copy"] for name, to in contrasts.items() if name.startswith("gather")} == {"copy_d2d"}
    assert contrasts["devmem_9000"] == {"ratio_to_device_copy": "copy_h2d", "ratio_to_host_copy": "host_copy_9000",
                                        "ratio_to_host_copy_pageable": "host_copy_pageable_9000"}
    assert {f"gather_kernel_{piece}" for piece in gpu.PIECES} < set(names)
    assert {"payload_gbytes_per_s", "ns_per_packet", "copied_bytes_per_payload_byte"} == set(names["devmem_9000"])


def test_a_case_that_did_not_copy_does_not_count(monkeypatch):
    class Lazy(OwnCopy):
        def run(self):
            self.target.flush()

    with monkeypatch.context() as patch:
        patch.setattr(gpu, "MTUS", ())
        with gpu.make_cases(4096, 1 << 16) as cases:
            for name in ("copy_h2d", "copy_d2h", "copy_d2d"):
                case = next(case for case in cases if case.name == name)
                with pytest.raises(OSError, match="not what was there"):
                    measure([Lazy(name, case.source, case.target, case.elements)], 1)
                case.prepare()
                case.check(case.run())
            case = next(case for case in cases if case.name == "gather_kernel_65536")
            case.prepare()
            with pytest.raises(OSError, match="not what the pieces hold"):
                case.check(None)
            assert np.count_nonzero(case.wanted) > 60_000


def test_the_simulator_is_not_measured():
    if simulated():
        assert "simulator" in gpu.skipped()["all cases"]
        with gpu.cases() as cases:
            assert cases == []
    else:
        assert gpu.skipped() == {}
