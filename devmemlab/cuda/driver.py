"""The driver: is there a GPU, which one, or the simulator in its place; and what to do when there is neither.

Law.   Nothing is imported before it is asked for, and whoever asks in vain is told what to install or to set.
Reads. Numba's ``numba.cuda``, which the package numba-cuda takes the place of where it is installed.
Omits. Choosing among several GPUs: the current context's is used (``numba.cuda.select_device`` before anything else).

The simulator runs kernels as Python threads on the host. It is chosen by ``NUMBA_ENABLE_CUDASIM=1``, before Numba is imported,
and says nothing about speed.
"""

from functools import cache
from importlib import import_module

INSTALL = "pip install 'devmemlab[cuda]'"
SIMULATE = "NUMBA_ENABLE_CUDASIM=1"


class NoGpu(OSError):
    """There is no GPU to be used, and no simulator of one; the sentence says why, and what helps."""


@cache
def numba_cuda():
    """Import Numba's CUDA.

    Returns
    -------
    cuda : module
        ``numba.cuda``.

    Raises
    ------
    ImportError
        Numba has none here.
    """
    try:
        return import_module("numba.cuda")
    except ImportError as missing:
        raise ImportError(f"this needs numba-cuda ({missing}): {INSTALL}", name="numba.cuda") from missing


def simulated():
    """Tell whether Numba's CUDA is the simulator.

    Returns
    -------
    simulated : bool
        False also where it cannot be imported.
    """
    try:
        return "simulator" in numba_cuda().jit.__module__
    except ImportError:
        return False


def missing():
    """Say why no kernel can run on a GPU here, a simulated one included.

    Returns
    -------
    reason : str or None
        None when one can.
    """
    try:
        cuda = numba_cuda()
        if cuda.is_available():
            return None
        driver = import_module("numba.cuda.cudadrv.driver").driver
        trouble = "there is one, but no NVVM to compile for it: install the CUDA toolkit, or pip install 'numba-cuda[cu13]'"
        if not driver.is_available:
            trouble = driver.initialization_error
    except ImportError as absent:
        return str(absent)
    except Exception as broken:             # a driver that does not fit its library fails in ways of its own
        trouble = broken
    why = " ".join(str(trouble).split()).partition(". ")[0].rstrip(".: ")
    return f"no CUDA GPU is usable here ({why}); {SIMULATE} runs kernels in Numba's simulator instead"


def unmeasurable():
    """Say why nothing about a GPU can be measured here.

    Returns
    -------
    reason : str or None
        None when there is a GPU; the simulator counts as none.
    """
    return "Numba's CUDA simulator: what it takes says nothing about a GPU" if simulated() else missing()


def require():
    """Get Numba's CUDA with a GPU, or with its simulator.

    Returns
    -------
    cuda : module
        ``numba.cuda``.

    Raises
    ------
    ImportError
        Numba has none here.
    NoGpu
        It has, and there is no GPU.
    """
    cuda = numba_cuda()
    reason = missing()
    if reason:
        raise NoGpu(19, reason)
    return cuda


def device():
    """Describe the GPU.

    Returns
    -------
    facts : dict
        ``name``, ``compute_capability``, ``numba_cuda`` (version or None), ``driver`` (CUDA version), ``memory_bytes``.
    """
    cuda = require()
    if simulated():
        return {"name": "Numba's CUDA simulator", "compute_capability": None, "numba_cuda": _version(), "driver": None,
                "memory_bytes": None}
    found = cuda.get_current_device()
    name = found.name.decode() if isinstance(found.name, bytes) else str(found.name)
    try:
        driver = ".".join(map(str, import_module("numba.cuda.cudadrv.driver").driver.get_version()))
    except (AttributeError, TypeError):
        driver = None
    return {"name": name, "compute_capability": ".".join(map(str, found.compute_capability)), "numba_cuda": _version(),
            "driver": driver, "memory_bytes": int(cuda.current_context().get_memory_info().total)}


def _version():
    """Look up which numba-cuda is installed; None for Numba's own."""
    metadata = import_module("importlib.metadata")
    try:
        return metadata.version("numba-cuda")
    except metadata.PackageNotFoundError:
        return None
