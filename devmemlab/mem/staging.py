"""Staged memory: device memory whose bytes live elsewhere, behind a copy in the address space that a simulated NIC can reach.

Law.   What a NIC wrote is brought to the device when a program is told of it; what a NIC shall read is fetched when it is sent.
Reads. Nothing of Linux: a real NIC reaches device memory itself, and no such copies are made.
Omits. io_uring areas of such memory: their completions bring nothing to the device; call ``arrived`` for what they name.

The floors above know no GPU. A class that has one inherits from `StagedMemory`; a host asks its `Mem` whether any dmabuf is
of that kind, which costs one look at an empty dict where none is.
"""

import abc

import numpy as np

from devmemlab.mem.region import DeviceMemory


class StagedMemory(DeviceMemory, abc.ABC):
    """A region that is only the staging of a device's memory: same offsets, other bytes.

    Parameters
    ----------
    nbytes : int or str
        Size.
    name : str
        For people.
    **options
        See `devmemlab.mem.region.Region`.
    """

    @abc.abstractmethod
    def arrived(self, offsets, lengths, ledger=None):
        """Bring pieces from staging to the device; it need not have happened on return, only before the device reads.

        Parameters
        ----------
        offsets, lengths : int64[n]
            The pieces.
        ledger : LEDGER[n_stage], optional
            Counts them.
        """

    @abc.abstractmethod
    def leaving(self, offsets, lengths, ledger=None):
        """Bring pieces from the device to staging; done on return.

        Parameters
        ----------
        offsets, lengths : int64[n]
            The pieces.
        ledger : LEDGER[n_stage], optional
            Counts them.
        """

    @abc.abstractmethod
    def gather_pieces(self, pieces, target, target_offset, mode, ledger):
        """Bring scattered pieces into one stretch, on the device.

        Parameters
        ----------
        pieces : PIECE[count]
            Offsets and lengths, checked.
        target : StagedMemory
            Where the stretch is.
        target_offset : int
            Where it begins.
        mode : str
            See `devmemlab.lab.gather`.
        ledger : LEDGER[n_stage]
            Counts it.
        """


class StagedDmabufs:
    """The part of `Mem` that knows which dmabufs are of staged memory.

    Attributes
    ----------
    staged : dict of int to StagedMemory
        By row of the dmabuf.
    """

    def staged_of(self, dmabuf_id):
        """Find the staged memory behind a binding.

        Parameters
        ----------
        dmabuf_id : int
            As control messages have it.

        Returns
        -------
        region : StagedMemory or None
            None when the binding has other memory, or there is none of that id.
        """
        bindings = self.providers.binding
        rows = np.flatnonzero((bindings.id == dmabuf_id) & (bindings.kind != 0))
        return self.staged.get(int(bindings.dmabuf[rows[0]])) if len(rows) else None

    def staged_arrived(self, pieces, ledger):
        """Tell staged memories what a recvmsg has handed out.

        Parameters
        ----------
        pieces : recarray of FRAG_DTYPE
            Records; those of host bytes have dmabuf_id 0 and are nobody's.
        ledger : LEDGER[n_stage]
            Of the host.
        """
        for dmabuf_id in set(pieces.dmabuf_id.tolist()) - {0}:
            region = self.staged_of(dmabuf_id)
            if region is not None:
                mine = pieces[pieces.dmabuf_id == dmabuf_id]
                region.arrived(mine.frag_offset.astype(np.int64), mine.frag_size.astype(np.int64), ledger)

    def staged_leaving(self, dmabuf_id, pieces, ledger):
        """Tell the staged memory behind a binding what is about to be sent.

        Parameters
        ----------
        dmabuf_id : int
            Of the send.
        pieces : sequence of (int, int)
            Offset and length of each; the kernel has not looked at them yet.
        ledger : LEDGER[n_stage]
            Of the host.
        """
        region = self.staged_of(dmabuf_id)
        if region is not None:
            inside = [(at, length) for at, length in pieces if 0 <= at and 0 < length and at + length <= region.length]
            offsets, lengths = np.array(inside, np.int64).reshape(-1, 2).T
            region.leaving(offsets, lengths, ledger)
