"""The `@kernel` decorator: one way to turn a plain function into machine code.

Law.   A kernel means the same compiled, bounds-checked and interpreted; only its speed differs.
Reads. Numba's ``njit``; house law 3.
Omits. Threads inside a kernel (``parallel=True``): actors are threads around kernels, never within.

Kernels of this package are compiled on first use and kept in the source-keyed cache of
`devmemlab.base.cache`. Kernels written elsewhere (a notebook cell) compile once per process:
Numba could not notice when a kernel of ours that they call has changed.
"""

import pathlib

from numba import config, njit, types

from devmemlab.base import cache, crossing, indexing, persist
from devmemlab.base.inner import INNER, keep_inner
from devmemlab.base.operators import remember_operators
from devmemlab.base.sources import Sources
from devmemlab.base.whole import KERNEL

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
ARGUMENTS, ROWS = crossing, indexing
"""How components reach a kernel, and how it finds a row. Named here, and so part of what every kernel is made of
(`devmemlab.base.sources`)."""
REGISTRY = {}
remember_operators()
_directory = None
_sources = None
_folders = {}
_opened = False


def cache_directory():
    """Return the directory that holds this process's compiled kernels.

    Returns
    -------
    directory : pathlib.Path or None
        None when nothing is cached (no writable place, or the JIT is off).
    """
    global _directory, _sources, _opened
    if not _opened:
        _opened = True
        if not config.DISABLE_JIT:
            _sources = Sources(PACKAGE)
            _directory = cache.open_cache()
    return _directory


def cache_folders():
    """List the folders of `cache_directory` that this process uses, one a source file with kernels.

    Returns
    -------
    folders : list of pathlib.Path
        Empty when nothing is cached.
    """
    return list(_folders.values())


def _file_in_package(function):
    """Find the file of this package that defines a function.

    Parameters
    ----------
    function : callable
        A plain Python function.

    Returns
    -------
    path : str or None
        None for a function from elsewhere, a notebook cell among them.
    """
    try:
        path = pathlib.Path(function.__code__.co_filename).resolve()
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


def _lend(dispatcher, inner):
    """Let other kernels call the inner form of a kernel.

    Parameters
    ----------
    dispatcher : numba dispatcher
        What Python calls; its answers to other kernels are replaced.
    inner : numba dispatcher
        The same function, without machine code of its own.

    Notes
    -----
    Numba types a constant argument as that very constant and would compile ``emit(trace, STEER, ...)`` anew for every
    tracepoint, so literals are forgotten here. LLVM propagates the constants after inlining anyway.
    """
    resolve = inner.get_call_template

    def get_call_template(args, kws):
        return resolve(tuple(types.unliteral(a) for a in args), {name: types.unliteral(a) for name, a in kws.items()})

    dispatcher.get_call_template = get_call_template
    if inner is not dispatcher:
        dispatcher.get_overload = inner.get_overload
        dispatcher.inner = inner


def kernel(function=None, **options):
    """Compile `function` with Numba: ``nogil``, cached, no bounds checks, no allocation, no exceptions expected.

    Parameters
    ----------
    function : callable
        The function. It must return errno rather than raise (house law 4).
    **options
        Passed to ``numba.njit`` (for example ``inline="always"``).

    Returns
    -------
    kernel : numba dispatcher, or `function` itself under ``NUMBA_DISABLE_JIT=1``
        ``kernel.py_func`` is the plain function in either case.

    Notes
    -----
    Kernels allocate nothing, so reference counting is off (``_nrt=False``): Numba would otherwise count every table of a
    NamedTuple up and down, atomically, at each use, which made a whole receive ten times slower. A kernel that must
    allocate says ``@kernel(_nrt=True)``; without it Numba refuses to compile it.
    """
    if function is None:
        return lambda f: kernel(f, **options)
    wanted = {"nogil": True, "_nrt": False, **options}
    inner = options.get("inline") != "always"
    compiled = njit(**KERNEL if inner else {}, **wanted)(function)
    if compiled is function:
        function.py_func = function
    else:
        _lend(compiled, njit(**INNER, **wanted)(function) if inner else compiled)
    path = _file_in_package(function)
    if path:
        folder = _folder(path, function.__module__)
        name = f"{function.__module__}.{function.__qualname__}"
        if folder:
            for form in forms(compiled):
                inner = form is not compiled
                form._cache = persist.KernelCache(function, folder, lambda: _sources.stamp(path) is not None, inner,
                                                  linked=inner or len(forms(compiled)) == 1)
                if inner and "<locals>" not in name:
                    keep_inner(name, form, lambda: _sources.stamp(path))
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
