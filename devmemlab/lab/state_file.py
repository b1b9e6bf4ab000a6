"""State files: a moment of a lab, to be shared and opened again.

Law.   A file holds data, never code, and nothing of it is believed: it is checked, run, and compared by hash, or refused whole.
Reads. PKZIP's format as Python's zipfile has it; scenario_keys.py for what a scenario may say.
Omits. How long a stranger's scenario takes to run: interrupt it. Tables themselves (see below).

What is written is how to get to the moment: the scenario (or the frames of a recording), what was turned on the way, the number
of the event, and the hash of the state there. That is a few hundred octets where tables would be megabytes, it can be read by
people, and unlike tables, or pickled objects, a file that was tampered with can at worst describe another run. The price is that
a later devmemlab that does something otherwise cannot open it: the hash says so.

::

    state.json     format, version, devmemlab, moment, event, state_hash, trace_sha256, scenario or recording, changes
    capture.pcap   the frames of a recording
"""

import contextlib
import json
import os
import tempfile
import zipfile
import zlib

from devmemlab import __version__
from devmemlab.lab.program import Program
from devmemlab.lab.scenario import Scenario
from devmemlab.lab.settings import check_settings
from devmemlab.wire.pcap import CaptureWriter, read_capture

FORMAT, VERSION = "devmemlab state", 1
STATE, CAPTURE = "state.json", "capture.pcap"
MOST_BYTES = {STATE: 1 << 20, CAPTURE: 1 << 29}
MOST_CHANGES = 1024
KEYS = {"format": str, "version": int, "devmemlab": str, "moment": int, "event": int, "state_hash": str, "trace_sha256": str,
        "changes": list}
AGAIN = "ask for it again, or save it again with lab.save(...)"


class StateFileError(ValueError):
    """A state file that cannot be opened; the text names the file, what is wrong, and the remedy."""


def write_state(path, program, moment, event, state_hash, trace_sha256):
    """Write a state file.

    Parameters
    ----------
    path : str
        Its name; the file appears whole or not at all.
    program : Program
        What is run.
    moment, event : int
        Where.
    state_hash, trace_sha256 : str
        What the state is there, and the trace at the end.
    """
    told = {"format": FORMAT, "version": VERSION, "devmemlab": __version__, "moment": moment, "event": event,
            "state_hash": state_hash, "trace_sha256": trace_sha256,
            "changes": [[at, settings] for at, settings in program.changes]}
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path))) as folder:
        parts = {}
        if program.scenario:
            told["scenario"] = program.scenario.data
        else:
            told["recording"] = {"memory": program.memory, "keep": program.keep, "trace": program.trace, "name": program.name}
            inner = os.path.join(folder, CAPTURE)
            with CaptureWriter(inner) as writer:
                writer.write(program.capture.burst)
            with open(inner, "rb") as file:
                parts[CAPTURE] = file.read()
        parts[STATE] = json.dumps(told, indent=1).encode()
        whole = os.path.join(folder, "whole")
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(parts):
                # Without a date the same state gives the same file.
                archive.writestr(zipfile.ZipInfo(name), parts[name], zipfile.ZIP_DEFLATED)
        os.replace(whole, path)


def _unpack(path, name):
    """Take the parts out of a file.

    Parameters
    ----------
    path : str
        The file.
    name : str
        How to call it.

    Returns
    -------
    parts : dict of str to bytes
        By their names; what they say has not been looked at.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if STATE not in names or len(set(names)) != len(names) or set(names) - set(MOST_BYTES):
                raise StateFileError(f"{name}: this is no state file: it holds {', '.join(map(repr, names[:4])) or 'nothing'}; "
                                     "open one that lab.save(...) wrote")
            for info in infos:
                if info.file_size > MOST_BYTES[info.filename]:
                    raise StateFileError(f"{name}: {info.filename} has {info.file_size:,} octets, and at most "
                                         f"{MOST_BYTES[info.filename]:,} are read; save a shorter recording")
            parts = {}
            for info in infos:
                with archive.open(info) as file:
                    parts[info.filename] = file.read(MOST_BYTES[info.filename] + 1)
            return parts
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as problem:
        if isinstance(problem, StateFileError):
            raise
        raise StateFileError(f"{name}: this is no state file, or a damaged one ({problem}); {AGAIN}") from None


def _told(name, octets):
    """Read what a file says, and refuse what cannot be.

    Parameters
    ----------
    name : str
        Of the file.
    octets : bytes
        Its JSON.

    Returns
    -------
    told : dict
        Keys of `KEYS`, of the right kinds; of this version.
    """
    try:
        told = json.loads(octets)
    except (ValueError, RecursionError) as problem:
        raise StateFileError(f"{name}: {STATE} is damaged ({problem}); {AGAIN}") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        shown = told.get("format") if isinstance(told, dict) else told
        raise StateFileError(f"{name}: format = {shown!r:.60}, and only {FORMAT!r} can be opened; open a file of lab.save(...)")
    if told.get("version") != VERSION or isinstance(told["version"], bool):
        raise StateFileError(f"{name}: version = {told.get('version')!r:.60}, and this devmemlab ({__version__}) reads version "
                             f"{VERSION}; open it with devmemlab {told.get('devmemlab')!r:.60}, or have it saved with this one")
    for key, kind in KEYS.items():
        if not isinstance(told.get(key), kind) or isinstance(told[key], bool):
            raise StateFileError(f"{name}: {key} = {told.get(key)!r:.60} cannot be; needed: {kind.__name__}; {AGAIN}")
    return told


def _program(name, told, parts):
    """Make the program that a file tells of."""
    changes = told["changes"]
    if len(changes) > MOST_CHANGES or not all(
            isinstance(one, list) and len(one) == 2 and type(one[0]) is int and one[0] >= 0 and isinstance(one[1], dict)
            for one in changes):
        raise StateFileError(f"{name}: changes = {changes!r:.60} cannot be; needed: [moment, settings] each; {AGAIN}")
    try:
        for _, settings in changes:
            check_settings(settings)
        pairs = tuple((at, settings) for at, settings in changes)
        if isinstance(told.get("scenario"), dict):
            return Program(scenario=Scenario(told["scenario"], name), changes=pairs)
        options = told.get("recording")
        if not isinstance(options, dict) or CAPTURE not in parts:
            raise ValueError(f"neither a scenario nor a recording is in it; {AGAIN}")
        for key, most in (("memory", 1 << 40), ("keep", 1 << 20), ("trace", 1 << 24)):
            if type(options.get(key)) is not int or not (key == "keep") <= options[key] + (key == "keep") <= most:
                raise ValueError(f"{key} = {options.get(key)!r:.60} cannot be; needed: a whole number up to {most}")
        with tempfile.TemporaryDirectory() as folder:
            inner = os.path.join(folder, CAPTURE)
            with open(inner, "wb") as file:
                file.write(parts[CAPTURE])
            capture = read_capture(inner)
    except StateFileError:
        raise
    except ValueError as problem:
        raise StateFileError(f"{name}: {str(problem).removeprefix(f'{name}: ')}") from None
    capture.path = str(options.get("name", ""))[:200]
    capture.verify()
    return Program(None, capture, options["memory"], options["keep"], options["trace"], pairs)


def open_lab(path):
    """Open a state file: the lab is run again to the moment that was saved, and compared with it.

    Parameters
    ----------
    path : str or os.PathLike
        Of ``lab.save(...)``.

    Returns
    -------
    lab : Lab
        At that moment; ``lab.journey`` goes back and forth from there.

    Raises
    ------
    StateFileError
        The file is damaged, of another version, or leads to another state here: the text says which, and what to do. Nothing
        stays open.
    OSError
        The file cannot be read.
    """
    from devmemlab.lab.journey import Journey

    path = os.fspath(path)
    name = os.path.basename(path)
    parts = _unpack(path, name)
    told = _told(name, parts[STATE])
    with contextlib.ExitStack() as undo:
        try:
            journey = undo.enter_context(contextlib.closing(Journey(_program(name, told, parts))))
        except StateFileError:
            raise
        except (ValueError, OSError, MemoryError, OverflowError) as problem:
            raise StateFileError(f"{name}: it cannot be run here: {problem}; {AGAIN}") from problem
        if not journey.has(told["moment"], told["event"]):
            raise StateFileError(f"{name}: moment = {told['moment']}, event = {told['event']}, and its run has no such place: "
                                 f"its events are {journey.first} to {journey.events}; {AGAIN}")
        lab = journey.stand(told["moment"], told["event"])
        found = lab.state_hash()
        if found != told["state_hash"]:
            raise StateFileError(f"{name}: state_hash = {told['state_hash'][:16]!r}, and here the state is {found[:16]!r}: "
                                 f"this devmemlab ({__version__}) runs it otherwise than {told['devmemlab']!r:.60} did, or the "
                                 f"file was changed; open it with that version, or have it saved with this one")
        undo.pop_all()
        return lab
