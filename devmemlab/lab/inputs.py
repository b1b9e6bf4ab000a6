"""Inputs: which frames a comparison replays, and what their payload is.

Law.   The digest of an input is computed from its frames by their sequence numbers, without the NIC and without TCP.
Reads. data/README.md for the captures that come with the lab.
Omits. Captures of several connections: the direction that carries most is taken.
"""

import hashlib
import os
from typing import NamedTuple

from devmemlab.base.paths import data_folder
from devmemlab.base.units import format_size
from devmemlab.host.ports.flows import Flow, frames_of
from devmemlab.host.ports.netns import why_not_live
from devmemlab.lab.in_order import digest_in_order, in_order
from devmemlab.lab.live import record_live
from devmemlab.lab.stream import stream_octets
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.wire.capture import Capture, CaptureError
from devmemlab.wire.pcap import read_capture

CAPTURES = {1500: "linux-bulk-mtu1500.pcap", 9000: "linux-bulk-mtu9000.pcap"}


class Source(NamedTuple):
    """An input.

    kind : str
        ``"live"``, ``"capture"`` or ``"synthetic"``.
    name : str
        For people.
    capture : Capture
        Frames of both directions.
    flow : Flow
        The direction that is received.
    mtu : int
        Largest IP packet of the flow, octets.
    payload_bytes, frames, data_frames : int
        Payload without repetitions; frames of the flow; those with payload.
    sha256 : str
        Digest of the payload.
    """

    kind: str
    name: str
    capture: Capture
    flow: Flow
    mtu: int
    payload_bytes: int
    frames: int
    data_frames: int
    sha256: str


def describe_input(kind, name, capture):
    """Find out what a capture carries.

    Parameters
    ----------
    kind, name : str
        See `Source`.
    capture : Capture
        Frames.

    Returns
    -------
    source : Source
        The direction that carries most payload.

    Raises
    ------
    CaptureError
        No TCP, no payload, or a hole in the payload.
    """
    capture.verify()
    capture.require_tcp()
    flow, mine = frames_of(capture)[0]
    packets = capture.packets()
    mine = mine[packets.err[mine] == 0]
    found, digest = in_order(packets, mine), hashlib.sha256()
    if len(found.frames) == 0:
        raise CaptureError(f"{name}: no TCP segment carries payload")
    if found.gaps:
        missing = int(found.starts[found.starts > found.reached].min()) - found.reached
        raise CaptureError(f"{name}: {missing} octets are missing at octet {found.reached} of the stream")
    digest_in_order(digest, capture, packets, found)
    return Source(kind, name, capture, flow, int(packets.ip_bytes[mine].max()), found.reached, len(mine), len(found.frames),
                  digest.hexdigest())


def find_input(size, mtu, live, path, say):
    """Choose the input of a comparison.

    Parameters
    ----------
    size : int
        Payload wanted, octets; captures have their own.
    mtu : int
        Largest IP packet wanted.
    live : {"no", "auto", "yes"}
        Whether to record a transfer now.
    path : path, Capture or None
        A capture of the caller's.
    say : callable
        Called with a sentence before long steps.

    Returns
    -------
    source : Source
        What to replay.

    Raises
    ------
    PermissionError
        ``live="yes"`` without the privilege.
    ValueError
        An impossible choice.
    """
    if live not in ("no", "auto", "yes"):
        raise ValueError(f"live {live!r} is none of no, auto, yes")
    if path is not None:
        if isinstance(path, Capture):
            return describe_input("capture", path.path or "capture", path)
        return describe_input("capture", os.path.basename(path), read_capture(os.fspath(path)))
    reason = why_not_live() if live != "no" else None
    if live == "yes" and reason:
        raise PermissionError(1, reason)
    if live != "no" and not reason:
        capture, sha256 = record_live(stream_octets(size), mtu, say)
        source = describe_input("live", f"this machine's kernel through TAP, MTU {mtu}", capture)
        if source.sha256 != sha256:
            raise OSError(5, "the live transfer arrived with another digest than its frames carry")
        return source
    if reason:
        say(f"no live transfer: {reason}")
    if mtu in CAPTURES:
        return describe_input("capture", CAPTURES[mtu], read_capture(str(data_folder() / CAPTURES[mtu])))
    return describe_input("synthetic", f"synthetic sender, {format_size(size)}, MTU {mtu}", bulk_capture(size, mtu))
