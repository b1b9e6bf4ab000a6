"""Channels: how many queues a device has.

Law.   No queue that something refers to can be taken away: a provider, an AF_XDP pool, an RSS table, a rule.
Reads. Linux net/ethtool/channels.c, net/ethtool/common.c (ethtool_check_max_channel); spec section 10.2.
Omits. Other channels (mailboxes, management), and interrupts of their own for RX and TX.
"""

from typing import NamedTuple

from devmemlab.base.errno import EINVAL
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.context_life import follow_channels, highest_queue


class ChannelCounts(NamedTuple):
    """How many channels of each kind.

    rx, tx : int
        Channels of one direction.
    combined : int
        Channels of both.
    """

    rx: int
    tx: int
    combined: int


class Channels:
    """The part of a network device that is set with ``ethtool -L``."""

    @property
    def channels(self):
        """Present counts; setting them changes how many queues the NIC uses, and RSS tables that nobody configured follow."""
        return self._channels

    @channels.setter
    def channels(self, counts):
        self._channels = counts
        self.ctl.queue_count = counts.rx + counts.combined
        self.ctl.tx_queue_count = counts.tx + counts.combined
        follow_channels(self.nics, self.nic, counts.rx + counts.combined)

    @property
    def real_num_rx_queues(self):
        """Active RX queues."""
        return int(self.ctl.queue_count)

    @property
    def real_num_tx_queues(self):
        """Active TX queues."""
        return self._channels.tx + self._channels.combined

    def get_channels(self):
        """Read the channel counts.

        Returns
        -------
        channels : dict
            ``rx``, ``tx``, ``combined`` and their maxima ``rx_max``, ``tx_max``, ``combined_max``.
        """
        limits = dict.fromkeys(("rx_max", "tx_max", "combined_max"), self.queues_max)
        return {**self._channels._asdict(), **limits}

    def set_channels(self, rx=None, tx=None, combined=None):
        """Change the channel counts.

        Parameters
        ----------
        rx, tx, combined : int, optional
            Channels of each kind.

        Raises
        ------
        ProviderError
            EINVAL above a maximum, without any RX or TX, or when a queue that is needed would go; errors of the rebuild. Nothing
            has changed then.

        References
        ----------
        Linux net/ethtool/channels.c, ethnl_set_channels().
        """
        wanted = {name: int(count) for name, count in (("rx", rx), ("tx", tx), ("combined", combined)) if count is not None}
        counts = self._channels._replace(**wanted)
        if counts == self._channels:
            return
        if min(counts) < 0 or max(counts) > self.queues_max:
            raise ProviderError(EINVAL, "requested channel count exceeds maximum",
                                f"rx {counts.rx}, tx {counts.tx}, combined {counts.combined}: 0 to {self.queues_max} each")
        if not counts.combined + counts.rx or not counts.combined + counts.tx:
            raise ProviderError(EINVAL, "requested channel counts would leave no RX or no TX channel", "keep one of each")
        self._check_needed(counts.combined + counts.rx)
        if max(counts.rx, counts.tx) + counts.combined > self.queues_max:
            raise ProviderError(EINVAL, f"{self.name} has {self.queues_max} queues of each direction",
                                f"combined {counts.combined} leaves {self.queues_max - counts.combined} for rx and tx")
        self.change(channels=counts)

    def _check_needed(self, count):
        """Check that nothing refers to a queue that would go.

        Parameters
        ----------
        count : int
            RX queues that stay.

        Raises
        ------
        ProviderError
            EINVAL.
        """
        why = "requested channel counts are too low for "
        table, rule = highest_queue(self.nics, self.nic)
        if count <= table:
            raise ProviderError(EINVAL, why + f"the indirection table, which names queue {table}", "set another one first")
        if count <= rule:
            raise ProviderError(EINVAL, why + f"an n-tuple rule, which names queue {rule}", "delete it first")
        if self.mem.profile.provider_guard and self.providers:
            highest = max(self.providers) + 1
            # The kernel compares a count with a count by "<=", so one queue more than necessary must stay (quirk Q6).
            if count < highest + int(self.quirks["channel_guard_counts"]):
                raise ProviderError(EINVAL, why + f"the memory provider of queue {highest - 1}",
                                    f"{highest + int(self.quirks['channel_guard_counts'])} RX queues must stay")
        if any(count <= queue < self.real_num_rx_queues for queue in self.xsk_pools):
            raise ProviderError(EINVAL, why + "AF_XDP sockets", "close those on higher queues first")
