"""Poll: the packets of one queue, from completions to TCP.

Law.   A packet reaches TCP with its headers pulled off and its padding cut, or is freed and counted.
Reads. Linux net/core/dev.c (net_rx_action, __netif_receive_skb_core), net/ipv4/ip_input.c.
Omits. Protocols other than TCP: they are dropped here.
"""

import numpy as np

from devmemlab.base.errno import EHOSTUNREACH
from devmemlab.base.kernel import kernel
from devmemlab.host.addresses import address_is_ours
from devmemlab.net.linear import skb_headers_in_frag, skb_parse_headers, skb_pull, skb_pull_headers, skb_put_header
from devmemlab.net.napi import napi_next_skb
from devmemlab.net.skb import skb_free, skb_trim
from devmemlab.nic.rxq import rxq_refill
from devmemlab.tcp.input import tcp_rcv


@kernel
def poll_queue(memory, queue, nic, pkt, rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger, addresses, trace,
               now_ns):
    """Take every whole packet of a queue up to TCP, then refill the ring.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers are read, linear parts written.
    queue, nic : int64
        Rows.
    pkt : PKT
        Scratch row.
    rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger, addresses, trace, now_ns
        Components of the machine and the time, see `machine_receive`.

    Returns
    -------
    packets : int64
        Packets that reached TCP.
    """
    packets = np.int64(0)
    while True:
        skb, header_at, header_bytes, split = napi_next_skb(rxqs, queue, skbs, pools, netmems, providers, trace, now_ns)
        if split < 0:
            break
        if skb == 0:
            continue
        if split:
            err = skb_put_header(memory, skbs, skb, header_at, header_bytes, ledger)
        else:
            found = skb_headers_in_frag(memory, skbs, skb, netmems, pkt)
            err = found
            if found >= 0:
                err = np.int64(skb_pull_headers(memory, skbs, skb, netmems, found, ledger))
        if err == 0:
            err = skb_parse_headers(memory, skbs, skb, pkt)
        if err == 0 and not address_is_ours(addresses, pkt):
            err = np.int64(-EHOSTUNREACH)
        if err != 0:
            rxqs.ctl[queue].rx_dropped_pkt += 1
            skb_free(skbs, skb, pools, netmems, providers, trace, 1)
            continue
        skb_pull(skbs, skb, pkt.header_bytes)
        if skbs.skb[skb].length > pkt.payload_bytes:
            skb_trim(skbs, skb, pools, netmems, providers, trace, pkt.payload_bytes)
        tcp_rcv(tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, trace, now_ns)
        packets += 1
    rxq_refill(rxqs, queue, pools, netmems, providers, trace)
    return packets
