"""sendmsg: a program's octets become skbs of the send queue.

Law.   An octet that was counted as sent is in the queue; one that was not is untouched.
Reads. Linux net/ipv4/tcp.c (tcp_sendmsg_locked), net/core/sock.c (sk_page_frag_refill).
Omits. Sending without a copy, which is `devmemlab.sock.sendmsg_zerocopy`'s; waiting, which is the floor above's.

Each socket fills pages of 32 KiB one after the other; an skb refers to stretches of them, so that an octet is copied once
on its way to the NIC.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, ENOMEM, EPIPE
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.mem.ledger import SEND_COPY, ledger_add
from devmemlab.mem.netmem import netmem_row
from devmemlab.mem.pages import get_page, page_alloc, put_page
from devmemlab.net.skb import MAX_SKB_FRAGS, skb_alloc
from devmemlab.tcp.output import PSH
from devmemlab.tcp.sndq import sndq_append, sndq_space
from devmemlab.tcp.states import CLOSE_WAIT, ESTABLISHED, SYN_RECV, SYN_SENT
from devmemlab.tcp.xmit import tcp_write_xmit

PAGE_ORDER = 3
PAGE_BYTES = 4096 << PAGE_ORDER


@kernel
def _page_room(row, netmems, providers):
    """Make sure that the socket's page has room.

    Parameters
    ----------
    row : TCB
        ``page`` and ``page_used``; a full page is left to the skbs that refer to it.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        A page is taken where needed.

    Returns
    -------
    room : int64
        Octets, 0 when there is no page.
    """
    if row.page and row.page_used < PAGE_BYTES:
        return PAGE_BYTES - row.page_used
    page_forget(row, netmems, providers)
    row.page = page_alloc(netmems, providers, PAGE_ORDER)
    row.page_used = 0
    if row.page == 0:
        return np.int64(0)
    return np.int64(PAGE_BYTES)


@kernel
def page_forget(row, netmems, providers):
    """Let go of the socket's page.

    Parameters
    ----------
    row : TCB
        ``page`` becomes 0.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets the page when no skb refers to it.
    """
    if row.page:
        put_page(netmems, providers, row.page)
    row.page = 0


@kernel
def _append(memory, row, skbs, skb, netmems, ledger, user, user_at, length):
    """Copy octets to the socket's page and make the skb refer to them.

    Parameters
    ----------
    memory : uint8[n]
        Written in the page.
    row : TCB
        Page and counters.
    skbs : Skbs
        The last frag grows, or one is added.
    skb : int64
        The last skb of the send queue, never sent.
    netmems : NETMEM[n_netmem]
        The page gets a reference for a new frag.
    ledger : LEDGER[n_stage]
        SEND_COPY grows.
    user : uint8[m]
        The program's octets.
    user_at, length : int64
        Which of them; they fit the page.

    Returns
    -------
    done : int64
        1, or 0 when the skb has no frag left.
    """
    s = skbs.skb[skb]
    last = skbs.frag[skb, max(s.nr_frags - 1, 0)]
    if s.nr_frags and last.netmem == row.page and last.offset + last.length == row.page_used:
        last.length += length
    elif s.nr_frags == MAX_SKB_FRAGS:
        return 0
    else:
        frag = skbs.frag[skb, s.nr_frags]
        frag.netmem = row.page
        frag.offset = row.page_used
        frag.length = length
        s.nr_frags += 1
        get_page(netmems, row.page)
    copy_octets(memory, netmems[netmem_row(row.page)].dma_addr + row.page_used, user, user_at, length)
    ledger_add(ledger, SEND_COPY, length)
    row.page_used += length
    s.length += length
    s.data_len += length
    s.truesize += length
    s.end_seq = (s.end_seq + length) & 0xFFFFFFFF
    row.write_seq = s.end_seq
    row.wmem_queued += length
    return 1


@kernel
def tcp_sendmsg(memory, tcbs, txq, skbs, netmems, providers, ledger, trace, sock, user, user_at, length, more, now_ns):
    """Queue a program's octets and send what may go.

    Parameters
    ----------
    memory : uint8[n]
        Written in pages.
    tcbs : Tcbs
        The connection's send queue.
    txq : TxQueue
        Grows by what may go now.
    skbs : Skbs
        The last unsent skb grows, others are added.
    netmems : NETMEM[n_netmem]
        Reference counts of pages.
    providers : Providers
        Pages are taken.
    ledger : LEDGER[n_stage]
        SEND_COPY grows.
    trace : Trace or None
        Receives tcp_send.
    sock : int64
        Row of the connection.
    user : uint8[m]
        The program's octets.
    user_at, length : int64
        Which of them.
    more : int64
        1 when the program says that more follows at once (MSG_MORE).
    now_ns : int64
        Time.

    Returns
    -------
    taken : int64
        Octets queued; ``-EAGAIN`` when there is no room or no connection yet, ``-EPIPE`` when nothing more may be sent,
        ``-ENOMEM`` without memory, or the error that ended the connection, which is told once.
    """
    row = tcbs.tcb[sock]
    if row.error:
        err = row.error
        row.error = 0
        return -err
    if row.state == SYN_SENT or row.state == SYN_RECV:
        return np.int64(-EAGAIN)
    if (row.state != ESTABLISHED and row.state != CLOSE_WAIT) or row.fin_sent:
        return np.int64(-EPIPE)
    taken = np.int64(0)
    failed = np.int64(-EAGAIN)
    while taken < length:
        room = _page_room(row, netmems, providers)
        if room == 0:
            failed = np.int64(-ENOMEM)
            break
        fresh = row.send_head == 0 or skbs.skb[row.sndq_tail].length >= row.mss_now
        if fresh:
            if sndq_space(row) == 0:
                break
            skb = skb_alloc(skbs)
            if skb == 0:
                failed = np.int64(-ENOMEM)
                break
            skbs.skb[skb].pp_recycle = 0
            skbs.skb[skb].tcp_flags = 0
            sndq_append(tcbs, skbs, sock, skb)
        skb = row.sndq_tail
        piece = min(length - taken, room, row.mss_now - skbs.skb[skb].length)
        if _append(memory, row, skbs, skb, netmems, ledger, user, user_at + taken, piece) == 0:
            failed = np.int64(-ENOMEM)
            break
        taken += piece
    if taken and more == 0 and row.send_head:
        skbs.skb[row.sndq_tail].tcp_flags |= PSH
    corked = row.cork
    if more:
        row.cork = 1
    tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, sock, now_ns)
    row.cork = corked
    if taken == 0 and length > 0:
        return failed
    return taken
