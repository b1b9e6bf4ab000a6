"""Who holds whom, as data: netlink sockets, bindings, pools, net_iovs and dmabufs, read from the tables.

Law.   What a count says is held, and who is seen to hold it, are read apart; a difference gets an edge of its own.
Reads. Spec sections 4.3 and 18.1; BINDING, POOL, NETMEM, MAPPING, DMABUF, the queues, skbs and tokens of a host.
Omits. Pools on host pages: their pages belong to no binding.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.mem.dmabuf import TO_DEVICE
from devmemlab.view.heat_map import resting_rows


class Edge(NamedTuple):
    """One kind of reference.

    source, target : str
        Holder, and what it holds.
    currency : str
        ``"binding ref"``, ``"pp_ref"`` or ``"dmabuf ref"``.
    count : int
        How many.
    """

    source: str
    target: str
    currency: str
    count: int


class Pool(NamedTuple):
    """A page_pool with a provider.

    name : str
        For people.
    row, queue, held, cached, ring : int
        Its row, its queue (-1: none), hold_cnt - release_cnt, and what rests.
    detached : bool
        It waits for its last buffers.
    holders : list of (str, str, int)
        Name, state (``"posted"``, ``"socket"``, ``"token"``, ``"out"``), and references, of those who hold its net_iovs.
    """

    name: str
    row: int
    queue: int
    held: int
    cached: int
    ring: int
    detached: bool
    holders: list


class Bound(NamedTuple):
    """A binding.

    name : str
        For people.
    row, ref, length : int
        Its row, its count and its size.
    live : bool
        Its id can be looked up.
    direction : str
        ``"rx"`` or ``"tx"``.
    holders : list of (str, int)
        Those who hold it, pools left out.
    pools : list of Pool
        Those that live on it.
    """

    name: str
    row: int
    ref: int
    length: int
    live: bool
    direction: str
    holders: list
    pools: list


class Buffer(NamedTuple):
    """A dmabuf.

    name : str
        For people.
    row, refs, length, attachments : int
        As its row says.
    holders : list of (str, int)
        Those who hold it, bindings left out.
    bindings : list of Bound
        Those attached to it.
    """

    name: str
    row: int
    refs: int
    length: int
    attachments: int
    holders: list
    bindings: list


def token_rows(tokens, tree):
    """List the netmem rows that the tokens of one socket hold.

    Parameters
    ----------
    tokens : XArrays
        Of a host.
    tree : int
        Row of the connection.

    Returns
    -------
    rows : int64[n]
        One for each token, in the order of their ids.
    """
    root = tokens.root[tree]
    if root.top == 0:
        return np.zeros(0, np.int64)
    nodes = np.array([int(root.top)])
    for _ in range(int(root.levels) - 1):
        below = np.asarray(tokens.slot["entry"])[nodes].ravel()
        nodes = below[below != 0]
    entries = np.asarray(tokens.slot["entry"])[nodes].ravel()
    return entries[entries != 0] >> 1


def net_iov_holders(host):
    """List who holds which buffers.

    Parameters
    ----------
    host : Host
        Whose tables.

    Returns
    -------
    holders : list of (str, str, int64[n])
        Name, state, and the netmem row of each reference.
    """
    holders, rxqs = [], host.rxqs
    for queue in range(len(rxqs.ctl)):
        q = rxqs.ctl[queue]
        mask = int(q.desc_count) - 1
        desc = np.asarray(rxqs.desc["netmem"])[queue][np.arange(int(q.used), int(q.post)) & mask]
        done = np.asarray(rxqs.cqe["netmem"])[queue][np.arange(int(q.clean), int(q.complete)) & mask]
        rows = np.concatenate([desc, done])
        holders.append((f"RX queue {queue}", "posted", rows[rows != 0] >> 1))
    skbs = host.skbs
    end = int(skbs.ctl[0].watermark)
    used = np.flatnonzero(np.asarray(skbs.skb.active)[:end])
    frags = [np.asarray(skbs.frag["netmem"])[skb, :int(skbs.skb[skb].nr_frags)] >> 1 for skb in used]
    holders.append(("skb frags", "socket", np.concatenate([*frags, np.zeros(0, np.int64)])))
    names = {thing.sock: f"tokens of fd {fd}" for fd, thing in sorted(host.fds.things.items())
             if getattr(thing, "sock", 0) > 0}
    for tree in np.flatnonzero(np.asarray(host.tokens.root.live)):
        name = names.get(int(tree), f"tokens of socket {int(tree)}")
        holders.append((name, "token", token_rows(host.tokens, int(tree))))
    return holders


def _pools(mem, binding, holders):
    """Read the pools of a binding.

    Parameters
    ----------
    mem : Mem
        The tables.
    binding : int
        Row.
    holders : list
        From `net_iov_holders`.

    Returns
    -------
    pools : list of Pool
        In the order of their ids: oldest first.
    """
    own = mem.providers.binding[binding]
    rows = np.arange(int(own.touched_low), int(own.touched_high) + 1)
    owner = np.asarray(mem.netmems.pp)
    found = []
    alive = map(int, np.flatnonzero(mem.pools.ctl.alive))
    for row in sorted(alive, key=lambda row: int(mem.pools.ctl[row].id)):
        ctl = mem.pools.ctl[row]
        if not ctl.provider or ctl.mp_priv != binding:
            continue
        cache, ring = resting_rows(mem.pools, row)
        mine = [(name, state, theirs[owner[theirs] == row + 1]) for name, state, theirs in holders]
        out = np.setdiff1d(rows[owner[rows] == row + 1], np.concatenate([cache, ring, *(m[2] for m in mine)]))
        mine.append(("other hands", "out", np.repeat(out, np.asarray(mem.netmems.pp_ref_count)[out])))
        held = int(np.int32(int(ctl.hold_cnt) - int(ctl.release_cnt) & 0xFFFFFFFF))
        found.append(Pool(f"page_pool {int(ctl.id)}", row, int(ctl.queue) if ctl.ifindex else -1, held, len(cache), len(ring),
                          bool(ctl.detached), [(name, state, len(theirs)) for name, state, theirs in mine if len(theirs)]))
    return found


def _bound(mem, binding, fds, holders):
    """Read one binding.

    Parameters
    ----------
    mem : Mem
        The tables.
    binding : int
        Row.
    fds : dict of int to object
        What the host's file descriptors name.
    holders : list
        From `net_iov_holders`.

    Returns
    -------
    bound : Bound
        What its row says, and who is seen to hold it.
    """
    own = mem.providers.binding[binding]
    pools = _pools(mem, binding, holders)
    seen = []
    if own.live:
        sockets = [f"netlink socket fd {fd}" for fd, thing in sorted(fds.items()) if binding in getattr(thing, "bindings", ())]
        seen.append((sockets[0] if sockets else "who bound it", 1))
    if own.hold_niov:
        seen.append(("net_iovs out", sum(pool.held for pool in pools)))
    others = int(own.ref) - len(pools) - sum(count for _, count in seen)
    if others:
        seen.append(("sendmsg, TX frags" if others > 0 else "missing", others))
    return Bound(f"binding {int(own.id)}", binding, int(own.ref), int(own.length), bool(own.live),
                 "tx" if own.direction == TO_DEVICE else "rx", [(name, count) for name, count in seen if count], pools)


def read_references(host):
    """Read who holds whom.

    Parameters
    ----------
    host : Host or Mem
        Its tables; a Mem knows neither sockets nor queues.

    Returns
    -------
    buffers : list of Buffer
        Every dmabuf, in the order of their rows, with its bindings, their pools, and everybody who holds something.
    """
    mem = getattr(host, "mem", host)
    fds = host.fds.things if mem is not host else {}
    holders = net_iov_holders(host) if mem is not host else []
    bindings = {}
    for row in map(int, np.flatnonzero(mem.providers.binding.kind)):
        bindings.setdefault(int(mem.providers.binding[row].dmabuf), []).append(_bound(mem, row, fds, holders))
    found = []
    for row in map(int, np.flatnonzero(mem.dmabufs.buf.refs)):
        buf = mem.dmabufs.buf[row]
        attached = [one for one in bindings.get(row, []) if mem.providers.binding[one.row].attachment]
        seen = [(f"dmabuf fd {fd}", 1) for fd, thing in sorted(fds.items()) if getattr(thing, "dmabuf", None) == row]
        others = int(buf.refs) - len(seen) - len(attached)
        if others:
            seen.append(("other holders" if others > 0 else "missing", others))
        found.append(Buffer(f"dmabuf {row}", row, int(buf.refs), int(buf.length), int(buf.attachments), seen, attached))
    return found


def edges(buffers):
    """Spell every reference as an edge.

    Parameters
    ----------
    buffers : list of Buffer
        From `read_references`.

    Returns
    -------
    edges : list of Edge
        Holders first: net_iovs, bindings, dmabufs, dmabuf by dmabuf.
    """
    found = []
    for buffer in buffers:
        for bound in buffer.bindings:
            found += [Edge(name, bound.name, "binding ref", count) for name, count in bound.holders]
            for pool in bound.pools:
                found += [Edge(name, pool.name, "pp_ref", count) for name, _, count in pool.holders]
                found.append(Edge(pool.name, bound.name, "binding ref", 1))
            found.append(Edge(bound.name, buffer.name, "dmabuf ref", 1))
        found += [Edge(name, buffer.name, "dmabuf ref", count) for name, count in buffer.holders]
    return found
