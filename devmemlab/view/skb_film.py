"""The film of a receive queue: every skb that waits in a connection, at every moment that was noted.

Law.   A skb is shown as the inspector found it then; one that goes on waiting is known again, wherever in the queue it is.
Reads. devmemlab.lab.skb_watch; skb_stage.py draws it.
Omits. More skbs than there are slots: they are counted. Films of very many different skbs: they are refused.
"""

import numpy as np

from devmemlab.view.film import Film, changing

SLOTS, MOST = 6, 20_000
PLACES = ("in", "early")


def skb_film(moments, title=None):
    """Make the film of a receive queue.

    Parameters
    ----------
    moments : sequence of Moment
        From `devmemlab.lab.skb_watch.SkbWatch`.
    title : str, optional
        Above.

    Returns
    -------
    film : Film
        Tracks ``in.0`` and so on have which version of which skb a slot shows, from 1, and ``in.0.life`` whose life it is;
        ``film.versions`` are pairs of an inspection and the answers to its questions.

    Raises
    ------
    ValueError
        Nothing was noted, or too many different skbs.
    """
    if not moments:
        raise ValueError("nothing was noted; see devmemlab.lab.skb_watch.SkbWatch")
    n, versions, lives, born, cells, known = len(moments), {}, {}, 0, {}, {}
    slots = {f"{place}.{k}": np.zeros((2, n), np.int32) for place in PLACES for k in range(SLOTS)}
    before = None
    for at, moment in enumerate(moments):
        queue = moment.queue
        if queue is not before:
            rows = [one.skb for one in queue.skbs + queue.early]
            for row in set(lives) - set(rows):
                del lives[row]
            for row in rows:
                if row not in lives:
                    born += 1
                    lives[row] = born
            cells = {}
            for place, found in zip(PLACES, (queue.skbs, queue.early)):
                for k, one in enumerate(found[:SLOTS]):
                    key = (place, id(one))
                    if key not in known:
                        known[key] = versions.setdefault((place, one, moment.answers[one.skb]), len(versions) + 1)
                    cells[f"{place}.{k}"] = known[key], lives[one.skb]
            before = queue
        for name, cell in cells.items():
            slots[name][:, at] = cell
    if len(versions) > MOST:
        raise ValueError(f"{len(versions):,} different skbs are too many to play (at most {MOST:,}); watch for a shorter time")
    queues = [moment.queue for moment in moments]
    counts = {"octets": ("octets in order", [queue.length for queue in queues]),
              "charged": ("octets charged", [queue.charged for queue in queues]),
              "skbs": ("skbs in the receive queue", [len(queue.skbs) for queue in queues]),
              "ofo": ("skbs that came early", [len(queue.early) for queue in queues]),
              "more": ("", [sum(max(len(found) - SLOTS, 0) for found in (queue.skbs, queue.early)) for queue in queues])}
    tracks = {name: changing(label, np.array(values, np.int64)) for name, (label, values) in counts.items()}
    for name, (version, life) in slots.items():
        tracks |= {name: changing("", version), f"{name}.life": changing("", life)}
    lines = list(dict.fromkeys(moment.line for moment in moments))
    number = {line: k for k, line in enumerate(lines)}
    at_ns = np.array([moment.at_ns for moment in moments], np.float64)
    film = Film(title or f"The skbs of connection {queues[0].sock}", np.arange(n) * 1.0, lines,
                [number[moment.line] for moment in moments], [moment.amount for moment in moments],
                [moment.item for moment in moments], tracks, "moment {k} of {n}, at {time}", 2.0, at_ns - at_ns[0],
                facts={"rcvbuf": queues[0].rcvbuf, "slots": list(slots)})
    film.versions = list(versions)
    return film


def picked_version(film, position, picked):
    """Find the skb that is looked at.

    Parameters
    ----------
    film : Film
        From `skb_film`.
    position : int
        How many moments have passed.
    picked : int
        A life; 0: the first one that waits.

    Returns
    -------
    version, life : int, int
        Number of the version from 1, and whose life it is; 0 and ``picked`` when it waits no more, or not yet.
    """
    for name in film.facts["slots"]:
        version, life = film.value(name, position), film.value(f"{name}.life", position)
        if version and picked in (0, life):
            return version, life
    return 0, picked
