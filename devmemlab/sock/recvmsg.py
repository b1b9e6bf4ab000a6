"""recvmsg: the receive queue as bytes, or as control messages with tokens.

Law.   One call never mixes host data with device data, and consumes exactly what it reports.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg_locked, tcp_recvmsg_dmabuf); net/core/scm.c (put_cmsg_notrunc).
Omits. MSG_OOB, MSG_WAITALL and SO_RCVLOWAT; TCP_INQ and timestamp messages.

A control message takes 40 octets. When the next one does not fit, what was delivered so far is
returned; when nothing was, the error is 525 (ETOOSMALL), and nothing is lost.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, ENODEV, ENOTCONN, ETOOSMALL
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.seq import seq_add, seq_diff
from devmemlab.base.table import schema
from devmemlab.base.trace import CMSG_DMABUF, CMSG_LINEAR, COPY_USER, emit
from devmemlab.mem.ledger import LINEAR_COPY, RECV_COPY, ledger_add
from devmemlab.mem.netmem import NIOV_DMABUF, netmem_is_net_iov, netmem_row
from devmemlab.mem.provider_table import net_iov_binding_id, net_iov_virtual_offset
from devmemlab.net.linear import skb_copy_bits
from devmemlab.sock.tokens import token_take
from devmemlab.sock.uapi import (CMSG_HEADER_BYTES, DMABUF_CMSG_BYTES, MSG_PEEK, MSG_SOCK_DEVMEM, MSG_TRUNC,
                                 SCM_DEVMEM_DMABUF, SCM_DEVMEM_LINEAR, put_devmem_cmsg)
from devmemlab.tcp.output import tcp_send_ack
from devmemlab.tcp.queues import rcvq_eat
from devmemlab.tcp.states import CLOSE, LISTEN
from devmemlab.tcp.window import tcp_receive_window, tcp_select_window

MSGHDR = schema("user_at", "user_left", "control_at", "control_left", "linear_bytes", "frags")
CMSG_BYTES = CMSG_HEADER_BYTES + DMABUF_CMSG_BYTES
UNSET, READABLE, UNREADABLE = -1, 0, 1


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
        Octets of the skb consumed already.
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
        Octets delivered; when none: ``-ETOOSMALL``, ``-EFAULT``, ``-ENODEV`` (a frag that is no dmabuf net_iov),
        ``-ENOMEM`` or ``-EBUSY`` (no token).
    """
    row = skbs.skb[skb]
    sent = np.int64(0)
    err = np.int64(0)
    if offset < row.headlen:
        piece = min(row.headlen - offset, want)
        err = _deliver_linear(memory, skbs, skb, offset, piece, user, control, msg, ledger, trace, sock)
        if err != 0:
            return err
        sent += piece
        offset += piece
        want -= piece
        if want == 0:
            return sent
    start = row.headlen
    described = False
    for i in range(row.nr_frags):
        frag = skbs.frag[skb, i]
        if not netmem_is_net_iov(frag.netmem) or netmems[netmem_row(frag.netmem)].niov_type != NIOV_DMABUF:
            err = np.int64(-ENODEV)
            break
        end = start + frag.length
        if offset < end:
            piece = min(end - offset, want)
            if msg.control_left < CMSG_BYTES:
                err = np.int64(-ETOOSMALL)
                break
            token = token_take(tokens, sock, netmems, frag.netmem)
            if token < 0:
                err = token
                break
            at = net_iov_virtual_offset(netmems, providers, frag.netmem) + frag.offset + (offset - start)
            put_devmem_cmsg(control, msg.control_at, SCM_DEVMEM_DMABUF, at, piece, token,
                            net_iov_binding_id(netmems, providers, frag.netmem))
            msg.control_at += CMSG_BYTES
            msg.control_left -= CMSG_BYTES
            msg.frags += 1
            emit(trace, CMSG_DMABUF, sock, token, frag.netmem, piece)
            described = True
            sent += piece
            offset += piece
            want -= piece
            if want == 0:
                break
        start = end
    if sent == 0 and not described:
        if err == 0:
            err = np.int64(-EFAULT)
        return err
    return sent


@kernel
def tcp_recvmsg(memory, tcbs, txq, skbs, pools, netmems, providers, tokens, ledger, trace, sock, user, control, msg,
                length, msg_flags, now_ns):
    """Receive from a connection.

    Parameters
    ----------
    memory : uint8[n]
        Read in linear parts and readable frags.
    tcbs : Tcbs
        ``copied_seq`` and the receive queue of the row, unless MSG_PEEK.
    txq : TxQueue
        Grows by a window update when much room has become free.
    skbs : Skbs
        Skbs read to their end are freed.
    pools : PagePools
        Frags of freed skbs return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Offsets and binding ids; may take memory back.
    tokens : XArrays
        Tokens of the socket.
    ledger : LEDGER[n_stage]
        RECV_COPY, LINEAR_COPY.
    trace : Trace or None
        cmsg_dmabuf, cmsg_linear, copy_user.
    sock : int64
        Row of the connection.
    user : uint8[m]
        The user's buffer (may be `memory` itself).
    control : uint8[k]
        The control buffer.
    msg : MSGHDR
        Cursors: where in `user` and `control` to write and how much room there is.
    length : int64
        The iov's length: limits device bytes too, although they are not written there.
    msg_flags : int64
        MSG_SOCK_DEVMEM, MSG_PEEK, MSG_TRUNC.
    now_ns : int64
        Time.

    Returns
    -------
    copied : int64
        Octets consumed; 0 at the end of the stream. ``-EAGAIN`` nothing yet, ``-ENOTCONN`` a listener,
        ``-EFAULT`` device data without the flag, and the errors of `tcp_recvmsg_dmabuf`.
    """
    row = tcbs.tcb[sock]
    if row.state == LISTEN:
        return np.int64(-ENOTCONN)
    peek = msg_flags & MSG_PEEK
    seq = row.copied_seq
    kind = UNSET
    copied = np.int64(0)
    err = np.int64(0)
    skb = row.rcvq_head
    while True:
        while skb and seq_diff(seq, skbs.skb[skb].seq) >= skbs.skb[skb].length:
            skb = skbs.skb[skb].next
        if skb == 0:
            break
        s = skbs.skb[skb]
        offset = seq_diff(seq, s.seq)
        used = min(s.length - offset, length)
        if msg_flags & MSG_TRUNC == 0:
            if kind != UNSET and kind != s.unreadable:
                break
            if s.unreadable == 0:
                err = skb_copy_bits(memory, skbs, skb, netmems, offset, user, msg.user_at, used)
                if err != 0:
                    break
                ledger_add(ledger, RECV_COPY, used)
                emit(trace, COPY_USER, sock, skb, used, 0)
                msg.user_at += used
                msg.user_left -= used
            elif msg_flags & MSG_SOCK_DEVMEM == 0:
                err = np.int64(-EFAULT)
                break
            else:
                done = tcp_recvmsg_dmabuf(memory, skbs, skb, netmems, providers, tokens, offset, used, user, control, msg,
                                          ledger, trace, sock)
                if done < 0:
                    err = done
                    break
                used = done
            kind = s.unreadable
        seq = seq_add(seq, used)
        copied += used
        length -= used
        if peek == 0:
            row.copied_seq = seq
            row.bytes_copied += used
        if used + offset >= s.length:
            following = s.next
            if peek == 0:
                rcvq_eat(tcbs, skbs, sock, pools, netmems, providers, trace)
            skb = following
        if length <= 0:
            break
    if copied > 0 and peek == 0:
        tcp_cleanup_rbuf(tcbs, txq, skbs, trace, sock, now_ns)
    if copied > 0 or err != 0:
        return copied if copied > 0 else err
    if kind != UNSET or row.fin_received:
        return copied
    if row.error:
        err = -row.error
        row.error = 0
        return err
    if row.state == CLOSE:
        return np.int64(-ENOTCONN) if row.irs == 0 and row.rport == 0 else copied
    return np.int64(-EAGAIN)


@kernel
def tcp_cleanup_rbuf(tcbs, txq, skbs, trace, tcb, now_ns):
    """Tell the peer when reading has opened the window by much.

    Parameters
    ----------
    tcbs : Tcbs
        The row's advertised window may grow.
    txq : TxQueue
        Grows by an acknowledgement then.
    skbs : Skbs
        Read for SACK blocks.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    References
    ----------
    Linux net/ipv4/tcp.c, __tcp_cleanup_rbuf().
    """
    row = tcbs.tcb[tcb]
    if row.state == CLOSE or row.fin_received:
        return
    present = tcp_receive_window(row)
    window = tcp_select_window(row)
    if window >= 2 * present and window >= row.rcv_mss and window > present:
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
