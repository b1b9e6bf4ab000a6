"""Scenes of sending without a copy: a program that uses its memory again too early, and octets that pass through a device.

Law.   A scene does what programs and wires could do, and nothing else.
Reads. Linux Documentation/networking/msg_zerocopy.rst (completion notifications); spec section 17.7; features H3 to H5.
Omits. Any check: lessons and tests do that in the open. What the four ways cost is `devmemlab.lab.senders`.
"""

from typing import NamedTuple

from devmemlab.lab.scenes_relay import RELAYS, relay
from devmemlab.lab.segments import conversation, record
from devmemlab.lab.senders import MODES, SendPair, compare_senders
from devmemlab.mem.region import host_memory
from devmemlab.sock.uapi import MSG_ZEROCOPY

__all__ = ["MODES", "RELAYS", "WHENS", "Reuse", "SendPair", "compare_senders", "relay", "reuse", "story"]
WHENS = ("at once", "after a round trip", "when told complete")
"""When the program writes its second message over the first one."""
FIRST, SECOND = b"A", b"B"
ROUND_TRIP_NS, PATIENCE_NS, STEP_NS = 100_000, 10_000_000_000, 100_000
MS = 1_000_000


class Reuse(NamedTuple):
    """What came of it.

    way, when : str
        One of `MODES`, one of `WHENS`.
    octets : int
        Length of the first message.
    received : bytes
        What the peer has read of it.
    sent_again : int
        Segments that the sender sent again.
    written_ms, told_ms : float
        When the memory was written over, and when the last octet was told complete (None: nobody tells), from the send on.
    told : object
        The segments, for `devmemlab.view.ladder`; None unless recorded.
    """

    way: str
    when: str
    octets: int
    received: bytes
    sent_again: int
    written_ms: float
    told_ms: float
    told: object

    @property
    def wrong(self):
        """int: octets of the first message that arrived as the second one."""
        return self.received.count(SECOND)

    @property
    def runs(self):
        """list of (str, int): what came, as runs of equal letters."""
        found = []
        for letter in self.received.decode():
            if found and found[-1][0] == letter:
                found[-1][1] += 1
            else:
                found.append([letter, 1])
        return [(letter, count) for letter, count in found]

    @property
    def verdict(self):
        """One line of text."""
        came = ", ".join(f"{count:,} x {letter}" for letter, count in self.runs)
        told = "nobody tells" if self.told_ms is None else f"told complete after {self.told_ms:.2f} ms"
        return (f"{self.way}, written over {self.when} ({self.written_ms:.2f} ms): {self.wrong:,} of {self.octets:,} octets "
                f"wrong ({came}); {self.sent_again} sent again, {told} (modelled)")


def _give(pair, way, octets, buffer, file):
    """Send the first message in one way, as much of it as goes at once; gives the octets that were queued."""
    if way == "devmem":
        return pair.send([(0, octets)])
    if way == "zerocopy":
        return pair.conn.sendmsg([buffer.octets[:octets]], (), MSG_ZEROCOPY)
    if way == "sendfile":
        return pair.sender.sendfile(pair.conn, file, 0, octets)
    return pair.conn.send(buffer.octets[:octets])


def reuse(way="devmem", when="at once", octets=14_480, lose=(), mtu=1500, recorded=False):
    """Send a message of the letter A, write the letter B over its memory, and see what the peer reads.

    Parameters
    ----------
    way : str
        One of `MODES`.
    when : str
        One of `WHENS`.
    octets : int
        Length of the message; ten full segments are what a new connection sends at once.
    lose : collection of int
        Data frames that the wire loses, counted from 1.
    mtu : int
        Largest IP packet.
    recorded : bool
        Keep the segments for a picture.

    Returns
    -------
    outcome : Reuse
        The same for the same arguments, always.

    Raises
    ------
    ValueError
        A way or a time that does not exist.
    """
    if way not in MODES or when not in WHENS:
        raise ValueError(f"way={way!r}, when={when!r}: there are {', '.join(MODES)}, and {', '.join(WHENS)}")
    pair = SendPair(1 << 16, mtu, lose)
    if recorded:
        record(pair.lab)
    file = pair.sender.memfd_create("file", length=1 << 16) if way == "sendfile" else None
    buffer = pair.device
    if way != "devmem":
        buffer = pair.sender.fds.get(file).file.region if file is not None else host_memory(1 << 16, "the program's buffer")
    buffer.octets[:] = ord(FIRST)
    begun_ns, written_ns, told_ns = pair.lab.clock.now_ns, None, None
    octets = _give(pair, way, octets, buffer, file)
    tells = way in ("devmem", "zerocopy")
    until_ns = begun_ns + PATIENCE_NS
    while (len(pair.received) < octets or written_ns is None or (tells and told_ns is None)) and pair.lab.clock.now_ns < until_ns:
        now_ns = pair.lab.clock.now_ns
        if tells and told_ns is None and pair.sender.completions(pair.conn):
            told_ns = now_ns
        early = when == WHENS[0] or (when == WHENS[1] and now_ns - begun_ns >= ROUND_TRIP_NS)
        if written_ns is None and (early or told_ns is not None or (not tells and len(pair.received) == octets)):
            buffer.octets[:] = ord(SECOND)
            written_ns = now_ns
        pair.read()
        due_ns = begun_ns + ROUND_TRIP_NS if written_ns is None and when == WHENS[1] else until_ns
        pair.lab.run(until_ns=max(now_ns, min(pair.lab.next_ns() or now_ns, due_ns)) + STEP_NS)
    pair.sender.audit()
    outcome = Reuse(way, when, octets, pair.received, pair.sender.nstat()["TcpRetransSegs"], (written_ns - begun_ns) / MS,
                    None if told_ns is None else (told_ns - begun_ns) / MS, conversation(pair.lab) if recorded else None)
    pair.close()
    return outcome


def story(pair):
    """Tell what a sender's error queue and memory say now.

    Parameters
    ----------
    pair : SendPair
        Two hosts.

    Returns
    -------
    told : dict
        ``completions`` (taken from the queue), ``tx_frags`` in skbs, ``references`` of the binding (None: it is gone).
    """
    bindings = pair.sender.mem.providers.binding
    rows = [row for row in bindings[bindings.kind != 0] if row.id == pair.dmabuf_id]
    return {"completions": [tuple(one) for one in pair.sender.completions(pair.conn)],
            "tx_frags": pair.sender.audit().tx_frags, "references": int(rows[0].ref) if rows else None}
