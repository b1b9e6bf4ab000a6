"""A program: everything that a run depends on, as data.

Law.   The same program gives the same run, event for event, in every process.
Reads. scenario.py; replay.py.
Omits. Anything that is code.
"""

import os
from typing import NamedTuple

from devmemlab.base.units import parse_size
from devmemlab.lab.course import CaptureCourse, ScenarioCourse
from devmemlab.lab.scenario import Scenario, load_scenario
from devmemlab.lab.scenario_run import Flow, outcome_of
from devmemlab.wire.capture import Capture
from devmemlab.wire.pcap import read_capture

MEMORY, TRACE = "1MiB", 1 << 18


class Program(NamedTuple):
    """What is run: a scenario or a recording, and what is turned on the way.

    scenario : Scenario or None
        The one.
    capture : Capture or None
        The other.
    memory, keep, trace : int
        For a recording: octets of device memory, tokens kept, room for events.
    changes : tuple of (int, dict)
        Moment -> settings that are turned there.
    """

    scenario: object = None
    capture: object = None
    memory: int = 0
    keep: int = 0
    trace: int = 0
    changes: tuple = ()

    @property
    def name(self):
        """str: for people."""
        return self.scenario.checked["name"] if self.scenario else os.path.basename(self.capture.path) or "recording"

    def begin(self):
        """Set it up.

        Returns
        -------
        course : Course
            At its beginning.
        """
        if self.scenario:
            return ScenarioCourse(self.scenario)
        return CaptureCourse(self.capture, self.memory, self.keep, self.trace)

    def flows(self, course):
        """Say what has come of it.

        Parameters
        ----------
        course : Course
            At its end.

        Returns
        -------
        flows : list of Flow
            One for each traffic.
        """
        if self.scenario:
            return outcome_of(self.scenario, course).flows
        return [Flow(f"{self.name} into device", course.reached, sink.received, 0, sink.frags, sink.linear_bytes,
                     sink.received == course.reached) for sink in course.actors]


def program_of(source, memory=MEMORY, keep=0, trace=TRACE):
    """Make a program.

    Parameters
    ----------
    source : Scenario, dict, Record, Capture, str or os.PathLike
        See `devmemlab.lab.journey.journey`.
    memory : int or str
        For a recording: octets of device memory.
    keep, trace : int
        For a recording: tokens that the program keeps; room for events.

    Returns
    -------
    program : Program
        Nothing has been run.

    Raises
    ------
    ValueError
        The source is none of these, or has no TCP in it.
    """
    if isinstance(source, dict):
        source = Scenario(source)
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        source = load_scenario(path) if path.lower().endswith(".toml") else read_capture(path)
    if isinstance(source, Scenario):
        return Program(scenario=source)
    capture = source.capture() if hasattr(source, "capture") else source
    if not isinstance(capture, Capture):
        raise ValueError(f"{source!r} cannot be run; needed: a scenario, a recording, or the name of a file")
    capture = Capture(capture.octets.copy(), capture.frame.copy(), capture.linktype, capture.path)
    capture.require_tcp()
    capture.verify()
    capture.repair()
    return Program(capture=capture, memory=parse_size(memory), keep=keep, trace=trace)
