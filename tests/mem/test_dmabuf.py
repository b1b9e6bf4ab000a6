"""dma-buf: making one, the file it is, and what a device may reach of it."""

import itertools

import numpy as np
import pytest

from devmemlab.base.errno import EBADFD, EFAULT, EINVAL, EPERM
from devmemlab.mem import dmabuf as d
from devmemlab.mem.dmabuf_file import (
    DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_WRITE,
    SEEK_CUR,
    SEEK_END,
    SEEK_SET,
)
from devmemlab.mem.region import DeviceMemory
from devmemlab.mem.udmabuf import F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE
from tests.mem.kit import refused, small_mem

KIB64 = 65536


def segments(mem, row):
    buf = mem.dmabufs.buf[row]
    return [(int(sg.dma_addr), int(sg.length)) for sg in mem.dmabufs.sg[buf.sg_first:buf.sg_first + buf.sg_count]]


# What the control device answered on running kernels, spec section 27 item 9.
ONE = [
    ({}, KIB64), ({"size": 4096}, 4096), ({"offset": 4096, "size": 61440}, 61440),
    ({"seals": F_SEAL_SHRINK | F_SEAL_SEAL}, KIB64), ({"seals": F_SEAL_GROW}, EINVAL), ({"seals": 0}, EINVAL),
    ({"seals": F_SEAL_SHRINK | F_SEAL_WRITE}, EINVAL), ({"seals": F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE}, EINVAL),
    ({"sealable": False}, EINVAL), ({"offset": 2048}, EINVAL), ({"size": 100}, EINVAL), ({"size": 0}, EINVAL),
    ({"size": 2 * KIB64}, EINVAL), ({"offset": KIB64, "size": 4096}, EINVAL), ({"offset": 1 << 63}, EINVAL),
    ({"offset": (1 << 64) - 4096, "size": 8192}, EINVAL), ({"file": "/dev/null"}, EBADFD), ({"file": None}, EBADFD),
]


@pytest.mark.parametrize("case, answer", ONE, ids=[str(case) for case, _ in ONE])
def test_udmabuf_create(case, answer):
    mem = small_mem()
    file = mem.memfd(KIB64, case.get("seals", F_SEAL_SHRINK), case.get("sealable", True))
    item = (case.get("file", file), case.get("offset", 0), case.get("size", KIB64))
    if answer >= 4096:
        row = mem.udmabuf_create([item])
        assert mem.dma_buf_llseek(row, 0, SEEK_END) == answer
        assert len(segments(mem, row)) == answer // 4096, "one segment a page"
    else:
        with refused(answer):
            mem.udmabuf_create([item])


@pytest.mark.parametrize("release, size, fits", [
    ("6.12", 64 << 20, True), ("6.18", (64 << 20) + 4096, False), ("7.3", 65 << 20, True)])
def test_udmabuf_cap(release, size, fits):
    mem = small_mem(release)
    if fits:
        mem.put_dmabuf(mem.udmabuf(size))
    else:
        with refused(EINVAL):
            mem.udmabuf(size)


def test_udmabuf_lists():
    mem = small_mem()
    file = mem.memfd(KIB64, F_SEAL_SHRINK)
    start = file.region.start
    row = mem.udmabuf_create([(file, 0, 4096), (file, 8192, 8192)])
    assert segments(mem, row) == [(start, 4096), (start + 8192, 4096), (start + 12288, 4096)]
    overlapping = mem.udmabuf_create([(file, 0, 8192), (file, 4096, 8192)], merged=True)
    assert segments(mem, overlapping) == [(start, 8192), (start + 4096, 8192)]
    joined = mem.udmabuf_create([(file, 0, 8192), (file, 8192, 8192)], merged=True)
    assert segments(mem, joined) == [(start, 16384)]
    assert mem.dmabufs.buf[mem.udmabuf_create([(file, 0, 4096)] * 1024)].length == 1024 * 4096
    for items in ([], [(file, 0, 4096), (file, 0, 0)], [(file, 0, 4096)] * 1025):
        with refused(EINVAL):
            mem.udmabuf_create(items)


def test_the_order_of_the_checks():
    mem = small_mem()
    file = mem.memfd(KIB64, 0)
    # Too long beats misaligned beats the sum beats nothing at all beats the wrong file beats the seals.
    for items, word in (
        ([(None, 1, 1)] * 1025, "limit is 1024"), ([(None, 1, 1)], "multiples"), ([(None, 0, 128 << 20)], "allows"),
        ([(None, 0, 0)], "no pages"),
    ):
        with refused(EINVAL) as caught:
            mem.udmabuf_create(items)
        assert word in str(caught.value)
    with refused(EBADFD):
        mem.udmabuf_create([(None, 0, 4096), (file, 0, 4096)])
    with refused(EINVAL):
        mem.udmabuf_create([(file, 0, 4096), (None, 0, 4096)])


def test_seals_cannot_be_added_to_a_sealed_file():
    file = small_mem().memfd(4096, sealable=False)
    with refused(EPERM):
        file.add_seals(F_SEAL_SHRINK)
    other = small_mem().memfd(4096)
    other.add_seals(F_SEAL_SHRINK)
    assert other.seals == F_SEAL_SHRINK


def test_memory_outlives_the_memfd_and_dies_with_the_last_dmabuf():
    mem = small_mem()
    file = mem.memfd(8192, F_SEAL_SHRINK)
    first, second = (mem.udmabuf_create([(file, 0, 8192)]) for _ in range(2))
    file.close()
    mem.put_dmabuf(first)
    assert file.region.alive
    binding = mem.bind(2, second)
    mem.put_dmabuf(second)
    assert file.region.alive, "an attachment holds it"
    mem.unbind(binding)
    mem.run_work(0)
    assert not file.region.alive
    with refused(EINVAL):
        mem.dma_buf_llseek(second, 0, SEEK_END)


def test_other_exporters(tmp_path):
    mem = small_mem()
    path = tmp_path / "weights"
    path.write_bytes(b"abc" * 2000)
    row = mem.export(path)
    assert mem.dmabufs.buf[row].length == 8192 and mem.dma_buf_mmap(row)[:6] == b"abcabc"
    array = mem.export(np.arange(2000, dtype=np.float64))
    assert np.frombuffer(mem.dma_buf_mmap(array)[:16000]).tolist() == list(range(2000))
    gpu = DeviceMemory(16384)
    assert segments(mem, mem.export(gpu)) == [(gpu.start, 16384)]
    assert segments(mem, mem.export([(4096, 4096), (0, 4096)])) == [(4096, 4096), (0, 4096)]
    path.write_bytes(b"")
    for nothing in (path, np.zeros(0), [(0, 0)], [(-4096, 4096)], [(1 << 60, 4096)]):
        with refused(EINVAL):
            mem.export(nothing)
    gpu.close()
    with refused(EINVAL):
        mem.export(gpu)


def test_seek_only_tells_the_size():
    mem = small_mem()
    row = mem.udmabuf(KIB64)
    assert mem.dma_buf_llseek(row, 0, SEEK_END) == KIB64 and mem.dma_buf_llseek(row, 0, SEEK_SET) == 0
    for offset, whence in ((1, SEEK_SET), (4096, SEEK_SET), (0, SEEK_CUR), (1, SEEK_END)):
        with refused(EINVAL):
            mem.dma_buf_llseek(row, offset, whence)


def test_mmap():
    mem = small_mem()
    row = mem.udmabuf(KIB64)
    whole, part = mem.dma_buf_mmap(row), mem.dma_buf_mmap(row, 8192, 4096)
    whole[4096:4100] = b"here"
    assert part[:4] == b"here" and len(part) == 8192 and part[1] == ord("e")
    part[8191] = 255
    assert whole[12287] == 255 and whole[-1] == 0 and whole[12280:12288:7] == b"\0\xff"
    for length, offset in ((KIB64 + 4096, 0), (4096, KIB64), (4096, 100), (0, 0)):
        with refused(EINVAL):
            mem.dma_buf_mmap(row, length, offset)
    with refused(EINVAL):
        mem.dma_buf_mmap(row, shared=False)
    with refused(EINVAL):
        mem.dma_buf_mmap(mem.export([(0, 4096)]))
    with pytest.raises(IndexError):
        whole[0:4] = b"too long"
    with pytest.raises(IndexError):
        whole.read(KIB64 - 1, 2)


def test_mmap_gathers_scattered_pieces():
    mem = small_mem()
    file = mem.memfd(KIB64, F_SEAL_SHRINK)
    row = mem.udmabuf_create([(file, 8192, 4096), (file, 0, 4096)])
    mapping = mem.dma_buf_mmap(row)
    mapping[4090:4102] = b"across pages"
    assert file.region.read(8192 + 4090, 6) == b"across" and file.region.read(0, 6) == b" pages"
    assert mapping[4090:4102] == b"across pages"
    with pytest.raises(ValueError, match="one coherent piece"):
        mapping.view()
    assert mem.dma_buf_mmap(row, 4096).view()[4090] == ord("a")


def test_sync_flags():
    mem = small_mem()
    row = mem.udmabuf(KIB64)
    for flags in (DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ,):
        with refused(EINVAL):
            mem.dma_buf_sync(row, flags)
    for flags in (1, 2, 3, 5, 6, 7):
        mem.dma_buf_sync(row, flags)
    for flags in (0, 4, 8, 16, 9):
        with refused(EINVAL):
            mem.dma_buf_sync(row, flags)


def test_stale_read():
    """What a program sees of memory that is not coherent, with and without the ioctl (and quirk Q24)."""
    mem = small_mem()
    gpu = DeviceMemory(8192, coherent=False)
    row = mem.export(gpu)
    mem.bind(2, row)
    seen = mem.dma_buf_mmap(row)
    assert seen[4096:4100] == b"\0\0\0\0"
    mem.dma_write(2, gpu.start + 4096, b"news")
    assert seen[4096:4100] == b"\0\0\0\0", "stale: the CPU looks at its cache"
    with refused(EINVAL):
        mem.dma_buf_sync(row, 0)        # the self-test's bare START
    assert seen[4096:4100] == b"\0\0\0\0"
    mem.dma_buf_sync(row, DMA_BUF_SYNC_READ)
    assert seen[4096:4100] == b"news"
    seen[0:4] = b"mine"
    assert gpu.read(0, 4) == b"\0\0\0\0", "written, but only into the cache"
    mem.dma_buf_sync(row, DMA_BUF_SYNC_READ)
    assert seen[0:4] == b"mine", "invalidating spares what was written"
    mem.dma_buf_sync(row, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW)
    assert gpu.read(0, 4) == b"mine"
    coherent = DeviceMemory(4096)
    row = mem.export(coherent)
    mapping = mem.dma_buf_mmap(row)
    coherent.octets[0] = 9
    assert mapping[0] == 9
    assert DMA_BUF_SYNC_WRITE == 2


def test_life_cycle_of_an_attachment():
    mem = small_mem()
    row = mem.udmabuf(8192)
    tables, buf = mem.dmabufs, mem.dmabufs.buf[row]
    attachment = d.dma_buf_attach(tables, row, 2, 0)
    assert attachment > 0 and (buf.refs, buf.attachments, buf.mappings) == (2, 1, 0)
    assert d.dma_buf_unmap_attachment(tables, attachment) == -EINVAL
    assert d.dma_buf_map_attachment(tables, attachment, d.DMA_NONE) == -EINVAL
    assert d.dma_buf_map_attachment(tables, attachment, d.FROM_DEVICE) == 0
    assert d.dma_buf_map_attachment(tables, attachment, d.FROM_DEVICE) == -EINVAL
    assert buf.mappings == 1 and d.dma_buf_detach(tables, attachment) == -EINVAL
    assert d.dma_buf_unmap_attachment(tables, attachment) == 0
    assert d.dma_buf_detach(tables, attachment) == 0
    assert d.dma_buf_detach(tables, attachment) == -EINVAL
    assert (buf.refs, buf.attachments, buf.mappings) == (1, 0, 0)


@pytest.mark.parametrize("release, reads", [("6.18", False), ("v9", True)])
def test_dma_outside_the_map_faults(release, reads):
    mem = small_mem(release)
    gpu = DeviceMemory(12288)
    mem.bind(2, mem.export([(gpu.start, 4096), (gpu.start + 8192, 4096)]))
    mem.dma_write(2, gpu.start + 4090, b"inside")
    for device, address, length in (
        (2, gpu.start + 4096, 1), (2, gpu.start + 4090, 7), (2, gpu.start - 1, 1), (3, gpu.start, 1), (2, gpu.start + 12288, 1)):
        with refused(EFAULT):
            mem.dma_write(device, address, bytes(length))
    if reads:       # mapped in both directions in the first series
        assert mem.dma_read(2, gpu.start + 4090, 6) == b"inside"
    else:
        with refused(EFAULT):
            mem.dma_read(2, gpu.start + 4090, 6)
    mem.bind(4, mem.export(gpu), direction=d.TO_DEVICE)
    assert mem.dma_read(4, gpu.start + 4090, 6) == b"inside"


def test_after_unmapping_nothing_is_reachable():
    mem = small_mem()
    gpu = DeviceMemory(4096)
    binding = mem.bind(2, mem.export(gpu))
    mem.dma_write(2, gpu.start, b"x")
    mem.unbind(binding)
    mem.dma_write(2, gpu.start, b"x")       # unmapped by the work item, not by the caller
    mem.run_work(0)
    with refused(EFAULT):
        mem.dma_write(2, gpu.start, b"x")


@pytest.mark.parametrize("release", ["6.18", "7.3"])
def test_aperture_and_reachability(release):
    mem = small_mem(release)
    windowed = mem.export(DeviceMemory("2MiB", bar_bytes="1MiB"))
    with refused(d.EREMOTEIO) as caught:
        mem.bind(2, windowed)
    assert "aperture" in str(caught.value)
    with refused(EINVAL):
        mem.dma_buf_mmap(windowed, 4096, 1 << 20)
    assert len(mem.dma_buf_mmap(windowed, 1 << 20)) == 1 << 20
    far = mem.export(DeviceMemory(4096, bus="pci1"))
    with refused(d.EREMOTEIO) as caught:
        mem.bind(2, far)
    assert "could not bind dmabuf to device" in str(caught.value)
    mem.bind(2, far, bus="pci1")
    mem.bind(2, mem.udmabuf(4096), bus="pci1")
    assert np.count_nonzero(mem.dmabufs.mapping.dmabuf) == 2, "failed binds left nothing attached"


def test_tables_are_emptied_by_many_lives():
    mem = small_mem()
    free = {name: list(ranges.free) for name, ranges in mem.ranges.items()}
    for pages, merged in itertools.product((1, 3, 100), (False, True)):
        row = mem.udmabuf(pages * 4096, merged)
        binding = mem.bind(2, row)
        mem.put_dmabuf(row)
        mem.unbind(binding)
        mem.run_work(0)
    assert {name: ranges.free for name, ranges in mem.ranges.items()} == free
    assert not mem.dmabufs.buf.refs.any() and not mem.dmabufs.mapping.dmabuf.any() and not mem.pinned and not mem.backing
