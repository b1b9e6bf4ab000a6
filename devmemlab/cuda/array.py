"""Arrays of a GPU's memory, for CuPy, PyTorch and kernels of one's own.

Law.   Nothing is copied; what has arrived is on the device before anybody gets a pointer.
Reads. The CUDA array interface, version 3; DLPack in the Python array API.
Omits. Strides: every array is C-contiguous. Waiting for a stream of the consumer: the producer's own is empty by then.

Under the simulator there is no device pointer: DLPack then says that it is CPU memory, so that ``np.from_dlpack`` takes the
array, and the CUDA array interface is refused.
"""

import numpy as np

from devmemlab.cuda.dlpack import CPU, CUDA, to_capsule
from devmemlab.cuda.driver import SIMULATE, numba_cuda, simulated


class GpuArray:
    """Some of a GPU's memory as an array.

    Parameters
    ----------
    memory : DeviceMemory
        Of this room. When it is closed, the array keeps the GPU's part of it.
    dtype : dtype
        Element type.
    shape : tuple of int
        C-contiguous.
    offset : int
        First octet.
    """

    def __init__(self, memory, dtype, shape, offset):
        self.dtype, self.shape, self.offset = np.dtype(dtype), tuple(shape), offset
        self.name, self.stream, self.whole = memory.name, memory.stream, memory.on_device

    @property
    def size(self):
        """int: elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self):
        """int: octets."""
        return self.size * self.dtype.itemsize

    @property
    def array(self):
        """The array as ``numba.cuda`` has it, to be passed to a kernel."""
        self.stream.synchronize()
        return self.whole[self.offset:self.offset + self.nbytes].view(self.dtype).reshape(self.shape)

    def copy_to_host(self):
        """Copy it to the host.

        Returns
        -------
        array : numpy.ndarray
            A copy.
        """
        return self.array.copy_to_host() if self.nbytes else np.empty(self.shape, self.dtype)

    def copy_from(self, array):
        """Fill it from the host.

        Parameters
        ----------
        array : array_like
            Of this shape; converted to this type.
        """
        if self.nbytes:
            self.array.copy_to_device(np.ascontiguousarray(np.broadcast_to(np.asarray(array, self.dtype), self.shape)))

    def _address(self):
        """First octet: on the device, or in host memory under the simulator."""
        if simulated():
            return self.whole.ctypes.data + self.offset
        return int(self.whole.__cuda_array_interface__["data"][0]) + self.offset

    @property
    def __cuda_array_interface__(self):
        """dict: version 3, for CuPy, Numba and others."""
        if simulated():
            raise AttributeError(f"{SIMULATE}: simulated memory has no device pointer; np.from_dlpack(array) and "
                                 "array.copy_to_host() work")
        self.stream.synchronize()
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self._address(), False), "version": 3,
                "strides": None, "stream": None}

    def __dlpack_device__(self):
        """Say where the memory is.

        Returns
        -------
        device : tuple of int
            DLPack's device type and number.
        """
        return (CPU, 0) if simulated() else (CUDA, int(numba_cuda().get_current_device().id))

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """Lend the memory.

        Parameters
        ----------
        stream : int, optional
            Of the consumer; nothing is in flight when this returns.
        max_version : tuple of int, optional
            What the consumer knows; the capsule is of the older form that all know.
        dl_device : tuple of int, optional
            Where the consumer wants it.
        copy : bool, optional
            True is refused.

        Returns
        -------
        capsule : PyCapsule
            ``dltensor``.

        Raises
        ------
        BufferError
            A copy is wanted, or another device.
        """
        if copy or (dl_device is not None and tuple(dl_device) != self.__dlpack_device__()):
            raise BufferError("the memory can be lent as it is, where it is; copy_to_host() makes a copy on the host")
        self.stream.synchronize()
        return to_capsule(self.whole, self._address(), self.dtype, self.shape, *self.__dlpack_device__())

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"<GpuArray {self.shape} {self.dtype} at {self.offset:#x} of {self.name!r}>"
