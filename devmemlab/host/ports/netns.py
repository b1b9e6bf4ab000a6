"""A private network for a live kernel: a namespace with TAP devices in it, gone when we are.

Law.   Nothing outside the namespace is looked at or changed; however the lab ends, the namespace ends with it.
Reads. network_namespaces(7), user_namespaces(7); the picture of rootless container networks.
Omits. Bridges, a way out to other machines. Without an IPv6 address a device has no IPv6; with one it asks for no neighbour.

::

    this process                     | private network namespace (a real Linux kernel's)
    Tap.recv <-- frames of the kernel |<-- lab0 10.0.0.1 <-- nc, python, iperf3: any unmodified program
    Tap.send --> frames of the lab ---|--> lab0

Made plainly by root, in a user namespace by anybody else where the system allows that.
"""

import shlex
import subprocess
import sys

from devmemlab.host.ports.held import HERE, Held
from devmemlab.host.ports.tap import Tap


class Namespace(Held):
    """A private network namespace.

    It starts with a loopback device and nothing else.

    Raises
    ------
    PermissionError
        The system allows neither way; the text names what is missing and the command that helps.
    NotImplementedError
        This is not Linux.

    Examples
    --------
    >>> with Namespace() as ns:                                     # doctest: +SKIP
    ...     port = ns.tap("lab0", "10.0.0.1/24", neighbours={"10.0.0.2": "02:00:00:00:00:02"})
    ...     ns.popen(["nc", "10.0.0.2", "5201"], stdin=open("file", "rb"))
    """

    def tap(self, name="lab0", address="10.0.0.1/24", *, mtu=1500, mac=None, neighbours=None, gso=True,
            txqueuelen=10000, offload=False, **options):
        """Make a TAP device inside and take hold of its other end.

        Parameters
        ----------
        name : str
            Interface as programs inside see it.
        address : str, sequence of str or None
            Addresses and prefix lengths of the kernel's end, IPv4 or IPv6 (24 and 64 without a length).
        mtu : int
            Octets of an IP packet.
        mac : str, optional
            MAC address of the kernel's end; a random one without it.
        neighbours : dict, optional
            IPv4 or IPv6 address -> MAC address of those the lab plays, so that the kernel need not ask.
        gso : bool
            Whether the kernel may cut segments late. They leave as whole wire frames with right checksums either
            way, unless there is `offload`.
        txqueuelen : int
            Frames that wait for the lab; the kernel drops what comes beyond.
        offload : bool
            The kernel neither cuts nor sums: `Tap` does, see there.
        **options : object
            Passed to `Tap`.

        Returns
        -------
        port : Tap
            With ``mac``, ``mtu``, ``address`` (the first one) and ``offloads`` of the kernel's end.
        """
        texts = [address] if isinstance(address, str) else address or ()
        addresses = [(ip, int(prefix or (64 if ":" in ip else 24))) for ip, _, prefix in (text.partition("/") for text in texts)]
        answer = self._ask(f"make TAP device {name!r}", op="tap", name=name, mtu=mtu, addresses=addresses, mac=mac,
                           neighbours=neighbours or {}, txqueuelen=txqueuelen, gso=gso, offload=offload)
        port = Tap(name, fd=answer["fds"][0], offload=offload, **options)
        port.mac, port.mtu, port.offloads = answer["mac"], mtu, answer["offloads"]
        port.address = addresses[0][0] if addresses else ""
        self._taps.add(port)
        return port

    def popen(self, argv, **options):
        """Start a program inside; it ends with the namespace at the latest.

        Parameters
        ----------
        argv : list of str
            Program and arguments.
        **options : object
            Passed to ``subprocess.Popen``.

        Returns
        -------
        process : subprocess.Popen
            Running.
        """
        if not self.alive:
            raise ValueError("this namespace is closed")
        net, user = self._fds
        fds = [user, net] if self.user else [net]
        options["pass_fds"] = [*options.get("pass_fds", ()), *fds]
        options.setdefault("process_group", 0)
        process = subprocess.Popen([sys.executable, "-I", "-S", str(HERE / "enter.py"), str(user if self.user else -1), str(net),
                                    *map(str, argv)], **options)
        try:
            self._ask(f"keep an eye on {argv[0]}", op="adopt", pid=process.pid)
        except OSError:
            process.kill()
            raise
        return process

    def run(self, argv, timeout=30, **options):
        """Run a program inside to its end.

        Parameters
        ----------
        argv : list of str
            Program and arguments.
        timeout : float
            Seconds.
        **options : object
            ``input`` and ``check`` as in ``subprocess.run``; the others are passed to `popen`.

        Returns
        -------
        done : subprocess.CompletedProcess
            ``stdout`` and ``stderr`` as text unless they were sent elsewhere.
        """
        given, check = options.pop("input", None), options.pop("check", False)
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        with self.popen(argv, **options) as process:
            try:
                out, err = process.communicate(given, timeout)
            except BaseException:
                process.kill()
                raise
        done = subprocess.CompletedProcess(argv, process.returncode, out, err)
        if check:
            done.check_returncode()
        return done

    def command(self, *argv):
        """Spell the command that runs something inside, from another terminal.

        Parameters
        ----------
        *argv : str
            Program and arguments.

        Returns
        -------
        command : str
            For a shell.
        """
        prefix = ["nsenter", "--preserve-credentials", "-U", "-n", "-t"] if self.user else ["nsenter", "-n", "-t"]
        return shlex.join([*prefix, str(self.pid), *argv])


def why_not_live():
    """Find out whether a live kernel can be had here, by making a namespace with a TAP in it.

    Returns
    -------
    reason : str or None
        None: it can. Else what is missing, and the command that helps.
    """
    try:
        with Namespace() as ns, ns.tap():
            return None
    except (OSError, NotImplementedError) as problem:
        return str(problem)
