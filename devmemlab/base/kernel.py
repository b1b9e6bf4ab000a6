"""The `@kernel` decorator: one way to turn a plain function into machine code.

Law.   A kernel means the same compiled, bounds-checked and interpreted; only its speed differs.
Reads. Numba's ``njit``; house law 3.
Omits. Threads inside a kernel (``parallel=True``): actors are threads around kernels, never within.

Kernels of this package are compiled on first use and kept in the source-keyed cache of
`devmemlab.base.cache`. Kernels written elsewhere (a notebook cell) compile once per process:
Numba could not notice when a kernel of ours that they call has changed.
"""

import functools
import inspect
import pathlib

from numba import config

from devmemlab.base import cache, crossing, indexing, persist
from devmemlab.base.dispatch import KernelDispatcher, dispatcher_of
from devmemlab.base.inner import keep_inner
from devmemlab.base.operators import remember_operators
from devmemlab.base.sources import Sources

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
ARGUMENTS, ROWS = crossing, indexing
"""How components reach a kernel, and how it finds a row. Named here, and so part of what every kernel is made of
(`devmemlab.base.sources`)."""
REGISTRY = {}
remember_operators()
_sources = None if config.DISABLE_JIT else Sources(PACKAGE)
_directory = None
_folders = {}
_modules = {}
_opened = False


def cache_directory():
    """Return the directory that holds this process's compiled kernels.

    Returns
    -------
    directory : pathlib.Path or None
        None when nothing is cached (no writable place, or the JIT is off).
    """
    global _directory, _opened
    if not _opened:
        _opened = True
        if not config.DISABLE_JIT:
            _directory = cache.open_cache()
    return _directory


def cache_folders():
    """List the folders of `cache_directory` that this process's kernels have, one a source file.

    Returns
    -------
    folders : list of pathlib.Path
        Empty when nothing is cached.
    """
    folders = [_folder(path, module) for path, module in _modules.items() if path]
    return [folder for folder in folders if folder]


@functools.cache
def _file_in_package(name):
    """Tell whether a file is one of this package.

    Parameters
    ----------
    name : str
        As a function's code has it.

    Returns
    -------
    path : str or None
        None for a file from elsewhere, and for a notebook's cell.
    """
    try:
        path = pathlib.Path(name).resolve()
        return str(path) if path.is_relative_to(PACKAGE) else None
    except (OSError, ValueError):
        return None


def _folder(path, module):
    """Choose the folder for the kernels of a source file.

    Parameters
    ----------
    path, module : str
        The file, its dotted name.

    Returns
    -------
    folder : pathlib.Path or None
        None when they are not to be kept.
    """
    directory = cache_directory()
    if directory is None:
        return None
    if path not in _folders:
        stamp = _sources.stamp(path)
        if stamp is None:
            return None
        _folders[path] = cache.open_folder(directory, module, stamp)
    return _folders[path]


def _keeper(path):
    """Say how the kernels of a source file are kept.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    keep : callable
        Takes a dispatcher, gives its `devmemlab.base.persist.KernelCache`, or None.
    """
    def keep(dispatcher):
        function = dispatcher.py_func
        folder = _folder(path, function.__module__)
        if folder is None:
            return None
        outer = isinstance(dispatcher, KernelDispatcher)
        linked = not outer
        inner = linked and dispatcher.targetoptions.get("inline") != "always"
        return persist.KernelCache(function, folder, lambda: _sources.stamp(path) is not None, inner, linked,
                                   dispatcher.targetoptions)

    return keep


def kernel(function=None, **options):
    """Compile `function` with Numba: ``nogil``, cached, no bounds checks, no allocation, no exceptions expected.

    Parameters
    ----------
    function : callable
        The function. It must return errno rather than raise (house law 4).
    **options
        As for ``numba.njit`` (for example ``inline="always"``).

    Returns
    -------
    kernel : numba dispatcher, or `function` itself under ``NUMBA_DISABLE_JIT=1``
        ``kernel.py_func`` is the plain function in either case.

    Raises
    ------
    TypeError
        It is no plain function, or an option is none of Numba's.

    Notes
    -----
    Kernels allocate nothing, so reference counting is off (``_nrt=False``): Numba would otherwise count every table of a
    NamedTuple up and down, atomically, at each use, which made a whole receive ten times slower. A kernel that must
    allocate says ``@kernel(_nrt=True)``; without it Numba refuses to compile it.
    """
    if function is None:
        return lambda f: kernel(f, **options)
    if not inspect.isfunction(function):
        raise TypeError(f"{function!r} is no plain function; a kernel is made of one (its own is kernel.py_func)")
    path = _file_in_package(function.__code__.co_filename)
    name = f"{function.__module__}.{function.__qualname__}"
    if config.DISABLE_JIT:
        compiled = function
        function.py_func = function
    else:
        compiled = dispatcher_of(function, {"nogil": True, "_nrt": False, **options}, _keeper(path) if path else None)
    if path:
        if not config.DISABLE_JIT and options.get("inline") != "always" and "<locals>" not in name:
            keep_inner(name, compiled, lambda: _sources.stamp(path))
        _modules.setdefault(path, function.__module__)
        REGISTRY[name] = compiled
    return compiled


def forms(dispatcher):
    """List what a kernel is kept as.

    Parameters
    ----------
    dispatcher : numba dispatcher, or a plain function under ``NUMBA_DISABLE_JIT=1``
        From `REGISTRY`.

    Returns
    -------
    dispatchers : list of numba dispatcher
        What Python calls, then what kernels call; none when nothing is compiled.
    """
    return [form for form in (dispatcher, getattr(dispatcher, "inner", None)) if hasattr(form, "stats")]


def compiled_count():
    """Count the specialisations that this process holds.

    Returns
    -------
    counts : tuple of int
        ``(specialisations, compiled here, loaded from the cache)``.
    """
    total = fresh = loaded = 0
    for dispatcher in REGISTRY.values():
        for form in forms(dispatcher):
            total += len(form.overloads)
            fresh += sum(form.stats.cache_misses.values())
            loaded += sum(form.stats.cache_hits.values())
    return total, fresh, loaded
