"""Leaving the host: what a device must be able to do to send an skb, and what becomes of one that it cannot send.

Law.   An skb of device memory leaves through the device that its binding names, gathered and summed by it, or is dropped and
       counted; whoever sent it is told nothing.
Reads. Linux net/core/dev.c (validate_xmit_skb, validate_xmit_unreadable_skb, skb_checksum_help); spec section 17.5.
Omits. What the stack does for readable skbs on such a device (copying them together, adding them up): the frames are the same.
       Virtual devices that pass everything on to a physical one.
"""

from devmemlab.base.kernel import kernel
from devmemlab.net.refuse import skb_checksum_help, skb_may_xmit
from devmemlab.net.skb import skb_free


def _ability(name, said):
    """Make a property that is a field of the NIC's row."""
    def get(self):
        return bool(self.ctl[name])

    def put(self, on):
        self.ctl[name] = int(bool(on))

    return property(get, put, doc=said)


class Transmits:
    """The part of a network device that says how it sends. Each may be set; a device is made able to do all."""

    netmem_tx = _ability("netmem_tx", "bool: sends from device memory (``netmem_tx`` of struct net_device).")
    scatter_gather = _ability("sg", "bool: gathers frags (NETIF_F_SG); without it MSG_ZEROCOPY copies.")
    tx_checksum = _ability("tx_csum", "bool: makes checksums of what it sends (NETIF_F_HW_CSUM).")


@kernel
def _may_leave(ctl, skbs, skb, netmems, providers):
    """Tell whether a device can send an unreadable skb.

    Parameters
    ----------
    ctl : NIC
        Its abilities.
    skbs, skb, netmems, providers
        See `devmemlab.net.refuse.skb_may_xmit`.

    Returns
    -------
    may : bool
        The first frag decides whose memory it is; then nothing may be left that needs the octets.
    """
    if not skb_may_xmit(skbs, skb, ctl.netmem_tx, ctl.ifindex, netmems, providers):
        return False
    if ctl.sg == 0 and skbs.skb[skb].nr_frags:
        return False                    # it would have to be linearized
    return bool(ctl.tx_csum) or skb_checksum_help(skbs, skb) == 0


@kernel
def validate_xmit(whose, first, count, ctl, nic, skbs, pools, netmems, providers, trace):
    """Drop what a NIC may not send, before its driver sees it.

    Parameters
    ----------
    whose : TXQ_NIC[n_seg]
        Segments that no driver has posted; ``nic`` of a dropped one becomes -1 and its skb loses a user.
    first, count : int64
        The segments that wait are ``[first, count)``.
    ctl : NIC
        ``tx_dropped`` grows.
    nic : int64
        Row.
    skbs : Skbs
        Frags are looked at.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Bindings, each for one device.
    trace : Trace or None
        Receives skb_free.
    """
    for i in range(first, count):
        w = whose[i]
        if w.nic != nic or w.ring or w.skb == 0 or skbs.skb[w.skb].unreadable == 0:
            continue
        if not _may_leave(ctl, skbs, w.skb, netmems, providers):
            ctl.tx_dropped += 1
            skb_free(skbs, w.skb, pools, netmems, providers, trace, 0)
            w.skb = 0
            w.nic = -1
