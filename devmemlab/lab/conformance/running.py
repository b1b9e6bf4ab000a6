"""The running kernel as a third witness: asked only for records of its own release, in a process and namespace apart.

Law.   A record of another release is never asked; a namespace lives no longer than the process that asks.
Reads. uname(2); `devmemlab.lab.conformance.real_face`.
Omits. Callers who may not make a namespace: they are told.

Run as ``python -m devmemlab.lab.conformance.running``: records in on standard input, answers out, both JSON.
"""

import json
import platform
import re
import shutil
import subprocess
import sys

from devmemlab.base.errno import name_of
from devmemlab.lab.conformance.answers import Answer, NotModelled
from devmemlab.lab.conformance.records import Record

ASKING_S = 120


def running_release():
    """Tell the release of the running kernel.

    Returns
    -------
    release : str
        Numbers only: a vendor's suffix does not count.
    """
    found = re.match(r"\d+\.\d+(\.\d+)?", platform.release())
    return found[0] if found and platform.system() == "Linux" else ""


def why_not(records):
    """Find out why the running kernel cannot be compared.

    Parameters
    ----------
    records : sequence of Record
        Which.

    Returns
    -------
    reason : str or None
        None: it can, for some of them.
    """
    releases = sorted({record.kernel for record in records})
    if running_release() not in releases:
        return f"no record is of its release {running_release() or platform.system()}; they are of {', '.join(releases)}"
    if not shutil.which("unshare"):
        return "no unshare command to try a private network namespace with"
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return f"no private network namespace: {done.stderr.strip()} (root is needed)" if done.returncode else None


def ask_running_kernel(records):
    """Ask the running kernel what records of its release asked.

    Parameters
    ----------
    records : sequence of Record
        Any; those of other releases are left out.

    Returns
    -------
    answers : list of Answer or None
        One a record.
    """
    mine = [number for number, record in enumerate(records) if record.kernel == running_release()]
    if not mine:
        return [None] * len(records)
    done = subprocess.run([sys.executable, "-m", "devmemlab.lab.conformance.running"], text=True, capture_output=True,
                          timeout=ASKING_S, input=json.dumps([records[number]._asdict() for number in mine]), check=False)
    if done.returncode:
        raise OSError(5, f"the process that asks the running kernel ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    answers = [None] * len(records)
    for number, answer in zip(mine, json.loads(done.stdout), strict=True):
        answers[number] = Answer(**answer) if answer else None
    return answers


def machine_for(record):
    """Choose the namespace in which a record is asked.

    Parameters
    ----------
    record : Record
        Netlink records need interfaces, the others only loopback.

    Returns
    -------
    machine : str
        See `devmemlab.lab.conformance.machines`; empty when no namespace will do.
    """
    from devmemlab.lab.conformance.replay_netlink import machine_of
    from devmemlab.lab.conformance.run import replay_of

    if not replay_of(record).__module__.endswith("replay_netlink"):
        return "alone"
    try:
        return machine_of(record)
    except NotModelled:
        return ""


def answer_here(face, record):
    """Ask one record of the running kernel.

    Parameters
    ----------
    face : RealFace
        In the right namespace.
    record : Record
        Which.

    Returns
    -------
    answer : dict or None
        Fields of an Answer; None where it cannot be asked.
    """
    from devmemlab.lab.conformance.run import replay_of

    try:
        return replay_of(record)(face, record)._asdict()
    except NotModelled:
        return None
    except OSError as problem:
        return Answer(name_of(problem.errno or 0), None, None, f"on the way to the call: {problem}")._asdict()


def main():
    """Answer records from standard input."""
    from devmemlab.lab.conformance.real_face import RealFace
    from devmemlab.lab.conformance.real_namespace import build_namespace

    records = [Record(**row) for row in json.load(sys.stdin)]
    machines = [machine_for(record) for record in records]
    answers = [None] * len(records)
    for machine in dict.fromkeys(filter(None, machines)):
        try:
            build_namespace(machine)
        except (NotModelled, OSError, subprocess.CalledProcessError):
            # Such a namespace cannot be had here (no ip, no tun): those records are not asked.
            continue
        face = RealFace(machine)
        for number, record in enumerate(records):
            if machines[number] == machine:
                answers[number] = answer_here(face, record)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
