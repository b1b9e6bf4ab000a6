"""Which addresses are ours.

Law.   A packet for somebody else stops here; TCP sees only what is addressed to this host.
Reads. Linux net/ipv4/route.c (local delivery) for the question, not the machinery.
Omits. Routing and forwarding.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema

ADDRESS = schema("ip_version", "addr_hi", "addr_lo", "ifindex")


@kernel(forceinline=True)
def address_is_ours(addresses, pkt):
    """Tell whether a packet is for this host.

    Parameters
    ----------
    addresses : ADDRESS[n]
        Rows with ``ip_version`` 0 are unused.
    pkt : PKT
        Parsed headers.

    Returns
    -------
    ours : bool
        True when its destination is one of the addresses.
    """
    for i in range(len(addresses)):
        row = addresses[i]
        if row.ip_version == pkt.ip_version and row.addr_lo == pkt.daddr_lo and row.addr_hi == pkt.daddr_hi:
            return True
    return False
