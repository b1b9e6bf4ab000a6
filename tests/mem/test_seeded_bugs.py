"""Bugs put in on purpose, one line each: the duel, the audit or a numbered case must notice every one."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

BUGS = {
    "a hit leaves the cache as high as it was": (
        "pool_alloc", "ctl.cache_count = count - 1", "ctl.cache_count = count"),
    "a hit takes the bottom of the cache": (
        "pool_alloc", "return cache[count - 1].entry", "return cache[0].entry"),
    "a refill brings one too many": (
        "pool_alloc", "while ctl.cache_count < PP_ALLOC_CACHE_REFILL:", "while ctl.cache_count <= PP_ALLOC_CACHE_REFILL:"),
    "what goes home is not counted": (
        "pool_alloc", "ctl.release_cnt = (ctl.release_cnt + 1) & 0xFFFFFFFF", "ctl.release_cnt = ctl.release_cnt & 0xFFFFFFFF"),
    "a waived page is counted twice": (
        "pool_alloc", "ctl.alloc_waive += 1", "ctl.alloc_waive += 2"),
    "an empty ring is not noted": (
        "pool_alloc", "ctl.alloc_empty += 1", "pass"),
    "the last reference leaves 0": (
        "pool_put", "row.pp_ref_count = remaining if remaining else np.int64(1)", "row.pp_ref_count = remaining"),
    "a borrowed page is recycled from the slow path": (
        "pool_put", "    if row.page_refcount != 1:\n", "    if row.page_refcount > 2:\n"),
    "a borrowed page is recycled from the fast path": (
        "pool_put", "row.pp_ref_count == 1 and likely(row.page_refcount == 1) and", "row.pp_ref_count == 1 and"),
    "another pool's buffer is taken": (
        "pool_put", " and likely(row.pp == pool + 1):", ":"),
    "a full cache is not noted": (
        "pool_put", "ctl.recycle_cache_full += 1", "pass"),
    "the cache takes one too many": (
        "pool_put", "if likely(count < ctl.cache_limit):", "if likely(count <= ctl.cache_limit):"),
    "a refused bulk goes on trying": (
        "pool_bulk", "        refused = True\n", "        refused = False\n"),
    "a bulk forgets a reference": (
        "pool_bulk", "if netmem and page_pool_unref_netmem(netmems, netmem, 1) == 0:", "if netmem:"),
    "a freed chunk is not looked at again": (
        "gen_pool", "if chunk > own.chunk_hint:", "if chunk < own.chunk_hint:"),
    "a freed word is not looked at again": (
        "gen_pool", "        piece.word_hint = bit >> 6\n", "        piece.word_hint = piece.word_hint\n"),
    "what is handed out stays available": (
        "gen_pool", "row.avail_bytes -= nbytes", "pass"),
    "a freed bit stays set": (
        "gen_pool", "word.entry &= ~mask", "word.entry |= mask"),
    "address 0 is an address": (
        "gen_pool", "if row.dma_addr + (bit << own.niov_shift) == 0:", "if row.dma_addr < 0:"),
    "the stack forgets what was never popped": (
        "lifo", "own.implicit = own.free_count\n", "own.implicit = own.free_count + 1\n"),
    "a full stack takes one more": (
        "lifo", "or own.free_count >= own.niov_count", "or own.free_count > own.niov_count"),
    "chunks overlap in the dmabuf": (
        "binding_create", "virtual += sg.length", "virtual += 4096"),
    "the first chunk is tried first": (
        "binding_create", "own.chunk_hint = own.chunk_first + own.chunk_count - 1", "own.chunk_hint = own.chunk_first"),
    "a binding is freed while one still holds it": (
        "binding", "    if own.ref == 0:\n", "    if own.ref == 1:\n"),
    "a dead binding can be held again": (
        "binding", "if own.ref <= 0:", "if own.ref < 0:"),
    "an unbound id can be looked up": (
        "binding", "    own.live = 0\n", "    own.live = 1\n"),
    "a freed page hides the rest of its list": (
        "pages", "    page.owner = books.head\n", "    page.owner = 0\n"),
    "fresh pages are not counted": (
        "pages", "ctl.hold_cnt = (ctl.hold_cnt + 1) & 0xFFFFFFFF", "ctl.hold_cnt = ctl.hold_cnt & 0xFFFFFFFF"),
    "a net_iov in use goes home": (
        "provider", "if row.pp_ref_count != 1 or", "if row.pp_ref_count < 1 or"),
    "v9 forgets a binding reference": (
        "provider", "own.ref += own.hold_niov", "own.ref += 0"),
    "a wrong order is accepted": (
        "provider", "if ctl.order != own.niov_shift - PAGE_SHIFT:", "if ctl.order > own.niov_shift:"),
    "a batch is one short": (
        "provider", "for _ in range(min(own.batch,", "for _ in range(min(own.batch - own.batch // 64,"),
    "a destroyed pool keeps caching": (
        "pool_destroy", "ctl.cache_limit = 0", "ctl.cache_limit = 128"),
    "the first retry comes late": (
        "pool_destroy", "        ctl.detached = 1\n", "        ctl.detached = 1\n        now_ns += 1\n"),
    "a visible pool is warned about": (
        "pool_destroy", "and ctl.ifindex == 0:", "and ctl.ifindex >= 0:"),
    "two users where one came": (
        "pool_frag", "ctl.frag_users += 1", "ctl.frag_users += 2"),
    "half a buffer is a whole one": (
        "pool_frag", "if 2 * nbytes > room:", "if 2 * nbytes >= room:"),
    "a buffer arrives with two references": (
        "netmem", "    row.pp_ref_count = 1\n", "    row.pp_ref_count = 2\n"),
    "a new pool remembers the old one's counters": (
        "pool_create", "    ctl.release_cnt = 0\n", "    ctl.release_cnt = ctl.release_cnt\n"),
    "syncing without a length is accepted": (
        "pool_create", "PP_FLAG_DMA_MAP == 0 or params.max_len == 0:", "PP_FLAG_DMA_MAP == 0:"),
    "a net_iov is looked for one chunk too early": (
        "provider_table", "if providers.chunk[middle].niov_first <= row:", "if providers.chunk[middle].niov_first < row:"),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="examines each bug in a forked child")
@pytest.mark.once       # its processes run without the JIT in any case
def test_every_seeded_bug_is_noticed():
    requests = [None, *BUGS.values()]
    lanes = min(os.cpu_count() or 1, 4)
    exams = [start([None, *requests[lane + 1::lanes]]) for lane in range(lanes)]
    verdicts = {}
    for lane, exam in enumerate(exams):
        said, complaints = exam.communicate()
        answers = [json.loads(line) for line in said.splitlines()]
        names = list(BUGS)[lane::lanes]
        assert len(answers) == 1 + len(names), complaints
        assert answers[0] is None, f"the code as it is: {answers[0]}"
        verdicts.update(zip(names, answers[1:]))
    assert not [said for said in verdicts.values() if said and said.startswith("!")], "a bug no longer fits the source"
    assert not [name for name, said in verdicts.items() if said is None], "not noticed"
    assert set(verdicts) == set(BUGS) and len(BUGS) >= 20


def start(requests):
    """Start an exam in a process of its own."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    exam = subprocess.Popen([sys.executable, "-m", "tests.mem.exam"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=root,
                            env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)})
    exam.stdin.write(json.dumps(requests))
    exam.stdin.close()
    exam.stdin = None
    return exam
