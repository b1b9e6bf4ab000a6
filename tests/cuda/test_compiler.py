"""The real compiler, which needs no GPU: every kernel becomes PTX for one, where numba-cuda and NVVM are installed."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import types as python
import numpy as np
try:
    import numba.cuda.dispatcher as dispatcher
    from numba import cuda, typeof, types
    from numba.cuda.cudadrv.nvvm import NVVM
    NVVM()
except Exception as missing:
    print("SKIP", " ".join(str(missing).split())[:200])
    sys.exit()
from devmemlab.cuda import gathering, packets
from devmemlab.cuda.compiling import _for_gpu
from devmemlab.nic.steer_tables import ENTRY
from devmemlab.wire.rows import FRAME, PKT
# Device functions ask which GPU they are for.
dispatcher.get_current_device = lambda: python.SimpleNamespace(compute_capability=(9, 0))


def rows(schema, ndim=1):
    return types.Array(typeof(np.zeros((1,) * ndim, schema)).dtype, ndim, "C")


octets, words, numbers = (types.Array(kind, 1, "C") for kind in (types.uint8, types.uint32, types.int64))
doubles, tuples = types.Array(types.uint64, 1, "C"), types.Array(types.uint8, 2, "C")
for kernel, signature in [
        (packets.parse_kernel, (octets, rows(FRAME), rows(PKT), numbers)),
        (packets.toeplitz_kernel, (rows(ENTRY, 2), rows(PKT), types.int64, types.int64, numbers)),
        (packets.bitwise_kernel, (octets, tuples, numbers)), (packets.token_kernel, (octets, rows(packets.TOKEN))),
        (gathering.gather_kernel, (octets, octets, words, words, doubles, doubles, rows(gathering.MOVE)))]:
    ptx, _ = cuda.compile_ptx(_for_gpu(kernel.py_func), signature, cc=(9, 0))
    print(kernel.__name__, ".visible .entry" in ptx, ".target sm_90" in ptx)
"""


@pytest.mark.once
def test_every_kernel_becomes_ptx():
    environ = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=600, env=environ)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("SKIP"):
        pytest.skip(f"no compiler for GPUs here: {done.stdout[5:].strip()}")
    kernels = ("parse_kernel", "toeplitz_kernel", "bitwise_kernel", "token_kernel", "gather_kernel")
    assert done.stdout.splitlines() == [f"{name} True True" for name in kernels]
