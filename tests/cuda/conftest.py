"""What the tests of the GPU's room run on: a GPU where there is one, else Numba's simulator of one."""

import os
import sys

import numba
import pytest

from devmemlab.cuda import driver


def has_gpu():
    """Whether the system has a GPU's driver; Numba is not asked, for it can be asked only once."""
    return any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/dxg"))


@pytest.fixture(scope="session")
def cuda():
    """``numba.cuda``, with something that kernels can run on; the choice is made when it is first imported."""
    if "numba.cuda" not in sys.modules and not has_gpu():
        before, numba.config.ENABLE_CUDASIM = os.environ.get("NUMBA_ENABLE_CUDASIM"), 1
        os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
        try:
            __import__("numba.cuda")
        except ImportError as missing:
            pytest.skip(f"no CUDA in this Numba ({missing}): {driver.INSTALL}")
        finally:
            # The module has chosen by now; other processes shall choose for themselves.
            if before is None:
                del os.environ["NUMBA_ENABLE_CUDASIM"]
    reason = driver.missing()
    if reason:
        pytest.skip(reason)
    return driver.numba_cuda()
