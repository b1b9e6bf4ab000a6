"""bench tokens: the loops.

Law.   A frag is received by recvmsg and returned by DONTNEED; nobody takes a short cut past either.
Reads. Spec sections 14.3 and 15.2.
Omits. The system calls' own cost, and the card that brings the frags: queueing them is not timed.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_le32
from devmemlab.base.xarray import XArrays
from devmemlab.mem.netmem import netmem_is_net_iov
from devmemlab.mem.page_pool import PagePools, page_pool_alloc_netmems
from devmemlab.mem.provider_table import Providers
from devmemlab.net.skb import Skbs, skb_add_rx_frag, skb_alloc
from devmemlab.sock.deliver import CMSG_BYTES
from devmemlab.sock.recvmsg import msg_begin, tcp_recvmsg
from devmemlab.sock.token_batch import sock_dontneed_tokens
from devmemlab.sock.uapi import MSG_SOCK_DEVMEM
from devmemlab.tcp.output import TxQueue
from devmemlab.tcp.queues import rcvq_append
from devmemlab.tcp.tcb import Tcbs

FRAGS, FRAG_BYTES = 17, 4096
TOKEN_AT = 28


@component(sealed=True)
class Receiver(NamedTuple):
    """What recvmsg and DONTNEED work on, sealed, so that calling them from Python costs next to nothing.

    tcbs, txq, skbs, pools, netmems, providers, tokens, ledger : see `devmemlab.sock.recvmsg.tcp_recvmsg`
        Tables of one host.
    """

    tcbs: Tcbs
    txq: TxQueue
    skbs: Skbs
    pools: PagePools
    netmems: np.recarray
    providers: Providers
    tokens: XArrays
    ledger: np.recarray


@kernel
def queue_frags(tcbs, sock, skbs, pools, netmems, providers, pool, count):
    """Put skbs full of frags into a receive queue, as if a card had brought them.

    Parameters
    ----------
    tcbs : Tcbs
        The queue of row `sock` grows.
    sock : int64
        Row.
    skbs : Skbs
        Rows are taken.
    pools : PagePools
        Buffers of `pool` are taken.
    netmems : NETMEM[n]
        Reference counts.
    providers : Providers
        May hand buffers out.
    pool : int64
        Pool row.
    count : int64
        Frags.

    Returns
    -------
    queued : int64
        Frags; fewer when skbs or buffers ran out.
    """
    row = tcbs.tcb[sock]
    queued = np.int64(0)
    while queued < count:
        skb = skb_alloc(skbs)
        if skb == 0:
            return queued
        s = skbs.skb[skb]
        s.seq = row.rcv_nxt
        for _ in range(min(FRAGS, count - queued)):
            netmem = page_pool_alloc_netmems(pools, netmems, providers, None, pool)
            if netmem_is_net_iov(netmem) == 0:
                return queued
            skb_add_rx_frag(skbs, skb, netmems, netmem, 0, FRAG_BYTES, FRAG_BYTES)
            queued += 1
        s.end_seq = (s.seq + s.length) & 0xFFFFFFFF
        row.rcv_nxt = s.end_seq
        row.rcv_wup = row.rcv_nxt
        rcvq_append(tcbs, skbs, sock, skb)
    return queued


@kernel
def receive_tokens(memory, tcbs, txq, skbs, pools, netmems, providers, tokens, ledger, sock, control, msg, ids, most):
    """Receive up to so many frags in one recvmsg, and read their tokens from the control buffer.

    Parameters
    ----------
    memory : uint8[n]
        All memory; no payload is touched.
    tcbs : Tcbs
        The connection.
    txq : TxQueue
        May grow by a window update.
    skbs : Skbs
        What is read is freed.
    pools : PagePools
        Not changed while tokens hold the buffers.
    netmems : NETMEM[n]
        Reference counts.
    providers : Providers
        Offsets and ids.
    tokens : XArrays
        Tree `sock` grows.
    ledger : LEDGER[n_stage]
        Not changed.
    sock : int64
        Row.
    control : uint8[k]
        Control buffer.
    msg : MSGHDR
        Cursors.
    ids : int64[n]
        Written.
    most : int64
        Frags.

    Returns
    -------
    received : int64
        Tokens in `ids`.
    """
    msg_begin(tcbs, sock, msg, 0, 0, most * CMSG_BYTES, MSG_SOCK_DEVMEM)
    tcp_recvmsg(memory, tcbs, txq, skbs, pools, netmems, providers, tokens, ledger, None, sock, control, control, msg,
                most * FRAG_BYTES, MSG_SOCK_DEVMEM, 0)
    for i in range(msg.frags):
        ids[i] = load_le32(control, i * CMSG_BYTES + TOKEN_AT)
    return msg.frags


@kernel
def exchange(memory, receiver, sock, control, msg, ids, optval, live, picks, count):
    """Receive frags and return as many that were held before, a batch at a time.

    Parameters
    ----------
    memory : uint8[n]
        All memory; no payload is touched.
    receiver : Receiver
        Queues, pools and tokens; as full of tokens after as before.
    sock : int64
        Row.
    control : uint8[k]
        Control buffer.
    msg : MSGHDR
        Cursors.
    ids : int64[batch]
        Scratch.
    optval : uint8[1024]
        Scratch.
    live : int64[n]
        Tokens that are held; the new ones take the places of those that go.
    picks : int64[count]
        Which place goes for each frag; within a batch all differ.
    count : int64
        Frags.

    Returns
    -------
    received, released : int64
        Frags that came, references that went.
    """
    tcbs, txq, skbs, pools, netmems = receiver.tcbs, receiver.txq, receiver.skbs, receiver.pools, receiver.netmems
    providers, tokens = receiver.providers, receiver.tokens
    received = np.int64(0)
    released = np.int64(0)
    while received < count:
        got = receive_tokens(memory, tcbs, txq, skbs, pools, netmems, providers, tokens, receiver.ledger, sock, control, msg, ids,
                             min(len(ids), count - received))
        if got <= 0:
            break
        for i in range(got):
            place = picks[received + i]
            going = live[place]
            live[place] = ids[i]
            ids[i] = going
        received += got
        released += sock_dontneed_tokens(tokens, sock, pools, netmems, providers, None, ids[:got], optval)
    return received, released
