"""Tables of memory: regions, bindings, page_pools, netlink sockets and traces, as HTML.

Law.   Everything is read from the tables of the host when it is shown; nothing is remembered.
Reads. tables.py; what ``page-pool-get`` answers.
Omits. Pictures: heat_map.py and the others draw.
"""

import numpy as np

from devmemlab.base.trace import NAMES
from devmemlab.base.units import format_size
from devmemlab.mem.pool_table import PROVIDERS
from devmemlab.view import tables
from devmemlab.view.heat_map import heat_map, resting_rows
from devmemlab.view.pool_replay import pool_names
from devmemlab.view.references import read_references
from devmemlab.view.tables import COUNTED, html_table

SHORT = {"free": "free", "cached": "in the cache", "ring": "in the ring", "posted": "posted", "socket": "in a socket",
         "token": "held by tokens", "out": "in other hands"}


def region_html(region):
    """Show a region of memory.

    Parameters
    ----------
    region : Region
        Host or device memory.

    Returns
    -------
    html : str
        A table.
    """
    kind = type(region).__name__
    facts = [("size", format_size(region.length)), ("bus", region.bus),
             ("aperture that peers and the CPU can address", format_size(region.bar_bytes)),
             ("the CPU sees what a device writes", "at once" if region.coherent else "after it has asked (sync)"),
             ("backed by a file that others can map", "no" if region.fd is None else "yes"),
             ("state", "open" if region.alive else "closed")]
    return html_table(f"{kind} {region.name}", ["what", "value"], facts)


def bindings_html(mem, rows=None):
    """Show bindings.

    Parameters
    ----------
    mem : Mem
        Of a host.
    rows : sequence of int, optional
        Which; all by default.

    Returns
    -------
    html : str
        A table with one row a binding, or nothing when there is none.
    """
    table = mem.providers.binding
    rows = [int(row) for row in (np.flatnonzero(table.kind) if rows is None else rows)]
    if not rows:
        return ""
    heads = ["binding", "dmabuf", "size", ("references", COUNTED), ("net_iovs", COUNTED)]
    lines = []
    for row in rows:
        own = table[row]
        counts = heat_map(mem, int(own.id) if own.live else row).counts
        spelled = ", ".join(f"{count:,} {SHORT[name]}" for name, count in counts.items() if count)
        lines.append((f"{int(own.id)}, {PROVIDERS[int(own.kind)]}{'' if own.live else ', unbound'}", str(int(own.dmabuf)),
                      format_size(int(own.length)), str(int(own.ref)), f"{sum(counts.values()):,}: {spelled}"))
    return html_table("Bindings", heads, lines)


def pools_html(mem):
    """Show page_pools.

    Parameters
    ----------
    mem : Mem
        Of a host.

    Returns
    -------
    html : str
        A table with one row a pool, or nothing when there is none.
    """
    names = pool_names(mem)
    if not names:
        return ""
    heads = ["page_pool", ("out of the provider", COUNTED), ("in the cache", COUNTED), ("in the ring", COUNTED),
             ("recycled so far", COUNTED)]
    lines = []
    for row, name in names.items():
        ctl, (cache, ring) = mem.pools.ctl[row], resting_rows(mem.pools, row)
        lines.append((name, f"{mem.inflight(row):,}", f"{len(cache):,}", f"{len(ring):,}",
                      f"{int(ctl.recycle_cached + ctl.recycle_ring):,}"))
    return html_table("Page_pools", heads, lines)


def mem_html(mem):
    """Show the memory side of a host.

    Parameters
    ----------
    mem : Mem
        Of a host.

    Returns
    -------
    html : str
        Its dmabufs, bindings and page_pools.
    """
    buffers = [(buffer.name, format_size(buffer.length), f"{buffer.refs}", f"{buffer.attachments}")
               for buffer in read_references(mem)]
    heads = ["dmabuf", "size", ("references", COUNTED), ("attachments", COUNTED)]
    shown = html_table("Dmabufs", heads, buffers) if buffers else ""
    return (shown + bindings_html(mem) + pools_html(mem)
            or html_table(f"Memory, kernel {mem.profile.name}", ["what", "value"], [("dmabufs, bindings, page_pools", "none")]))


def host_html(host):
    """Show a host.

    Parameters
    ----------
    host : Host
        Of a lab.

    Returns
    -------
    html : str
        What it is, its ledger, and its bindings and page_pools.
    """
    return tables.host_html(host) + bindings_html(host.mem) + pools_html(host.mem)


def netlink_html(socket):
    """Show a netlink socket: the bindings that live as long as it does.

    Parameters
    ----------
    socket : NetlinkSocket
        Of a host.

    Returns
    -------
    html : str
        A table of its bindings, and where their net_iovs are.
    """
    fd = socket.fileno()
    state = f"fd {fd}" if fd >= 0 else "closed"
    head = html_table("Netlink socket", ["what", "value"],
                      [("state", state), ("bindings that end with it", f"{len(socket.bindings)}")])
    mem = socket.host.mem
    maps = [heat_map(mem, int(mem.providers.binding[row].id)) for row in socket.bindings]
    return head + bindings_html(mem, socket.bindings) + "".join(one._repr_mimebundle_()[0]["text/html"] for one in maps)


def trace_html(trace):
    """Show a trace.

    Parameters
    ----------
    trace : Trace
        Of a host.

    Returns
    -------
    html : str
        How often each tracepoint was passed.
    """
    ctl = trace.ctl[0]
    counts = np.bincount(np.asarray(trace.event.kind)[:int(ctl.count)], minlength=len(NAMES))
    lines = [(name, f"{int(count):,}") for name, count in zip(NAMES, counts) if count]
    note = f"{int(ctl.lost):,} events found no room" if ctl.lost else "" if lines else "Nothing has happened yet."
    return html_table("Trace", ["tracepoint", ("events", COUNTED)], lines, note)
