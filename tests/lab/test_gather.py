"""Gather and the tools for pieces: every mode against plain Python, the ledger against the list, refusals by value."""

import gc
import hashlib
import random

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.lab import gather as chapter
from devmemlab.lab import scenes_tokens as scenes
from devmemlab.lab.gather import MODES, gather
from devmemlab.mem.ledger import NAMES
from devmemlab.mem.region import DeviceMemory, regions
from devmemlab.sock.uapi import FRAG_DTYPE, SCM_DEVMEM_DMABUF, SCM_DEVMEM_LINEAR

pytestmark = pytest.mark.every_mode

STAGES = {"copies": {"GATHER": 1}, "kernel": {"GATHER": 1}, "host": {"GATHER_OUT": 1, "GATHER_IN": 0}}


@pytest.fixture
def region():
    made = DeviceMemory("128KiB", "gpu")
    made.octets[:] = np.random.default_rng(1).integers(0, 256, made.length, np.uint8)
    yield made
    made.close()


def records(*pieces):
    """Frags of (offset, size), or of (kind, offset, size, id)."""
    out = np.zeros(len(pieces), FRAG_DTYPE).view(np.recarray)
    for row, piece in zip(out, pieces):
        kind, offset, size, binding = piece if len(piece) == 4 else (SCM_DEVMEM_DMABUF, *piece, 1)
        row.kind, row.frag_offset, row.frag_size, row.dmabuf_id = kind, offset, size, binding
    return out


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(4))
def test_every_mode_gathers_what_plain_python_joins(region, mode, seed):
    rng = random.Random(seed)
    pieces = [(rng.randrange(60 << 10), rng.choice((0, 1, 7, 1448, 4096))) for _ in range(rng.randrange(1, 12))]
    wanted = b"".join(region.read(offset, length) for offset, length in pieces)
    before = region.read(0, 64 << 10)
    done = gather(region, records(*pieces) if seed % 2 else pieces, 64 << 10, mode, check=True)
    assert region.read(done.offset, done.octets) == wanted and region.read(0, 64 << 10) == before
    assert done.sha256() == hashlib.sha256(wanted).hexdigest() and done.pieces == len(pieces)
    assert done.stages == ({} if not wanted else {stage: (len(wanted), len(pieces) if each else 1)
                                                  for stage, each in STAGES[mode].items()})


@pytest.mark.parametrize("mode", MODES)
def test_into_another_region_and_into_the_ledger_of_a_host(region, mode):
    scene = scenes.start(pages=24, ring=8, trace=False)
    scene.arrive(b"A" * 700, b"B" * 300)
    pieces = scenes.take(scene.conn)
    before = {name: scene.host.ledger.length[number] for number, name in enumerate(NAMES)}
    done = dml.gather(scene.device, pieces, 24, mode, target=region, host=scene.host, check=True)
    assert region.read(24, 1000) == b"A" * 700 + b"B" * 300 and done.region is region
    grown = {name: int(scene.host.ledger.length[number] - before[name])
             for number, name in enumerate(NAMES)}
    assert {name: octets for name, octets in grown.items() if octets} == dict.fromkeys(STAGES[mode], 1000)
    scene.host.dontneed_tokens(scene.conn, pieces)
    scene.host.audit()
    scenes.close(scene)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pieces, at, said", [
    ([(0, 10), (131070, 3)], 4096, r"piece 1 is \[131070, 131073\), which is not inside 'gpu' of 131072 bytes"),
    ([(-1, 10)], 4096, r"piece 0 is \[-1, 9\), which is not inside"),
    ([(0, 100)], 131000, r"100 bytes at 131000 need \[131000, 131100\), and 'gpu' has 131072 bytes"),
    ([(0, 100)], -4, r"100 bytes at -4 need \[-4, 96\)"),
    ([(0, 10), (4000, 100), (9000, 1)], 4090, r"piece 1 is \[4000, 4100\), which overlaps the target \[4090, 4201\)"),
    ([(0, -5)], 0, "piece 0 has length -5"),
    (records((SCM_DEVMEM_DMABUF, 0, 5, 1), (SCM_DEVMEM_LINEAR, 0, 5, 0)), 4096, "record 1 has kind 78: its octets are in"),
])
def test_bad_lists_are_refused_by_value_and_nothing_is_written(region, mode, pieces, at, said):
    before = region.octets.tobytes()
    with pytest.raises(ValueError, match=said):
        gather(region, pieces, at, mode)
    assert region.octets.tobytes() == before


def test_an_unknown_mode_and_nothing_to_gather(region):
    with pytest.raises(ValueError, match="no mode 'dma'; there are copies, host, kernel"):
        gather(region, [(0, 1)], 64, "dma")
    for mode in MODES:
        done = gather(region, [], 131072, mode, check=True)
        assert (done.octets, done.pieces, done.stages) == (0, 0, {}) and "nothing to do" in repr(done)


def test_pieces_right_beside_the_target_and_pieces_that_overlap_each_other(region):
    first = region.read(4096, 100)
    gather(region, [(4096, 100), (4096, 100)], 4196, check=True)
    assert region.read(4196, 200) == first * 2


def test_a_copy_that_went_wrong_is_found_out(region, monkeypatch):
    monkeypatch.setattr(chapter, "gather_pieces", lambda *arguments: None)
    with pytest.raises(OSError, match="what 'kernel' gathered is not what the pieces hold"):
        gather(region, [(0, 100)], 4096, "kernel", check=True)


def test_the_staging_buffer_is_given_back(region):
    gc.collect()
    before = int(regions().alive.sum())
    gather(region, [(0, 4096)], 8192, "host")
    assert int(regions().alive.sum()) == before


def naive_coalesce(frags):
    runs = []
    for number, frag in enumerate(frags):
        if frag.kind != SCM_DEVMEM_DMABUF:
            continue
        last = runs[-1] if runs else None
        if last and last[0] == frag.dmabuf_id and last[1] + last[2] == frag.frag_offset and last[3] + last[4] == number:
            last[2] += int(frag.frag_size)
            last[4] += 1
        else:
            runs.append([int(frag.dmabuf_id), int(frag.frag_offset), int(frag.frag_size), number, 1])
    return runs


@pytest.mark.parametrize("seed", range(20))
def test_neighbours_are_joined_as_plain_python_joins_them(seed):
    rng, at, pieces = random.Random(seed), 0, []
    for _ in range(rng.randrange(0, 30)):
        size = rng.choice((0, 1, 100, 4096))
        at = at if rng.random() < 0.7 else rng.randrange(1 << 20)
        pieces.append((SCM_DEVMEM_LINEAR if rng.random() < 0.1 else SCM_DEVMEM_DMABUF, at, size, rng.choice((1, 1, 1, 2))))
        at += size
    frags = records(*pieces)
    runs = dml.coalesce(frags)
    assert [list(map(int, run)) for run in runs] == naive_coalesce(frags)
    device = frags[frags.kind == SCM_DEVMEM_DMABUF]
    assert runs.frag_size.sum() == device.frag_size.sum()


def test_runs_gather_to_the_same(region):
    frags = records((0, 4096), (4096, 4096), (20480, 10), (8192, 100))
    runs = dml.coalesce(frags)
    assert runs["first"].tolist() == [0, 2, 3] and runs["count"].tolist() == [2, 1, 1]
    one, other = gather(region, frags, 65536), gather(region, runs, 98304)
    assert one.sha256() == other.sha256() and (one.pieces, other.pieces) == (4, 3)
    assert dml.coalesce([(0, 5), (5, 5), (11, 1)]).frag_size.tolist() == [10, 1]
