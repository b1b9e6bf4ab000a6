"""``devmemlab conformance``: recorded kernel answers beside the lab's, and the running kernel's where it can be asked.

Law.   Exit status 0 only when nothing that could be compared differs.
Reads. interfaces sections 1 and 4.
Omits. Recording: the records come from kernels that ran the same calls.
"""

import platform
import sys

import click
from tqdm import tqdm

from devmemlab.commands.output import json_option, show, write_json


@click.command(help="Every recorded kernel answer against the lab and, where it can, against the running kernel, side by side.")
@click.option("--golden", default=None, type=click.Path(dir_okay=False, exists=True),
              help="Another file of records than the one that comes with the lab.")
@click.option("--only", default=None, metavar="GLOB", help="Only cases that match, for example 'udmabuf/*' or '*bind-rx*'.")
@click.option("--running/--no-running", "ask_running", default=True,
              help="Whether the running kernel is asked too, in a private network namespace.")
@json_option
def command(golden, only, ask_running, json_path):
    """Compare and show.

    Parameters
    ----------
    golden : str or None
        File of records.
    only : str or None
        Glob on case names.
    ask_running : bool
        Whether to ask the running kernel.
    json_path : str or None
        Where the JSON goes.
    """
    from devmemlab.lab.conformance.records import read_records, select
    from devmemlab.lab.conformance.run import conform
    from devmemlab.lab.conformance.running import ask_running_kernel, why_not

    records = select(read_records(golden), only)
    if not records:
        raise click.UsageError(f"no case matches {only!r}; the first part of a case is its group, for example 'udmabuf/*'")
    reason = why_not(records) if ask_running else "--no-running was given"
    with tqdm(total=len(records), unit="records", disable=not sys.stderr.isatty(), leave=False) as bar:
        report = conform(records, None if reason else ask_running_kernel, lambda row: bar.update())
    count = report.summary
    asked = f"asked for {sum(row.running is not None for row in report.rows)} records" if not reason else f"not asked: {reason}"
    show(f"{report.table()}\n\n{count['records']} records: {count['compared']} compared, {count['equal']} equal, "
         f"{count['different']} different, {count['not_comparable']} not comparable.\n"
         f"Running kernel {platform.release()}: {asked}.", json_path)
    write_json(json_path, report.as_dict())
    if count["different"]:
        raise click.exceptions.Exit(1)
