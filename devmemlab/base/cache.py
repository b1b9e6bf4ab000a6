"""Where compiled kernels are kept, and when they stop being true.

Law.   A cached kernel is used only with the very sources and settings it was compiled from.
Reads. Numba's caching notes: ``cache=True`` watches one file and forgets that its callees live in others.
Omits. Sharing one cache between users: a cache holds machine code, so only its owner may write it.

A cache directory is named by a digest (the *stamp*) over the versions of Python, Numba, llvmlite and NumPy and the compiler
settings that change code. In it each source file has a folder, named by the stamp of the sources it is made of
(`devmemlab.base.sources`). An edited callee or constant therefore selects new, empty folders for the files that import it,
and for no others. What one file in them holds is `devmemlab.base.persist`'s business. This chapter alone on its floor
looks at a clock: files have ages.
"""

import hashlib
import os
import pathlib
import platform
import shutil
import stat
import tempfile
import time

import llvmlite
import numba
import numpy
from numba import config

KEEP_STAMPS = 3
KEEP_DAYS = 7


def stamp():
    """Digest of everything but sources that decides what machine code a kernel becomes.

    Returns
    -------
    digest : str
        16 hexadecimal digits.
    """
    settings = (platform.python_version(), numba.__version__, llvmlite.__version__, numpy.__version__, config.BOUNDSCHECK,
                str(config.OPT), config.DEBUG, config.DEBUGINFO_DEFAULT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE,
                config.CPU_NAME)
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


def candidate_roots(environ=os.environ):
    """Folders that may hold the caches, best first.

    Parameters
    ----------
    environ : mapping
        Environment: ``NUMBA_CACHE_DIR`` (the user's own choice, wins), ``XDG_CACHE_HOME``, ``HOME``.

    Returns
    -------
    roots : list of pathlib.Path
        Candidates; none of them need exist or be writable.
    """
    if environ.get("NUMBA_CACHE_DIR"):
        return [pathlib.Path(environ["NUMBA_CACHE_DIR"]) / "devmemlab"]
    roots = []
    if environ.get("XDG_CACHE_HOME"):
        roots.append(pathlib.Path(environ["XDG_CACHE_HOME"]) / "devmemlab" / "kernels")
    elif environ.get("LOCALAPPDATA"):
        roots.append(pathlib.Path(environ["LOCALAPPDATA"]) / "devmemlab" / "kernels")
    elif environ.get("HOME"):
        roots.append(pathlib.Path(environ["HOME"]) / ".cache" / "devmemlab" / "kernels")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    roots.append(pathlib.Path(tempfile.gettempdir()) / f"devmemlab-{user}" / "kernels")
    return roots


def _ours(path):
    """Tell whether nobody else could have planted machine code in `path`, or could swap it for another folder.

    Parameters
    ----------
    path : pathlib.Path
        A stamp's folder, which exists. It and the two folders above it (our name, and what holds it) are looked at.

    Returns
    -------
    ours : bool
        True when each is a folder of ours (or root's), reached by no stranger's link, in which others may not write.
    """
    if not hasattr(os, "getuid"):
        return True
    for folder in (path, path.parent, path.parent.parent):
        info = folder.stat()
        if not stat.S_ISDIR(info.st_mode) or {info.st_uid, folder.lstat().st_uid} - {os.getuid(), 0}:
            return False
        if info.st_mode & stat.S_IWOTH and not info.st_mode & stat.S_ISVTX:
            return False
    return True


def _make_private(path):
    """Make a folder and its missing parents, for us alone.

    Parameters
    ----------
    path : pathlib.Path
        Wanted folder; ``mkdir(parents=True)`` would give parents the umask's mode.

    Returns
    -------
    fresh : bool
        True when `path` was not there.
    """
    if path.is_dir():
        return False
    if path.parent != path:
        _make_private(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    return True


def open_cache(environ=os.environ):
    """Choose, create and mark as used the cache directory for the present settings.

    Parameters
    ----------
    environ : mapping
        Environment, see `candidate_roots`.

    Returns
    -------
    directory : pathlib.Path or None
        None when no candidate is writable: kernels are then compiled for this process only.
    """
    name = stamp()
    for root in candidate_roots(environ):
        directory = root / name
        try:
            fresh = _make_private(directory)
            if not _ours(directory):
                continue
            with tempfile.TemporaryFile(dir=directory):
                pass
            os.utime(directory)
        except OSError:
            continue
        if fresh:
            clean_cache(root, keep=directory)
        return directory
    return None


def open_folder(directory, module, sources_stamp):
    """Choose, create and mark as used the folder for one source file's kernels.

    Parameters
    ----------
    directory : pathlib.Path
        From `open_cache`.
    module : str
        Dotted name.
    sources_stamp : str
        From `devmemlab.base.sources`.

    Returns
    -------
    folder : pathlib.Path
        It may have vanished again: whoever writes there finds out.
    """
    folder = directory / f"{module}-{sources_stamp}"
    try:
        fresh = _make_private(folder)
        os.utime(folder)
    except OSError:
        return folder
    if fresh:
        clean_cache(directory, keep=folder, prefix=f"{module}-")
    return folder


def clean_cache(root, keep=None, prefix="", stamps=KEEP_STAMPS, days=KEEP_DAYS):
    """Remove what nobody has used for a while.

    Parameters
    ----------
    root : pathlib.Path
        Holds one directory a stamp.
    keep : pathlib.Path, optional
        The one in use.
    prefix : str
        What their names begin with, before the stamp.
    stamps : int
        This many of the most recently used are kept whatever their age.
    days : float
        Younger ones are kept whatever their number: another process may be using them.

    Returns
    -------
    removed : list of pathlib.Path
        What was removed.
    """
    def is_stamp(p):
        digits = p.name.removeprefix(prefix)
        return p.name.startswith(prefix) and len(digits) == 16 and all(c in "0123456789abcdef" for c in digits) and p.is_dir()

    try:
        found = sorted(((p.stat().st_mtime, p) for p in root.iterdir() if is_stamp(p)), reverse=True)
    except OSError:
        return []
    horizon = time.time() - days * 86400
    removed = []
    for used, path in found[stamps:]:
        if path != keep and used < horizon:
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                removed.append(path)
    return removed
