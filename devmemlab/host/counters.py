"""Counters and socket tables by their Linux names: what nstat and ss show of a host.

Law.   Only what was really counted has a name here: a counter that Linux has and the lab does not keep is left out.
Reads. Linux net/ipv4/proc.c for the names; nstat(8), ss(8); RFC 4022.
Omits. UDP, ICMP and Unix sockets; counters of IP, but for the ECN marks of TCP's packets; counters of devices (`ethtool` has
       those).
"""

from devmemlab.base.seq import U32
from devmemlab.host.counter_table import Counters
from devmemlab.host.socket_table import STATE_WORDS, SocketRow, SocketTable
from devmemlab.tcp.congestion import CONGESTION_NAMES
from devmemlab.tcp.states import CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, NONE, STATES, SYN_SENT, TIME_WAIT
from devmemlab.tcp.tcb import FAR_FUTURE
from devmemlab.wire.address import address_text

FROM_CTL = {
    "TcpActiveOpens": "active_opens", "TcpPassiveOpens": "passive_opens", "TcpAttemptFails": "attempt_fails",
    "TcpEstabResets": "estab_resets", "TcpInSegs": "in_segs", "TcpOutSegs": "out_segs", "TcpRetransSegs": "retrans_segs",
    "TcpOutRsts": "rst_out", "TcpExtListenOverflows": "listen_overflows", "TcpExtListenDrops": "listen_drops",
    "TcpExtTCPTimeouts": "timeouts", "TcpExtTCPFastRetrans": "fast_retrans", "TcpExtTCPLossProbes": "loss_probes",
    "TcpExtPruneCalled": "prune_called", "TcpExtTCPRcvCollapsed": "rcv_collapsed", "TcpExtRcvPruned": "rcv_pruned",
    "TcpExtOfoPruned": "ofo_pruned",
    "IpExtInNoECTPkts": "in_no_ect", "IpExtInECT1Pkts": "in_ect1", "IpExtInECT0Pkts": "in_ect0", "IpExtInCEPkts": "in_ce",
    "Ip6InNoECTPkts": "in6_no_ect", "Ip6InECT1Pkts": "in6_ect1", "Ip6InECT0Pkts": "in6_ect0", "Ip6InCEPkts": "in6_ce",
}
"""nstat's name -> field of TCB_CTL."""


def _place(row, side):
    """Address and port of one side of a connection.

    Parameters
    ----------
    row : TCB
        The connection.
    side : str
        ``"l"`` or ``"r"``.

    Returns
    -------
    place : tuple of (str, int)
        ``"*"`` where every address is meant.
    """
    high, low = int(row[f"{side}addr_hi"]), int(row[f"{side}addr_lo"])
    text = address_text(int(row.ip_version) or 6, high, low) if high or low else "*" if row.ip_version == 0 else "0.0.0.0"
    return text, int(row[f"{side}port"])


def _info(row):
    """What ``ss -ti`` adds to the line of a connection.

    Parameters
    ----------
    row : TCB
        The connection.

    Returns
    -------
    info : dict
        Words of ss and their values.
    """
    info = {name: True for name, on in (("ts", row.timestamps), ("sack", row.sack_permitted), ("ecn", row.ecn),
                                    ("ecnseen", row.ecn_seen)) if on}
    info[CONGESTION_NAMES[row.congestion]] = True
    if row.snd_wscale >= 0:
        info["wscale"] = f"{row.snd_wscale},{row.rcv_wscale}"
    info["rto"] = f"{row.rto_ns / 1e6:g}"
    if row.srtt_ns:
        info["rtt"] = f"{row.srtt_ns / 1e6:.3f}/{row.rttvar_ns / 1e6:.3f}"
    info |= {"mss": int(row.mss_now), "cwnd": int(row.cwnd)}
    if row.min_rtt_ns < FAR_FUTURE:
        info["minrtt"] = f"{row.min_rtt_ns / 1e6:.3f}"
    counts = ("bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received", "segs_out", "segs_in", "data_segs_out",
              "data_segs_in", "dsack_dups", "rcv_ooopack")
    info |= {name: int(row[name]) for name in counts if row[name]}
    if row.total_retrans:
        info["retrans"] = f"{row.retrans_out}/{row.total_retrans}"
    return info


class Counting:
    """The part of `devmemlab.host.face.LinuxFace` that shows what happened and what there is."""

    def nstat(self):
        """Show the counters of the host's network.

        Returns
        -------
        counters : Counters
            A dict by the names that ``nstat -az`` shows, which prints as a table; all since the host was made.
            ``TcpCurrEstab`` is a number of now.
        """
        ctl = self.tcbs.ctl[0]
        counts = {name: int(ctl[field]) for name, field in FROM_CTL.items()}
        rows = self.tcbs.tcb[1:int(ctl.watermark)]
        counts["TcpCurrEstab"] = int(((rows.state == ESTABLISHED) | (rows.state == CLOSE_WAIT)).sum())
        return Counters(sorted(counts.items()))

    def ss(self, listening=None):
        """Show the TCP sockets of the host.

        Parameters
        ----------
        listening : bool, optional
            True: only listeners (``ss -l``); False: all others; None: everything (``ss -a``).

        Returns
        -------
        table : SocketTable
            A list of `SocketRow` that prints as a table.
        """
        table = SocketTable()
        for row in self.tcbs.tcb[1:int(self.tcbs.ctl[0].watermark)]:
            if row.state == NONE or (row.state == CLOSE and not row.lport):
                continue
            listens = row.state == LISTEN
            if listening is not None and listening != listens:
                continue
            word = STATES[row.state].replace("_", "-").replace("WAIT1", "WAIT-1").replace("WAIT2", "WAIT-2")
            queues = (int(row.accept_count), int(row.backlog)) if listens else _queues(row)
            table.append(SocketRow(STATE_WORDS.get(word, word), *queues, _place(row, "l"), _place(row, "r"),
                                   {} if listens else _info(row)))
        return table


def _queues(row):
    """Octets that a connection holds in each direction.

    Parameters
    ----------
    row : TCB
        The connection.

    Returns
    -------
    recv_q, send_q : int
        Unread, and unacknowledged or unsent.
    """
    if row.state in (CLOSE, TIME_WAIT) or not row.rport:
        return 0, 0
    # Linux counts a FIN that has come as one octet, and so does its ss.
    unread = 0 if row.state == SYN_SENT else int(row.rcv_nxt) - int(row.copied_seq)
    return unread & U32, (int(row.write_seq) - int(row.snd_una)) & U32
