"""Processes: who holds file descriptors, who may administrate, and what the end of one does.

Law.   What a process held goes when the process ends, number by number, unless another process holds it too.
Reads. Linux kernel/exit.c (exit_files), fs/file.c, net/netlink/af_netlink.c (whose rights count); spec section 18.2, scenario D.
Omits. Threads, memory maps, signals that can be caught; limits other than that of file descriptors.

A host is also the process that runs on it from the start (pid 1, an administrator); others are made with ``host.process()`` and
offer programs the same Linux face.
"""

from devmemlab.base.errno import EBADF, EINVAL, error
from devmemlab.host.face import LinuxFace
from devmemlab.host.fds import FdTable


class Descriptors:
    """What a process can do with the numbers of its own table."""

    def dup(self, fd):
        """Give what a file descriptor names another number.

        Parameters
        ----------
        fd : int
            Of a socket, a dmabuf or a netlink socket.

        Returns
        -------
        fd : int
            The lowest free one.

        Raises
        ------
        OSError
            EBADF, EMFILE.
        """
        return self.fds.dup(fd)

    def give(self, fd, process):
        """Hand what a file descriptor names to another process, as SCM_RIGHTS does.

        Parameters
        ----------
        fd : int
            Its number here; it stays open.
        process : Host or Process
            Of the same machine.

        Returns
        -------
        fd : int
            Its number there.

        Raises
        ------
        OSError
            EBADF, EMFILE; EINVAL: the process runs on another host.
        """
        if process.genl is not self.genl:
            raise error(EINVAL, f"{process!r} runs on another host than {self!r}")
        return self.fds.give(fd, process.fds)


class Process(Descriptors, LinuxFace):
    """One process of a host. Made by ``host.process(...)``; programs take it for their kernel.

    Parameters
    ----------
    host : Host
        The machine.
    pid : int
        Its number.
    name : str
        For people.
    admin : bool
        Whether it has CAP_NET_ADMIN.
    fds : FdTable
        Its file descriptors.
    """

    def __init__(self, host, pid, name, admin, fds):
        self.on, self.pid, self.name, self.admin, self.fds, self.alive = host, pid, name, admin, fds, True

    def __getattr__(self, name):
        # The machine itself (clock, tables, devices) is that of the host.
        if name == "on":
            raise AttributeError(name)
        return getattr(self.on, name)

    def fork(self, name=None):
        """Make a child that holds what this process holds.

        Parameters
        ----------
        name : str, optional
            Of the child.

        Returns
        -------
        child : Process
            With the same numbers for the same things.
        """
        if not self.alive:
            raise error(EBADF, f"process {self.pid} ({self.name}) has ended")
        return self.on._enter(name or self.name, self.admin, self.fds.copy())

    def exit(self):
        """End: every file descriptor is closed, the lowest first."""
        self.on.kill(self)

    def __repr__(self):
        state = f"{len(self.fds.things)} fds" if self.alive else "ended"
        return f"<Process {self.pid} {self.name!r} on {self.on.name!r}: {state}{', administrator' if self.admin else ''}>"


class Processes(Descriptors):
    """The part of a host that makes and ends processes.

    Attributes
    ----------
    pid, admin
        Of the process that runs from the start.
    """

    pid, admin = 1, True

    @property
    def processes(self):
        """Processes that are alive, the first one left out, by number."""
        return self.__dict__.setdefault("_processes", {})

    def process(self, name=None, admin=True, fd_limit=None):
        """Start a process.

        Parameters
        ----------
        name : str, optional
            For people.
        admin : bool
            Whether it has CAP_NET_ADMIN.
        fd_limit : int, optional
            File descriptors end below this (RLIMIT_NOFILE).

        Returns
        -------
        process : Process
            With no file descriptor open.
        """
        table = FdTable(kin=self.fds) if fd_limit is None else FdTable(fd_limit, self.fds)
        return self._enter(name, admin, table)

    def _enter(self, name, admin, fds):
        """Give a new process its number."""
        pid = self.__dict__["_last_pid"] = self.__dict__.get("_last_pid", self.pid) + 1
        self.processes[pid] = Process(self, pid, name or f"process {pid}", admin, fds)
        return self.processes[pid]

    def kill(self, process):
        """End a process, as SIGKILL does.

        Parameters
        ----------
        process : Process
            One of this host.

        Raises
        ------
        OSError
            EINVAL: it runs on another host.
        """
        if getattr(process, "on", None) is not self:
            raise error(EINVAL, f"{process!r} is no process of {self.name}; host.process() makes one")
        process.fds.close_all()
        process.fds.limit, process.alive = 0, False
        self.processes.pop(process.pid, None)
        self.poke()

    def end_processes(self):
        """End every process, the one that runs from the start last."""
        for process in list(self.processes.values()):
            self.kill(process)
        self.fds.close_all()
