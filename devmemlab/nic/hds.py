"""Header split: where a frame is cut.

Law.   Headers end exactly at the first data octet of TCP; what cannot be cut there is not cut.
Reads. Linux Documentation/networking/ethtool-netlink.rst (tcp-data-split, hds-thresh); gve_rx_dqo.c.
Omits. Cutting inside tunnels: the split point of the spec is that of plain TCP. What another IP, GRE or UDP header carries is
       not TCP here, so such a frame is steered by its outer addresses and not cut.

==========================================  =============================================
frame                                       outcome
==========================================  =============================================
split off, or not TCP, or a fragment        whole frame into buffers
payload not larger than ``hds_thresh`` > 0  whole frame into buffers
headers longer than the header buffer       whole frame into buffers (header overflow)
otherwise                                   headers to the header buffer, payload to buffers
==========================================  =============================================

VLAN tags (one or two), IPv4 options, IPv6 extension headers and TCP options belong to the headers. Where "whole frame
into buffers" would put headers into device memory, nothing is written: the driver gets an empty completion and drops it.
"""

from devmemlab.base.kernel import kernel

HDS_UNKNOWN, HDS_DISABLED, HDS_ENABLED = 0, 1, 2
MISS_NAMES = ("split", "split is off", "not TCP", "at or below hds-thresh", "header overflow")
SPLIT, MISS_OFF, MISS_NOT_TCP, MISS_THRESH, MISS_OVERFLOW = range(len(MISS_NAMES))
TCP = 6


@kernel(forceinline=True)
def hds_decide(pkt, parsed, hds, hds_thresh, header_buffer_bytes):
    """Decide whether to cut a frame.

    Parameters
    ----------
    pkt : PKT
        Parsed headers.
    parsed : int64
        0 when parsing succeeded, else -errno.
    hds : int64
        ``HDS_ENABLED`` or not.
    hds_thresh : int64
        Payloads larger than this are cut, octets.
    header_buffer_bytes : int64
        Room for headers, octets.

    Returns
    -------
    outcome : int64
        ``SPLIT`` or one of the ``MISS_`` reasons.
    """
    if hds != HDS_ENABLED:
        return MISS_OFF
    if parsed != 0 or pkt.ip_proto != TCP or pkt.frag != 0:
        return MISS_NOT_TCP
    if pkt.payload_bytes <= hds_thresh and hds_thresh > 0:
        return MISS_THRESH
    if pkt.header_bytes > header_buffer_bytes:
        return MISS_OVERFLOW
    return SPLIT
