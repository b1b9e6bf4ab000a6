"""Entry kernels of sending: connect and sendmsg.

Law.   One crossing a call, as for receiving.
Reads. House law 5.
Omits. Sending without a copy: `devmemlab.host.entry_zerocopy`.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import trace_clock
from devmemlab.sock.sendmsg import tcp_sendmsg
from devmemlab.tcp.connect import tcp_connect
from devmemlab.tcp.page_room import tcp_note_room
from devmemlab.tcp.xmit import tcp_write_xmit


@kernel
def machine_connect(machine, trace, sock, now_ns):
    """Send the SYN of a connection whose addresses and ports are set.

    Parameters
    ----------
    machine : Machine
        The connection.
    trace : Trace or None
        What happens.
    sock : int64
        Row.
    now_ns : int64
        Time.
    """
    trace_clock(trace, now_ns)
    tcp_note_room(machine.tcbs, machine.rxqs, machine.pools, machine.providers)
    tcp_connect(machine.tcbs, machine.txq, machine.skbs, trace, sock, now_ns)


@kernel
def machine_sendmsg(memory, machine, trace, sock, user, user_at, length, more, now_ns):
    """Queue a program's octets and send what may go.

    Parameters
    ----------
    memory : uint8[n]
        All memory.
    machine : Machine
        The connection, pages, skbs.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    user : uint8[m]
        The program's octets.
    user_at, length : int64
        Which of them.
    more : int64
        1 for MSG_MORE.
    now_ns : int64
        Time.

    Returns
    -------
    taken : int64
        See `devmemlab.sock.sendmsg.tcp_sendmsg`.
    """
    trace_clock(trace, now_ns)
    return tcp_sendmsg(memory, machine.tcbs, machine.txq, machine.skbs, machine.netmems, machine.providers, machine.ledger,
                       trace, sock, user, user_at, length, more, now_ns)


@kernel
def machine_push(machine, trace, sock, now_ns):
    """Send what an option held back until now.

    Parameters
    ----------
    machine : Machine
        The connection.
    trace : Trace or None
        What happens.
    sock : int64
        Row of the connection.
    now_ns : int64
        Time.
    """
    trace_clock(trace, now_ns)
    tcp_write_xmit(machine.tcbs, machine.txq, machine.skbs, machine.netmems, machine.providers, trace, sock,
                   now_ns)
