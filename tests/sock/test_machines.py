"""Option numbers by machine: translated on the way into a kernel, and back."""

import socket

import pytest

from devmemlab.sock import uapi
from devmemlab.sock.machines import GENERIC, MACHINES, numbers_of, to_generic, to_native

pytestmark = pytest.mark.once


def test_the_generic_numbers_are_the_labs():
    assert GENERIC == (uapi.SOL_SOCKET, uapi.SO_ZEROCOPY, uapi.SO_DEVMEM_LINEAR, uapi.SO_DEVMEM_DMABUF, uapi.SO_DEVMEM_DONTNEED)


@pytest.mark.parametrize("machine, level, options", [
    ("x86_64", 1, (60, 78, 79, 80)), ("aarch64", 1, (60, 78, 79, 80)), ("alpha", 0xFFFF, (60, 78, 79, 80)),
    ("mips64", 0xFFFF, (60, 78, 79, 80)), ("parisc64", 0xFFFF, (0x4035, 0x404E, 0x404F, 0x4050)),
    ("sparc64", 0xFFFF, (0x3E, 0x57, 0x58, 0x59))])
def test_every_machine_has_its_numbers_and_the_way_back(machine, level, options):
    numbers = numbers_of(machine)
    native = [to_native(1, option, numbers) for option in (60, 78, 79, 80)]
    assert native == [(level, option) for option in options]
    assert [to_generic(*pair, numbers) for pair in native] == [(1, 60), (1, 78), (1, 79), (1, 80)]


def test_other_levels_and_options_are_left_alone():
    sparc = MACHINES["sparc"]
    assert to_native(6, 78, sparc) == to_generic(6, 78, sparc) == (6, 78)
    assert to_native(1, 7, sparc) == (0xFFFF, 7)


def test_the_running_machine_agrees_with_python():
    assert numbers_of().sol_socket == socket.SOL_SOCKET
