"""Entry kernels: the few places where Python crosses into the machine.

Law.   One crossing a burst. An entry kernel unpacks the machine once and loops inside.
Reads. House law 5; Linux net/core/dev.c (net_rx_action) for the order poll, refill, flush.
Omits. Threads: interrupts are taken after every 64 frames and at the end of a burst.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import LINE_BYTES, prefetch_octets
from devmemlab.base.streaming import stream_end
from devmemlab.base.trace import trace_clock
from devmemlab.host.poll import poll_due
from devmemlab.net.napi import NAPI_BUDGET
from devmemlab.nic.rx import nic_rx_frame
from devmemlab.nic.rxq import rxq_refill
from devmemlab.net.skb import skb_free
from devmemlab.net.transmit import validate_xmit
from devmemlab.nic.train import AHEAD, nic_rx_train
from devmemlab.nic.tx import nic_transmit
from devmemlab.nic.tx_ring import tx_clean, tx_keep, tx_post
from devmemlab.sock.destroy import sock_reap
from devmemlab.sock.recvmsg import msg_begin, tcp_recvmsg
from devmemlab.sock.tokens import sock_devmem_dontneed
from devmemlab.tcp.close import tcp_close, tcp_shutdown
from devmemlab.tcp.page_room import tcp_note_room
from devmemlab.tcp.page_update import tcp_open_windows
from devmemlab.tcp.timers import tcp_timers


@kernel
def machine_windows(machine, trace, now_ns):
    """Let windows that count device buffers follow what buffers there are, at the end of a step of the host.

    Parameters
    ----------
    machine : Machine
        Connections and the queue of segments; buffers are counted.
    trace : Trace or None
        Receives tcp_send.
    now_ns : int64
        Time.
    """
    tcp_note_room(machine.tcbs, machine.rxqs, machine.pools, machine.providers)
    tcp_open_windows(machine.tcbs, machine.txq, machine.skbs, trace, now_ns)


@kernel
def machine_receive(memory, wire, frames, machine, nic, trace, now_ns):
    """Take a burst of frames from the wire to the sockets.

    Parameters
    ----------
    memory : uint8[n]
        All memory.
    wire : uint8[m]
        Octets of the burst.
    frames : FRAME[count]
        One row a frame; none: only the queues whose interrupt is due are served.
    machine : Machine
        Everything may change.
    nic : int64
        Row of the NIC that the burst reaches.
    trace : Trace or None
        Everything that happens.
    now_ns : int64
        Time of the burst.

    Returns
    -------
    packets : int64
        Packets that reached TCP.
    """
    nics, rxqs, skbs, tcbs, txq = machine.nics, machine.rxqs, machine.skbs, machine.tcbs, machine.txq
    tokens, netmems, pools, providers = machine.tokens, machine.netmems, machine.pools, machine.providers
    ledger = machine.ledger
    trace_clock(trace, now_ns)
    packets = np.int64(0)
    ctl = nics.ctl[nic]
    for queue in range(ctl.first_queue, ctl.first_queue + ctl.queue_count):
        # A queue that ran dry gets what users have returned since; nobody else would poll it again.
        if rxqs.ctl[queue].post - rxqs.ctl[queue].clean < rxqs.ctl[queue].desc_count:
            rxq_refill(rxqs, queue, pools, netmems, providers, trace)
    number = np.int64(0)
    while number < len(frames):
        ahead = frames[min(number + AHEAD, len(frames) - 1)].offset
        prefetch_octets(wire, ahead)
        prefetch_octets(wire, ahead + LINE_BYTES)
        stop = min(number - number % NAPI_BUDGET + NAPI_BUDGET, len(frames))
        nic_rx_frame(memory, wire, frames[number], number, nics, nic, rxqs, netmems, ledger, trace)
        number = nic_rx_train(memory, wire, frames, number + 1, stop, nics, nic, rxqs, netmems, ledger, trace)
        if number == stop:
            packets += poll_due(memory, nic, machine.pkt[1], nics, rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger,
                                machine.addresses, machine.gro, machine.taps, trace, now_ns)
    if len(frames) == 0:
        packets += poll_due(memory, nic, machine.pkt[1], nics, rxqs, skbs, tcbs, txq, netmems, pools, providers, ledger,
                            machine.addresses, machine.gro, machine.taps, trace, now_ns)
    stream_end()
    sock_reap(tcbs, skbs, tokens, pools, netmems, providers, trace)
    return packets


@kernel
def machine_timers(machine, trace, now_ns):
    """Run the timers that are due.

    Parameters
    ----------
    machine : Machine
        Connections, queues.
    trace : Trace or None
        What happens.
    now_ns : int64
        Time.

    Returns
    -------
    next_ns : int64
        When the next timer is due.
    """
    tcbs, skbs, pools, netmems, providers = (machine.tcbs, machine.skbs, machine.pools, machine.netmems,
                                             machine.providers)
    trace_clock(trace, now_ns)
    tcp_timers(tcbs, machine.txq, skbs, pools, netmems, providers, trace, now_ns)
    sock_reap(tcbs, skbs, machine.tokens, pools, netmems, providers, trace)
    return tcbs.ctl[0].next_timer_ns


@kernel
def machine_transmit(memory, wire, frames, machine, nic, trace, first, now_ns):
    """Send waiting segments of a NIC: the driver posts, the NIC writes frames, the driver cleans up.

    Parameters
    ----------
    memory : uint8[k]
        Payload is read from here.
    wire : uint8[n]
        Arena, written.
    frames : FRAME[limit]
        Written.
    machine : Machine
        The queue of segments, rings; skbs whose copy has left lose a user. The caller closes the ranks of the queue
        (`machine_keep`) when every NIC has had its turn.
    nic : int64
        Row.
    trace : Trace or None
        Receives frame_out, skb_free.
    first : int64
        The segment to begin with.
    now_ns : int64
        Time.

    Returns
    -------
    sent, following : int64
        Valid rows of `frames`; the first segment that still waits. It is `first` when nothing can leave now.
    """
    txq, skbs, rings = machine.txq, machine.skbs, machine.rings
    count = txq.ctl[0].count
    validate_xmit(txq.whose, first, count, machine.nics.ctl[nic], nic, skbs, machine.pools, machine.netmems, machine.providers,
                  trace)
    tx_post(txq.seg, txq.whose, first, count, machine.nics, nic, rings, skbs)
    sent, following = nic_transmit(memory, wire, frames, txq.seg, txq.whose, first, count, machine.nics, nic, rings, skbs,
                                   machine.netmems, machine.ledger, trace, now_ns)
    for i in range(first, following):
        w = txq.whose[i]
        if w.nic < 0:
            if w.ring:
                tx_clean(rings.ctl[w.ring - 1])
                w.ring = 0
            if w.skb:
                skb_free(skbs, w.skb, machine.pools, machine.netmems, machine.providers, trace, 0)
                w.skb = 0
    return sent, following


@kernel
def machine_keep(machine):
    """Forget the segments that have left; those that no ring took, or that wait in one, come first.

    Parameters
    ----------
    machine : Machine
        The queue of segments.
    """
    tx_keep(machine.txq.seg, machine.txq.whose, machine.txq.ctl[0], machine.rings)


@kernel
def machine_recvmsg(memory, machine, trace, sock, user, user_at, user_length, control, length, msg_flags, again,
                    now_ns):
    """Receive from a connection.

    Parameters
    ----------
    memory : uint8[n]
        All memory.
    machine : Machine
        The connection, its tokens, pools.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    user : uint8[m]
        The user's buffer, written in ``[user_at, user_at + user_length)``.
    user_at, user_length : int64
        Its place.
    control : uint8[k]
        The control buffer.
    length : int64
        Octets wanted.
    msg_flags : int64
        MSG_*.
    again : int64
        1: go on with a call that has waited.
    now_ns : int64
        Time.

    Returns
    -------
    copied : int64
        See `devmemlab.sock.recvmsg.tcp_recvmsg`; ``machine.msg[0]`` tells the cursors.
    """
    msg = machine.msg[0]
    if again == 0:
        msg_begin(machine.tcbs, sock, msg, user_at, user_length, len(control), msg_flags)
    trace_clock(trace, now_ns)
    return tcp_recvmsg(memory, machine.tcbs, machine.txq, machine.skbs, machine.pools, machine.netmems,
                       machine.providers, machine.tokens, machine.ledger, trace, sock, user, control, msg, length,
                       msg_flags, now_ns)


@kernel
def machine_dontneed(machine, trace, sock, optval, optlen, now_ns):
    """Return ranges of tokens.

    Parameters
    ----------
    machine : Machine
        Tokens, pools.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    optval : uint8[n]
        The option value.
    optlen : int64
        Its length, octets.
    now_ns : int64
        Time.

    Returns
    -------
    released : int64
        See `devmemlab.sock.tokens.sock_devmem_dontneed`.
    """
    trace_clock(trace, now_ns)
    return sock_devmem_dontneed(machine.tokens, sock, machine.pools, machine.netmems, machine.providers, trace, optval,
                                optlen)


@kernel
def machine_close(machine, trace, sock, how, now_ns):
    """Close or shut down a connection.

    Parameters
    ----------
    machine : Machine
        The connection and what it holds.
    trace : Trace or None
        What happens.
    sock : int64
        Row.
    how : int64
        1: only say that nothing more will be sent; 0: let go of it.
    now_ns : int64
        Time.
    """
    tcbs, skbs, pools, netmems, providers = (machine.tcbs, machine.skbs, machine.pools, machine.netmems,
                                             machine.providers)
    trace_clock(trace, now_ns)
    if how:
        tcp_shutdown(tcbs, machine.txq, skbs, netmems, providers, trace, sock, now_ns)
    else:
        tcp_close(tcbs, machine.txq, skbs, sock, pools, netmems, providers, trace, now_ns)
        sock_reap(tcbs, skbs, machine.tokens, pools, netmems, providers, trace)
