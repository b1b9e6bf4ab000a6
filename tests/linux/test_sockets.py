"""Sockets, memory and command lines of the running kernel, over loopback: no rights, no namespace."""

import ctypes
import errno
import json
import os
import selectors
import socket
import struct

import numpy as np
import pytest

import devmemlab as dml
from tests.linux.kit import LINUX

pytestmark = [pytest.mark.once, pytest.mark.skipif(not LINUX, reason="the face of a real Linux kernel")]


@pytest.fixture
def k():
    return dml.linux.Kernel()


@pytest.fixture
def pair(k):
    with k.socket() as listener, k.socket() as near:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        near.connect(listener.getsockname())
        far, address = listener.accept()
        with far:
            assert address == near.getsockname()
            yield near, far


def refusal(call, *args, **options):
    with pytest.raises(OSError) as caught:
        call(*args, **options)
    return caught.value.errno


def supported(k):
    with k.socket() as sock:
        try:
            return k.dontneed(sock, [(1, 1)]) == 0
        except OSError:
            return False


def test_tokens_are_returned_with_the_kernels_number(k, pair):
    if not supported(k):
        assert refusal(k.dontneed, pair[1], [(1, 1)]) == errno.ENOPROTOOPT
        return
    assert k.dontneed(pair[1], [(1, 4), (0xFFFFFFFF, 0xFFFFFFFF)]) == 0
    assert pair[1].setsockopt(dml.SOL_SOCKET, dml.SO_DEVMEM_DONTNEED, bytes(1024)) == 0
    assert refusal(k.dontneed, pair[1], []) == errno.EINVAL
    assert refusal(k.dontneed, pair[1], [(1, 1)] * 129) == errno.EINVAL
    assert refusal(pair[1].setsockopt, dml.SOL_SOCKET, dml.SO_DEVMEM_DONTNEED, None, 8) == errno.EFAULT
    with k.socket(dml.AF_INET, socket.SOCK_DGRAM) as datagram:
        assert refusal(k.dontneed, datagram, [(1, 1)]) == errno.EBADF


def test_options_are_those_of_python(k, pair):
    near = pair[0]
    assert near.setsockopt(dml.SOL_SOCKET, socket.SO_KEEPALIVE, 1) is None
    assert near.getsockopt(dml.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert near.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno") is None
    assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"reno"
    assert refusal(near.setsockopt, dml.SOL_SOCKET, dml.SO_ZEROCOPY, 2) == errno.EINVAL
    assert refusal(near.setsockopt, dml.SOL_SOCKET, socket.SO_KEEPALIVE, 1, 3) == errno.EINVAL


def test_host_data_is_received_with_the_flag_of_device_memory(k, pair):
    pair[0].sendall(b"hello")
    data, ancdata, flags, address = pair[1].recvmsg(100, dml.CMSG_SPACE(24) * 4, dml.MSG_SOCK_DEVMEM)
    assert (data, list(ancdata), flags, address) == (b"hello", [], 0, None) and len(dml.frags(ancdata)) == 0


def test_control_messages_of_a_real_socket_are_read_as_frags():
    body = struct.pack("<QIIII", 0x3000, 1448, 7, 2, 0)
    frag = dml.frags([(1, 79, body), (6, 36, b"\0\0\0\0")])[0]
    assert (frag.kind, frag.frag_offset, frag.frag_size, frag.frag_token, frag.dmabuf_id) == (79, 0x3000, 1448, 7, 2)


def test_pieces_go_out_as_numbers_and_completions_come_back(k, pair):
    """Binding 0 means "no dmabuf": then the offsets are addresses, so the spelling of the call can be seen to be right."""
    near, far = pair
    near.setsockopt(dml.SOL_SOCKET, dml.SO_ZEROCOPY, 1)
    room = ctypes.create_string_buffer(bytes(range(256)), 256)
    base = ctypes.addressof(room)
    assert k.completions(near) == []
    assert k.sendmsg_devmem(near, [(base + 16, 32), (base + 200, 8)], 0) == 40
    assert far.recv(40, socket.MSG_WAITALL) == bytes(range(16, 48)) + bytes(range(200, 208))
    poll = k.poll()
    poll.register(near, 0)
    assert poll.poll(2000)
    (done,) = k.completions(near)
    assert done == (0, 0, True) and k.completions(near) == []


def test_sends_from_device_memory_are_refused_with_advice(k, pair):
    near = pair[0]
    assert refusal(k.sendmsg_devmem, near, [(0, 10)], 5) == errno.EINVAL
    near.setsockopt(dml.SOL_SOCKET, dml.SO_ZEROCOPY, 1)
    with pytest.raises(OSError, match="bind-tx") as caught:
        k.sendmsg_devmem(near, [(0, 10)], 5)
    assert caught.value.errno == errno.EINVAL


def test_a_socket_with_a_time_limit_waits_for_room(k, pair):
    near = pair[0]
    near.setsockopt(dml.SOL_SOCKET, dml.SO_ZEROCOPY, 1)
    near.settimeout(0.05)
    room = ctypes.create_string_buffer(1 << 16)
    with pytest.raises(TimeoutError):
        for _ in range(2000):
            k.sendmsg_devmem(near, [(ctypes.addressof(room), len(room))], 0)
    near.setblocking(False)
    with pytest.raises(BlockingIOError):
        for _ in range(2000):
            k.sendmsg_devmem(near, [(ctypes.addressof(room), len(room))], 0)


def test_descriptors_are_closed_once(k):
    sock, netlink = k.socket(), k.netlink("nlctrl")
    for thing in (sock, netlink):
        number = thing.fileno()
        k.close(number)
        assert thing.fileno() == -1 and refusal(os.fstat, number) == errno.EBADF
        thing.close()
    assert refusal(netlink.do, "getfamily", {"family-name": "netdev"}) == errno.EBADF
    fd = k.open_other()
    copy = k.dup(fd)
    k.close(fd)
    k.close(copy)
    assert refusal(k.close, fd) == errno.EBADF


def test_a_memory_file_is_sealed_mapped_and_is_no_dmabuf(k):
    fd = k.memfd_create("here", length="8KiB")
    try:
        first, second = k.mmap(fd), k.mmap(fd)
        first[4096:4100] = np.arange(4)
        assert second[4096:4100].tolist() == [0, 1, 2, 3] and len(first) == k.fstat_size(fd) == k.lseek(fd, 0, 2) == 8192
        k.add_seals(fd, 2)
        assert refusal(k.ftruncate, fd, 4096) == errno.EPERM
        assert refusal(k.dmabuf_sync, fd, dml.SYNC_READ) == errno.ENOTTY
        with k.netlink("netdev") as netdev:
            assert netdev.bindings == []
    finally:
        k.close(fd)


def test_what_this_machine_lacks_is_named(k, tmp_path):
    k.udmabuf_path = str(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="CONFIG_UDMABUF.*modprobe udmabuf"):
        k.udmabuf("1MiB")
    with pytest.raises(OSError, match="dmabuf_fd"):
        k.export(object())
    k.udmabuf_path = "/dev/null"
    assert refusal(k.udmabuf, "1MiB") == errno.ENOTTY and refusal(k.udmabuf_create, None) == errno.EFAULT
    assert refusal(k.udmabuf_create, [(0, 0, 4096), (0, 4096, 4096)]) == errno.ENOTTY
    with pytest.raises(OSError, match="lo") as caught:
        k.ethtool("no such one")
    assert caught.value.errno == errno.ENODEV
    with pytest.raises(dml.NetlinkError, match="has no generic netlink family 'weather'"):
        k.netlink("weather")


@pytest.mark.skipif(not os.path.exists("/dev/udmabuf"), reason="no /dev/udmabuf here")
def test_a_real_udmabuf_is_mapped_synchronised_and_refused_where_linux_refuses(k):
    fd = k.udmabuf("64KiB")
    try:
        octets = k.mmap(fd)
        k.dmabuf_sync(fd, dml.SYNC_RW | dml.SYNC_START)
        octets[:] = 7
        k.dmabuf_sync(fd, dml.SYNC_RW | dml.SYNC_END)
        assert len(octets) == 65536 and refusal(k.dmabuf_sync, fd, 0) == refusal(k.read, fd, 1) == errno.EINVAL
        assert refusal(k.udmabuf, 4097) == errno.EINVAL
    finally:
        k.close(fd)


def test_readiness_is_pythons(k, pair):
    near, far = pair
    with k.selector() as selector:
        selector.register(far, selectors.EVENT_READ)
        assert selector.select(0) == []
        near.send(b"x")
        assert [key.fileobj for key, _ in selector.select(2)] == [far]
    assert k.select([far], [near], [], 2) == ([far], [near], [])


def test_the_socket_table_is_that_of_ss(k, pair):
    pytest.importorskip("pyroute2")
    near, far = pair
    row = next(row for row in k.ss(listening=False) if row.local == near.getsockname())
    assert row.state == "ESTAB" and row.peer == far.getsockname() and row.info["mss"] > 500
    assert any(one.state == "LISTEN" for one in k.ss(listening=True)) and "LISTEN" not in {one.state for one in k.ss(False)}
    assert str(k.ss()).startswith("State")


def test_without_pyroute2_the_extra_is_named(k, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyroute2", None)
    with pytest.raises(ModuleNotFoundError, match=r"devmemlab\[net\]"):
        k.ss()


def test_a_shell_gets_variables_and_descriptors(k):
    fd = k.memfd_create(length=3)
    try:
        k.write(fd, b"abc")
        done = k.sh("cat /proc/self/fd/$FD; echo $WORD >&2; exit 3", FD=fd, WORD="hello")
    finally:
        k.close(fd)
    assert (done.stdout, done.stderr, done.returncode) == ("abc", "hello\n", 3)


def test_what_only_a_lab_shows_is_refused_in_words(k):
    with pytest.raises(AttributeError, match="only a lab host shows it"):
        k.audit()
    with pytest.raises(AttributeError, match="no attribute 'wings'"):
        k.wings
    assert repr(k).startswith("<Kernel ") and k.pid == os.getpid() and k.admin in (True, False)


def test_the_room_is_imported_without_a_kernel_to_compile():
    code = ("import sys, devmemlab; devmemlab.linux.Kernel(); import devmemlab.lab.doctor;"
            "print([name for name in ('numba', 'pyroute2') if name in sys.modules])")
    done = dml.linux.Kernel().sh(f'{__import__("sys").executable} -c "{code}"')
    assert json.loads(done.stdout.replace("'", '"')) == [], done.stderr


@pytest.mark.parametrize("name", ["memfd_create", "add_seals", "open_other", "udmabuf_create", "udmabuf", "export", "dup",
                                  "lseek", "fstat_size", "read", "write", "ftruncate", "mmap", "dmabuf_sync", "close", "ifindex",
                                  "ethtool", "netlink", "socket", "dontneed", "selector", "poll", "select", "event_loop",
                                  "sysctl", "nstat", "ss"])
def test_a_call_takes_what_it_takes_on_a_lab_host(k, name):
    import inspect

    from devmemlab.host.host import Host
    mine, labs = (inspect.signature(getattr(owner, name)).parameters for owner in (type(k), Host))
    assert list(mine) == list(labs)


@pytest.mark.parametrize("ours, labs", [
    ("devmemlab.linux.ethtool:Ethtool", "devmemlab.host.ethtool:Ethtool"),
    ("devmemlab.linux.netlink:NetlinkSocket", "devmemlab.host.netlink:NetlinkSocket")])
def test_a_face_has_every_method_with_the_same_arguments(ours, labs):
    import importlib
    import inspect
    mine, theirs = (getattr(importlib.import_module(path.partition(":")[0]), path.partition(":")[2]) for path in (ours, labs))
    public = {name for name, _ in inspect.getmembers(theirs, inspect.isfunction) if not name.startswith("_")}
    public -= {"explain", "model_device"}
    for name in sorted(public):
        takes, wants = (list(inspect.signature(getattr(owner, name)).parameters) for owner in (mine, theirs))
        assert takes == wants, name
