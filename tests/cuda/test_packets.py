"""Kernels of the GPU against those of the CPU, bit for bit, and against what is known without either."""

import ipaddress
import random
import struct

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base.table import table
from devmemlab.cuda import packets as gpu
from devmemlab.nic.steer_tables import ENTRY, NO_TRANSFORM, RXH_ADDRESSES, RXH_PORTS, SYM_OR_XOR, SYM_XOR, TUPLE_BYTES
from devmemlab.nic.toeplitz import REFERENCE_KEY, toeplitz_fields, toeplitz_fill
from devmemlab.sock.uapi import Ancdata
from devmemlab.wire.frame import FRAME, PKT, make_packets, parse_frame
from tests.naive.toeplitz import naive_toeplitz
from tests.nic.test_toeplitz import ROWS, packet
from tests.wire.kit import emitted

pytestmark = pytest.mark.usefixtures("cuda")
OPTIONS = {"opt_mss": 1460, "opt_wscale": 7, "opt_sack_permitted": 1, "opt_timestamp": 1, "ts_val": 5, "ts_ecr": 6}
SACKS = {"sack_count": 2, "sack_0_start": 1 << 31, "sack_0_end": (1 << 32) - 1, "sack_1_start": 1, "sack_1_end": 9}
SIX = {"ip_version": 6, "saddr_hi": -(1 << 63), "saddr_lo": -1, "daddr_hi": 1, "daddr_lo": -2}


def arena(frames):
    """Frames of plain octets, one behind the other."""
    rows = table(FRAME, len(frames))
    rows.length = [len(octets) for octets in frames]
    rows.offset[1:] = np.cumsum(rows.length)[:-1]
    return np.frombuffer(b"".join(frames), np.uint8), rows


def frames(seed=0, mangled=40):
    """Frames of every kind, and the same cut short or with an octet changed."""
    rng = random.Random(seed)
    whole = [emitted(b"data"), emitted(b"x", **OPTIONS), emitted(b"", vlan_tci=0x1234, **SIX), emitted(b"yz", **SIX, **SACKS),
             emitted(b"", tcp_flags=0x1FF, opt_timestamp=1, **SACKS), b"", b"\x00" * 13]
    for _ in range(mangled):
        octets = bytearray(rng.choice(whole[:5]))
        octets[rng.randrange(len(octets))] = rng.randrange(256)
        whole.append(bytes(octets[:rng.randrange(len(octets) + 1)] if rng.random() < 0.5 else octets))
    return whole


def test_headers_are_parsed_as_on_the_cpu():
    octets, rows = arena(frames())
    found, errors = gpu.parse_frames(octets, rows)
    wanted = make_packets(len(rows))
    assert errors.tolist() == [int(parse_frame(octets, int(row.offset), int(row.length), pkt)) for row, pkt in zip(rows, wanted)]
    for name in PKT.names:
        assert found[name].tolist() == wanted[name].tolist(), name
    assert 5 < np.count_nonzero(errors) < len(errors) - 5 and len(set(found.err.tolist())) > 5


@pytest.mark.parametrize("transform", [NO_TRANSFORM, SYM_XOR, SYM_OR_XOR])
@pytest.mark.parametrize("fields", [RXH_ADDRESSES, RXH_ADDRESSES | RXH_PORTS, 0x90])
def test_toeplitz_as_on_the_cpu(fields, transform):
    packets, known = make_packets(len(ROWS)), table(ENTRY, 1, TUPLE_BYTES * 256)
    for row, (source, sport, target, dport, _, _) in zip(packets, ROWS):
        one = packet(source, int(sport), target, int(dport))
        for name in PKT.names:
            row[name] = one[name]
    toeplitz_fill(known, 0, np.frombuffer(REFERENCE_KEY, np.uint8))
    hashes = gpu.toeplitz_hashes(packets, fields, transform)
    assert hashes.tolist() == [int(toeplitz_fields(known, 0, pkt, fields, transform)) for pkt in packets]
    if transform == NO_TRANSFORM and fields != 0x90:
        assert [f"{number:08x}" for number in hashes] == [row[5 if fields & RXH_PORTS else 4] for row in ROWS]


def test_the_bitwise_hash_against_a_naive_twin_and_the_published_values():
    four = [row for row in ROWS if "." in row[0]]
    tuples = [ipaddress.ip_address(a).packed + ipaddress.ip_address(b).packed + struct.pack(">HH", int(sport), int(dport))
              for a, sport, b, dport, _, _ in four]
    hashes = gpu.toeplitz_tuples(np.frombuffer(b"".join(tuples), np.uint8).reshape(len(tuples), -1))
    assert [f"{number:08x}" for number in hashes] == [row[5] for row in four]
    key = bytes(range(7, 47))
    assert gpu.toeplitz_tuples(np.frombuffer(tuples[0], np.uint8).reshape(1, -1), key)[0] == naive_toeplitz(key, tuples[0])


def test_tokens_are_unpacked_as_frags_reads_them():
    rng = random.Random(1)
    wanted = [(rng.choice((78, 79)), rng.getrandbits(63), rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(32))
              for _ in range(9)]
    control = b"".join(struct.pack("<QiiQIIII", 40, 1, kind, *rest, 0) for kind, *rest in wanted)
    tokens, frags = gpu.unpack_tokens(Ancdata(control)), dml.frags(Ancdata(control))
    for place, name in enumerate(gpu.TOKEN.names):
        assert tokens[name].tolist() == frags[name].tolist() == [one[place] for one in wanted], name
    assert len(gpu.unpack_tokens(b"")) == 0


def test_no_frames_are_no_work():
    found, errors = gpu.parse_frames(np.zeros(1, np.uint8), table(FRAME, 0))
    assert len(found) == len(errors) == 0
