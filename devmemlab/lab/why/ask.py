"""Who is asked about: a connection, a queue, a packet; and the answer.

Law.   A thing is what a program holds, or what a table names; whoever asks for nothing that exists is told so.
Reads. Nothing of Linux.
Omits. Hosts of other labs.
"""

from devmemlab.host.socket import Socket
from devmemlab.lab.packet_table import Packet, packets
from devmemlab.lab.why.answer import Answer
from devmemlab.lab.why.packet_causes import why_packet
from devmemlab.lab.why.queue_causes import why_queue
from devmemlab.lab.why.socket_causes import why_socket

KINDS = ("a socket; (host, file descriptor); (host, 'eth1', queue); a packet of dml.packets(host); (host, 'packet', number)")


def why(lab, thing):
    """Find out why something does not work.

    Parameters
    ----------
    lab : Lab
        Where.
    thing : Socket, Packet or tuple
        A socket of a lab host, or ``(host, fd)``; a queue: ``(host, ifname, queue)``; a packet: a line of ``dml.packets(host)``,
        or ``(host, "packet", number)`` with a number from 1 on.

    Returns
    -------
    answer : Answer
        ``ok``, ``key``, ``cause``, ``fix``, ``chain``.

    Raises
    ------
    ValueError
        It is none of these, or not there.
    """
    if isinstance(thing, Packet):
        for host in lab.hosts:
            if host.trace is not None and hasattr(host.port, "capture") and thing in packets(host):
                return _of_packet(host, thing.number)
        raise ValueError("no host of this lab has recorded that packet; dml.record(lab) does, with trace= of its hosts")
    if isinstance(thing, Socket):
        return _of_socket(thing)
    if isinstance(thing, tuple) and thing and thing[0] in lab.hosts:
        if len(thing) == 2:
            return _of_socket(thing[0].fds.get(int(thing[1]), Socket, what="a socket"))
        if len(thing) == 3 and thing[1] == "packet":
            return _of_packet(thing[0], int(thing[2]))
        if len(thing) == 3:
            host, ifname, queue = thing
            device = host.device(ifname)
            return Answer(f"queue {queue} of {ifname} on {host.name}", *why_queue(host, device, int(queue)))
    raise ValueError(f"{thing!r}: ask about {KINDS}")


def _of_socket(conn):
    """Answer for a connection."""
    if conn.fileno() < 0:
        raise ValueError("the socket is closed; ask about its queue")
    host = getattr(conn.host, "on", conn.host)          # a process is asked about on its machine
    return Answer(f"connection {conn.sock} on {host.name}", *why_socket(host, conn))


def _of_packet(host, number):
    """Answer for a packet."""
    return Answer(f"packet {number} of {host.name}", *why_packet(host, number))
