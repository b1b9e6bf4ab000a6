"""io_uring zero-copy receive: the receive queue becomes completions that say where in an area the octets lie.

Law.   A completion is written, and its buffer lent, in one breath; an octet that no completion names stays in the socket.
Reads. Linux io_uring/zcrx.c, net/ipv4/tcp.c (tcp_read_sock); spec section 7.1.
Omits. Frag lists: an skb of a receive queue has no other skbs hanging from it. Urgent data.

::

    frag of this area   ----> completion, the user's counter and the pool's reference go up      (no copy)
    page, skb head      ----> copied into free buffers of the area, a completion each            (areas of user pages only)
    anything else       ----> EFAULT: a dmabuf binding's net_iov, or one of another area

A completion ring that is full stops the request with ENOSPC. Buffers come back through the refill ring of
`devmemlab.mem.iouring`.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, ENOMEM, ENOSPC, ENOTCONN
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.seq import seq_add, seq_diff
from devmemlab.base.trace import ZCRX_CQE, emit
from devmemlab.mem.iouring import zcrx_get_user_ref, zcrx_lend_fallback, zcrx_offset
from devmemlab.mem.ledger import LINEAR_COPY, RECV_COPY, ledger_add
from devmemlab.mem.netmem import netmem_is_net_iov, netmem_row
from devmemlab.mem.provider_table import net_iov_binding
from devmemlab.sock.completions import IORING_CQE_F_MORE, cq_post, cq_room
from devmemlab.tcp.ack import tcp_cleanup_rbuf
from devmemlab.tcp.queues import rcvq_eat
from devmemlab.tcp.states import CLOSE, LISTEN

IO_SKBS_PER_CALL_LIMIT = 20


@kernel
def zcrx_copy_chunk(memory, netmems, providers, completions, binding, address, length, user_data, stage, ledger, trace, sock):
    """Copy octets into free buffers of the area and tell of each buffer.

    Parameters
    ----------
    memory : uint8[n]
        Read from `address` on; buffers of the area are written.
    netmems : NETMEM[n_netmem]
        Fallback buffers are lent.
    providers : Providers
        The area's free list is shorter.
    completions : Completions
        One for each buffer.
    binding : int64
        Binding row of the area.
    address, length : int64
        What to copy.
    user_data : int64
        Of the request.
    stage : int64
        RECV_COPY or LINEAR_COPY.
    ledger : LEDGER[n_stage]
        That stage grows.
    trace : Trace or None
        Receives zcrx_cqe.
    sock : int64
        For the trace.

    Returns
    -------
    copied : int64
        Octets; when none: ``-EFAULT`` the area is a dmabuf, which the CPU does not write, ``-ENOMEM`` no free buffer,
        ``-ENOSPC`` no room for the completion.
    """
    own = providers.binding[binding]
    if own.user_pages == 0:
        return np.int64(-EFAULT)
    copied = np.int64(0)
    while length > 0:
        # Room is looked at before the buffer is taken: Linux takes it, and puts it back.
        if own.free_count == 0:
            return copied if copied else np.int64(-ENOMEM)
        if cq_room(completions) == 0:
            return copied if copied else np.int64(-ENOSPC)
        netmem = zcrx_lend_fallback(netmems, providers, binding)
        piece = min(length, np.int64(1) << own.niov_shift)
        copy_octets(memory, netmems[netmem_row(netmem)].dma_addr, memory, address + copied, piece)
        ledger_add(ledger, stage, piece)
        off = zcrx_offset(netmems, providers, netmem)
        cq_post(completions, user_data, piece, np.int64(IORING_CQE_F_MORE), off)
        emit(trace, ZCRX_CQE, sock, netmem, piece, off)
        copied += piece
        length -= piece
    return copied


@kernel
def zcrx_recv_frag(memory, netmems, providers, completions, binding, frag, offset, length, user_data, ledger, trace, sock):
    """Tell of one frag where it lies, or copy it if it is a page.

    Parameters
    ----------
    memory : uint8[n]
        Read and written for a page only.
    netmems : NETMEM[n_netmem]
        References go up.
    providers : Providers
        User counters go up.
    completions : Completions
        Grows.
    binding : int64
        Binding row of the area.
    frag : FRAG
        The frag.
    offset, length : int64
        Which of its octets.
    user_data : int64
        Of the request.
    ledger : LEDGER[n_stage]
        RECV_COPY, for a page.
    trace : Trace or None
        Receives zcrx_cqe.
    sock : int64
        For the trace.

    Returns
    -------
    told : int64
        Octets; ``-EFAULT`` a net_iov that is not of this area, or what `zcrx_copy_chunk` answers; ``-ENOSPC``.
    """
    if not netmem_is_net_iov(frag.netmem):
        return zcrx_copy_chunk(memory, netmems, providers, completions, binding,
                               netmems[netmem_row(frag.netmem)].dma_addr + frag.offset + offset, length, user_data,
                               np.int64(RECV_COPY), ledger, trace, sock)
    if net_iov_binding(netmems, providers, frag.netmem) != binding:
        return np.int64(-EFAULT)
    if cq_room(completions) == 0:
        return np.int64(-ENOSPC)
    off = zcrx_offset(netmems, providers, frag.netmem) + frag.offset + offset
    cq_post(completions, user_data, length, np.int64(IORING_CQE_F_MORE), off)
    zcrx_get_user_ref(netmems, providers, frag.netmem)
    emit(trace, ZCRX_CQE, sock, frag.netmem, length, off)
    return length


@kernel
def zcrx_recv_skb(memory, skbs, skb, netmems, providers, completions, binding, offset, want, user_data, ledger, trace, sock):
    """Turn octets of one skb into completions.

    Parameters
    ----------
    memory : uint8[n]
        As for `zcrx_copy_chunk`.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems, providers, completions, binding
        As for `zcrx_recv_frag`.
    offset, want : int64
        Octets of the skb that were taken before, and how many to take, more than 0.
    user_data, ledger, trace, sock
        As for `zcrx_recv_frag`.

    Returns
    -------
    taken : int64
        Octets, perhaps fewer than wanted; when none, the error.
    """
    row = skbs.skb[skb]
    first = offset
    if offset < row.headlen:
        piece = min(row.headlen - offset, want)
        got = zcrx_copy_chunk(memory, netmems, providers, completions, binding, row.head + offset, piece, user_data,
                              np.int64(LINEAR_COPY), ledger, trace, sock)
        if got < piece or got == want:
            return got
        offset += got
        want -= got
    start = row.headlen
    for i in range(row.nr_frags):
        frag = skbs.frag[skb, i]
        end = start + frag.length
        if offset < end:
            piece = min(end - offset, want)
            got = zcrx_recv_frag(memory, netmems, providers, completions, binding, frag, offset - start, piece, user_data,
                                 ledger, trace, sock)
            if got < 0:
                return offset - first if offset > first else got
            offset += got
            want -= got
            if want == 0 or got < piece:
                break
        start = end
    return offset - first


@kernel
def zcrx_tcp_recv(memory, tcbs, txq, skbs, pools, netmems, providers, completions, ledger, trace, sock, binding, user_data,
                  length, now_ns):
    """Read a connection into completions: one call of a zero-copy receive request.

    Parameters
    ----------
    memory : uint8[n]
        Copied from and to where the payload is not in the area.
    tcbs : Tcbs
        ``copied_seq`` and the receive queue of the row.
    txq : TxQueue
        Grows by an acknowledgement when reading made one due.
    skbs : Skbs
        Skbs read to their end are freed.
    pools : PagePools
        Frags of freed skbs return.
    netmems, providers, completions
        As for `zcrx_recv_frag`.
    ledger : LEDGER[n_stage]
        RECV_COPY, LINEAR_COPY.
    trace : Trace or None
        zcrx_cqe, skb_free, tcp_send.
    sock, binding : int64
        Rows of the connection and of the area.
    user_data, length : int64
        Of the request; `length` 0 means any number of octets.
    now_ns : int64
        Time.

    Returns
    -------
    taken : int64
        Octets, of 21 skbs at most; 0 at the end of the stream. ``-EAGAIN``, ``-ENOTCONN``, the connection's error, and the
        errors of `zcrx_recv_skb`; a call that took something hides its error, and the next call finds it again.
    """
    row = tcbs.tcb[sock]
    if row.state == LISTEN:
        return np.int64(-ENOTCONN)
    taken = np.int64(0)
    err = np.int64(0)
    calls = 0
    while row.rcvq_head and (length == 0 or taken < length):
        skb = row.rcvq_head
        s = skbs.skb[skb]
        offset = seq_diff(row.copied_seq, s.seq)
        if offset < s.length:
            calls += 1
            if calls > IO_SKBS_PER_CALL_LIMIT + 1:
                break
            want = s.length - offset
            if length:
                want = min(want, length - taken)
            err = zcrx_recv_skb(memory, skbs, skb, netmems, providers, completions, binding, offset, want, user_data, ledger,
                                trace, sock)
            if err < 0:
                break
            taken += err
            offset += err
            row.copied_seq = seq_add(row.copied_seq, err)
            row.bytes_copied += err
        if offset >= s.length:
            rcvq_eat(tcbs, skbs, sock, pools, netmems, providers, trace)
    if taken > 0:
        tcp_cleanup_rbuf(tcbs, txq, skbs, trace, sock, now_ns)
        return taken
    if err < 0:
        return err
    if row.fin_received:
        return np.int64(0)
    if row.error:
        err = np.int64(-row.error)
        row.error = 0
        return err
    if row.state == CLOSE:
        return np.int64(-ENOTCONN) if row.irs == 0 and row.rport == 0 else np.int64(0)
    return np.int64(-EAGAIN)
