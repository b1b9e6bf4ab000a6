"""What became of one packet, and why it went no farther.

Law.   The chain is the packet's own events of the trace; only why it was dropped is asked of the queue.
Reads. `devmemlab.lab.packet_story`; spec section 16.
Omits. Packets of hosts without a trace.
"""

from devmemlab.lab.packet_story import Places, recorded, stories
from devmemlab.lab.why.answer import Event, Finding
from devmemlab.lab.why.facts import QueueFacts
from devmemlab.lab.why.queue_causes import why_queue

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
    story, octets : Story or None, int
        And how long the frame was, 0: not known.

    Raises
    ------
    ValueError
        There is no such packet, or the host has no trace.
    """
    if hasattr(host.port, "capture"):
        capture, told = recorded(host)
        if not 1 <= number <= len(told):
            raise ValueError(f"packet {number}: {host.name} has packets 1 to {len(told)}")
        return told[number - 1], int(capture.frame[number - 1].length)
    came, _ = stories(host)
    if not 1 <= number <= len(came):
        raise ValueError(f"packet {number}: {len(came)} came to {host.name}")
    return came[number - 1], 0


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
    story, octets = story_of(host, number)
    if story is None:
        return [], [Event(None, "it passed before the trace began", "recording")]
    places, length = Places(host), f" of {octets} octets" if octets else ""
    if story.outgoing:
        return [], [Event(story.at_ns, f"{host.name} sends a frame{length}", "trace frame_out")]
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
                        (*chain, *(event for event in cause.chain if event.at_ns is None)))], []
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


