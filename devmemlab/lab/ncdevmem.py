"""``devmemlab ncdevmem``: the kernel's own devmem TCP test program, with the lab's NIC and TCP below it.

Law.   Options, order of steps and exit status are those of the kernel's tool, where it has them; messages go to standard error.
Reads. Spec section 20.1; Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c.
Omits. The self-test, the client, rx-page-size, and a real NIC below (see the changelog).

What the lab adds: ``--backend``, ``--tap``, ``--run``, ``--dmabuf``, ``--size``, ``--mtu``, ``--one-by-one``, ``--verbose``, ``--json``.
Where it differs: the line for each frag needs ``--verbose`` (1 GiB has 700,000 of them); tokens go back in batches unless
``--one-by-one``; a run with fewer than 21 mismatches fails too, at its end, where the kernel's tool ends with success.
"""

import ipaddress
import sys

import click

from devmemlab.base.errno import EIO, error
from devmemlab.base.units import format_size, parse_size
from devmemlab.commands.output import json_option, write_json


class _Address(click.ParamType):
    """An IP address, as people write it."""

    name = "ip"

    def convert(self, value, param, ctx):
        """Read it; an IPv4 address in IPv6 clothes is an IPv4 address."""
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            self.fail(f"{value!r} is no IPv4 or IPv6 address", param, ctx)
        return str(getattr(address, "ipv4_mapped", None) or address)


class _Modulus(click.ParamType):
    """Modulus of the pattern."""

    name = "n"

    def convert(self, value, param, ctx):
        """Read it."""
        if not str(value).isdigit() or not (int(value) == 0 or 2 <= int(value) <= 256):
            self.fail(f"{value!r}: 0 or 2 to 256 is possible", param, ctx)
        return int(value)


class _Size(click.ParamType):
    """A number of bytes."""

    name = "size"

    def convert(self, value, param, ctx):
        """Read it."""
        try:
            return parse_size(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


@click.command(help="The kernel's ncdevmem on the lab: receive TCP into device memory, validate it, return the tokens. "
                    "Example: devmemlab ncdevmem -l -f eth1 -s 10.0.0.2 -p 5201 -v 7")
@click.option("-f", "ifname", metavar="IF", help="Interface of the lab host; always required.")
@click.option("-l", "listen", is_flag=True, help="Server: receive.")
@click.option("-s", "server", metavar="IP", type=_Address(), help="Server address; required.")
@click.option("-c", "client", metavar="IP", type=_Address(), help="Client address: narrows the steering rule.")
@click.option("-p", "port", metavar="PORT", type=click.IntRange(1, 65535), help="Port of the server, and of the client with -c.")
@click.option("-v", "modulus", metavar="N", type=_Modulus(), default=0,
              help="Validate 1, 2, ..., N-1, newline, again and again; without it the octets go to standard output.")
@click.option("-t", "first", metavar="Q", type=click.IntRange(0), help="First queue to bind; needs -q.  [default: the last one]")
@click.option("-q", "count", metavar="N", type=click.IntRange(1), help="Queues to bind; needs -t.")
@click.option("-z", "chunk", metavar="BYTES", type=int, help="Client only.")
@click.option("-L", "no_linear", is_flag=True, help="Fail when linear octets come.")
@click.option("-n", "leave_nic", is_flag=True, help="Leave the NIC's configuration alone (a fresh one refuses to bind).")
@click.option("-b", "page_size", metavar="BYTES", type=int, help="rx-page-size; only 4096 so far.")
@click.option("--backend", type=click.Choice(["sim", "linux"]), default="sim", show_default=True, help="Whose NIC and TCP.")
@click.option("--tap", metavar="NAME", help="Receive from this machine's kernel: through a TAP device of yours, or through one in a "
                                            "private network namespace (auto).")
@click.option("--run", metavar="COMMAND", help="With --tap: shell command that sends, run at the kernel's end of the wire.")
@click.option("--dmabuf", metavar="SIZE", type=_Size(), help="Device memory to bind.  [default: 16000 pages, 62.5MiB]")
@click.option("--size", metavar="SIZE", type=_Size(), help="What the synthetic sender sends.  [default: 64MiB with -v, else 1KiB]")
@click.option("--mtu", type=click.IntRange(576, 65535), default=1500, show_default=True, help="Largest IP packet on the lab's wire.")
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
    if options["json_path"] == "-" and not options["modulus"]:
        raise click.UsageError("the octets and --json - both want standard output: give -v, or a file to --json", ctx)
    if options["run"] is not None and options["tap"] is None:
        raise click.UsageError("--run needs --tap: without it the sender is synthetic", ctx)
    if options["size"] == 0:
        raise click.UsageError("--size 0: a sender sends at least one octet", ctx)
    run_server(_check(options), options)


def _check(options):
    """Refuse what the kernel's tool refuses, and what the lab cannot do yet, in the tool's order.

    Parameters
    ----------
    options : dict
        As declared.

    Returns
    -------
    wanted : Wanted
        What to do.
    """
    from devmemlab.lab.ncdevmem_reader import UDMABUF_BYTES, Wanted
    from devmemlab.mem.region import PAGE_SIZE

    ifname, server, client, port, listen = (options[name] for name in ("ifname", "server", "client", "port", "listen"))
    first, count, page_size = options["first"], options["count"], options["page_size"]
    if not ifname:
        raise ValueError("-f IF is missing: the interface to receive on (any name does for a host of the lab, for example -f eth1)")
    if options["backend"] == "linux":
        raise ValueError("--backend linux: this version receives on the lab's own host only; leave it out, or give --tap auto "
                         "to receive from this machine's kernel")
    if server is None and client is None:
        raise ValueError("neither -s nor -c would be the self-test, which comes with channel configuration; "
                         "to receive: -l -s IP -p PORT")
    if server is None:
        raise ValueError("-s IP is missing: the address of the server")
    if port is None:
        raise ValueError("-p PORT is missing")
    if not listen or options["chunk"] is not None:
        raise ValueError("client mode comes with the transmit path; to receive: -l")
    if (first is None) != (count is None):
        raise ValueError("-t and -q go together: the first queue and how many")
    if page_size is not None and (page_size < PAGE_SIZE or page_size & (page_size - 1)):
        raise ValueError(f"-b {page_size}: a power of two, {PAGE_SIZE} or more, is possible")
    if page_size not in (None, PAGE_SIZE):
        raise ValueError(f"-b {page_size}: this version has buffers of {PAGE_SIZE} bytes only")
    if client is not None and (":" in client) != (":" in server):
        raise ValueError(f"-c {client} and -s {server} are not of one family")
    dmabuf = UDMABUF_BYTES if options["dmabuf"] is None else options["dmabuf"]
    if dmabuf == 0 or dmabuf % PAGE_SIZE:
        raise ValueError(f"--dmabuf {dmabuf}: whole pages of {PAGE_SIZE} bytes are possible")
    return Wanted(ifname, server, client, port, options["modulus"], first, count, dmabuf, not options["leave_nic"],
                  options["no_linear"], options["one_by_one"], options["verbose"])


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
    from devmemlab.lab.ncdevmem_wire import synthetic_wire, tap_wire

    if options["tap"] is None:
        size = options["size"] or (64 << 20 if wanted.modulus else 1024)
        wiring = synthetic_wire(wanted, size, options["mtu"])
    else:
        wiring = tap_wire(wanted, options["tap"], options["mtu"], options["run"], _say)
    with wiring as wire, Server(wire.host, wanted, _say, _pay) as server:
        result = server.reader.tally.as_dict()
        try:
            result["ss"] = _serve(wire, server, wanted)
        finally:
            result |= server.reader.tally.as_dict()
            _say(summary(result))
            write_json(options["json_path"], result)
        if result["mismatches"]:
            raise error(EIO, f"validation failed: {result['mismatches']} of {result['bytes']} octets are not the pattern of {wanted.modulus}")


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
        raise error(EIO, f"the sender ended with status {wire.sender.poll()} and never connected")
    try:
        # Quiet where nobody watches, and where the octets themselves are on the screen.
        with tqdm(unit="B", unit_scale=True, unit_divisor=1024, delay=1, leave=False,
                  disable=None if wanted.modulus and not wanted.verbose else True) as bar:
            server.reader.receive(conn, bar.update)
        sockets = wire.sockets()
    finally:
        wire.finish(conn)
    if sockets:
        _say(f"the sender's socket, by ss -tin:\n{sockets}")
    try:
        in_flight = wire.host.audit().netmems_in_flight
    except AssertionError as problem:
        raise error(EIO, f"audit: {problem}") from None
    if in_flight:
        raise error(EIO, f"audit: {in_flight} netmems are still in flight")
    _say("audit clean, no netmem in flight")
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
