"""Tables of the network: sockets, counters and packets, as HTML.

Law.   The numbers are those that the text shows; what a packet's story says stands below its line.
Reads. tables.py; ss(8), nstat(8), ethtool(8), tcpdump(8).
Omits. Sorting and filtering: the objects are lists and dicts.
"""

from devmemlab.view.tables import COUNTED, html_table

WRAPPED = ("white-space:nowrap", "white-space:normal;overflow-wrap:break-word")
"""Style of a cell, and what it becomes in tables whose lines are long: they have to fit into a page."""
MANY = 200
"""Packets that a cell shows; the text has all of them."""


def sockets_html(table):
    """Show the lines of ss.

    Parameters
    ----------
    table : devmemlab.host.socket_table.SocketTable
        From ``k.ss()``.

    Returns
    -------
    html : str
        A table with one row a socket.
    """
    def place(ip, port):
        return f"{f'[{ip}]' if ':' in ip else ip}:{port or '*'}"

    rows = [(row.state, f"{row.recv_q:,}", f"{row.send_q:,}", place(*row.local), place(*row.peer),
             " ".join(f"{name}:{value}" if value is not True else name for name, value in row.info.items())) for row in table]
    return html_table("Sockets (ss -tai)", ["State", ("Recv-Q", COUNTED), ("Send-Q", COUNTED), "Local Address:Port",
                                            "Peer Address:Port", "details"], rows,
                      "" if rows else "There is no socket.").replace(*WRAPPED)


def counters_html(counters):
    """Show counters that are not 0.

    Parameters
    ----------
    counters : devmemlab.host.counter_table.Counters
        From ``k.nstat()`` or ``k.ethtool(...).get_stats()``.

    Returns
    -------
    html : str
        A table with one row a counter.
    """
    title = "Counters (nstat)" if counters.title == "#kernel" else f"{counters.title.rstrip(':')} (ethtool -S)"
    rows = [(name, f"{count:,}") for name, count in counters.seen.items()]
    zeros = len(counters) - len(rows)
    return html_table(title, ["counter", ("value", COUNTED)], rows, f"{zeros} more are 0." if zeros else "")


def packets_html(table):
    """Show the lines of tcpdump.

    Parameters
    ----------
    table : devmemlab.lab.packet_table.PacketTable
        From ``dml.packets(...)``.

    Returns
    -------
    html : str
        A table with one row a packet.
    """
    told = any(packet.story for packet in table)
    rows = [(str(packet.number), f"{packet.at_ns / 1000:,.3f}", packet.source, packet.target, packet.words,
             *((packet.story,) if told else ())) for packet in table[:MANY]]
    more = f"{len(table) - MANY} more are not shown; print(...) has them." if len(table) > MANY else ""
    return html_table(table.title, ["number", ("time, us", COUNTED), "from", "to", "what",
                                    *(("queue, netmem, token",) if told else ())], rows, more).replace(*WRAPPED)
