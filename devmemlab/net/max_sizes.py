"""Sizes: how long a packet may be inside the stack, where the wire's limit does not count (BIG TCP).

Law.   A limit of the hardware is never exceeded; the limit of IPv4 follows that of IPv6 down to 64 KiB, and never up.
Reads. Linux net/core/dev.h (netif_set_gso_max_size, netif_set_gro_max_size), net/core/rtnetlink.c (validate_linkmsg).
Omits. Limits of stacked devices; writing the long headers out: an IP length above 65535 would be 0 in IPv4 and in IPv6, there
       with a jumbo option until 6.18, but a packet's headers are numbers here until the NIC has cut it.

=====================  ==============================================================================
gso_max_size           a packet to the NIC, headers included, IPv6; gso_ipv4_max_size: IPv4
gso_max_segs           frames that the NIC makes of it
gro_max_size           a packet that GRO makes is shorter than this, IP header included, IPv6
gro_ipv4_max_size      the same, IPv4
tso_max_size/segs      what the hardware can do
=====================  ==============================================================================
"""

from devmemlab.base.errno import EINVAL, ERANGE
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.tso import GSO_LEGACY_MAX_SIZE, MAX_TCP_HEADER, TSO_MAX_SEGS, TSO_MAX_SIZE

GRO_MAX_SIZE = 8 * 65535
SIZES = ("gso_max_size", "gso_max_segs", "gro_max_size", "gso_ipv4_max_size", "gro_ipv4_max_size")
FRESH = {name: TSO_MAX_SEGS if name == "gso_max_segs" else GSO_LEGACY_MAX_SIZE for name in SIZES}
"""What a new interface has."""
_MOST = {"gso_max_size": TSO_MAX_SIZE, "gso_max_segs": TSO_MAX_SEGS, "gro_max_size": GRO_MAX_SIZE,
         "gso_ipv4_max_size": TSO_MAX_SIZE, "gro_ipv4_max_size": GRO_MAX_SIZE}


class MaxSizes:
    """The part of a network device that is set with ``ip link set dev ... gro_max_size``."""

    def get_max_sizes(self):
        """Read the sizes.

        Returns
        -------
        sizes : dict of str to int
            By the names that ip-link(8) gives them, in the order in which it prints them.
        """
        own = {name: int(self.ctl[name]) for name in SIZES}
        return {"gso_max_size": own["gso_max_size"], "gso_max_segs": own["gso_max_segs"], "tso_max_size": TSO_MAX_SIZE,
                "tso_max_segs": TSO_MAX_SEGS, "gro_max_size": own["gro_max_size"],
                "gso_ipv4_max_size": own["gso_ipv4_max_size"], "gro_ipv4_max_size": own["gro_ipv4_max_size"]}

    def set_max_sizes(self, **sizes):
        """Change sizes; all of them, or none.

        Parameters
        ----------
        **sizes
            One or more of `SIZES`.

        Raises
        ------
        ProviderError
            ERANGE a packet to the NIC that would not even hold headers; EINVAL above what hardware or kernel can do.

        Notes
        -----
        A size of up to 65536 is that of IPv4 too; a larger one is for IPv6 only, and IPv4 keeps its own.
        """
        for name, value in sizes.items():
            if name.startswith("gso") and name.endswith("size") and value < MAX_TCP_HEADER + 1:
                raise ProviderError(ERANGE, "integer out of range", f"{name} is at least {MAX_TCP_HEADER + 1}")
            if not 0 <= value <= _MOST[name]:
                raise ProviderError(EINVAL, f"too big {name}", f"{self.name} takes up to {_MOST[name]}")
        for name in SIZES:
            if name in sizes:
                self.ctl[name] = sizes[name]
                ipv4 = name.replace("_max_size", "_ipv4_max_size")
                if ipv4 in SIZES and sizes[name] <= GSO_LEGACY_MAX_SIZE:
                    self.ctl[ipv4] = sizes[name]
