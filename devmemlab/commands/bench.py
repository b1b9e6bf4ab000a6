"""``devmemlab bench NAME``: measured figures.

Law.   Results go to standard output, progress to standard error.
Reads. interfaces sections 1 and 3.
Omits. The measuring, which `devmemlab.lab.bench` does.
"""

import sys
from contextlib import contextmanager

import click
from tqdm import tqdm

from devmemlab.commands.output import json_option, show, write_json
from devmemlab.lab.bench import BENCHES


@contextmanager
def _progress():
    """Show how far it is: a bar where somebody watches, a line for each step where nobody does.

    Yields
    ------
    say : callable
        Takes a sentence and the share that is done.
    """
    if not sys.stderr.isatty():
        last = []

        def line(text, share):
            step = text.partition(" of ")[0].rstrip("0123456789 ") if "round" in text else text
            if step not in last:
                last[:] = [step]
                print(f"... {text}", file=sys.stderr, flush=True)

        yield line
        return
    with tqdm(total=100, unit="%", leave=False, bar_format="{desc} {bar} {n:.0f} % {elapsed}", file=sys.stderr) as bar:
        def move(text, share):
            bar.set_description_str(text, refresh=False)
            bar.n = 100 * share
            bar.refresh()

        yield move


@click.command(help="Measured figures of this machine. NAME is a bench, or all of them:\n\n"
                    "page-pool: what one buffer costs to allocate and return, by the way it takes (cache, ring, allocator), "
                    "pages beside net_iovs; the same loops as the kernel's page-pool benchmark.\n\n"
                    "rx: a stream into device memory, with host copies, and as plain copies.\n\n"
                    "control: the receive path with the copy of the payload left out.\n\n"
                    "tx: the octets of a device, sent in four ways and as plain copies.\n\n"
                    "live: this machine's kernel sends through a TAP device, with and without offload; a receiver in C "
                    "beside it.\n\n"
                    "scale: the same packets with more connections, queues, device memory, tokens, threads.\n\n"
                    "trace: tracepoints off and on, and each event.\n\n"
                    "cold: import, first kernel, warm, demo, each lesson; seconds and memory.\n\n"
                    "tokens: what a frag costs from recvmsg to DONTNEED, by how many tokens are held and which go first.\n\n"
                    "gather: scattered pieces brought into one stretch, in three ways, beside C's memmove.")
@click.argument("name", metavar="NAME", type=click.Choice([*BENCHES, "all"]))
@click.option("--quick", is_flag=True, help="A rough answer soon: fewer sizes, fewer repeats.")
@click.option("--repeats", type=click.IntRange(1, 10_000), default=None, help="Rounds, in which the cases take turns.")
@click.option("--compare", "earlier", metavar="FILE", default=None, help="Also compare with what --json wrote before.")
@json_option
def command(name, quick, repeats, earlier, json_path):
    """Run benches and show what they found.

    Parameters
    ----------
    name : str
        One of them, or all.
    quick : bool
        Fewer elements and repeats.
    repeats : int or None
        Rounds.
    earlier : str or None
        Figures to compare with.
    json_path : str or None
        Where the JSON goes.
    """
    from devmemlab.lab.bench.earlier import comparison, read_figures
    before = read_figures(earlier) if earlier else None
    stopped = None
    with _progress() as say:
        say("loading, or compiling on the first run", 0.0)
        from devmemlab.lab.bench.report import align, run_benches
        try:
            figures = run_benches(list(BENCHES) if name == "all" else [name], quick, repeats, say)
        except (KeyboardInterrupt, OSError) as problem:
            figures, stopped = getattr(problem, "figures", None), problem
    if figures is not None and (figures.rows or not stopped):
        show(figures.table(), json_path)
        if before:
            where, cells = comparison(figures.as_dict(), before)
            show("\n".join(["", *where, "", align(cells, 3)]), json_path)
        write_json(json_path, figures.as_dict())
    if stopped:
        raise stopped
