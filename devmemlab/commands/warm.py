"""``devmemlab warm``: compile every kernel into the cache, once, where somebody is watching.

Law.   Afterwards no kernel of the package is left uncompiled, or it is named and the command fails.
Reads. Numba's compile events.
Omits. Specialisations that only a learner's own kernels would ask for.

A kernel is compiled for the types it is called with, so warming means running: each exercise in
`devmemlab.lab.warm` drives one room with the types that the lab really uses.
"""

import importlib
import pkgutil
import sys
import time
from typing import NamedTuple

import click
from numba import config
from numba.core import event
from tqdm.auto import tqdm

import devmemlab
from devmemlab.base import cache, persist
from devmemlab.base.kernel import REGISTRY, cache_directory, cache_folders, compiled_count, forms
from devmemlab.commands.output import json_option, show, write_json
from devmemlab.commands.warm_workers import Told, run_shared, workers


class Warmed(NamedTuple):
    """What `warm` did.

    seconds : float
        Wall clock.
    kernels : int
        Kernels of the package.
    compiled : int
        Specialisations compiled just now.
    loaded : int
        Specialisations found in the cache.
    missing : list of str
        Kernels that no exercise reached.
    left_out : list of str
        Modules that need something not installed here, and what.
    directory : pathlib.Path or None
        The cache.
    removed : list of pathlib.Path
        Old cache folders that were cleaned away.
    """

    seconds: float
    kernels: int
    compiled: int
    loaded: int
    missing: list
    left_out: list
    directory: object
    removed: list

    def as_dict(self):
        """Spell the result for JSON.

        Returns
        -------
        fields : dict
            By field name.
        """
        return self._asdict() | {"directory": str(self.directory) if self.directory else None,
                                 "removed": [str(path) for path in self.removed]}


def import_all(package=devmemlab):
    """Import every module of the package, so that every kernel is registered.

    Parameters
    ----------
    package : module
        The package.

    Returns
    -------
    left_out : list of str
        Modules that could not be imported because another distribution is not installed.

    Raises
    ------
    ImportError
        A module of our own is missing or broken.
    """
    left_out = []

    def refused(name):
        error = sys.exc_info()[1]
        if not isinstance(error, ImportError) or (error.name or "devmemlab").partition(".")[0] == "devmemlab":
            raise error
        left_out.append(f"{name} (needs {error.name})")

    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", refused):
        if module.ispkg or module.name.endswith(".__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError:
            refused(module.name)
    return left_out


def reached():
    """List the kernels that have some compiled form, in this process or in the cache.

    Returns
    -------
    names : set of str
        As in `REGISTRY`. A kernel that is always inlined into its callers has no form of its own and counts.
    """
    kept = persist.kept_kernels(cache_folders())
    return {name for name, dispatcher in REGISTRY.items()
            if config.DISABLE_JIT or any(form.overloads for form in forms(dispatcher))
            or dispatcher.targetoptions.get("inline") == "always"
            or name.replace("<locals>", "locals") in kept}


class _Progress:
    """Moves a bar along while Numba compiles, here or elsewhere.

    Parameters
    ----------
    bar : tqdm.tqdm
        Its total is the number of kernels.
    """

    def __init__(self, bar):
        self._bar = bar
        self._seen = set()
        self.reached = set()
        self.counts = [0, 0]

    def hear(self, kind, word):
        """Take note.

        Parameters
        ----------
        kind : str
            ``title`` of an exercise, ``start`` and ``end`` of a kernel's compilation; from other processes also what was
            ``reached`` in them, and their ``counts``.
        word : str or list of int
            A title, a name; or how many were compiled and loaded.
        """
        if kind == "title":
            self._bar.set_description(word)
        elif kind == "start":
            self._bar.set_postfix_str(word.rpartition(".")[2])
        elif kind == "end" and word in REGISTRY and word not in self._seen:
            self._seen.add(word)
            self._bar.update(max(0, min(len(self._seen), self._bar.total) - self._bar.n))
        elif kind == "reached":
            self.reached.add(word)
        elif kind == "counts":
            self.counts = [a + b for a, b in zip(self.counts, word)]


def warm(exercises=None, progress=True):
    """Compile every kernel of the package.

    Parameters
    ----------
    exercises : list of (str, callable), optional
        What to run here, with titles; by default those of `devmemlab.lab.warm`, on all cores. Where nothing is
        compiled, none is run.
    progress : bool
        Draw a bar on standard error.

    Returns
    -------
    warmed : Warmed
        Its ``missing`` is empty when all went well.
    """
    started = time.monotonic()
    left_out = import_all()
    count = 1
    if config.DISABLE_JIT:
        exercises = []
    elif exercises is None:
        from devmemlab.lab.warm import EXERCISES as exercises
        count = workers(exercises)
    tqdm.monitor_interval = 0                # it would be a thread, and processes with threads are not forked
    with tqdm(total=len(REGISTRY), desc="compiling", unit="kernel", disable=not progress, leave=False) as bar:
        shown = _Progress(bar)
        if count > 1:
            run_shared(exercises, count, shown.hear)
        else:
            with event.install_listener("numba:compile", Told(shown.hear)):
                for title, exercise in exercises:
                    shown.hear("title", title)
                    exercise()
        bar.update(bar.total - bar.n)
    directory = cache_directory()
    compiled, loaded = map(sum, zip(shown.counts, compiled_count()[1:]))
    return Warmed(time.monotonic() - started, len(REGISTRY), compiled, loaded,
                  sorted(set(REGISTRY) - reached() - shown.reached), left_out, directory,
                  cache.clean_cache(directory.parent, keep=directory) if directory else [])


@click.command()
@json_option
def command(json_path):
    """Compile every kernel into the cache, with progress.

    The first use of anything is then as fast as the second. Run it again after an update.
    """
    done = warm(progress=sys.stderr.isatty())
    lines = [f"{done.kernels} kernels ready in {done.seconds:.1f} s "
             f"({done.compiled} specialisations compiled, {done.loaded} found in the cache)"]
    if config.DISABLE_JIT:
        lines = [f"{done.kernels} kernels run interpreted (NUMBA_DISABLE_JIT=1): there was nothing to compile"]
    lines.append(f"cache: {done.directory or 'none: no place is writable, so kernels were compiled for this process only'}")
    lines += [f"cleaned away: {path}" for path in done.removed]
    lines += [f"left out: {reason}" for reason in done.left_out]
    show("\n".join(lines), json_path)
    write_json(json_path, done.as_dict())
    if done.missing:
        raise ValueError("no exercise in devmemlab/lab/warm.py reaches " + ", ".join(done.missing))
