"""A live wire: a TAP device, at whose other end sits a real Linux kernel.

Law.   A read never waits; a burst is one crossing into a kernel; a frame's time is the time of the poll that found it.
Reads. Linux drivers/net/tun.c; Documentation/networking/tuntap.rst.
Omits. Several queues; with offload what `devmemlab.host.ports.vnet` omits.

Without offload the kernel cuts segments to the MTU and sums them before a frame gets here, and between it and
us there is only memory. So the port vouches for the checksums of what it read (CSUM_VERIFIED), as a NIC with
checksum offload would; ``csum=CSUM_UNKNOWN`` makes the NIC of the lab verify them instead.

With ``offload=True`` (IFF_VNET_HDR, TUNSETOFFLOAD) the kernel hands over segments of up to 64 KiB that it has neither cut nor
summed, and the port cuts them to ``gso_size``: the NIC of the lab sees the same frames as without. Their sums stay partial, as
those of a virtual NIC do (CSUM_PARTIAL); with ``csum=CSUM_UNKNOWN`` they are completed, which costs a look at every octet.
"""

import os
import socket
import sys
import weakref

from devmemlab.base.errno import EAGAIN, EBUSY, EINVAL, ENODEV, ENOENT, EPERM, error
from devmemlab.base.table import as_dict, first_rows, word
from devmemlab.host.ports.base import Port, monotonic_ns
from devmemlab.host.ports.tap_io import FRAME_LIMIT_BYTES, make_tap_tables, tap_read, tap_recv, tap_send, tap_write
from devmemlab.wire.rows import CSUM_VERIFIED, Burst

__all__ = ["FRAME_LIMIT_BYTES", "Tap", "tap_read", "tap_write"]


def _attach(name, offload):
    """Take hold of a TAP device that is already there.

    Parameters
    ----------
    name : str
        Interface.
    offload : bool
        See `Tap`.

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
        return links.open_tap(name, offload)
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
    offload : bool
        Take super-frames and cut them here. A descriptor that is given must have been opened for it
        (`devmemlab.host.ports.links.open_tap`); the device's own offloads decide whether any come.

    Attributes
    ----------
    name : str
        Interface.
    received, sent, refused : int
        Frames of the wire that came, frames that the kernel took, frames that it did not.
    wire_tables : Sealed
        `devmemlab.host.ports.tap_io.TapTables`, for kernels that read and write themselves.
    """

    live = True

    def __init__(self, name, *, fd=None, max_frames=256, csum=CSUM_VERIFIED, offload=False):
        if sys.platform != "linux":
            raise NotImplementedError("TAP devices need Linux; replaying a capture works everywhere")
        if max_frames < 1:
            raise ValueError(f"max_frames {max_frames}: a burst needs room for a frame, give 1 or more")
        self._fd = _attach(name, offload) if fd is None else fd
        self._finish = weakref.finalize(self, os.close, self._fd)
        self.name = name
        self.wire_tables = make_tap_tables(self._fd, max_frames, csum, offload)
        self._octets, self._frame = self.wire_tables.octets, self.wire_tables.frame
        self._counts = [word(self.wire_tables.ctl, what) for what in ("received", "sent", "refused")]

    @property
    def received(self):
        """int: frames of the wire that came."""
        return int(self._counts[0][0])

    @property
    def sent(self):
        """int: frames that the kernel took."""
        return int(self._counts[1][0])

    @property
    def refused(self):
        """int: frames that the kernel did not take."""
        return int(self._counts[2][0])

    @property
    def offload_counts(self):
        """dict: what came as super-frames, see `devmemlab.host.ports.vnet.VNET`."""
        return as_dict(self.wire_tables.vnet[0])

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
        self._open_fd()
        count = tap_recv(self.wire_tables, monotonic_ns() if now_ns is None else now_ns)
        if count < 0:
            if count == -EAGAIN:
                return None
            self.failed_to_read(count)
        return Burst(self._octets, first_rows(self._frame, count))

    def failed_to_read(self, err):
        """Say what a read that failed means.

        Parameters
        ----------
        err : int
            -errno.

        Raises
        ------
        OSError
            Always.
        """
        raise error(err, f"reading TAP device {self.name!r}; is it still there? (ip link show {self.name})")

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
        self._open_fd()
        self.note_sending(tap_send(self.wire_tables, burst.octets, burst.frame))

    def note_sending(self, err):
        """Pass over frames that there was no room for; complain about anything worse.

        Parameters
        ----------
        err : int
            Of `devmemlab.host.ports.tap_io.tap_send`.

        Raises
        ------
        OSError
            The device is down or gone.
        """
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
