"""``devmemlab ncdevmem``: the kernel's own devmem TCP test program, on the lab's NIC and TCP or on a real kernel's.

Law.   Options, order of steps and exit status are those of the kernel's tool, where it has them; messages go to standard error.
Reads. Spec section 20.1; Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c.
Omits. Its older options (a PCI address, iterations).

Neither -s nor -c is the self-test, -l the server, everything else the client. What the lab adds are the long options. Where it
differs: the line for each frag needs ``--verbose`` (1 GiB has 700,000 of them); tokens go back in batches unless
``--one-by-one``; a run with fewer than 21 mismatches fails too, at its end, where the kernel's tool ends with success.
"""

import sys

import click

from devmemlab.base.errno import EIO
from devmemlab.base.profile import PROFILES
from devmemlab.base.units import format_size
from devmemlab.commands.output import json_option, write_json
from devmemlab.lab.ncdevmem_modes import audit, run_client, run_self_test, telling
from devmemlab.lab.ncdevmem_options import Address, Modulus, Size, check_options


@click.command(help="The kernel's ncdevmem. Self-test: devmemlab ncdevmem -f eth1. Receive into device memory: "
                    "devmemlab ncdevmem -l -f eth1 -s 10.0.0.2 -p 5201 -v 7. Send from it: "
                    "echo hello | devmemlab ncdevmem -f eth1 -s 10.0.0.2 -p 5201")
@click.option("-f", "ifname", metavar="IF", help="Interface; always required.")
@click.option("-l", "listen", is_flag=True, help="Server: receive. Without it each line of standard input is sent.")
@click.option("-s", "server", metavar="IP", type=Address(), help="Server address; required, but for the self-test.")
@click.option("-c", "client", metavar="IP", type=Address(), help="Client address: narrows the server's steering rule; the client "
                                                                 "binds it.")
@click.option("-p", "port", metavar="PORT", type=click.IntRange(1, 65535), help="Port of the server, and of the client with -c.")
@click.option("-v", "modulus", metavar="N", type=Modulus(), default=0,
              help="Validate 1, 2, ..., N-1, newline, again and again; without it the octets go to standard output.")
@click.option("-t", "first", metavar="Q", type=click.IntRange(0), help="First queue to bind; needs -q.  [default: the last one; "
                                                                       "self-test: the upper half]")
@click.option("-q", "count", metavar="N", type=click.IntRange(1), help="Queues to bind; needs -t.")
@click.option("-z", "chunk", metavar="BYTES", type=int, help="Client: send each line in pieces of this size.")
@click.option("-L", "no_linear", is_flag=True, help="Fail when linear octets come.")
@click.option("-n", "leave_nic", is_flag=True, help="Leave the NIC's configuration alone (a fresh one refuses to bind).")
@click.option("-b", "page_size", metavar="BYTES", type=int, help="rx-page-size: octets of one receive buffer.")
@click.option("--backend", type=click.Choice(["sim", "linux"]), default="sim", show_default=True,
              help="Whose NIC and TCP: the lab's, or those of this machine.")
@click.option("--kernel", type=click.Choice(list(PROFILES)), help="Profile of the lab's host.  [default: 6.18; with -b 7.3]")
@click.option("--tap", metavar="NAME", help="Talk to this machine's kernel: through a TAP device of yours, or (auto) one in a "
                                            "private namespace.")
@click.option("--run", metavar="COMMAND", help="With --tap: shell command of the other side, run at the kernel's end.")
@click.option("--dmabuf", metavar="SIZE", type=Size(), help="Device memory to bind.  [default: 16000 pages, 62.5MiB]")
@click.option("--size", metavar="SIZE", type=Size(), help="What the synthetic sender sends.  [default: 64MiB with -v, or 1KiB]")
@click.option("--mtu", type=click.IntRange(576, 65521), default=1500, show_default=True, help="Largest IP packet on the wire.")
@click.option("--one-by-one", is_flag=True, help="Return each token with a call of its own, as the kernel's tool does.")
@click.option("--verbose", is_flag=True, help="A line for each frag, as the kernel's tool prints.")
@json_option
@click.pass_context
def command(ctx, **options):
    """Check the options, then run.

    Parameters
    ----------
    ctx : click.Context
        For usage errors.
    **options
        As declared above.
    """
    if options["json_path"] == "-" and not options["modulus"] and options["listen"]:
        raise click.UsageError("the octets and --json - both want standard output: give -v, or a file to --json", ctx)
    if options["run"] is not None and options["tap"] is None:
        raise click.UsageError("--run needs --tap: without it the sender is synthetic", ctx)
    if options["size"] == 0:
        raise click.UsageError("--size 0: a sender sends at least one octet", ctx)
    wanted = check_options(options)
    if wanted.mode == "server":
        run_server(wanted, options)
    elif wanted.mode == "client":
        run_client(wanted, options, _say, _pay)
    else:
        run_self_test(wanted, options, _say)


def run_server(wanted, options):
    """Receive one connection, say what came, and write the JSON.

    Parameters
    ----------
    wanted : Wanted
        What to do.
    options : dict
        ``tap``, ``run``, ``mtu``, ``size``, ``json_path``.

    Raises
    ------
    OSError
        The run failed; what was counted has been said and written all the same.
    """
    from devmemlab.lab.ncdevmem_server import Server
    from devmemlab.lab.ncdevmem_wire import running_wire, synthetic_wire, tap_wire

    if options["backend"] == "linux":
        wiring = running_wire()
    elif options["tap"] is None:
        size = options["size"] or (64 << 20 if wanted.modulus else 1024)
        wiring = synthetic_wire(wanted, size, options["mtu"])
    else:
        wiring = tap_wire(wanted, options["tap"], options["mtu"], options["run"], _say)
    with telling(options), wiring as wire, Server(wire.host, wanted, _say, _pay) as server:
        result = server.reader.tally.as_dict()
        try:
            result["ss"] = _serve(wire, server, wanted)
        finally:
            result |= server.reader.tally.as_dict()
            _say(summary(result))
            write_json(options["json_path"], result)
        if result["mismatches"]:
            raise OSError(EIO, f"validation failed: {result['mismatches']} of {result['bytes']} octets are not the pattern of "
                             f"{wanted.modulus}")


def _serve(wire, server, wanted):
    """Take one connection from its beginning to its end.

    Parameters
    ----------
    wire : Wire
        Where it comes from.
    server : Server
        Listening.
    wanted : Wanted
        For the progress bar.

    Returns
    -------
    sockets : str or None
        What the sending kernel said of its socket when all had arrived.
    """
    from tqdm import tqdm

    wire.start()
    conn = server.accept(wire.hopeful)
    if conn is None:
        raise OSError(EIO, f"the sender ended with status {wire.sender.poll()} and never connected")
    try:
        # Quiet where nobody watches, and where the octets themselves are on the screen.
        with tqdm(unit="B", unit_scale=True, unit_divisor=1024, delay=1, leave=False,
                  disable=None if wanted.modulus and not wanted.verbose else True) as bar:
            server.reader.receive(conn, bar.update)
        sockets = wire.sockets()
    except BaseException:
        wire.finish(conn, hurry=True)
        raise
    wire.finish(conn)
    if sockets:
        _say(f"the sender's socket, by ss -tin:\n{sockets}")
    audit(wire.host, _say)
    return sockets or None


def summary(result):
    """Say what a run has counted.

    Parameters
    ----------
    result : dict
        Fields of a `devmemlab.lab.ncdevmem_reader.Tally`.

    Returns
    -------
    text : str
        Three lines.
    """
    rate = f", {8e-9 * result['bytes'] / result['seconds']:.2f} Gbit/s" if result["seconds"] else ""
    return (f"total_received={result['bytes']} ({format_size(result['bytes'])} in {result['seconds']:.3f} s{rate}), "
            f"linear_bytes={result['linear_bytes']}, mismatches={result['mismatches']}\n"
            f"page_aligned_frags={result['page_aligned_frags']}, non_page_aligned_frags={result['non_page_aligned_frags']}\n"
            f"tokens issued={result['tokens_issued']}, returned={result['tokens_returned']}")


def _say(text):
    """Print a message for people."""
    click.echo(text, err=True)


def _pay(octets):
    """Print received octets."""
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()
