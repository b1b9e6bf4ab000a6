"""ncdevmem in a cell: the command line as a function, with what it said as an object.

Law.   What runs is the command itself; what is shown is the same every time, so it leaves out how long things took.
Reads. ncdevmem.py.
Omits. ``--tap`` and ``--backend linux`` work as well, but what they say depends on the machine.
"""

import json
import pathlib
import re
import shlex
import tempfile
from typing import NamedTuple

TIMES = re.compile(r" in \d+\.\d+ s(, \d+\.\d+ Gbit/s)?")
NOT_SHOWN = ("seconds", "sha256", "ss")


class Said(NamedTuple):
    """What a run of ncdevmem said.

    command : str
        The options.
    exit_code : int
        0 success, 1 the run failed, 2 wrong usage.
    messages, output : str, bytes
        Standard error and standard output.
    numbers : dict
        What ``--json`` gives; empty when it came to nothing.
    """

    command: str
    exit_code: int
    messages: str
    output: bytes
    numbers: dict

    def __str__(self):
        lines = [f"$ ncdevmem {self.command}", *TIMES.sub("", self.messages).splitlines()]
        if self.output:
            lines.append(f"standard output: {self.output[:200]!r}" + (" ..." if len(self.output) > 200 else ""))
        return "\n".join([*lines, f"exit status {self.exit_code}"])

    __repr__ = __str__


def ncdevmem(command, text=b""):
    """Run ``devmemlab ncdevmem`` on hosts of a lab of its own.

    Parameters
    ----------
    command : str
        The options, as in a shell: ``"-l -f eth1 -s 10.0.0.2 -p 5201 -v 7 --size 100KiB"``.
    text : bytes
        Standard input, which the client sends line by line.

    Returns
    -------
    said : Said
        Exit status, messages, output, numbers.
    """
    from click.testing import CliRunner

    from devmemlab.cli import main

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "result.json"
        run = CliRunner().invoke(main, ["ncdevmem", *shlex.split(command), "--json", str(path)], input=text)
        numbers = json.loads(path.read_text()) if path.is_file() else {}
    return Said(command, run.exit_code, run.stderr, run.stdout_bytes,
                {name: value for name, value in numbers.items() if name not in NOT_SHOWN})
