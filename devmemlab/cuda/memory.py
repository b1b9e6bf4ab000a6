"""GPU memory as the device side of a binding.

Law.   What the program was told of is on the GPU before the GPU, or anybody who asks for its bytes, reads.
Reads. CUDA's asynchronous copies from page-locked memory; house section 2.
Omits. The NIC's own DMA into the GPU, which a simulated NIC cannot do. It writes to page-locked staging memory at the same
       offsets, and each recvmsg starts the copies that bring its frags to the GPU; they are counted as STAGED_DMA, a stage of
       its own, and are a copy that devmem TCP does not make. Bytes that a GPU kernel writes reach staging only when they are
       sent. Several GPUs.

::

    NIC (simulated) --DMA--> staging, page-locked  --STAGED_DMA, asynchronous-->  GPU memory --> kernels, CuPy, PyTorch
                             [net_iov | net_iov | ...]    one stream              [same offsets]
"""

import contextlib
import weakref

import numpy as np

from devmemlab.base.units import parse_size
from devmemlab.cuda.array import GpuArray
from devmemlab.cuda.batch import runs
from devmemlab.cuda.dmabuf import dmabuf_fd
from devmemlab.cuda.driver import require
from devmemlab.cuda.gathering import gather_on
from devmemlab.mem.ledger import GATHER, GATHER_IN, GATHER_OUT, HOST_TO_DEVICE, STAGED_DMA, ledger_add, make_ledger
from devmemlab.mem.region import memory
from devmemlab.mem.staging import StagedMemory


def _unlock(stream, locks):
    """Wait for copies that are under way, then let the host's pages go."""
    stream.synchronize()
    locks.close()


class DeviceMemory(StagedMemory):
    """Memory of a GPU, exported to a host of the lab with ``k.export(gpu)``.

    Parameters
    ----------
    nbytes : int or str
        Size, rounded up to whole pages; as much is page-locked on the host.
    name : str
        For people.
    **options
        See `devmemlab.mem.region.Region`.

    Attributes
    ----------
    on_device : uint8[n] of numba.cuda
        The memory; ``flush`` before you read it in a stream of your own.
    stream : stream of numba.cuda
        What all copies and the gather kernel go through, in order.
    ledger : LEDGER[n_stage]
        Every copy that was made for this memory.

    Raises
    ------
    ImportError
        numba-cuda is not installed.
    NoGpu
        There is no GPU.
    """

    def __init__(self, nbytes, name="gpu", **options):
        cuda = require()
        super().__init__(parse_size(nbytes), name, **options)
        self.stream, self.ledger = cuda.stream(), make_ledger()
        # Not `octets`, which would keep the region.
        staging, locks = memory()[self.start:self.start + self.length], contextlib.ExitStack()
        # Called before the region's own finalizer, being younger: the range is unlocked before it is given away.
        self._unlock = weakref.finalize(self, _unlock, self.stream, locks)
        self._unlock.atexit = False
        locks.enter_context(cuda.pinned(staging))
        self.on_device = cuda.device_array(self.length, np.uint8)
        self.on_device.copy_to_device(staging)

    def _count(self, ledger, stage, nbytes, copies):
        """Count copies, here and in the ledger of whoever asked for them."""
        for one in (self.ledger, ledger):
            if one is not None and copies:
                one[stage].copies += copies - 1
                ledger_add(one, stage, nbytes)

    def arrived(self, offsets, lengths, ledger=None):
        """Start the copies that bring pieces from staging to the GPU.

        Parameters
        ----------
        offsets, lengths : int64[n]
            The pieces.
        ledger : LEDGER[n_stage], optional
            Counts them too.
        """
        starts, ends = runs(offsets, lengths)
        staging = self.octets
        for start, end in zip(starts.tolist(), ends.tolist()):
            self.on_device[start:end].copy_to_device(staging[start:end], stream=self.stream)
        self._count(ledger, STAGED_DMA, int((ends - starts).sum()), len(starts))

    def copy_in(self, octets, offset=0, ledger=None):
        """Copy bytes of the host to the GPU: what a program does that has received them in host memory.

        Parameters
        ----------
        octets : uint8[n]
            From page-locked memory the copy is only started; from other memory it is done on return.
        offset : int
            Where to.
        ledger : LEDGER[n_stage], optional
            Counts it too, as HOST_TO_DEVICE; a driver's own staging of other memory is nobody's count.
        """
        self._check(offset, len(octets))
        if len(octets):
            self.on_device[offset:offset + len(octets)].copy_to_device(octets, stream=self.stream)
            self._count(ledger, HOST_TO_DEVICE, len(octets), 1)

    def leaving(self, offsets, lengths, ledger=None):
        """Bring pieces from the GPU to staging, where a NIC reads them; done on return.

        Parameters
        ----------
        offsets, lengths : int64[n]
            The pieces; nothing but them is written.
        ledger : LEDGER[n_stage], optional
            Counts them too.
        """
        starts, ends = runs(offsets, lengths, 1)
        staging = self.octets
        for start, end in zip(starts.tolist(), ends.tolist()):
            self.on_device[start:end].copy_to_host(staging[start:end], stream=self.stream)
        self.flush()
        self._count(ledger, STAGED_DMA, int((ends - starts).sum()), len(starts))

    def _check(self, offset, nbytes):
        if not self.alive:
            raise ValueError(f"{self.name!r} is closed")
        super()._check(offset, nbytes)

    def flush(self):
        """Wait until everything that was started is done."""
        self.stream.synchronize()

    def read(self, offset, nbytes):
        """Copy bytes from the GPU to the host.

        Parameters
        ----------
        offset : int
            First byte.
        nbytes : int
            Length.

        Returns
        -------
        data : bytes
            What the GPU sees there.

        Raises
        ------
        ValueError
            The range is not inside the memory.
        """
        self._check(offset, nbytes)
        return self.view(np.uint8, nbytes, offset).copy_to_host().tobytes()

    def view(self, dtype=np.uint8, shape=None, offset=0):
        """Look at the memory as an array on the GPU, without copying.

        Parameters
        ----------
        dtype : dtype
            Element type.
        shape : int or tuple of int, optional
            As many elements as fit when left out; at least one dimension.
        offset : int
            First byte.

        Returns
        -------
        array : GpuArray
            With ``__cuda_array_interface__`` and ``__dlpack__``.

        Raises
        ------
        ValueError
            The array would not be inside the memory.
        """
        dtype = np.dtype(dtype)
        if shape is None:
            shape = (self.length - offset) // dtype.itemsize
        shape = (shape,) if np.isscalar(shape) else tuple(shape)
        if not shape:
            raise ValueError("a GPU array has at least one dimension; ask for shape 1")
        self._check(offset, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        return GpuArray(self, dtype, shape, offset)

    def gather_pieces(self, pieces, target, target_offset, mode, ledger):
        """Bring scattered pieces into one stretch, on the GPU.

        Parameters
        ----------
        pieces : PIECE[count]
            Offsets and lengths, checked.
        target : DeviceMemory
            Of this room; may be this one.
        target_offset : int
            Where the stretch begins.
        mode : str
            ``"kernel"``: the gather kernel; ``"copies"``: one device-to-device copy each; ``"host"``: each to the host, all back.
        ledger : LEDGER[n_stage]
            Counts it.
        """
        target.flush()
        total, stretch = int(pieces.length.sum()), target.on_device[target_offset:]
        if mode == "kernel":
            gather_on(self.on_device, target.on_device, pieces, target_offset, self.stream)
            self._count(ledger, GATHER, total, len(pieces))
        else:
            out = stretch if mode == "copies" else np.empty(total, np.uint8)
            self._one_by_one(pieces, out, mode)
            self._count(ledger, GATHER if mode == "copies" else GATHER_OUT, total, len(pieces))
            if mode == "host":
                stretch[:total].copy_to_device(out, stream=self.stream)
                self._count(ledger, GATHER_IN, total, 1)
        self.flush()

    def _one_by_one(self, pieces, out, mode):
        """Copy pieces one behind the other, a call each."""
        at = 0
        for offset, length in zip(pieces.offset.tolist(), pieces.length.tolist()):
            if length:
                piece = self.on_device[offset:offset + length]
                if mode == "copies":
                    out[at:at + length].copy_to_device(piece, stream=self.stream)
                else:
                    piece.copy_to_host(out[at:at + length], stream=self.stream)
            at += length
        self.flush()

    def dmabuf_fd(self):
        """Ask the GPU's driver for a dmabuf, for a real kernel and a real NIC.

        Returns
        -------
        fd : int
            See `devmemlab.cuda.dmabuf`; ``dml.linux.Kernel().export(gpu)`` calls this.
        """
        return dmabuf_fd(self.view()._address(), self.length)

    @property
    def __cuda_array_interface__(self):
        """dict: all of it, as octets."""
        return self.view().__cuda_array_interface__

    def __dlpack_device__(self):
        """Say where the memory is; see `GpuArray`."""
        return self.view().__dlpack_device__()

    def __dlpack__(self, **options):
        """Lend all of it, as octets.

        Parameters
        ----------
        **options
            See `GpuArray`.

        Returns
        -------
        capsule : PyCapsule
            ``dltensor``.
        """
        return self.view().__dlpack__(**options)

    def close(self):
        """Give staging and GPU memory back; arrays of it that others hold keep the GPU's part."""
        self._unlock()
        self.on_device = None
        super().close()
