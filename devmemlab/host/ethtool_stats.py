"""Statistics and driver information of the ethtool face: ``ethtool -S`` and ``-i``.

Law.   Every counter here is a field of a table, under the name that drivers give it.
Reads. Linux drivers/net/ethernet/google/gve/gve_ethtool.c for the names; spec section 12.2.
Omits. Standard statistics groups (MAC, PHY, RMON).
"""

from devmemlab import __version__
from devmemlab.host.counter_table import Statistics
from devmemlab.mem.pool_stats import STAT_NAMES
from devmemlab.nic.device import DROP_REASONS
from devmemlab.nic.stats import GVE_TX_RING

DEVICE = ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_dropped", "tx_dropped")
QUEUE = {"rx_packets": "rx_packets", "rx_bytes": "rx_bytes", "rx_posted_desc": "post", "rx_completed_desc": "complete",
         "rx_consumed_desc": "clean", "rx_dropped_pkt": "rx_dropped_pkt"}
"""Statistic of a queue -> field of its row, where the two differ in name or place."""
SKIPPED = {"rx_dropped_octets"}
TX_MORE = ("tx_packets", "tx_header_bytes", "tx_hw_gso_packets", "tx_hw_gso_bytes", "tx_hw_gso_wire_packets",
           "tx_hw_gso_wire_bytes")


class StatsFace:
    """The part of `devmemlab.host.ethtool.Ethtool` that only reads."""

    def get_stats(self):
        """Read the statistics (``ethtool -S``).

        Returns
        -------
        stats : Statistics
            A dict, which prints as ``ethtool -S`` does without zeros: the device's counters, its drops by reason, those of each
            queue as ``name[queue]``, and of its page_pools together.
        """
        netdev = self.netdev
        stats = {name: int(netdev.ctl[name]) for name in DEVICE}
        queues = range(netdev.real_num_rx_queues)
        rows = [netdev.rxqs.ctl[netdev.row_of(queue)] for queue in queues]
        more = [name for name in netdev.rxqs.ctl.dtype.names
                if name.startswith("rx_") and name not in QUEUE and name not in SKIPPED]
        for name in ("rx_hsplit_pkt", "rx_hsplit_unsplit_pkt", "rx_hsplit_bytes"):
            stats[name] = sum(int(row[name]) for row in rows)
        for number, reason in enumerate(DROP_REASONS):
            packets = int(netdev.nics.drop[netdev.nic, number].packets)
            if number and packets:
                stats[f"rx_drop: {reason}"] = packets
        for queue, row in zip(queues, rows):
            for name, field in (*QUEUE.items(), *((name, name) for name in more)):
                stats[f"{name}[{queue}]"] = int(row[field])
        for queue in range(netdev.real_num_tx_queues if netdev.rings else 0):
            ring = netdev.rings.ctl[netdev.row_of(queue)]
            for name, field in (*GVE_TX_RING.items(), ("tx_doorbells", "doorbells"), *((name, name) for name in TX_MORE)):
                stats[f"{name}[{queue}]"] = int(ring[field])
        return Statistics(stats | self._pool_stats([int(row.pool) for row in rows]))

    def _pool_stats(self, pools):
        """Sum the page_pool statistics of the queues, as drivers do; empty where the kernel was built without them."""
        if not self.netdev.mem.profile.page_pool_stats:
            return {}
        rows = [self.netdev.mem.pools.ctl[pool] for pool in pools if pool >= 0]
        return {names[1]: sum(int(row[field]) for row in rows) for field, names in STAT_NAMES.items()}

    def get_driver(self):
        """Read the driver's names (``ethtool -i``).

        Returns
        -------
        driver : dict of str to str
            As ``ethtool -i`` prints them.
        """
        yes = {"supports-statistics": "yes", "supports-test": "no", "supports-eeprom-access": "no",
               "supports-register-dump": "no", "supports-priv-flags": "no"}
        return {"driver": "devmemlab", "version": __version__, "firmware-version": "", "expansion-rom-version": "",
                "bus-info": f"simulated:{self.netdev.nic}", **yes}
