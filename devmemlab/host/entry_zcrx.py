"""Entry kernels of io_uring: where a zero-copy receive request crosses into the machine.

Law.   One crossing reads as many packets as Linux reads in one call of a request.
Reads. House law 5; Linux io_uring/zcrx.c (io_zcrx_recv, io_zcrx_scrub).
Omits. Requests and waiting: `devmemlab.host.io_uring`.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import trace_clock
from devmemlab.mem.area import zcrx_scrub
from devmemlab.sock.zcrx import zcrx_tcp_recv


@kernel
def machine_recv_zc(memory, machine, completions, trace, sock, binding, user_data, length, now_ns):
    """Read a connection into completions.

    Parameters
    ----------
    memory : uint8[n]
        All memory.
    machine : Machine
        The connection, pools, the area.
    completions : Completions
        Of the ring that the request is in.
    trace : Trace or None
        What happens.
    sock, binding : int64
        Rows of the connection and of the area.
    user_data, length : int64
        Of the request.
    now_ns : int64
        Time.

    Returns
    -------
    taken : int64
        See `devmemlab.sock.zcrx.zcrx_tcp_recv`.
    """
    trace_clock(trace, now_ns)
    return zcrx_tcp_recv(memory, machine.tcbs, machine.txq, machine.skbs, machine.pools, machine.netmems, machine.providers,
                         completions, machine.ledger, trace, sock, binding, user_data, length, now_ns)


@kernel
def machine_scrub(machine, trace, binding, now_ns):
    """Take from user space what it holds of an area.

    Parameters
    ----------
    machine : Machine
        Pools and the area.
    trace : Trace or None
        What happens.
    binding : int64
        Row of the area.
    now_ns : int64
        Time.

    Returns
    -------
    scrubbed : int64
        References.
    """
    trace_clock(trace, now_ns)
    return zcrx_scrub(machine.pools, machine.netmems, machine.providers, trace, binding)
