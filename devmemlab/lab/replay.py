"""``devmemlab replay``: a capture through the NIC into device memory, flow by flow.

Law.   The digest of a flow is taken from device memory, in the order of the stream, and only up to the first gap.
Reads. interfaces section 4 (replay).
Omits. Two flows at a time: each direction of each connection gets a host of its own.
"""

import hashlib
from typing import NamedTuple

import click
import numpy as np

from devmemlab.commands.output import json_option, show, write_json
from devmemlab.host.ports.flows import flows_of
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.lab import Lab
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.sock.uapi import AF_INET, AF_INET6, SCM_DEVMEM_LINEAR
from devmemlab.wire.capture import Capture
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.tcp import SYN


class FlowReport(NamedTuple):
    """What one direction of one connection carried.

    src, dst : str
        ``ip:port``.
    payload_bytes : int
        Octets that arrived in order.
    frags, linear_bytes : int
        Device frags delivered; octets that came outside device memory.
    sha256 : str
        Digest of the octets.
    gaps : int
        Holes in the recorded sequence numbers: what lies behind the first is not digested.
    """

    src: str
    dst: str
    payload_bytes: int
    frags: int
    linear_bytes: int
    sha256: str
    gaps: int


class _Counting(DevmemReceiver):
    """A devmem receiver that also counts frags and linear octets."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.frags = self.linear_bytes = 0

    def _look_at(self, pieces, data, start):
        linear = pieces.kind == SCM_DEVMEM_LINEAR
        self.frags += int((~linear).sum())
        self.linear_bytes += int(pieces.frag_size[linear].sum())
        super()._look_at(pieces, data, start)


def count_gaps(capture, flow):
    """Count the holes in what was captured of a flow.

    Parameters
    ----------
    capture : Capture
        Frames.
    flow : Flow
        Which.

    Returns
    -------
    gaps, reached : int
        Holes; octets before the first.
    """
    packets = capture.packets()
    mine = np.flatnonzero((packets.sport == flow.sport) & (packets.dport == flow.dport) & (packets.err == 0)
                          & (packets.payload_bytes > 0))
    if len(mine) == 0:
        return 0, 0
    relative = (packets.seq[mine] - packets.seq[mine[0]] + (1 << 31)) % (1 << 32) - (1 << 31)
    order = np.argsort(relative, kind="stable")
    starts = relative[order]
    ends = np.maximum.accumulate(starts + packets.payload_bytes[mine][order])
    holes = np.flatnonzero(starts[1:] > ends[:-1])
    return len(holes), int((ends[holes[0]] if len(holes) else ends[-1]) - starts[0])


def as_listener_sees(capture, flow):
    """Leave out the SYN of a flow whose receiver opened the connection.

    Parameters
    ----------
    capture : Capture
        Frames.
    flow : Flow
        Which.

    Returns
    -------
    capture : Capture
        The same, or a shorter one: the replay port makes up the SYN that a listener needs.
    """
    if not flow.host_connects:
        return capture
    packets = capture.packets()
    accepting = (packets.sport == flow.sport) & (packets.dport == flow.dport) & (packets.tcp_flags & SYN != 0)
    return Capture(capture.octets, capture.frame[~accepting].copy(), capture.linktype, capture.path)


def replay_flow(capture, flow, dmabuf="64MiB"):
    """Receive one flow of a capture into device memory.

    Parameters
    ----------
    capture : Capture
        Frames.
    flow : Flow
        Which direction of which connection.
    dmabuf : int or str
        Device memory to bind.

    Returns
    -------
    report, in_flight : FlowReport, int
        What arrived; skb frags and tokens left at the end.
    """
    gaps, expected = count_gaps(capture, flow)
    source, target = (f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
                      for ip, port in ((flow.src, flow.sport), (flow.dst, flow.dport)))
    if expected == 0:
        return FlowReport(source, target, 0, 0, 0, hashlib.sha256().hexdigest(), gaps), 0
    with Lab() as lab:
        port = Pcap(as_listener_sees(capture, flow), flow, speed=None, clamp=True)
        host = lab.host("receiver", **{"ip6" if ":" in flow.dst else "ip": flow.dst}, mac=flow.dst_mac, mtu=65535, rx_queues=2,
                        ifname="eth1", port=port)
        receiver = _Counting(host, dmabuf, flow, check=True)
        server = host.socket(AF_INET6 if ":" in flow.dst else AF_INET)
        server.bind(("", flow.dport))
        server.listen()
        conn, _ = server.accept()
        receiver.drain(conn, limit=expected)
        conn.close()
        server.close()
        lab.run(until_ns=lab.clock.now_ns + 120_000_000_000)
        in_flight = host.audit().netmems_in_flight
        report = FlowReport(source, target, receiver.octets, receiver.frags, receiver.linear_bytes,
                            receiver.digest.hexdigest(), gaps)
        receiver.close()
    return report, in_flight


def replay(path, dmabuf="64MiB"):
    """Receive every flow of a capture into device memory.

    Parameters
    ----------
    path : str or path
        A pcap or pcapng file.
    dmabuf : int or str
        Device memory to bind for each flow.

    Returns
    -------
    report : dict
        ``flows`` (dicts with the fields of `FlowReport`), ``netmems_in_flight``, ``audit``, ``notes``.

    Raises
    ------
    CaptureError
        The file cannot be read, or holds no TCP.
    """
    capture = read_capture(str(path))
    capture.require_tcp()
    notes = []
    packets, verified = capture.packets(), capture.verify()
    tcp = int((packets.err == 0).sum())
    if verified < tcp:
        notes.append(f"{tcp - verified} frames carried checksums left to hardware or wrong ones; they were computed anew")
        capture.repair()
        capture.verify()
    reports, in_flight = [], 0
    for flow in flows_of(capture):
        report, left = replay_flow(capture, flow, dmabuf)
        reports.append(report._asdict())
        in_flight += left
    return {"flows": reports, "netmems_in_flight": in_flight, "audit": "clean", "notes": notes}


@click.command(help="A pcap or pcapng of TCP traffic through the NIC into device memory; prints the digest of each flow.")
@click.argument("capture", type=click.Path())
@click.option("--dmabuf", default="64MiB", show_default=True, help="Device memory to bind.")
@json_option
def command(capture, dmabuf, json_path):
    """Replay a capture and show what each flow carried.

    Parameters
    ----------
    capture : str
        Path of the file.
    dmabuf : str
        Device memory to bind.
    json_path : str or None
        Where the JSON goes.
    """
    report = replay(capture, dmabuf)
    lines = [f"note: {note}" for note in report["notes"]]
    for flow in report["flows"]:
        gaps = f", {flow['gaps']} gaps (digest up to the first)" if flow["gaps"] else ""
        lines.append(f"{flow['src']} -> {flow['dst']}: {flow['payload_bytes']:,} octets in {flow['frags']:,} device frags, "
                     f"{flow['linear_bytes']} linear{gaps}\n  SHA-256 {flow['sha256']}")
    lines.append(f"in flight at the end: {report['netmems_in_flight']} netmems; audit {report['audit']}")
    show("\n".join(lines), json_path)
    write_json(json_path, report)
