"""The inspector: one skb with its octets, its frags and who else refers to them; or all that wait in a connection.

Law.   Octets of an unreadable skb are shown up to the end of its linear part; of the rest it says that nobody here may read it.
Reads. Linux net/core/skbuff.c (skb_dump).
Omits. Octets of frag lists among those of the first skb: a link is an skb of its own, inspected with it.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.errno import ENOENT, error
from devmemlab.base.xarray import FANOUT, SHIFT
from devmemlab.mem.netmem import netmem_is_net_iov
from devmemlab.mem.provider_table import net_iov_binding_id, net_iov_virtual_offset
from devmemlab.mem.region import memory
from devmemlab.net.linear import skb_copy_bits


class FragView(NamedTuple):
    """One frag. ``kind`` is ``"net_iov"`` or ``"page"``; ``binding`` and ``frag_offset`` are None for pages; ``pool`` is -1
    for what is to be sent; ``tokens`` are pairs of connection row and token."""

    number: int
    netmem: int
    kind: str
    offset: int
    length: int
    pool: int
    pp_ref_count: int
    binding: int | None
    frag_offset: int | None
    tokens: tuple


class Inspection(NamedTuple):
    """What ``host.inspect(skb)`` found; ``octets`` are those that may be read, ``linked`` the inspections of ``links``."""

    skb: int
    headlen: int
    length: int
    truesize: int
    users: int
    readable: bool
    octets: bytes
    frags: tuple
    links: tuple
    linked: tuple = ()

    def __str__(self):
        lines = [f"skb {self.skb}: {self.length} octets, {self.headlen} of them linear, truesize {self.truesize}, "
                 f"{self.users} user{'s' if self.users != 1 else ''}, {'readable' if self.readable else 'unreadable'}"]
        for at in range(0, min(len(self.octets), 64), 16):
            lines.append(f"  {at:04x}  {self.octets[at:at + 16].hex(' ')}")
        for f in self.frags:
            where = (f"binding {f.binding} at {f.frag_offset}" if f.kind == "net_iov" else f"page {f.netmem >> 1} at {f.offset}")
            held = ", ".join(f"token {token} of connection {sock}" for sock, token in f.tokens)
            owner = "to be sent" if f.pool < 0 else f"pool {f.pool}, pp_ref_count {f.pp_ref_count}"
            lines.append(f"  frag {f.number}: {f.length} octets of {where}, {owner}"
                         + (f", {held}" if held else "") + ("" if self.readable else ", not readable"))
        if self.links:
            lines.append(f"  frag list: skbs {', '.join(map(str, self.links))}")
        return "\n".join(lines)

    __repr__ = __str__


class Queue(NamedTuple):
    """What ``host.inspect(conn)`` found: the skbs that wait in a connection.

    ``charged`` are the octets that count against ``rcvbuf``; ``skbs`` are in order, ``early`` came before something that is
    missing.
    """

    sock: int
    charged: int
    rcvbuf: int
    skbs: tuple
    early: tuple

    @property
    def length(self):
        """Octets of the stream that wait, in order."""
        return sum(found.length for found in self.skbs)

    @property
    def frags(self):
        """All frags, those of frag lists included."""
        return tuple(f for found in self.skbs + self.early for one in (found, *found.linked) for f in one.frags)

    def __str__(self):
        lines = [f"connection {self.sock}: {len(self.skbs)} skbs in order, {len(self.early)} early, {len(self.frags)} frags, "
                 f"{self.length} octets in order, {self.charged} charged of {self.rcvbuf}"]
        return "\n".join([*lines, *map(str, self.skbs + self.early)])

    __repr__ = __str__


def tokens_of(tokens):
    """List the tokens of all connections.

    Parameters
    ----------
    tokens : XArrays
        Not changed.

    Returns
    -------
    held : dict of int to list of (int, int)
        Netmem -> connection row and token.
    """
    held = {}
    for tree in np.nonzero(tokens.root.top)[0].tolist():
        root = tokens.root[tree]
        nodes = [(int(root.top), 0)]
        for _ in range(int(root.levels) - 1):
            nodes = [(int(entry), first << SHIFT | k) for node, first in nodes
                     for k, entry in enumerate(tokens.slot[node].entry[:FANOUT]) if entry]
        for node, first in nodes:
            for k in np.nonzero(tokens.slot[node].entry[:FANOUT])[0].tolist():
                held.setdefault(int(tokens.slot[node, k].entry), []).append((tree, first << SHIFT | k))
    return held


def inspect_skb(host, skb):
    """Look at an skb.

    Parameters
    ----------
    host : Host
        Not changed.
    skb : int
        Row; for example ``rcvq_head`` of a connection.

    Returns
    -------
    found : Inspection
        Prints as text, and as a table in a notebook.

    Raises
    ------
    OSError
        ENOENT when no such skb is alive.
    """
    return _look(host, skb, tokens_of(host.tokens))


def _chain(skbs, first):
    """Follow a chain of skbs.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    first : int
        Row, 0 when there is none.

    Returns
    -------
    rows : list of int
        In order.
    """
    rows, at = [], int(first)
    while at:
        rows.append(at)
        at = int(skbs.skb[at].next)
    return rows


def inspect_queue(host, conn):
    """Look at all skbs that wait in a connection.

    Parameters
    ----------
    host : Host
        Not changed.
    conn : Socket
        One of its connections.

    Returns
    -------
    found : Queue
        Prints as text, and as a picture in a notebook.
    """
    row, held = host.tcbs.tcb[conn.sock], tokens_of(host.tokens)
    in_order, early = (tuple(_look(host, skb, held) for skb in _chain(host.skbs, first))
                       for first in (row.rcvq_head, row.ofo_head))
    return Queue(conn.sock, int(row.rmem_alloc), int(row.rcvbuf), in_order, early)


def _look(host, skb, held):
    """Look at an skb and the links of its frag list.

    Parameters
    ----------
    host : Host
        Not changed.
    skb : int
        Row.
    held : dict
        From `tokens_of`.

    Returns
    -------
    found : Inspection
        With inspections of its links.
    """
    skbs, mem = host.skbs, host.mem
    if not 0 < skb < len(skbs.skb) or not skbs.skb[skb].active:
        raise error(ENOENT, f"skb {skb} is not alive; rows that are: see host.skbs.skb.active")
    row, frags = skbs.skb[skb], []
    for k in range(int(row.nr_frags)):
        frag = skbs.frag[skb, k]
        netmem = int(frag.netmem)
        state, device = mem.netmems[netmem >> 1], bool(netmem_is_net_iov(netmem))
        tables = mem.netmems, mem.providers, netmem
        frags.append(FragView(k, netmem, "net_iov" if device else "page", int(frag.offset), int(frag.length), int(state.pp) - 1,
                              int(state.pp_ref_count), int(net_iov_binding_id(*tables)) if device else None,
                              int(net_iov_virtual_offset(*tables) + frag.offset) if device else None,
                              tuple(held.get(netmem, ()))))
    links = _chain(skbs, row.frag_list)
    shown = int(row.headlen) + (0 if row.unreadable else sum(f.length for f in frags))
    octets = np.zeros(shown, np.uint8)
    skb_copy_bits(memory(), skbs, skb, mem.netmems, 0, octets, 0, shown)
    return Inspection(skb, int(row.headlen), int(row.length), int(row.truesize), int(row.users), not row.unreadable,
                      octets.tobytes(), tuple(frags), tuple(links), tuple(_look(host, link, held) for link in links))
