"""``devmemlab lab``: JupyterLab on the tutorials.

Law.   The learner's own files win: tutorials are copied beside them, never over them.
Reads. JupyterLab's command line.
Omits. Any configuration of the learner's JupyterLab beyond this run.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys

import click

from devmemlab.base import paths
from devmemlab.commands import notebooks

DEFAULT_COPY = "devmemlab-tutorials"


def tutorial_folder(directory=None):
    """Choose the folder to open, and put the tutorials there unless it is the checkout's own.

    Parameters
    ----------
    directory : str or pathlib.Path, optional
        The learner's choice; by default the checkout's tutorials when we stand in the checkout,
        else ``devmemlab-tutorials`` here.

    Returns
    -------
    folder : pathlib.Path
        Absolute.
    said : str
        What was copied and what was kept.
    """
    own = paths.checkout()
    if own and (own / "notebooks").is_dir():
        here = pathlib.Path.cwd().resolve()
        chosen = pathlib.Path(directory).resolve() if directory else None
        if chosen == own / "notebooks" or (chosen is None and here.is_relative_to(own)):
            return own / "notebooks", "tutorials of this checkout: what you change there, git will show"
    folder = pathlib.Path(directory or DEFAULT_COPY).absolute()
    return folder, notebooks.report(notebooks.copy_notebooks(folder), folder)


def jupyter_command(folder, port=None, browser=True):
    """Build the command that starts JupyterLab.

    Parameters
    ----------
    folder : pathlib.Path
        Its root.
    port : int, optional
        This very port or none at all; by default the first free one from JupyterLab's own.
    browser : bool
        Open a browser too.

    Returns
    -------
    command : list of str
        For this very Python, so that notebooks get the devmemlab that started them.
    """
    command = [sys.executable, "-m", "jupyterlab",
               f"--ServerApp.root_dir={folder}",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
               "--ServerApp.answer_yes=True"]
    if (folder / notebooks.FIRST).is_file():
        command.append(f"--LabApp.default_url=/lab/tree/{notebooks.FIRST}")
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def jupyter_environment(environ=os.environ):
    """Build the environment for JupyterLab: the caller's, and no news pop-up.

    Parameters
    ----------
    environ : mapping
        The caller's.

    Returns
    -------
    environment : dict
        A copy whose ``JUPYTER_CONFIG_PATH`` begins with our page configuration.
    """
    ours = str(pathlib.Path(__file__).parent / "jupyter")
    theirs = environ.get("JUPYTER_CONFIG_PATH")
    return {**environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [ours, theirs]))}


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Use this port or fail; by default the first free one.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--dir", "directory", type=click.Path(file_okay=False),
              help=f"Copy the tutorials here first. Default: ./{DEFAULT_COPY}, or the checkout's own.")
def command(port, no_browser, directory):
    """Open JupyterLab on the tutorials.

    Files that you changed are kept. Stop it with Ctrl-C.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise FileNotFoundError("JupyterLab is not installed here; get it with:  pip install 'devmemlab[lab]'")
    folder, said = tutorial_folder(directory)
    click.echo(f"{said}\nstarting JupyterLab; Ctrl-C stops it")
    sys.stdout.flush()
    start = jupyter_command(folder, port, not no_browser)
    if os.name == "posix":
        os.execve(start[0], start, jupyter_environment())
    sys.exit(subprocess.run(start, env=jupyter_environment()).returncode)
