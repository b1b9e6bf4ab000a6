"""Delivery: one unreadable skb becomes control messages and tokens.

Law.   A piece is described, counted and referenced in one breath, or not at all.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg_dmabuf); net/core/scm.c (put_cmsg_notrunc).
Omits. The rate-limited line in the kernel log about a frag that is no net_iov.

A control message takes 40 octets. When the next one does not fit, what was delivered so far is
returned; when nothing was, the error is 525 (ETOOSMALL), and nothing is lost.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, ENODEV, ETOOSMALL
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.table import schema
from devmemlab.base.trace import CMSG_LINEAR, emit
from devmemlab.mem.ledger import LINEAR_COPY, ledger_add
from devmemlab.sock.deliver_frags import CMSG_BYTES, deliver_frags
from devmemlab.sock.uapi import SCM_DEVMEM_LINEAR, put_devmem_cmsg

MSGHDR = schema("user_at", "user_left", "control_at", "control_left", "linear_bytes", "frags",
                "msg_flags", "kind", "seq", "copied", "may_wait")


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
        piece, start, err = deliver_frags(skbs, at, netmems, providers, tokens, offset, want, control, msg, trace, sock)
        described = described or msg.control_at != before
        sent += piece
        offset += piece - start
        want -= piece
        at = row.frag_list if at == skb else row.next
    if described:
        return sent
    return err if err != 0 else np.int64(-EFAULT)
