"""Run a program inside a namespace: ``python -I -S enter.py USER_FD NET_FD PROGRAM ARGUMENTS...``.

Law.   The program is not changed, wrapped or watched: it replaces this process.
Reads. setns(2).
Omits. A shell.

A program of one thread may enter a user namespace, the lab with its many may not: so this is a process of its own.
USER_FD is -1 when the namespace was made without one.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def enter(user_fd, net_fd):
    """Join the namespaces.

    Parameters
    ----------
    user_fd : int
        User namespace, or -1.
    net_fd : int
        Network namespace.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for fd, kind in ((user_fd, CLONE_NEWUSER), (net_fd, CLONE_NEWNET)):
        if fd >= 0:
            if libc.setns(fd, kind):
                raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))
            os.close(fd)


if __name__ == "__main__":
    enter(int(sys.argv[1]), int(sys.argv[2]))
    # Python ignores these, and what is ignored stays so across exec: the program shall find them as a shell leaves them.
    for which in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(which, signal.SIG_DFL)
    try:
        os.execvp(sys.argv[3], sys.argv[3:])
    except OSError as error:
        sys.exit(f"{sys.argv[3]}: {error.strerror}")
