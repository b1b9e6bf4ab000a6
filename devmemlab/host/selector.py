"""Selectors: the readiness of lab sockets for programs written against Python's ``selectors``.

Law.   A program waits here as it would in epoll; the clock is the clock of the lab.
Reads. Python's selectors (EpollSelector).
Omits. Descriptors of the real machine: they mean nothing here. For asyncio there is `devmemlab.host.event_loop`.
"""

import selectors

from devmemlab.host.readiness import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    Poll,
    fd_of,
    poll_events,
    select_fds,
    wait_ready,
)


class Selector(selectors.BaseSelector):
    """Lab descriptors that a program waits for. Made by ``k.selector()``.

    Parameters
    ----------
    kernel : Host or Process
        Whose descriptors.
    """

    def __init__(self, kernel):
        self._kernel, self._keys, self._woken = kernel, {}, False

    def register(self, fileobj, events, data=None):
        """Watch a file object.

        Parameters
        ----------
        fileobj : int or object
            Descriptor, or something with ``fileno()``.
        events : int
            EVENT_READ, EVENT_WRITE or both.
        data : object
            Whatever the program wants to find again.

        Returns
        -------
        key : selectors.SelectorKey
            What `select` returns.

        Raises
        ------
        ValueError, KeyError
            No such events or no file object; it is registered already.
        OSError
            EBADF, EPERM for what cannot be polled.
        """
        if not events or events & ~(selectors.EVENT_READ | selectors.EVENT_WRITE):
            raise ValueError(f"events {events!r}: EVENT_READ, EVENT_WRITE or both are possible")
        fd = fd_of(fileobj)
        if fd in self._keys:
            raise KeyError(f"file descriptor {fd} is registered already; use modify")
        poll_events(self._kernel.fds.get(fd), fd)
        self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return self._keys[fd]

    def unregister(self, fileobj):
        """Stop watching a file object; a closed one can be given too.

        Parameters
        ----------
        fileobj : int or object
            As registered.

        Returns
        -------
        key : selectors.SelectorKey
            What it was registered with.
        """
        return self._keys.pop(self.get_key(fileobj).fd)

    def modify(self, fileobj, events, data=None):
        """Watch a registered file object for something else.

        Parameters
        ----------
        fileobj, events, data
            As for `register`.

        Returns
        -------
        key : selectors.SelectorKey
            The new one.
        """
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def get_key(self, fileobj):
        """Find what a file object was registered with.

        Parameters
        ----------
        fileobj : int or object
            As registered.

        Returns
        -------
        key : selectors.SelectorKey
            Its key.

        Raises
        ------
        KeyError
            It is not registered.
        """
        for key in self._keys.values():
            if key.fileobj is fileobj:
                return key
        try:
            return self._keys[fd_of(fileobj)]
        except (ValueError, KeyError):
            raise KeyError(f"{fileobj!r} is not registered") from None

    def get_map(self):
        """Show what is registered.

        Returns
        -------
        keys : dict of int to selectors.SelectorKey
            By descriptor.
        """
        return dict(self._keys)

    def _look(self):
        """List what is ready; a descriptor that was closed is forgotten, as epoll forgets it."""
        found = []
        for fd, key in list(self._keys.items()):
            thing = self._kernel.fds.things.get(fd)
            if thing is None:
                continue
            told = poll_events(thing, fd)
            events = selectors.EVENT_READ if told & (POLLIN | POLLHUP | POLLERR) else 0
            events |= selectors.EVENT_WRITE if told & (POLLOUT | POLLHUP | POLLERR) else 0
            if events & key.events:
                found.append((key, events & key.events))
        return found

    def select(self, timeout=None):
        """Wait until something is ready; the clock of the lab moves meanwhile.

        Parameters
        ----------
        timeout : float or None
            Seconds; 0 or less: do what is due and look. None: for ever.

        Returns
        -------
        ready : list of (selectors.SelectorKey, int)
            What is ready, and for what.

        Raises
        ------
        TimeoutError
            Without a timeout, when nothing is left that could happen in virtual time.
        """
        wait_ready(self._kernel, lambda: self._woken or self._look(), timeout)
        self._woken = False
        return self._look()

    def wake(self):
        """End a wait that is going on, or the next one."""
        self._woken = True

    def close(self):
        """Forget everything."""
        self._keys = {}


class Readiness:
    """The part of `devmemlab.host.face.LinuxFace` that waits for descriptors."""

    def selector(self):
        """Make a selector for the descriptors of this process.

        Returns
        -------
        selector : Selector
            With the methods of ``selectors.DefaultSelector``.
        """
        return Selector(self)

    def poll(self):
        """Make a polling object for the descriptors of this process.

        Returns
        -------
        poll : devmemlab.host.readiness.Poll
            With the methods of ``select.poll``.
        """
        return Poll(self)

    def select(self, rlist, wlist, xlist, timeout=None):
        """Wait until a descriptor is ready, as ``select.select`` does.

        Parameters
        ----------
        rlist, wlist, xlist, timeout
            As there.

        Returns
        -------
        ready : tuple of three lists
            The members that are.
        """
        return select_fds(self, rlist, wlist, xlist, timeout)

    def event_loop(self):
        """Make an asyncio event loop whose time is the lab's.

        Returns
        -------
        loop : devmemlab.host.event_loop.EventLoop
            ``asyncio.Runner(loop_factory=k.event_loop)`` runs programs on it.
        """
        from devmemlab.host.event_loop import EventLoop     # with asyncio comes TLS, a tenth of a second

        return EventLoop(self)
