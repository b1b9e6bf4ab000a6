"""MSG_OOB: the urgent octet, for whoever asks for it.

Law.   The octet is read where it lies, and only where a CPU can read it.
Reads. Linux net/ipv4/tcp.c (tcp_recv_urg); spec section 27, point 10.
Omits. An octet in device memory has an answer of our own, EFAULT, as for other readers of unreadable skbs: a released kernel
       panics when one arrives. It stays out of line all the same, and SO_OOBINLINE makes it one of its frag again.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, EINVAL, ENOTCONN
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_diff
from devmemlab.mem.ledger import RECV_COPY, ledger_add
from devmemlab.net.linear import skb_copy_bits
from devmemlab.sock.uapi import MSG_OOB, MSG_PEEK, MSG_TRUNC
from devmemlab.tcp.states import CLOSE
from devmemlab.tcp.urgent import URG_NONE, URG_READ, URG_VALID


@kernel
def _find(skbs, skb, seq):
    """Find the skb of a list that has an octet.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        First row of the list.
    seq : int64
        The octet.

    Returns
    -------
    skb : int64
        Row, 0 when none has it.
    """
    while skb and not 0 <= seq_diff(seq, skbs.skb[skb].seq) < skbs.skb[skb].length:
        skb = skbs.skb[skb].next
    return skb


@kernel
def tcp_recv_urg(memory, row, skbs, netmems, ledger, user, msg, length, msg_flags):
    """Receive the urgent octet.

    Parameters
    ----------
    memory : uint8[n]
        Read where the octet lies.
    row : TCB
        ``urg_state`` becomes URG_READ, unless MSG_PEEK.
    skbs : Skbs
        Not changed.
    netmems : NETMEM[n_netmem]
        Addresses of frags.
    ledger : LEDGER[n_stage]
        RECV_COPY.
    user : uint8[m]
        The user's buffer.
    msg : MSGHDR
        User cursor; ``msg_flags`` gets MSG_OOB.
    length : int64
        Room there.
    msg_flags : int64
        MSG_PEEK, MSG_TRUNC.

    Returns
    -------
    copied : int64
        1; 0 without room or at the end. ``-EINVAL``: nothing urgent is there, or it is in line; ``-EAGAIN``: it is announced
        but not there; ``-EFAULT``: it is in device memory; ``-ENOTCONN``.
    """
    if row.oobinline or row.urg_state == URG_NONE or row.urg_state == URG_READ:
        return np.int64(-EINVAL)
    if row.state == CLOSE and row.fin_received == 0:
        return np.int64(-ENOTCONN)
    skb = _find(skbs, row.rcvq_head, row.urg_seq) if row.urg_state == URG_VALID else np.int64(0)
    if skb == 0 and row.urg_state == URG_VALID:
        skb = _find(skbs, row.ofo_head, row.urg_seq)
    if skb == 0:
        return np.int64(0) if row.state == CLOSE or row.fin_received else np.int64(-EAGAIN)
    if length <= 0:
        msg.msg_flags |= MSG_OOB | MSG_TRUNC
    elif msg_flags & MSG_TRUNC == 0:
        if msg.user_left < 1 or skb_copy_bits(memory, skbs, skb, netmems, np.int64(seq_diff(row.urg_seq, skbs.skb[skb].seq)),
                                              user, msg.user_at, np.int64(1)) != 0:
            return np.int64(-EFAULT)
        ledger_add(ledger, RECV_COPY, np.int64(1))
        msg.user_at += 1
        msg.user_left -= 1
    if msg_flags & MSG_PEEK == 0:
        row.urg_state = URG_READ
    msg.msg_flags |= MSG_OOB
    return np.int64(1) if length > 0 else np.int64(0)
