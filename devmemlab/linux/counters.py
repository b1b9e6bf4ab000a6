"""Counters and socket tables of a real network: what nstat and ss show.

Law.   Every name is the kernel's; nothing is counted here.
Reads. /proc/net/{snmp,netstat,snmp6}; sock_diag(7), through pyroute2; ss(8) for the words.
Omits. Unix, UDP and raw sockets.
"""

import pathlib
import socket

from devmemlab.host.counter_table import Counters
from devmemlab.host.socket_table import STATE_WORDS, SocketRow, SocketTable

STATES = ("", "ESTABLISHED", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE", "CLOSE-WAIT", "LAST-ACK",
          "LISTEN", "CLOSING", "SYN-RECV")
LISTEN, ALL = 10, 0xFFF & ~1
INFO, CONGESTION = 2, 4
"""Numbers of INET_DIAG_INFO and INET_DIAG_CONG among the extensions that are asked for."""
PLAIN = {"rto": ("tcpi_rto", 1000), "rtt": ("tcpi_rtt", 1000), "mss": ("tcpi_snd_mss", 1), "cwnd": ("tcpi_snd_cwnd", 1),
         "minrtt": ("tcpi_min_rtt", 1000), "bytes_sent": ("tcpi_bytes_sent", 1), "bytes_retrans": ("tcpi_bytes_retrans", 1),
         "bytes_acked": ("tcpi_bytes_acked", 1), "bytes_received": ("tcpi_bytes_received", 1),
         "segs_out": ("tcpi_segs_out", 1), "segs_in": ("tcpi_segs_in", 1), "data_segs_out": ("tcpi_data_segs_out", 1),
         "data_segs_in": ("tcpi_data_segs_in", 1), "rcv_ooopack": ("tcpi_rcv_ooopack", 1)}
"""Word of ss -> field of struct tcp_info, and what it is divided by."""


def pyroute2(part):
    """Import a part of pyroute2.

    Parameters
    ----------
    part : str
        Name of a class.

    Returns
    -------
    value : type
        The class.

    Raises
    ------
    ModuleNotFoundError
        Names the extra that brings it.
    """
    try:
        import pyroute2 as module
    except ModuleNotFoundError:
        raise ModuleNotFoundError("this needs pyroute2: pip install 'devmemlab[net]'") from None
    return getattr(module, part)


def paired(text):
    """Read a file of which every second line has the numbers to the names of the line before.

    Parameters
    ----------
    text : str
        Of /proc/net/snmp or netstat.

    Returns
    -------
    counters : dict of str to int
        By the names that nstat shows.
    """
    lines = [line.split() for line in text.splitlines()]
    return {head[0].rstrip(":") + name: int(number) for head, row in zip(lines[::2], lines[1::2])
            for name, number in zip(head[1:], row[1:])}


def info_of(message):
    """Read what ss -ti shows.

    Parameters
    ----------
    message : pyroute2 message
        Of inet_diag.

    Returns
    -------
    info : dict
        Words of ss and their values.
    """
    details, info = message.get_attr("INET_DIAG_INFO"), {}
    congestion = message.get_attr("INET_DIAG_CONG")
    if congestion:
        info[congestion] = True
    if details:
        values = {word: (details.get(field), unit) for word, (field, unit) in PLAIN.items()}
        info |= {word: f"{value / unit:g}" if unit > 1 else int(value) for word, (value, unit) in values.items() if value}
    return info


class Counting:
    """The part of `devmemlab.linux.kernel.Kernel` that shows what happened and what there is."""

    proc_net = "/proc/thread-self/net"

    def nstat(self):
        """Show the counters of this network namespace.

        Returns
        -------
        counters : Counters
            A dict by the names that ``nstat -az`` shows, which prints as a table; all since the namespace was made.
        """
        folder, counts = pathlib.Path(self.proc_net), {}
        for name in ("snmp", "netstat"):
            counts |= paired((folder / name).read_text())
        if (folder / "snmp6").is_file():
            counts |= {name: int(number) for name, number in map(str.split, (folder / "snmp6").read_text().splitlines())}
        return Counters(sorted(counts.items()))

    def ss(self, listening=None):
        """Show the TCP sockets of this network namespace.

        Parameters
        ----------
        listening : bool, optional
            True: only listeners (``ss -l``); False: all others; None: everything (``ss -a``).

        Returns
        -------
        table : SocketTable
            A list of `SocketRow` that prints as a table.

        Raises
        ------
        ModuleNotFoundError
            pyroute2 is missing.
        """
        states = ALL if listening is None else 1 << LISTEN if listening else ALL & ~(1 << LISTEN)
        table = SocketTable()
        with pyroute2("DiagSocket")() as diag:
            diag.bind()
            for family in (socket.AF_INET, socket.AF_INET6):
                for one in diag.get_sock_stats(family=family, states=states, extensions=1 << INFO - 1 | 1 << CONGESTION - 1):
                    word = STATES[one["idiag_state"]]
                    table.append(SocketRow(STATE_WORDS.get(word, word), one["idiag_rqueue"], one["idiag_wqueue"],
                                           (one["idiag_src"], one["idiag_sport"]), (one["idiag_dst"], one["idiag_dport"]),
                                           {} if one["idiag_state"] == LISTEN else info_of(one)))
        return table
