"""The command line: ``devmemlab COMMAND ...``.

Law.   Exit status 0 success, 1 the run failed (one line on standard error), 2 wrong usage; no traceback for a user's mistake.
Reads. click's own error handling, which keeps 2 for usage.
Omits. The commands themselves: a command's module is imported when the command is run, not before.
"""

import atexit
import errno
import gc
import os
import pathlib
import sys
from importlib import import_module

import click

from devmemlab import __version__

COMMANDS = {
    "lab": ("devmemlab.commands.lab:command", "Open JupyterLab on the tutorials."),
    "demo": ("devmemlab.lab.demo:command", "One real transfer into device memory, beside the host-copy way."),
    "replay": ("devmemlab.lab.replay:command", "Put a capture of TCP traffic through the NIC into device memory."),
    "ncdevmem": ("devmemlab.lab.ncdevmem:command", "The kernel's ncdevmem, on the lab."),
    "bench": ("devmemlab.commands.bench:command", "Measured figures of this machine."),
    "conformance": ("devmemlab.commands.conformance:command", "Recorded kernel answers beside the lab's."),
    "doctor": ("devmemlab.commands.doctor:command", "Is this real machine ready for devmem TCP, and what is missing."),
    "notebooks": ("devmemlab.commands.notebooks:command", "List the tutorials, or copy them somewhere."),
    "grade": ("devmemlab.commands.grade:command", "Check attempts at the exercises, in notebooks or .py files."),
    "warm": ("devmemlab.commands.warm:command", "Compile every kernel into the cache."),
    "about": ("devmemlab.commands.about:command", "Versions, processor, cache and what this machine can do."),
}
"""Command name -> where its click command is, and its line in ``--help``; a row whose module is not there is not offered."""


def _module_file(target):
    """Name the file of a command's module, without importing anything.

    Parameters
    ----------
    target : str
        ``"package.module:attribute"``.

    Returns
    -------
    path : pathlib.Path
        Whether it exists or not.
    """
    parts = target.partition(":")[0].split(".")[1:]
    return pathlib.Path(__file__).parent.joinpath(*parts).with_suffix(".py")


def short_life():
    """Have Python leave out what helps only processes that live long.

    Notes
    -----
    Python looks for cycles of garbage after each 700 new objects, again and again among all that has been imported, and once
    more at the end: a sixth of a short command's time. Numba imports coverage wherever that is installed, a tenth of a second,
    and uses it for ``NUMBA_JIT_COVERAGE`` only. So nothing in such a process can import coverage, and what only a cycle of
    garbage refers to at the end is not closed by Python: files are closed where they are opened.
    """
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)
    if not os.environ.get("NUMBA_JIT_COVERAGE"):
        sys.modules.setdefault("coverage", None)


def one_line(error):
    """Say what an exception means in one line, for standard error.

    Parameters
    ----------
    error : BaseException
        What ended the run.

    Returns
    -------
    text : str
        Never empty, never more than one line.
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            text = f"{error.filename}: {text}"
    return " ".join(text.split()) or type(error).__name__


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for, and turns failures into one line."""

    def list_commands(self, ctx):
        return [name for name, (target, _) in COMMANDS.items() if _module_file(target).is_file()]

    def get_command(self, ctx, name):
        if name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return getattr(import_module(module), attribute)

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def main(self, args=None, *rest, **options):
        if args is None:                    # the arguments are the process's own, and so it does nothing else
            short_life()
        return super().main(args, *rest, **options)

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            self._stop(ctx, "interrupted", 130)
        except (OSError, ValueError) as error:
            # A reader that went away (| head) is click's business; EPIPE from the lab carries a sentence of its own.
            closed = isinstance(error, BrokenPipeError) and error.strerror in (None, os.strerror(errno.EPIPE))
            if closed or ctx.params.get("traceback"):
                raise
            self._stop(ctx, one_line(error), 1)

    def _stop(self, ctx, message, status):
        click.echo(f"devmemlab: {message}", err=True)
        ctx.exit(status)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="devmemlab")
@click.option("--traceback", is_flag=True, help="Show where a failure came from instead of one line.")
def main(traceback):
    """Learn, measure and prototype Linux Device Memory TCP without owning the hardware."""
