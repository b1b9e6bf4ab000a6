"""Explicit congestion notification: a router marks a packet instead of dropping it, and the sender slows down.

Law.   A mark is echoed until the sender says that it has slowed down, and it slows down once a round trip.
Reads. RFC 3168 section 6.1; Linux net/ipv4/tcp_input.c (tcp_ecn_check_ce, tcp_ecn_accept_cwr, tcp_ecn_rcv_synack),
       net/ipv4/tcp_output.c (tcp_ecn_send, tcp_ecn_send_syn).
Omits. AccECN (RFC 9768) and the values of net.ipv4.tcp_ecn that ask for it; DCTCP; ECN++ on control packets; wires that mark.

::

    SYN ECE CWR -->  <-- SYN-ACK ECE        data ECT(0) --> router: CE --> receiver
                                            sender <-- ECE, on every segment, <-- receiver
                                            data CWR, once --> receiver: no more ECE
"""

from devmemlab.base.kernel import kernel
from devmemlab.wire.tcp import CWR, ECE

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
"""The two last bits of an IP header's TOS or traffic class."""
ECN_OFF, ECN_ASK, ECN_ANSWER = 0, 1, 2
"""net.ipv4.tcp_ecn: never; ask for it in our SYN; only answer who asks (Linux's default)."""
QUICK_ACKS = 2


@kernel
def ecn_count(ctl, pkt, segments):
    """Count what a packet's IP header says.

    Parameters
    ----------
    ctl : TCB_CTL
        Counters.
    pkt : PKT
        The packet.
    segments : int64
        Packets of the wire that it was.
    """
    mark = pkt.tos & 3
    if pkt.ip_version == 4:
        if mark == NOT_ECT:
            ctl.in_no_ect += segments
        elif mark == ECT1:
            ctl.in_ect1 += segments
        elif mark == ECT0:
            ctl.in_ect0 += segments
        else:
            ctl.in_ce += segments
    elif mark == NOT_ECT:
        ctl.in6_no_ect += segments
    elif mark == ECT1:
        ctl.in6_ect1 += segments
    elif mark == ECT0:
        ctl.in6_ect0 += segments
    else:
        ctl.in6_ce += segments


@kernel
def ecn_syn_flags(ctl, row):
    """Choose the bits of our SYN.

    Parameters
    ----------
    ctl : TCB_CTL
        The settings.
    row : TCB
        ``ecn`` is 1 from here on when ECN is asked for.

    Returns
    -------
    bits : int64
        ECE and CWR, or none: a SYN that is sent again does not ask any more, for something may drop those that do.
    """
    if row.retries == 0:
        row.ecn = int(ctl.ecn == ECN_ASK)
    if row.ecn == 0 or (row.retries and ctl.ecn_fallback):
        return 0
    return ECE | CWR


@kernel
def ecn_take_syn(ctl, row, pkt):
    """Read what a SYN that came first asks for.

    Parameters
    ----------
    ctl : TCB_CTL
        The settings.
    row : TCB
        ``ecn``.
    pkt : PKT
        A SYN without ACK.
    """
    row.ecn = int(ctl.ecn != ECN_OFF and pkt.tcp_flags & (ECE | CWR) == ECE | CWR and pkt.tos & 3 == NOT_ECT)


@kernel
def ecn_take_syn_ack(row, pkt):
    """Read the answer to our SYN, or the SYN that crossed it.

    Parameters
    ----------
    row : TCB
        ``ecn`` stays only when the peer agrees.
    pkt : PKT
        A SYN; with ACK it says ECE alone, without ACK both.
    """
    wanted = ECE if pkt.tcp_flags & 16 else ECE | CWR
    if pkt.tcp_flags & (ECE | CWR) != wanted:
        row.ecn = 0


@kernel
def ecn_send(row, seg, fresh):
    """Put ECN's bits on a segment of an established connection.

    Parameters
    ----------
    row : TCB
        A CWR that waits goes out.
    seg : SEG
        Flags and TOS.
    fresh : bool
        Whether it carries data for the first time: only then it may be marked, and only those say CWR.
    """
    if row.ecn == 0:
        return
    if fresh:
        seg.tos |= ECT0
        if row.ecn_cwr:
            row.ecn_cwr = 0
            seg.tcp_flags |= CWR
    if row.ecn_demand:
        seg.tcp_flags |= ECE


@kernel
def ecn_data(row, pkt):
    """Look at the marks of a segment that brings new data.

    Parameters
    ----------
    row : TCB
        ``ecn_demand``: say ECE from now on.
    pkt : PKT
        The segment.
    """
    if row.ecn == 0:
        return
    mark = pkt.tos & 3
    if mark == NOT_ECT:
        # It is probably a retransmission: the sender wants to know soon.
        if row.ecn_seen:
            row.quickack = max(row.quickack, QUICK_ACKS)
        return
    if mark == CE and row.ecn_demand == 0:
        row.quickack = max(row.quickack, QUICK_ACKS)
        row.ecn_demand = 1
    row.ecn_seen = 1


@kernel
def ecn_accept_cwr(row, pkt):
    """Hear that the sender has slowed down.

    Parameters
    ----------
    row : TCB
        ECE ends. The acknowledgement is due now, for the sender's window may be a single packet.
    pkt : PKT
        A segment with data.
    """
    if pkt.tcp_flags & CWR:
        row.ecn_demand = 0
        row.ack_now = 1
