"""Option numbers by machine: where a real kernel's socket.h is not the generic one.

Law.   The lab speaks the generic numbers everywhere; only a call into a real kernel is translated, and its answer back.
Reads. Linux arch/{alpha,mips,parisc,sparc}/include/uapi/asm/socket.h; spec sections 2 and 25.2.
Omits. Options that no program for device memory needs; MSG_* and errno of other machines.

parisc had 78, 79 and 80 until 2025: a kernel of then with a program of today answers ENOPROTOOPT.
"""

import platform
from typing import NamedTuple


class OptionNumbers(NamedTuple):
    """What a machine calls the options of device memory.

    sol_socket : int
        Level of the options of every socket.
    zerocopy : int
        SO_ZEROCOPY.
    linear, dmabuf, dontneed : int
        SO_DEVMEM_LINEAR, SO_DEVMEM_DMABUF (SCM_* are the same numbers), SO_DEVMEM_DONTNEED.
    """

    sol_socket: int = 1
    zerocopy: int = 60
    linear: int = 78
    dmabuf: int = 79
    dontneed: int = 80


GENERIC = OptionNumbers()
MACHINES = {
    "alpha": OptionNumbers(sol_socket=0xFFFF),
    "mips": OptionNumbers(sol_socket=0xFFFF),
    "parisc": OptionNumbers(0xFFFF, 0x4035, 0x404E, 0x404F, 0x4050),
    "sparc": OptionNumbers(0xFFFF, 0x003E, 0x0057, 0x0058, 0x0059),
}
"""Beginning of what uname calls the machine -> its numbers; every other machine has `GENERIC`."""


def numbers_of(machine=None):
    """Find the numbers of a machine.

    Parameters
    ----------
    machine : str, optional
        As uname -m calls it (``"mips64"``, ``"sparc64"``); the running one when left out.

    Returns
    -------
    numbers : OptionNumbers
        Of its socket.h.
    """
    name = platform.machine() if machine is None else machine
    return next((numbers for start, numbers in MACHINES.items() if name.startswith(start)), GENERIC)


def to_native(level, option, numbers):
    """Translate an option from the generic numbers.

    Parameters
    ----------
    level, option : int
        As the lab has them.
    numbers : OptionNumbers
        Of the running machine.

    Returns
    -------
    level, option : int
        As its kernel has them; what is not known here is left alone.
    """
    if numbers == GENERIC or level != GENERIC.sol_socket:
        return level, option
    return numbers.sol_socket, dict(zip(GENERIC[1:], numbers[1:])).get(option, option)


def to_generic(level, option, numbers):
    """Translate an option, or the type of a control message, into the generic numbers.

    Parameters
    ----------
    level, option : int
        As the kernel of the machine has them.
    numbers : OptionNumbers
        Of that machine.

    Returns
    -------
    level, option : int
        As the lab has them; what is not known here is left alone.
    """
    if numbers == GENERIC or level != numbers.sol_socket:
        return level, option
    return GENERIC.sol_socket, dict(zip(numbers[1:], GENERIC[1:])).get(option, option)
