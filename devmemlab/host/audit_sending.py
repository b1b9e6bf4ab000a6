"""The audit of what is sent without a copy: bindings for sending, pinned pages, completion objects.

Law.   For every TX binding: references = 1 while its id lives + frags in skbs; for every completion object: references = skbs.
Reads. Spec sections 17.7 and 18.1.
Omits. Pages that the copying sendmsg fills: `devmemlab.mem.audit` counts those.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.mem.dmabuf import TO_DEVICE
from devmemlab.mem.provider_table import net_iov_binding
from devmemlab.net.zerocopy import UBUF_TRUESIZE


@kernel
def count_sending(skbs, netmems, providers, frags, lent, page_refs):
    """Count what skbs to be sent refer to.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    netmems, providers : NETMEM[n_netmem], Providers
        Whose a frag is.
    frags : int64[n_binding]
        Zeros; gets the frags of each binding.
    lent : int64[n_ubuf]
        Zeros; gets the skbs of each completion object.
    page_refs : int64[n_row]
        Zeros; gets the frags of each page row below its length.

    Returns
    -------
    count : int64
        Frags of device memory.
    """
    count = np.int64(0)
    for skb in range(1, skbs.ctl[0].watermark):
        row = skbs.skb[skb]
        if row.active == 0 or row.pp_recycle:
            continue
        if row.ubuf:
            lent[row.ubuf] += 1
        for i in range(row.nr_frags):
            netmem = skbs.frag[skb, i].netmem
            binding = net_iov_binding(netmems, providers, netmem)
            if binding:
                frags[binding] += 1
                count += 1
            elif netmem >> 1 < len(page_refs):
                page_refs[netmem >> 1] += 1
    return count


def audit_sending(host):
    """Check the references of what is sent without a copy.

    Parameters
    ----------
    host : Host
        Not changed.

    Returns
    -------
    count : int
        Frags of device memory that wait to be sent or acknowledged.

    Raises
    ------
    AssertionError
        Names the first broken rule.
    """
    mem, skbs = host.mem, host.skbs
    pins = list(host.pins.pins.values())
    rows = max((pin.row + pin.count for pin in pins), default=0)
    frags, lent = np.zeros(len(mem.providers.binding), np.int64), np.zeros(int(skbs.ubuf_ctl[0].watermark), np.int64)
    page_refs = np.zeros(rows, np.int64)
    count = int(count_sending(skbs, mem.netmems, mem.providers, frags, lent, page_refs))
    for binding in np.nonzero(mem.providers.binding.kind)[0]:
        own = mem.providers.binding[binding]
        if own.direction == TO_DEVICE and own.ref != own.live + frags[binding]:
            raise AssertionError(f"TX binding {binding} has {own.ref} references, but its id ({own.live}) and {frags[binding]} "
                                 f"frags need {own.live + frags[binding]}")
    for pin in pins:
        had, seen = mem.netmems[pin.row:pin.row + pin.count].page_refcount - 1, page_refs[pin.row:pin.row + pin.count]
        wrong = np.nonzero(had != seen)[0]
        if len(wrong):
            row = int(wrong[0])
            raise AssertionError(f"pinned page row {pin.row + row} has {had[row]} references of frags, but {seen[row]} frags")
    active, waiting = skbs.ubuf.active[:len(lent)], np.zeros(len(lent), np.int64)
    charged = np.zeros(len(skbs.errq), np.int64)
    for sock in np.nonzero(skbs.errq.head)[0]:
        at = int(skbs.errq[sock].head)
        while at:
            waiting[at] += 1
            at = int(skbs.ubuf[at].following)
    for ubuf in np.nonzero(active)[0]:
        row = skbs.ubuf[ubuf]
        if row.refs != lent[ubuf] or (row.refs == 0) != (waiting[ubuf] == 1):
            raise AssertionError(f"completion object {ubuf} has {row.refs} references, but {lent[ubuf]} skbs, and is "
                                 f"{waiting[ubuf]} times in an error queue")
        charged[row.sock] += UBUF_TRUESIZE * int(row.life == skbs.errq[row.sock].life)
    wrong = np.nonzero(charged != skbs.errq.charged)[0]
    if len(wrong):
        raise AssertionError(f"socket {int(wrong[0])} is charged {skbs.errq[wrong[0]].charged} octets for completion objects, "
                             f"but has {charged[wrong[0]]}")
    return count
