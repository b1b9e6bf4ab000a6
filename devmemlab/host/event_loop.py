"""The event loop: asyncio programs on lab sockets.

Law.   The clock of the loop is the clock of the lab.
Reads. Python's asyncio (selector_events).
Omits. Signal handlers, subprocesses, threads and name lookup.

::

    with asyncio.Runner(loop_factory=k.event_loop) as runner:
        runner.run(main())                      # asyncio.sleep(1) takes one virtual second
"""

import asyncio

from devmemlab.host.selector import Selector


class EventLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on lab sockets. Made by ``k.event_loop()``.

    Parameters
    ----------
    kernel : Host or Process
        Whose descriptors, and whose lab's clock.
    """

    def __init__(self, kernel):
        self._kernel = kernel
        super().__init__(Selector(kernel))
        self._clock_resolution = 1e-9

    def time(self):
        """Tell the time.

        Returns
        -------
        seconds : float
            Of the lab's clock.
        """
        return self._kernel.lab.clock.now_ns / 1e9

    def add_signal_handler(self, sig, callback, *args):
        """Refuse: signals come from the real machine, and this loop waits in the lab.

        Parameters
        ----------
        sig, callback, *args
            Not used.
        """
        raise NotImplementedError("this loop runs on the clock of a lab; handle signals with the module signal")

    # The pipe by which asyncio wakes itself is a real one: its numbers mean nothing here.
    def _make_self_pipe(self):
        self._ssock = self._csock = None

    def _close_self_pipe(self):
        pass

    def _write_to_self(self):
        if self._selector is not None:
            self._selector.wake()
