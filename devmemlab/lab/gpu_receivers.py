"""Receivers with a GPU: the stream ends in its memory, by way of tokens or by way of the program.

Law.   Both ways receive the same frames through the same machine and overlap their copies with receiving.
Reads. `devmemlab.lab.receivers`; CUDA's rules of when a copy is asynchronous.
Omits. What a driver copies by itself of memory that is not page-locked: the ledger sees the program's copies.

======================  ==========================================================================================
mode                    copies of a payload octet
======================  ==========================================================================================
``devmem``              NIC to staging; staging to GPU (STAGED_DMA, which a real NIC would not need)
``host_copy``           NIC to host pages, pages to a page-locked buffer (recv), that to the GPU, started at once
``host_copy_pageable``  the same from an ordinary buffer, which the driver stages
======================  ==========================================================================================
"""

import time

from devmemlab.base.units import parse_size
from devmemlab.cuda.memory import DeviceMemory
from devmemlab.lab.receivers import DevmemReceiver, Receiver
from devmemlab.mem.region import host_memory


class _OnGpu(Receiver):
    """What receivers with a GPU share: its memory, digests of what is in it, and the wall clock.

    A GPU copies while this thread waits for it, so that the thread's own time would leave out what is to be measured.
    """

    stopwatch = staticmethod(time.perf_counter_ns)

    def make_device(self, nbytes):
        """Make memory of the GPU.

        Parameters
        ----------
        nbytes : int or str
            Size.

        Returns
        -------
        device : devmemlab.cuda.DeviceMemory
            On the GPU.
        """
        return DeviceMemory(nbytes)

    def look(self, *pieces):
        """Digest pieces of the GPU's memory.

        Parameters
        ----------
        *pieces : tuple of int
            (address of staging, length) in the order of the stream.
        """
        if self.digest is None:
            return
        started = self.stopwatch()
        for address, length in pieces:
            self.digest.update(self.device.read(address - self.device.start, length))
        self.checking_ns += self.stopwatch() - started


class GpuDevmemReceiver(_OnGpu, DevmemReceiver):
    """Payload goes to the GPU's memory; the program gets tokens. Parameters as of `DevmemReceiver`."""

    def drain(self, conn, limit=None):
        """Receive tokens, return them, and wait for the last copies.

        Parameters
        ----------
        conn : Socket
            Accepted connection.
        limit : int, optional
            See `Receiver.drain`.
        """
        super().drain(conn, limit)
        self.device.flush()


class GpuHostCopyReceiver(_OnGpu):
    """Payload goes to host pages, to a buffer of the program, and from there to the GPU while more is received.

    Parameters
    ----------
    host : Host
        The receiving host.
    app_buffer : int or str
        The program's buffer; when it is full, what was started is waited for, and it is filled again.
    pageable : bool
        True: ordinary memory. False: page-locked, the staging that the GPU memory has anyway.
    check : bool
        See `Receiver`.
    """

    def __init__(self, host, app_buffer, pageable=False, check=False):
        super().__init__(host, check)
        host.ethtool(host.netdev.name).set_rings(tcp_data_split="on", hds_thresh=0)
        self.device = self.make_device(app_buffer)
        self.buffer = host_memory(parse_size(app_buffer), "program's buffer") if pageable else self.device

    def drain(self, conn, limit=None):
        """Receive octets, and start copying each lot as it comes.

        Parameters
        ----------
        conn : Socket
            Accepted connection.
        limit : int, optional
            See `Receiver.drain`.
        """
        filled, before, octets = 0, self.octets, self.buffer.octets
        while limit is None or self.octets - before < limit:
            got = conn.recv_region(self.buffer, filled, self.buffer.length - filled)
            if got == 0:
                break
            self.device.copy_in(octets[filled:filled + got], filled, self.host.ledger)
            filled += got
            self.octets += got
            if filled == self.buffer.length:
                self._finish(filled)
                filled = 0
        self._finish(filled)

    def _finish(self, length):
        """Wait for the copies of a buffer."""
        self.device.flush()
        self.look((self.device.start, length))

    def close(self):
        """Free the buffer and the GPU's memory."""
        for region in {self.buffer, self.device}:
            region.close()


def make_gpu_receiver(mode, host, flow, dmabuf_bytes, app_buffer, check=False):
    """Make the receiver of a mode, with a GPU.

    Parameters
    ----------
    mode : str
        ``"devmem"``, ``"host_copy"`` or ``"host_copy_pageable"``.
    host : Host
        The receiving host.
    flow : Flow
        What it will receive.
    dmabuf_bytes, app_buffer : int or str
        See `devmemlab.lab.receivers`.
    check : bool
        See `Receiver`.

    Returns
    -------
    receiver : Receiver
        Ready for ``drain``.

    Raises
    ------
    ValueError
        No such mode.
    """
    if mode == "devmem":
        return GpuDevmemReceiver(host, dmabuf_bytes, flow, check)
    if mode in ("host_copy", "host_copy_pageable"):
        return GpuHostCopyReceiver(host, app_buffer, mode == "host_copy_pageable", check)
    raise ValueError(f"no receiver with a GPU for mode {mode!r}")
