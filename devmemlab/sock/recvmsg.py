"""recvmsg: the receive queue as bytes, or as control messages with tokens.

Law.   One call never mixes host data with device data, and consumes exactly what it reports.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg_locked, tcp_recvmsg_dmabuf); net/core/scm.c (put_cmsg, put_cmsg_notrunc).
Omits. Timestamps (SO_TIMESTAMP and its family); signals, which end a call early on Linux; TCP_REPAIR.

A call that may wait comes here once for every piece it waits for: ``msg`` keeps what the pieces before it gave.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, ENOTCONN
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_diff
from devmemlab.base.trace import COPY_USER, emit
from devmemlab.mem.ledger import RECV_COPY, ledger_add
from devmemlab.net.linear import skb_copy_bits
from devmemlab.sock.deliver import tcp_recvmsg_dmabuf
from devmemlab.sock.uapi import (
    IPPROTO_TCP,
    MSG_CTRUNC,
    MSG_OOB,
    MSG_PEEK,
    MSG_SOCK_DEVMEM,
    MSG_TRUNC,
    MSG_WAITALL,
    TCP_INQ,
    put_cmsg_int,
)
from devmemlab.sock.urgent import tcp_recv_urg
from devmemlab.tcp.ack import tcp_cleanup_rbuf
from devmemlab.tcp.queues import rcvq_eat
from devmemlab.tcp.states import CLOSE, LISTEN
from devmemlab.tcp.urgent import URG_NONE

UNSET = -1


@kernel
def msg_begin(tcbs, sock, msg, user_at, user_length, control_length, msg_flags):
    """Prepare the cursors of a new call.

    Parameters
    ----------
    tcbs : Tcbs
        Tells where reading begins.
    sock : int64
        Row of the connection.
    msg : MSGHDR
        Written.
    user_at, user_length : int64
        Place of the user's buffer.
    control_length : int64
        Room for control messages.
    msg_flags : int64
        MSG_PEEK begins at ``peek_off`` when that is set.
    """
    row = tcbs.tcb[sock]
    msg.user_at = user_at
    msg.user_left = user_length
    msg.control_at = 0
    msg.control_left = control_length
    msg.linear_bytes = 0
    msg.frags = 0
    msg.msg_flags = 0
    msg.kind = UNSET
    msg.copied = 0
    msg.may_wait = 0
    msg.seq = seq_add(row.copied_seq, max(row.peek_off, 0)) if msg_flags & MSG_PEEK else row.copied_seq


@kernel
def sock_rcvlowat(row, msg_flags, length):
    """Tell how much a call that may wait waits for.

    Parameters
    ----------
    row : TCB
        ``rcvlowat``.
    msg_flags : int64
        MSG_WAITALL.
    length : int64
        Octets wanted.

    Returns
    -------
    target : int64
        1 or more.
    """
    return max(length if msg_flags & MSG_WAITALL else min(row.rcvlowat, length), np.int64(1))


@kernel
def _nothing_more(row, msg, target):
    """Decide what a call does that has read all there is.

    Parameters
    ----------
    row : TCB
        A pending error is cleared when it is returned.
    msg : MSGHDR
        ``may_wait`` is set when more could satisfy the call.
    target : int64
        From `sock_rcvlowat`.

    Returns
    -------
    copied : int64
        As `tcp_recvmsg` returns it.
    """
    over = row.fin_received or row.error or row.state == CLOSE
    if msg.copied > 0 or msg.kind != UNSET:
        msg.may_wait = np.int64(0 < msg.copied < target and not over)
        return msg.copied
    if row.fin_received:
        return np.int64(0)
    if row.error:
        err = -row.error
        row.error = 0
        return err
    if row.state == CLOSE:
        return np.int64(-ENOTCONN) if row.irs == 0 and row.rport == 0 else np.int64(0)
    msg.may_wait = 1
    return np.int64(-EAGAIN)


@kernel
def tcp_put_inq(tcbs, sock, control, msg):
    """At the end of a successful call, tell how much is left to read, if the program wants to know (TCP_INQ).

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    sock : int64
        Row of the connection.
    control : uint8[k]
        The control buffer.
    msg : MSGHDR
        The control cursor advances; ``msg_flags`` gets MSG_CTRUNC when the message does not fit.

    References
    ----------
    Linux net/ipv4/tcp.c, tcp_inq_hint(): behind the last octet the end of the stream counts as one.
    """
    row = tcbs.tcb[sock]
    if row.recvmsg_inq:
        waiting = np.int64(seq_diff(row.rcv_nxt, row.copied_seq))
        used, truncated = put_cmsg_int(control, msg.control_at, msg.control_left, IPPROTO_TCP, TCP_INQ, waiting)
        msg.control_at += used
        msg.control_left -= used
        if truncated:
            msg.msg_flags |= MSG_CTRUNC


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
        From `msg_begin`, or as the piece before left it. ``may_wait`` tells whether a call that may wait should.
    length : int64
        The iov's length: limits device bytes too, although they are not written there.
    msg_flags : int64
        MSG_SOCK_DEVMEM, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB.
    now_ns : int64
        Time.

    Returns
    -------
    copied : int64
        Octets consumed, those of earlier pieces included; 0 at the end of the stream. ``-EAGAIN`` nothing yet, ``-ENOTCONN`` a
        listener, ``-EFAULT`` device data without the flag, and the errors of `tcp_recvmsg_dmabuf` and `tcp_recv_urg`.
    """
    row = tcbs.tcb[sock]
    msg.may_wait = 0
    if row.state == LISTEN:
        return np.int64(-ENOTCONN)
    if msg_flags & MSG_OOB:
        return tcp_recv_urg(memory, row, skbs, netmems, ledger, user, msg, length, msg_flags)
    peek = msg_flags & MSG_PEEK
    seq = msg.seq if peek else row.copied_seq
    err = np.int64(0)
    exhausted = False
    before = row.copied_seq
    skb = row.rcvq_head
    while True:
        if row.urg_state != URG_NONE and row.urg_seq == seq and msg.copied > 0:
            break
        while skb and seq_diff(seq, skbs.skb[skb].seq) >= skbs.skb[skb].length:
            skb = skbs.skb[skb].next
        if skb == 0:
            exhausted = True
            break
        s = skbs.skb[skb]
        offset = seq_diff(seq, s.seq)
        used = min(s.length - offset, length - msg.copied)
        in_hole = False
        if row.urg_state != URG_NONE:
            to_mark = np.int64(seq_diff(row.urg_seq, seq))
            if 0 < to_mark < used:
                used = to_mark
            elif to_mark == 0 and used > 0 and row.oobinline == 0:
                # The urgent octet is not part of the stream; this call begins behind it.
                seq = seq_add(seq, 1)
                row.copied_seq = row.copied_seq if peek else seq
                offset += 1
                used -= 1
                in_hole = used == 0
        if not in_hole:
            if msg_flags & MSG_TRUNC == 0:
                if msg.kind != UNSET and msg.kind != s.unreadable:
                    break
                if s.unreadable == 0:
                    err = np.int64(-EFAULT)
                    if used <= msg.user_left:
                        err = np.int64(skb_copy_bits(memory, skbs, skb, netmems, offset, user, msg.user_at, used))
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
            msg.kind = s.unreadable
            seq = seq_add(seq, used)
            msg.copied += used
            if peek and row.peek_off >= 0:
                row.peek_off += used
            elif peek == 0 and row.peek_off > 0:
                row.peek_off = max(row.peek_off - used, 0)
        following = s.next
        if peek == 0:
            row.copied_seq = seq
            row.bytes_copied += used
            if row.urg_state != URG_NONE and seq_after(seq, row.urg_seq):
                row.urg_state = URG_NONE
            if offset + used >= s.length:
                rcvq_eat(tcbs, skbs, sock, pools, netmems, providers, trace)
        if offset + used >= s.length:
            skb = following
        if msg.copied >= length:
            break
    msg.seq = seq
    if row.copied_seq != before:
        tcp_cleanup_rbuf(tcbs, txq, skbs, trace, sock, now_ns)
    if exhausted:
        return _nothing_more(row, msg, sock_rcvlowat(row, msg_flags, length))
    return msg.copied if msg.copied > 0 or err == 0 else err
