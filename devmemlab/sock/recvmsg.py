"""recvmsg: the receive queue as bytes, or as control messages with tokens.

Law.   One call never mixes host data with device data, and consumes exactly what it reports.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg_locked, tcp_recvmsg_dmabuf); net/core/scm.c (put_cmsg_notrunc).
Omits. MSG_OOB, MSG_WAITALL and SO_RCVLOWAT; TCP_INQ and timestamp messages.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, ENOTCONN
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_diff
from devmemlab.base.trace import COPY_USER, emit
from devmemlab.mem.ledger import RECV_COPY, ledger_add
from devmemlab.net.linear import skb_copy_bits
from devmemlab.sock.deliver import tcp_recvmsg_dmabuf
from devmemlab.sock.uapi import MSG_PEEK, MSG_SOCK_DEVMEM, MSG_TRUNC
from devmemlab.tcp.ack import tcp_cleanup_rbuf
from devmemlab.tcp.queues import rcvq_eat
from devmemlab.tcp.states import CLOSE, LISTEN

UNSET = -1


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
