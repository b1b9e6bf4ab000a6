"""The GPU's memory behind a binding: frames in, tokens, gather on the GPU, arrays out, and what the audit says."""

import errno
import gc
import hashlib
import weakref

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.cuda import dlpack, dmabuf
from devmemlab.cuda.driver import simulated
from devmemlab.cuda.memory import DeviceMemory
from devmemlab.lab import scenes_tokens
from devmemlab.lab.gather import MODES
from devmemlab.mem.ledger import DMA_DEVICE, DMA_READ_DEVICE, STAGED_DMA
from devmemlab.mem.region import memory, regions
from tests.host import send_kit

pytestmark = pytest.mark.usefixtures("cuda")
STRETCH = 128 << 10


@pytest.fixture
def scene(monkeypatch):
    monkeypatch.setattr("devmemlab.lab.scenes_control.DeviceMemory", DeviceMemory)
    made = scenes_tokens.start(pages=64, ring=8, trace=False)
    assert isinstance(made.device, DeviceMemory)
    yield made
    made.host.audit()
    scenes_tokens.close(made)


@pytest.fixture
def gpu():
    made = DeviceMemory("64KiB")
    yield made
    made.close()


def messages(*lengths):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, length, np.uint8).tobytes() for length in lengths]


def test_frames_in_tokens_gathered_on_the_gpu_digest_equal_audit_clean(scene):
    sent, gpu, host = messages(1448, 1, 700, 1448, 13, 512), scene.device, scene.host
    whole = b"".join(sent)
    scene.arrive(*sent)
    assert gpu.read(0, gpu.length) == bytes(gpu.length), "nobody was told of it yet"
    pieces = scenes_tokens.take(scene.conn)
    assert b"".join(gpu.read(int(p.frag_offset), int(p.frag_size)) for p in pieces) == whole
    for mode in MODES:
        gpu.view(np.uint8, len(whole) + 8, STRETCH).copy_from(0)
        done = dml.gather(gpu, pieces, STRETCH, mode, host=host, check=True)
        assert done.sha256() == hashlib.sha256(whole).hexdigest()
        assert gpu.read(STRETCH, len(whole) + 8) == whole + bytes(8)
    assert not memory()[gpu.start + STRETCH:gpu.start + STRETCH + len(whole)].any(), "the stretch is on the GPU alone"
    assert host.dontneed_tokens(scene.conn, pieces) == len(pieces)
    report = host.audit()
    assert (report.tokens, report.netmems_in_flight, report.payload_octets) == (0, 0, len(whole))


def test_the_copy_that_stands_in_for_the_nics_dma_has_a_stage_of_its_own(scene):
    sent = messages(1448, 1448, 100)
    scene.arrive(*sent)
    pieces = scenes_tokens.take(scene.conn)
    ledger, own = scene.host.ledger, scene.device.ledger
    ends = pieces.frag_offset + pieces.frag_size
    # One pool hands pages out in order: one run, from the first octet to the last.
    assert int(ledger[STAGED_DMA].copies) == 1
    assert int(ledger[STAGED_DMA].length) == int(own[STAGED_DMA].length) == int(ends.max() - pieces.frag_offset.min())
    assert int(ledger[DMA_DEVICE].length) == sum(map(len, sent)) and own[DMA_DEVICE].length == 0


def test_buffers_are_used_again_and_the_gpu_has_what_came_last(scene):
    used = set()
    for number in range(20):
        sent = bytes([number + 1]) * (1000 - number)
        scene.arrive(sent)
        pieces = scenes_tokens.take(scene.conn)
        used |= set(pieces.frag_offset.tolist())
        assert b"".join(scene.device.read(int(p.frag_offset), int(p.frag_size)) for p in pieces) == sent
        scene.host.dontneed_tokens(scene.conn, pieces)
    assert len(used) < 20


def test_a_frag_does_not_write_over_what_the_gpu_made_of_the_one_before(scene):
    first, second = messages(900, 500)
    scene.arrive(first + second)
    conn = scene.conn
    _, ancdata, _, _ = conn.recvmsg(900, 4096, dml.MSG_SOCK_DEVMEM)
    one = dml.frags(ancdata)[0]
    scene.device.view(np.uint8, 900, int(one.frag_offset)).copy_from(7)
    _, ancdata, _, _ = conn.recvmsg(1000, 4096, dml.MSG_SOCK_DEVMEM)
    other = dml.frags(ancdata)[0]
    assert other.frag_offset == one.frag_offset + 900 and scene.device.read(int(other.frag_offset), 500) == second
    assert scene.device.read(int(one.frag_offset), 900) == b"\x07" * 900
    scene.host.dontneed_tokens(conn, [int(one.frag_token), int(other.frag_token)])


def test_it_has_no_mapping_for_the_cpu_and_is_forgotten_with_its_dmabuf(scene):
    fd = scene.host.export(scene.device)
    with pytest.raises(OSError, match="no mmap"):
        scene.host.mmap(fd)
    count = len(scene.host.mem.staged)
    scene.host.close(fd)
    assert len(scene.host.mem.staged) == count - 1


def test_what_the_gpu_made_is_what_is_sent(monkeypatch):
    monkeypatch.setattr(send_kit.dml, "DeviceMemory", DeviceMemory)
    with send_kit.Pair() as pair:
        made = np.arange(3000, dtype=np.uint16).view(np.uint8)
        pair.device.view(np.uint8, len(made), 5000).copy_from(made)
        assert pair.put([(5000, 4000), (9000, 2000)]) == 6000
        assert pair.hear(6000) == made.tobytes()
        ledger = pair.k.ledger
        assert int(ledger[STAGED_DMA].length) == int(ledger[DMA_READ_DEVICE].length) == 6000
        pair.run(10)
        pair.k.audit()


def test_a_gather_stays_within_one_device(gpu):
    with pytest.raises(ValueError, match="one device"):
        dml.gather(gpu, [(0, 8)], 0, target=dml.DeviceMemory("4KiB"))
    with pytest.raises(ValueError, match="not inside"):
        dml.gather(gpu, [(65530, 8)], 0)


@pytest.mark.parametrize("begin, to", [(0, 8), (4, 8), (3, 5), (8, 4), (1, 1)])
@pytest.mark.parametrize("length", [0, 1, 7, 8, 23])
def test_the_gather_kernel_at_every_alignment(gpu, begin, to, length):
    octets = np.random.default_rng(4).integers(0, 256, 64, np.uint8)
    gpu.view(np.uint8, 64).copy_from(octets)
    gpu.view(np.uint8, 64, 4096).copy_from(0xEE)
    dml.gather(gpu, [(begin, length), (32 + begin, length)], 4096 + to)
    found = gpu.read(4096, 64)
    wanted = octets[begin:begin + length].tobytes() + octets[32 + begin:32 + begin + length].tobytes()
    assert found == b"\xEE" * to + wanted + b"\xEE" * (64 - to - len(wanted))


def test_arrays_see_the_memory_and_keep_it(gpu):
    array = gpu.view("<f4", (3, 5), 1024)
    array.copy_from(np.arange(15).reshape(3, 5))
    assert gpu.read(1024, 60) == np.arange(15, dtype="<f4").tobytes() and len(array) == 3
    assert (array.copy_to_host() == np.arange(15).reshape(3, 5)).all() and array.array.shape == (3, 5)
    assert gpu.view(np.int64).shape == (8192,)
    with pytest.raises(ValueError, match="one dimension"):
        gpu.view("u1", (), 5)
    for bad in ((np.uint8, 65537, 0), (np.uint8, 1, -1), ("<f8", 8192, 8)):
        with pytest.raises(ValueError, match="not inside"):
            gpu.view(*bad)
    gpu.close()
    assert (array.copy_to_host() == np.arange(15).reshape(3, 5)).all()
    for late in (lambda: gpu.view(), lambda: gpu.read(0, 1)):
        with pytest.raises(ValueError, match="closed"):
            late()


def test_dlpack_lends_the_memory_without_a_copy(gpu):
    if not simulated():
        pytest.skip("a GPU's memory is not NumPy's to take")
    array = gpu.view("<i2", (4, 6), 128)
    taken = np.from_dlpack(array)
    array.copy_from(np.arange(24).reshape(4, 6))
    assert taken.dtype == np.int16 and (taken == np.arange(24).reshape(4, 6)).all() and len(dlpack.LENT) == 1
    assert np.from_dlpack(gpu).shape == (gpu.length,)
    bytes_of_it = weakref.ref(gpu.on_device)
    gpu.close()
    del array
    gc.collect()
    assert bytes_of_it() is not None and taken[3, 5] == 23 and len(dlpack.LENT) == 1
    del taken
    gc.collect()
    assert not dlpack.LENT and bytes_of_it() is None


def test_a_capsule_that_nobody_takes_lets_go(gpu):
    capsule = gpu.view(np.int32, 4).__dlpack__()
    assert len(dlpack.LENT) == 1 and "dltensor" in repr(capsule)
    del capsule
    gc.collect()
    assert not dlpack.LENT
    for options in ({"copy": True}, {"dl_device": (10, 0)}):
        with pytest.raises(BufferError):
            gpu.view().__dlpack__(**options)
    with pytest.raises(BufferError, match="no type"):
        gpu.view(np.dtype("V4")).__dlpack__()


def test_the_cuda_array_interface_is_there_on_a_gpu_and_refused_without_one(gpu):
    array = gpu.view("<f4", (2, 3), 64)
    if simulated():
        assert array.__dlpack_device__() == gpu.__dlpack_device__() == (dlpack.CPU, 0)
        for what in (gpu, array):
            with pytest.raises(AttributeError, match="from_dlpack"):
                what.__cuda_array_interface__
        return
    whole, part = gpu.__cuda_array_interface__, array.__cuda_array_interface__
    assert part["data"][0] == whole["data"][0] + 64 and (part["shape"], part["typestr"]) == ((2, 3), "<f4")
    assert array.__dlpack_device__()[0] == dlpack.CUDA


def test_memory_that_nobody_holds_ends():
    before = int(regions().alive.sum())
    made = DeviceMemory("64KiB")
    assert int(regions().alive.sum()) == before + 1
    unlock = made._unlock
    del made
    gc.collect()
    assert int(regions().alive.sum()) == before and not unlock.alive


def test_a_real_dmabuf_is_the_drivers_to_make(gpu, monkeypatch):
    if simulated():
        with pytest.raises(OSError, match="k.export"):
            gpu.dmabuf_fd()
    asked = []

    class Driver:
        code = 0

        def cuMemGetHandleForAddressRange(self, fd, address, nbytes, kind, flags):
            asked.append((address.value, nbytes.value, kind.value, flags.value))
            fd._obj.value = 77
            return self.code

    monkeypatch.setattr(dmabuf, "simulated", lambda: False)
    monkeypatch.setattr(dmabuf, "library", Driver)
    assert gpu.dmabuf_fd() == 77 and asked == [(gpu.view()._address(), gpu.length, 1, 0)]
    for code, number in ((801, errno.EOPNOTSUPP), (1, errno.EIO)):
        Driver.code = code
        with pytest.raises(OSError, match=f"answered {code}") as caught:
            gpu.dmabuf_fd()
        assert caught.value.errno == number
