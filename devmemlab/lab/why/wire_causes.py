"""What can be wrong between two hosts: frames that get lost, come late or come twice.

Law.   What one card has sent is compared with what the other has seen; the wire itself is never asked.
Reads. RFC 9293 section 3.8, RFC 2018, RFC 2883; Linux nstat(8) and ss(8) for the counters.
Omits. Peers outside the lab: their counters are not known here.
"""

from devmemlab.base.trace import RXQ_COMPLETE, TCP_OFO, TCP_RCV
from devmemlab.lab.why.answer import Event, Finding, some
from devmemlab.lab.why.queue_causes import ENOUGH, again_ns, data_since

PARTS = ("laddr_hi", "laddr_lo", "lport", "raddr_hi", "raddr_lo", "rport")
MIRROR = ("raddr_hi", "raddr_lo", "rport", "laddr_hi", "laddr_lo", "lport")


def peer_of(host, row):
    """Find the other end of a connection.

    Parameters
    ----------
    host : Host
        One end.
    row : TCB
        The connection there.

    Returns
    -------
    peer, row : Host or None, TCB or None
        None when it is not in the lab.
    """
    wanted = [int(row[name]) for name in MIRROR]
    for other in host.lab.hosts:
        for theirs in other.tcbs.tcb[1:int(other.tcbs.ctl[0].watermark)]:
            if other is not host and theirs.state and [int(theirs[name]) for name in PARTS] == wanted:
                return other, theirs
    return None, None


def between(sender, receiver, nic=0):
    """Compare what a card has sent with what the other one has seen.

    Parameters
    ----------
    sender, receiver : Host
        Connected by a wire.
    nic : int
        Row of the receiver's card.

    Returns
    -------
    missing : int
        Frames that are neither there nor on their way; below 0: more came than were sent.
    """
    ctl = receiver.nics.ctl[nic]
    due_ns = receiver.ports[nic].next_ns() if receiver.ports[nic] else None
    if due_ns is not None and due_ns > receiver.clock.now_ns:
        waiting = receiver.ports[nic].all_waiting().frame.at_ns
        under_way = int((waiting > receiver.clock.now_ns).sum())
    else:
        under_way = 0
    return int(sender.nics.ctl[0].tx_packets) - int(ctl.rx_packets) - int(ctl.rx_dropped) - under_way


def wire_findings(host, row, device, full=0):
    """Look at the way from the peer.

    Parameters
    ----------
    host : Host
        Who receives.
    row : TCB
        The connection.
    device : Netdev
        Its interface.
    full : int
        Segments that a full receive buffer has thrown away, which are sent again as if they were lost.

    Returns
    -------
    findings : list of Finding
        Empty for a peer outside the lab.
    """
    peer, theirs = peer_of(host, row)
    if peer is None or len(host.lab.hosts) != 2:
        return []
    there, back = between(peer, host, device.nic), between(host, peer)
    again = again_ns(peer)
    last = again[-1] if again else None
    over = last is not None and data_since(host, last) >= ENOUGH
    sent = Event(again[0] if again else None, f"{peer.name} sends {some(theirs.total_retrans, 'segment')} again", "ss -ti, nstat")
    early = Event(None, f"{some(row.rcv_ooopack, 'segment')} came before one that was missing", "ss -ti rcv_ooopack")
    drops = host.rxqs.drop[int(host.nics.ctl[device.nic].first_queue):].packets.sum() + host.nics.ctl[device.nic].rx_dropped
    if theirs.total_retrans and (there > 0 or back > 0):
        lost = Event(None, f"{some(max(there, 0), 'frame')} from {peer.name} and {max(back, 0)} to it sent, and not seen by "
                           "the other card", "ethtool -S of both cards")
        return [Finding("lost", f"the wire loses frames: {max(there, 0) + max(back, 0)} so far; TCP has them sent again",
                        "the cable, or a switch whose queue overflows: not your program", (lost, early, sent), over)]
    if there < 0:
        return [Finding("twice", f"{some(-there, 'frame')} came twice; TCP throws copies away, and each took a buffer for a "
                                 "moment",
                        "look for a loop or a mirror between the hosts", (Event(None, f"{some(-there, 'frame')} more seen than "
                            "sent",
                                                                               "ethtool -S of both cards"),),
                        _single_again(host))]
    if (theirs.total_retrans or row.rcv_ooopack) and not drops and row.rcv_ooopack and there == 0 and not full:
        none = Event(None, f"every frame that {peer.name} sent has come", "ethtool -S of both cards")
        late = host_last_early(host)
        return [Finding("reordered", f"frames overtake each other: {some(row.rcv_ooopack, 'segment')} came early, none got "
                                     "lost, and what is "
                        "late looks lost to the sender", "keep a connection on one path (hashing by ports, no spraying)",
                        (early, none, sent), late is not None and data_since(host, max(late, last or 0)) >= ENOUGH)]
    return []


def _single_again(host):
    """Tell whether the latest octets that the cards took are no more than TCP has taken of them."""
    if host.trace is None:
        return False
    events = host.trace.event[:host.trace.ctl[0].count]
    came = events[(events.kind == RXQ_COMPLETE) & (events.d > 0)]
    if len(came) < ENOUGH:
        return False
    first_ns = came.at_ns[-ENOUGH]
    taken = ((events.kind == TCP_RCV) | (events.kind == TCP_OFO)) & (events.at_ns >= first_ns)
    return int(came.d[came.at_ns >= first_ns].sum()) <= int(events.c[taken].sum())


def host_last_early(host):
    """Tell when a segment last came before one that was missing.

    Parameters
    ----------
    host : Host
        With a trace.

    Returns
    -------
    at_ns : int or None
        None: never, or nobody knows.
    """
    from devmemlab.lab.why.facts import Times
    return Times(host).last("tcp_ofo")
