"""bench live: this machine's kernel sends through a TAP device into device memory, and to a receiver in C on the same device.

Law.   Each receiver has shown the digest of what was sent before it is timed; a timed run got every octet.
Reads. interfaces section 3; `devmemlab.lab.bench.live_c`, `devmemlab.lab.bench.live_veth`.
Omits. A timed run's digest: it would have to be taken while the sender goes on.

A run is one connection of one sending program, from its first frame to its end. The receivers take turns on one TAP device; the
kernel's own recv has a pair of virtual cards of the same MTU between two private networks, where segments need not be cut.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

from devmemlab.base.errno import EIO, error
from devmemlab.host.ports.netns import why_not_live
from devmemlab.host.ports.vnet import VNET_HDR_BYTES
from devmemlab.lab.bench import live_c, live_veth
from devmemlab.lab.bench.live_case import LiveCase
from devmemlab.lab.live import BURST_FRAMES, SENDING, Station
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.lab.stream import stream_octets
from devmemlab.sock.uapi import SHUT_WR, SO_RCVBUF, SOL_SOCKET

MIB = 1 << 20
NBYTES, QUICK_NBYTES = 192 * MIB, 64 * MIB
DMABUF_BYTES, TARGET_BYTES = 64 * MIB, 64 * MIB
WIRES = {"1500": (1500, False), "9000": (9000, False), "offload": (1500, True)}
"""Name -> MTU, and whether the kernel leaves cutting and summing to whoever reads."""
RCVBUF = 8 * MIB
"""SO_RCVBUF, for a window like that of the receiver in C; the kernel's own recv grows into one of this size."""
PORT, C_PORT = 5201, 5202
TIMEOUT = 60
REPEATS = (9, 2)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
devmem_MTU: a lab host on a TAP device, device memory and tokens. c_reader_MTU: a minimal receiver in C on the same device; it
reads, places and acknowledges, and is no TCP. kernel_MTU: the kernel's own recv over a pair of virtual cards. X_offload: MTU
1500, and the kernel hands out super-frames unsummed; the lab's port cuts them to frames of the wire, C places them whole.
ratio_to_X:
throughput divided by that of X, round by round; bigger is better. The sender is the same program each time, and needs a
processor of its own: with fewer than two idle ones it is part of what is measured."""


class DevmemCase(LiveCase):
    """A lab host with device memory.

    Parameters
    ----------
    wire : str
        One of `WIRES`.
    station : Station
        Where.
    path : str
        See `LiveCase`.
    with_c, with_kernel : bool
        Which cases there are to compare with.
    """

    def __init__(self, wire, station, path, with_c, with_kernel):
        to = [("ratio_to_c_reader", f"c_reader_{wire}")] * with_c + [("ratio_to_kernel_recv", f"kernel_{wire}")] * with_kernel
        super().__init__(f"devmem_{wire}", station.tap.mtu, path, to)
        self.more |= {"dmabuf_bytes": DMABUF_BYTES, "burst": BURST_FRAMES}
        self.station = station
        self.receiver = DevmemReceiver(station.host, DMABUF_BYTES, SimpleNamespace(dst=station.ip, dport=PORT), check=True)
        self.server = station.host.socket()
        self.server.setsockopt(SOL_SOCKET, SO_RCVBUF, RCVBUF)
        self.server.bind(("", PORT))
        self.server.listen()
        self.server.settimeout(TIMEOUT)
        self.check(self.run())
        self.validated(self.receiver.digest.hexdigest())
        self.receiver.digest = None

    def run(self):
        """Receive one connection; gives time and octets."""
        receiver, before = self.receiver, self.receiver.octets
        with open(self.path, "rb") as file:
            program = self.station.popen([sys.executable, "-c", SENDING, self.station.ip, str(PORT)], stdin=file)
        conn = self.server.accept()[0]
        conn.settimeout(TIMEOUT)
        row = self.station.host.tcbs.tcb[conn.sock]
        early = int(row.rcv_nxt - row.copied_seq) & 0xFFFFFFFF
        began = time.perf_counter_ns()
        receiver.drain(conn)
        spent = time.perf_counter_ns() - began
        # What came in with the handshake was received before the clock ran: the rest's pace is taken for all.
        octets = receiver.octets - before
        spent = spent * octets // max(octets - early, 1)
        conn.shutdown(SHUT_WR)
        self.station.lab.wait(lambda: program.poll() is not None, "end of the sending program", TIMEOUT * 1_000_000_000)
        conn.close()
        return spent, octets

    def check(self, result):
        """See that every octet came and every token went back.

        Parameters
        ----------
        result : (int, int)
            See `LiveCase.check`.
        """
        super().check(result)
        receiver = self.receiver
        if receiver.tokens_issued != receiver.tokens_returned:
            raise error(EIO, f"{self.name}: {receiver.tokens_issued} tokens were issued, {receiver.tokens_returned} returned")

    def close(self):
        """Audit the host and end the receiver."""
        self.station.host.audit()
        self.server.close()
        self.receiver.close()


class CCase(LiveCase):
    """The receiver in C, on the station's device.

    Parameters
    ----------
    wire : str
        One of `WIRES`.
    station : Station
        Its host keeps silent meanwhile.
    path : str
        See `LiveCase`.
    program : str
        From `devmemlab.lab.bench.live_c.build`.
    """

    def __init__(self, wire, station, path, program):
        super().__init__(f"c_reader_{wire}", station.tap.mtu, path)
        self.offload = WIRES[wire][1]
        self.burst = BURST_FRAMES
        self.more |= {"app_buffer_bytes": TARGET_BYTES, "burst": self.burst}
        self.station, self.program = station, program
        with tempfile.TemporaryFile() as whole:
            self.check(self._receive(whole, self.elements))
            whole.seek(0)
            self.validated(hashlib.file_digest(whole, "sha256").hexdigest())
        self.target = tempfile.TemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)

    def run(self):
        """Receive one connection; gives time and octets."""
        return self._receive(self.target, TARGET_BYTES)

    def _receive(self, target, size):
        """Run both programs."""
        target.truncate(size)
        fds = [self.station.tap.fileno(), target.fileno()]
        argv = [self.program, *map(str, (fds[0], C_PORT, fds[1], size, self.station.tap.mtu, self.burst,
                                            VNET_HDR_BYTES * self.offload))]
        with subprocess.Popen(argv, pass_fds=fds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as receiver:
            receiver.stdout.readline()
            with open(self.path, "rb") as file:
                sender = self.station.popen([sys.executable, "-c", SENDING, self.station.ip, str(C_PORT)], stdin=file,
                                            stderr=subprocess.DEVNULL)
            try:
                said = receiver.communicate(timeout=TIMEOUT)[0].split()
            finally:
                receiver.kill()
                # Nobody is left to acknowledge the end of the stream to it.
                sender.kill()
                sender.wait()
        if receiver.returncode or len(said) != 3:
            raise error(EIO, f"{self.name}: the program ended with {receiver.returncode}")
        return int(said[0]), int(said[1])

    def close(self):
        """Give the target back."""
        self.target.close()


def groups(quick=False):
    """List wires.

    Parameters
    ----------
    quick : bool
        Says nothing here.

    Returns
    -------
    groups : list of str
        `WIRES`; none where there can be no TAP device.
    """
    return [] if why_not_live() else list(WIRES)


def skipped(quick=False):
    """Say what is not measured.

    Parameters
    ----------
    quick : bool
        Says nothing here.

    Returns
    -------
    reasons : dict of str to str
        By case.
    """
    why = why_not_live()
    if why:
        return {"*": why}
    reasons = {}
    if live_c.compiler() is None:
        reasons["c_reader_*"] = "no C compiler here: apt-get install gcc"
    if why := live_veth.why_not():
        reasons["kernel_*"] = why
    return reasons


@contextlib.contextmanager
def cases(quick=False, group=None):
    """Make the receivers of a wire.

    Parameters
    ----------
    quick : bool
        Fewer octets.
    group : str, optional
        One of `WIRES`; the first when left out.

    Yields
    ------
    cases : list of Case
        What the others are compared with comes first.
    """
    wire, made = group or next(iter(WIRES)), []
    mtu, offload = WIRES[wire]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="devmemlab-bench-"))
        path = f"{folder}/payload"
        with open(path, "wb") as file:
            for start in range(0, QUICK_NBYTES if quick else NBYTES, 4 * MIB):
                file.write(stream_octets(4 * MIB, start))
        station = stack.enter_context(Station(mtu=mtu, max_frames=BURST_FRAMES, sockets=64, offload=offload))
        with_c, with_kernel = live_c.compiler() is not None, live_veth.why_not() is None
        if with_kernel:
            made.append(live_veth.KernelCase(wire, mtu, path))
            stack.callback(made[-1].close)
        if with_c:
            made.append(CCase(wire, station, path, live_c.build(folder)))
            stack.callback(made[-1].close)
        made.append(DevmemCase(wire, station, path, with_c, with_kernel))
        stack.callback(made[-1].close)
        yield made
