"""The exercises of ``devmemlab warm``: one short run of each room, with the types that the lab really uses.

Law.   Together they reach every kernel of the package; ``devmemlab warm`` names those they do not.
Reads. devmemlab/commands/warm.py, which runs them.
Omits. Any check of results: that is what tests are for.
"""

import pathlib
import struct
import tempfile

import numpy as np

from devmemlab.base import bits, octets, ring, seq, trace, xarray
from devmemlab.base.kernel import kernel
from devmemlab.host.ports.exercise import wires
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.compare import compare
from devmemlab.lab.lab import Lab
from devmemlab.lab.receivers import make_receiver
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.nic.toeplitz import toeplitz_bitwise
from devmemlab.sock.uapi import SHUT_WR
from devmemlab.wire.frame import finish_tcp_csum, make_packets, parse_frame
from devmemlab.wire.pcap import read_capture


@kernel
def _copy(dst, dst_at, src, src_at, nbytes):
    """Copy, as kernels do: the primitive is no kernel itself.

    Parameters
    ----------
    dst, dst_at, src, src_at, nbytes : uint8[n], int64, uint8[n], int64, int64
        As `octets.copy_octets` has them.
    """
    octets.copy_octets(dst, dst_at, src, src_at, nbytes)


def words():
    """Floor 0: octets, sequence numbers, rings, id trees, tracepoints."""
    memory = np.zeros(64, np.uint8)
    _copy(memory, 0, memory, 32, 16)
    octets.load8(memory, 0)
    octets.load_be16(memory, 0)
    octets.load_be32(memory, 0)
    octets.load_le32(memory, 0)
    octets.store8(memory, 0, 1)
    octets.store_be16(memory, 0, 1)
    octets.store_be32(memory, 0, 1)
    octets.store_le32(memory, 0, 1)
    octets.store_le64(memory, 0, 1)
    octets.csum_fold(octets.csum_partial(memory, 0, 5, 0))
    seq.seq_add(1, 2)
    seq.seq_diff(1, 2)
    seq.seq_before(1, 2)
    seq.seq_after(1, 2)
    seq.seq_between(1, 0, 2)
    rings = ring.make_rings(1, 8)
    ring.ring_init(rings, 0, 8)
    ring.ring_produce(rings, 0, 5)
    ring.ring_count(rings, 0)
    ring.ring_peek(rings, 0)
    ring.ring_consume(rings, 0)
    trees = xarray.make_xarrays(1, 16)
    bits.lowest_bit(8)
    token = xarray.xa_alloc(trees, 0, 9)
    xarray.xa_load(trees, 0, token)
    xarray.xa_erase(trees, 0, token)
    recorded = trace.make_trace(16)
    for which in (recorded, None):
        trace.trace_clock(which, 1)
        trace.emit(which, 0, 1, 2, 3, 4)


def captures():
    """Floor 1: capture files of every form, written and read back."""
    capture = bulk_capture(3000)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.pcap", "a.pcapng"):
            path = str(pathlib.Path(folder, name))
            capture.save(path)
            read_capture(path).repair()
        raw = pathlib.Path(folder, "raw.pcap")
        body = capture.frame_bytes(0)[14:]
        raw.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
                        + struct.pack("<IIII", 0, 0, len(body), len(body)) + body)
        read_capture(str(raw)).verify()
    frame = np.frombuffer(bytearray(capture.frame_bytes(3)), np.uint8)
    pkt = make_packets(1)[0]
    parse_frame(frame, 0, len(frame), pkt)
    finish_tcp_csum(frame, 0, pkt)


def transfer():
    """Floors 1 to 7: a small transfer in every mode, without a trace."""
    compare("64KiB", 2000, repeats=1)


def traced():
    """Floors 2 to 6 once more with a trace, and what only audits, listeners and configuration call."""
    with Lab() as lab:
        port = Pcap(bulk_capture(1 << 14), speed=None)
        host = lab.host("traced", ip=port.flow.dst, mac=port.flow.dst_mac, rx_queues=2, port=port, trace=1 << 14)
        receiver = make_receiver("devmem", host, port.flow, "16MiB", "1MiB", check=True)
        server = host.socket()
        server.bind(("", port.flow.dport))
        server.listen()
        conn, _ = server.accept()
        receiver.drain(conn)
        conn.shutdown(SHUT_WR)
        conn.close()
        lab.run(until_ns=lab.clock.now_ns + 120_000_000_000)
        host.audit()
        server.close()
        receiver.close()
    toeplitz_bitwise(np.zeros(40, np.uint8), np.zeros(12, np.uint8), 12)


EXERCISES = [("words", words), ("wires", wires), ("captures", captures),
             ("transfer", transfer), ("trace", traced)]
"""Title and callable, lowest floor first."""
