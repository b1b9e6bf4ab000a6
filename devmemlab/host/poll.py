"""Poll: the packets of one queue, from completions to TCP.

Law.   A packet reaches TCP with its headers pulled off and its padding cut, or is freed and counted under one reason.
Reads. Linux net/core/dev.c (net_rx_action, __netif_receive_skb_core), net/ipv4/ip_input.c.
Omits. Protocols other than TCP: they are dropped here. TCP gets a frag list apart, as segments that follow one another.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.host.addresses import address_is_ours
from devmemlab.host.poll_train import poll_train
from devmemlab.net.frag_list import skb_unchain
from devmemlab.net.gro import GRO_FLOWS, gro_find, gro_hold, gro_joins, gro_let_go, gro_may_hold, gro_merge, gro_slot
from devmemlab.net.linear import skb_headers_in_frag, skb_parse_headers, skb_pull, skb_pull_headers, skb_put_header
from devmemlab.net.linear_rx import skb_copy_break, skb_csum_ok
from devmemlab.net.linear_tap import tap_packet
from devmemlab.net.napi import NAPI_BUDGET, NOTHING, SMALL, SPLIT, napi_next_skb
from devmemlab.net.skb import CHECKSUM_UNNECESSARY, skb_free, skb_trim
from devmemlab.nic.drops import DROP_CSUM, DROP_NONE, DROP_NOT_OURS, DROP_PROTOCOL
from devmemlab.nic.gro_held import gro_hw_flush
from devmemlab.nic.moderation import irq_raise, irq_wait_ns
from devmemlab.nic.rxq import PARSED_ROWS, rxq_drop, rxq_refill
from devmemlab.sock.collapse import tcp_prune_queue
from devmemlab.tcp.ack import tcp_ack_flush
from devmemlab.tcp.input import tcp_rcv
from devmemlab.tcp.lookup import tcp_expect, tcp_expect_row
from devmemlab.tcp.output import FIN, PSH, URG
from devmemlab.tcp.page_room import tcp_note_room


@kernel
def _deliver(memory, tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, ledger, trace, now_ns):
    """Hand a packet to TCP, a frag list link by link.

    Parameters
    ----------
    memory : uint8[n]
        Read and written where a receive buffer is full.
    tcbs, txq, skbs : Tcbs, TxQueue, Skbs
        Components of the machine.
    pkt : PKT
        Parsed headers; rewritten for each link of a frag list.
    skb : int64
        Row; its headers are pulled off.
    nic : int64
        Row.
    pools, netmems, providers, ledger, trace, now_ns
        Components of the machine and the time.
    """
    while skbs.skb[skb].frag_list:
        rest = skb_unchain(skbs, skb)
        left = pkt.payload_bytes - skbs.skb[skb].length
        if left <= 0:
            skb_free(skbs, rest, pools, netmems, providers, trace, 1)
            break
        tcp_flags = pkt.tcp_flags
        pkt.payload_bytes = skbs.skb[skb].length
        pkt.tcp_flags = tcp_flags & ~(FIN | PSH)
        if tcbs.ctl[0].tight:
            tcp_prune_queue(memory, tcbs, skbs, pkt, pools, netmems, providers, ledger, trace)
        tcp_rcv(tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, trace, now_ns)
        pkt.seq = seq_add(pkt.seq, pkt.payload_bytes)
        pkt.urg_ptr -= pkt.payload_bytes
        pkt.payload_bytes = left
        pkt.tcp_flags = tcp_flags if pkt.urg_ptr > 0 else tcp_flags & ~URG
        skb = rest
    if skbs.skb[skb].length > pkt.payload_bytes:
        skb_trim(skbs, skb, pools, netmems, providers, trace, pkt.payload_bytes)
    if tcbs.ctl[0].tight:
        tcp_prune_queue(memory, tcbs, skbs, pkt, pools, netmems, providers, ledger, trace)
    tcp_rcv(tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, trace, now_ns)


@kernel
def _gro_flush(memory, gro, flow, tcbs, txq, skbs, nic, pools, netmems, providers, ledger, trace, now_ns):
    """Hand what GRO holds of one flow to TCP.

    Parameters
    ----------
    memory : uint8[n]
        See `_deliver`.
    gro : Gro
        The row becomes free.
    flow : int64
        Row that holds something.
    tcbs, txq, skbs, nic, pools, netmems, providers, ledger, trace, now_ns
        See `_deliver`.
    """
    skb = gro_let_go(gro, skbs, flow)
    _deliver(memory, tcbs, txq, skbs, gro.pkt[flow], skb, nic, pools, netmems, providers, ledger, trace, now_ns)


@kernel
def _gro_renew(memory, gro, flow, tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, ledger, trace, now_ns):
    """Hold a packet that joins nothing, or hand it to TCP; what was held of its flow goes before.

    Parameters
    ----------
    memory : uint8[n]
        See `_deliver`.
    gro : Gro
        What is held.
    flow : int64
        Row of its flow, -1 when nothing is held of it.
    tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, ledger, trace, now_ns
        See `_deliver`.

    Returns
    -------
    flow : int64
        Row where the packet is held, -1 when TCP has it.
    """
    if flow >= 0:
        _gro_flush(memory, gro, flow, tcbs, txq, skbs, nic, pools, netmems, providers, ledger, trace, now_ns)
    if pkt.tcp_flags & (PSH | FIN) == 0 and gro_may_hold(skbs, pkt, skb):
        flow = gro_slot(gro)
        if gro.flow[flow].skb:
            _gro_flush(memory, gro, flow, tcbs, txq, skbs, nic, pools, netmems, providers, ledger, trace, now_ns)
        gro_hold(gro, skbs, flow, pkt, skb)
        tcp_expect(tcbs, pkt)
        return np.int64(flow)
    _deliver(memory, tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, ledger, trace, now_ns)
    return np.int64(-1)


@kernel
def poll_queue(memory, queue, first, nic, pkt, rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger, addresses, gro, gro_on,
               taps, trace, now_ns):
    """Take the packets of a queue up to TCP, 64 at most, then refill the ring.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers are read, linear parts written.
    queue, first, nic : int64
        Rows: of the queue, of its NIC's first queue, of the NIC.
    pkt : PKT
        Scratch row, for headers that the NIC's own row is no longer there for.
    rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger, addresses : tuple
        Components of the machine, see `machine_receive`.
    gro : Gro
        It holds nothing before and after.
    gro_on : int64
        0: every packet goes to TCP by itself.
    taps : Taps
        Grow by every packet, when there is a tap.
    trace, now_ns
        See `machine_receive`.

    Returns
    -------
    packets : int64
        Packets that reached TCP.
    """
    packets = np.int64(0)
    keeper = rxqs.ctl[first]
    left, flow, train = np.int64(NAPI_BUDGET), np.int64(-1), np.int64(0)
    while left > 0:
        # Nearly every packet repeats the headers of the one before: it joins what is held without an skb between.
        if flow >= 0 and train and taps.ctl[0].active == 0:
            if skbs.skb[gro.flow[flow].skb].gso_segs == 1:
                tcp_expect_row(tcbs, gro.pkt[flow])
            left -= poll_train(memory, queue, left, flow, train, gro, rxqs, skbs, netmems, ledger, trace)
            if left == 0:
                break
        flow = np.int64(-1)
        left -= 1
        skb, header_at, header_bytes, split = napi_next_skb(rxqs, queue, skbs, pools, netmems, providers, trace, now_ns)
        if split == NOTHING:
            break
        if skb == 0:
            continue
        row = skbs.skb[skb]
        train = abs(row.parsed)
        known = train > 0 and keeper.parsing - train < PARSED_ROWS
        packet = pkt
        if known:
            packet = rxqs.parsed[first * PARSED_ROWS + ((train - 1) & (PARSED_ROWS - 1))]
            if row.parsed < 0 or row.frag_list:
                # The row stays as it is: others of the train go by it, and a frag list's links are told by changing it.
                gro.pkt[GRO_FLOWS] = packet
                packet = gro.pkt[GRO_FLOWS]
                packet.seq = row.seq if row.parsed < 0 else packet.seq
        err = np.int64(0)
        if split == SPLIT:
            err = np.int64(skb_put_header(memory, skbs, skb, header_at, header_bytes, ledger))
        elif split == SMALL:
            err = np.int64(skb_copy_break(memory, skbs, skb, pools, netmems, providers, ledger, trace))
        else:
            found = packet.header_bytes
            if not known:
                found = skb_headers_in_frag(memory, skbs, skb, netmems, packet)
            err = min(found, 0)
            if found >= 0:
                err = np.int64(skb_pull_headers(memory, skbs, skb, netmems, found, ledger))
        if err == 0 and not known:
            err = np.int64(skb_parse_headers(memory, skbs, skb, packet))
        if err == 0 and taps.ctl[0].active:
            tap_packet(memory, taps, skbs, skb, netmems, now_ns)
        reason = np.int64(DROP_NONE)
        if err != 0:
            reason = np.int64(DROP_PROTOCOL)
        elif row.ip_summed != CHECKSUM_UNNECESSARY and not skb_csum_ok(memory, skbs, skb, netmems, packet):
            reason = np.int64(DROP_CSUM)
        elif not address_is_ours(addresses, packet):
            reason = np.int64(DROP_NOT_OURS)
        if reason != DROP_NONE:
            rxq_drop(rxqs, queue, reason, row.frame_bytes, max(row.gso_segs, 1))
            skb_free(skbs, skb, pools, netmems, providers, trace, 1)
            continue
        skb_pull(skbs, skb, packet.header_bytes)
        if gro_on == 0:
            _deliver(memory, tcbs, txq, skbs, packet, skb, nic, pools, netmems, providers, ledger, trace, now_ns)
            packets += 1
            continue
        # What joins is taken here, without a call that hands the machine on.
        flow = gro_find(gro, packet)
        if flow < 0 or not gro_joins(gro, skbs, flow, packet, skb):
            flow = _gro_renew(memory, gro, flow, tcbs, txq, skbs, packet, skb, nic, pools, netmems, providers, ledger, trace,
                              now_ns)
            packets += 1
            continue
        if skbs.skb[gro.flow[flow].skb].gso_segs == 1:
            tcp_expect_row(tcbs, packet)
        if gro_merge(gro, skbs, trace, flow, packet, skb):
            _gro_flush(memory, gro, flow, tcbs, txq, skbs, nic, pools, netmems, providers, ledger, trace, now_ns)
            flow = np.int64(-1)
    for flow in range(GRO_FLOWS):
        if gro.flow[flow].skb:
            _gro_flush(memory, gro, flow, tcbs, txq, skbs, nic, pools, netmems, providers, ledger, trace, now_ns)
    rxq_refill(rxqs, queue, pools, netmems, providers, trace)
    return packets


@kernel
def poll_due(memory, nic, pkt, nics, rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger, addresses, gro, taps, trace,
             now_ns):
    """Serve every queue that interrupts now, in turns of one budget, and note when the next one will.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers are read, linear parts written.
    nic : int64
        Row.
    pkt : PKT
        Scratch row.
    nics : Nics
        ``irq_next_ns`` of the NIC is set: 0 when nothing waits.
    rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger, addresses, gro, taps, trace, now_ns
        Components of the machine and the time, see `machine_receive`.

    Returns
    -------
    packets : int64
        Packets that reached TCP.
    """
    packets = np.int64(0)
    ctl = nics.ctl[nic]
    ctl.irq_next_ns = 0
    gro.ctl[0].max_size = ctl.gro_max_size
    gro.ctl[0].ipv4_max_size = ctl.gro_ipv4_max_size
    tcp_note_room(tcbs, rxqs, pools, providers)
    more = True
    while more:
        more = False
        for queue in range(ctl.first_queue, ctl.first_queue + ctl.queue_count):
            q = rxqs.ctl[queue]
            if q.gro_open:
                gro_hw_flush(memory, rxqs, queue, trace)
            if q.complete == q.clean:
                continue
            wait_ns = irq_wait_ns(ctl, q, now_ns)
            if wait_ns > 0:
                if ctl.irq_next_ns == 0 or now_ns + wait_ns < ctl.irq_next_ns:
                    ctl.irq_next_ns = now_ns + wait_ns
                continue
            packets += poll_queue(memory, queue, ctl.first_queue, nic, pkt, rxqs, skbs, tcbs, txq, netmems, pools, providers,
                                  ledger, addresses, gro, ctl.gro, taps, trace, now_ns)
            if q.complete == q.clean:
                irq_raise(q)
            else:
                more = True
    tcp_note_room(tcbs, rxqs, pools, providers)
    tcp_ack_flush(tcbs, txq, skbs, trace, now_ns)
    return packets
