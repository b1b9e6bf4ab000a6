"""Recording a real transfer: two Linux kernels' TCP, and the lab as the wire between them.

Law.   A capture is whole: handshake to FIN, every checksum right; nothing lost or sent twice unless it was asked for.
Reads. RFC 9293 section 3.5; the octets are `devmemlab.lab.stream`'s.
Omits. Cross traffic.

::

    namespace A                      this process                      namespace B
    python: socket.sendall -> wire0 ==TAP==> recv, harm, keep, send ==TAP==> wire0 -> python: socket.recv

    python -m devmemlab.lab.record_capture --mtu 1500 --bytes 1999993 data/linux-bulk-mtu1500.pcap

So what is kept is what the receiver's NIC would have seen: harm comes before.
"""

import argparse
import hashlib
import pathlib
import platform
import subprocess
import sys
import tempfile
from typing import NamedTuple

from devmemlab.host.ports.faults import Faults
from devmemlab.host.ports.netns import Namespace
from devmemlab.host.ports.record import Record
from devmemlab.lab.record_wire import PORT, NotClean, carry, insist, warm
from devmemlab.lab.stream import stream_digest, stream_octets

SENDER, RECEIVER = ("10.0.0.1", "02:00:00:00:00:01"), ("10.0.0.2", "02:00:00:00:00:02")
ENDS = {False: (SENDER, RECEIVER), True: (("fd00::1", SENDER[1]), ("fd00::2", RECEIVER[1]))}
RECEIVING = f"""
import hashlib, socket, sys
with socket.create_server(("", {PORT}), family=getattr(socket, sys.argv[1])) as listener:
    print("listening", flush=True)
    connection, _ = listener.accept()
    digest = hashlib.sha256()
    while part := connection.recv(1 << 16):
        digest.update(part)
    connection.close()
    print(digest.hexdigest(), flush=True)
"""
SENDING = f"""
import socket, sys
with socket.create_connection((sys.argv[1], {PORT}), source_address=("", 40000)) as connection:
    connection.sendall(sys.stdin.buffer.read())
"""


class Recording(NamedTuple):
    """A finished recording.

    capture : Capture
        Times start at 0.
    mtu, payload_bytes : int
        What was asked for.
    stream_sha256 : str
        Of the payload, as the receiver got it.
    options : tuple of str
        Of the command, beside MTU and payload.
    counters : dict
        What happened to frames on the way to the receiver, where harm was asked for.
    """

    capture: object
    mtu: int
    payload_bytes: int
    stream_sha256: str
    options: tuple = ()
    counters: dict = {}


def record(mtu=1500, payload_bytes=1_999_993, ipv6=False, **harm):
    """Record one bulk transfer.

    Parameters
    ----------
    mtu : int
        Of both ends.
    payload_bytes : int
        Octets of the stream to send.
    ipv6 : bool
        Whether the two ends speak IPv6.
    **harm : float
        Arguments of `devmemlab.host.ports.faults.Faults`.

    Returns
    -------
    recording : Recording
        Whole, and clean but for the harm.

    Raises
    ------
    PermissionError
        No network namespace may be made here.
    NotClean
        A busy machine keeps the wire waiting, and the sender's probes repeat what was not lost.
    RuntimeError
        A program failed.
    """
    sender_end, receiver_end = ENDS[ipv6]
    with Namespace() as a, Namespace() as b:
        ends = []
        for ns, here, there in ((a, sender_end, receiver_end), (b, receiver_end, sender_end)):
            ends.append(ns.tap("wire0", here[0], mac=here[1], mtu=mtu, neighbours=dict([there]), gso=False))
        warm(*ends)
        bad = Faults(ends[0], **harm) if harm else None
        left, right = Record(bad or ends[0]), ends[1]
        receiver = b.popen([sys.executable, "-c", RECEIVING, "AF_INET6" if ipv6 else "AF_INET"], stdout=subprocess.PIPE,
                           text=True)
        receiver.stdout.readline()
        with tempfile.TemporaryFile() as file:
            file.write(stream_octets(payload_bytes))
            file.seek(0)
            sender = a.popen([sys.executable, "-c", SENDING, receiver_end[0]], stdin=file)
        carry(left, right, lambda: sender.poll() is not None and receiver.poll() is not None)
        got = receiver.stdout.read().strip()
        receiver.stdout.close()
        capture = left.capture()
        if sender.returncode or got != stream_digest(payload_bytes):
            raise RuntimeError(f"the transfer failed: the sender ended with {sender.returncode}, "
                               f"the receiver got a stream of digest {got!r}")
        insist(capture, payload_bytes, ends, (a, b), bad)
    capture.frame.at_ns -= capture.frame.at_ns[0]
    options = ("--ipv6",) * ipv6 + tuple(f"--{name.replace('_', '-')} {value:g}" for name, value in harm.items())
    return Recording(capture, mtu, payload_bytes, got, options, bad.counters["in"] if bad else {})


def record_clean(mtu=1500, payload_bytes=1_999_993, attempts=10, **options):
    """Record one bulk transfer, again and again until it is clean.

    Parameters
    ----------
    mtu, payload_bytes : int
        See `record`.
    attempts : int
        Recordings that may fail to be clean before the last failure is raised.
    **options
        See `record`.

    Returns
    -------
    recording : Recording
        Whole and clean.

    Raises
    ------
    NotClean
        None of them was.
    """
    for _ in range(attempts - 1):
        try:
            return record(mtu, payload_bytes, **options)
        except NotClean:
            continue
    return record(mtu, payload_bytes, **options)


def provenance(recording, path):
    """Say where a capture comes from.

    Parameters
    ----------
    recording : Recording
        What was recorded.
    path : str or os.PathLike
        Where it was saved.

    Returns
    -------
    rows : list of tuple of str
        For data/README.md.
    """
    file = pathlib.Path(path)
    capture, counters = recording.capture, recording.counters
    harm = [("harm", f"of {counters['frames']} frames to the receiver {counters['lost']} lost, {counters['reordered']} twice as "
                     "long on their way as the others")] if counters else []
    options = "".join(f"{option} " for option in recording.options)
    return [
        ("kernel", f"Linux {platform.release().split('-')[0]}, both ends"),
        ("command", f"`python -m devmemlab.lab.record_capture --mtu {recording.mtu} --bytes {recording.payload_bytes} "
                    f"{options}data/{file.name}`"),
        *harm,
        ("MTU", str(recording.mtu)),
        ("payload", f"{recording.payload_bytes} octets, `devmemlab.lab.stream.stream_octets({recording.payload_bytes})`"),
        ("SHA-256 of the stream", f"`{recording.stream_sha256}`"),
        ("frames", f"{len(capture)}, of which {int((capture.packets().dport == PORT).sum())} to the receiver"),
        ("octets on the wire", str(int(capture.frame.wire_length.sum()))),
        ("file", f"{file.stat().st_size} octets, pcap with nanoseconds, Ethernet"),
        ("SHA-256 of the file", f"`{hashlib.sha256(file.read_bytes()).hexdigest()}`"),
    ]


def main(argv=None):
    """Record a capture and print its provenance.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; None: the program's own.
    """
    parser = argparse.ArgumentParser(prog="python -m devmemlab.lab.record_capture", description=__doc__.splitlines()[0])
    parser.add_argument("path", help="file to write (.pcap or .pcapng)")
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--bytes", type=int, default=1_999_993, dest="payload_bytes")
    parser.add_argument("--ipv6", action="store_true", help="both ends speak IPv6")
    for name, what in (("loss", "probability that a frame is lost"), ("reorder", "probability that one takes twice as long"),
                       ("delay-us", "how long each takes"), ("seed", "decides which frames")):
        parser.add_argument(f"--{name}", type=int if name == "seed" else float, default=0, help=what)
    parser.add_argument("--attempts", type=int, default=10, help="give up after so many recordings that are not clean")
    arguments = parser.parse_args(argv)
    harm = {name: value for name in ("loss", "reorder", "delay_us", "seed") if (value := getattr(arguments, name))}
    try:
        recording = record_clean(arguments.mtu, arguments.payload_bytes, arguments.attempts,
                                 **({"ipv6": True} if arguments.ipv6 else {}), **harm)
        recording.capture.save(arguments.path)
    except (OSError, RuntimeError) as problem:
        sys.exit(f"record_capture: {problem}")
    print(f"## {pathlib.Path(arguments.path).name}\n\n| What | |\n|---|---|")
    for what, text in provenance(recording, arguments.path):
        print(f"| {what} | {text} |")


if __name__ == "__main__":
    main()
