"""The tutorials: list them, copy them, and never lose what a learner wrote.

Law.   A file that a learner changed is never overwritten, and what was kept is said.
Reads. The notebooks folder of the checkout or the wheel.
Omits. Merging a newer tutorial into a changed one.

A small manifest in the copy remembers the digest of each file as it was copied. A file that still
has that digest is untouched, so a newer tutorial may take its place.
"""

import hashlib
import json
import pathlib
from typing import NamedTuple

import click

from devmemlab.base import paths

MANIFEST = ".devmemlab-tutorials.json"
FIRST = "quickstart.ipynb"
_SKIPPED_FOLDERS = {".ipynb_checkpoints", "__pycache__", "site"}


class Copied(NamedTuple):
    """What `copy_notebooks` did, as lists of relative paths.

    new : list of str
        Files that were not there.
    updated : list of str
        Untouched older versions that were replaced.
    kept : list of str
        Files left alone because somebody changed them.
    same : list of str
        Files that were up to date.
    """

    new: list
    updated: list
    kept: list
    same: list


def _digest(path):
    """Digest one file.

    Parameters
    ----------
    path : pathlib.Path
        A file.

    Returns
    -------
    digest : str
        SHA-256, hexadecimal.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped_files(folder=None):
    """List everything that belongs to the tutorials.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where they are; the shipped ones by default.

    Returns
    -------
    files : list of pathlib.PurePosixPath
        Relative to `folder`, sorted: notebooks, their sources, pictures, solutions.
    """
    folder = folder or paths.notebooks_folder()
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return sorted(pathlib.PurePosixPath(p.as_posix()) for p in found if not _SKIPPED_FOLDERS & set(p.parts))


def copy_notebooks(destination, source=None):
    """Copy the tutorials, leaving every file alone that somebody changed.

    Parameters
    ----------
    destination : str or pathlib.Path
        Made when it does not exist.
    source : pathlib.Path, optional
        The shipped tutorials by default.

    Returns
    -------
    copied : Copied
        What happened to each file.

    Raises
    ------
    OSError
        The destination cannot be written.
    """
    source = source or paths.notebooks_folder()
    destination = pathlib.Path(destination)
    destination.mkdir(parents=True, exist_ok=True)
    manifest = destination / MANIFEST
    try:
        remembered = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        remembered = None
    if not isinstance(remembered, dict):
        remembered = {}
    done = Copied([], [], [], [])
    for name in map(str, shipped_files(source)):
        ours, theirs = source / name, destination / name
        digest = _digest(ours)
        if not theirs.exists():
            verdict = done.new
        elif (present := _digest(theirs)) == digest:
            verdict = done.same
        else:
            verdict = done.updated if remembered.get(name) == present else done.kept
        verdict.append(name)
        if verdict is done.kept:
            continue
        if verdict is not done.same:
            theirs.parent.mkdir(parents=True, exist_ok=True)
            theirs.write_bytes(ours.read_bytes())
        remembered[name] = digest
    manifest.write_text(json.dumps(remembered, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return done


def report(done, destination):
    """Say what a copy did.

    Parameters
    ----------
    done : Copied
        From `copy_notebooks`.
    destination : str or pathlib.Path
        Where to.

    Returns
    -------
    text : str
        A line, and one more for each kept file.
    """
    lines = [f"tutorials in {destination}: {len(done.new)} new, {len(done.updated)} updated, "
             f"{len(done.same)} up to date, {len(done.kept)} kept as you changed them"]
    lines += [f"  kept {name} (move it away to get the shipped one)" for name in done.kept]
    return "\n".join(lines)


def title_of(path):
    """Read a notebook's title: its first Markdown heading.

    Parameters
    ----------
    path : pathlib.Path
        A notebook.

    Returns
    -------
    title : str
        Empty when it has none.
    """
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            for line in "".join(cell["source"]).splitlines():
                if line.startswith("#"):
                    return line.lstrip("#").strip()
    return ""


@click.group()
def command():
    """List the tutorials, or copy them somewhere."""


@command.command("list")
def list_command():
    """List the tutorials and what they are about."""
    folder = paths.notebooks_folder()
    lessons = [name for name in shipped_files(folder) if name.suffix == ".ipynb"]
    lessons.sort(key=lambda name: str(name) != FIRST)
    if not lessons:
        raise FileNotFoundError(f"there is no notebook in {folder}")
    width = max(len(str(name)) for name in lessons)
    for name in lessons:
        click.echo(f"{str(name):{width}}  {title_of(folder / name)}".rstrip())


@command.command("copy")
@click.argument("directory", type=click.Path(file_okay=False))
def copy_command(directory):
    """Copy the tutorials to DIRECTORY; files that you changed there are kept."""
    click.echo(report(copy_notebooks(directory), directory))
