"""File descriptors: small integers that name what a program holds.

Law.   The lowest free number is given; closing frees the thing when the last number that names it goes.
Reads. POSIX open(2), close(2).
Omits. dup, fork, limits.
"""

from devmemlab.base.errno import EBADF, error


class FdTable:
    """The descriptors of one process; 0 to 2 are left alone.

    Attributes
    ----------
    things : dict of int to object
        What each number names; each thing has ``release()``.
    """

    def __init__(self):
        self.things = {}

    def install(self, thing):
        """Give a thing the lowest free number.

        Parameters
        ----------
        thing : object
            With a method ``release()``.

        Returns
        -------
        fd : int
            3 or more.
        """
        fd = 3
        while fd in self.things:
            fd += 1
        self.things[fd] = thing
        return fd

    def get(self, fd, kind=None, wrong=EBADF, what="of that kind"):
        """Look a number up.

        Parameters
        ----------
        fd : int
            File descriptor.
        kind : type, optional
            What it must name.
        wrong : int
            Errno when it names something else.
        what : str
            How to call the kind in the message.

        Returns
        -------
        thing : object
            What it names.

        Raises
        ------
        OSError
            EBADF for a number that is not open, `wrong` for one that names something else.
        """
        thing = self.things.get(fd)
        if thing is None:
            raise error(EBADF, f"file descriptor {fd} is not open")
        if kind is not None and not isinstance(thing, kind):
            raise error(wrong, f"file descriptor {fd} is not {what}")
        return thing

    def close(self, fd):
        """Close a number.

        Parameters
        ----------
        fd : int
            File descriptor.

        Raises
        ------
        OSError
            EBADF when it is not open.
        """
        thing = self.get(fd)
        del self.things[fd]
        thing.release()

    def close_all(self):
        """Close every number in order, as the end of a process does."""
        for fd in sorted(self.things):
            if fd in self.things:
                self.close(fd)
