"""What can be wrong with a queue: the interface, the bind, the cut, the sums, the buffers.

Law.   The order is that of a frame's way: what stops it first is the cause.
Reads. Spec sections 9.3, 12.2, 12.3 and 13.3.
Omits. Queues of simple devices, beyond why they cannot be bound.
"""

from devmemlab.base.trace import HDS_MISS
from devmemlab.lab.why.answer import Event, Finding, some
from devmemlab.lab.why.bind_causes import bind_findings
from devmemlab.lab.why.facts import QueueFacts
from devmemlab.lab.why.starved import starved_findings
from devmemlab.nic.drops import (
    DROP_CSUM,
    DROP_DOWN,
    DROP_HEADER_OVERFLOW,
    DROP_RULE,
    DROP_TOO_LONG,
    DROP_UNREADABLE_HEADER,
)
from devmemlab.nic.hds import HDS_ENABLED, MISS_NAMES, MISS_NOT_TCP, MISS_OFF, MISS_OVERFLOW, MISS_THRESH

ENOUGH = 20
"""So many data segments without a damaged or lost one, and the wire counts as good again."""


def _interface(facts):
    """Look at the interface: is it up, does a rule drop?"""
    down = facts.refused_by_nic(DROP_DOWN)
    if not facts.nic.up:
        chain = [Event(None, f"{facts.device.name} is down", "ip link")]
        chain += [facts.drop_event(DROP_DOWN, down)] if down else []
        yield Finding("interface-down", f"{facts.device.name} is down; a binding survives that, frames do not",
                      f"ip link set {facts.device.name} up", tuple(chain))
    elif down:
        yield Finding("interface-down", f"{facts.device.name} was down for a time", "nothing",
                      (facts.drop_event(DROP_DOWN, down),), True)
    dropped = facts.refused_by_nic(DROP_RULE)
    if dropped:
        yield Finding("rule-drops", "a steering rule drops frames", f"ethtool -N {facts.device.name} delete N",
                      (facts.drop_event(DROP_RULE, dropped),))


def _cut(facts):
    """Look at frames that could not be cut."""
    host, name = facts.host, facts.device.name
    whole = facts.dropped(DROP_UNREADABLE_HEADER)
    if whole:
        trace = host.trace
        seen = trace.event[:trace.ctl[0].count] if trace is not None else None
        reasons = seen.c[(seen.kind == HDS_MISS) & (seen.a == facts.row)].tolist() if seen is not None else []
        reason = max(set(reasons), key=reasons.count) if reasons else MISS_OFF if facts.ctl.hds != HDS_ENABLED else (
            MISS_THRESH if facts.ctl.hds_thresh else MISS_NOT_TCP)
        chain = (Event(facts.times.first("hds_miss", a=facts.row, c=reason), f"{some(whole, 'frame')} not cut: "
            f"{MISS_NAMES[reason]}",
                       "trace hds_miss"),
                 Event(None, "a whole frame would put its headers into device memory, so the driver drops it",
                       "ethtool -S rx_skb_alloc_fail"))
        on = facts.ctl.hds == HDS_ENABLED
        if reason == MISS_THRESH:
            yield Finding("split-threshold", f"hds-thresh is {int(facts.ctl.hds_thresh)}: shorter frames, SYN and FIN among "
                                             "them, "
                          "are not cut and dropped", f"ethtool -G {name} hds-thresh 0", chain, not facts.ctl.hds_thresh)
        elif reason == MISS_OFF:
            yield Finding("split-off", "header split is off on a queue with device memory: every frame is dropped",
                          f"ethtool -G {name} tcp-data-split on", chain, on)
        else:
            yield Finding("not-tcp", "frames that are no plain TCP (fragments, tunnels, UDP, ICMP) came to a queue with device "
                          "memory; they cannot be cut there", f"keep them away: ethtool -X {name} equal {facts.queue}, and "
                          "a rule for the TCP port alone", chain,
                          facts.times.since(facts.times.last("hds_miss", a=facts.row), "hds_split", a=facts.row) >= 8)
    long = facts.dropped(DROP_HEADER_OVERFLOW)
    if long:
        room, last = int(facts.ctl.header_bytes), facts.times.last("hds_miss", a=facts.row, c=MISS_OVERFLOW)
        yield Finding("header-overflow", f"headers of {some(long, 'frame')} are longer than the header buffer of {room} octets",
                      "larger header buffers (a setting of the driver), or fewer options and tags",
                      (Event(facts.times.first("hds_miss", a=facts.row), f"{some(long, 'frame')}: header overflow",
                             "ethtool -S rx_hsplit_unsplit_pkt"),), facts.times.since(last, "hds_split", a=facts.row) >= 8)
    huge = facts.refused_by_nic(DROP_TOO_LONG)
    if huge:
        yield Finding("frame-too-long", f"{some(huge, 'frame')} need more buffers than the ring has", "a longer ring, or a "
            "smaller MTU",
                      (facts.drop_event(DROP_TOO_LONG, huge),))


def _sums(facts):
    """Look at checksums."""
    lost, q, times = facts.dropped(DROP_CSUM), facts.ctl, facts.times
    if not lost:
        return
    dropped = Event(None, f"{some(lost, 'segment')} discarded: nobody can add up payload that nobody may read", "rx_drop: bad "
        "checksum")
    last = times.last("tcp_drop")
    if q.rx_csum_none and not facts.nic.rx_csum:
        yield Finding("checksum-off", "receive checksums are switched off, and the kernel cannot make up for it in device memory",
                      f"ethtool -K {facts.device.name} rx on",
                      (Event(None, f"{some(q.rx_csum_none, 'frame')} that the card has not checked", "ethtool -S rx_csum_none"),
                       dropped))
    elif q.rx_csum_none > q.rx_csum_bad:
        yield Finding("checksum-off", "receive checksums were switched off for a time", "nothing", (dropped,), True)
    if q.rx_csum_bad:
        last = max((int(at) for host in facts.host.lab.hosts if host is not facts.host
                    for at in again_ns(host)), default=None)
        over = last is not None and data_since(facts.host, last) >= ENOUGH
        yield Finding("damaged", f"{some(q.rx_csum_bad, 'frame')} arrived damaged; TCP has such sent again",
                      "the cable, the transceiver, or a switch between: not your program",
                      (Event(None, f"{some(q.rx_csum_bad, 'wrong sum')}", "ethtool -S rx_csum_bad"), dropped), over)


def again_ns(host):
    """List when a host sent something again, as far as its trace tells.

    Parameters
    ----------
    host : Host
        Who sends.

    Returns
    -------
    times : list of int
        Of segments whose first octet had been sent before.
    """
    if host.trace is None:
        return []
    from devmemlab.base.trace import TCP_SEND
    events = host.trace.event[:host.trace.ctl[0].count]
    seen, again, newest = set(), [], {}
    for at_ns, sock, seq in zip(*(events[name][events.kind == TCP_SEND].tolist() for name in ("at_ns", "a", "b"))):
        # An acknowledgement has the number of what comes next; only a number that the stream has passed was sent before.
        if (sock, seq) in seen and newest.get(sock) != seq:
            again.append(at_ns)
        seen.add((sock, seq))
        newest[sock] = seq if sock not in newest or (seq - newest[sock]) & 0xFFFFFFFF < 1 << 31 else newest[sock]
    return again


def data_since(host, at_ns):
    """Count the data segments that TCP took after a time.

    Parameters
    ----------
    host : Host
        With a trace.
    at_ns : int
        Time.

    Returns
    -------
    segments : int
        0 without a trace.
    """
    from devmemlab.base.trace import TCP_RCV
    if host.trace is None:
        return 0
    events = host.trace.event[:host.trace.ctl[0].count]
    return int(((events.kind == TCP_RCV) & (events.c > 0) & (events.at_ns > at_ns)).sum())


def queue_findings(facts):
    """Look at a queue from the wire to its buffers.

    Parameters
    ----------
    facts : QueueFacts
        A queue.

    Returns
    -------
    findings : list of Finding
        In the order of a frame's way.
    """
    return [*_interface(facts), *_cut(facts), *_sums(facts), *starved_findings(facts)]


def why_queue(host, device, queue):
    """Find what is wrong with a queue.

    Parameters
    ----------
    host : Host
        Where.
    device : device
        The interface.
    queue : int
        Index within it.

    Returns
    -------
    findings, story : list of Finding, list of Event
        What is wrong; and how things are.
    """
    found = bind_findings(host, device, queue)
    if not getattr(device, "rxqs", None) or not 0 <= queue < device.real_num_rx_queues:
        return found, []
    facts = QueueFacts(host, device, queue)
    runs = f"binding {int(host.mem.providers.binding[facts.provider].id)}" if facts.provider else "pages"
    story = [Event(None, f"it runs on {runs}, header split {'on' if facts.ctl.hds == HDS_ENABLED else 'off'}", "queue-get"),
             Event(None, f"{int(facts.ctl.rx_packets)} frames came, {facts.posted} of {int(facts.ctl.desc_count)} descriptors "
                         "are "
                         "with the card", "ethtool -S")]
    return found + queue_findings(facts), story
