"""What every command does with its results: the ``--json`` option.

Law.   ``--json FILE`` writes one JSON object to FILE; ``--json -`` writes it to standard output and nothing else goes there.
Reads. interfaces: every command that measures or reports has it.
Omits. Any other format.
"""

import json
import pathlib
import sys

import click
import numpy as np

json_option = click.option(
    "--json", "json_path", metavar="FILE", default=None,
    help="Also write the result as JSON; - is standard output (the table then goes to standard error).")


def _plain(value):
    """Turn what json does not know into what it does.

    Parameters
    ----------
    value : object
        NumPy scalar or array, path, or anything with ``as_dict``.

    Returns
    -------
    plain : object
        The same in Python's own types.

    Raises
    ------
    TypeError
        There is no plain form.
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if hasattr(value, "as_dict"):
        return value.as_dict()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def write_json(path, result):
    """Write a result as JSON.

    Parameters
    ----------
    path : str, pathlib.Path or None
        A file, ``"-"`` for standard output, or None: nothing is written.
    result : object
        Of dicts, lists, strings and numbers, NumPy's included. A float that is no number is refused.

    Raises
    ------
    OSError
        The file cannot be written.
    ValueError
        The result holds NaN or infinity, which JSON has no word for.
    """
    if path is None:
        return
    text = json.dumps(result, indent=2, default=_plain, allow_nan=False) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        pathlib.Path(path).write_text(text, encoding="utf-8")


def show(text, json_path=None):
    """Print what is meant for people, out of the way of ``--json -``.

    Parameters
    ----------
    text : str
        A table or a sentence.
    json_path : str, optional
        The value of ``--json``.
    """
    click.echo(text, err=json_path == "-")
