"""Where the frames of an ncdevmem run come from: a synthetic sender, or this machine's kernel behind a TAP device.

Law.   The receiving side cannot tell: it gets a lab with a host in it.
Reads. `devmemlab.lab.live` for the kernel, `devmemlab.lab.synthetic` for the other.
Omits. Senders on other machines.
"""

import contextlib
import os
import signal
import subprocess

import numpy as np

from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.lab import Lab
from devmemlab.lab.live import HOST_MAC, Station, neighbour_of
from devmemlab.lab.ncdevmem_check import NEWLINE, pattern_octets
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.tcp.states import CLOSE, NONE, TIME_WAIT

HOST_OPTIONS = {"rx_queues": 4}
CLIENT_PORT, CLIENT_MAC = 40000, "02:00:00:00:00:01"
SECOND_NS = 1_000_000_000
PRIVATE = ("auto", "new")


class Wire:
    """A host that something sends to.

    Parameters
    ----------
    lab, host : Lab, Host
        The receiving side.
    station : Station, optional
        Where the sender is the kernel.
    run : str, optional
        Shell command that sends.

    Attributes
    ----------
    sender : subprocess.Popen or None
        The sending program, once it is started.
    """

    def __init__(self, lab, host, station=None, run=None):
        self.lab, self.host, self.station, self.run, self.sender = lab, host, station, run, None

    def start(self):
        """Start the sending program, if that is ours to do."""
        if self.run is not None:
            self.sender = self.station.popen(["sh", "-c", self.run], stdin=subprocess.DEVNULL, stdout=2, process_group=0)

    def stop(self):
        """End the sending program with whatever it started, if it still runs."""
        if self.sender is not None and self.sender.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.sender.pid, signal.SIGKILL)
            self.sender.wait()

    @property
    def hopeful(self):
        """callable or None: tells whether a connection can still come, where that is known."""
        return None if self.sender is None else lambda: self.sender.poll() is None

    def sockets(self):
        """str: what ``ss -ti`` says of the sender; empty where there is none to ask."""
        return self.station.sockets() if self.station else ""

    def finish(self, conn, hurry=False):
        """Close a connection and see it through, until the peer has let go too or our patience has ended.

        Parameters
        ----------
        conn : Socket
            Whatever its state.
        hurry : bool
            Be patient for a second, not five, and do not wait for the end of the sending program.
        """
        row = self.host.tcbs.tcb[conn.sock]
        conn.close()

        def over():
            return row.state in (NONE, CLOSE, TIME_WAIT) and (hurry or self.sender is None or self.sender.poll() is not None)

        with contextlib.suppress(TimeoutError):
            self.lab.wait(over, "end of the connection", SECOND_NS if hurry else 5 * SECOND_NS)


def sending_text(wanted, nbytes):
    """Make what the synthetic sender sends.

    Parameters
    ----------
    wanted : Wanted
        With a modulus: its pattern; without: numbered lines.
    nbytes : int
        How much.

    Returns
    -------
    octets : uint8[nbytes]
        Payload.
    """
    if wanted.modulus:
        return pattern_octets(wanted.modulus, nbytes)
    lines = b"".join(b"line %d of the synthetic sender\n" % number for number in range(1, nbytes // 24 + 2))
    return np.frombuffer(bytearray(lines[:nbytes]), np.uint8)


def sending_command(wanted, size="64M"):
    """Spell the shell command that makes what is expected.

    Parameters
    ----------
    wanted : Wanted
        With a modulus or without.
    size : str
        For ``head -c``.

    Returns
    -------
    command : str
        Up to the last pipe, without what sends it.
    """
    if not wanted.modulus:
        return "echo hello, device memory"
    if wanted.modulus <= NEWLINE:
        return "yes \"$(printf '%s')\" | head -c %s" % ("".join(f"\\{k:o}" for k in range(1, wanted.modulus)), size)
    program = f"import sys; [sys.stdout.buffer.write(bytes([*range(1, {wanted.modulus}), 10]) * 4096) for _ in iter(int, 1)]"
    return f"python3 -c '{program}' | head -c {size}"


class RunningWire(Wire):
    """The running kernel: whoever sends is the user's business."""

    def finish(self, conn, hurry=False):
        """Close a connection; see `Wire.finish`.

        Parameters
        ----------
        conn : Socket
            Whatever its state.
        hurry : bool
            Nothing is waited for in any case.
        """
        conn.close()


@contextlib.contextmanager
def running_wire():
    """Take the running kernel.

    Yields
    ------
    wire : RunningWire
        Its ``host`` is a `devmemlab.linux.Kernel`.
    """
    from devmemlab.linux import Kernel

    yield RunningWire(None, Kernel())


@contextlib.contextmanager
def synthetic_wire(wanted, nbytes, mtu):
    """Make a host with a synthetic sender in front of it.

    Parameters
    ----------
    wanted : Wanted
        Addresses, port, pattern.
    nbytes : int
        What is sent.
    mtu : int
        Largest IP packet.

    Yields
    ------
    wire : Wire
        Time is virtual.
    """
    client = (wanted.client or neighbour_of(wanted.server), wanted.port if wanted.client else CLIENT_PORT, CLIENT_MAC)
    capture = bulk_capture(nbytes, mtu, octets=sending_text(wanted, nbytes), client=client,
                           server=(wanted.server, wanted.port, HOST_MAC))
    with Lab() as lab:
        port = Pcap(capture, (wanted.server, wanted.port), speed=None)
        host = lab.host("receiver", mac=HOST_MAC, mtu=mtu, port=port, ifname=wanted.ifname, kernel=wanted.kernel, **HOST_OPTIONS,
                        **{"ip6" if ":" in wanted.server else "ip": wanted.server})
        yield Wire(lab, host)


@contextlib.contextmanager
def tap_wire(wanted, tap, mtu, run, say):
    """Make a host on a TAP device, and say or do what makes the kernel send.

    Parameters
    ----------
    wanted : Wanted
        Addresses, port, pattern.
    tap : str
        Name of a TAP device of the user's; ``"auto"`` or ``"new"``: one is made in a private namespace.
    mtu : int
        Of the device that is made.
    run : str or None
        Shell command that sends; without it a person is told how to.
    say : callable
        Takes a message for people.

    Yields
    ------
    wire : Wire
        Time passes by itself.
    """
    own = tap in PRIVATE
    if own and ":" in wanted.server:
        raise ValueError(f"-s {wanted.server}: the private network has no IPv6; give an IPv4 address, or a TAP device of yours")
    with Station(mtu, tap=None if own else tap, ip=wanted.server, sender_ip=wanted.client, ifname=wanted.ifname,
                 kernel=wanted.kernel, **HOST_OPTIONS) as station:
        wire = Wire(station.lab, station.host, station, run)
        if run is None:
            say(_how_to_send(wanted, station, own))
        try:
            yield wire
        finally:
            wire.stop()


def _how_to_send(wanted, station, own):
    """Tell a person how to send."""
    local = ["-s", wanted.client, "-p", str(wanted.port)] if wanted.client else []
    netcat = ["nc", "-N", *local, wanted.server, str(wanted.port)]
    if own:
        return ("send from the private network, in another terminal; for example:\n"
                f"  {sending_command(wanted)} | {station.namespace.command(*netcat)}")
    dev, family, bits = station.tap.name, "-6 " if ":" in wanted.server else "", 64 if ":" in wanted.server else 24
    return (f"{dev} needs an address and must know its neighbour; unless it does already:\n"
            f"  sudo ip {family}addr add {station.sender_ip}/{bits} dev {dev} && sudo ip link set {dev} up && "
            f"sudo ip {family}neigh replace {wanted.server} lladdr {HOST_MAC} dev {dev}\n"
            f"then send; for example:\n  {sending_command(wanted)} | {' '.join(netcat)}")
