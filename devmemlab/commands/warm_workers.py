"""Warming on several cores: processes that share exercises and the cache.

Law.   What they leave in the cache is what one process would leave; one that fails is heard of, and none outlives the call.
Reads. fork(2), pipe(7): a read of one octet takes an exercise, and no other process gets it.
Omits. Systems without fork, and processes with threads: there one process does all.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import traceback

from numba import config
from numba.core import event

from devmemlab.base.kernel import REGISTRY, cache_directory, compiled_count, forms
from devmemlab.base.turns import Turns

MOST = 4
"""Processes: with more, all wait for the same kernels, and each holds hundreds of MiB."""


def workers(exercises):
    """Decide how many processes are worth having.

    Parameters
    ----------
    exercises : list
        What there is to run.

    Returns
    -------
    count : int
        1: this process alone.
    """
    if (config.DISABLE_JIT or sys.platform != "linux" or threading.active_count() > 1 or cache_directory() is None
            or len(exercises) > 255):
        return 1
    return min(len(os.sched_getaffinity(0)), MOST)


class Told(event.Listener):
    """Tells of each kernel that is compiled.

    Parameters
    ----------
    tell : callable
        Takes a kind and a word.
    """

    def __init__(self, tell):
        self._tell = tell

    def on_start(self, event):
        """Compilation begins.

        Parameters
        ----------
        event : numba.core.event.Event
            Which kernel's.
        """
        self._tell("start", self._name(event))

    def on_end(self, event):
        """Compilation ends.

        Parameters
        ----------
        event : numba.core.event.Event
            Which kernel's.
        """
        self._tell("end", self._name(event))

    @staticmethod
    def _name(event):
        function = event.data["dispatcher"].py_func
        return f"{function.__module__}.{function.__qualname__}"


def _work(exercises, taking, telling, folder):
    """Run exercises until none is left, and tell what was compiled.

    Parameters
    ----------
    exercises : list of (str, callable)
        All of them.
    taking : int
        Pipe of their numbers, an octet each.
    telling : int
        Pipe for lines.
    folder : str
        For `Turns`.
    """
    def tell(kind, word):
        os.write(telling, json.dumps([kind, word]).encode() + b"\n")

    before = compiled_count()[1:]
    turns = Turns(folder)
    for name, dispatcher in REGISTRY.items():
        for number, form in enumerate(forms(dispatcher)):
            turns.wait_in(f"{name} {number}", form)
    with event.install_listener("numba:compile", Told(tell)):
        while number := os.read(taking, 1):
            title, exercise = exercises[number[0]]
            tell("title", title)
            exercise()
    for name, dispatcher in REGISTRY.items():
        if any(form.overloads for form in forms(dispatcher)):
            tell("reached", name)
    tell("counts", [now - then for now, then in zip(compiled_count()[1:], before)])


def _start(exercises, taking, telling, folder, others):
    """Start a process.

    Parameters
    ----------
    exercises, taking, telling, folder
        As for `_work`.
    others : list of int
        Files that it must not hold open.

    Returns
    -------
    pid : int
        Its number.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for each in others:
            os.close(each)
        _work(exercises, taking, telling, folder)
        status = 0
    except KeyboardInterrupt:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def run_shared(exercises, count, hear):
    """Run exercises in several processes.

    Parameters
    ----------
    exercises : list of (str, callable)
        At most 255.
    count : int
        Processes.
    hear : callable
        Takes ``title``, ``start``, ``end``, ``reached`` or ``counts``, and a word (for the last: two numbers).

    Raises
    ------
    RuntimeError
        One of them failed; it said why on standard error.
    """
    take, give = os.pipe()
    hearing, telling = os.pipe()
    os.write(give, bytes(range(len(exercises))))
    os.close(give)
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory(prefix="devmemlab-turns-") as folder:
        running = set()
        try:
            running.update(_start(exercises, take, telling, folder, [hearing]) for _ in range(count))
            os.close(telling)
            with open(hearing, encoding="utf-8", closefd=False) as lines:
                for line in lines:
                    hear(*json.loads(line))
            ends = []
            for pid in sorted(running):
                ends.append(os.waitpid(pid, 0)[1])
                running.remove(pid)
            if any(ends):
                raise RuntimeError("an exercise of devmemlab/lab/warm.py failed: see above")
        finally:
            for pid in running:
                os.kill(pid, signal.SIGTERM)
            for pid in running:
                os.waitpid(pid, 0)
            os.close(take)
            os.close(hearing)
