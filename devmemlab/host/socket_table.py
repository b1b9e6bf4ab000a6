"""The lines of ss, the same for a lab host and for a real kernel.

Law.   A line is data first; how ss would print it comes from the data.
Reads. ss(8).
Omits. Sockets that are not TCP's; filters.
"""

from typing import NamedTuple

STATE_WORDS = {"ESTABLISHED": "ESTAB", "CLOSE": "UNCONN"}
"""States that ss calls otherwise; it writes the others with a hyphen."""


class SocketRow(NamedTuple):
    """One line of ss.

    state : str
        As ss writes it.
    recv_q, send_q : int
        Octets that the program has not read, and that the peer has not acknowledged; of a listener the connections that wait,
        and how many may.
    local, peer : tuple of (str, int)
        Address and port; ``"*"`` and 0 mean any.
    info : dict
        What ``ss -ti`` adds, with its words: cwnd in segments, rtt and rto in ms.
    """

    state: str
    recv_q: int
    send_q: int
    local: tuple
    peer: tuple
    info: dict

    def __str__(self):
        places = [f"{f'[{ip}]' if ':' in ip else ip}:{port or '*'}" for ip, port in (self.local, self.peer)]
        details = " ".join(f"{name}:{value}" if value is not True else name for name, value in self.info.items())
        return f"{self.state:<11}{self.recv_q:<7}{self.send_q:<7}{places[0]:<28}{places[1]:<28}{details}".rstrip()


class SocketTable(list):
    """Lines of ss; prints as a table."""

    def __str__(self):
        head = f"{'State':<11}{'Recv-Q':<7}{'Send-Q':<7}{'Local Address:Port':<28}Peer Address:Port"
        return "\n".join([head, *map(str, self)])

    __repr__ = __str__
