"""Taking turns: processes that fill one cache together compile each kernel once.

Law.   Whoever compiles a kernel holds its file locked; a process that ends, however it ends, holds nothing any more.
Reads. flock(2); Numba's compiler lock, which is always taken first.
Omits. Systems without flock: there nobody takes turns.

A kernel waits for those it calls and for no other, and none calls itself through others, so waiting cannot go in a circle.
"""

import hashlib
import pathlib
from contextlib import contextmanager

from numba.core.compiler_lock import global_compiler_lock

try:
    import fcntl
except ImportError:
    fcntl = None


class Turns:
    """Locks that a few processes share.

    Parameters
    ----------
    folder : str or pathlib.Path
        For their files; whoever made it removes it.
    """

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._held = set()

    @contextmanager
    def turn(self, name):
        """Be the only process that compiles something.

        Parameters
        ----------
        name : str
            Of it. A process that holds it already, for kernels of one name, goes on.

        Yields
        ------
        nothing
            None.
        """
        if name in self._held:
            yield
            return
        if fcntl is None:
            yield
            return
        with open(self._folder / hashlib.sha256(name.encode()).hexdigest()[:16], "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._held.add(name)
            try:
                yield
            finally:
                self._held.remove(name)

    def wait_in(self, name, dispatcher):
        """Have a kernel take turns.

        Parameters
        ----------
        name : str
            Of the kernel, and which of its forms.
        dispatcher : numba dispatcher
            Whose ``compile`` is replaced.
        """
        compile_ = dispatcher.compile

        def compile_in_turn(sig):
            with global_compiler_lock:
                if isinstance(sig, tuple) and sig in dispatcher.overloads:
                    return compile_(sig)
                with self.turn(name):
                    return compile_(sig)

        dispatcher.compile = compile_in_turn
