"""The heat map against an account kept by hand, and as a picture."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.mem.netmem import PLACE_POSTED, PLACE_SKB, PLACE_TOKEN
from devmemlab.view.heat_map import MOST_CELLS, NAMES, HeatMap, heat_map, niov_states
from devmemlab.view.still import STATES, WIDTH
from tests.mem.kit import devmem_pool, small_mem
from tests.scripts.kit import Script

pytestmark = pytest.mark.every_mode

NS = "{http://www.w3.org/2000/svg}"


def cells(svg):
    """Every rectangle of a heat map: x, y, width, height, state."""
    for path, name in re.findall(r'<path d="([^"]+)" fill="url\(#\w+-(\w+)\)"', svg):
        for x, y, wide, high in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z", path):
            yield float(x), float(y), float(wide), float(high), name


def bound(size="256KiB", **options):
    mem = small_mem(options.pop("profile", "6.18"))
    region = dml.DeviceMemory(size)
    return mem, mem.bind(2, mem.export(region), **options), region


@given(st.lists(st.tuples(st.sampled_from(["alloc", "cache", "ring", "posted", "socket", "token"]), st.integers(0, 63)),
                max_size=60), st.sampled_from(["6.18", "next"]))
def test_every_net_iov_is_where_the_account_says(steps, profile):
    mem, binding, region = bound("128KiB", profile=profile)
    try:
        pool = devmem_pool(mem, binding, pool_size=8)
        places = {"posted": PLACE_POSTED, "socket": PLACE_SKB, "token": PLACE_TOKEN}
        out = {}                                    # handle -> state, for what the pool has handed out
        for what, which in steps:
            if what == "alloc":
                netmem = mem.alloc(pool)
                if netmem:
                    out[netmem] = "out"
                    mem.netmems[netmem >> 1].place = 1      # a driver that has not said yet what it does with the buffer
            elif out:
                netmem = sorted(out)[which % len(out)]
                if what in places:
                    out[netmem] = what
                    mem.netmems[netmem >> 1].place = places[what]
                else:
                    del out[netmem]
                    mem.put(pool, netmem, direct=what == "cache")
        mem.audit()
        seen = heat_map(mem)
        first = int(mem.providers.binding[binding].niov_first)
        for netmem, state in out.items():
            assert NAMES[seen.states[(netmem >> 1) - first]] == state
        held = [state for state in out.values()]
        assert {name: seen.counts[name] for name in ("posted", "socket", "token", "out")} == {
            name: held.count(name) for name in ("posted", "socket", "token", "out")}
        assert seen.counts["cached"] == mem.pools.ctl[pool].cache_count
        assert seen.counts["cached"] + seen.counts["ring"] + len(out) == mem.inflight(pool)
        assert sum(seen.counts.values()) == 32 == len(seen.states)
    finally:
        mem.close()
        region.close()


def test_a_transfer_adds_up_to_what_the_audit_counts():
    with Script(device=True, dmabuf="256KiB") as s:
        s.handshake()
        for i in range(12):
            s.data(bytes([i]) * 700)
        _, pieces = s.recvmsg(control=dml.CMSG_SPACE(24) * 5)
        s.host.dontneed(s.conn, [(int(pieces[0].frag_token), 2)])
        counts, held = heat_map(s.host).counts, s.host.audit()
        # One skb holds them all until it is read to the end, the two that came back as well (spec 25.4).
        assert (counts["socket"], counts["token"], counts["ring"] + counts["cached"]) == (held.skb_frags - 3, 3, 0)
        assert held.tokens == 3 and counts["posted"] == 16 and sum(counts.values()) == 64
        assert counts["free"] == 64 - s.host.mem.inflight(int(s.host.rxqs.ctl[1].pool)) and counts["out"] == 0


def test_a_binding_is_found_by_id_reply_or_row_and_an_unbound_one_by_row():
    with Script(device=True, dmabuf="256KiB") as s:
        s.handshake()
        s.data(b"x" * 100)
        _, pieces = s.recvmsg()
        s.netlink.close()
        s.lab.run(until_ns=s.lab.clock.now_ns + 10**6)
        again = s.host.netlink()
        reply = again.bind_rx({"ifindex": 2, "fd": s.fd, "queues": [{"type": "rx", "id": 1}]})
        assert reply == {"id": 2}
        for binding in (None, 2, reply):
            assert heat_map(s.host, binding).counts["posted"] == 16
        old = heat_map(s.host, 1)
        assert old.counts["token"] == 1 and old.counts["posted"] == 0 and "binding 1 (unbound)" in old.title
        with pytest.raises(ValueError, match="there is no binding 9; ids of live bindings: 2"):
            heat_map(s.host, 9)


def test_without_a_binding_it_says_what_to_do():
    mem = small_mem()
    with pytest.raises(ValueError, match="bind a dmabuf first"):
        heat_map(mem)
    mem.close()


def test_a_huge_binding_is_looked_at_only_where_it_was_touched():
    mem, binding, region = bound("1GiB")
    try:
        states = niov_states(mem, binding)
        assert len(states) == 1 << 18 and not states.any()
        pool = devmem_pool(mem, binding)
        taken = {mem.alloc(pool) for _ in range(3)}
        mem.netmems = mem.netmems[:max(taken) // 2 + 1]     # what lies behind is not even there
        picture = heat_map(mem)
        assert picture.counts["free"] == (1 << 18) - 3 and len(picture.bins) == MOST_CELLS
    finally:
        region.close()


def test_a_cell_of_many_tells_its_mixture():
    states = np.repeat(np.array([0, 3, 5], np.uint8), [3000, 1000, 97])
    picture = HeatMap(states, 4096, "dmabuf binding 1, 16 MiB")
    assert picture.niovs_per_cell == 4 and len(picture.bins) == 1025
    assert (picture.bins.sum(axis=0) == np.bincount(states, minlength=7)).all()
    assert picture.bins[-1].tolist() == [0, 0, 0, 0, 0, 1, 0]
    assert picture.bins[750].tolist() == [0, 0, 0, 4, 0, 0, 0]
    mixed = HeatMap(np.array([0, 3] * 2049, np.uint8), 4096, "x")
    assert {height for _, _, _, height, name in cells(mixed.svg()) if name in ("free", "posted")} == {4.75}
    assert "split as they are mixed" in mixed.svg()


def pictures():
    random = np.random.default_rng(3)
    for count in (1, 5, 64, 256, 257, 2048, 2049, 40_000):
        yield HeatMap(np.sort(random.integers(0, 7, count)).astype(np.uint8), 4096, f"dmabuf binding 1, {count} pages")


@pytest.mark.parametrize("picture", list(pictures()), ids=lambda picture: str(len(picture.states)))
def test_the_picture_is_whole_and_the_same_twice(picture):
    svg = picture.svg()
    again = HeatMap(picture.states.copy(), picture.niov_bytes, picture.name)
    assert svg == again.svg() and len(svg) < 400_000
    root = ET.fromstring(svg)
    assert root.find(f"{NS}title").text == picture.title and root.find(f"{NS}desc").text == picture.text
    height = float(root.get("height"))
    area = dict.fromkeys(STATES, 0.0)
    for x, y, wide, high, name in cells(svg):
        assert 0 < x < x + wide <= WIDTH and 0 < y < y + high <= height
        area[name] += wide * high
    pitch = 19.0 if len(picture.bins) <= 256 else 9.5
    last = picture.bins[-1].sum() / picture.niovs_per_cell          # the last cell may stand for fewer than the others
    for name, count in picture.counts.items():
        assert area[name] / pitch**2 == pytest.approx(count / picture.niovs_per_cell, rel=0.01, abs=0.01 if last == 1 else 1)
    ids = {one.get("id") for one in root.iter(f"{NS}pattern")}
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids
    words = ["".join(text.itertext()) for text in root.iter(f"{NS}text")]
    for name, count in picture.counts.items():
        if count:
            assert f"{STATES[name].meaning}: {count:,}" in words and STATES[name].letter in words


def test_light_dark_and_a_file(tmp_path):
    picture = HeatMap(np.zeros(4, np.uint8), 4096, "x")
    page, light, dark = (picture.svg(paper) for paper in ("page", "light", "dark"))
    assert "prefers-color-scheme:dark" in page and len({page, light, dark}) == 3
    assert "--dml-paper:#161616" in dark.partition("svg.dml.dml.dml")[2] and "svg.dml.dml.dml" not in page
    with pytest.raises(ValueError, match="paper 'sepia' is none of page, light, dark"):
        picture.svg("sepia")
    assert picture.save(tmp_path / "x.svg", "dark").read_text(encoding="utf-8") == dark + "\n"
    data, metadata = picture._repr_mimebundle_()
    assert data["image/svg+xml"] == page and data["text/plain"] == metadata["image/svg+xml"]["alt"] == repr(picture)
    assert 'alt="Where the net_iovs of x are' in data["text/html"]


def test_states_differ_without_colour():
    assert len({role.letter for role in STATES.values()}) == len(STATES) == len({role.texture for role in STATES.values()})
