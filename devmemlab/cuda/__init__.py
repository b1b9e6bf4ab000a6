"""Floor 6, a GPU: its memory as the device side of a binding, and kernels that run on it.

Law.   One source: what a GPU kernel computes comes from the CPU's own functions. What only stands in for hardware is counted
       apart.
Reads. House laws 1 and 12; interfaces sections 2 and 3; Numba's ``numba.cuda``.
Omits. A NIC that writes into the GPU: the simulated one writes to page-locked host memory, and copies follow (`memory`).

Reading order: driver (is there a GPU, or its simulator), compiling (CPU functions for the GPU), packets (header parse, Toeplitz
hash, token unpack); batch (pieces to copies), gathering (the gather kernel), memory (`DeviceMemory`), array and dlpack (for
CuPy, PyTorch, NumPy), dmabuf (for a real NIC); stored (the table that was measured on a GPU, if one was). The receivers and the
bench that use it are in ``devmemlab/lab``.

Nothing here imports ``numba.cuda`` before it is used; without it the error names ``pip install 'devmemlab[cuda]'``.
"""

from importlib import import_module

_NAMES = {"DeviceMemory": "memory", "GpuArray": "array", "NoGpu": "driver", "device": "driver", "missing": "driver",
          "parse_frames": "packets", "toeplitz_hashes": "packets", "toeplitz_tuples": "packets", "unpack_tokens": "packets",
          "stored_table": "stored"}


def __getattr__(name):
    """Import a name of the room when it is asked for.

    Parameters
    ----------
    name : str
        Class or function.

    Returns
    -------
    value : object
        It.

    Raises
    ------
    AttributeError
        There is no such name.
    """
    if name not in _NAMES:
        raise AttributeError(f"module 'devmemlab.cuda' has no attribute {name!r}; there are {', '.join(_NAMES)}")
    return getattr(import_module(f"devmemlab.cuda.{_NAMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *_NAMES})
