"""System calls by file descriptor: memfds, dmabufs, and setsockopt with lengths and pointers of its own."""

import pytest

from devmemlab.base.errno import EBADF, EBADFD, EFAULT, EINVAL, ENOPROTOOPT, ENOTSOCK, EPERM
from devmemlab.host.sockopt import option_value, setsockopt_fd
from devmemlab.lab.lab import Lab
from devmemlab.mem.udmabuf import F_SEAL_SHRINK
from devmemlab.sock.uapi import SO_DEVMEM_DONTNEED, SO_RCVBUF, SOL_SOCKET

pytestmark = pytest.mark.once
ONE = bytes(4) + b"\1\0\0\0"


@pytest.fixture
def host():
    with Lab() as lab:
        yield lab.host("h", ip="10.0.0.2", rx_ring=16, sockets=16)


def refused(number, call, *args):
    with pytest.raises(OSError) as caught:
        call(*args)
    assert caught.value.errno == number, caught.value


def test_a_sealed_memfd_becomes_a_dmabuf_and_is_read_through_its_mapping(host):
    memfd = host.memfd_create("m", length=8192)
    host.add_seals(memfd, F_SEAL_SHRINK)
    fd = host.udmabuf_create([(memfd, 0, 8192)])
    host.close(memfd)
    assert (host.lseek(fd, 0, 2), host.lseek(fd, 0, 0), host.fstat_size(fd)) == (8192, 0, 8192)
    host.mmap(fd)[:4] = b"abcd"[0]
    assert bytes(host.mmap(fd)[:4]) == b"aaaa"
    for call, args in ((host.read, (1,)), (host.write, (b"x",)), (host.ftruncate, (1,)), (host.lseek, (1, 0)),
                       (host.lseek, (0, 1))):
        refused(EINVAL, call, fd, *args)


def test_what_is_no_memfd_makes_no_dmabuf(host):
    other = host.open_other("/dev/null")
    refused(EBADFD, host.udmabuf_create, [(other, 0, 4096)])
    refused(EBADFD, host.udmabuf_create, [(999, 0, 4096)])
    refused(EFAULT, host.udmabuf_create, None)
    refused(EINVAL, host.add_seals, other, F_SEAL_SHRINK)
    refused(EPERM, host.add_seals, host.memfd_create("m", 0, 4096), F_SEAL_SHRINK)
    refused(EINVAL, host.read, other, 1)
    host.close(other)
    refused(EBADF, host.close, other)


def test_a_dmabuf_lives_as_long_as_any_of_its_numbers(host):
    fd = host.udmabuf("64KiB")
    twin = host.dup(fd)
    row = host.dmabuf_of(fd)
    host.close(fd)
    assert twin != fd and host.fstat_size(twin) == 65536
    host.close(twin)
    assert host.mem.dmabufs.buf[row].refs == 0


@pytest.mark.parametrize("value, optlen, wanted", [
    (1, None, (b"\1\0\0\0", 4)), (-1, None, (b"\xff" * 4, 4)), (1 << 31, None, (b"\0\0\0\x80", 4)), (b"abc", None, (b"abc", 3)),
    (None, 8, (None, 8)), (b"", -1, (b"", -1)), (b"", 1 << 31, (b"", -(1 << 31))), (bytearray(2), 9, (b"\0\0", 9))])
def test_an_option_value_as_the_kernel_gets_it(value, optlen, wanted):
    assert option_value(value, optlen) == wanted


def test_the_order_of_checks_of_an_option(host):
    """Real kernels: length below 0 or 4 EINVAL, then EFAULT whatever the length, then the option itself."""
    with host.socket() as sock:
        fd = sock.fileno()
        for level, option, value, optlen, number in (
                (SOL_SOCKET, 80, ONE, -1, EINVAL), (SOL_SOCKET, 80, None, 3, EINVAL), (SOL_SOCKET, 80, None, 7, EFAULT),
                (SOL_SOCKET, 80, None, 1032, EFAULT), (SOL_SOCKET, 80, ONE, 7, EINVAL), (SOL_SOCKET, 80, ONE, 16, EFAULT),
                (SOL_SOCKET, 80, ONE, 0x7FFFFFFF, EINVAL), (SOL_SOCKET, 79, ONE, None, ENOPROTOOPT),
                (6, 80, ONE, None, ENOPROTOOPT), (SOL_SOCKET, SO_RCVBUF, b"ab", None, EINVAL)):
            refused(number, setsockopt_fd, host, fd, level, option, value, optlen)
        assert setsockopt_fd(host, fd, SOL_SOCKET, SO_DEVMEM_DONTNEED, ONE) == 0
        assert setsockopt_fd(host, fd, SOL_SOCKET, SO_RCVBUF, (5000).to_bytes(4, "little")) is None
        assert sock.getsockopt(SOL_SOCKET, SO_RCVBUF) == 10000
    refused(EBADF, setsockopt_fd, host, fd, SOL_SOCKET, 80, ONE)
    refused(EBADF, sock.setsockopt, SOL_SOCKET, 80, ONE)


def test_options_of_what_is_no_tcp_socket(host):
    refused(ENOTSOCK, setsockopt_fd, host, host.open_other("eventfd"), SOL_SOCKET, 80, ONE)
    with host.netlink() as sock:
        refused(EBADF, setsockopt_fd, host, sock.fileno(), SOL_SOCKET, 80, ONE)
        refused(EFAULT, setsockopt_fd, host, sock.fileno(), SOL_SOCKET, 80, None, 8)
        refused(EINVAL, setsockopt_fd, host, sock.fileno(), SOL_SOCKET, 80, b"")
        refused(ENOPROTOOPT, setsockopt_fd, host, sock.fileno(), SOL_SOCKET, 79, ONE)
