"""What became of one packet, and why it went no farther.

Law.   The chain is the packet's own events of the trace; only why it was dropped is asked of the queue.
Reads. `devmemlab.lab.packet_story`; spec section 16.
Omits. Packets of hosts without a trace.
"""

import numpy as np

from devmemlab.lab.fates import match
from devmemlab.lab.packet_story import Places, recorded, stories
from devmemlab.lab.why.answer import Event, Finding
from devmemlab.lab.why.facts import QueueFacts
from devmemlab.lab.why.queue_causes import why_queue
from devmemlab.wire.frame import make_packets, parse_frame, verify_ipv4_csum, verify_tcp_csum

CAUSES = {"interface down": "interface-down", "no descriptor posted": "", "bad checksum": "damaged",
          "frame longer than the buffers": "frame-too-long", "a steering rule drops it": "rule-drops"}
"""Why a card drops a frame -> key of the finding; empty: what is wrong with the queue."""


def story_of(host, number):
    """Find the story of a packet.

    Parameters
    ----------
    host : Host
        Where it passed; with a trace.
    number : int
        As ``dml.packets(host)`` counts, from 1; without a recording as the card counts what came, from 1.

    Returns
    -------
    story, octets : Story or None, bytes
        And the frame, empty: not known.

    Raises
    ------
    ValueError
        There is no such packet, or the host has no trace.
    """
    if hasattr(host.port, "capture"):
        capture, told = recorded(host)
        if not 1 <= number <= len(told):
            raise ValueError(f"packet {number}: {host.name} has packets 1 to {len(told)}")
        return told[number - 1], capture.frame_bytes(number - 1)
    came, _ = stories(host)
    if not 1 <= number <= len(came):
        raise ValueError(f"packet {number}: {len(came)} came to {host.name}")
    return came[number - 1], b""


def _sums_are_wrong(octets):
    """Tell whether a recorded frame is a TCP segment that is not what its checksums say."""
    wire, pkt = np.frombuffer(bytearray(octets), np.uint8), make_packets(1)[0]
    if not octets or parse_frame(wire, 0, len(wire), pkt) != 0:
        return False
    return not (verify_ipv4_csum(wire, 0, pkt) and verify_tcp_csum(wire, 0, pkt))


def _fate(host, story, octets):
    """Tell what became of a frame that a host sent, when its peer was recorded as well; empty when nobody knows."""
    others = [other for other in host.lab.hosts if other is not host and hasattr(other.port, "capture")]
    if len(others) != 1 or not octets:
        return ""
    ways = []
    for end in (host, others[0]):
        capture = end.port.capture()
        frames = [(int(capture.frame[k].at_ns), capture.frame_bytes(k)) for k in range(len(capture))]
        ways.append([one for one in frames if one[1][6:12] == octets[6:12]])
    sent = [row for row, one in enumerate(ways[0]) if one == (story.at_ns, octets)]
    fates = {row: fate for row, _, fate in match(*ways, host.lab.clock.now_ns) if fate != "copy"}
    return fates.get(sent[0], "") if sent else ""


def why_packet(host, number):
    """Tell what became of a packet.

    Parameters
    ----------
    host : Host
        Where it passed.
    number : int
        See `story_of`.

    Returns
    -------
    findings, story : list of Finding, list of Event
        What is wrong; and its way.
    """
    story, frame = story_of(host, number)
    if story is None:
        return [], [Event(None, "it passed before the trace began", "recording")]
    places, length = Places(host), f" of {len(frame)} octets" if frame else ""
    if story.outgoing:
        chain, fate = [Event(story.at_ns, f"{host.name} sends a frame{length}", "trace frame_out")], _fate(host, story, frame)
        if fate in ("lost", "damaged"):
            chain.append(Event(None, f"it is {fate} on the way", "recordings of both hosts"))
            return [Finding(fate, f"it was {fate} on the way; TCP sends such segments again", "the cable, or a switch between",
                            tuple(chain))], []
        return [], chain + ([Event(None, f"fate: {fate}", "recordings of both hosts")] if fate else [])
    chain = [Event(story.at_ns, f"a frame{length} arrives", "trace frame_in")]
    if story.queue is not None:
        chain.append(Event(story.at_ns, f"it is steered to queue {story.queue}", "trace steer"))
    if story.split:
        chain.append(Event(story.at_ns, f"cut behind {story.header_bytes} octets of headers", "trace hds_split"))
    for piece in story.pieces:
        chain.append(Event(story.at_ns, f"payload to {places.where(piece)}", "trace dma_payload"))
        for token in piece.tokens:
            chain.append(Event(token.given_ns, f"token {token.token} of connection {token.sock}, {token.length} octets",
                               "trace cmsg_dmabuf"))
            if token.returned_ns is not None:
                chain.append(Event(token.returned_ns, f"token {token.token} is back", "trace dontneed"))
    device = host.netdev
    if story.dropped:
        chain.append(Event(story.at_ns, f"dropped: {story.dropped}", "trace nic_drop"))
        queue = story.queue if story.queue is not None else 0
        found, _ = why_queue(host, device, queue)
        wanted = CAUSES.get(story.dropped, "")
        same = [one for one in found if one.key == wanted or not wanted] or found
        cause = same[0] if same else Finding("dropped", f"the card dropped it: {story.dropped}", "")
        return [Finding(cause.key, f"the card dropped it ({story.dropped}): {cause.cause}", cause.fix,
                        (*cause.chain, *chain))], []
    if _sums_are_wrong(frame):
        chain.append(Event(None, "its checksum is not that of its octets; TCP never sees it", "recording, rx_csum_bad"))
        return [Finding("damaged", "a bit was turned on the way: it lies in memory, and is thrown away by its checksum",
                        "the cable, or a switch between", tuple(chain))], []
    if story.pieces and not host.nics.ctl[device.nic].rx_csum and host.rxqs.ctl[device.row_of(story.queue)].unreadable:
        chain.append(Event(None, "the card has not checked its sum, and nobody else can", "ethtool -k rx-checksumming"))
        return [Finding("checksum-off", "receive checksums are switched off: it lies in device memory, and is thrown away",
                        f"ethtool -K {device.name} rx on", tuple(chain))], []
    lost = _behind_the_card(host, device, story)
    if lost is not None:
        return [Finding(lost.key, f"the driver or the stack dropped it: {lost.cause}", lost.fix, (*chain, *lost.chain))], []
    return [], chain


def _behind_the_card(host, device, story):
    """Tell why a frame that is in a ring made no skb, when that is known; None when it did."""
    if story.queue is None or story.split:
        return None
    facts = QueueFacts(host, device, story.queue)
    if not facts.provider:
        return None
    found, _ = why_queue(host, device, story.queue)
    return next((one for one in found if one.key in ("split-off", "split-threshold", "not-tcp", "header-overflow")), None)


