"""The ethtool face: how an administrator configures an interface.

Law.   What is refused here is refused for the kernel's reason, and nothing has changed.
Reads. Linux net/ethtool/*.c; ethtool(8) for the names.
Omits. Channels, features, contexts, statistics by their driver names; command lines.
"""

from devmemlab.base.errno import EINVAL, ENOENT, ENOSPC, error
from devmemlab.net.netdev import HDS_NAMES
from devmemlab.nic.device import INDIR_SIZE, MAX_RULES
from devmemlab.wire.address import parse_address

_VERSIONS = {"tcp4": 4, "tcp6": 6}


class Ethtool:
    """Configuration of one interface. Made by ``host.ethtool(ifname)``.

    Parameters
    ----------
    netdev : Netdev
        The interface.
    poke : callable
        Called when pools were replaced: the old ones wait for their last buffers.
    """

    def __init__(self, netdev, poke):
        self.netdev, self.poke = netdev, poke

    def get_rings(self):
        """Read the ring configuration.

        Returns
        -------
        rings : dict
            ``rx``, ``rx_max``, ``tcp_data_split`` (``"auto"``, ``"off"``, ``"on"``), ``hds_thresh``.
        """
        names = {number: name for name, number in HDS_NAMES.items() if name != "unknown"}
        return {"rx": self.netdev.rx_ring, "rx_max": self.netdev.rings_max, "tcp_data_split": names[self.netdev.hds],
                "hds_thresh": self.netdev.hds_thresh}

    def set_rings(self, rx=None, tcp_data_split=None, hds_thresh=None):
        """Change the ring configuration (``ethtool -G``).

        Parameters
        ----------
        rx : int, optional
            Descriptors in each RX ring.
        tcp_data_split : {"on", "off", "auto"}, optional
            Header split.
        hds_thresh : int, optional
            Payloads larger than this are split, octets.
        """
        self.netdev.set_rings(rx=rx, tcp_data_split=tcp_data_split, hds_thresh=hds_thresh)
        self.poke()

    def set_rxfh_indir(self, equal=None, default=False, table=None):
        """Change the indirection table (``ethtool -X``).

        Parameters
        ----------
        equal : int, optional
            Spread over the first this many queues.
        default : bool
            Spread over all queues.
        table : sequence of int, optional
            Queue by entry; repeated until the table is full.
        """
        queues = self.netdev.real_num_rx_queues
        if default:
            equal = queues
        if table is None:
            if equal is None or not 1 <= equal <= queues:
                raise error(EINVAL, f"equal {equal}: 1 to {queues} queues are possible")
            table = range(equal)
        table = list(table)
        if not table or INDIR_SIZE % len(table) and equal is None or any(not 0 <= q < queues for q in table):
            raise error(EINVAL, f"a table of {len(table)} entries: its length must divide {INDIR_SIZE} and its queues be below "
                                f"{queues}")
        for i in range(INDIR_SIZE):
            self.netdev.nics.indir[self.netdev.nic, i].entry = table[i % len(table)]

    def get_rxfh_indir(self):
        """Read the indirection table.

        Returns
        -------
        table : list of int
            Queue by entry.
        """
        return [int(row.entry) for row in self.netdev.nics.indir[self.netdev.nic]]

    def add_rule(self, flow_type, queue, src_ip=None, dst_ip=None, src_port=None, dst_port=None, location=None):
        """Add an n-tuple rule (``ethtool -N``).

        Parameters
        ----------
        flow_type : {"tcp4", "tcp6"}
            Protocol.
        queue : int
            Where matching packets go.
        src_ip, dst_ip : str, optional
            Addresses to match.
        src_port, dst_port : int, optional
            Ports to match.
        location : int, optional
            Place in the table; the first free one when left out.

        Returns
        -------
        location : int
            The rule's id.

        Raises
        ------
        OSError
            EINVAL for an impossible queue or type, ENOSPC when the table is full.
        """
        if flow_type not in _VERSIONS:
            raise error(EINVAL, f"flow type {flow_type!r}: tcp4 and tcp6 are possible")
        if not 0 <= queue < self.netdev.real_num_rx_queues:
            raise error(EINVAL, f"queue {queue} of {self.netdev.real_num_rx_queues}")
        rules = self.netdev.nics.rule[self.netdev.nic]
        if location is None:
            location = next((i for i in range(MAX_RULES) if not rules[i].active), -1)
        if not 0 <= location < MAX_RULES:
            raise error(ENOSPC, f"all {MAX_RULES} rules are in use; delete one")
        new = dict.fromkeys(rules.dtype.names, 0)
        new.update(active=1, ip_version=_VERSIONS[flow_type], queue=queue)
        for side, text in (("saddr", src_ip), ("daddr", dst_ip)):
            if text is not None:
                version, high, low = parse_address(text)
                if version != new["ip_version"]:
                    raise error(EINVAL, f"{text} is no address for {flow_type}")
                new.update({f"match_{side}": 1, f"{side}_hi": high, f"{side}_lo": low})
        for side, port in (("sport", src_port), ("dport", dst_port)):
            if port is not None:
                new.update({f"match_{side}": 1, side: int(port)})
        ctl = self.netdev.ctl
        ctl.rule_count += 1 - rules[location].active
        rules[location] = tuple(new.values())
        return location

    def delete_rule(self, location):
        """Delete an n-tuple rule.

        Parameters
        ----------
        location : int
            The rule's id.
        """
        rules = self.netdev.nics.rule[self.netdev.nic]
        if not 0 <= location < MAX_RULES or not rules[location].active:
            raise error(ENOENT, f"there is no rule {location}")
        rules[location].active = 0
        self.netdev.ctl.rule_count -= 1
