"""bench live: the kernel's own recv, between two private networks.

Law.   The program that receives does what its users do: recv into one buffer, again and again.
Reads. veth(4), ip-link(8).
Omits. Machines where this needs more than user namespaces give: two of those may not share a pair of cards.
"""

import contextlib
import shutil
import subprocess
import sys
from functools import cache

from devmemlab.base.errno import EIO, error
from devmemlab.host.ports.netns import Namespace
from devmemlab.lab.bench.live_case import LiveCase
from devmemlab.lab.live import SENDING

PORT = 5201
ENDS = {"here": "10.0.1.1", "there": "10.0.1.2"}
RECEIVING = """
import hashlib, socket, sys, time
digest, room, total = hashlib.sha256(), memoryview(bytearray(1 << 20)), 0
with socket.create_server(("", int(sys.argv[1]))) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
began = time.perf_counter_ns()
while got := connection.recv_into(room):
    total += got
    if sys.argv[2] == "look":
        digest.update(room[:got])
print(time.perf_counter_ns() - began, total, digest.hexdigest())
connection.close()
"""
"""PORT look|time: take one connection to its end, print nanoseconds, octets and (look) the digest."""


@contextlib.contextmanager
def pair(mtu):
    """Make two private networks with a pair of virtual cards between them.

    Parameters
    ----------
    mtu : int
        Of both cards.

    Yields
    ------
    ends : list of Namespace
        Sender's and receiver's.
    """
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(contextlib.closing(Namespace())) for _ in ENDS]
        ends[0].run(["ip", "link", "add", "here", "mtu", str(mtu), "type", "veth", "peer", "name", "there", "mtu", str(mtu),
                     "netns", str(ends[1].pid)], check=True)
        for end, (name, address) in zip(ends, ENDS.items()):
            end.run(["ip", "address", "add", f"{address}/24", "dev", name], check=True)
            end.run(["ip", "link", "set", name, "up"], check=True)
        yield ends


@cache
def why_not():
    """Find out whether such a pair can be had here, by making one.

    Returns
    -------
    reason : str or None
        None: it can.
    """
    if shutil.which("ip") is None:
        return "no ip command here: apt-get install iproute2"
    try:
        with pair(1500):
            return None
    except (OSError, NotImplementedError, subprocess.SubprocessError) as problem:
        said = (getattr(problem, "stderr", "") or str(problem)).strip()
        return f"no pair of virtual cards between two private networks: {said}"


class KernelCase(LiveCase):
    """The kernel's own receive path.

    Parameters
    ----------
    wire : str
        Its name in the results.
    mtu : int
        Of the cards.
    path : str
        File with what is sent.
    """

    def __init__(self, wire, mtu, path):
        super().__init__(f"kernel_{wire}", mtu, path)
        self.more["app_buffer_bytes"] = 1 << 20
        self._undo = contextlib.ExitStack()
        self.sender, self.receiver = self._undo.enter_context(pair(mtu))
        self.validated(self._run("look")[2])

    def run(self):
        """Receive one connection; gives time and octets."""
        return self._run("time")[:2]

    def _run(self, how):
        """Run both programs."""
        receiving = self.receiver.popen([sys.executable, "-c", RECEIVING, str(PORT), how], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        with receiving:
            receiving.stdout.readline()
            with open(self.path, "rb") as file:
                sending = self.sender.popen([sys.executable, "-c", SENDING, ENDS["there"], str(PORT)], stdin=file)
            said = receiving.communicate(timeout=60)[0].split()
            sending.wait(60)
        if receiving.returncode or len(said) != 3:
            raise error(EIO, f"{self.name}: the program ended with {receiving.returncode}")
        return int(said[0]), int(said[1]), said[2]

    def close(self):
        """End both networks."""
        self._undo.close()
