"""``devmemlab demo``: one real transfer into device memory, beside the host-copy baselines.

Law.   Every number is labelled; the picture is named; nothing is written but that picture and the JSON asked for.
Reads. interfaces sections 1 and 4.
Omits. Choices: for those there is `devmemlab.compare`.
"""

import sys

import click

import devmemlab
from devmemlab.commands.output import json_option, show, write_json


@click.command(help="One real transfer into device memory beside the host-copy baselines: a table, and a picture in a file.")
@click.option("--size", default="64MiB", show_default=True, help="Payload of a live or synthetic transfer.")
@click.option("--mtu", default=9000, show_default=True, type=int, help="Largest IP packet; captures exist for 1500 and 9000.")
@click.option("--live", default="auto", show_default=True, type=click.Choice(["auto", "yes", "no"]),
              help="Record a transfer of this machine's kernel through a TAP device first, and replay that.")
@click.option("--picture", default="devmemlab-demo.svg", show_default=True, help="File for the picture.")
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1, 100), help="Timed rounds.")
@json_option
def command(size, mtu, live, picture, repeats, json_path):
    """Run the comparison and show it.

    Parameters
    ----------
    size : str
        Payload.
    mtu : int
        Largest IP packet.
    live : str
        auto, yes or no.
    picture : str
        File for the picture.
    repeats : int
        Timed rounds.
    json_path : str or None
        Where the JSON goes.
    """
    from devmemlab.lab.compare import compare

    result = compare(size, mtu, live, repeats=repeats, progress=lambda text: print(f"... {text}", file=sys.stderr, flush=True))
    result.picture = str(devmemlab.save_picture(result, picture))
    seen = result.input
    show(f"\n{result.settings['name']}: {seen['bytes']:,} octets in {seen['frames']:,} frames, SHA-256 {seen['sha256'][:16]}...\n"
         f"\n{result.table()}\n\n{_READING}\n\nPicture: {result.picture}", json_path)
    write_json(json_path, result.as_dict())
    if not all(row.sha256_ok and row.netmems_in_flight == 0 for row in result.rows):
        raise OSError(5, "a digest differs or netmems are still in flight")


_READING = """\
measured: this lab's own speed on this machine, not that of devmem TCP on hardware. ns/packet is the receiver's time for each
frame with payload (median of the rounds; the sender's port and the digests are left out). copied/byte counts how often a
payload octet was moved, by the ledger: devmem once, by the NIC, into device memory; host copy three times."""
