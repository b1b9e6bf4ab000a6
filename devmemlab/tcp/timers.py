"""Timers: what happens because time has passed.

Law.   A timer is a time in the row; when it has passed, `tcp_timers` runs it once.
Reads. RFC 6298, RFC 8985 section 7, RFC 9293 sections 3.8.3, 3.8.4 and 3.8.6.1, RFC 5482; Linux net/ipv4/tcp_timer.c.
Omits. Orphans under memory pressure; thin-stream variants.
"""

import numpy as np

from devmemlab.base.errno import ETIMEDOUT
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.tcp.connect import tcp_send_syn
from devmemlab.tcp.output import (
    ACK,
    RST,
    TIMER_PROBE0,
    TIMER_RACK,
    TIMER_RTO,
    TIMER_TLP,
    tcp_send_ack,
    tcp_send_synack,
    tcp_transmit,
    timer_at,
)
from devmemlab.tcp.rack import rack_mark_lost
from devmemlab.tcp.reap import tcp_done
from devmemlab.tcp.recovery import tcp_cwnd_reduction, tcp_enter_loss, tcp_enter_recovery
from devmemlab.tcp.retransmit import tcp_retransmit_skb, tcp_xmit_retransmit_queue
from devmemlab.tcp.rtt import tcp_back_off
from devmemlab.tcp.sndq import sndq_purge
from devmemlab.tcp.states import CLOSE, EV_2MSL, EV_ABORT, EV_RST, LISTEN, NONE, SYN_RECV, SYN_SENT, TIME_WAIT, tcp_event
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS, RTO_MAX_NS
from devmemlab.tcp.xmit import CA_DISORDER, tcp_rearm_rto, tcp_write_wakeup, tcp_write_xmit

ORPHAN_RETRIES = 8
"""The limit for connections that no program holds; the others are settings."""


@kernel
def tcp_give_up(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """End a connection whose peer does not answer; what had arrived stays readable.

    Parameters
    ----------
    tcbs : Tcbs
        The row goes to CLOSE with ETIMEDOUT.
    skbs : Skbs
        The send queue is freed.
    tcb : int64
        Row.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets pages back.
    trace : Trace or None
        Receives tcp_state.
    """
    row = tcbs.tcb[tcb]
    row.error = ETIMEDOUT
    sndq_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
    tcp_event(tcbs, trace, tcb, EV_RST)
    if row.listener:
        row.orphaned = 1
    tcp_done(tcbs, tcb)


@kernel
def _too_long(ctl, row, now_ns):
    """Tell whether the peer has been silent for longer than anybody wants to wait.

    Parameters
    ----------
    ctl : TCB_CTL
        How often to try.
    row : TCB
        A connection that has retried.
    now_ns : int64
        Time.

    Returns
    -------
    over : bool
        The user's timeout decides when there is one (RFC 5482), else the number of tries.
    """
    if row.state == SYN_SENT:
        return row.retries > ctl.syn_retries
    if row.state == SYN_RECV:
        return row.retries > ctl.synack_retries
    if row.user_timeout_ns:
        return row.retrans_stamp != 0 and now_ns - row.retrans_stamp >= row.user_timeout_ns
    if row.snd_wnd == 0 and row.packets_out:
        return now_ns - row.heard_at_ns > RTO_MAX_NS        # a peer with a shut window that answers is alive
    return row.retries > (ORPHAN_RETRIES if row.orphaned else ctl.retries2)


@kernel
def _retransmission_timeout(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns):
    """Send again what has been out for too long, and wait twice as long for the next.

    Parameters
    ----------
    tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns
        See `tcp_timers`.
    """
    row = tcbs.tcb[tcb]
    row.retries += 1
    if _too_long(tcbs.ctl[0], row, now_ns):
        tcp_give_up(tcbs, skbs, tcb, pools, netmems, providers, trace)
        return
    tcp_back_off(row)
    tcbs.ctl[0].timeouts += np.int64(row.state != SYN_RECV)
    if row.state == SYN_SENT:
        tcp_send_syn(tcbs, txq, skbs, trace, tcb, now_ns)
        return
    if row.state == SYN_RECV:
        tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns)
        return
    if row.packets_out == 0:
        return
    tcp_enter_loss(tcbs, skbs, tcb)
    tcp_retransmit_skb(tcbs, txq, skbs, netmems, providers, trace, tcb, row.sndq_head, now_ns)
    tcp_rearm_rto(tcbs, tcb, now_ns)
    if row.user_timeout_ns and row.retrans_stamp:
        row.rto_at_ns = timer_at(tcbs, min(row.rto_at_ns, max(row.retrans_stamp + row.user_timeout_ns, now_ns + NS_PER_MS)))


@kernel
def _probe_window(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns):
    """Ask a peer whose window is shut where it is now.

    Parameters
    ----------
    tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns
        See `tcp_timers`.
    """
    row = tcbs.tcb[tcb]
    if row.packets_out or row.send_head == 0:
        return
    row.probes += 1
    # A peer that answers every probe may keep its window shut for ever (RFC 9293 section 3.8.6.1).
    if row.probes > (ORPHAN_RETRIES if row.orphaned else tcbs.ctl[0].retries2):
        tcp_give_up(tcbs, skbs, tcb, pools, netmems, providers, trace)
        return
    tcp_write_wakeup(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
    if row.packets_out == 0:
        row.backoff += 1
        row.rto_kind = TIMER_PROBE0
        row.rto_at_ns = timer_at(tcbs, now_ns + min(row.rto_ns << min(row.backoff, 20), RTO_MAX_NS))


@kernel
def _probe_tail(tcbs, txq, skbs, netmems, providers, tcb, trace, now_ns):
    """Send one segment so that the peer reports a loss at the end of a burst.

    Parameters
    ----------
    tcbs, txq, skbs, netmems, providers, tcb, trace, now_ns
        See `tcp_timers`.

    References
    ----------
    RFC 8985 section 7.3: new data when there is some, else the last segment again.
    """
    row = tcbs.tcb[tcb]
    if row.packets_out == 0:
        return
    tcbs.ctl[0].loss_probes += 1
    had = row.cwnd
    row.cwnd += 1
    sent = tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns) if row.send_head else 0
    row.cwnd = had
    if sent == 0:
        last = skbs.skb[row.send_head].prev if row.send_head else row.sndq_tail
        tcp_retransmit_skb(tcbs, txq, skbs, netmems, providers, trace, tcb, last, now_ns)
    row.tlp_high_seq = row.snd_nxt
    row.tlp_retrans = int(sent == 0)
    tcp_rearm_rto(tcbs, tcb, now_ns)


@kernel
def _reordering_over(tcbs, txq, skbs, netmems, providers, tcb, trace, now_ns):
    """Look again at the segments that might only have been late.

    Parameters
    ----------
    tcbs, txq, skbs, netmems, providers, tcb, trace, now_ns
        See `tcp_timers`.
    """
    row = tcbs.tcb[tcb]
    tcp_rearm_rto(tcbs, tcb, now_ns)
    rack_mark_lost(tcbs, skbs, tcb, now_ns)
    if row.lost_out > row.retrans_out:
        if row.ca_state <= CA_DISORDER:
            tcp_enter_recovery(row)
        tcp_cwnd_reduction(row, 1, 0, 0)
        tcp_xmit_retransmit_queue(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)


@kernel
def _keep_alive(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns):
    """Ask a silent peer whether it still knows of the connection.

    Parameters
    ----------
    tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns
        See `tcp_timers`.

    References
    ----------
    RFC 9293 section 3.8.4 (RFC 1122 section 4.2.3.6).
    """
    row = tcbs.tcb[tcb]
    if row.keepalive == 0 or row.state == SYN_SENT or row.state == LISTEN or row.state == CLOSE:
        return
    silent_ns = now_ns - row.heard_at_ns
    if row.packets_out or row.send_head:
        row.keepalive_at_ns = timer_at(tcbs, now_ns + row.keepidle_ns)
    elif silent_ns < row.keepidle_ns:
        row.keepalive_at_ns = timer_at(tcbs, row.heard_at_ns + row.keepidle_ns)
    elif (row.user_timeout_ns and silent_ns >= row.user_timeout_ns and row.probes > 0) or (
            row.user_timeout_ns == 0 and row.probes >= row.keepcnt):
        tcp_transmit(tcbs, txq, skbs, trace, tcb, RST | ACK, row.snd_nxt, now_ns)
        tcp_give_up(tcbs, skbs, tcb, pools, netmems, providers, trace)
    else:
        row.probes += 1
        tcp_transmit(tcbs, txq, skbs, trace, tcb, ACK, seq_add(row.snd_nxt, -1), now_ns)
        row.keepalive_at_ns = timer_at(tcbs, now_ns + row.keepintvl_ns)


@kernel
def tcp_timers(tcbs, txq, skbs, pools, netmems, providers, trace, now_ns):
    """Run every timer whose time has come.

    Parameters
    ----------
    tcbs : Tcbs
        Rows whose timers ran; ``next_timer_ns`` becomes the earliest that is left.
    txq : TxQueue
        Grows by acknowledgements, probes and retransmissions.
    skbs : Skbs
        Send queues of connections that gave up are freed.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets pages back.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    now_ns : int64
        Time.
    """
    ctl = tcbs.ctl[0]
    if now_ns < ctl.next_timer_ns:
        return
    # Timers armed from here on count too.
    ctl.next_timer_ns = FAR_FUTURE
    for tcb in range(1, ctl.watermark):
        row = tcbs.tcb[tcb]
        if row.state == NONE:
            continue
        if row.delack_at_ns <= now_ns:
            row.delack_at_ns = FAR_FUTURE
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        if row.rto_at_ns <= now_ns:
            kind = row.rto_kind
            row.rto_at_ns = FAR_FUTURE
            row.rto_kind = TIMER_RTO
            if kind == TIMER_RTO:
                _retransmission_timeout(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns)
            elif kind == TIMER_PROBE0:
                _probe_window(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns)
            elif kind == TIMER_TLP:
                _probe_tail(tcbs, txq, skbs, netmems, providers, tcb, trace, now_ns)
            elif kind == TIMER_RACK:
                _reordering_over(tcbs, txq, skbs, netmems, providers, tcb, trace, now_ns)
        if row.keepalive_at_ns <= now_ns:
            row.keepalive_at_ns = FAR_FUTURE
            _keep_alive(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns)
        if row.timewait_at_ns <= now_ns:
            row.timewait_at_ns = FAR_FUTURE
            tcp_event(tcbs, trace, tcb, EV_2MSL if row.state == TIME_WAIT else EV_ABORT)
            tcp_done(tcbs, tcb)
    earliest = np.int64(FAR_FUTURE)
    for tcb in range(1, ctl.watermark):
        row = tcbs.tcb[tcb]
        if row.state != NONE:
            earliest = min(earliest, row.delack_at_ns, row.rto_at_ns, row.timewait_at_ns, row.keepalive_at_ns)
    ctl.next_timer_ns = earliest
