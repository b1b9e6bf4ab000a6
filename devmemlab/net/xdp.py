"""XDP and AF_XDP: who else wants a queue's buffers, and why nobody may while a provider has them.

Law.   A program that reads packets and memory that the host cannot read exclude each other, whichever comes first.
Reads. Linux net/core/dev.c (dev_xdp_attach), net/xdp/xsk_buff_pool.c (xp_assign_dev); spec sections 10.3 to 10.5.
Omits. Running programs: an attached one lets every packet pass. AF_XDP rings: a registered pool only occupies its queue.
"""

from devmemlab.base.errno import EBUSY, EINVAL, EOPNOTSUPP
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.hds import HDS_ENABLED


class Xdp:
    """The part of a network device that XDP programs and AF_XDP sockets attach to."""

    def attach_xdp(self, multi_buffer=False):
        """Attach an XDP program, or replace the one that is there.

        Parameters
        ----------
        multi_buffer : bool
            Whether the program copes with packets in several buffers.

        Raises
        ------
        ProviderError
            EBUSY: header split is on and the program takes single buffers only, or some queue has a provider.
        """
        if self.mem.profile.hds_check and self.hds == HDS_ENABLED and not multi_buffer:
            raise ProviderError(EBUSY, "a single-buffer XDP program cannot run with tcp-data-split on",
                                "attach one that supports fragments, or turn tcp-data-split off")
        self._check_no_provider("an XDP program")
        self.xdp = "multi-buffer" if multi_buffer else "single-buffer"

    def detach_xdp(self):
        """Take the XDP program off again.

        Raises
        ------
        ProviderError
            EBUSY while some queue has a provider: the kernel does not look whether a program comes or goes.
            ``quirks["xdp_removal_guard"] = False`` does.
        """
        if self.xdp is None:
            return
        if self.quirks["xdp_removal_guard"]:
            self._check_no_provider("a change of XDP programs")
        self.xdp = None

    def _check_no_provider(self, what):
        """Check that no queue has a provider, where the release looks.

        Parameters
        ----------
        what : str
            What it would exclude.

        Raises
        ------
        ProviderError
            EBUSY.
        """
        if self.mem.profile.provider_guard and self.providers:
            raise ProviderError(EBUSY, f"{what} is impossible while the device uses a memory provider",
                                f"queues {', '.join(map(str, sorted(self.providers)))} do; unbind them first")

    def register_xsk_pool(self, queue, zero_copy=True, force=False):
        """Give a queue to an AF_XDP socket.

        Parameters
        ----------
        queue : int
            Index within this device.
        zero_copy : bool
            False: copy mode was asked for.
        force : bool
            True: zero copy or nothing; False: fall back to copy mode where zero copy is refused.

        Returns
        -------
        mode : str
            ``"zero-copy"`` or ``"copy"``.

        Raises
        ------
        ProviderError
            EINVAL no such queue; EBUSY the queue has a pool, or zero copy is forced while some queue has a provider; EOPNOTSUPP
            zero copy is forced on a driver that has none.
        """
        if not 0 <= queue < max(self.real_num_rx_queues, self.real_num_tx_queues):
            raise ProviderError(EINVAL, f"there is no queue {queue}",
                                f"{self.name} has queues 0 to {self.real_num_rx_queues - 1}")
        if queue in self.xsk_pools:
            raise ProviderError(EBUSY, f"queue {queue} has an AF_XDP pool already", "unregister it first")
        mode = "copy"
        if zero_copy:
            try:
                if not self.xsk_zero_copy:
                    raise ProviderError(EOPNOTSUPP, f"{self.name} has no zero copy for AF_XDP", "do not force it")
                self._check_no_provider("AF_XDP zero copy")
                mode = "zero-copy"
            except ProviderError:
                if force:
                    raise
        self.xsk_pools[queue] = mode
        return mode

    def unregister_xsk_pool(self, queue):
        """Take a queue back from its AF_XDP socket.

        Parameters
        ----------
        queue : int
            Index within this device; one without a pool is left alone.
        """
        self.xsk_pools.pop(queue, None)
