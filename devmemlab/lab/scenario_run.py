"""A scenario, run: traffic goes through its lab, and a digest says what happened.

Law.   Nothing depends on the machine, the process or the time of day.
Reads. scenario_make.py; house law 7 for the clock.
Omits. Addresses of the arena in the digest: they depend on what the process did before.
"""

import hashlib
from typing import NamedTuple

from devmemlab.base.trace import DMA_HEADER
from devmemlab.base.units import format_size, parse_size
from devmemlab.lab.course import ScenarioCourse


class Flow(NamedTuple):
    """What came of one traffic.

    name : str
        Who sent to whom.
    sent, received, mismatches : int
        Octets that the sender's socket took, that arrived, and that were wrong.
    frags, linear_bytes : int
        Pieces in device memory, and octets that came without one; 0 for traffic into host memory.
    whole : bool
        Everything came, and was right.
    """

    name: str
    sent: int
    received: int
    mismatches: int
    frags: int
    linear_bytes: int
    whole: bool


class Outcome:
    """What came of a scenario. A context manager; close it when done.

    Attributes
    ----------
    lab, hosts : Lab, dict of str to Host
        As they are at the end: recorded and traced, for ``dml.packets``, ``dml.export_pcapng`` and ``dml.export_perfetto``.
    flows : list of Flow
        One for each traffic.
    end_ns : int
        Virtual time at the end.
    stopped : str
        Why it ended before all traffic was done; empty when it was.
    trace_sha256 : str
        Digest of every event at every host.
    expected : str or None
        The digest that the file expects.
    """

    def __init__(self, scenario, made):
        self.scenario, self._made = scenario, made
        self.lab, self.hosts = made.lab, made.hosts
        self.flows, self.stopped, self.end_ns = [], "", 0
        self.trace_sha256 = ""
        self.expected = (scenario.checked["expect"] or {}).get("trace_sha256")

    @property
    def same(self):
        """bool or None: whether the run is the one that the file expects; None when it expects none."""
        return None if self.expected is None else self.expected == self.trace_sha256

    @property
    def whole(self):
        """bool: whether all traffic arrived, and was right."""
        return all(flow.whole for flow in self.flows)

    def __str__(self):
        lines = [f"{self.scenario.checked['name']}: {self.end_ns / 1e6:.3f} ms of virtual time"
                 + (f"; stopped: {self.stopped}" if self.stopped else "")]
        for flow in self.flows:
            device = f", {flow.frags} frags" if flow.frags else ""
            lines.append(f"  {flow.name}: {flow.received:,} of {flow.sent:,} octets{device}, "
                         f"{'whole' if flow.whole else f'not whole, {flow.mismatches} wrong'}")
        word = "" if self.same is None else ", as expected" if self.same else f", but {self.expected[:16]} was expected"
        return "\n".join([*lines, f"  trace {self.trace_sha256[:16]}{word}"])

    __repr__ = __str__

    def close(self):
        """End the lab and give its memory back."""
        self._made.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()


def trace_digest(lab):
    """Digest what every host of a lab has traced.

    Parameters
    ----------
    lab : Lab
        Not changed.

    Returns
    -------
    sha256 : str
        Of the events in their order, without addresses of the arena.
    """
    digest = hashlib.sha256()
    for host in lab.hosts:
        event = host.trace.event[:host.trace.ctl[0].count].copy()
        event.b[event.kind == DMA_HEADER] = 0
        digest.update(f"{host.name}:{len(event)}:{int(host.trace.ctl[0].lost)}".encode())
        for field in ("at_ns", "kind", "a", "b", "c", "d"):
            digest.update(event[field].astype("<i8").tobytes())
    return digest.hexdigest()


def run_scenario(scenario):
    """Run a scenario; see `devmemlab.lab.scenario.Scenario.run`.

    Parameters
    ----------
    scenario : Scenario
        Checked.

    Returns
    -------
    outcome : Outcome
        What came of it.
    """
    course = ScenarioCourse(scenario)
    try:
        while not course.over:
            course.move()
        return outcome_of(scenario, course)
    except BaseException:
        course.close()
        raise


def outcome_of(scenario, course):
    """Say what has come of a course.

    Parameters
    ----------
    scenario : Scenario
        Whose.
    course : ScenarioCourse
        Every connection has been made.

    Returns
    -------
    outcome : Outcome
        As it is now.
    """
    outcome = Outcome(scenario, course.made)
    outcome.stopped = course.stopped
    for row, (sender, sink) in zip(scenario.checked["traffic"], course.pairs):
        size = format_size(parse_size(row["octets"]))
        name = f"{row['from']} to {row['to']}, port {row['port']}, {size} into {row['into']}"
        outcome.flows.append(Flow(name, sender.sent, sink.received, sink.mismatches, getattr(sink, "frags", 0),
                                  getattr(sink, "linear_bytes", 0),
                                  sink.received == sender.nbytes and not sink.mismatches))
    outcome.end_ns, outcome.trace_sha256 = course.lab.clock.now_ns, trace_digest(course.lab)
    return outcome
