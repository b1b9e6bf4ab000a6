"""The process that holds a private network namespace, and takes it along when it goes.

Law.   The namespace has no name. It lives as long as this process, and this process as long as its maker's socket.
Reads. unshare(2), user_namespaces(7), pidfd_send_signal(2), unix(7) SCM_RIGHTS.
Omits. Mount and process namespaces.

Run by path as ``python -I -S holder.py FD``; nothing here may import the lab. Requests and answers are one JSON object
a message on a SOCK_SEQPACKET socket; descriptors travel beside them.
"""

import ctypes
import importlib.util
import json
import os
import pathlib
import signal
import socket
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
MESSAGE_BYTES = 1 << 16
_libc = ctypes.CDLL(None, use_errno=True)


def _load_links():
    """Load the room next door without importing the package around it.

    Returns
    -------
    links : module
        `devmemlab.host.ports.links`.
    """
    spec = importlib.util.spec_from_file_location("links", pathlib.Path(__file__).with_name("links.py"))
    links = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(links)
    return links


def _unshare(kinds):
    """Leave namespaces for new ones.

    Parameters
    ----------
    kinds : int
        ``CLONE_NEW...``, or-ed.
    """
    if _libc.unshare(kinds):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_new_namespace():
    """Make the namespace: as root plainly, else inside a new user namespace in which the caller is root.

    Returns
    -------
    user : bool
        True when a user namespace was needed.
    """
    try:
        _unshare(CLONE_NEWNET)
        return False
    except PermissionError:
        pass
    uid, gid = os.geteuid(), os.getegid()
    _unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as f:
            f.write(text)
    return True


def _quiet_ipv6(name):
    """Let a device speak IPv6, but only when a program does: no address of its own making, no question to routers.

    Parameters
    ----------
    name : str
        Interface, down.
    """
    for what, value in (("addr_gen_mode", 1), ("accept_ra", 0), ("disable_ipv6", 0)):
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/{what}").write_text(str(value))


class Holder:
    """The requests it understands: each public method is one."""

    def __init__(self, links):
        self._links = links
        self._adopted = []

    def tap(self, name, mtu, addresses, mac, neighbours, txqueuelen, gso, offload):
        """Make a TAP device and configure it.

        Parameters
        ----------
        name : str
            Interface.
        mtu : int
            Octets of an IP packet.
        addresses : list of list
            IPv4 or IPv6 addresses of the kernel's end, each with the length of its network part in bits.
        mac : str or None
            MAC address of the kernel's end; None leaves the random one.
        neighbours : dict
            IPv4 or IPv6 address -> MAC address.
        txqueuelen : int
            Frames that wait for the reader.
        gso : bool
            Whether the kernel may cut segments late; they leave as wire frames either way.
        offload : bool
            Leave cutting and summing to the reader.

        Returns
        -------
        answer : dict
            ``mac`` and ``offloads`` found; ``fds``: the TAP's descriptor.
        """
        links = self._links
        fd = links.open_tap(name, offload)
        try:
            if mac:
                links.set_mac(name, mac)
            links.set_mtu(name, mtu)
            links.set_txqueuelen(name, txqueuelen)
            wanted = {"gso": gso or offload, "tso": offload, "tx-checksum": offload}
            # Checksums first: a device without them has no segmentation either.
            offloads = {what: links.switch_offload(name, what, wanted.get(what, False)) for what in reversed(links.OFFLOADS)}
            six = any(":" in ip for ip, _ in addresses)
            if six:
                _quiet_ipv6(name)
            # A device without ARP listens for nobody who asks for it, so its addresses come without a report on the wire.
            links.set_up(name, arp=not six)
            for ip, prefix in addresses:
                links.set_address(name, ip, prefix)
            for neighbour, address in neighbours.items():
                links.set_neighbour(name, neighbour, address)
            return {"mac": links.get_mac(name), "offloads": offloads, "fds": [fd]}
        except BaseException:
            os.close(fd)
            raise

    def adopt(self, pid):
        """Take a process along when the namespace goes.

        Parameters
        ----------
        pid : int
            Leader of its own process group, child of our maker.

        Returns
        -------
        answer : dict
            Empty.
        """
        self._adopted.append((os.pidfd_open(pid), pid))
        return {}

    def sysctl(self, name, value):
        """Read a network setting, or set it.

        Parameters
        ----------
        name : str
            For example ``"net.ipv4.tcp_sack"``.
        value : str or None
            None: only read.

        Returns
        -------
        answer : dict
            ``value``: what it is afterwards.
        """
        path = pathlib.Path("/proc/sys", *name.split("."))
        if value is not None:
            path.write_text(value)
        return {"value": path.read_text().strip()}

    def statistics(self):
        """Read the counters of every device.

        Returns
        -------
        answer : dict
            ``devices``: name -> the sixteen numbers of ``/proc/net/dev``.
        """
        with open("/proc/self/net/dev") as f:
            lines = [line.split(":", 1) for line in f.read().splitlines()[2:]]
        return {"devices": {name.strip(): [int(n) for n in rest.split()] for name, rest in lines}}

    def let_go(self):
        """End the adopted processes that still run; everything else goes with this process."""
        for pidfd, pid in self._adopted:
            try:
                signal.pidfd_send_signal(pidfd, 0)
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                pass


def serve(channel):
    """Make the namespace, then answer until the maker is gone.

    Parameters
    ----------
    channel : socket.socket
        SOCK_SEQPACKET.
    """
    def answer(message, fds=()):
        socket.send_fds(channel, [json.dumps(message).encode()], fds)

    links = _load_links()
    try:
        user = enter_new_namespace()
        links.set_up("lo")
        for which in ("all", "default"):
            try:
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("1")
            except OSError:
                pass
        opened = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("net", "user")]
    except OSError as error:
        answer({"errno": error.errno, "text": str(error)})
        return
    answer({"user": user, "pid": os.getpid()}, opened)
    holder = Holder(links)
    while request := channel.recv(MESSAGE_BYTES):
        arguments = json.loads(request)
        try:
            reply = getattr(holder, arguments.pop("op"))(**arguments)
            fds = reply.pop("fds", [])
            answer(reply, fds)
            for fd in fds:
                os.close(fd)
        except OSError as error:
            answer({"errno": error.errno, "text": str(error)})
    holder.let_go()


if __name__ == "__main__":
    # Ctrl-C in the maker's terminal reaches this process too: the maker decides when the namespace goes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except (BrokenPipeError, ConnectionResetError):
        pass
