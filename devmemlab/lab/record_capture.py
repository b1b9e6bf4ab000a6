"""Recording a real transfer: two Linux kernels' TCP, and the lab as the wire between them.

Law.   A capture is whole and clean: handshake to FIN, nothing lost or sent twice, every checksum right; or it is not written.
Reads. RFC 9293 section 3.5; the octets are `devmemlab.lab.stream`'s.
Omits. Loss, delay and cross traffic: a wire that does nothing but carry.

::

    namespace A                      this process                      namespace B
    python: socket.sendall -> wire0 ==TAP==> recv, keep, send ==TAP==> wire0 -> python: socket.recv

    python -m devmemlab.lab.record_capture --mtu 1500 --bytes 1999993 data/linux-bulk-mtu1500.pcap
"""

import argparse
import hashlib
import pathlib
import platform
import select
import subprocess
import sys
import tempfile
from typing import NamedTuple

import numpy as np

from devmemlab.base.table import table
from devmemlab.host.ports.base import monotonic_ns
from devmemlab.host.ports.manual import Manual
from devmemlab.host.ports.netns import Namespace
from devmemlab.host.ports.record import Record
from devmemlab.lab.stream import stream_digest, stream_octets
from devmemlab.wire.rows import FRAME, Burst
from devmemlab.wire.tcp import FIN, SYN

PORT = 5201
SENDER, RECEIVER = ("10.0.0.1", "02:00:00:00:00:01"), ("10.0.0.2", "02:00:00:00:00:02")
RECEIVING = f"""
import hashlib, socket
with socket.create_server(("", {PORT})) as listener:
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
with socket.create_connection(("{RECEIVER[0]}", {PORT}), source_address=("", 40000)) as connection:
    connection.sendall(sys.stdin.buffer.read())
"""
QUIET_S = 0.3
PATIENCE_S = 60


class NotClean(RuntimeError):
    """A recording in which something was lost, sent twice or damaged."""


class Recording(NamedTuple):
    """A finished recording.

    capture : Capture
        Times start at 0.
    mtu, payload_bytes : int
        What was asked for.
    stream_sha256 : str
        Of the payload, as the receiver got it.
    """

    capture: object
    mtu: int
    payload_bytes: int
    stream_sha256: str


def _warm(*ports):
    """Have everything compiled before the first frame: a wire that thinks for a second loses a SYN.

    Parameters
    ----------
    *ports : Tap
        The ends of the wire; nothing is sent.
    """
    nothing = Burst(np.zeros(64, np.uint8), table(FRAME, 0))
    Record(Manual()).send(0, nothing)
    for port in ports:
        port.recv()
        port.send(0, nothing)


def _carry(left, right, done):
    """Be the wire until both programs have ended and the wire has been quiet for a while.

    Parameters
    ----------
    left, right : Port
        Live ports.
    done : callable
        Tells whether the programs have ended.

    Raises
    ------
    TimeoutError
        They have not after a minute.
    """
    poll = select.poll()
    ends = {left.fileno(): (left, right), right.fileno(): (right, left)}
    for fd in ends:
        poll.register(fd, select.POLLIN)
    start = quiet_since = monotonic_ns()
    while not done() or monotonic_ns() - quiet_since < QUIET_S * 1e9:
        if monotonic_ns() - start > PATIENCE_S * 1e9:
            raise TimeoutError(f"the transfer has not ended after {PATIENCE_S} s")
        for fd, _ in poll.poll(50):
            here, there = ends[fd]
            while (burst := here.recv(monotonic_ns())) is not None:
                there.send(monotonic_ns(), burst)
                quiet_since = monotonic_ns()


def _insist(capture, payload_bytes, left, right, ns):
    """Refuse a recording that is not whole and clean.

    Parameters
    ----------
    capture : Capture
        What passed.
    payload_bytes : int
        What should have.
    left, right : Tap
        The two ends of the wire.
    ns : list of Namespace
        Where they are.

    Raises
    ------
    NotClean
        The text says what is wrong with it.
    """
    packets = capture.packets()
    data = packets[packets.dport == PORT]
    faults = {
        "frames that are not TCP": int((packets.err != 0).sum()),
        "frames with wrong checksums": len(capture) - capture.verify(),
        "frames that a kernel refused": left.refused + right.refused,
        "frames that a kernel dropped": sum(n.statistics("wire0")[f"{way}_dropped"] for n in ns for way in ("rx", "tx")),
        "payload octets too many or too few": int(data.payload_bytes.sum()) - payload_bytes,
        "SYNs too many or too few": int((packets.tcp_flags & SYN > 0).sum()) - 2,
        "FINs too many or too few": int((packets.tcp_flags & FIN > 0).sum()) - 2,
    }
    found = [f"{number} {what}" for what, number in faults.items() if number]
    if found:
        raise NotClean(f"the recording is not clean ({', '.join(found)}): record again, on a machine that is less busy")


def record(mtu=1500, payload_bytes=1_999_993):
    """Record one bulk transfer.

    Parameters
    ----------
    mtu : int
        Of both ends.
    payload_bytes : int
        Octets of the stream to send.

    Returns
    -------
    recording : Recording
        Whole and clean.

    Raises
    ------
    PermissionError
        No network namespace may be made here.
    NotClean
        A busy machine keeps the wire waiting, and the sender's probes repeat what was not lost.
    RuntimeError
        A program failed.
    """
    with Namespace() as a, Namespace() as b:
        ends = []
        for ns, here, there in ((a, SENDER, RECEIVER), (b, RECEIVER, SENDER)):
            ends.append(ns.tap("wire0", f"{here[0]}/24", mac=here[1], mtu=mtu, neighbours=dict([there]), gso=False))
        _warm(*ends)
        left, right = Record(ends[0]), ends[1]
        receiver = b.popen([sys.executable, "-c", RECEIVING], stdout=subprocess.PIPE, text=True)
        receiver.stdout.readline()
        with tempfile.TemporaryFile() as file:
            file.write(stream_octets(payload_bytes))
            file.seek(0)
            sender = a.popen([sys.executable, "-c", SENDING], stdin=file)
        _carry(left, right, lambda: sender.poll() is not None and receiver.poll() is not None)
        got = receiver.stdout.read().strip()
        receiver.stdout.close()
        capture = left.capture()
        if sender.returncode or got != stream_digest(payload_bytes):
            raise RuntimeError(f"the transfer failed: the sender ended with {sender.returncode}, "
                               f"the receiver got a stream of digest {got!r}")
        _insist(capture, payload_bytes, ends[0], right, (a, b))
    capture.frame.at_ns -= capture.frame.at_ns[0]
    return Recording(capture, mtu, payload_bytes, got)


def record_clean(mtu=1500, payload_bytes=1_999_993, attempts=10):
    """Record one bulk transfer, again and again until it is clean.

    Parameters
    ----------
    mtu, payload_bytes : int
        See `record`.
    attempts : int
        Recordings that may fail to be clean before the last failure is raised.

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
            return record(mtu, payload_bytes)
        except NotClean:
            continue
    return record(mtu, payload_bytes)


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
    capture = recording.capture
    return [
        ("kernel", f"Linux {platform.release().split('-')[0]}, both ends"),
        ("command", f"`python -m devmemlab.lab.record_capture --mtu {recording.mtu} --bytes {recording.payload_bytes} "
                    f"data/{file.name}`"),
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
    parser.add_argument("--attempts", type=int, default=10, help="give up after so many recordings that are not clean")
    arguments = parser.parse_args(argv)
    try:
        recording = record_clean(arguments.mtu, arguments.payload_bytes, arguments.attempts)
        recording.capture.save(arguments.path)
    except (OSError, RuntimeError) as problem:
        sys.exit(f"record_capture: {problem}")
    print(f"## {pathlib.Path(arguments.path).name}\n\n| What | |\n|---|---|")
    for what, text in provenance(recording, arguments.path):
        print(f"| {what} | {text} |")


if __name__ == "__main__":
    main()
