"""The guard table of spec 13.3 (case 34): one test a rule, and every rule leads to its code and its test."""

import ast
import importlib
import pathlib

import numpy as np
import pytest

from devmemlab.base.errno import EFAULT, EINVAL, ENOMEM
from devmemlab.mem.netmem import netmem_row
from devmemlab.mem.region import memory
from devmemlab.net import refuse
from devmemlab.net.gro import gro_hold, gro_joins, make_gro
from devmemlab.net.guards import RULES, guard_table
from devmemlab.net.linear import skb_headers_in_frag, skb_pull
from devmemlab.net.linear_ops import (
    pskb_may_pull,
    skb_checksum,
    skb_copy,
    skb_copy_and_csum_bits,
    skb_linearize,
    skb_seq_read,
    skb_store_bits,
)
from devmemlab.net.linear_rx import skb_csum_ok
from devmemlab.net.skb import skb_alloc
from devmemlab.net.skb_merge import skb_may_coalesce, skb_move_frags
from devmemlab.sock.uapi import MSG_DONTWAIT
from devmemlab.tcp.split import tcp_retrans_try_collapse
from devmemlab.view import displays
from devmemlab.wire.frame import make_packets
from devmemlab.wire.pcap import read_capture
from tests.host.send_kit import Pair
from tests.net.test_skb import Bench, count
from tests.scripts.kit import Script

ROOT = pathlib.Path(__file__).parents[2]
HEAD = b"HEADER"
WHOLE = HEAD + count(100) + count(51)


@pytest.fixture(params=[0, 1], ids=["pages", "net_iovs"])
def b(request):
    """An skb with a head of 6 octets and frags of 100 and 51, in pages or in net_iovs."""
    bench = Bench()
    bench.device = request.param
    bench.head(HEAD)
    bench.add(request.param, 100)
    bench.add(request.param, 51)
    bench.args = memory(), bench.skbs, bench.skb, bench.mem.netmems
    yield bench
    bench.script.close()


def second(b, queue, length=10):
    """One more skb with a frag of its own."""
    first, b.skb = b.skb, skb_alloc(b.skbs)
    b.row = b.skbs.skb[b.skb]
    b.add(queue, length)
    other, b.skb, b.row = b.skb, first, b.skbs.skb[first]
    return other


def folded(octets):
    """The Internet checksum, by hand."""
    octets += b"\0" * (len(octets) % 2)
    total = sum(int.from_bytes(octets[k:k + 2], "big") for k in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"rule {rule.number}")
def test_a_rule_leads_to_code_and_test(rule):
    assert rule.number == RULES.index(rule) + 1 and f"{rule.number:2}  {rule.consumer}" in guard_table()
    if rule.omitted:
        assert not rule.where and not rule.test
        return
    module, _, name = rule.where.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    path, _, test = rule.test.partition(":")
    tree = ast.parse((ROOT / path).read_text())
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_copying_bits_out(b):
    assert b.bits(0, 6) == HEAD
    assert b.bits(2, 100) == (-EFAULT if b.device else WHOLE[2:102])


def test_storing_bits(b):
    new = np.frombuffer(b"01234567890123", np.uint8)
    assert skb_store_bits(*b.args, 1, new, 2, 3) == 0 and b.bits(0, 6) == b"H234ER"
    before = [b.host.mem.netmems[netmem_row(b.skbs.frag[b.skb, k].netmem)].dma_addr for k in range(2)]
    held = [memory()[at:at + 100].copy() for at in before]
    assert skb_store_bits(*b.args, 4, new, 0, 14) == (-EFAULT if b.device else 0)
    if b.device:
        assert all((memory()[at:at + 100] == old).all() for at, old in zip(before, held)), "no octet was touched"
    else:
        assert b.bits(0, 157) == b"H234" + new.tobytes() + WHOLE[18:]
    assert skb_store_bits(*b.args, 150, new, 0, 14) == -EFAULT


def test_pulling(b):
    pull = lambda length: pskb_may_pull(*b.args, length, b.host.ledger)     # noqa: E731
    assert pull(6) and not pull(158)
    assert pull(107) == (not b.device)
    assert b.row.headlen == (6 if b.device else 107) and b.row.length == 157
    assert b.bits(0, 107) == (-EFAULT if b.device else WHOLE[:107])


def test_a_pull_stays_within_the_room_of_its_head():
    """Headers that were taken off leave less of it; the octets behind belong to the next skb."""
    b = Bench()
    b.head(HEAD)
    b.add(0, 300)
    assert skb_pull(b.skbs, b.skb, 6) == 0
    args = memory(), b.skbs, b.skb, b.mem.netmems
    assert not pskb_may_pull(*args, 251, b.host.ledger) and b.row.headlen == 0
    assert pskb_may_pull(*args, 250, b.host.ledger) and b.bits(0, 300) == count(300)
    b.script.close()


def test_linearizing(b):
    assert skb_linearize(*b.args, b.host.ledger) == (-ENOMEM if b.device else 0)
    if not b.device:
        assert (b.row.headlen, b.row.data_len) == (157, 0) and b.bits(0, 157) == WHOLE


def test_copying_the_whole(b):
    out = np.zeros(200, np.uint8)
    assert skb_copy(*b.args, out) == (0 if b.device else 157)
    assert out.any() == (not b.device) and skb_copy(*b.args, out[:10]) == 0


def test_orphaning(b):
    assert refuse.skb_copy_ubufs(b.skbs, b.skb) == (-EFAULT if b.device else 0)
    b.row.users = 2
    assert refuse.skb_copy_ubufs(b.skbs, b.skb) == -EINVAL, "sharing is looked at first"
    b.row.users = 1


def test_summing(b):
    scratch = np.zeros(200, np.uint8)
    assert tuple(skb_checksum(*b.args, 0, 6, scratch)) == (folded(HEAD), 0)
    assert tuple(skb_checksum(*b.args, 0, 157, scratch)) == ((0, 1) if b.device else (folded(WHOLE), 0))


def test_copying_and_summing(b):
    out = np.zeros(200, np.uint8)
    assert skb_copy_and_csum_bits(*b.args, 0, out, 0, 6) == folded(HEAD)
    assert skb_copy_and_csum_bits(*b.args, 3, out, 0, 154) == (0 if b.device else folded(WHOLE[3:]))


def test_reading_in_sequence(b):
    steps, at = [], 0
    while step := int(skb_seq_read(b.skbs, b.skb, at)):
        steps.append(step)
        at += step
    assert steps == ([6] if b.device else [6, 100, 51])
    assert skb_seq_read(b.skbs, b.skb, 2) == 4


def test_appending_pages(b):
    assert refuse.skb_may_append_pages(b.skbs, b.skb) == (-EFAULT if b.device else 0)


def test_condensing(b):
    assert refuse.skb_may_condense(b.skbs, b.skb) == (not b.device)


@pytest.mark.parametrize("first, other, may", [(0, 0, True), (1, 1, True), (0, 1, False), (1, 0, False)])
def test_coalescing(first, other, may):
    """Case 35: like neighbours are concatenated, unlike ones are refused."""
    b = Bench()
    b.add(first, 10)
    skb = second(b, other)
    assert skb_may_coalesce(b.skbs, b.skb, skb) == may
    for field in ("users", "pp_recycle", "frag_list"):
        old = int(b.row[field])
        b.row[field] = {"users": 2, "pp_recycle": 0, "frag_list": 7}[field]
        assert not skb_may_coalesce(b.skbs, b.skb, skb), field
        b.row[field] = old
    if may:
        live = int(b.skbs.ctl[0].live)
        assert skb_move_frags(b.skbs, b.skb, skb) == 4096
        assert (b.row.nr_frags, b.row.length, b.row.unreadable, b.skbs.ctl[0].live) == (2, 20, first, live - 1)
        assert b.skbs.frag[b.skb, :2].length.tolist() == [10, 10]
    b.script.close()


def test_the_checksum_on_transmit(b):
    assert refuse.skb_checksum_help(b.skbs, b.skb) == (-EFAULT if b.device else 0)
    b.row.gso_size = 100
    assert refuse.skb_checksum_help(b.skbs, b.skb) == -EINVAL


def test_recvmsg_without_the_flag():
    with Script(device=True) as s:
        s.handshake()
        s.data(b"x" * 100)
        s.call("recv", s.conn.recv, 10, MSG_DONTWAIT, raises=EFAULT)
        assert s.drain() == b"x" * 100, "nothing was lost"


def test_zero_copy_receive():
    with Script(device=True) as s:
        s.handshake()
        for _ in range(4):
            s.data(b"x" * 1024)
        assert (s.conn.zerocopy_receive(4096).length, s.conn.zerocopy_receive(4096).inq) == (0, 4096)
        s.call("zerocopy_receive", s.conn.zerocopy_receive, 4096, 4096, raises=EFAULT)
        assert s.drain() == b"x" * 4096, "nothing was lost"


@pytest.mark.parametrize("device", [False, True])
def test_taps(device, tmp_path):
    """Case 36: the captured length of an unreadable packet is its linear length."""
    with Script(device=device, split=True) as s, s.host.tap() as tap:
        s.handshake()
        s.data(b"secret" * 50)
        frame = tap.capture().frame[-1]
        assert (frame.length, frame.wire_length) == (54 if device else 354, 354) and len(tap) == 3
        assert (b"secret" in tap.capture().octets.tobytes()) == (not device)
        for name in ("a.pcap", "a.pcapng"):
            assert tap.save(tmp_path / name) == 3
            back = read_capture(str(tmp_path / name))
            assert back.frame.length.tolist() == tap.capture().frame.length.tolist() and back.frame.wire_length[-1] == 354
        assert s.drain() == b"secret" * 50, "a tap changes nothing"
        tap.close()
        s.data(b"more")
        assert len(tap) == 3 and tap.lost == 0
    with Script() as s, s.host.tap(snaplen=20, packets=1) as tap:
        s.handshake()
        assert (len(tap), tap.lost, tap.capture().frame.length.tolist()) == (1, 1, [20])


def test_inspecting(b):
    found = b.host.inspect(b.skb)
    assert found.readable == (not b.device) and found.octets == (HEAD if b.device else WHOLE)
    kind = "net_iov" if b.device else "page"
    assert [(f.kind, f.length, f.pp_ref_count) for f in found.frags] == [(kind, 100, 1), (kind, 51, 1)]
    assert str(found).count("not readable") == 2 * b.device and HEAD.hex(" ") in str(found)
    displays.attach()
    assert ("nobody here may read it" in found._repr_html_()) == bool(b.device)
    with pytest.raises(FileNotFoundError):
        b.host.inspect(b.skb + 1)


def test_an_inspection_names_tokens_and_bindings():
    with Script(device=True) as s:
        s.handshake()
        s.data(b"x" * 100)
        _, pieces = s.recvmsg(40)
        (frag,) = s.host.inspect(int(s.row.rcvq_head)).frags
        assert frag.tokens == ((s.conn.sock, int(pieces[0].frag_token)),) and frag.pp_ref_count == 2
        assert (frag.binding, frag.frag_offset) == (s.binding_id, int(pieces[0].frag_offset))
        s.drain()


def test_addresses_of_frags(b):
    args = b.skbs, b.skb, 1, b.mem.netmems
    mapped = refuse.skb_frag_dma_map(*args)
    assert refuse.skb_frag_address(*args) == (0 if b.device else mapped)
    assert memory()[mapped:mapped + 51].tobytes() == count(51)


def test_headers_in_a_frag(b):
    found = skb_headers_in_frag(*b.args, make_packets(1)[0])
    assert (found == -EFAULT) == bool(b.device)


def test_transmitting(b):
    xmit = lambda netmem_tx, ifindex: refuse.skb_may_xmit(      # noqa: E731
        b.skbs, b.skb, netmem_tx, ifindex, b.mem.netmems, b.mem.providers)
    own = b.host.netdev.ifindex
    assert xmit(1, own) and xmit(0, own) == xmit(1, own + 1) == (not b.device)


def test_looping_back(b):
    lo = b.host.device("lo")
    assert refuse.skb_may_xmit(b.skbs, b.skb, int(lo.netmem_tx), lo.ifindex, b.mem.netmems, b.mem.providers) == (not b.device)


def test_a_sum_that_nobody_verified(b):
    """Case 37, on the skb; the packet scripts of the NIC have the whole way."""
    pkt = make_packets(1)[0]
    b.row.ip_summed = 1
    assert skb_csum_ok(*b.args, pkt)
    b.row.ip_summed = 0
    assert not skb_csum_ok(*b.args, pkt)


def test_memory_pressure():
    with Script(device=True, rx_ring=64, rcvbuf=9000, trace=1 << 12) as s:
        s.handshake()
        for k in range(3):
            s.data(b"early", seq=101 + 200 * k)
        charged = int(s.row.rmem_alloc)
        s.data(b"first", seq=1)
        assert charged > 9000 >= s.row.rmem_alloc - 4096 - 768 and s.row.ofo_count < 2
        s.next = 6
        assert s.drain() == b"first" and s.host.audit().tokens == 0


def test_joining():
    b, gro, pkt = Bench(), make_gro(), make_packets(2)
    pkt.tcp_flags, pkt.payload_bytes, pkt.seq, pkt.header_bytes = 16, 10, [1, 11], 54
    b.add(1, 10)
    alike, unlike = second(b, 1), second(b, 0)
    gro_hold(gro, b.skbs, 0, pkt[0], b.skb)
    assert gro_joins(gro, b.skbs, 0, pkt[1], alike) and not gro_joins(gro, b.skbs, 0, pkt[1], unlike)
    assert gro.ctl[0].mixed == 1
    b.script.close()


def test_retransmit_collapse():
    """Case 39: tests/tcp/test_send_unreadable.py has the whole way; here the rows."""
    with Pair(mtu=1500) as pair:
        pair.k.netdev.pause_tx(True)
        pair.conn.setsockopt(6, 1, 1)
        assert pair.put([(0, 100)]) == pair.put([(100, 100)]) == pair.conn.send(bytes(100)) == pair.conn.send(bytes(100)) == 100
        pair.k.netdev.pause_tx(False)
        pair.k.flush()
        tcbs, skbs, row = pair.k.tcbs, pair.k.skbs, pair.row
        edge = int(row.snd_una + row.snd_wnd) & 0xFFFFFFFF
        first = int(row.sndq_head)
        third = int(skbs.skb[skbs.skb[first].next].next)
        assert tcp_retrans_try_collapse(tcbs, skbs, pair.conn.sock, first, edge) == 0
        assert tcp_retrans_try_collapse(tcbs, skbs, pair.conn.sock, int(skbs.skb[first].next), edge) == 0
        assert tcp_retrans_try_collapse(tcbs, skbs, pair.conn.sock, third, edge) == 1
