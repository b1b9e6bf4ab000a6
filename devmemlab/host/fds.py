"""File descriptors: small integers that name what a program holds.

Law.   The lowest free number is given; a thing is freed when the last number that names it, in any process, is closed.
Reads. POSIX open(2), close(2), dup(2), fork(2); Linux fs/file.c for the order at the end of a process.
Omits. Close-on-exec; flags that belong to a number.

A thing is what Linux calls an open file description; it has ``release()``. Numbers in several tables may name one thing: after
``dup``, ``fork``, or when one process hands it to another.
"""

from devmemlab.base.errno import EBADF, EMFILE, error

FIRST = 3
LIMIT = 1 << 20


class FdTable:
    """The descriptors of one process; 0 to 2 are left alone.

    Parameters
    ----------
    limit : int
        Numbers below this can be given; Linux allows up to ``fs.nr_open``, 1048576.
    kin : FdTable, optional
        Table of a process on the same machine, with which this one may share things.

    Attributes
    ----------
    things : dict of int to object
        What each number names; each thing has ``release()``.
    """

    def __init__(self, limit=LIMIT, kin=None):
        self.things, self.limit = {}, limit
        self._names = {} if kin is None else kin._names

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

        Raises
        ------
        OSError
            EMFILE when no number is free.
        """
        fd = FIRST
        while fd in self.things:
            fd += 1
        if fd >= self.limit:
            raise error(EMFILE, f"the limit is {self.limit} file descriptors; close some")
        self.things[fd] = thing
        self._names[id(thing)] = self._names.get(id(thing), 0) + 1
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

    def dup(self, fd):
        """Give a thing another number.

        Parameters
        ----------
        fd : int
            One that names it.

        Returns
        -------
        fd : int
            The lowest free one.

        Raises
        ------
        OSError
            EBADF, EMFILE.
        """
        return self.install(self.get(fd))

    def give(self, fd, other):
        """Hand a thing to another process, as SCM_RIGHTS does.

        Parameters
        ----------
        fd : int
            Its number here.
        other : FdTable
            Table of the other process.

        Returns
        -------
        fd : int
            Its number there.

        Raises
        ------
        OSError
            EBADF, EMFILE.
        """
        return other.install(self.get(fd))

    def copy(self):
        """Make the table of a child: the same numbers name the same things.

        Returns
        -------
        table : FdTable
            Of the child.
        """
        child = FdTable(self.limit, self)
        for fd, thing in self.things.items():
            child.things[fd] = thing
            self._names[id(thing)] += 1
        return child

    def names(self, thing):
        """Count the numbers that name a thing, in every process.

        Parameters
        ----------
        thing : object
            Anything.

        Returns
        -------
        count : int
            0 when it has been released.
        """
        return self._names.get(id(thing), 0)

    def hold(self, thing):
        """Keep a thing open without a number, as a request in flight does.

        Parameters
        ----------
        thing : object
            What some number names.
        """
        self._names[id(thing)] += 1

    def drop(self, thing):
        """Let go of what `hold` kept open; without a number left, it is released.

        Parameters
        ----------
        thing : object
            As for `hold`.
        """
        self._names[id(thing)] -= 1
        if self._names[id(thing)] == 0:
            del self._names[id(thing)]
            thing.release()

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
        if self._names[id(thing)] == 1:
            self.drop(thing)
            return
        self._names[id(thing)] -= 1
        if getattr(thing, "_fd", None) == fd:
            # A socket object that knows its own number goes on under another one of the same process.
            thing._fd = next((number for number, other in self.things.items() if other is thing), fd)

    def close_all(self):
        """Close every number in order, as the end of a process does."""
        for fd in sorted(self.things):
            if fd in self.things:
                self.close(fd)
