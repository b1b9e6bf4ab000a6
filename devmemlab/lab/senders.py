"""Senders: the same octets of a device, sent in the four ways that a program has.

Law.   Every way begins with the octets in device memory and ends with them at the peer; only how they get to the card differs.
Reads. Linux Documentation/networking/{devmem,msg_zerocopy}.rst, sendfile(2); features H6.
Omits. kTLS; splice from pipes; time, which `devmemlab bench` has.

=============  ==================================================================================
mode           copies of a payload octet
=============  ==================================================================================
``devmem``     device to card
``zerocopy``   device to host buffer, host buffer to card
``sendfile``   device to the pages of a mapped file, those pages to card
``copy``       device to host buffer, host buffer to the socket's pages, those to card
=============  ==================================================================================
"""

import hashlib
from typing import NamedTuple

from devmemlab.base.units import parse_size
from devmemlab.lab.accelerator import staged_copy
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes_tcp import Losing
from devmemlab.lab.stream import stream_octets
from devmemlab.mem.ledger import DEVICE_TO_HOST, NAMES, STAGES, copied_per_payload
from devmemlab.mem.region import DeviceMemory, host_memory, memory
from devmemlab.sock.uapi import AF_INET, MSG_ZEROCOPY, SO_ZEROCOPY, SOL_SOCKET

MODES = ("devmem", "zerocopy", "sendfile", "copy")
PORT, CHUNK = 5201, 1 << 16
STEP_NS, PATIENCE_NS = 100_000, 20_000_000_000


class SendRow(NamedTuple):
    """What one way of sending did.

    mode : str
        One of `MODES`.
    octets : int
        Payload.
    copied_bytes_per_payload_byte : float
        Payload octets moved at the sender, by its ledger, for each one sent; what the card reads counts too, and again when a
        segment is sent again.
    stages : dict of str to tuple of int
        Its ledger: octets and copies of payload by stage.
    sends, completed : int
        Calls, and how many of them the error queue has told of.
    copied : bool
        Whether a completion said that the kernel had copied.
    sha256_ok : bool
        Whether the peer has read the device's octets.
    """

    mode: str
    octets: int
    copied_bytes_per_payload_byte: float
    stages: dict
    sends: int
    completed: int
    copied: bool
    sha256_ok: bool


class SendResult:
    """The comparison; `table` prints it.

    Attributes
    ----------
    rows : list of SendRow
        One a mode.
    """

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, mode):
        return next(row for row in self.rows if row.mode == mode)

    def table(self):
        """Spell the comparison.

        Returns
        -------
        text : str
            Lines for a terminal; all of it is counted.
        """
        heads = ("mode", "octets", "copied/byte", "sends", "told complete", "SHA-256", "moved by")
        lines = [heads] + [
            (row.mode, f"{row.octets:,}", f"{row.copied_bytes_per_payload_byte:.2f}", str(row.sends), str(row.completed),
             "match" if row.sha256_ok else "DIFFERS", ", ".join(row.stages)) for row in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join("  ".join(cell.rjust(w) if 0 < i < 5 else cell.ljust(w)
                                   for i, (cell, w) in enumerate(zip(line, widths))).rstrip() for line in lines)

    def __repr__(self):
        return f"<SendResult: {', '.join(f'{row.mode} {row.copied_bytes_per_payload_byte:.2f}' for row in self.rows)}>"


class SendPair:
    """Two hosts, a wire, and a connection; the sender has device memory full of octets.

    Parameters
    ----------
    size : int or str
        Device memory.
    mtu : int
        Largest IP packet.
    lose : collection of int
        Data frames that the wire loses, see `devmemlab.lab.scenes_tcp.Losing`.
    kernel : str
        Profile of the sender.
    trace : bool
        Whether the sender records what happens.

    Attributes
    ----------
    lab, sender, receiver : Lab, Host, Host
        Where it runs.
    device, dmabuf_id : DeviceMemory, int
        What is sent, and its binding.
    netlink : NetlinkSocket
        It owns the binding.
    conn, peer : Socket
        Both ends; neither blocks.
    received : bytes
        What the receiving program has read.
    """

    def __init__(self, size="256KiB", mtu=9000, lose=(), kernel="6.18", trace=False):
        self.lab, self.device, self.received = Lab(), DeviceMemory(size, "what is to be sent"), b""
        self.sender = self.lab.host("sender", ip="10.0.0.1", mtu=mtu, rx_ring=64, sockets=4, kernel=kernel, trace=trace)
        self.receiver = self.lab.host("receiver", ip="10.0.0.2", mtu=mtu, rx_ring=64, sockets=4)
        self.lab.connect(self.sender, self.receiver, gbps=10, delay_us=20)
        # Acknowledgements are headers; without this they would be counted as payload.
        self.sender.ethtool(self.sender.netdev.name).set_rings(tcp_data_split="on")
        self.device.octets[:] = stream_octets(len(self.device))
        self.netlink = self.sender.netlink("netdev")
        bind = {"ifindex": self.sender.netdev.ifindex, "fd": self.sender.export(self.device)}
        self.dmabuf_id = self.netlink.bind_tx(bind)["id"]
        server = self.receiver.socket(AF_INET)
        server.bind(("", PORT))
        server.listen()
        self.conn = self.sender.socket(AF_INET)
        self.conn.connect((self.receiver.ip, PORT))
        self.peer = server.accept()[0]
        server.close()
        self.conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
        self.conn.settimeout(0)
        self.peer.settimeout(0)
        self.sender.ports[0] = Losing(self.sender.ports[0], lose)

    def send(self, pieces, **options):
        """Send pieces of the device's memory.

        Parameters
        ----------
        pieces : sequence of (int, int)
            Offset and length of each.
        **options
            ``flags``.

        Returns
        -------
        sent : int
            Octets that were queued.
        """
        return self.sender.sendmsg_devmem(self.conn, pieces, self.dmabuf_id, **options)

    def read(self):
        """Let the receiving program read what is there."""
        try:
            self.received += self.peer.recv(1 << 20)
        except BlockingIOError:
            pass

    def hear(self, count, patience_ns=PATIENCE_NS):
        """Let the receiving program read until it has so many octets in all.

        Parameters
        ----------
        count : int
            How many.
        patience_ns : int
            How long at most.

        Returns
        -------
        received : bytes
            All that it has read so far.
        """
        until_ns = self.lab.clock.now_ns + patience_ns
        while True:
            self.read()
            now_ns = self.lab.clock.now_ns
            if len(self.received) >= count or now_ns >= until_ns:
                self.lab.run(until_ns=now_ns + STEP_NS)     # the last acknowledgement
                return self.received
            self.lab.run(until_ns=max(now_ns, min(self.lab.next_ns() or now_ns, until_ns)) + STEP_NS)

    def close(self):
        """End both hosts and give the memory back."""
        self.lab.close()
        self.device.close()


def _send_in(pair, mode, buffer, file):
    """Send the whole of the device's memory in one way; gives the number of calls."""
    length, sends = len(pair.device), 0
    for at in range(0, length, CHUNK):
        count, done = min(CHUNK, length - at), 0
        if mode != "devmem":
            staged_copy(memory(), buffer.start + at, pair.device.start + at, count, pair.sender.ledger, DEVICE_TO_HOST)
        while done < count:
            pieces = buffer.octets[at + done:at + count] if buffer else None
            try:
                if mode == "devmem":
                    done += pair.send([(at + done, count - done)])
                elif mode == "zerocopy":
                    done += pair.conn.sendmsg([pieces], (), MSG_ZEROCOPY)
                elif mode == "sendfile":
                    done += pair.sender.sendfile(pair.conn, file, at + done, count - done)
                else:
                    done += pair.conn.send(pieces)
                sends += 1
            except BlockingIOError:
                pair.hear(len(pair.received) + 1)
    return sends


def compare_senders(size="256KiB", mtu=9000, modes=MODES, lose=()):
    """Send the same octets in every way and say how often each was copied.

    Parameters
    ----------
    size : int or str
        Octets of device memory.
    mtu : int
        Largest IP packet.
    modes : sequence of str
        Some of `MODES`.
    lose : collection of int
        Data frames that the wire loses, the same for every way.

    Returns
    -------
    result : SendResult
        Rows in the order of `modes`; the same for the same arguments, always.

    Raises
    ------
    ValueError
        A mode that does not exist.
    """
    rows, size = [], parse_size(size)
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
        pair = SendPair(size, mtu, lose)
        file = pair.sender.memfd_create("file", length=size) if mode == "sendfile" else None
        buffer = None
        if mode != "devmem":
            buffer = pair.sender.fds.get(file).file.region if file is not None else host_memory(size, "the program's buffer")
        sends = _send_in(pair, mode, buffer, file)
        whole = hashlib.sha256(pair.hear(size)).digest() == hashlib.sha256(pair.device.octets[:size]).digest()
        told = pair.sender.completions(pair.conn)
        ledger = pair.sender.ledger
        stages = {name: (int(ledger[k].length), int(ledger[k].copies)) for k, name in enumerate(NAMES)
                  if ledger[k].copies and STAGES[name][1] == "payload"}
        pair.sender.audit()
        rows.append(SendRow(mode, size, copied_per_payload(ledger, size), stages, sends,
                            sum(one.last - one.first + 1 for one in told), any(one.copied for one in told), whole))
        pair.close()
    return SendResult(rows)
