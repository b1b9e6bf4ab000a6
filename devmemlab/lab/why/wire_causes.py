"""What can be wrong between two hosts: frames that get lost, come late or come twice.

Law.   What one card has sent is compared with what the other has seen; the wire itself is never asked.
Reads. RFC 9293 section 3.8, RFC 2018, RFC 2883; Linux nstat(8) and ss(8) for the counters.
Omits. Peers outside the lab: their counters are not known here.
"""

from devmemlab.lab.why.answer import Event, Finding
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


def wire_findings(host, row, device):
    """Look at the way from the peer.

    Parameters
    ----------
    host : Host
        Who receives.
    row : TCB
        The connection.
    device : Netdev
        Its interface.

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
    sent = Event(again[0] if again else None, f"{peer.name} sends {int(theirs.total_retrans)} segments again", "ss -ti, nstat")
    early = Event(None, f"{int(row.rcv_ooopack)} segments came before one that was missing", "ss -ti rcv_ooopack")
    drops = host.rxqs.drop[int(host.nics.ctl[device.nic].first_queue):].packets.sum() + host.nics.ctl[device.nic].rx_dropped
    if theirs.total_retrans and (there > 0 or back > 0):
        lost = Event(None, f"{max(there, 0)} frames from {peer.name} and {max(back, 0)} to it were sent and not seen by the other "
                     "card", "ethtool -S of both cards")
        return [Finding("lost", f"the wire loses frames: {max(there, 0) + max(back, 0)} so far; TCP has them sent again",
                        "the cable, or a switch whose queue overflows: not your program", (lost, early, sent), over)]
    if there < 0:
        return [Finding("twice", f"{-there} frames came twice; TCP throws the copies away, and each took a buffer for a moment",
                        "look for a loop or a mirror between the hosts", (Event(None, f"{-there} more frames seen than sent",
                                                                               "ethtool -S of both cards"),),
                        data_since(host, host.clock.now_ns - 1) >= ENOUGH)]
    if (theirs.total_retrans or row.rcv_ooopack) and not drops and row.rcv_ooopack and there == 0:
        none = Event(None, f"every frame that {peer.name} sent has come", "ethtool -S of both cards")
        late = host_last_early(host)
        return [Finding("reordered", f"frames overtake each other: {int(row.rcv_ooopack)} came early, none got lost, and what is "
                        "late looks lost to the sender", "keep a connection on one path (hashing by ports, no spraying)",
                        (early, none, sent), late is not None and data_since(host, max(late, last or 0)) >= ENOUGH)]
    return []


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
