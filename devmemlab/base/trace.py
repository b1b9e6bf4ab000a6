"""Tracepoints: what happened, as rows.

Law.   The machine emits; nobody is called back. A kernel without a trace pays nothing.
Reads. Linux include/trace/events/page_pool.h for the names it shares.
Omits. Filters: a trace records everything or (``None``) nothing.

`emit` is given the trace as a direct argument. When that argument is None, Numba removes the call
while compiling, so tracing costs nothing where it is off.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

EVENT = schema("at_ns", "kind", "a", "b", "c", "d")
TRACE_CTL = schema("now_ns", "count", "capacity", "lost")

TRACEPOINTS = {
    "frame_in": ("port", "frame", "length_bytes", ""),
    "frame_out": ("port", "frame", "length_bytes", ""),
    "steer": ("queue", "rule", "hash", "frame"),
    "hds_split": ("queue", "header_bytes", "payload_bytes", "frame"),
    "hds_miss": ("queue", "length_bytes", "reason", "frame"),
    "nic_drop": ("queue", "reason", "length_bytes", "frame"),
    "rxq_post": ("queue", "slot", "netmem", ""),
    "dma_header": ("queue", "address", "length_bytes", "frame"),
    "dma_payload": ("queue", "netmem", "offset", "length_bytes"),
    "rxq_complete": ("queue", "slot", "netmem", "length_bytes"),
    "skb_build": ("skb", "headlen", "data_len", "nr_frags"),
    "skb_free": ("skb", "nr_frags", "", ""),
    "tcp_rcv": ("sock", "seq", "payload_bytes", "skb"),
    "tcp_ofo": ("sock", "seq", "payload_bytes", "skb"),
    "tcp_drop": ("sock", "seq", "reason", "skb"),
    "tcp_state": ("sock", "old", "new", ""),
    "tcp_send": ("sock", "seq", "ack", "tcp_flags"),
    "cmsg_dmabuf": ("sock", "frag_token", "netmem", "frag_size"),
    "cmsg_linear": ("sock", "frag_size", "", ""),
    "copy_user": ("sock", "netmem", "length_bytes", ""),
    "device_read": ("netmem", "offset", "length_bytes", ""),
    "dontneed": ("sock", "frag_token", "netmem", ""),
    "page_pool_state_hold": ("pool", "netmem", "hold_cnt", ""),
    "page_pool_state_release": ("pool", "netmem", "release_cnt", ""),
    "page_pool_recycle": ("pool", "netmem", "place", ""),
    "page_pool_empty": ("pool", "", "", ""),
    "binding": ("binding", "event", "id", ""),
    "gro_merge": ("skb", "into", "nr_frags", ""),
    "tcp_prune": ("sock", "skb", "length_bytes", ""),
    "zerocopy_done": ("sock", "first", "last", "copied"),
    "zcrx_cqe": ("sock", "netmem", "length_bytes", "off"),
}
"""Every tracepoint and the names of its four arguments."""

NAMES = tuple(TRACEPOINTS)
globals().update({name.upper(): number for number, name in enumerate(NAMES)})


@component
class Trace(NamedTuple):
    """A record of events.

    ctl : TRACE_CTL[1]
        ``now_ns`` is set by entry kernels; ``lost`` counts events that found no room.
    event : EVENT[capacity]
        Rows ``[0, count)`` are valid, in the order they happened.
    """

    ctl: np.recarray
    event: np.recarray


def make_trace(capacity=1 << 16):
    """Make an empty trace.

    Parameters
    ----------
    capacity : int
        Events it can hold.

    Returns
    -------
    trace : Trace
        Empty.
    """
    trace = Trace(table(TRACE_CTL, 1), table(EVENT, capacity))
    trace.ctl[0].capacity = capacity
    return trace


@kernel
def emit(trace, kind, a, b, c, d):
    """Record one event.

    Parameters
    ----------
    trace : Trace or None
        None: nothing is done and nothing is compiled.
    kind : int64
        A tracepoint's number, for example ``STEER``.
    a, b, c, d : int64
        Its arguments, see `TRACEPOINTS`.
    """
    if trace is not None:
        ctl = trace.ctl[0]
        if ctl.count < ctl.capacity:
            row = trace.event[ctl.count]
            row.at_ns = ctl.now_ns
            row.kind = kind
            row.a = a
            row.b = b
            row.c = c
            row.d = d
            ctl.count += 1
        else:
            ctl.lost += 1


@kernel
def trace_clock(trace, now_ns):
    """Set the time that events get from now on.

    Parameters
    ----------
    trace : Trace or None
        Its clock is changed.
    now_ns : int64
        Virtual or monotonic time, ns.
    """
    if trace is not None:
        trace.ctl[0].now_ns = now_ns


def events(trace, *names):
    """List recorded events, spelled out.

    Parameters
    ----------
    trace : Trace
        A trace.
    *names : str
        Only these tracepoints; all when none is named.

    Returns
    -------
    events : list of dict
        ``at_ns``, ``name`` and the tracepoint's own argument names.

    Raises
    ------
    KeyError
        A name is not a tracepoint.
    """
    for name in names:
        if name not in TRACEPOINTS:
            raise KeyError(f"no tracepoint {name!r}; there are {', '.join(NAMES)}")
    wanted = {NAMES.index(name) for name in names} or set(range(len(NAMES)))
    rows = []
    for row in trace.event[: trace.ctl[0].count]:
        if row.kind in wanted:
            name = NAMES[row.kind]
            fields = dict(zip(TRACEPOINTS[name], (row.a, row.b, row.c, row.d)))
            fields.pop("", None)
            rows.append({"at_ns": int(row.at_ns), "name": name, **{k: int(v) for k, v in fields.items()}})
    return rows
