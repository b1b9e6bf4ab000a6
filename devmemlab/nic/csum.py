"""Receive checksum offload: what the NIC says about the sums of a frame, and what it leaves to the host.

Law.   The NIC never drops for a bad sum: it says "not verified", and who can read the payload looks again.
Reads. Linux include/linux/skbuff.h (checksumming of received packets); spec sections 12.2 and 13.3.
Omits. CHECKSUM_COMPLETE, sums of protocols other than TCP.

On a device memory queue nobody can look again, so a frame that is not verified here is lost there.

==================================  =========  ======================================
frame                               offload    verdict
==================================  =========  ======================================
from a virtual device, sum not yet  any        ``CSUM_GOOD``: it never crossed a wire
made (CSUM_PARTIAL)
the port vouches, or the sums are   on         ``CSUM_GOOD``
right
a sum is wrong                      on         ``CSUM_BAD``
any other, or not TCP               any        ``CSUM_NOT_SEEN``
==================================  =========  ======================================
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.wire.frame import verify_ipv4_csum, verify_tcp_csum
from devmemlab.wire.rows import CSUM_PARTIAL, CSUM_VERIFIED

CSUM_NOT_SEEN, CSUM_GOOD, CSUM_BAD = 0, 1, 2


@kernel(forceinline=True)
def rx_csum(wire, at, pkt, vouched, offload):
    """Verify the sums of a TCP frame.

    Parameters
    ----------
    wire : uint8[n]
        Frame octets.
    at : int64
        Where the frame starts.
    pkt : PKT
        Its parsed headers, a whole TCP segment.
    vouched : int64
        ``csum`` of the frame's row.
    offload : int64
        1 when rx-checksum is on.

    Returns
    -------
    verdict : int64
        ``CSUM_GOOD``, ``CSUM_BAD`` or ``CSUM_NOT_SEEN``.
    """
    if vouched == CSUM_PARTIAL:
        return np.int64(CSUM_GOOD)
    if offload == 0:
        return np.int64(CSUM_NOT_SEEN)
    if vouched == CSUM_VERIFIED:
        return np.int64(CSUM_GOOD)
    if verify_ipv4_csum(wire, at, pkt) and verify_tcp_csum(wire, at, pkt):
        return np.int64(CSUM_GOOD)
    return np.int64(CSUM_BAD)
