"""Entry kernel of many tokens: one crossing, however many DONTNEED calls it takes.

Law.   The octets of each call are made and read as a program's own would be.
Reads. House law 5; Linux net/core/sock.c (sock_devmem_dontneed).
Omits. The time that each system call takes.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import trace_clock
from devmemlab.sock.token_batch import sock_dontneed_tokens


@kernel
def machine_dontneed_tokens(machine, trace, sock, ids, optval, now_ns):
    """Return any number of tokens.

    Parameters
    ----------
    machine : Machine
        Tokens, pools.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    ids : int64[n]
        Tokens, in the order in which they go back.
    optval : uint8[1024]
        Scratch.
    now_ns : int64
        Time.

    Returns
    -------
    released : int64
        References released.
    """
    trace_clock(trace, now_ns)
    return sock_dontneed_tokens(machine.tokens, sock, machine.pools, machine.netmems, machine.providers, trace, ids, optval)
