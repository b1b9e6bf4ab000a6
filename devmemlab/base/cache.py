"""Where compiled kernels are kept, and when they stop being true.

Law.   A cached kernel is used only with the very sources and settings it was compiled from.
Reads. Numba's caching notes: ``cache=True`` watches one file and forgets that its callees live in others.
Omits. Sharing one cache between users: a cache holds machine code, so only its owner may write it.

A cache directory is named by a digest (the *stamp*) over every source file of the package, the
versions of Python, Numba, llvmlite and NumPy, and the compiler settings that change code. An edited
callee or constant anywhere therefore selects a new, empty directory; only the rooms above all kernels
(pictures and commands) may change freely. What one file in it holds is
`devmemlab.base.persist`'s business. This chapter alone on its floor looks at a clock: files have ages.
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

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
ABOVE_ALL_KERNELS = ("view", "commands", "cli.py")
KEEP_STAMPS = 3
KEEP_DAYS = 7


def source_files(package=PACKAGE):
    """List the sources that a stamp covers, in a fixed order.

    Parameters
    ----------
    package : pathlib.Path
        Root of the package.

    Returns
    -------
    files : list of pathlib.Path
        Every ``*.py`` below `package` that can reach a kernel, sorted: `ABOVE_ALL_KERNELS` is left out.
    """
    skip = {"__pycache__", "_notebooks"}
    return sorted(p for p in package.rglob("*.py")
                  if not skip & set(p.parts) and p.relative_to(package).parts[0] not in ABOVE_ALL_KERNELS)


def stamp(package=PACKAGE):
    """Digest of everything that decides what machine code a kernel becomes.

    Parameters
    ----------
    package : pathlib.Path
        Root of the package.

    Returns
    -------
    digest : str
        16 hexadecimal digits.
    """
    h = hashlib.sha256()
    for path in source_files(package):
        h.update(path.relative_to(package).as_posix().encode())
        h.update(path.read_bytes())
    settings = (platform.python_version(), numba.__version__, llvmlite.__version__, numpy.__version__, config.BOUNDSCHECK,
                str(config.OPT), config.DEBUG, config.DEBUGINFO_DEFAULT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE,
                config.CPU_NAME)
    h.update(repr(settings).encode())
    return h.hexdigest()[:16]


def source_ages(package=PACKAGE):
    """Note when each source file was last written, to tell later whether the stamp still holds.

    Parameters
    ----------
    package : pathlib.Path
        Root of the package.

    Returns
    -------
    ages : dict of str to tuple
        Path -> (modification time in ns, size).
    """
    return {str(path): (info.st_mtime_ns, info.st_size) for path in source_files(package) for info in [path.stat()]}


def still_true(ages):
    """Tell whether no source file was written since `ages` was noted.

    Parameters
    ----------
    ages : dict
        From `source_ages`.

    Returns
    -------
    unchanged : bool
        False too when a file is gone.
    """
    try:
        return all((info.st_mtime_ns, info.st_size) == age for path, age in ages.items() for info in [os.stat(path)])
    except OSError:
        return False


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


def open_cache(environ=os.environ, package=PACKAGE):
    """Choose, create and mark as used the cache directory for the present sources.

    Parameters
    ----------
    environ : mapping
        Environment, see `candidate_roots`.
    package : pathlib.Path
        Root of the package.

    Returns
    -------
    directory : pathlib.Path or None
        None when no candidate is writable: kernels are then compiled for this process only.
    """
    name = stamp(package)
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


def clean_cache(root, keep=None, stamps=KEEP_STAMPS, days=KEEP_DAYS):
    """Remove cache directories of sources that nobody has used for a while.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds one directory a stamp.
    keep : pathlib.Path, optional
        The directory in use.
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
        return p.is_dir() and len(p.name) == 16 and all(c in "0123456789abcdef" for c in p.name)

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
