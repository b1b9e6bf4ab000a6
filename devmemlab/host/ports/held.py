"""Talking to the process that holds a private network namespace.

Law.   What the holder cannot do is raised here as the error it met, with what is missing and the command that helps.
Reads. unshare(2) for the reasons to refuse; sysctl documentation of user namespaces.
Omits. Namespaces that somebody else made.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import weakref

from devmemlab.base.errno import EACCES, ENOSPC, EPERM, error

HERE = pathlib.Path(__file__).parent
_SWITCHES = (
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
     "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
)


def _advice(text):
    """Find out what keeps us from making a namespace.

    Parameters
    ----------
    text : str
        What the system said.

    Returns
    -------
    advice : str
        What is missing, and the command that helps.
    """
    need = "a private network needs CAP_SYS_ADMIN and CAP_NET_ADMIN (root), or user namespaces"
    for path, bad, command in _SWITCHES:
        try:
            if pathlib.Path(path).read_text().strip() == bad:
                return f"{need}; {path} forbids those: {command}"
        except OSError:
            continue
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return f"{need}; in a container start it with --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun"
    return f"{need}, which this system forbids ({text}): run the command again with sudo"


def _fail(number, text, doing):
    """Raise what the holder reported.

    Parameters
    ----------
    number : int
        Errno.
    text : str
        Its own words.
    doing : str
        What was asked of it.

    Raises
    ------
    OSError
        Always; PermissionError with advice where privilege was missing.
    """
    if "/dev/net/tun" in text:
        raise error(number, f"{doing}: /dev/net/tun cannot be opened: sudo modprobe tun && sudo chmod 666 /dev/net/tun "
                            f"(in a container: --device /dev/net/tun)")
    if number in (EPERM, EACCES, ENOSPC) and "/proc/sys" not in text:
        raise error(EPERM, f"{doing}: {_advice(text)}")
    raise error(number, f"{doing}: {text}")


class Held:
    """A private network namespace, and the socket that its life hangs on.

    Attributes
    ----------
    pid : int
        Process that holds it, for ``nsenter``.
    user : bool
        True when it lives in a user namespace of its own.
    alive : bool
        False once it is closed.
    """

    def __init__(self):
        if sys.platform != "linux":
            raise NotImplementedError("a live kernel needs Linux network namespaces; replaying a capture works everywhere")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen([sys.executable, "-I", "-S", str(HERE / "holder.py"), str(theirs.fileno())],
                                             pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._channel = ours
        self._fds = []
        self._taps = weakref.WeakSet()
        # At exit too: a finalizer runs then if it has not run before.
        self._finish = weakref.finalize(self, _let_go, ours, self._process, self._fds)
        try:
            hello = self._answer("make a network namespace")
        except BaseException:
            self._finish()
            raise
        self.pid = hello["pid"]
        self.user = hello["user"]

    @property
    def alive(self):
        """bool: False once it is closed."""
        return self._finish.alive

    def _answer(self, doing):
        """Hear the holder.

        Parameters
        ----------
        doing : str
            What was asked of it, for error messages.

        Returns
        -------
        answer : dict
            With ``fds`` where descriptors came along.
        """
        data, fds, _, _ = socket.recv_fds(self._channel, 1 << 16, 4)
        if not data:
            raise RuntimeError(f"{doing}: the process that holds the network namespace has ended")
        answer = json.loads(data)
        if "errno" in answer:
            _fail(answer["errno"], answer["text"], doing)
        if "pid" in answer:
            self._fds.extend(fds)
        else:
            answer["fds"] = fds
        return answer

    def _ask(self, doing, **request):
        """Ask the holder to do something.

        Parameters
        ----------
        doing : str
            The same in words, for error messages.
        **request : object
            ``op`` and its arguments.

        Returns
        -------
        answer : dict
            See `devmemlab.host.ports.holder.Holder`.
        """
        if not self.alive:
            raise ValueError(f"{doing}: this namespace is closed")
        self._channel.send(json.dumps(request).encode())
        return self._answer(doing)

    def sysctl(self, name, value=None):
        """Read a network setting of the namespace, or set it.

        Parameters
        ----------
        name : str
            For example ``"net.ipv4.tcp_sack"``.
        value : object, optional
            None: only read.

        Returns
        -------
        value : str
            What it is afterwards.
        """
        return self._ask(f"sysctl {name}", op="sysctl", name=name, value=None if value is None else str(value))["value"]

    def statistics(self, name):
        """Read a device's counters.

        Parameters
        ----------
        name : str
            Interface.

        Returns
        -------
        counters : dict of str to int
            ``rx_packets``, ``tx_dropped`` and so on; tx is what the kernel sent to the lab.
        """
        numbers = self._ask(f"counters of {name}", op="statistics")["devices"][name]
        columns = ("bytes", "packets", "errs", "dropped")
        return {f"{way}_{column}": numbers[base + k] for way, base in (("rx", 0), ("tx", 8)) for k, column in enumerate(columns)}

    def close(self):
        """End what was started inside and let the namespace go; closing twice is allowed."""
        for port in list(self._taps):
            port.close()
        self._finish()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"{type(self).__name__}(pid={self.pid}{'' if self.alive else ', closed'})"


def _let_go(channel, process, fds):
    """Close the socket that the holder lives by, and wait for its end.

    Parameters
    ----------
    channel : socket.socket
        Ours.
    process : subprocess.Popen
        The holder.
    fds : list of int
        Namespace descriptors.
    """
    channel.close()
    while fds:
        os.close(fds.pop())
    process.wait()
