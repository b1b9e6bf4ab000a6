"""The film of a connection: every segment as it leaves and as it arrives, and what the receiving program does meanwhile.

Law.   What is played was recorded at the two ends of the wire; order is kept, and a silence is one event with its length.
Reads. devmemlab.lab.segments; page_ranges.py; RFC 5681 for what a duplicate acknowledgement is.
Omits. Where on the wire a segment was lost: it is said as soon as it has left.
"""

import numpy as np

from devmemlab.view.film import Film, changing, running
from devmemlab.view.page_ranges import BACK, SOCKET, TOKEN

LOOKS = ("data", "again", "control", "ack", "dup", "sack", "dsack")
"""What a segment is, for its shape: payload, payload once more, SYN FIN or RST, acknowledgement, the same once more, with SACK
blocks, with a block for what came twice."""

SENT, ARRIVED, LOST, CALL, SILENCE = range(5)
FLAGS = "SFR"
SILENCE_NS, LONGEST_NS, REST_NS, SECONDS = 1_000_000, 50_000, 120_000, 40
SAID = {
    "data": "{amount} octets from number {item} on", "again": "{amount} octets from number {item} on, once more",
    "control": "a segment that begins or ends something, at number {item}", "ack": "acknowledgement {item}",
    "dup": "the same acknowledgement once more, {item}", "sack": "acknowledgement {item}, with SACK up to {amount}",
    "dsack": "acknowledgement {item}, and what came twice ended at {amount}",
}
HAPPENS = {SENT: "{0} sends {2}", ARRIVED: "{1} gets {2}", LOST: "lost on the way to {1}: {2}"}
CALLS = {"recvmsg": "the program on {1} calls recvmsg: {{amount}} tokens",
         "dontneed": "the program on {1} gives {{amount}} tokens back"}
QUIET = "nothing happens for {amount} microseconds"


def looks_of(segments):
    """Tell what each segment is.

    Parameters
    ----------
    segments : list of Segment
        In the order in which they were sent.

    Returns
    -------
    looks : uint8[n]
        Indices of `LOOKS`.
    """
    looks, known = np.zeros(len(segments), np.uint8), [-1, -1]
    for k, one in enumerate(segments):
        if one.payload_bytes:
            look = "again" if one.again else "data"
        elif one.again or set(one.flags) & set(FLAGS):
            look = "control"
        elif one.sack:
            look = "dsack" if one.duplicate else "sack"
        else:
            look = "dup" if one.ack == known[one.side] else "ack"
        looks[k] = LOOKS.index(look)
        known[one.side] = one.ack
    return looks


def happenings(segments, calls):
    """List everything that happens, in order.

    Parameters
    ----------
    segments : list of Segment
        Of a conversation.
    calls : list of Call
        From `devmemlab.view.page_ranges.page_ranges`.

    Returns
    -------
    at_ns, what, which : int64[m]
        Time; what happens; and to which segment or which call.
    """
    sent = np.array([one.sent_ns for one in segments], np.int64)
    came = [(one.arrived_ns, k) for k, one in enumerate(segments) if one.arrived_ns is not None and one.fate != "seen"]
    gone = [k for k, one in enumerate(segments) if one.fate == "lost"]
    columns = [(np.array([at for at, _ in came], np.int64), ARRIVED, np.array([k for _, k in came], np.int64)),
               (np.array([call.at_ns for call in calls], np.int64), CALL, np.arange(len(calls))),
               (sent, SENT, np.arange(len(segments))), (sent[gone], LOST, np.array(gone, np.int64))]
    at_ns = np.concatenate([times for times, _, _ in columns])
    which = np.concatenate([numbers for _, _, numbers in columns])
    what = np.concatenate([np.full(len(times), kind) for times, kind, _ in columns])
    # Of what happens at one moment, arrivals come first, then the program, then what is answered; a loss is told at once.
    turn = np.array([2, 0, 2, 1])[what]
    order = np.lexsort((what, np.where(turn == 2, which, 0), turn, at_ns))
    at_ns, what, which = at_ns[order], what[order], which[order]
    quiet = np.flatnonzero(np.diff(at_ns) > SILENCE_NS) + 1
    gaps = at_ns[quiet] - at_ns[quiet - 1]
    return (np.insert(at_ns, quiet, at_ns[quiet]), np.insert(what, quiet, SILENCE), np.insert(which, quiet, gaps // 1000))


def _lines(ends, segments, looks, calls, what, which):
    """Say what happens, with one line for each kind.

    Parameters
    ----------
    ends : tuple of str
        Both hosts.
    segments, looks : list of Segment, uint8[n]
        What each is.
    calls : list of Call
        Of the program.
    what, which : int64[m]
        From `happenings`.

    Returns
    -------
    lines, kind, amount, item : list of str, three int64[m]
        For `devmemlab.view.film.Film`.
    """
    receiver = 1 - main_side(segments)
    side = np.array([one.side for one in segments], np.int64)
    first = np.array([one.seq if one.payload_bytes or look == 2 else one.ack or 0 for one, look in zip(segments, looks)])
    second = np.array([one.payload_bytes or (one.sack[0][1] if one.sack else 0) for one in segments], np.int64)
    moved = np.isin(what, (SENT, ARRIVED, LOST))
    code, item, amount = np.zeros(len(what), np.int64), np.zeros(len(what), np.int64), np.zeros(len(what), np.int64)
    own = which[moved]
    code[moved] = (what[moved] * 2 + side[own]) * len(LOOKS) + looks[own]
    item[moved], amount[moved] = first[own], second[own]
    words = {(kind * 2 + end) * len(LOOKS) + k: text.format(ends[end], ends[1 - end], SAID[look])
             for kind, text in HAPPENS.items() for end in (0, 1) for k, look in enumerate(LOOKS)}
    for k, (name, text) in enumerate(CALLS.items(), len(words)):
        words[k] = text.format("", ends[receiver])
        mine = np.flatnonzero((what == CALL) & np.isin(which, [n for n, call in enumerate(calls) if call.what == name]))
        code[mine], amount[mine] = k, [calls[n].count for n in which[mine]]
    code[what == SILENCE], amount[what == SILENCE] = len(words), which[what == SILENCE]
    words[len(words)] = QUIET
    used, kind = np.unique(code, return_inverse=True)
    return [words[int(k)] for k in used], kind, amount, item


def main_side(segments):
    """Tell who sent more payload.

    Parameters
    ----------
    segments : list of Segment
        Of a conversation.

    Returns
    -------
    side : int
        0 or 1.
    """
    sums = [sum(one.payload_bytes for one in segments if one.side == side) for side in (0, 1)]
    return int(sums[1] > sums[0])


def phases_of(pieces, calls, at_ns, what, which):
    """Find the events with which buffers change hands.

    Parameters
    ----------
    pieces, calls : list of Piece, list of Call
        From `devmemlab.view.page_ranges.page_ranges`.
    at_ns, what, which : int64[m]
        From `happenings`.

    Returns
    -------
    phases : list of list of (int, str)
        For each piece: number of the event, and what the buffer is from then on.
    """
    arrival = dict(zip(which[what == ARRIVED].tolist(), np.flatnonzero(what == ARRIVED).tolist()))
    by_call = dict(zip(which[what == CALL].tolist(), np.flatnonzero(what == CALL).tolist()))
    phases = []
    for piece in pieces:
        steps, before_ns = [(arrival[piece.segment], SOCKET)], piece.steps[0][0]
        for then_ns, name, call in piece.steps[1:]:
            event = by_call[call] if call >= 0 else int(np.searchsorted(at_ns, then_ns, "right")) - 1
            # What happens to a buffer in the moment in which it was filled, its own segment did.
            event = steps[-1][0] if call < 0 and then_ns == before_ns else max(event, steps[-1][0])
            steps[-1:] = [(event, name)] if event == steps[-1][0] else [steps[-1], (event, name)]
            before_ns = then_ns
        phases.append(steps)
    return phases


def tcp_film(conversation, pieces=(), calls=(), title=None):
    """Make the film of a connection.

    Parameters
    ----------
    conversation : Conversation
        From `devmemlab.lab.segments.conversation`.
    pieces, calls : sequence of Piece, sequence of Call
        From `devmemlab.view.page_ranges.page_ranges`; without them nothing is said of memory.
    title : str, optional
        Above.

    Returns
    -------
    film : Film
        ``facts["ends"]``, ``facts["side"]`` (who sent the stream), and columns for the ladder; ``pieces`` and their ``phases``
        are attributes.

    Raises
    ------
    ValueError
        There are no segments.
    """
    segments, ends, calls = conversation.segments, conversation.ends, list(calls)
    if not segments:
        raise ValueError("nothing was sent, so there is nothing to play")
    looks = looks_of(segments)
    at_ns, what, which = happenings(segments, calls)
    lines, kind, amount, item = _lines(ends, segments, looks, calls, what, which)
    steps = np.minimum(np.diff(at_ns, prepend=at_ns[0]), LONGEST_NS) + 2000 + REST_NS * (what == SILENCE)
    played = np.cumsum(steps)
    n, moved = len(at_ns), (what != CALL) & (what != SILENCE)
    left, came = np.full(len(segments), n), np.full(len(segments), n)
    left[which[what == SENT]] = np.flatnonzero(what == SENT)
    came[which[(what == ARRIVED) | (what == LOST)]] = np.flatnonzero((what == ARRIVED) | (what == LOST))
    fates = [one.fate for one in segments]
    still = np.array([fate == "seen" for fate in fates])
    came[still] = left[still]
    fate = np.array([{"lost": 1, "damaged": 2, "copy": 3}.get(name, 0) for name in fates], np.uint8)
    number = {"seq": [one.seq for one in segments], "size": [one.payload_bytes for one in segments],
              "ack": [-1 if one.ack is None else one.ack for one in segments], "blocks": [len(one.sack) for one in segments],
              "first": [one.sack[0][0] if one.sack else 0 for one in segments],
              "last": [one.sack[0][1] if one.sack else 0 for one in segments],
              "flags": [sum(1 << k for k, flag in enumerate(FLAGS) if flag in one.flags) for one in segments]}
    call = np.array([1 + (calls[k].what == "dontneed") if kind == CALL else 0 for k, kind in zip(which, what)], np.uint8)
    columns = {"e.what": what.astype(np.uint8), "e.call": call, "e.which": which.astype(np.int32), "s.look": looks,
               "s.fate": fate, "s.side": np.array([one.side for one in segments], np.uint8), "s.left": left.astype(np.int32),
               "s.came": came.astype(np.int32), "s.words": np.array([one.fate != "copy" for one in segments], np.uint8)}
    columns |= {f"s.{name}": np.array(values, np.int32) for name, values in number.items()}
    side, own = main_side(segments), np.where(moved, which, 0)
    mine = moved & (columns["s.side"][own] == side)
    data, again = np.isin(looks, (0, 1))[own] & mine, (looks == 1)[own] & mine
    acks = moved & (columns["s.side"][own] != side) & ((what == ARRIVED) | still[own] & (what == SENT))
    size = columns["s.size"]
    tracks = {"sent": running(f"octets that {ends[side]} sent", *_sums(data & (what == SENT), size, own)),
              "again": running("segments sent again", *_sums(again & (what == SENT), None, own)),
              "lost": running("segments lost", *_sums(moved & (what == LOST), None, own)),
              "acked": changing(f"acknowledged by {ends[1 - side]}",
                                np.maximum.accumulate(np.where(acks, columns["s.ack"][own], 0)))}
    phases = phases_of(pieces, calls, at_ns, what, which)
    for name, label in ((SOCKET, "buffers that wait in the socket"), (TOKEN, "buffers held by tokens")) if pieces else ():
        tracks[name] = changing(label, _level(phases, name, n))
    readout = "event {k} of {n}, at {time}; {again} sent again, {lost} lost"
    film = Film(title or f"Segments between {ends[0]} and {ends[1]}", played, lines, kind, amount, item, tracks, readout,
                max(float(played[-1]), 1.0) / min(SECONDS, max(6.0, 0.3 * n)), at_ns - at_ns[0], columns,
                {"ends": list(ends), "side": side})
    film.pieces, film.phases, film.segments = list(pieces), phases, segments
    return film


def _sums(chosen, size, own):
    """Take events out, and what each adds; one without sizes."""
    event = np.flatnonzero(chosen)
    return event, np.ones(len(event), np.int64) if size is None else size[own[event]]


def _level(phases, name, n):
    """Count the pieces that are in a phase after each event."""
    change = np.zeros(n + 1, np.int64)
    for steps in phases:
        for (event, now), (until, _) in zip(steps, [*steps[1:], (n, "")]):
            if now == name:
                change[event] += 1
                change[until] -= 1
    return np.cumsum(change)[:n]
