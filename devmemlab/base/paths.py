"""Where the tutorials and the data lie: beside the package in a checkout, inside it in a wheel.

Law.   One question, one answer: nobody else builds such a path.
Reads. ``[tool.hatch.build.targets.wheel.sources]`` in pyproject.toml, which puts them into the wheel.
Omits. Packages inside a zip file: the tutorials must be files that JupyterLab can open.
"""

import pathlib

PACKAGE = pathlib.Path(__file__).resolve().parent.parent


def checkout():
    """Find the checkout that this package runs from.

    Returns
    -------
    folder : pathlib.Path or None
        Root of the checkout (an editable installation included); None for an installed wheel.
    """
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "constraints.txt").is_file() else None


def _shipped(name):
    """Find a folder that a wheel carries inside the package.

    Parameters
    ----------
    name : str
        Its name in the checkout.

    Returns
    -------
    folder : pathlib.Path
        An existing folder.

    Raises
    ------
    FileNotFoundError
        The installation is incomplete.
    """
    root = checkout()
    folder = root / name if root else PACKAGE / f"_{name}"
    if not folder.is_dir():
        raise FileNotFoundError(f"this installation of devmemlab lacks its {name} folder ({folder}); install it again")
    return folder


def notebooks_folder():
    """Find the tutorials.

    Returns
    -------
    folder : pathlib.Path
        Holds the ``*.ipynb``; read-only for an installed wheel.
    """
    return _shipped("notebooks")


def data_folder():
    """Find the captures, profiles and golden answers.

    Returns
    -------
    folder : pathlib.Path
        See its README.md for the provenance of each file.
    """
    return _shipped("data")
