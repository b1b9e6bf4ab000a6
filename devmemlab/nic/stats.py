"""Statistics of queues, by the names that the kernel and the gve driver give them.

Law.   Every figure is a counter of a table; nothing is counted twice to be shown.
Reads. Linux Documentation/netlink/specs/netdev.yaml (qstats), drivers/net/ethernet/google/gve/gve_ethtool.c.
Omits. XDP; watchdogs of transmission (tx_timeouts).
"""

QSTATS = {
    "rx-packets": "rx_packets", "rx-bytes": "rx_bytes", "rx-alloc-fail": "rx_buf_alloc_fail", "rx-hw-drops": "rx_hw_drops",
    "rx-hw-drop-overruns": "rx_hw_drop_overruns", "rx-csum-unnecessary": "rx_csum_unnecessary",
    "rx-csum-none": "rx_csum_none", "rx-csum-bad": "rx_csum_bad", "rx-hw-gro-packets": "rx_hw_gro_packets",
    "rx-hw-gro-bytes": "rx_hw_gro_bytes", "rx-hw-gro-wire-packets": "rx_hw_gro_wire_packets",
    "rx-hw-gro-wire-bytes": "rx_hw_gro_wire_bytes",
}
"""Attribute of a netdev-genl queue statistic -> field of the queue's row."""

TX_QSTATS = {
    "tx-packets": "tx_packets", "tx-bytes": "tx_bytes", "tx-needs-csum": "tx_packets",
    "tx-hw-gso-packets": "tx_hw_gso_packets", "tx-hw-gso-bytes": "tx_hw_gso_bytes",
    "tx-hw-gso-wire-packets": "tx_hw_gso_wire_packets", "tx-hw-gso-wire-bytes": "tx_hw_gso_wire_bytes",
    "tx-stop": "tx_stop", "tx-wake": "tx_wake",
}
"""The same of a TX ring; the NIC makes the sums of all it sends."""
GVE_TX_RING = {"tx_posted_desc": "post", "tx_completed_desc": "complete", "tx_consumed_desc": "clean", "tx_bytes": "tx_bytes",
               "tx_wake": "tx_wake", "tx_stop": "tx_stop"}
GVE_RING = {
    "rx_posted_desc": "post", "rx_completed_desc": "complete", "rx_consumed_desc": "clean", "rx_bytes": "rx_bytes",
    "rx_hsplit_bytes": "rx_hsplit_bytes", "rx_cont_packet_cnt": "rx_cont_packet_cnt", "rx_frag_alloc_cnt": "rx_frag_alloc_cnt",
    "rx_dropped_pkt": "rx_dropped_pkt", "rx_copybreak_pkt": "rx_copybreak_pkt", "rx_copied_pkt": "rx_copied_pkt",
}
GVE_SUMS = ("rx_hsplit_unsplit_pkt", "rx_skb_alloc_fail", "rx_buf_alloc_fail", "rx_desc_err_dropped_pkt")


def qstats(rxqs, row):
    """Read the statistics of one queue as ``qstats-get`` names them.

    Parameters
    ----------
    rxqs : RxQueues
        Not changed.
    row : int
        Row of the queue.

    Returns
    -------
    stats : dict of str to int
        Every name of `QSTATS`.
    """
    return {name: int(rxqs.ctl[row][field]) for name, field in QSTATS.items()}


def tx_qstats(rings, row):
    """Read the statistics of one TX queue as ``qstats-get`` names them.

    Parameters
    ----------
    rings : TxRings
        Not changed.
    row : int
        Row of the queue.

    Returns
    -------
    stats : dict of str to int
        Every name of `TX_QSTATS`.
    """
    return {name: int(rings.ctl[row][field]) for name, field in TX_QSTATS.items()}


def gve_stats(nics, rxqs, nic):
    """Read the receive statistics of a NIC as ``ethtool -S`` shows them for gve.

    Parameters
    ----------
    nics : Nics
        Not changed.
    rxqs : RxQueues
        Not changed.
    nic : int
        Which NIC.

    Returns
    -------
    stats : dict of str to int
        Those of the NIC, then those of each queue as ``name[queue]``. ``rx_hsplit_pkt`` counts what the NIC flagged as
        split, unsplit packets included, as the driver does.
    """
    ctl = nics.ctl[nic]
    rows = rxqs.ctl[ctl.first_queue:ctl.first_queue + ctl.queue_count]
    stats = {name: int(ctl[name]) for name in ("rx_packets", "rx_bytes", "rx_dropped")}
    stats["rx_hsplit_pkt"] = int(rows.rx_hsplit_pkt.sum() + rows.rx_hsplit_unsplit_pkt.sum())
    stats.update({name: int(rows[name].sum()) for name in GVE_SUMS})
    for k, row in enumerate(rows):
        stats.update({f"{name}[{k}]": int(row[field]) for name, field in GVE_RING.items()})
    return stats
