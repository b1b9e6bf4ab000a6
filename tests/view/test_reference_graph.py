"""Who holds what: spec sections 4.3 and 18.1, and the end states of 18.2."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base.xarray import make_xarrays, xa_alloc
from devmemlab.view.reference_graph import reference_graph
from devmemlab.view.references import Edge, token_rows
from tests.mem.kit import devmem_pool, small_mem
from tests.scripts.kit import Script

pytestmark = pytest.mark.every_mode

NS = "{http://www.w3.org/2000/svg}"


def counts(picture):
    return {(edge.source, edge.target): edge.count for edge in picture.edges}


def explained(host):
    """Every count of bindings and dmabufs, and every reference of a net_iov, has its edges: nothing is held by nobody."""
    picture = reference_graph(host)
    for buffer in picture.buffers:
        assert sum(e.count for e in picture.edges if e.target == buffer.name) == buffer.refs
        for bound in buffer.bindings:
            assert sum(e.count for e in picture.edges if e.target == bound.name) == bound.ref
            for pool in bound.pools:
                assert pool.held == host.mem.inflight(pool.row)
                assert sum(count for _, _, count in pool.holders) >= pool.held - pool.cached - pool.ring
    assert not {e.source for e in picture.edges} & {"missing", "other hands", "other holders", "sendmsg, TX frags"}
    held = host.audit()
    states = {"posted": 0, "socket": 0, "token": 0}
    for buffer in picture.buffers:
        for bound in buffer.bindings:
            for pool in bound.pools:
                for _, state, count in pool.holders:
                    states[state] += count
    pages = int(host.rxqs.ctl[0].post - host.rxqs.ctl[0].used) if host.rxqs.ctl[0].active else 0
    assert (states["socket"], states["token"]) == (held.skb_frags, held.tokens)
    assert states["posted"] in (held.descriptors - pages, 0)
    return picture


def test_a_transfer_in_the_middle():
    with Script(device=True, dmabuf="256KiB") as s:
        s.handshake()
        for i in range(6):
            s.data(bytes([i]) * 700)
        s.recvmsg(control=dml.CMSG_SPACE(24) * 4)
        picture = explained(s.host)
        pool = f"page_pool {int(s.host.mem.pools.ctl[int(s.host.rxqs.ctl[1].pool)].id)}"
        fd = s.conn.fileno()
        assert counts(picture) == {
            (f"netlink socket fd {s.netlink.fileno()}", "binding 1"): 1,
            ("RX queue 1", pool): 16, ("skb frags", pool): 6, (f"tokens of fd {fd}", pool): 4,
            (pool, "binding 1"): 1, ("binding 1", "dmabuf 1"): 1, (f"dmabuf fd {s.fd}", "dmabuf 1"): 1}
        assert Edge(f"tokens of fd {fd}", pool, "pp_ref", 4) in picture.edges


def test_18_2_b_netlink_first_with_tokens_held_and_a_new_binding_beside():
    with Script(device=True, dmabuf="256KiB") as s:
        s.handshake()
        for i in range(5):
            s.data(bytes([i]) * 700)
        _, pieces = s.recvmsg(control=dml.CMSG_SPACE(24) * 3)
        s.netlink.close()
        s.lab.run(until_ns=s.lab.clock.now_ns + 10**6)
        s.netlink = s.host.netlink()
        s.netlink.bind_rx({"ifindex": 2, "fd": s.fd, "queues": [{"type": "rx", "id": 1}]})
        picture = explained(s.host)
        (old, new), = [buffer.bindings for buffer in picture.buffers]
        assert (old.name, old.live, old.ref, len(old.pools), old.pools[0].detached, old.pools[0].held) == (
            "binding 1", False, 1, 1, True, 5)
        assert [(state, count) for _, state, count in old.pools[0].holders] == [("socket", 5), ("token", 3)]
        assert (new.name, new.live, new.ref) == ("binding 2", True, 2) and picture.buffers[0].refs == 3
        s.host.dontneed(s.conn, [(int(piece.frag_token), 1) for piece in pieces])
        s.drain()
        s.wait(1100)
        assert [bound.name for bound in explained(s.host).buffers[0].bindings] == ["binding 2"]


def test_18_2_c_tcp_close_with_tokens_held():
    with Script(device=True, dmabuf="256KiB") as s:
        s.handshake()
        s.data(b"x" * 700)
        s.recvmsg()
        s.conn.close()
        s.wait(200_000)
        picture = explained(s.host)
        assert not any(name.startswith("tokens") for name, _ in counts(picture))


def test_a_mem_without_a_host_names_who_it_cannot_know():
    mem = small_mem()
    region = dml.DeviceMemory("64KiB")
    assert "there is no dmabuf" in reference_graph(mem).text
    binding = mem.bind(2, mem.export(region))
    pool = devmem_pool(mem, binding)
    for _ in range(3):
        mem.alloc(pool)
    assert counts(reference_graph(mem)) == {("who bound it", "binding 1"): 1, ("other hands", "page_pool 1"): 3,
                                            ("page_pool 1", "binding 1"): 1, ("binding 1", "dmabuf 1"): 1,
                                            ("other holders", "dmabuf 1"): 1}
    mem.close()
    region.close()


def test_v9_every_net_iov_out_holds_its_binding():
    """Spec 18.1: until 2024 every allocated net_iov held a binding reference."""
    mem = small_mem("v9")
    region = dml.DeviceMemory("64KiB")
    pool = devmem_pool(mem, mem.bind(2, mem.export(region)))
    for _ in range(3):
        mem.alloc(pool)
    picture = reference_graph(mem)
    held = mem.inflight(pool)
    assert counts(picture)["net_iovs out", "binding 1"] == held >= 3
    assert not {"missing", "sendmsg, TX frags"} & {edge.source for edge in picture.edges}
    mem.close()
    region.close()


@pytest.mark.parametrize("count", [0, 1, 63, 64, 200, 4200])
def test_tokens_are_listed_in_the_order_of_their_ids(count):
    tokens = make_xarrays(3, 100)
    for number in range(count):
        assert xa_alloc(tokens, 1, 1000 + 2 * number + 1) == number + 1
    assert token_rows(tokens, 1).tolist() == [500 + number for number in range(count)]


def test_the_picture_is_whole_and_the_same_twice():
    def drawn():
        with Script(device=True, dmabuf="256KiB", rx_queues=4) as s:
            s.handshake()
            s.data(b"x" * 700)
            s.recvmsg()
            device = dml.DeviceMemory("1MiB")
            fd = s.host.export(device)
            s.host.udmabuf("64KiB")
            with s.host.netlink() as other:
                other.bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 2}, {"type": "rx", "id": 3}]})
                picture = explained(s.host)
                return picture.svg(), picture.text

    svg, text = drawn()
    assert drawn() == (svg, text)
    root = ET.fromstring(svg)
    assert root.find(f"{NS}desc").text == text and root.find(f"{NS}title").text == "Who holds what in dut"
    words = ["".join(one.itertext()) for one in root.iter(f"{NS}text")]
    assert words.count("ref") == 8 and words.count("ref, mapped") == 2
    assert {"binding 1", "binding 2", "dmabuf 3", "1 attachment"} <= set(words)
    arrows = [one for one in root.iter(f"{NS}path") if one.get("d").endswith("Z") and one.get("fill", "").startswith("var")]
    assert len(arrows) == len([line for line in text.splitlines() if " -> " in line])
    boxes = np.array([[float(one.get(key)) for key in ("x", "y", "width", "height")] for one in root.iter(f"{NS}rect")
                      if one.get("rx") == "4" and one.get("x")])
    assert (boxes[:, 0] + boxes[:, 2] <= 700).all() and (boxes[:, 1] + boxes[:, 3] <= float(root.get("height"))).all()
