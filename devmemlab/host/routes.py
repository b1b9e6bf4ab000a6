"""Routes: which interface leads to an address, and whose MAC address goes on the frame.

Law.   A way is known or it is not: nothing is asked of the wire.
Reads. Linux net/ipv4/route.c, net/core/neighbour.c, as far as one hop goes.
Omits. ARP and neighbour discovery, prefixes, metrics.
"""

from devmemlab.wire.address import parse_address


class Routes:
    """The part of `devmemlab.host.host.Host` that knows the way.

    Attributes
    ----------
    neighbours : dict
        ``(version, high, low)`` of an address -> ``(nic, MAC address)``.
    gateway_mac : int or None
        Where everything else goes, through the first NIC.
    """

    def _no_routes(self, gateway_mac):
        """Begin without neighbours.

        Parameters
        ----------
        gateway_mac : int or None
            MAC address of the next hop for addresses that nobody named.
        """
        self.neighbours, self.gateway_mac = {}, gateway_mac

    def add_neighbour(self, address, mac, nic=0):
        """Note who has an address.

        Parameters
        ----------
        address : str
            IPv4 or IPv6.
        mac : int
            MAC address.
        nic : int
            The NIC that leads there.
        """
        self.neighbours[parse_address(address)] = nic, mac

    def route(self, address):
        """Find the way to an address.

        Parameters
        ----------
        address : str
            IPv4 or IPv6.

        Returns
        -------
        way : tuple of int, or None
            ``(nic, MAC address)``.
        """
        found = self.neighbours.get(parse_address(address))
        if found is None and self.gateway_mac is not None:
            found = 0, self.gateway_mac
        return found
