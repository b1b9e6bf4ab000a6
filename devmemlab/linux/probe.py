"""Probes: one question about this machine each, and what came of it.

Law.   A probe changes nothing, needs no rights, and says "unknown" rather than guess.
Reads. spec sections 9.3, 10, 11.3: what a bind needs.
Omits. Words for people: `devmemlab.lab.doctor_words` has them.

Files are read below a root that can be another than ``/``: tests build small trees.
"""

import os
import pathlib
from typing import NamedTuple

FOUND, MISSING, UNKNOWN = "found", "missing", "unknown"


class Finding(NamedTuple):
    """What a probe found.

    key : str
        Which question.
    state : str
        FOUND, MISSING or UNKNOWN.
    value : str
        What there is, or why it cannot be known.
    able : bool
        Whether a setting could change it; False when the hardware or its driver lacks it.
    """

    key: str
    state: str
    value: str
    able: bool = True


def judged(key, good, value, able=True):
    """Make a finding of a truth.

    Parameters
    ----------
    key : str
        Which question.
    good : bool or None
        None: it cannot be known.
    value : object
        What there is.
    able : bool
        See `Finding`.

    Returns
    -------
    finding : Finding
        FOUND for True, MISSING for False.
    """
    return Finding(key, UNKNOWN if good is None else FOUND if good else MISSING, str(value), able)


class Tree:
    """Files below a root.

    Parameters
    ----------
    root : str or path
        ``/`` for this machine.
    """

    def __init__(self, root="/"):
        self.root = pathlib.Path(root)

    def path(self, name):
        """Find a file.

        Parameters
        ----------
        name : str
            As it is called on a machine: ``/proc/version``.

        Returns
        -------
        path : pathlib.Path
            Below the root.
        """
        return self.root / name.lstrip("/")

    def octets(self, name):
        """Read a file.

        Parameters
        ----------
        name : str
            See `path`.

        Returns
        -------
        octets : bytes or None
            None when it cannot be read.
        """
        try:
            return self.path(name).read_bytes()
        except OSError:
            return None

    def text(self, name):
        """Read a file of text.

        Parameters
        ----------
        name : str
            See `path`.

        Returns
        -------
        text : str or None
            Without white space around it; None when it cannot be read.
        """
        octets = self.octets(name)
        return None if octets is None else octets.decode("utf-8", "replace").strip()

    def number(self, name):
        """Read a file that holds a number.

        Parameters
        ----------
        name : str
            See `path`.

        Returns
        -------
        number : int or None
            None when it cannot be read, or is none.
        """
        text = self.text(name)
        try:
            return None if text is None else int(text, 0)
        except ValueError:
            return None

    def names(self, name):
        """List a folder.

        Parameters
        ----------
        name : str
            See `path`.

        Returns
        -------
        names : list of str
            Sorted; empty when there is no such folder.
        """
        try:
            return sorted(os.listdir(self.path(name)))
        except OSError:
            return []

    def exists(self, name):
        """Tell whether there is a file.

        Parameters
        ----------
        name : str
            See `path`.

        Returns
        -------
        there : bool
            True also for a folder or a device.
        """
        return self.path(name).exists()

    def real(self, name):
        """Follow links to the end.

        Parameters
        ----------
        name : str
            See `path`.

        Returns
        -------
        name : str or None
            As it is called on a machine; None when it leads nowhere.
        """
        path = self.path(name)
        if not path.exists():
            return None
        real, root = os.path.realpath(path), os.path.realpath(self.root)
        return "/" + os.path.relpath(real, root)
