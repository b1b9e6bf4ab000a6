"""A peer for an ncdevmem client over this machine's own kernel: a program that receives, behind a TAP device.

Law.   The client connects when somebody listens, and not before; what was started ends with the wire.
Reads. `devmemlab.lab.live`; ss(8).
Omits. Peers on other machines.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from devmemlab.base.errno import EIO
from devmemlab.lab import ncdevmem_wire
from devmemlab.lab.live import HOST_MAC, Station, neighbour_of
from devmemlab.lab.ncdevmem_peer import PeerWire

RECEIVING = """
import hashlib, socket, sys
show, family = sys.argv[3] == "1", socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
connection, digest, count = server.accept()[0], hashlib.sha256(), 0
while part := connection.recv(1 << 20):
    digest.update(part)
    count += len(part)
    show and sys.stdout.buffer.write(part)
show or print(count, digest.hexdigest())
"""
LISTEN_SECONDS, END_SECONDS, SECOND_NS = 10, 20, 1_000_000_000


class TapWire(PeerWire):
    """A lab host whose peer is a program over this machine's kernel.

    Parameters
    ----------
    station : Station
        Host, device, namespace.
    wanted : Wanted
        Addresses and port.
    run : str or None
        Shell command that receives; None: one of ours.
    pay : callable or None
        Takes what ours has received.
    """

    def __init__(self, station, wanted, run, pay):
        super().__init__(station.host)
        self.station, self.wanted, self.run, self.pay = station, wanted, run, pay
        self._program, self._file = None, tempfile.TemporaryFile()

    def start(self):
        """Start the receiving program and wait until it listens."""
        argv = ["sh", "-c", self.run] if self.run is not None else [
            sys.executable, "-c", RECEIVING, self.wanted.server, str(self.wanted.port), str(int(self.pay is not None))]
        self._program = self.station.popen(argv, stdin=subprocess.DEVNULL, stdout=2 if self.run is not None else self._file,
                                           process_group=0)
        until = time.monotonic() + LISTEN_SECONDS
        while time.monotonic() < until and not self._listens():
            if self._program.poll() is not None:
                raise OSError(EIO, f"the receiving program ended with status {self._program.returncode} before anybody connected")
            time.sleep(0.05)

    def _listens(self):
        """Whether somebody listens at the port; True where nobody can tell."""
        if shutil.which("ss") is None:
            time.sleep(1)
            return True
        asking = self.station.popen(["ss", "-ltnH", f"sport = :{self.wanted.port}"], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True)
        return bool(asking.communicate(timeout=30)[0].strip())

    def end(self, conn):
        """See a connection through; see `PeerWire.end`.

        Parameters
        ----------
        conn : Socket
            That of the client.

        Returns
        -------
        came : tuple of (int, str) or None
            None where the program is the user's.
        """
        self.station.lab.wait(lambda: self._program.poll() is not None, "end of the receiving program", END_SECONDS * SECOND_NS)
        if self._program.returncode:
            raise OSError(EIO, f"the receiving program ended with status {self._program.returncode}")
        if self.run is not None:
            return None
        self._file.seek(0)
        if self.pay is None:
            count, digest = self._file.read().split()
            return int(count), digest.decode()
        octets = self._file.read()
        self.pay(octets)
        return len(octets), hashlib.sha256(octets).hexdigest()

    def stop(self):
        """End the program, if it still runs."""
        self._file.close()
        if self._program is not None and self._program.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._program.pid, signal.SIGKILL)
            self._program.wait()


@contextlib.contextmanager
def tap_peer_wire(wanted, tap, mtu, run, pay=None):
    """Make a lab host on a TAP device, and have a program over the kernel receive.

    Parameters
    ----------
    wanted : Wanted
        Addresses, port.
    tap : str
        As for `devmemlab.lab.ncdevmem_wire.tap_wire`.
    mtu : int
        Of the device that is made.
    run : str or None
        Shell command that receives.
    pay : callable, optional
        Takes what our own program receives.

    Yields
    ------
    wire : TapWire
        Time passes by itself.
    """
    own = tap in ncdevmem_wire.PRIVATE
    if own and ":" in wanted.server:
        raise ValueError(f"-s {wanted.server}: the private network has no IPv6; give an IPv4 address, or a TAP device of yours")
    with Station(mtu, tap=None if own else tap, ip=wanted.client or neighbour_of(wanted.server), sender_ip=wanted.server,
                 ifname=wanted.ifname, mac=HOST_MAC, kernel=wanted.kernel, **ncdevmem_wire.HOST_OPTIONS) as station:
        wire = TapWire(station, wanted, run, pay)
        try:
            yield wire
        finally:
            wire.stop()
