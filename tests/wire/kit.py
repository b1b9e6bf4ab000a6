"""What the wire tests share: segments from keyword arguments, parsing of plain bytes between guards."""

import numpy as np
from hypothesis import strategies as st

from devmemlab.base.table import as_dict
from devmemlab.wire import frame as fr
from devmemlab.wire.address import parse_address
from devmemlab.wire.ethernet import mac

MACS = {"dst_mac": mac("02:00:00:00:00:01"), "src_mac": mac("02:00:00:00:00:02")}
GUARD = 64


def addresses(source, destination):
    """Address fields of a row, from text."""
    version, source_hi, source_lo = parse_address(source)
    _, destination_hi, destination_lo = parse_address(destination)
    return {"ip_version": version, "saddr_hi": source_hi, "saddr_lo": source_lo,
            "daddr_hi": destination_hi, "daddr_lo": destination_lo}


def segment(**fields):
    """A SEG row with defaults but for `fields`."""
    row = fr.make_segments(1)[0]
    for name, value in {**MACS, **addresses("192.0.2.1", "198.51.100.2"), **fields}.items():
        row[name] = value
    return row


def emitted(payload=b"", at=0, **fields):
    """The octets of one frame."""
    row = segment(payload_bytes=len(payload), **fields)
    room = fr.frame_header_bytes(row)
    arena = np.full(at + room + len(payload) + GUARD, 0xEE, np.uint8)
    arena[at + room:at + room + len(payload)] = np.frombuffer(payload, np.uint8)
    nbytes = fr.emit_tcp_frame(arena, at, row)
    assert nbytes == room + len(payload)
    assert (arena[:at] == 0xEE).all() and (arena[at + nbytes:] == 0xEE).all()
    return arena[at:at + nbytes].tobytes()


def parsed(octets, at=GUARD):
    """Parse plain bytes twice, among zeros and among ones: what lies outside must make no difference."""
    rows = []
    for guard in (0x00, 0xFF):
        arena = np.full(at + len(octets) + GUARD, guard, np.uint8)
        arena[at:at + len(octets)] = np.frombuffer(octets, np.uint8)
        before = arena.tobytes()
        pkt = fr.make_packets(1)
        pkt.view(np.int64)[:] = guard
        error = fr.parse_frame(arena, at, len(octets), pkt[0])
        assert arena.tobytes() == before
        rows.append({"rc": int(error), **as_dict(pkt[0])})
    assert rows[0] == rows[1]
    return rows[0]


def sums(octets):
    """Verify both sums of a frame given as plain bytes."""
    arena = np.frombuffer(octets, np.uint8).copy()
    pkt = fr.make_packets(1)
    fr.parse_frame(arena, 0, len(arena), pkt[0])
    return bool(fr.verify_ipv4_csum(arena, 0, pkt[0])), bool(fr.verify_tcp_csum(arena, 0, pkt[0]))


u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
i64 = st.integers(-(1 << 63), (1 << 63) - 1)
macs = st.integers(0, (1 << 48) - 1)


@st.composite
def segments(draw, options=True):
    """Fields of any valid segment."""
    version = draw(st.sampled_from((4, 6)))
    half = u32 if version == 4 else i64
    zero_or_half = st.just(0) if version == 4 else i64
    fields = {
        "dst_mac": draw(macs), "src_mac": draw(macs), "vlan_tci": draw(st.integers(-1, 0xFFFF)), "ip_version": version,
        "tos": draw(u8), "ttl": draw(u8), "saddr_hi": draw(zero_or_half), "saddr_lo": draw(half),
        "daddr_hi": draw(zero_or_half), "daddr_lo": draw(half), "sport": draw(u16), "dport": draw(u16),
        "seq": draw(u32), "ack_seq": draw(u32), "tcp_flags": draw(st.integers(0, 511)), "window": draw(u16),
        "urg_ptr": draw(u16),
    }
    if options:
        fields |= {"opt_mss": draw(st.one_of(st.just(-1), u16)), "opt_wscale": draw(st.integers(-1, 14)),
                   "opt_sack_permitted": draw(st.integers(0, 1)), "opt_timestamp": draw(st.integers(0, 1)),
                   "opt_layout": draw(st.integers(0, 1)), "sack_count": draw(st.integers(0, 4))}
        if fields["opt_timestamp"]:
            fields |= {"ts_val": draw(u32), "ts_ecr": draw(u32)}
        for k in range(fields["sack_count"]):
            fields |= {f"sack_{k}_start": draw(u32), f"sack_{k}_end": draw(u32)}
    return fields
