"""Entry kernels of sending without a copy: a send begins, queues what there is room for, perhaps several times, and ends.

Law.   What `machine_zerocopy_begin` took, `machine_zerocopy_end` gives back, whatever happened between the two.
Reads. House law 5; Linux net/ipv4/tcp.c (tcp_sendmsg_locked) for what comes first.
Omits. Fast open.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import trace_clock
from devmemlab.mem.binding import net_devmem_dmabuf_binding_put
from devmemlab.net.zerocopy import msg_zerocopy_realloc, net_zcopy_put, net_zcopy_put_abort, sock_dequeue_err
from devmemlab.sock.sendmsg_zerocopy import net_devmem_get_binding, tcp_sendmsg_zerocopy


@kernel
def machine_zerocopy_begin(machine, trace, sock, length, most_bytes, copied, dmabuf_id, route_ifindex):
    """Give a send its number, and find the binding that it names.

    Parameters
    ----------
    machine : Machine
        Completion objects and bindings.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    length, most_bytes : int64
        See `devmemlab.net.zerocopy.msg_zerocopy_realloc`.
    copied : int64
        1 when the octets will have to be copied.
    dmabuf_id, route_ifindex : int64
        See `devmemlab.sock.sendmsg_zerocopy.net_devmem_get_binding`; id 0: no binding.

    Returns
    -------
    ubuf, binding : int64
        Rows, binding 0 for none; ``-errno`` and 0 when the send fails here.
    """
    skbs, row = machine.skbs, machine.tcbs.tcb[sock]
    last = skbs.skb[row.sndq_tail].ubuf if row.send_head else np.int64(0)
    ubuf = msg_zerocopy_realloc(skbs, sock, length, last, most_bytes)
    if ubuf < 0:
        return ubuf, np.int64(0)
    binding = np.int64(0)
    if dmabuf_id:
        binding = net_devmem_get_binding(machine.providers, dmabuf_id, route_ifindex)
        if binding < 0:
            net_zcopy_put_abort(skbs, trace, ubuf)
            return binding, np.int64(0)
    if copied:
        skbs.ubuf[ubuf].copied = 1
    return ubuf, binding


@kernel
def machine_sendmsg_zerocopy(machine, trace, sock, ubuf, binding, iov, cursor, goal, more, now_ns):
    """Queue what there is room for.

    Parameters
    ----------
    machine : Machine
        The connection, pages, skbs.
    trace : Trace or None
        What happens.
    sock, ubuf, binding, iov, cursor, goal, more, now_ns
        See `devmemlab.sock.sendmsg_zerocopy.tcp_sendmsg_zerocopy`.

    Returns
    -------
    taken : int64
        See there.
    """
    trace_clock(trace, now_ns)
    return tcp_sendmsg_zerocopy(machine.tcbs, machine.txq, machine.skbs, machine.netmems, machine.providers, trace, sock, ubuf,
                                binding, iov, cursor[0], goal, more, now_ns)


@kernel
def machine_zerocopy_end(machine, trace, ubuf, binding, failed, now_ns):
    """End a send.

    Parameters
    ----------
    machine : Machine
        The send's own references on completion object and binding are dropped.
    trace : Trace or None
        Receives zerocopy_done when nothing else holds the object.
    ubuf, binding : int64
        From `machine_zerocopy_begin`.
    failed : int64
        1 when nothing was queued: the number goes to the next send.
    now_ns : int64
        Time.
    """
    trace_clock(trace, now_ns)
    if failed:
        net_zcopy_put_abort(machine.skbs, trace, ubuf)
    else:
        net_zcopy_put(machine.skbs, trace, ubuf)
    if binding:
        net_devmem_dmabuf_binding_put(machine.providers, binding)


@kernel
def machine_recverr(machine, sock):
    """Take the first message out of a connection's error queue.

    Parameters
    ----------
    machine : Machine
        Its queue.
    sock : int64
        Row.

    Returns
    -------
    first, last, copied : int64
        See `devmemlab.net.zerocopy.sock_dequeue_err`.
    """
    return sock_dequeue_err(machine.skbs, sock)
