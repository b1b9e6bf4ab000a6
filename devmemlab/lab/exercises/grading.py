"""Grading: attempts out of notebooks and Python files, each against its exercise.

Law.   A lesson is not run to be graded: of its code only imports, functions and constants are.
Reads. nbformat 4 (cells of JSON), Python's own grammar.
Omits. A sandbox: whoever grades runs what learners wrote. A loop without an end is stopped, a hostile file is not.
"""

import ast
import json
import pathlib

import devmemlab
from devmemlab.lab.exercises import ORDER, exercise
from devmemlab.lab.exercises.checking import WRONG, Result


def cells_of(path):
    """Read the code of a file.

    Parameters
    ----------
    path : str or pathlib.Path
        A notebook or a Python file.

    Returns
    -------
    cells : list of str
        One for a Python file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is neither.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".ipynb", ".py"):
        raise ValueError(f"{path.name}: neither a notebook (.ipynb) nor a Python file (.py)")
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            return [text]
        return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        raise ValueError(f"{path.name}: not a notebook of version 4, or not UTF-8") from None


def _constant(node):
    """Whether an assignment does nothing but name a value."""
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return True


def definitions(cells):
    """Run what defines things, and nothing else.

    Parameters
    ----------
    cells : list of str
        From `cells_of`.

    Returns
    -------
    world, troubles : dict, list of str
        Names, the latest definition of each, and what could not be read or run.
    """
    world, troubles = {"__name__": "attempt", "dml": devmemlab}, []
    for number, cell in enumerate(cells, 1):
        source = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.split("\n"))
        try:
            nodes = ast.parse(source).body
        except (SyntaxError, ValueError) as error:
            troubles.append(f"cell {number}: {type(error).__name__}: {error}")
            continue
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)) or _constant(node):
                try:
                    exec(compile(ast.Module([node], []), f"<cell {number}>", "exec"), world)
                except Exception as error:
                    troubles.append(f"cell {number}, line {node.lineno}: {type(error).__name__}: {error}")
    return world, troubles


def grade(path, names=ORDER, machine_code=True):
    """Grade a file.

    Parameters
    ----------
    path : str or pathlib.Path
        A notebook or a Python file.
    names : sequence of str
        Exercises to look for.
    machine_code : bool
        Whether what is right as plain Python is compiled, too.

    Returns
    -------
    results, troubles : list of Result, list of str
        One for each exercise of which the file defines some function, and what else is to be told.

    Raises
    ------
    OSError, ValueError
        As `cells_of`.
    """
    world, troubles = definitions(cells_of(path))
    results = []
    for name in names:
        asked = exercise(name)
        there = [function for function in asked.functions if function in world]
        if len(there) == len(asked.functions):
            results.append(asked.check(*(world[function] for function in asked.functions), machine_code=machine_code))
        elif there:
            missing = ", ".join(function for function in asked.functions if function not in there)
            results.append(Result(asked, WRONG, f"{missing} is missing", total=len(asked.cases())))
    return results, troubles
