"""Room in pages: how many buffers a device queue has left, and how many of them are promised.

Law.   With ``page_aware`` set, no window promises more payload than the free buffers of the connection's queue can take.
Reads. RFC 9293 section 3.8.6, RFC 7323 section 2.4; Linux has nothing of the kind (spec section 27, point 5). The share of each
       connection is that of Choudhury and Hahne's dynamic thresholds: no more than what is left for all others.
Omits. Senders that begin to send smaller segments than they ever did: what was promised to them stays promised (the right edge
       never moves left), and only the half that is never promised stands between them and an empty pool. User providers
       that refuse buffers which their books call free.

Every segment begins a buffer of its own, so a window is counted in buffers first and in octets last. ``page_octets`` is the least
that a buffer has carried of this sender, as a running average over several segments (one short last segment is no habit) and
remembered while four to eight times the buffers of the pool are used: a sender of small messages, once held back, sends large
segments for a while, and small ones again as soon as it may.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_count
from devmemlab.base.seq import seq_diff
from devmemlab.mem.page_pool import page_pool_inflight
from devmemlab.mem.pool_table import PROVIDER_PAGES
from devmemlab.tcp.states import ESTABLISHED, FIN_WAIT1, FIN_WAIT2, SYN_RECV, SYN_SENT

PAGE_OCTETS_UNKNOWN = 64
"""What a buffer is reckoned to carry of a sender that has sent nothing yet."""
FALL_SHIFT, RISE_SHIFT = 2, 3
"""The running average takes in a quarter of what is less, an eighth of what is more."""
MEMORY_POOLS = 4
RESERVE_SHIFT = 4
"""One buffer in 16 is promised to nobody: segments without payload use one too, for a moment."""


@kernel
def tcp_expects_data(row):
    """Tell whether the peer may still send data that a program will read.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    expects : bool
        False before the SYN, after the FIN, and when no program holds the connection.
    """
    if row.fin_received or row.orphaned:
        return False
    return (row.state == ESTABLISHED or row.state == SYN_RECV or row.state == SYN_SENT or row.state == FIN_WAIT1
            or row.state == FIN_WAIT2)


@kernel
def tcp_room_of(tcbs, row):
    """Find the queue whose buffers a connection's payload goes to.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    row : TCB
        A connection.

    Returns
    -------
    queue : int64
        Row of ``room``; -1 when they are pages, which never run out. A connection whose SYN is not answered yet may come in
        at any queue of its NIC, and is reckoned with the poorest.
    """
    if row.rx_queue:
        return row.rx_queue - 1 if tcbs.room[row.rx_queue - 1].active else np.int64(-1)
    poorest = np.int64(-1)
    for queue in range(tcbs.ctl[0].rooms):
        room = tcbs.room[queue]
        if room.active and room.nic == row.nic and (poorest < 0 or room.own + room.shared < (
                tcbs.room[poorest].own + tcbs.room[poorest].shared)):
            poorest = np.int64(queue)
    return poorest


@kernel
def _charge(tcbs, row):
    """Count anew how many buffers the window of a connection promises.

    Parameters
    ----------
    tcbs : Tcbs
        ``promised`` of its queue.
    row : TCB
        ``pages_promised``.
    """
    pages = np.int64(0)
    queue = tcp_room_of(tcbs, row)
    if queue >= 0 and tcp_expects_data(row):
        window = max(seq_diff((row.rcv_wup + row.rcv_wnd) & 0xFFFFFFFF, row.rcv_nxt), 0)
        carries = row.page_octets if row.page_octets else PAGE_OCTETS_UNKNOWN
        pages = (window + carries - 1) // carries
    if row.room_charged:
        tcbs.room[row.room_charged - 1].promised -= row.pages_promised
    row.pages_promised = pages
    row.room_charged = queue + 1
    if queue >= 0:
        tcbs.room[queue].promised += pages


@kernel
def tcp_promise_pages(tcbs, row):
    """Note what a window that was just advertised promises.

    Parameters
    ----------
    tcbs : Tcbs
        The books of the queue.
    row : TCB
        A connection.
    """
    if tcbs.ctl[0].page_aware:
        _charge(tcbs, row)


@kernel
def tcp_note_room(tcbs, rxqs, pools, providers):
    """Count the free buffers of every device queue, and what all connections were promised of them.

    Parameters
    ----------
    tcbs : Tcbs
        ``room`` is written anew.
    rxqs : RxQueues
        Posted descriptors are free buffers.
    pools : PagePools
        So is what rests in cache and ring.
    providers : Providers
        And so is what no pool has taken.
    """
    if tcbs.ctl[0].page_aware == 0:
        return
    tcbs.ctl[0].rooms = 0
    for queue in range(len(tcbs.room)):
        q, room = rxqs.ctl[queue], tcbs.room[queue]
        room.active = 0
        room.promised = 0
        if q.active == 0 or q.pool < 0 or pools.ctl[q.pool].provider == PROVIDER_PAGES:
            continue
        ctl = pools.ctl[q.pool]
        room.active = 1
        tcbs.ctl[0].rooms = queue + 1
        room.nic = q.nic
        room.binding = ctl.mp_priv
        room.buffer_bytes = q.buffer_bytes
        room.total = providers.binding[ctl.mp_priv].niov_count
        room.own = ctl.cache_count + ring_count(pools.ring, q.pool) + q.post - q.used
        room.shared = room.total
        seen = np.int64(0)
        for pool in range(len(pools.ctl)):
            other = pools.ctl[pool]
            seen += other.alive
            if other.alive and other.provider != PROVIDER_PAGES and other.mp_priv == ctl.mp_priv:
                room.shared -= page_pool_inflight(pools, pool)
            if seen == pools.common[0].alive:
                break
    for tcb in range(1, tcbs.ctl[0].watermark):
        tcbs.tcb[tcb].room_charged = 0
        if tcp_expects_data(tcbs.tcb[tcb]):
            _charge(tcbs, tcbs.tcb[tcb])


@kernel
def tcp_pages_unpromised(tcbs, row, queue):
    """Count the buffers that a connection could be promised without breaking a promise to another one.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    row : TCB
        A connection.
    queue : int64
        Row of its room.

    Returns
    -------
    pages : int64
        0 or more; those it was promised itself are among them, those kept in reserve are not.
    """
    room = tcbs.room[queue]
    free = room.own + room.shared - max(room.total >> RESERVE_SHIFT, 1) - room.promised
    if row.room_charged == queue + 1:
        free += row.pages_promised
    for other in range(tcbs.ctl[0].rooms):
        # What a neighbour's own buffers do not cover it will take from the provider that both share.
        if other != queue and tcbs.room[other].active and tcbs.room[other].binding == room.binding:
            free -= max(tcbs.room[other].promised - tcbs.room[other].own, 0)
    return max(free, 0)


@kernel
def tcp_full_segment(tcbs, row):
    """Tell how long a segment the peer may send.

    Parameters
    ----------
    tcbs : Tcbs
        The path MTU.
    row : TCB
        A connection.

    Returns
    -------
    octets : int64
        Of payload: what our SYN said, or what the interface's MTU leaves.
    """
    if row.advmss:
        return row.advmss
    return tcbs.ctl[0].pmtu - (40 if row.ip_version == 4 else 60)


@kernel
def tcp_page_window(tcbs, row):
    """Octets that the buffers which a connection may be promised will carry, as its peer has been filling them.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    row : TCB
        A connection.

    Returns
    -------
    window : int64
        Those of half of the buffers that are left, so that other connections find some; of more where it takes more to let
        one full segment in. -1 when buffers are no limit: the option is off, or the connection's queue has pages.
    """
    if tcbs.ctl[0].page_aware == 0:
        return np.int64(-1)
    queue = tcp_room_of(tcbs, row)
    if queue < 0:
        return np.int64(-1)
    free = tcp_pages_unpromised(tcbs, row, queue)
    if row.page_octets == 0:
        return (free >> 1) * PAGE_OCTETS_UNKNOWN
    return max((free >> 1) * row.page_octets, min(free * row.page_octets, tcp_full_segment(tcbs, row)))


@kernel
def tcp_measure_pages(tcbs, row, payload_bytes, buffers):
    """Learn from a segment how much its sender puts into a buffer.

    Parameters
    ----------
    tcbs : Tcbs
        How many buffers there are decides how long is remembered.
    row : TCB
        ``page_octets`` becomes the least that the running average has been.
    payload_bytes, buffers : int64
        Of a segment that lies in device memory, or of several that GRO made one.
    """
    if tcbs.ctl[0].page_aware == 0:
        return
    carried = max(payload_bytes // max(buffers, 1), 1)
    if row.page_average == 0:
        row.page_average = carried
        row.page_least = carried
        row.page_least_before = carried
    elif carried < row.page_average:
        row.page_average += (carried - row.page_average) >> FALL_SHIFT
    else:
        row.page_average += (carried - row.page_average) >> RISE_SHIFT
    row.page_least = min(row.page_least, row.page_average)
    row.page_count += buffers
    queue = tcp_room_of(tcbs, row)
    if queue >= 0 and row.page_count >= MEMORY_POOLS * tcbs.room[queue].total:
        row.page_count = 0
        row.page_least_before = row.page_least
        row.page_least = row.page_average
    row.page_octets = min(row.page_least, row.page_least_before)
