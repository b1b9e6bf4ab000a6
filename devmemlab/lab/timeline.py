"""A trace as a time line: a track for each queue, each socket and each token, as trace viewers want it.

Law.   A slice begins and ends with an event of the trace; what has no duration there is a mark. Time is the trace's own.
Reads. The Trace Event Format: phases X (slice), i (mark), C (counter), M (names).
Omits. Arrows between tracks; events of pools, but for the buffers that are in use.

A host takes four process numbers: queues, sockets, tokens, counters. The time stamps of the format are microseconds with
fractions, so a nanosecond is 0.001.
"""

from devmemlab.base.trace import NAMES, TRACEPOINTS
from devmemlab.base.trace import events as trace_events
from devmemlab.lab.packet_story import Places
from devmemlab.tcp.states import STATES

QUEUES, SOCKETS, TOKENS, COUNTERS = range(4)
GROUPS = ("queues", "sockets", "tokens", "counters")
MOST_TOKENS = 1 << 20
"""Tokens of one connection that get a track of their own: the track's number is that of the connection times this, plus the
token."""
OF_QUEUE = tuple(name for name in NAMES if TRACEPOINTS[name][0] == "queue" and name not in ("rxq_post", "dma_header"))
OF_SOCKET = tuple(name for name in NAMES if TRACEPOINTS[name][0] == "sock" and name not in ("tcp_state", "dontneed"))


def _us(ns):
    """Nanoseconds as the format's microseconds."""
    return ns / 1000


class Timeline:
    """The events of one host, as they are collected.

    Parameters
    ----------
    first : int
        Its first process number.
    """

    def __init__(self, first):
        self.first, self.rows, self.tracks = first, [], {}

    def track(self, group, number, name):
        """Name a track.

        Parameters
        ----------
        group, number : int
            Process (0 to 3) and thread.
        name : str
            What people read.

        Returns
        -------
        place : dict
            ``pid`` and ``tid`` of its events.
        """
        self.tracks.setdefault((group, number), name)
        return {"pid": self.first + group, "tid": number}

    def mark(self, place, name, at_ns, args):
        """Add something that has no duration.

        Parameters
        ----------
        place : dict
            From `track`.
        name : str
            What happened.
        at_ns : int
            When.
        args : dict
            Details.
        """
        self.rows.append({"ph": "i", "s": "t", "name": name, "ts": _us(at_ns), **place, "args": args})

    def span(self, place, name, begin_ns, end_ns, args):
        """Add something with a beginning and an end.

        Parameters
        ----------
        place : dict
            From `track`.
        name : str
            What went on.
        begin_ns, end_ns : int
            From when to when.
        args : dict
            Details.
        """
        self.rows.append({"ph": "X", "name": name, "ts": _us(begin_ns), "dur": _us(end_ns - begin_ns), **place, "args": args})

    def count(self, name, at_ns, value):
        """Add a value that holds from now on.

        Parameters
        ----------
        name : str
            Of the counter.
        at_ns : int
            Now.
        value : int
            The value.
        """
        self.rows.append({"ph": "C", "name": name, "ts": _us(at_ns), "pid": self.first + COUNTERS, "tid": 0,
                          "args": {"value": value}})

    def named(self, host):
        """Put the names of processes and tracks before everything else.

        Parameters
        ----------
        host : str
            Name of the host.

        Returns
        -------
        events : list of dict
            All, names first.
        """
        names = [{"ph": "M", "name": "process_name", "pid": self.first + group, "tid": 0, "args": {"name": f"{host}: {word}"}}
                 for group, word in enumerate(GROUPS)]
        names += [{"ph": "M", "name": "process_sort_index", "pid": self.first + group, "tid": 0,
                   "args": {"sort_index": self.first + group}} for group in range(len(GROUPS))]
        names += [{"ph": "M", "name": "thread_name", "pid": self.first + group, "tid": number, "args": {"name": name}}
                  for (group, number), name in sorted(self.tracks.items())]
        return names + self.rows


def timeline(host, first=1):
    """Turn the trace of a host into events for a viewer.

    Parameters
    ----------
    host : Host
        Made with ``trace=``.
    first : int
        Its first process number; it takes four.

    Returns
    -------
    events : list of dict
        In the order of the trace, names first; the same for the same trace.

    Raises
    ------
    ValueError
        The host has no trace, or the trace was too small.
    """
    if host.trace is None:
        raise ValueError(f"{host.name} has no trace; make it with lab.host(..., trace=True)")
    if host.trace.ctl[0].lost:
        raise ValueError(f"the trace of {host.name} was full, {int(host.trace.ctl[0].lost)} events are missing; "
                         f"make it with lab.host(..., trace={4 * int(host.trace.ctl[0].capacity)})")
    line, tokens, states, held, in_use = Timeline(first), {}, {}, 0, {}
    rows, places = trace_events(host.trace), Places(host)
    end_ns = rows[-1]["at_ns"] if rows else 0
    for event in rows:
        at_ns, name = event.pop("at_ns"), event.pop("name")
        if name in OF_QUEUE and event["queue"] >= 0:
            line.mark(line.track(QUEUES, event["queue"], f"queue {event['queue']}"), name, at_ns, event)
        elif name in OF_SOCKET:
            line.mark(line.track(SOCKETS, event["sock"], _socket(event["sock"])), name, at_ns, event)
        if name == "tcp_state":
            begun = states.pop(event["sock"], None)
            if begun:
                line.span(line.track(SOCKETS, event["sock"], _socket(event["sock"])), begun[1], begun[0], at_ns, {})
            states[event["sock"]] = at_ns, STATES[event["new"]]
        elif name == "cmsg_dmabuf":
            tokens[event["sock"], event["frag_token"]] = at_ns, event
            held += 1
            line.count("tokens held", at_ns, held)
        elif name == "dontneed":
            given = tokens.pop((event["sock"], event["frag_token"]), None)
            if given:
                _token(line, places, given[0], at_ns, given[1], True)
                held -= 1
                line.count("tokens held", at_ns, held)
        elif name in ("page_pool_state_hold", "page_pool_state_release"):
            in_use[event["pool"]] = in_use.get(event["pool"], 0) + (1 if name.endswith("hold") else -1)
            line.count(f"inflight of page_pool {event['pool']}", at_ns, in_use[event["pool"]])
    for given_ns, event in tokens.values():
        _token(line, places, given_ns, end_ns, event, False)
    for sock, (begun_ns, state) in states.items():
        line.span(line.track(SOCKETS, sock, _socket(sock)), state, begun_ns, end_ns, {})
    return line.named(host.name)


def _socket(sock):
    """The name of a connection's track."""
    return f"socket {sock}" if sock else "no socket"


def _token(line, places, given_ns, end_ns, event, returned):
    """Add the life of one token."""
    sock, token = event["sock"], event["frag_token"]
    place = line.track(TOKENS, sock * MOST_TOKENS + token, f"token {token} of socket {sock}")
    line.span(place, places.name(event["netmem"]), given_ns, end_ns,
              {"frag_size": event["frag_size"], "netmem": event["netmem"], "returned": returned})
