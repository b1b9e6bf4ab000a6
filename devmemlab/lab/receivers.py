"""Receivers: the same stream, received in the four ways that are compared.

Law.   Every receiver gets the same frames through the same NIC, page_pool and TCP; only what happens to payload differs.
Reads. Spec section 16; performance-anchors section 5.3.
Omits. mmap zero-copy receive and io_uring, two more ways that Linux has: `devmemlab.lab.mode_readers`.

========================  ===========================================================================
mode                      copies of a payload octet
========================  ===========================================================================
``devmem``                NIC to device memory
``host_copy``             NIC to host pages, pages to a pinned buffer (recv), pinned buffer to the device
``host_copy_pageable``    the same with one more: the user's buffer to a pinned staging buffer
``memcpy``                one plain copy of the same octets into the same device pages
========================  ===========================================================================
"""

import abc
import hashlib
from importlib import import_module

import numpy as np

from devmemlab.base.units import parse_size
from devmemlab.lab.accelerator import staged_copy
from devmemlab.lab.stopwatch import processor_ns
from devmemlab.mem.ledger import HOST_TO_DEVICE, PAGEABLE_COPY
from devmemlab.mem.region import DeviceMemory, host_memory, memory
from devmemlab.sock.token_batch import read_tokens
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, SCM_DEVMEM_LINEAR, frags

GPU = "gpu_"
MODES = ("devmem", "host_copy", "host_copy_pageable", "memcpy")
READ_BYTES = 1 << 26
CMSGS = 4096


class Receiver(abc.ABC):
    """What all receivers share: counters, and a digest taken while the stopwatch stands still.

    Parameters
    ----------
    host : Host
        The receiving host.
    check : bool
        Digest what arrives, in the memory where the accelerator would read it.

    Attributes
    ----------
    octets : int
        Payload received.
    tokens_issued, tokens_returned : int
        Devmem only.
    checking_ns : int
        Time spent on digests, to be left out of the measurement.
    stopwatch : callable
        What its time is measured with, ns: that of this thread, which does all the work.
    """

    stopwatch = staticmethod(processor_ns)

    def __init__(self, host, check=False):
        self.host = host
        self.digest = hashlib.sha256() if check else None
        self.octets = self.tokens_issued = self.tokens_returned = self.checking_ns = 0

    def make_device(self, nbytes):
        """Make the device's memory.

        Parameters
        ----------
        nbytes : int or str
            Size.

        Returns
        -------
        device : DeviceMemory
            Simulated; a receiver that has a GPU makes that one's.
        """
        return DeviceMemory(nbytes)

    def look(self, *pieces):
        """Digest pieces of memory.

        Parameters
        ----------
        *pieces : tuple of int
            (address, length) in the order of the stream.
        """
        if self.digest is None:
            return
        started = self.stopwatch()
        octets = memory()
        for address, length in pieces:
            self.digest.update(octets[address:address + length])
        self.checking_ns += self.stopwatch() - started

    @abc.abstractmethod
    def drain(self, conn, limit=None):
        """Receive a connection to its end.

        Parameters
        ----------
        conn : Socket
            Accepted connection.
        limit : int, optional
            Stop after this many octets instead: a capture may lack the end.
        """

    def close(self):
        """Give back the receiver's own memory."""


class DevmemReceiver(Receiver):
    """Payload goes to device memory; the program gets tokens.

    Parameters
    ----------
    host : Host
        The receiving host; its queue `queue` is bound here.
    dmabuf_bytes : int or str
        Device memory to bind.
    flow : Flow
        What to steer to the queue.
    check : bool
        See `Receiver`.
    queue : int
        RX queue to bind.
    """

    def __init__(self, host, dmabuf_bytes, flow, check=False, queue=1):
        super().__init__(host, check)
        self.device = self.make_device(dmabuf_bytes)
        nic = host.ethtool(host.netdev.name)
        nic.set_rings(tcp_data_split="on", hds_thresh=0)
        nic.set_rxfh_indir(equal=queue)
        nic.add_rule(flow_type="tcp6" if ":" in flow.dst else "tcp4", dst_port=flow.dport, queue=queue)
        self.fd = host.export(self.device)
        self.netlink = host.netlink("netdev")
        self.netlink.bind_rx({"ifindex": host.netdev.ifindex, "fd": self.fd, "queues": [{"type": "rx", "id": queue}]})

    def drain(self, conn, limit=None):
        """Receive tokens, use what they name, return them.

        Parameters
        ----------
        conn : Socket
            Accepted connection.
        limit : int, optional
            See `Receiver.drain`.
        """
        start, before = self.device.start, self.octets
        ids = np.empty(CMSGS, np.int64)
        while limit is None or self.octets - before < limit:
            data, ancdata, _, _ = conn.recvmsg(READ_BYTES, CMSG_SPACE(24) * CMSGS, MSG_SOCK_DEVMEM)
            if not ancdata.control:
                if not data:
                    return
                raise OSError(14, f"{len(data)} octets came as host data: steering missed the bound queue")
            if self.digest is not None:
                self._look_at(frags(ancdata), data, start)
            tokens, octets = read_tokens(np.frombuffer(ancdata.control, np.uint8), ids)
            self.tokens_issued += tokens
            self.octets += octets
            self.tokens_returned += self.host.dontneed_tokens(conn, ids[:tokens])

    def _look_at(self, pieces, data, start):
        if not data:
            self.look(*zip((start + pieces.frag_offset).tolist(), pieces.frag_size.tolist(), strict=True))
            return
        at = 0
        for piece in pieces:
            if piece.kind == SCM_DEVMEM_LINEAR:
                self.digest.update(data[at:at + int(piece.frag_size)])
                at += int(piece.frag_size)
            else:
                self.look((start + int(piece.frag_offset), int(piece.frag_size)))

    def close(self):
        """Unbind, close the dmabuf, free the device memory."""
        self.netlink.close()
        self.host.close(self.fd)
        self.device.close()


class HostCopyReceiver(Receiver):
    """Payload goes to host pages, from there to a buffer of the program, from there to the device.

    Parameters
    ----------
    host : Host
        The receiving host.
    app_buffer : int or str
        The program's buffer; it is copied to the device whenever it is full, and at the end.
    pageable : bool
        True: the buffer is ordinary memory, so a pinned staging buffer comes between it and the device.
    check : bool
        See `Receiver`.
    """

    STAGING = 1 << 22

    def __init__(self, host, app_buffer, pageable=False, check=False):
        super().__init__(host, check)
        size = parse_size(app_buffer)
        host.ethtool(host.netdev.name).set_rings(tcp_data_split="on", hds_thresh=0)
        self.buffer = host_memory(size, "program's buffer")
        self.staging = host_memory(min(size, self.STAGING), "staging buffer") if pageable else None
        self.device = self.make_device(size)

    def drain(self, conn, limit=None):
        """Receive octets and copy them to the device a buffer at a time.

        Parameters
        ----------
        conn : Socket
            Accepted connection.
        limit : int, optional
            See `Receiver.drain`.
        """
        filled, before = 0, self.octets
        while limit is None or self.octets - before < limit:
            got = conn.recv_region(self.buffer, filled, self.buffer.length - filled)
            if got == 0:
                break
            filled += got
            self.octets += got
            if filled == self.buffer.length:
                self._to_device(filled)
                filled = 0
        if filled:
            self._to_device(filled)

    def _to_device(self, length):
        octets, ledger = memory(), self.host.ledger
        if self.staging is None:
            staged_copy(octets, self.device.start, self.buffer.start, length, ledger, HOST_TO_DEVICE)
        else:
            for at in range(0, length, self.staging.length):
                part = min(self.staging.length, length - at)
                staged_copy(octets, self.staging.start, self.buffer.start + at, part, ledger, PAGEABLE_COPY)
                staged_copy(octets, self.device.start + at, self.staging.start, part, ledger, HOST_TO_DEVICE)
        self.look((self.device.start, length))

    def close(self):
        """Free the buffers and the device memory."""
        for region in (self.buffer, self.staging, self.device):
            if region is not None:
                region.close()


def make_receiver(mode, host, flow, dmabuf_bytes, app_buffer, check=False):
    """Make the receiver of a mode.

    Parameters
    ----------
    mode : str
        ``"devmem"``, ``"host_copy"`` or ``"host_copy_pageable"``; ``"gpu_"`` before it: with a GPU.
    host : Host
        The receiving host.
    flow : Flow
        What it will receive.
    dmabuf_bytes, app_buffer : int or str
        See the classes.
    check : bool
        See `Receiver`.

    Returns
    -------
    receiver : Receiver
        Ready for ``drain``.
    """
    if mode.startswith(GPU):
        make = import_module("devmemlab.lab.gpu_receivers").make_gpu_receiver
        return make(mode.removeprefix(GPU), host, flow, dmabuf_bytes, app_buffer, check)
    if mode == "devmem":
        return DevmemReceiver(host, dmabuf_bytes, flow, check)
    if mode in ("host_copy", "host_copy_pageable"):
        return HostCopyReceiver(host, app_buffer, mode == "host_copy_pageable", check)
    raise ValueError(f"no receiver for mode {mode!r}; there are {', '.join(MODES[:-1])}")
