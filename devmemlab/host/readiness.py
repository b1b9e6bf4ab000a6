"""Readiness: what poll would say about a file descriptor, and waiting until it says something.

Law.   Looking changes nothing; waiting drives the clock, and what is due now is done before the first look.
Reads. Linux net/netlink/af_netlink.c (datagram_poll); poll(2), select(2).
Omits. Edge-triggered events.
"""

import math

from devmemlab.base.errno import EBADF, EINVAL, EPERM, error
from devmemlab.host.genl.core import GenlSock
from devmemlab.host.tcp_poll import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRNORM,
    tcp_poll,
    tcp_stream_is_readable,
)

__all__ = ["POLLERR", "POLLHUP", "POLLIN", "POLLNVAL", "POLLOUT", "POLLPRI", "POLLRDHUP", "POLLRDNORM", "POLLWRNORM",
           "tcp_poll", "tcp_stream_is_readable"]
ALWAYS = POLLERR | POLLHUP | POLLNVAL
"""What poll tells although nobody asked."""
NS_PER_S = 1_000_000_000


def poll_events(thing, fd):
    """Tell what an open file description is ready for.

    Parameters
    ----------
    thing : object
        What the descriptor names.
    fd : int
        The descriptor, for the message.

    Returns
    -------
    events : int
        POLL*.

    Raises
    ------
    OSError
        EPERM for what cannot be polled.
    """
    if isinstance(thing, GenlSock):
        thing.host.genl.watch.look()
        events = POLLIN | POLLRDNORM if thing.waiting else 0
        return events | (POLLERR if thing.overrun else 0) | POLLOUT | POLLWRNORM
    if hasattr(thing, "completions"):
        return thing.poll()
    if not hasattr(thing, "sock"):
        raise error(EPERM, f"file descriptor {fd} names {thing!r}, which cannot be polled; sockets can")
    waiting = thing.host.skbs.errq[thing.sock].head
    return tcp_poll(thing.host.tcbs.tcb[thing.sock]) | (POLLERR if waiting else 0)


def fd_of(fileobj):
    """Get the number of a file object.

    Parameters
    ----------
    fileobj : int or object
        A descriptor, or something with ``fileno()``.

    Returns
    -------
    fd : int
        Its number.

    Raises
    ------
    ValueError
        It has none: it is closed, or no file at all.
    """
    try:
        fd = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"{fileobj!r} is neither a file descriptor nor something with fileno()") from None
    if fd < 0:
        raise ValueError(f"{fileobj!r} is closed: its file descriptor is {fd}")
    return fd


def wait_ready(kernel, look, timeout):
    """Wait until a look finds something.

    Parameters
    ----------
    kernel : Host or Process
        Whose lab is driven.
    look : callable
        Returns what is ready; empty when nothing is.
    timeout : float or None
        Seconds; 0 or less: only what is due now is done. None: for ever.

    Returns
    -------
    ready : object
        What `look` returned last, empty when the time was over.

    Raises
    ------
    TimeoutError
        Without a timeout, when nothing is left that could happen in virtual time.
    """
    lab = kernel.lab
    lab.step()
    ready = look()
    if ready or (timeout is not None and timeout <= 0):
        return ready
    timeout_ns = None if timeout is None else math.ceil(timeout * NS_PER_S)
    limit_ns = None if timeout_ns is None else lab.clock.now_ns + timeout_ns
    try:
        lab.wait(look, "ready file descriptor", timeout_ns)
    except TimeoutError:
        if limit_ns is None:
            raise
        lab.clock.advance_to(limit_ns)
    return look()


class Poll:
    """A set of file descriptors, as ``select.poll`` has it. Made by ``k.poll()``.

    Parameters
    ----------
    kernel : Host or Process
        Whose descriptors.
    """

    def __init__(self, kernel):
        self._kernel, self._asked = kernel, {}

    def register(self, fd, eventmask=POLLIN | POLLOUT):
        """Watch a descriptor, or watch it for something else.

        Parameters
        ----------
        fd : int or object
            Descriptor, or something with ``fileno()``.
        eventmask : int
            POLLIN, POLLPRI, POLLOUT, POLLRDHUP; POLLERR, POLLHUP and POLLNVAL are always told.
        """
        self._asked[fd_of(fd)] = int(eventmask)

    def modify(self, fd, eventmask):
        """Watch a registered descriptor for something else.

        Parameters
        ----------
        fd, eventmask
            As for `register`.
        """
        if fd_of(fd) not in self._asked:
            raise FileNotFoundError(2, f"file descriptor {fd_of(fd)} is not registered; register it first")
        self.register(fd, eventmask)

    def unregister(self, fd):
        """Stop watching a descriptor.

        Parameters
        ----------
        fd : int or object
            As for `register`.
        """
        del self._asked[fd_of(fd)]

    def _look(self):
        """List what is ready."""
        told = []
        for fd, asked in self._asked.items():
            thing = self._kernel.fds.things.get(fd)
            events = POLLNVAL if thing is None else poll_events(thing, fd) & (asked | ALWAYS)
            if events:
                told.append((fd, events))
        return told

    def poll(self, timeout=None):
        """Wait until something is ready.

        Parameters
        ----------
        timeout : float or None
            Milliseconds; None or below 0: for ever.

        Returns
        -------
        told : list of (int, int)
            Descriptor and events of each that is ready.
        """
        return wait_ready(self._kernel, self._look, None if timeout is None or timeout < 0 else timeout / 1000)


def select_fds(kernel, rlist, wlist, xlist, timeout=None):
    """Wait until one of several descriptors is ready, as ``select.select`` does.

    Parameters
    ----------
    kernel : Host or Process
        Whose descriptors.
    rlist, wlist, xlist : sequence of int or object
        To be readable, writable, or to have urgent data.
    timeout : float or None
        Seconds.

    Returns
    -------
    ready : tuple of three lists
        The members that are.

    Raises
    ------
    OSError
        EBADF for a descriptor that is not open, EINVAL for a timeout below 0.
    """
    if timeout is not None and timeout < 0:
        raise error(EINVAL, f"timeout {timeout}: 0 or more is possible, None waits for ever")
    wanted = [(list(rlist), POLLIN | POLLHUP | POLLERR), (list(wlist), POLLOUT | POLLERR), (list(xlist), POLLPRI)]

    def look():
        found = []
        for members, mask in wanted:
            numbers = [fd_of(member) for member in members]
            for fd in numbers:
                if fd not in kernel.fds.things:
                    raise error(EBADF, f"file descriptor {fd} is not open")
            found.append([m for m, fd in zip(members, numbers, strict=True) if poll_events(kernel.fds.get(fd), fd) & mask])
        return found if any(found) else []

    return tuple(wait_ready(kernel, look, timeout) or ([], [], []))
