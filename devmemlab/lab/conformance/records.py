"""The golden records: what was called, with what, on which kernel, and what came back.

Law.   A record is data: reading one decides nothing about it but its group and the profile it belongs to.
Reads. data/kernel-golden.json and its paragraph in data/README.md.
Omits. Writing records: they come from running kernels.
"""

import fnmatch
import json
import pathlib
from typing import NamedTuple

from devmemlab.base.paths import data_folder
from devmemlab.base.profile import profile

GOLDEN = "kernel-golden.json"
RELEASES = {"6.12": "6.12", "6.18": "6.18", "7.3": "7.3"}
"""Series of a kernel release -> profile."""
BUILDS = {"6.12.107": {"page_pool_stats": False}, "6.18.44": {"page_pool_stats": False}}
"""Kernel release -> build options in which the recorded one differs from its profile."""


class Record(NamedTuple):
    """One recorded call.

    Attributes
    ----------
    case : str
        Its name; the first part is the group.
    call : str
        Which call.
    args : dict
        What it was given.
    kernel : str
        Release that answered.
    errno : str or None
        Name of the errno, None for success.
    result : object
        What it returned.
    extack : dict or None
        What netlink added: ``msg``, ``miss_type``, ...
    source : str
        Where the kernel ran.
    """

    case: str
    call: str
    args: dict
    kernel: str
    errno: str | None
    result: object
    extack: dict | None
    source: str = ""

    @property
    def group(self):
        """First part of the case."""
        return self.case.partition("/")[0]

    @property
    def leaf(self):
        """Last part of the case."""
        return self.case.rpartition("/")[2]

    @property
    def subject(self):
        """Second part of the case: the socket, the device, the caller."""
        return (self.case.split("/") + [""])[1]


def golden_path():
    """Find the records that come with the package.

    Returns
    -------
    path : pathlib.Path
        In the data folder.
    """
    return data_folder() / GOLDEN


def read_records(path=None):
    """Read a file of records.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        A JSON list of records; the package's own without it.

    Returns
    -------
    records : list of Record
        In the order of the file, which is the order of the calls.

    Raises
    ------
    ValueError
        The file is not such a list; the message says where it stops being one.
    OSError
        It cannot be read.
    """
    path = pathlib.Path(path) if path else golden_path()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ValueError(f"{path} is not JSON: {problem}") from None
    if not isinstance(rows, list):
        raise ValueError(f"{path} holds no list of records")
    wanted = set(Record._fields) - {"source"}
    records = []
    for number, row in enumerate(rows):
        lacks = sorted(wanted - set(row)) if isinstance(row, dict) else sorted(wanted)
        if lacks:
            raise ValueError(f"{path}: record {number} lacks {', '.join(lacks)}")
        records.append(Record(*(row.get(field, "") for field in Record._fields)))
    return records


def select(records, pattern=None):
    """Keep the records whose case matches.

    Parameters
    ----------
    records : sequence of Record
        All.
    pattern : str, optional
        As the shell's: ``"udmabuf/*"``, ``"*bind-rx*"``; ``*`` crosses slashes.

    Returns
    -------
    records : list of Record
        Some.
    """
    return [record for record in records if not pattern or fnmatch.fnmatchcase(record.case, pattern)]


def lab_profile(kernel):
    """Find the profile that stands for a recorded kernel.

    Parameters
    ----------
    kernel : str
        Release, for example ``"6.18.44"``.

    Returns
    -------
    profile : Profile or None
        With the build options of that kernel; None when the lab has no profile of that series.
    """
    name = RELEASES.get(".".join(kernel.split(".")[:2]))
    return profile(name, **BUILDS.get(kernel, {})) if name else None
