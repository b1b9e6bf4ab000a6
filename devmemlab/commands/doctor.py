"""``devmemlab doctor``: is this real machine ready for devmem TCP.

Law.   Exit status 0 when nothing stops devmem TCP here, 1 when something does, 2 for an interface that does not exist.
Reads. interfaces section 1.
Omits. Changing anything: the fixes are shown, not run.
"""

import errno

import click

from devmemlab.commands.output import json_option, show, write_json


@click.command(help="Is this real machine ready for devmem TCP: each precondition, what was found, why it matters, and the "
                    "command that fixes it. Nothing is changed, and no rights are needed.")
@click.argument("ifname", required=False)
@json_option
def command(ifname, json_path):
    """Examine and show.

    Parameters
    ----------
    ifname : str or None
        One interface; all with hardware behind them when left out.
    json_path : str or None
        Where the JSON goes.
    """
    from devmemlab.commands.about import about
    from devmemlab.lab.doctor import examine

    try:
        report = examine(ifname)
    except OSError as problem:
        if problem.errno != errno.ENODEV:
            raise
        raise click.BadParameter(str(problem.strerror), param_hint="IFNAME") from None
    show(str(report), json_path)
    write_json(json_path, {"machine": about().as_dict() if json_path else {}, **report.as_dict()})
    if not report.ready:
        raise click.exceptions.Exit(1)
