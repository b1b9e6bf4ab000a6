"""Exports: what happened at a host, for Wireshark and for ui.perfetto.dev.

Law.   The same run writes the same octets; nothing is written that the trace does not tell.
Reads. The pcapng file format (opt_comment); the Trace Event Format that chrome://tracing began and Perfetto reads.
Omits. Perfetto's own protobuf format; hosts without a trace.
"""

import json
import os

from devmemlab.lab.packet_story import Places, recorded
from devmemlab.lab.timeline import timeline


def export_pcapng(host, path, ifname=None):
    """Write what passed a host to a capture file whose packets name queue, netmem and token in a comment.

    Parameters
    ----------
    host : Host
        Recorded (``dml.record(lab)``) and made with ``trace=``.
    path : str or os.PathLike
        Ends in ``.pcapng``.
    ifname : str, optional
        Which interface; the first NIC when left out.

    Returns
    -------
    count : int
        Packets written.

    Raises
    ------
    ValueError
        Another ending; nothing was recorded; no trace, or one that was full.
    """
    if not os.fspath(path).lower().endswith(".pcapng"):
        raise ValueError(f"{path}: only pcapng files have comments; name it .pcapng")
    device = host.device(ifname) if ifname else host.netdev
    capture, told = recorded(host, device.nic)
    if not len(capture):
        raise ValueError(f"no packet has passed {host.name} since it is recorded")
    places = Places(host)
    capture.save(path, [places.spell(story) or None for story in told])
    return len(capture)


def export_perfetto(source, path):
    """Write what happened as a time line: open the file with https://ui.perfetto.dev or chrome://tracing.

    Parameters
    ----------
    source : Host or Lab
        Hosts with a trace; of a lab those that have one.
    path : str or os.PathLike
        Usually ends in ``.json``.

    Returns
    -------
    count : int
        Events written.

    Raises
    ------
    ValueError
        No host has a trace, or one was full.
    """
    hosts = [host for host in source.hosts if host.trace is not None] if hasattr(source, "hosts") else [source]
    if not hosts:
        raise ValueError("no host of this lab has a trace; make one with lab.host(..., trace=True)")
    events = [event for number, host in enumerate(hosts) for event in timeline(host, 4 * number + 1)]
    head = '{"displayTimeUnit":"ns","traceEvents":[\n'
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(head + ",\n".join(json.dumps(event, separators=(",", ":")) for event in events) + "\n]}\n")
    return len(events)
