"""A real dmabuf of GPU memory: for ``dml.linux.Kernel().export(gpu)``, where a real NIC writes to the GPU itself.

Law.   The descriptor names the GPU's memory; staging has no part in it, and nothing is copied.
Reads. The CUDA driver API, cuMemGetHandleForAddressRange.
Omits. Memory that is not aligned to host pages. Nobody has run this with a GPU and a NIC yet.
"""

import ctypes

from devmemlab.base.errno import EIO, EOPNOTSUPP, error
from devmemlab.cuda.driver import simulated

DMA_BUF_FD = 1
NOT_SUPPORTED = 801


def library():
    """Load the CUDA driver.

    Returns
    -------
    libcuda : ctypes.CDLL
        It.

    Raises
    ------
    OSError
        EOPNOTSUPP: there is none.
    """
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as missing:
        raise error(EOPNOTSUPP, f"there is no CUDA driver that could export memory: {missing}") from missing


def dmabuf_fd(address, nbytes):
    """Ask the driver for a dmabuf.

    Parameters
    ----------
    address : int
        Of memory on the GPU, page aligned.
    nbytes : int
        Whole pages.

    Returns
    -------
    fd : int
        Of this process; whoever asked closes it.

    Raises
    ------
    OSError
        EOPNOTSUPP: the simulator, or a GPU or driver that exports none. EIO: another answer of the driver.
    """
    if simulated():
        raise error(EOPNOTSUPP, "simulated GPU memory has no driver to export it; a host of the lab takes it: k.export(gpu)")
    fd = ctypes.c_int(-1)
    code = library().cuMemGetHandleForAddressRange(ctypes.byref(fd), ctypes.c_uint64(address), ctypes.c_size_t(nbytes),
                                                   ctypes.c_int(DMA_BUF_FD), ctypes.c_uint64(0))
    if code:
        raise error(EOPNOTSUPP if code == NOT_SUPPORTED else EIO,
                    f"cuMemGetHandleForAddressRange answered {code}: dmabuf export needs the open kernel modules of the driver "
                    "(CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED)")
    return fd.value
