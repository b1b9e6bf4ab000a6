"""Rules of the ethtool face: ``ethtool -N`` and ``-n``.

Law.   What is refused here is refused for the kernel's reason, and nothing has changed.
Reads. ethtool(8), --config-nfc; spec section 11.2.
Omits. Rules on what is below IP.
"""

from devmemlab.nic.rules import insert_rule, make_rule, read_rule, read_rules, remove_rule


class RuleFace:
    """The part of `devmemlab.host.ethtool.Ethtool` about n-tuple rules."""

    def add_rule(self, flow_type, queue=0, src_ip=None, dst_ip=None, src_port=None, dst_port=None, location=None,
                 src_ip_mask=None, dst_ip_mask=None, src_port_mask=None, dst_port_mask=None, context=0):
        """Add an n-tuple rule (``ethtool -N``).

        Parameters
        ----------
        flow_type : {"tcp4", "tcp6", "udp4", "udp6", "ip4", "ip6"}
            Protocol.
        queue : int
            Where matching packets go; -1 drops them.
        src_ip, dst_ip : str, optional
            Addresses to match; ``"10.0.0.0/8"`` is an address with a mask.
        src_port, dst_port : int, optional
            Ports to match.
        location : int, optional
            Place in the table: the lowest that matches wins. The first free one when left out; a rule that is there is
            replaced.
        src_ip_mask, dst_ip_mask : str, optional
            Bits to compare; all when left out. (The command line's ``m`` has ones where bits are ignored.)
        src_port_mask, dst_port_mask : int, optional
            Bits to compare; all when left out.
        context : int
            RSS context that chooses the queue, instead of `queue`.

        Returns
        -------
        location : int
            The rule's id.

        Raises
        ------
        OSError
            EINVAL for an impossible queue, type, field or context, EOPNOTSUPP when the feature is off or the device has no
            such rules, ENOSPC when the table is full.
        """
        row, narrow = make_rule(flow_type, queue, src_ip, dst_ip, src_port, dst_port, src_ip_mask, dst_ip_mask, src_port_mask,
                                dst_port_mask, context)
        return insert_rule(self.netdev.nics, self.netdev.nic, row, narrow, location)

    def delete_rule(self, location):
        """Delete an n-tuple rule.

        Parameters
        ----------
        location : int
            The rule's id.
        """
        remove_rule(self.netdev.nics, self.netdev.nic, location)

    def get_rule(self, location):
        """Read one rule (``ethtool -n eth1 rule N``).

        Parameters
        ----------
        location : int
            The rule's id.

        Returns
        -------
        rule : dict
            In the words of `add_rule`.
        """
        return read_rule(self.netdev.nics, self.netdev.nic, location)

    def get_rules(self):
        """Read every rule (``ethtool -n``).

        Returns
        -------
        rules : list of dict
            In the words of `add_rule`, so that ``add_rule(**rule)`` makes each again; by location.
        """
        return read_rules(self.netdev.nics, self.netdev.nic)
