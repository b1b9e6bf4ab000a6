"""Delivery: one unreadable skb becomes control messages and tokens.

Law.   A piece is described, counted and referenced in one breath, or not at all.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg_dmabuf); net/core/scm.c (put_cmsg_notrunc).
Omits. The rate-limited line in the kernel log about a frag that is no net_iov.

A control message takes 40 octets. When the next one does not fit, what was delivered so far is
returned; when nothing was, the error is 525 (ETOOSMALL), and nothing is lost.
"""

import numpy as np

from devmemlab.base.bits import lowest_bit
from devmemlab.base.errno import EFAULT, ENODEV, ETOOSMALL
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.prefetch import prefetch_row
from devmemlab.base.table import schema
from devmemlab.base.trace import CMSG_DMABUF, CMSG_LINEAR, emit
from devmemlab.base.xarray import xa_find_free, xa_taken
from devmemlab.mem.ledger import LINEAR_COPY, ledger_add
from devmemlab.mem.netmem import NIOV_DMABUF, netmem_is_net_iov, netmem_row
from devmemlab.mem.provider_table import net_iov_owner
from devmemlab.net.skb import MAX_SKB_FRAGS
from devmemlab.sock.tokens import token_commit
from devmemlab.sock.uapi import CMSG_HEADER_BYTES, DMABUF_CMSG_BYTES, SCM_DEVMEM_DMABUF, SCM_DEVMEM_LINEAR, put_devmem_cmsg

MSGHDR = schema("user_at", "user_left", "control_at", "control_left", "linear_bytes", "frags",
                "msg_flags", "kind", "seq", "copied", "may_wait")
CMSG_BYTES = CMSG_HEADER_BYTES + DMABUF_CMSG_BYTES


@kernel
def _deliver_linear(memory, skbs, skb, offset, want, user, control, msg, ledger, trace, sock):
    """Copy linear bytes of an unreadable skb to the user and describe them.

    Parameters
    ----------
    memory : uint8[n]
        Read in the skb's linear part.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    offset : int64
        First octet wanted, within the linear part.
    want : int64
        Octets wanted, within the linear part.
    user : uint8[m]
        The user's buffer.
    control : uint8[k]
        The control buffer.
    msg : MSGHDR
        Both cursors advance.
    ledger : LEDGER[n_stage]
        LINEAR_COPY grows.
    trace : Trace or None
        Receives cmsg_linear.
    sock : int64
        For the trace.

    Returns
    -------
    err : int64
        0; ``-EFAULT`` when the user's buffer ends; ``-ETOOSMALL`` when the control message does not fit (the octets
        lie in the user's buffer then, uncounted, as on Linux).
    """
    if msg.user_left < want:
        return -EFAULT
    copy_octets(user, msg.user_at, memory, skbs.skb[skb].head + offset, want)
    ledger_add(ledger, LINEAR_COPY, want)
    msg.user_at += want
    msg.user_left -= want
    if msg.control_left < CMSG_BYTES:
        return -ETOOSMALL
    put_devmem_cmsg(control, msg.control_at, SCM_DEVMEM_LINEAR, 0, want, 0, 0)
    msg.control_at += CMSG_BYTES
    msg.control_left -= CMSG_BYTES
    msg.linear_bytes += want
    emit(trace, CMSG_LINEAR, sock, want, 0, 0)
    return 0


@kernel
def _deliver_frags(skbs, skb, netmems, providers, tokens, offset, want, control, msg, trace, sock):
    """Describe pieces of an skb's frags by control messages with tokens.

    Ids are taken from the table a leaf at a time, and a binding is asked for its id once for all neighbours in one chunk.
    The rows of all frags are on their way into the cache before the first is needed, and so are the next skb's frags.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Each piece takes a reference.
    providers : Providers
        Tell offsets and bindings.
    tokens : XArrays
        Each piece takes a token.
    offset, want : int64
        Where in the skb, behind its linear part, and how much.
    control : uint8[k]
        The control buffer.
    msg : MSGHDR
        The control cursor advances.
    trace : Trace or None
        Receives cmsg_dmabuf.
    sock : int64
        Row of the connection.

    Returns
    -------
    sent, end, err : int64
        Octets; where the frags that were looked at end; 0, ``-ENODEV`` for a frag that is no dmabuf net_iov, ``-ENOMEM`` or
        ``-EBUSY`` when there is no token, ``-ETOOSMALL`` when there is no room: what is not delivered has not changed then.
    """
    row = skbs.skb[skb]
    for i in range(row.nr_frags):
        prefetch_row(netmems, netmem_row(skbs.frag[skb, i].netmem))
        prefetch_row(skbs.frag, row.next * MAX_SKB_FRAGS + i)
    start = row.headlen
    sought = offset
    stop = offset + want
    at = msg.control_at
    room_end = at + msg.control_left
    err = leaf = first = marks = taken = np.int64(0)
    owner = base = shift = dmabuf_id = np.int64(0)
    for i in range(row.nr_frags):
        frag = skbs.frag[skb, i]
        netmem = frag.netmem
        niov = netmems[netmem_row(netmem)]
        if netmem <= 0 or not netmem_is_net_iov(netmem) or niov.niov_type != NIOV_DMABUF:
            err = np.int64(-ENODEV)
            break
        end = start + frag.length
        if offset < end:
            if marks == 0:
                if leaf:
                    xa_taken(tokens, sock, leaf, marks, taken)
                leaf, first = xa_find_free(tokens, sock)
                if leaf < 0:
                    err = leaf
                    leaf = np.int64(0)
                    break
                marks = tokens.node[leaf].free_marks
                taken = np.int64(0)
            if at + CMSG_BYTES > room_end:
                err = np.int64(-ETOOSMALL)
                break
            if niov.owner != owner:
                owner = niov.owner
                base, shift, dmabuf_id = net_iov_owner(providers, owner)
            slot = lowest_bit(marks)
            marks &= ~(np.int64(1) << slot)
            taken += 1
            tokens.slot[leaf, slot].entry = netmem
            piece = min(end, stop) - offset
            put_devmem_cmsg(control, at, SCM_DEVMEM_DMABUF, base + (netmem_row(netmem) << shift) + frag.offset + offset - start,
                            piece, first | slot, dmabuf_id)
            at += CMSG_BYTES
            token_commit(netmems, netmem)
            emit(trace, CMSG_DMABUF, sock, first | slot, netmem, piece)
            offset += piece
            if offset == stop:
                break
        start = end
    if leaf:
        xa_taken(tokens, sock, leaf, marks, taken)
    msg.frags += (at - msg.control_at) // CMSG_BYTES
    msg.control_at = at
    msg.control_left = room_end - at
    return offset - sought, start, err


@kernel
def tcp_recvmsg_dmabuf(memory, skbs, skb, netmems, providers, tokens, offset, want, user, control, msg, ledger, trace,
                       sock):
    """Deliver octets of one unreadable skb as control messages.

    Parameters
    ----------
    memory : uint8[n]
        Read in the skb's linear part only.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Each delivered piece takes a reference.
    providers : Providers
        Tell offsets and binding ids.
    tokens : XArrays
        Each delivered piece takes a token.
    offset : int64
        Octets of the skb, its frag list included, consumed already.
    want : int64
        Octets wanted; 0 still describes the frag at `offset` with size 0, as Linux does.
    user : uint8[m]
        The user's buffer, for linear octets.
    control : uint8[k]
        The control buffer.
    msg : MSGHDR
        Cursors advance.
    ledger : LEDGER[n_stage]
        LINEAR_COPY may grow.
    trace : Trace or None
        cmsg_dmabuf, cmsg_linear.
    sock : int64
        Row of the connection.

    Returns
    -------
    sent : int64
        Octets delivered; when nothing was: ``-ETOOSMALL``, ``-EFAULT`` (the user's buffer or the skb ends early),
        ``-ENODEV`` (a frag that is no dmabuf net_iov, or readable data in the frag list), ``-ENOMEM`` or ``-EBUSY`` (no
        token).
    """
    sent = np.int64(0)
    err = np.int64(0)
    described = False
    at = skb
    while at and (want > 0 or not described) and err == 0:
        row = skbs.skb[at]
        if row.unreadable == 0:
            err = np.int64(-ENODEV)
            break
        if offset < row.headlen:
            piece = min(row.headlen - offset, want)
            err = np.int64(_deliver_linear(memory, skbs, at, offset, piece, user, control, msg, ledger, trace, sock))
            if err != 0:
                break
            described = True
            sent += piece
            offset += piece
            want -= piece
            if want == 0:
                break
        before = msg.control_at
        piece, start, err = _deliver_frags(skbs, at, netmems, providers, tokens, offset, want, control, msg, trace, sock)
        described = described or msg.control_at != before
        sent += piece
        offset += piece - start
        want -= piece
        at = row.frag_list if at == skb else row.next
    if described:
        return sent
    return err if err != 0 else np.int64(-EFAULT)
