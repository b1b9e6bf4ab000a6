"""bench tx: octets of a device sent in four ways, and as plain copies of the same octets.

Law.   All cases of a group send the same octets at one MTU; each was heard by the peer with the right digest before, and each
       run was acknowledged to the last octet.
Reads. interfaces section 3; `devmemlab.lab.senders` for the four ways.
Omits. The peer: what the port does is not timed. Losses: see ``dml.compare_senders``.

A group is one footprint (so many octets of device memory) at one MTU. What is timed begins with the octets in device memory and
ends with the last acknowledgement: copies of the program, system calls, TCP, the card that reads payload and writes frames,
acknowledgements, completions. ``memcpy`` copies the same octets, a segment each, into an arena as large as the card's.
"""

from contextlib import contextmanager

import numpy as np
from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.table import table
from devmemlab.base.units import format_size
from devmemlab.host.host import TX_ARENA_BYTES
from devmemlab.lab.accelerator import PIECE, memcpy_pieces, staged_copy
from devmemlab.lab.bench.measure import Case, StreamCase
from devmemlab.lab.bench.tx_peer import Peer
from devmemlab.lab.lab import Lab
from devmemlab.lab.senders import MODES
from devmemlab.lab.stopwatch import Untimed, processor_ns
from devmemlab.lab.stream import stream_digest, stream_octets
from devmemlab.lab.synthetic import CLIENT, SERVER
from devmemlab.mem.ledger import DEVICE_TO_HOST, copied_per_payload, make_ledger
from devmemlab.mem.region import DeviceMemory, host_memory, memory
from devmemlab.sock.uapi import AF_INET, MSG_ZEROCOPY, SO_ZEROCOPY, SOL_SOCKET

MIB = 1 << 20
FOOTPRINTS, QUICK_FOOTPRINTS, INTERPRETED_FOOTPRINTS = (MIB, 16 * MIB, 128 * MIB), (16 * MIB,), (1 << 14,)
MTUS, QUICK_MTUS = (1500, 4096, 9000), (1500, 9000)
CHUNK, INTERPRETED_CHUNK = MIB, 1 << 13
LINE = 64
HEADERS = 14 + 20 + 32
REPEATS = (15, 3)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
Names: way, octets of device memory, MTU; 1 MiB a call. copy: the program copies into a buffer that it uses again and again, and
sends that; zerocopy and sendfile copy into memory as large as the device's, which may not be written before it was told complete.
ratio_to_X: throughput divided by that of X in the same group, round by round; bigger is better."""


class MemcpyCase(Case):
    """One plain copy of the octets.

    Parameters
    ----------
    name : str
        Of the case.
    device : DeviceMemory
        What is copied.
    mtu : int
        Decides on the pieces.
    """

    def __init__(self, name, device, mtu):
        self.name, self.arena = name, host_memory(TX_ARENA_BYTES, "bench frames")
        mss = mtu + 14 - HEADERS
        self.pieces = table(PIECE, -(-len(device) // mss))
        self.pieces.offset = device.start + np.arange(len(self.pieces)) * mss
        self.pieces.length = np.minimum(mss, device.start + len(device) - self.pieces.offset)
        self.elements, self.octets, self.stride = len(self.pieces), len(device), -(-(mtu + 14) // LINE) * LINE
        self.more = {"mode": "memcpy", "mtu": mtu, "footprint_bytes": len(device)}
        self.ledger = None

    def prepare(self):
        """Open new books."""
        self.ledger = make_ledger()

    def run(self):
        """Copy."""
        memcpy_pieces(memory(), self.arena.start, self.arena.length, self.stride, memory(), self.pieces, 0,
                      self.ledger)

    def figures(self, runs):
        """Name the figures; see `SendCase.figures`.

        Parameters
        ----------
        runs : list of Sample
            Of this case.
        """
        return {"ns_per_packet": [run.ns / run.elements for run in runs],
                "payload_gbytes_per_s": [self.octets / run.ns for run in runs],
                "copied_bytes_per_payload_byte": [copied_per_payload(self.ledger, self.octets)] * len(runs)}

    def check(self, result):
        """See that all was copied.

        Parameters
        ----------
        result : None
            Not looked at.
        """
        if self.ledger.length.sum() != self.octets:
            raise error(EIO, f"{self.name}: {self.ledger.length.sum()} of {self.octets} octets were copied")

    def close(self):
        """Give the arena back."""
        self.arena.close()


class SendCase(StreamCase):
    """One way of sending, on one connection for all runs.

    Parameters
    ----------
    name : str
        Of the case.
    mode : str
        One of `devmemlab.lab.senders.MODES`.
    nbytes, mtu : int
        Device memory, and largest IP packet.
    contrasts : sequence of (str, str)
        See `Case`.
    """

    def __init__(self, name, mode, nbytes, mtu, contrasts=()):
        self.name, self.mode, self.contrasts = name, mode, tuple(contrasts)
        self.nbytes = self.stream_bytes = nbytes
        self.lab, self.peer, self.device = Lab(), Peer(), DeviceMemory(nbytes, "what is to be sent")
        self.device.octets[:] = stream_octets(nbytes)
        small = {"rx_ring": 32, "sockets": 4} if config.DISABLE_JIT else {"rx_ring": 256, "sockets": 4}
        host = self.host = self.lab.host("sender", ip=CLIENT[0], mac=CLIENT[2], gateway_mac=SERVER[2], mtu=mtu,
                                         port=Untimed(self.peer), **small)
        host.ethtool(host.netdev.name).set_rings(tcp_data_split="on")
        self.netlink = host.netlink("netdev")
        self.dmabuf_id = self.netlink.bind_tx({"ifindex": host.netdev.ifindex, "fd": host.export(self.device)})["id"]
        self.file = host.memfd_create("file", length=nbytes) if mode == "sendfile" else None
        self.buffer = None
        self.chunk = min(INTERPRETED_CHUNK if config.DISABLE_JIT else CHUNK, nbytes)
        if mode != "devmem":
            size = self.chunk if mode == "copy" else nbytes
            self.buffer = host.fds.get(self.file).file.region if self.file is not None else host_memory(size, "program's buffer")
            self.buffer.octets[:] = 0
        self.conn = host.socket(AF_INET)
        self.conn.connect(SERVER[:2])
        self.conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
        self.elements, self.sends, self.told = 1, 0, 0
        self._validate()
        self.more = {"mode": mode, "mtu": mtu, "footprint_bytes": nbytes, "burst": self.elements // max(self.bursts, 1),
                     "app_buffer_bytes": self.buffer.length if self.buffer else 0}

    def _validate(self):
        """Send once to a peer that looks at the octets, and count copies and frames."""
        self.peer.look()
        self.check(self.run())
        if self.peer.digest.hexdigest() != stream_digest(self.nbytes):
            raise error(EIO, f"{self.name}: the peer has other octets than the device")
        self.peer.digest = None
        self.elements, self.bursts = self.peer.frames, self.peer.bursts
        self.copied = copied_per_payload(self.host.ledger, self.nbytes)

    def _send(self, at, count):
        """Make one call; gives how many octets it took."""
        self.sends += 1
        if self.mode == "devmem":
            return self.host.sendmsg_devmem(self.conn, [(at, count)], self.dmabuf_id)
        if self.mode == "sendfile":
            return self.host.sendfile(self.conn, self.file, at, count)
        place = at % self.buffer.length
        if self.mode == "zerocopy":
            return self.conn.sendmsg([self.buffer.octets[place:place + count]], (), MSG_ZEROCOPY)
        return self.conn.send(self.buffer.octets[place:place + count])

    def run(self):
        """Send all of the device's memory and wait for the last acknowledgement; gives the time that counts."""
        port, host = self.host.port, self.host
        self.peer.forget()
        playing, began = port.spent_ns, processor_ns()
        for start in range(0, self.nbytes, self.chunk):
            count, done = min(self.chunk, self.nbytes - start), 0
            if self.buffer:
                staged_copy(memory(), self.buffer.start + start % self.buffer.length, self.device.start + start, count,
                            host.ledger, DEVICE_TO_HOST)
            while done < count:
                done += self._send(start + done, count - done)
        while self.peer.octets < self.nbytes or self.peer.waiting:
            if not self.lab.step():
                self.lab.run(until_ns=self.lab.next_ns())
        if self.mode in ("devmem", "zerocopy"):
            self.told += sum(one.last - one.first + 1 for one in host.completions(self.conn))
        return processor_ns() - began - (port.spent_ns - playing)

    def check(self, result):
        """See that the peer got everything once, and that every send without a copy was told complete.

        Parameters
        ----------
        result : int
            Not looked at.

        Raises
        ------
        OSError
            EIO: something is missing.
        """
        if self.peer.octets != self.nbytes or self.peer.out_of_order:
            raise error(EIO, f"{self.name}: the peer has {self.peer.octets} of {self.nbytes} octets, "
                             f"{self.peer.out_of_order} segments came out of order")
        if self.mode in ("devmem", "zerocopy") and self.told != self.sends:
            raise error(EIO, f"{self.name}: {self.told} of {self.sends} sends were told complete")

    def close(self):
        """Audit the host and give everything back."""
        self.host.audit()
        self.lab.close()
        if self.buffer and self.file is None:
            self.buffer.close()
        self.device.close()


def groups(quick=False):
    """List footprints and MTUs.

    Parameters
    ----------
    quick : bool
        Fewer of both.

    Returns
    -------
    groups : list of (int, int)
        Octets of device memory, and MTU.
    """
    sizes = INTERPRETED_FOOTPRINTS if config.DISABLE_JIT else QUICK_FOOTPRINTS if quick else FOOTPRINTS
    return [(size, mtu) for size in sizes for mtu in (QUICK_MTUS if quick else MTUS)]


@contextmanager
def cases(quick=False, group=None):
    """Make the senders of a group.

    Parameters
    ----------
    quick : bool
        Decides on the group where none is given.
    group : (int, int), optional
        One of `groups`; the first when left out.

    Yields
    ------
    cases : list of Case
        memcpy first.
    """
    nbytes, mtu = group or groups(quick)[0]
    names = {mode: f"{mode}_{format_size(nbytes)}_{mtu}".replace(" ", "") for mode in ("memcpy", *MODES)}
    made = []
    try:
        for mode in MODES:
            others = [other for other in MODES if other != "devmem"] if mode == "devmem" else []
            to = [(f"ratio_to_{other}", names[other]) for other in ("memcpy", *others)]
            made.append(SendCase(names[mode], mode, nbytes, mtu, to))
        made.insert(0, MemcpyCase(names["memcpy"], made[0].device, mtu))
        yield made
    finally:
        for case in made:
            case.close()
