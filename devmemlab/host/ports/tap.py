"""A live wire: a TAP device, at whose other end sits a real Linux kernel.

Law.   A read never waits; a burst is one crossing into a kernel; a frame's time is the time of the poll that found it.
Reads. Linux drivers/net/tun.c; Documentation/networking/tuntap.rst.
Omits. IFF_VNET_HDR (frames with partial checksums and segments beyond the MTU), several queues.

Without ``TUNSETOFFLOAD`` the kernel cuts segments to the MTU and sums them before a frame gets here, and between it and
us there is only memory. So the port vouches for the checksums of what it read (CSUM_VERIFIED), as a NIC with
checksum offload would; ``csum=CSUM_UNKNOWN`` makes the NIC of the lab verify them instead.
"""

import os
import socket
import sys
import weakref

import numpy as np

from devmemlab.base.errno import EAGAIN, EBUSY, EINVAL, ENODEV, ENOENT, EPERM, error
from devmemlab.base.kernel import kernel
from devmemlab.base.table import table
from devmemlab.host.ports.base import Port, monotonic_ns
from devmemlab.host.ports.syscalls import read_octets, write_octets
from devmemlab.wire.rows import CSUM_VERIFIED, FRAME, Burst

FRAME_LIMIT_BYTES = 65536 + 18
LINE_BYTES = 64


@kernel
def tap_read(fd, octets, frame, now_ns, csum):
    """Read frames until there are none, or no room.

    Parameters
    ----------
    fd : int64
        Non-blocking TAP descriptor.
    octets : uint8[n]
        Arena, written from 0; each frame starts on a cache line.
    frame : FRAME[count]
        Rows are filled from the first on.
    now_ns : int64
        Time of this poll.
    csum : int64
        See `FRAME`.

    Returns
    -------
    count : int64
        Frames read; -errno when not even one could be, ``-EAGAIN`` meaning that none was there.
    """
    count = np.int64(0)
    at = np.int64(0)
    while count < len(frame) and at + FRAME_LIMIT_BYTES <= len(octets):
        got = read_octets(fd, octets, at, FRAME_LIMIT_BYTES)
        if got < 0:
            return count if count else got
        row = frame[count]
        row.at_ns = now_ns
        row.offset = at
        row.length = got
        row.csum = csum
        row.wire_length = got
        count += 1
        at += (got + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES
    return count


@kernel
def tap_write(fd, octets, frame):
    """Write frames.

    Parameters
    ----------
    fd : int64
        Non-blocking TAP descriptor.
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Their rows.

    Returns
    -------
    sent, err : int64
        Frames taken by the kernel, and the last -errno among those that were not (0: all were taken).
    """
    sent = np.int64(0)
    err = np.int64(0)
    for k in range(len(frame)):
        done = write_octets(fd, octets, frame[k].offset, frame[k].length)
        if done < 0:
            err = done
        else:
            sent += 1
    return sent, err


def _attach(name):
    """Take hold of a TAP device that is already there.

    Parameters
    ----------
    name : str
        Interface.

    Returns
    -------
    fd : int
        Non-blocking.

    Raises
    ------
    OSError
        It is not there, not ours, not a TAP or in use; the text says what to do.
    """
    from devmemlab.host.ports import links

    make = f"sudo ip tuntap add dev {name} mode tap user $USER && sudo ip link set {name} up"
    if not 0 < len(os.fsencode(name)) < links.IFNAMSIZ:
        raise error(EINVAL, f"{name!r} is no interface name: it must have 1 to 15 octets")
    try:
        socket.if_nametoindex(name)
    except OSError:
        raise error(ENODEV, f"there is no interface {name!r}; make it with: {make}") from None
    try:
        return links.open_tap(name)
    except FileNotFoundError:
        raise error(ENOENT, "this kernel has no /dev/net/tun: sudo modprobe tun "
                            "(in a container: --device /dev/net/tun)") from None
    except PermissionError:
        raise error(EPERM, f"TAP device {name!r} does not belong to you; make it yours: "
                           f"sudo ip tuntap del dev {name} mode tap && {make}") from None
    except OSError as problem:
        if problem.errno == EBUSY:
            raise error(EBUSY, f"TAP device {name!r} is in use by another program; end that, or make another: {make}") from None
        if problem.errno == EINVAL:
            raise error(EINVAL, f"{name!r} is not a TAP device of one queue; make one under another name: {make}") from None
        raise


class Tap(Port):
    """A port on a TAP device.

    Parameters
    ----------
    name : str
        Interface. It must be there already, made by ``ip tuntap add``; `devmemlab.host.ports.netns.Namespace.tap`
        makes one in a private namespace instead, and is what to use unless there is a reason.
    fd : int, optional
        An open TAP descriptor (IFF_TAP, IFF_NO_PI, non-blocking); it is closed with the port.
    max_frames : int
        Most frames of one burst.
    csum : int
        CSUM_VERIFIED: the port vouches for checksums. CSUM_UNKNOWN: the NIC verifies them.

    Attributes
    ----------
    name : str
        Interface.
    received, sent, refused : int
        Frames read, frames that the kernel took, frames that it did not.
    """

    live = True

    def __init__(self, name, *, fd=None, max_frames=256, csum=CSUM_VERIFIED):
        if sys.platform != "linux":
            raise NotImplementedError("TAP devices need Linux; replaying a capture works everywhere")
        self._fd = _attach(name) if fd is None else fd
        self._finish = weakref.finalize(self, os.close, self._fd)
        self.name = name
        self.received = self.sent = self.refused = 0
        self._csum = csum
        self._frame = table(FRAME, max_frames)
        self._octets = np.empty(max_frames * 9216 + FRAME_LIMIT_BYTES, np.uint8)

    def recv(self, now_ns=None):
        """Read what has arrived; see `Port.recv`.

        Parameters
        ----------
        now_ns : int, optional
            Present time, ns: every frame of the burst gets it. None: the monotonic clock's.

        Returns
        -------
        burst : Burst or None
            Valid until the next call.

        Raises
        ------
        OSError
            The device is gone.
        """
        count = tap_read(self._open_fd(), self._octets, self._frame, monotonic_ns() if now_ns is None else now_ns, self._csum)
        if count < 0:
            if count == -EAGAIN:
                return None
            raise error(count, f"reading TAP device {self.name!r}; is it still there? (ip link show {self.name})")
        self.received += int(count)
        return Burst(self._octets, self._frame[:count])

    def send(self, now_ns, burst):
        """Write frames; see `Port.send`. Frames that the kernel has no room for are lost, as on a wire.

        Parameters
        ----------
        now_ns : int
            Present time, ns; not used, a live wire has its own.
        burst : Burst
            Frames.

        Raises
        ------
        OSError
            The device is down or gone.
        """
        sent, err = tap_write(self._open_fd(), burst.octets, burst.frame)
        self.sent += int(sent)
        self.refused += len(burst.frame) - int(sent)
        if err not in (0, -EAGAIN, -EINVAL):
            raise error(err, f"writing TAP device {self.name!r}; is it up? (ip link set {self.name} up)")

    def _open_fd(self):
        """Insist on an open port.

        Returns
        -------
        fd : int
            Descriptor.
        """
        if not self._finish.alive:
            raise ValueError(f"TAP port {self.name!r} is closed")
        return self._fd

    def fileno(self):
        """Give poll something to wait for; see `Port.fileno`.

        Returns
        -------
        fd : int
            TAP descriptor.
        """
        return self._open_fd()

    def close(self):
        """Let go of the device; one that the lab made disappears."""
        self._finish()

    def __repr__(self):
        return f"Tap({self.name!r}, received={self.received}, sent={self.sent})"
