"""Building the tutorials: percent sources become executed notebooks that are the same every time.

Law.   A notebook is what its source gives when it is run; only cells tagged ``nbval-ignore-output`` may differ.
Reads. jupytext's percent format; nbformat 4.5.
Omits. Converting back: edit the ``.py``, then build.

::

    python -m devmemlab.view.build_notebooks             # every notebook, and the picture that README shows
    python -m devmemlab.view.build_notebooks 01 06       # those alone whose names begin so
    python -m devmemlab.view.build_notebooks --check     # tell which ones are not what their sources give
"""

import argparse
import copy
import sys

from devmemlab.base.paths import data_folder, notebooks_folder

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MAY_DIFFER = "nbval-ignore-output"
TIMEOUT_S = 900


def join_streams(outputs):
    """Join what was printed in pieces: how many there are depends on how long a cell thought between them.

    Parameters
    ----------
    outputs : list of nbformat.NotebookNode
        Of one cell.

    Returns
    -------
    joined : list of nbformat.NotebookNode
        Neighbours of one stream are one output.
    """
    joined = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def scrub(notebook):
    """Take out of an executed notebook whatever differs from run to run.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Changed in place.

    Returns
    -------
    notebook : nbformat.NotebookNode
        The same: no widget state, no times, cells named by their number, so it also shows without a kernel.
    """
    notebook.metadata = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"c{number:03d}"
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell["outputs"] = join_streams(cell.outputs)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
            output.pop("transient", None)
    return notebook


def read_source(path):
    """Read a percent source as a notebook without outputs.

    Parameters
    ----------
    path : pathlib.Path
        A ``.py``.

    Returns
    -------
    notebook : nbformat.NotebookNode
        Scrubbed.
    """
    import jupytext

    return scrub(jupytext.read(path, fmt="py:percent"))


def build(path):
    """Run a source.

    Parameters
    ----------
    path : pathlib.Path
        A ``.py`` in the tutorials' folder.

    Returns
    -------
    notebook : nbformat.NotebookNode
        Executed and scrubbed.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell failed.
    """
    from nbclient import NotebookClient

    notebook = read_source(path)
    NotebookClient(
        notebook, timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return scrub(notebook)


def comparable(notebook, outputs=True):
    """Reduce a notebook to what must not differ.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Any.
    outputs : bool
        False: its sources alone.

    Returns
    -------
    cells : list of dict
        Type, source, tags and outputs of each cell; outputs that may differ are left out, and so are pixels.
    """
    cells = []
    for cell in notebook.cells:
        tags = sorted(cell.metadata.get("tags", []))
        kept = [] if not outputs or MAY_DIFFER in tags else copy.deepcopy(cell.get("outputs", []))
        for output in kept:
            output.get("data", {}).pop("image/png", None)
        cells.append({"type": cell.cell_type, "source": cell.source, "tags": tags, "outputs": kept})
    return cells


def first_difference(stored, built):
    """Say where a stored notebook is not what it should be.

    Parameters
    ----------
    stored, built : list of dict
        From `comparable`.

    Returns
    -------
    text : str or None
        None when they agree.
    """
    if len(stored) != len(built):
        return f"it has {len(stored)} cells instead of {len(built)}"
    for number, (one, other) in enumerate(zip(stored, built)):
        for what in one:
            if one[what] != other[what]:
                return f"cell {number} has another {what}: {one[what]!r:.300} instead of {other[what]!r:.300}"
    return None


def readme_picture():
    """Draw the picture that README shows, from the capture that the first lesson receives.

    Returns
    -------
    svg : str
        The two ways that README tells about.
    """
    from devmemlab.lab.compare import compare
    from devmemlab.view.byte_flow import byte_flow

    return (
        byte_flow(compare(size="1MiB", mtu=1500, repeats=1, modes=("devmem", "host_copy")), ("devmem", "host_copy")).svg + "\n"
    )


def main(arguments=None):
    """Build or check.

    Parameters
    ----------
    arguments : list of str, optional
        The command line.

    Returns
    -------
    status : int
        1 when ``--check`` found a difference.
    """
    import nbformat

    parser = argparse.ArgumentParser(prog="python -m devmemlab.view.build_notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, tell what differs")
    parser.add_argument("names", nargs="*", help="what the names of some notebooks begin with")
    options = parser.parse_args(arguments)
    check, complaints = options.check, []
    for source in sorted(notebooks_folder().glob("*.py")):
        if options.names and not source.name.startswith(tuple(options.names)):
            continue
        target, built = source.with_suffix(".ipynb"), build(source)
        if not check:
            nbformat.write(built, target)
        elif not target.is_file():
            complaints.append(f"{target.name}: not built")
        elif said := first_difference(comparable(nbformat.read(target, 4)), comparable(built)):
            complaints.append(f"{target.name}: {said}")
    picture, svg = data_folder() / "flow.svg", "" if options.names else readme_picture()
    if options.names:
        pass
    elif not check:
        picture.write_text(svg, encoding="utf-8")
    elif not picture.is_file() or picture.read_text(encoding="utf-8") != svg:
        complaints.append(f"{picture.name}: not what the code draws")
    print("\n".join(complaints) or ("everything is as its source gives it" if check else "built"))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
