"""The run: every record on a fresh enough lab host, and on the running kernel where that is of the record's release.

Law.   A row is equal, different, or not comparable with a reason; the three add up to the records.
Reads. interfaces section 4.
Omits. Judging a difference between the record and the running kernel: it is shown.
"""

import functools

from devmemlab.base.errno import name_of
from devmemlab.lab.conformance import replay_memory, replay_netlink, replay_receive, replay_rig, replay_send, replay_sockopt
from devmemlab.lab.conformance.answers import Answer, NotModelled
from devmemlab.lab.conformance.compare import differences
from devmemlab.lab.conformance.lab_face import LabFace
from devmemlab.lab.conformance.records import lab_profile
from devmemlab.lab.conformance.report import Report, Row


def replay_of(record):
    """Find who can make the call of a record.

    Parameters
    ----------
    record : Record
        Its call decides.

    Returns
    -------
    replay : callable
        Takes a face and the record.
    """
    call = record.call
    if record.group == "udmabuf":
        return replay_memory.replay
    if record.group == "genl-privilege":
        return replay_netlink.replay
    if call.startswith(("setsockopt", "getsockopt")):
        return replay_sockopt.replay
    if call.startswith("sendmsg") or call == "recvmsg(MSG_ERRQUEUE)":
        return replay_send.replay
    if call.startswith("recv"):
        return replay_receive.replay
    if call == "scenario":
        return replay_rig.replay
    if call.startswith(("netdev.", "ctrl.", "shell", "unshare")):
        return replay_netlink.replay
    return nobody


def nobody(face, record):
    """Refuse a call that nothing here knows.

    Parameters
    ----------
    face : LabFace
        Not looked at.
    record : Record
        Of another kind.

    Raises
    ------
    NotModelled
        Always.
    """
    raise NotModelled(f"the call {record.call} is not known here")


class Stage:
    """Lab hosts, one of each kind that records need, made when they are first needed."""

    def __init__(self):
        self._faces = {}

    def face(self, kernel, machine="nic"):
        """Get a host.

        Parameters
        ----------
        kernel : str
            Release that was recorded.
        machine : str
            Which interfaces it has, see `devmemlab.lab.conformance.machines`.

        Returns
        -------
        face : LabFace
            The same one for the same kernel and machine.
        """
        key = kernel, machine
        if key not in self._faces:
            profile = lab_profile(kernel)
            if profile is None:
                raise NotModelled(f"the lab has no profile of kernel {kernel}")
            # Traces send bursts; everything else is quicker with short rings.
            self._faces[key] = LabFace(profile, machine, kernel, rx_ring=64 if machine.startswith("nic-rig ") else 16)
            self._faces[key].machine = functools.partial(self.face, kernel)
        return self._faces[key]

    def close(self):
        """End every host."""
        while self._faces:
            self._faces.popitem()[1].close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()


def compare_record(stage, record, running=None):
    """Ask the lab what a record asked.

    Parameters
    ----------
    stage : Stage
        Hosts.
    record : Record
        The recorded call and its answer.
    running : Answer, optional
        What the running kernel answered.

    Returns
    -------
    row : Row
        Both answers and the verdict.
    """
    try:
        answer = replay_of(record)(stage.face(record.kernel), record)
    except NotModelled as why:
        return Row(record, None, running, None, str(why))
    except OSError as problem:
        # A refusal on the way to the call: the lab fails where the recorded machine did not.
        answer = Answer(name_of(problem.errno or 0), None, None)
        return Row(record, answer, running, False, f"on the way to the call: {problem}")
    except Exception as problem:
        # One broken room must not hide the other rows; it is a difference like any other.
        return Row(record, Answer(type(problem).__name__), running, False, f"the lab broke: {problem!r}")
    wrong = differences(record, answer)
    return Row(record, answer, running, not wrong, f"differs in {'; '.join(wrong)}" if wrong else answer.note)


def conform(records, running=None, progress=None):
    """Compare records with the lab, and list what the running kernel answers.

    Parameters
    ----------
    records : sequence of Record
        Which.
    running : callable, optional
        Takes the records and returns the running kernel's answers, one a record, None where it was not asked.
    progress : callable, optional
        Told of every row.

    Returns
    -------
    report : Report
        A row for each record, in order.
    """
    found = running(records) if running else [None] * len(records)
    rows = []
    with Stage() as stage:
        for record, answer in zip(records, found, strict=True):
            rows.append(compare_record(stage, record, answer))
            if progress:
                progress(rows[-1])
    return Report(rows)
