"""``devmemlab replay``: a capture through the NIC into device memory, flow by flow.

Law.   The digest of a flow is taken from device memory, in the order of the stream, and only up to the first gap.
Reads. interfaces section 4 (replay).
Omits. Two flows at a time: each direction of each connection gets a host of its own. Segments beyond 65535 octets (BIG TCP).
"""

import hashlib
from typing import NamedTuple

import click
import numpy as np

from devmemlab.commands.output import json_option, show, write_json
from devmemlab.host.ports.flows import frames_of
from devmemlab.host.ports.pcap import Pcap
from devmemlab.host.ports.store import FrameStore
from devmemlab.lab.in_order import in_order
from devmemlab.lab.lab import Lab
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.sock.uapi import AF_INET, AF_INET6, SCM_DEVMEM_LINEAR, SO_OOBINLINE, SOL_SOCKET
from devmemlab.wire.capture import Capture
from devmemlab.wire.frame import make_packets
from devmemlab.wire.ipv4 import IP_BYTES_MAX
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.rows import CSUM_VERIFIED, Burst
from devmemlab.wire.survey import sum_frames
from devmemlab.wire.tcp import SYN


NOTES = ("frames carried checksums left to hardware; they were computed anew",
         "frames were cut when they were captured; what is there of them was played",
         "flows carried hardly any right checksum; theirs were computed anew",
         "frames carried wrong checksums and were left out, as by a receiver",
         "segments were too long for an IP packet and were left out")


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


class Played(NamedTuple):
    """One flow, ready to be played to a host that listens.

    capture : Capture
        Its frames alone, whole segments with right sums.
    gaps, reached : int
        Holes; octets before the first.
    cut, summed : int
        Frames that were cut when they were captured; flows whose sums were left to hardware.
    damaged, long : int
        Frames with wrong sums, which are left out, as a receiver would; frames too long for an IP packet.
    """

    capture: Capture
    gaps: int
    reached: int
    cut: int
    summed: int
    damaged: int
    long: int


def make_playable(capture, packets, flow, chosen):
    """Make of a flow's frames what its receiver would have accepted.

    Parameters
    ----------
    capture : Capture
        Frames; sums have been verified.
    packets : PKT[n]
        All of them, parsed.
    flow : Flow
        Which.
    chosen : int64[n]
        Numbers of its frames.

    Returns
    -------
    played : Played
        The SYN of a flow whose receiver opened the connection is left out: the replay port makes up the one a listener needs.
    """
    frame, packets = capture.frame[chosen].copy(), packets[chosen]
    long = packets.ip_bytes > IP_BYTES_MAX
    wrong = (packets.err == 0) & (frame.csum != CSUM_VERIFIED) & ~long
    # Where most sums over a sender's payload are wrong, it left them to its NIC; else the few are what the wire damaged.
    loaded = (packets.err == 0) & (packets.payload_bytes > 0)
    offloaded = 2 * int((wrong & loaded).sum()) > int(loaded.sum())
    damaged = 0 if offloaded else int(wrong.sum())
    mine = Capture(*_own_octets(capture, frame[~long if offloaded else ~(long | wrong)]))
    cut = int(sum_frames(mine.octets, mine.frame, make_packets()))
    packets = mine.packets()
    found = in_order(packets, np.flatnonzero(packets.err == 0))
    # What lies before the stream (a keepalive's octet) would move the beginning of one whose SYN is made up.
    useful = (packets.payload_bytes == 0) | (packets.tcp_flags & SYN != 0)
    useful[found.frames] = True
    if flow.host_connects:
        useful &= packets.tcp_flags & SYN == 0
    mine.frame = mine.frame[useful].copy()
    return Played(mine, found.gaps, found.reached, cut, int(offloaded), damaged, int(long.sum()))


def _own_octets(capture, frame):
    """Copy frames into an arena of their own, so that the capture stays as it is.

    Parameters
    ----------
    capture : Capture
        Where they lie.
    frame : FRAME[n]
        Which.

    Returns
    -------
    burst : Burst
        The copies.
    """
    store = FrameStore(int(frame.length.sum()) + 1, len(frame) + 1)
    store.append(Burst(capture.octets, frame))
    return store.burst()


def replay_flow(flow, played, dmabuf="64MiB"):
    """Receive one flow of a capture into device memory.

    Parameters
    ----------
    flow : Flow
        Which direction of which connection.
    played : Played
        Its frames.
    dmabuf : int or str
        Device memory to bind.

    Returns
    -------
    report, in_flight : FlowReport, int
        What arrived; skb frags and tokens left at the end.
    """
    source, target = (f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
                      for ip, port in ((flow.src, flow.sport), (flow.dst, flow.dport)))
    if played.reached == 0:
        return FlowReport(source, target, 0, 0, 0, hashlib.sha256().hexdigest(), played.gaps), 0
    with Lab() as lab:
        port = Pcap(played.capture, speed=None, clamp=True)
        # A burst of the port is 64 frames at most; segments captured before they were cut fill many buffers each.
        ring = 256 if played.capture.frame.length.max() <= 9018 else 1024
        host = lab.host("receiver", **{"ip6" if ":" in flow.dst else "ip": flow.dst}, mac=flow.dst_mac, mtu=65535, rx_queues=2,
                        rx_ring=ring, ifname="eth1", port=port)
        receiver = _Counting(host, dmabuf, flow, check=True)
        server = host.socket(AF_INET6 if ":" in flow.dst else AF_INET)
        server.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)      # every octet of the capture counts
        server.bind(("", flow.dport))
        server.listen()
        conn, _ = server.accept()
        receiver.drain(conn, limit=played.reached)
        conn.close()
        server.close()
        lab.run(until_ns=lab.clock.now_ns + 120_000_000_000)
        in_flight = host.audit().netmems_in_flight
        report = FlowReport(source, target, receiver.octets, receiver.frags, receiver.linear_bytes,
                            receiver.digest.hexdigest(), played.gaps)
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
    capture.verify()
    repaired, packets = capture.repair(), capture.packets()
    reports, in_flight, counts = [], 0, np.zeros(4, np.int64)
    for flow, chosen in frames_of(capture):
        played = make_playable(capture, packets, flow, chosen)
        report, left = replay_flow(flow, played, dmabuf)
        reports.append(report._asdict())
        in_flight += left
        counts += (played.cut, played.summed, played.damaged, played.long)
    notes = [f"{count} {words}" for words, count in zip(NOTES, (repaired, *counts.tolist()), strict=True) if count]
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
