"""A live transfer: this machine's kernel sends, a lab host receives.

Law.   The sender is an unmodified program over the kernel's own TCP; what the lab made for it is gone when the station closes.
Reads. `devmemlab.host.ports.netns` for what the private network holds; ss(8).
Omits. Several devices in one private network.

::

    private network namespace, or a TAP device of the user's      this process
    nc, Python, anything -> kernel's TCP -> TAP device  <------>  port -> NIC of the lab host -> device memory
"""

import contextlib
import ipaddress
import shutil
import subprocess
import sys
import tempfile
from types import SimpleNamespace

from devmemlab.host.arrivals import pump_nothing
from devmemlab.host.ports import links
from devmemlab.host.ports.exercise import wires
from devmemlab.host.ports.faults import Faults
from devmemlab.host.ports.netns import Namespace
from devmemlab.host.ports.pcap import Pcap
from devmemlab.host.ports.record import Record
from devmemlab.host.ports.tap import Tap
from devmemlab.lab.lab import Lab
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.sock.uapi import SHUT_WR
from devmemlab.wire.rows import CSUM_UNKNOWN, CSUM_VERIFIED

SENDER_IP, HOST_IP = "10.0.0.1", "10.0.0.2"
HOST_MAC = "02:00:00:00:00:02"
PORT = 5201
BURST_FRAMES = 64
SENDING = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    while part := sys.stdin.buffer.read(1 << 20):
        connection.sendall(part)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
"""


def neighbour_of(ip):
    """Choose an address for the other end of a wire.

    Parameters
    ----------
    ip : str
        Address of one end.

    Returns
    -------
    other : str
        First address of the same network (/24 or /64) that is not `ip`.
    """
    network = ipaddress.ip_interface(f"{ip}/{64 if ':' in ip else 24}").network
    return str(next(host for host in network.hosts() if host != ipaddress.ip_address(ip)))


class Station:
    """A lab host on a TAP device, with the machine's own kernel at the other end.

    Every kernel that receiving needs is compiled first: a sender would take the time that costs for a loss, and send again.

    Parameters
    ----------
    mtu : int
        Of the TAP device that is made, octets.
    record : bool
        Keep every frame in memory.
    max_frames : int
        Most frames of one burst: the kernel's segments that one poll of the lab takes, and one acknowledgement answers.
    tap : str, optional
        Name of a TAP device that is there already, with an MTU of its own. None: one is made in a private namespace.
    ip, sender_ip : str
        Addresses of the lab host and of the kernel, IPv4 or IPv6.
    harm : dict, optional
        What the wire does to frames: arguments of `devmemlab.host.ports.faults.Faults`.
    offload : bool
        The kernel leaves cutting and summing to the port, see `devmemlab.host.ports.tap`; where frames are recorded or harmed,
        their sums are completed.
    **options
        Passed to ``lab.host``.

    Attributes
    ----------
    lab, host, port : Lab, Host, Port
        The lab's side.
    tap : Tap
        The wire itself, also where `port` records or harms what passes.
    namespace : Namespace or None
        Where senders run; None with a TAP device of the user's.

    Raises
    ------
    PermissionError
        Neither root nor user namespaces; the text says what would help.
    OSError
        The named TAP device cannot be used.
    """

    def __init__(self, mtu=1500, record=False, max_frames=BURST_FRAMES, tap=None, ip=HOST_IP, sender_ip=None, harm=None,
                 offload=False, **options):
        self.ip, self.sender_ip = ip, sender_ip or neighbour_of(ip)
        options = {"ip6" if ":" in ip else "ip": ip, "mac": HOST_MAC, "ifname": "eth1", "rx_queues": 2, **options}
        wire = {"max_frames": max_frames, "offload": offload,
                "csum": CSUM_UNKNOWN if offload and (record or harm) else CSUM_VERIFIED}
        with contextlib.ExitStack() as undo:
            if tap is None:
                self.namespace = undo.enter_context(contextlib.closing(Namespace()))
                self.tap = self.namespace.tap(address=self.sender_ip, mtu=mtu, neighbours={ip: options["mac"]},
                                              **wire)
                options.setdefault("gateway_mac", self.tap.mac)
            else:
                self.namespace = None
                self.tap = undo.enter_context(contextlib.closing(Tap(tap, **wire)))
                self.tap.mtu = links.get_mtu(tap)
            warm_up(options.get("trace", False))
            self.port = Faults(self.tap, **harm) if harm else self.tap
            if record:
                self.port = Record(self.port)
            self.lab = undo.enter_context(contextlib.closing(Lab()))
            self.host = self.lab.host("receiver", mtu=self.tap.mtu, port=self.port, **options)
            self._undo = undo.pop_all()

    def popen(self, argv, **options):
        """Start a program beside the kernel's end of the wire.

        Parameters
        ----------
        argv : list of str
            Program and arguments.
        **options
            Passed to ``subprocess.Popen``.

        Returns
        -------
        process : subprocess.Popen
            Running; it ends with the station at the latest where the station has a namespace.
        """
        if self.namespace is None:
            return subprocess.Popen(argv, **options)
        return self.namespace.popen(argv, **options)

    def sockets(self):
        """Ask the kernel what its TCP knows about its connections to the lab host.

        Returns
        -------
        text : str
            Output of ``ss -tin``; empty where there is no ss.
        """
        if shutil.which("ss") is None:
            return ""
        asking = self.popen(["ss", "-tinH", "state", "connected", "dst", f"[{self.ip}]" if ":" in self.ip else self.ip],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return asking.communicate(timeout=30)[0].strip()

    def counters(self):
        """Read the kernel's account of the TCP of the private network.

        Returns
        -------
        counts : dict of str to int
            What /proc/net/snmp and netstat there say, by the names of nstat(8) without the group.
        """
        lines = self.namespace.run(["cat", "/proc/net/snmp", "/proc/net/netstat"], check=True).stdout.splitlines()
        found = {}
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            found |= {key: int(value) for key, value in zip(names.split()[1:], values.split()[1:], strict=True)}
        return found

    def close(self):
        """End the host, the device and the namespace."""
        self._undo.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()


def warm_up(trace=False):
    """Receive a little of a synthetic sender, so that whatever a transfer needs is compiled.

    Parameters
    ----------
    trace : bool or int
        As the host that follows has it.
    """
    wires()
    with Lab() as lab:
        port = Pcap(bulk_capture(3000), (HOST_IP, PORT), speed=None)
        host = lab.host("warm", ip=HOST_IP, mac=port.flow.dst_mac, mtu=1500, rx_queues=2, rx_ring=16, port=port, trace=trace)
        with contextlib.closing(DevmemReceiver(host, "256KiB", port.flow)) as receiver, host.socket() as server:
            server.bind(("", PORT))
            server.listen()
            conn, _ = server.accept()
            receiver.drain(conn)
            conn.close()
            pump_nothing(host)
            # To the end of every timer: those are kernels too.
            lab.run(until_ns=lab.clock.now_ns + 120_000_000_000)


def record_live(octets, mtu=1500, say=None):
    """Let the kernel send octets into device memory, and keep the frames.

    Parameters
    ----------
    octets : uint8[n]
        What the program sends.
    mtu : int
        Of the TAP device.
    say : callable, optional
        Called with a sentence before each step.

    Returns
    -------
    capture : Capture
        Both directions.
    sha256 : str
        Digest of what arrived in device memory.

    Raises
    ------
    PermissionError
        See `Station`.
    """
    with Station(mtu, record=True) as station:
        receiver = DevmemReceiver(station.host, "64MiB", SimpleNamespace(dst=HOST_IP, dport=PORT), check=True)
        server = station.host.socket()
        server.bind(("", PORT))
        server.listen()
        server.settimeout(20)
        if say:
            say(f"{len(octets):,} octets from this machine's kernel through TAP into device memory")
        with tempfile.TemporaryFile() as file:
            file.write(octets)
            file.seek(0)
            program = station.popen([sys.executable, "-c", SENDING, HOST_IP, str(PORT)], stdin=file)
        conn, _ = server.accept()
        conn.settimeout(20)
        receiver.drain(conn)
        conn.shutdown(SHUT_WR)
        station.lab.wait(lambda: program.poll() is not None, "end of the sending program", 20_000_000_000)
        conn.close()
        capture, sha256 = station.port.capture(), receiver.digest.hexdigest()
        station.host.audit()
        server.close()
        receiver.close()
    return capture, sha256
