"""Scenes of one skb: held between the driver and TCP, cut, cloned, let go.

Law.   What `hold` does is the first half of a poll, step by step as the kernels take it.
Reads. Spec sections 13.1 and 13.2; `devmemlab.host.poll` for the order of steps.
Omits. Any check: lessons and tests do that in the open.
"""

from devmemlab.base.errno import EINVAL, error
from devmemlab.lab.scenes import PAGE
from devmemlab.lab.scenes_nic import QUEUE
from devmemlab.mem.ledger import DMA_HOST, ledger_add
from devmemlab.mem.region import memory
from devmemlab.net.linear import skb_put_header
from devmemlab.net.napi import napi_next_skb
from devmemlab.net.skb import skb_add_rx_frag, skb_free
from devmemlab.net.skb_clone import skb_clone, skb_split
from devmemlab.nic.rx import nic_rx_frame
from devmemlab.nic.rxq import rxq_refill


def hold(card, octets):
    """Let a frame arrive and do the first half of a poll: an skb is built, and TCP has not seen it.

    Parameters
    ----------
    card : Card
        From `devmemlab.lab.scenes_nic.card`.
    octets : bytes
        The frame; it is split, and fits.

    Returns
    -------
    skb : int
        Row; `free` gives it back.

    Raises
    ------
    OSError
        EINVAL: the card or the driver dropped it.
    """
    host, mem, now_ns = card.host, card.host.mem, card.lab.clock.now_ns
    card.port.inject(octets, at_ns=now_ns)
    burst = card.port.recv(now_ns)
    nic_rx_frame(memory(), burst.octets, burst.frame[0], 0, host.nics, 0, host.rxqs, mem.netmems, host.ledger, host.trace)
    skb, header_at, header_bytes, _ = napi_next_skb(host.rxqs, QUEUE, host.skbs, mem.pools, mem.netmems, mem.providers,
                                                    host.trace, now_ns)
    if skb == 0:
        raise error(EINVAL, "no skb was made of it; drops() tells why")
    skb_put_header(memory(), host.skbs, skb, header_at, header_bytes, host.ledger)
    rxq_refill(host.rxqs, QUEUE, mem.pools, mem.netmems, mem.providers, host.trace)
    return int(skb)


def add_page(card, skb, length=100):
    """Append a frag of a page to an skb, as no driver would.

    Parameters
    ----------
    card : Card
        Its queue 0 has pages.
    skb : int
        Row.
    length : int
        Octets.
    """
    host = card.host
    page = host.mem.alloc(int(host.rxqs.ctl[0].pool))
    # The audit wants to know where octets in skbs come from: as if a card had written them.
    ledger_add(host.ledger, DMA_HOST, length)
    skb_add_rx_frag(host.skbs, skb, host.mem.netmems, page, 0, length, PAGE)


def split(card, skb, length):
    """Cut an skb in two.

    Parameters
    ----------
    card : Card
        Whose.
    skb : int
        Row.
    length : int
        Octets that stay in it.

    Returns
    -------
    rest : int
        Row of the second part.
    """
    return int(skb_split(card.host.skbs, skb, card.host.mem.netmems, card.host.mem.providers, length))


def clone(card, skb):
    """Make a second skb over the same frags.

    Parameters
    ----------
    card : Card
        Whose.
    skb : int
        Row without linear part.

    Returns
    -------
    other : int
        Row.
    """
    return int(skb_clone(card.host.skbs, skb, card.host.mem.netmems, card.host.mem.providers))


def free(card, *skbs):
    """Free skbs.

    Parameters
    ----------
    card : Card
        Whose.
    *skbs : int
        Rows.
    """
    host, mem = card.host, card.host.mem
    for skb in skbs:
        skb_free(host.skbs, skb, mem.pools, mem.netmems, mem.providers, host.trace, 1)
