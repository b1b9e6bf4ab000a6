"""Compiling for the GPU: the very functions of the CPU's chapters, with nothing rewritten by hand.

Law.   One source: what a CPU kernel does, the device function made of it does too.
Reads. Numba's ``cuda.jit``; a function's ``__code__`` and ``__globals__``.
Omits. Functions with closures, and those that copy payload: `copy_octets` is the CPU's.

``@gpu_kernel`` marks a plain function. When it is first launched, the kernels that it calls, and those that they call, are
replaced by device functions made of their ``py_func``; the name ``cuda`` becomes ``numba.cuda``. Until then nothing is imported.
"""

from functools import cache, cached_property
from types import FunctionType

from devmemlab.cuda.driver import numba_cuda, require, simulated

WARP, SIMULATED_THREADS = 256, 4
BLOCKS, SIMULATED_BLOCKS = 1024, 2


class _Later:
    """Stands for ``numba.cuda`` in a kernel's source."""

    def __repr__(self):
        return "<numba.cuda, once a kernel is launched>"


cuda = _Later()


def _ours(value):
    """Tell whether a global is a function of this package that has to become a device function.

    Parameters
    ----------
    value : object
        What a name stands for.

    Returns
    -------
    plain : function or None
        The plain function behind it.
    """
    plain = getattr(value, "py_func", value)
    if isinstance(plain, FunctionType) and plain.__module__.partition(".")[0] == "devmemlab":
        return plain
    return None


def _for_gpu(plain):
    """Make the same function with its names looked up on the GPU's side.

    Parameters
    ----------
    plain : function
        Of this package.

    Returns
    -------
    function : function
        To be given to ``cuda.jit``.
    """
    names = dict(plain.__globals__)
    for name in plain.__code__.co_names:
        value = names.get(name)
        if value is cuda:
            names[name] = numba_cuda()
        elif value is not None and _ours(value) is not None:
            names[name] = device_function(_ours(value))
    return FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__)


@cache
def device_function(plain):
    """Make a device function of a function of this package, and of all that it calls.

    Parameters
    ----------
    plain : function
        The ``py_func`` of a kernel, or a plain function.

    Returns
    -------
    device : numba.cuda dispatcher
        To be called by kernels of the GPU.
    """
    return numba_cuda().jit(device=True)(_for_gpu(plain))


class GpuKernel:
    """A kernel of the GPU, compiled when it is first launched.

    Parameters
    ----------
    function : function
        Plain Python; ``cuda`` of this chapter stands for ``numba.cuda``.
    """

    def __init__(self, function):
        self.py_func = function
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    @cached_property
    def compiled(self):
        """The launchable kernel of ``numba.cuda``."""
        return numba_cuda().jit(_for_gpu(self.py_func))

    def launch(self, count, *arguments, stream=0, threads=None):
        """Run it with about as many threads as there is work; it strides over what is more.

        Parameters
        ----------
        count : int
            Pieces of work; 0 launches nothing.
        *arguments
            What it takes; arrays on the device.
        stream : stream, optional
            Of ``numba.cuda``.
        threads : int, optional
            Threads of a block, each block one piece of work; a thread for each piece when left out.
        """
        require()
        if count == 0:
            return
        most, width = (SIMULATED_BLOCKS, SIMULATED_THREADS) if simulated() else (BLOCKS, WARP)
        blocks = count if threads else -(-count // width)
        self.compiled[min(blocks, most), min(threads or width, width), stream](*arguments)


def gpu_kernel(function):
    """Mark a function as a kernel of the GPU.

    Parameters
    ----------
    function : function
        It strides: from ``cuda.grid(1)`` on in steps of ``cuda.gridsize(1)``, or over blocks.

    Returns
    -------
    kernel : GpuKernel
        With ``launch``.
    """
    return GpuKernel(function)
