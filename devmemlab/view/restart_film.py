"""The film of restarts: the same bind in several designs, in step with one virtual clock.

Law.   Every call and every packet was recorded in a real trial; what a queue runs on follows from the calls that succeeded.
Reads. devmemlab.lab.restart_trial.
Omits. How long single calls take: time passes only while queues stand still, and that much was chosen.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.errno import name_of
from devmemlab.view.film import Film, changing, running
from devmemlab.view.restart_picture import DESIGNS

LONGEST_NS, REST_NS, SECONDS = 500_000, 60_000, 25
STILL, DEAD = "stands still", "dead"
TAKES, LOSES = "{0}  queue {{item}} takes a packet", "{0}  a packet for queue {{item}} finds nobody to take it"


class Stretch(NamedTuple):
    """What a queue ran on for a while.

    queue, begin_ns, end_ns : int
        Which, and since when until when.
    memory : str
        ``"pages"``, ``"binding 1"``, `STILL` or `DEAD`.
    """

    queue: int
    begin_ns: int
    end_ns: int
    memory: str


def told(call):
    """Say a call in words.

    Parameters
    ----------
    call : Call
        Of a trial.

    Returns
    -------
    words : str
        ``"start for queue 2 with its old memory: ENOMEM"``.
    """
    memory = {"start": f" with its {call.memory} memory", "mem_free": f" of its {call.memory} memory"}.get(call.what, "")
    failed = f": {name_of(call.errno)}" if call.errno else ""
    return f"{call.what} for queue {call.queue}{memory if call.memory else ''}{failed}"


def stretches(trial):
    """Follow the memory of every queue through a trial.

    Parameters
    ----------
    trial : Trial
        From `devmemlab.lab.restart_trial.restart_trial`.

    Returns
    -------
    stretches : list of Stretch
        Queue by queue, in order of time.
    """
    found = []
    for queue, (before, after) in enumerate(zip(trial.before, trial.after)):
        since, memory = 0, before
        own = [call for call in trial.calls if call.queue == queue and not call.errno and call.what in ("stop", "start")]
        starts = sum(call.what == "start" for call in own)
        for call in own:
            found.append(Stretch(queue, since, call.at_ns, memory))
            starts -= call.what == "start"
            since, memory = call.at_ns, STILL if call.what == "stop" else before if starts else after
        end_ns = trial.until_ns
        if after == DEAD:
            # It is dead when its last start has failed, or, when nobody tried that, with the last call.
            tries = [call for call in trial.calls if call.queue == queue and call.what == "start" and call.errno]
            end_ns = max((tries or trial.calls)[-1].at_ns, since)
            found.append(Stretch(queue, since, end_ns, memory))
            since, memory, end_ns = end_ns, DEAD, trial.until_ns
        found.append(Stretch(queue, since, end_ns, memory))
    return [one for one in found if one.end_ns > one.begin_ns]


def _shares(total, events):
    """Share a count out among events; the last one has the rest."""
    if not len(events):
        return np.zeros(0, np.int64)
    share = np.full(len(events), total // len(events), np.int64)
    share[-1] += total - share.sum()
    return share


def restart_film(trials, title=None):
    """Make the film of some trials.

    Parameters
    ----------
    trials : sequence of Trial
        The same fault and traffic, other designs.
    title : str, optional
        Above.

    Returns
    -------
    film : Film
        Tracks are called ``"A.lost"`` and so on: the letter of the lane, and what is counted.

    Raises
    ------
    ValueError
        They did not have the same traffic.
    """
    frames = [[arrival[:2] for arrival in trial.arrivals] for trial in trials]
    if any(other != frames[0] for other in frames):
        raise ValueError("these trials did not have the same traffic")
    letters, rows, lines = [chr(65 + k) for k in range(len(trials))], [], {}
    for lane, (letter, trial) in enumerate(zip(letters, trials)):
        for order, call in enumerate(trial.calls):
            line = lines.setdefault(f"{letter}  the kernel calls {told(call)}", len(lines))
            rows.append((call.at_ns, 0, order, lane, line, call.queue, order))
        kinds = [lines.setdefault(text.format(letter), len(lines)) for text in (LOSES, TAKES)]
        rows += [(one.at_ns, 1, one.queue, lane, kinds[one.taken], one.queue, -1 - k) for k, one in enumerate(trial.arrivals)]
    rows.sort(key=lambda row: (row[0], row[1], row[3], row[2]))
    table = np.array(rows, np.int64).reshape(-1, 7)
    at_ns, lanes, kind, item, which = table[:, 0], table[:, 3], table[:, 4], table[:, 5], table[:, 6]
    tracks, facts = {}, []
    for lane, (letter, trial) in enumerate(zip(letters, trials)):
        mine = np.flatnonzero(lanes == lane)
        packets = mine[which[mine] < 0]
        lost = packets[~np.array([trial.arrivals[-1 - k].taken for k in which[packets]], bool)]
        calls = mine[which[mine] >= 0]
        did = [trial.calls[k] for k in which[calls]]
        stops, starts = (calls[[call.what == what and not call.errno for call in did]] for what in ("stop", "start"))
        standing = np.zeros(len(table), np.int64)
        standing[stops] += 1
        standing[starts] -= 1
        cost = trial.cost
        tracks |= {
            f"{letter}.taken": running(f"{letter} packets taken", np.setdiff1d(packets, lost),
                                       np.ones(len(packets) - len(lost), np.int64)),
            f"{letter}.lost": running(f"{letter} packets lost", lost, np.ones(len(lost), np.int64)),
            f"{letter}.still": changing(f"{letter} queues standing still", np.cumsum(standing)),
            f"{letter}.out": running(f"{letter} buffers taken out", stops, _shares(cost.buffers_returned if cost else 0, stops)),
            f"{letter}.posted": running(f"{letter} buffers posted anew", starts,
                                        _shares(cost.buffers_posted if cost else 0, starts))}
        facts.append([letter, DESIGNS[trial.design]])
    steps = np.minimum(np.diff(at_ns, prepend=at_ns[:1]), LONGEST_NS) + REST_NS
    played = np.cumsum(steps).astype(float)
    film = Film(title or "A bind of a queue", played, list(lines), kind, np.ones(len(table)), item, tracks,
                "event {k} of {n}, at {time} (modelled)",
                max(float(played[-1]) if len(played) else 1.0, 1.0) / SECONDS, at_ns, facts={"lanes": facts})
    film.trials, film.lane, film.which = list(trials), lanes, which
    return film
