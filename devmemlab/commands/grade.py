"""``devmemlab grade``: attempts at the exercises, checked from the command line.

Law.   Exit status 0 only when every exercise that was found is right, and every file has one.
Reads. devmemlab.lab.exercises.grading.
Omits. Names and marks of learners: a file is a learner.
"""

import click

from devmemlab.commands.output import json_option, show, write_json
from devmemlab.lab.exercises import ORDER


def table(graded):
    """Write the verdicts for people.

    Parameters
    ----------
    graded : list of dict
        One a file.

    Returns
    -------
    text : str
        A line for each exercise, and why it is not right.
    """
    lines = []
    for each in graded:
        right = sum(row["status"] == "right" for row in each["rows"])
        lines.append(f"{each['file']}: {right} of {len(each['rows'])} right")
        for row in each["rows"]:
            why = f"  {row['case']}: {row['complaint']}" if row["case"] else f"  {row['complaint']}"
            lines.append(f"  {row['exercise']:20} {row['status']:8}{why if row['status'] == 'wrong' else ''}".rstrip())
        lines += [f"  {trouble}" for trouble in each["troubles"]]
    return "\n".join(lines)


@click.command(help="Check the attempts in notebooks or .py files. Only their imports, functions and constants are run, not the "
                    "lesson.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--only", multiple=True, type=click.Choice(ORDER), metavar="NAME", help="Only this exercise (may be given again).")
@click.option("--interpreted", is_flag=True, help="Do not compile what is right as plain Python: quicker, for a whole class.")
@json_option
def command(files, only, interpreted, json_path):
    """Grade and show.

    Parameters
    ----------
    files : tuple of str
        Notebooks and Python files.
    only : tuple of str
        Exercises; all by default.
    interpreted : bool
        Whether to leave the compiler out.
    json_path : str or None
        Where the JSON goes.
    """
    from devmemlab.lab.exercises.grading import grade

    graded = []
    for file in files:
        results, troubles = grade(file, only or ORDER, machine_code=not interpreted)
        graded.append({"file": file, "rows": [result.as_dict() for result in results], "troubles": troubles})
    rows = [row for each in graded for row in each["rows"]]
    count = {status: sum(row["status"] == status for row in rows) for status in ("right", "wrong", "not yet")}
    show(f"{table(graded)}\n\n{len(graded)} files, {len(rows)} attempts: {count['right']} right, {count['wrong']} wrong, "
         f"{count['not yet']} not yet.", json_path)
    write_json(json_path, {"files": graded, "summary": count})
    if count["right"] < len(rows) or not all(each["rows"] for each in graded):
        raise click.exceptions.Exit(1)
