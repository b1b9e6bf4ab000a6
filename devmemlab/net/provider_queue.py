"""Open and close: which queue gets its memory from which provider.

Law.   The stored provider decides what the next pool of a queue is made of; it is wiped before the queue leaves it.
Reads. Linux net/core/netdev_rx_queue.c (netif_mp_open_rxq, netif_mp_close_rxq); spec sections 8.3, 8.4, 10.5.
Omits. Leased queues of virtual devices.
"""

from devmemlab.base.errno import EBUSY, EEXIST, EINVAL, ENETDOWN, EOPNOTSUPP, ERANGE, name_of
from devmemlab.mem.netmem import PAGE_SHIFT, PAGE_SIZE
from devmemlab.net.queue_ops import default_config
from devmemlab.net.refusal import ProviderError, unsupported
from devmemlab.nic.hds import HDS_ENABLED


class ProviderQueues:
    """The part of a network device that puts queues on providers and takes them off again."""

    def open_provider(self, queue, binding, rx_page_size=None):
        """Put a queue on a binding.

        Parameters
        ----------
        queue : int
            Index within this device.
        binding : int
            Binding row.
        rx_page_size : int, optional
            Octets of a buffer; the binding's net_iov size when left out.

        Raises
        ------
        ProviderError
            In this order: EOPNOTSUPP no queue operations, ERANGE, EINVAL header split off, EINVAL threshold set, EEXIST an XDP
            program, EOPNOTSUPP no large buffers, EEXIST a provider, EBUSY an AF_XDP pool, the driver's objection, and what the
            restart answers. The queue is as it was.

        References
        ----------
        Linux net/core/netdev_rx_queue.c, netif_mp_open_rxq().
        """
        self._check_open(queue)
        size = rx_page_size or self._niov_bytes(binding)
        if size != PAGE_SIZE and not (self.mem.profile.rx_page_size and self.driver.rx_page_size):
            raise ProviderError(EOPNOTSUPP, f"{self.name} has no receive buffers of {size} bytes",
                                f"this kernel and driver have {PAGE_SIZE}")
        if queue in self.providers:
            raise ProviderError(EEXIST, "designated queue already memory provider bound",
                                "close the netlink socket that bound it first")
        if self.mem.profile.provider_guard and queue in self.xsk_pools:
            raise ProviderError(EBUSY, "designated queue already in use by AF_XDP", "unregister its pool first")
        self.providers[queue] = binding
        self.rx_page_sizes[queue] = size
        try:
            self.faults.check("validate_qcfg", queue)
            if self.driver.validate_qcfg is not None:
                self.driver.validate_qcfg(self, queue, default_config(self, queue))
            self.restart(queue, lambda: self._wipe(queue))
        except BaseException:
            self._wipe(queue)
            raise

    def _check_open(self, queue):
        """Check what does not depend on the provider, in the kernel's order.

        Parameters
        ----------
        queue : int
            Index within this device.

        Raises
        ------
        ProviderError
            See `open_provider`.
        """
        profile = self.mem.profile
        if not self.ops_locked:
            raise unsupported(self.name, "put a queue on a provider: it has no queue operations")
        if not 0 <= queue < self.real_num_rx_queues:
            raise ProviderError(ERANGE, "rx queue index out of range", f"{self.name} has {self.real_num_rx_queues}")
        if profile.hds_check and self.hds != HDS_ENABLED:
            raise ProviderError(EINVAL, "tcp-data-split is disabled", f"ethtool -G {self.name} tcp-data-split on")
        if profile.hds_check and self.hds_thresh != 0:
            raise ProviderError(EINVAL, "hds-thresh is not zero", f"ethtool -G {self.name} hds-thresh 0")
        if profile.provider_guard and self.xdp is not None:
            raise ProviderError(EEXIST, "a memory provider cannot be used on a device with an XDP program", "detach it first")

    def _niov_bytes(self, binding):
        """Tell how large the buffers of a binding are.

        Parameters
        ----------
        binding : int
            Binding row.

        Returns
        -------
        size : int
            Octets, at least a page.

        Raises
        ------
        ProviderError
            EINVAL: there is no such binding.
        """
        rows = self.mem.providers.binding
        if not 0 < binding < len(rows) or not rows[binding].live:
            raise ProviderError(EINVAL, f"{binding} is not a live binding", "mem.bind() or bind-rx makes one")
        return 1 << max(int(rows[binding].niov_shift), PAGE_SHIFT)

    def _wipe(self, queue):
        """Forget the provider of a queue and what it wanted.

        Parameters
        ----------
        queue : int
            Index within this device.
        """
        self.providers.pop(queue, None)
        self.rx_page_sizes.pop(queue, None)

    def close_provider(self, queue, binding):
        """Put a queue back on the host's pages.

        Parameters
        ----------
        queue : int
            Index within this device.
        binding : int
            The binding expected there; with another one, or none, a warning is logged and nothing happens.

        Notes
        -----
        A failing restart is logged, not raised: the provider is forgotten, and the queue may stay on its memory until the
        next restart. ENETDOWN is not worth a line.
        """
        stored = self.providers.get(queue)
        if queue >= self.real_num_rx_queues:
            self.mem.log.append(f"{self.name}: WARNING: rx queue {queue} to take off a provider is not active")
            return
        if stored is None and not self.registered:
            return
        if stored != binding:
            self.mem.log.append(f"{self.name}: WARNING: rx queue {queue} is on provider {stored}, not on {binding}")
            return
        self._wipe(queue)
        try:
            self.restart(queue)
        except OSError as err:
            if err.errno != ENETDOWN:
                self.mem.log.append(f"{self.name}: WARNING: rx queue {queue} could not leave its provider "
                                    f"({name_of(err.errno)}) and may stay on its memory")

    def uninstall(self, queue):
        """Tell the provider of a queue that the device is going away.

        Parameters
        ----------
        queue : int
            Index within this device; it has a provider.
        """
        binding = self.providers[queue]
        self._wipe(queue)
        if binding not in self.providers.values():
            self.mem.uninstall(binding)
