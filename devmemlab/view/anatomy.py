"""Frame anatomy: what becomes of a frame for every place where it could be cut, known beforehand.

Law.   A card in order cuts where `devmemlab.nic.hds` says; a cut elsewhere meets the stack's own parser, never a guess.
Reads. nic/hds.py for the card, net/napi.py and net/linear.py for driver and stack; lab/frames.py for the layers.
Omits. Queues with pages, where the stack can pull what it lacks; anatomy_stage.py draws.

A cut is a number of octets from the front: so many go to the header buffer, the rest to device memory. At 0 the card has not cut.

====================================  ==================================================================
cut                                   what follows on a queue that is bound to device memory
====================================  ==================================================================
0                                     nothing is written; the driver drops an empty completion
beyond the header buffer              header overflow: nothing is written, the driver drops it
before the headers end                the stack lacks headers that it must not read: dropped
exactly where the headers end         headers for the stack, payload for the device
behind that                           payload in host memory: SCM_DEVMEM_LINEAR, and holes in the device
====================================  ==================================================================
"""

from devmemlab.lab.frames import _parsed, cut_of, layers
from devmemlab.nic.drops import DROP_HEADER_OVERFLOW, DROP_REASONS, DROP_UNREADABLE_HEADER
from devmemlab.wire.rows import REASONS, SHORT_TCP, TRUNCATED

HEADER_BUFFERS = (64, 128, 256)
NOT_CUT, OVERFLOW, RIGHT, LATE, BARE = "not cut", "overflow", "right", "late", "nothing to cut"

VERDICTS = {
    NOT_CUT: ("the card did not cut. On a queue with device memory it writes nothing at all",
              f"dropped: {DROP_REASONS[DROP_UNREADABLE_HEADER]}", "it never hears of this frame",
              "nothing; the sender has to send it again, and that ends in the same way"),
    OVERFLOW: ("{cut} octets do not fit into a header buffer of {room}: header overflow, nothing is written",
               f"dropped: {DROP_REASONS[DROP_HEADER_OVERFLOW]}", "it never hears of this frame",
               "nothing; the sender has to send it again, and that ends in the same way"),
    RIGHT: ("the headers, all of them and nothing else, are in host memory",
            "an skb: headers linear, payload a frag nobody reads",
            "it reads the headers, which is all it needs",
            "one token for {device} octets (SCM_DEVMEM_DMABUF); nothing was copied"),
    LATE: ("{late} octets of payload went to host memory with the headers", "an skb: {cut} octets linear, the rest a frag",
           "the headers are there: accepted, and nobody notices", "{late} octets by copy (SCM_DEVMEM_LINEAR); {token}"),
    BARE: ("the headers are in host memory; there is no payload", "an skb without a frag",
           "it reads the headers, which is all it needs", "nothing: this frame is for TCP alone"),
}
"""What is so -> what card, driver, TCP and program make of it."""

EARLY = ("{short} octets of headers ({where}) went to device memory", "an skb: {cut} octets linear, the rest a frag nobody reads",
         "dropped: the linear part {why}, and the rest must not be read",
         "nothing; each frame that is sent again meets the same end")
WHO = ("card", "driver", "TCP", "program")


def stack_says(octets, cut):
    """Ask the stack's parser whether so many octets have all headers.

    Parameters
    ----------
    octets : bytes
        The whole frame.
    cut : int
        How many are in the linear part.

    Returns
    -------
    why : str
        Empty when they have.
    """
    pkt, _ = _parsed(octets[:cut])
    if pkt.tcp_at:
        return ""
    return REASONS[SHORT_TCP if pkt.err == TRUNCATED else int(pkt.err)]


def verdict(octets, cut):
    """Say what follows from a cut that fits the header buffer.

    Parameters
    ----------
    octets : bytes
        The frame, TCP.
    cut : int
        Octets for the header buffer.

    Returns
    -------
    name : str
        One of `VERDICTS`, or why the stack drops the frame.
    """
    if cut == 0:
        return NOT_CUT
    why = stack_says(octets, cut)
    if why:
        return why
    stretches = {layer.name: layer for layer in layers(octets)}
    if "payload" not in stretches:
        return BARE
    return RIGHT if cut == stretches["payload"].at else LATE


def own_choice(octets, hds_thresh, room):
    """Say what a card in order does.

    Parameters
    ----------
    octets : bytes
        The frame.
    hds_thresh, room : int
        Its settings: threshold and octets of a header buffer.

    Returns
    -------
    at, words : int, str
        Where it cuts, 0 when it does not; and the same in words.
    """
    cut = cut_of(octets, hds_thresh, room)
    words = f"cuts behind octet {cut.at}" if cut.at is not None else f"does not cut (hds_miss: {cut.why})"
    return cut.at or 0, words


def anatomy_facts(octets, title="A frame"):
    """Work out everything that can be asked about a frame.

    Parameters
    ----------
    octets : bytes
        A frame that a card would cut: TCP, not a fragment.
    title : str
        Above.

    Returns
    -------
    facts : dict
        JSON: layers, verdicts by cut, and the card's own choice by threshold and header buffer.

    Raises
    ------
    ValueError
        The card would not cut it, whatever its settings.
    """
    at = cut_of(octets, 0, 1 << 16).at
    if at is None:
        raise ValueError(f"this frame is never cut ({cut_of(octets, 0, 1 << 16).why}); look at it with frame_picture")
    found, payload = layers(octets), 0
    for layer in found:
        payload = layer.length if layer.name == "payload" else payload
    names = [verdict(octets, cut) for cut in range(len(octets) + 1)]
    kinds = list(dict.fromkeys(names))
    thresholds = sorted({0, 64, 128, 512, 1448, max(payload - 1, 0), payload})
    return {
        "title": title, "n": len(octets), "payload_at": at, "payload": payload, "layers": [list(layer) for layer in found],
        "kinds": kinds, "says": [list(VERDICTS.get(kind, EARLY)) for kind in kinds],
        "kind": [kinds.index(name) for name in names], "overflow": list(VERDICTS[OVERFLOW]),
        "rooms": list(HEADER_BUFFERS), "thresholds": thresholds,
        "own": [[list(own_choice(octets, thresh, room)) for room in HEADER_BUFFERS] for thresh in thresholds],
    }


def consequences(facts, cut, room):
    """Say what becomes of a frame that is cut somewhere.

    Parameters
    ----------
    facts : dict
        From `anatomy_facts`.
    cut : int
        Where.
    room : int
        Octets of a header buffer.

    Returns
    -------
    written : bool
        Whether anything gets into memory.
    says : list of str
        One line for each of `WHO`.
    """
    end = facts["payload_at"] + facts["payload"]
    late = max(min(cut, end) - facts["payload_at"], 0)
    device = facts["payload"] - late
    short = [(name, min(at + length, facts["payload_at"]) - max(at, cut)) for name, at, length in facts["layers"]
             if at + length > cut and at < facts["payload_at"]]
    values = {"cut": cut, "room": room, "late": f"{late:,}", "device": f"{device:,}", "why": facts["kinds"][facts["kind"][cut]],
              "token": f"a token for the other {device:,}" if device else "no token",
              "short": f"{facts['payload_at'] - cut}", "where": ", ".join(name for name, _ in short)}
    lines = facts["overflow"] if cut > room else facts["says"][facts["kind"][cut]]
    return 0 < cut <= room, [line.format(**values) for line in lines]
