"""What every mode of ncdevmem begins with: queues, device memory, and a NIC that splits headers.

Law.   Only the Linux face is used, so the same lines run on a lab host and on a real kernel; who calls undoes.
Reads. Spec section 20.1 (queue defaults, buffer); Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c.
Omits. The kernel's tool's provider table for other memories: ``--dmabuf`` above the default is the lab's own memory.
"""

import contextlib
import os

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, error
from devmemlab.mem.region import PAGE_SIZE, DeviceMemory
from devmemlab.mem.udmabuf import F_SEAL_SHRINK

UDMABUF_BYTES = 16000 * PAGE_SIZE
HUGE_BYTES = 2 << 20
MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB = 1, 2, 4


def rx_queues(k, ifindex):
    """Count the RX queues of an interface.

    Parameters
    ----------
    k : Host or Kernel
        The Linux face.
    ifindex : int
        Number of the interface.

    Returns
    -------
    count : int
        RX queues; 0 where it does not tell (on Linux an interface that is down).
    """
    with contextlib.closing(k.netlink("netdev")) as netdev:
        return sum(queue["type"] == "rx" for queue in netdev.dump("queue-get", {"ifindex": ifindex}))


def chosen_queues(wanted, count):
    """Choose the queues to bind, as the kernel's tool does.

    Parameters
    ----------
    wanted : Wanted
        With ``first`` and ``count``, or neither.
    count : int
        RX queues that there are.

    Returns
    -------
    queues : range
        The upper half for the self-test, the last one otherwise.

    Raises
    ------
    OSError
        EINVAL: one queue is not enough for the self-test.
    """
    if wanted.first is not None:
        return range(wanted.first, wanted.first + wanted.count)
    if wanted.mode != "self-test":
        return range(count - 1, count)
    if count < 2:
        raise error(EINVAL, f"{wanted.ifname} has {count} RX queue{'s' * (count != 1)}; the self-test wants 2 at least: "
                            f"ethtool -L {wanted.ifname} combined 2")
    return range(count // 2, count // 2 + count // 2)


def make_memory(k, wanted, undo):
    """Make the dmabuf that is bound.

    Parameters
    ----------
    k : Host or Kernel
        The Linux face.
    wanted : Wanted
        With ``dmabuf`` and ``page_size``.
    undo : contextlib.ExitStack
        Gets what takes it away again.

    Returns
    -------
    fd : int
        Of the dmabuf: a udmabuf; of huge pages with ``-b``; the lab's own memory where that cannot be.
    """
    large = (wanted.page_size or PAGE_SIZE) > PAGE_SIZE
    size = wanted.dmabuf
    if large:
        step = max(HUGE_BYTES, wanted.page_size)
        size = (size + step - 1) // step * step
    if size <= UDMABUF_BYTES and not large:
        fd = k.udmabuf(size)
    else:
        device = undo.enter_context(contextlib.closing(DeviceMemory(size)))
        try:
            fd = k.export(device)
        except OSError as refusal:
            if refusal.errno != EOPNOTSUPP:
                raise
            fd = _of_memfd(k, size, MFD_HUGETLB if large else 0)
    undo.callback(k.close, fd)
    return fd


def _of_memfd(k, size, flags):
    """A udmabuf of any size, of huge pages perhaps."""
    memfd = k.memfd_create("ncdevmem", flags=MFD_CLOEXEC | MFD_ALLOW_SEALING | flags, length=size)
    try:
        k.add_seals(memfd, F_SEAL_SHRINK)
        return k.udmabuf_create([(memfd, 0, size)])
    finally:
        os.close(memfd)


def split_headers(nic, undo):
    """Switch header split on, and remember how it was.

    Parameters
    ----------
    nic : Ethtool
        Of the interface.
    undo : contextlib.ExitStack
        Gets what switches it back: first to unknown, then to the old value if that is not the same.

    Returns
    -------
    old : dict
        Rings as they were.
    """
    old = nic.get_rings()
    undo.callback(restore_rings, nic, old)
    # Only a device that has a threshold is asked for one.
    nic.set_rings(tcp_data_split="on", **({"hds_thresh": 0} if old.get("hds_thresh") is not None else {}))
    return old


def restore_rings(nic, old):
    """Put the split settings back.

    Parameters
    ----------
    nic : Ethtool
        Of the interface.
    old : dict
        From ``get_rings``.
    """
    thresh = {"hds_thresh": old["hds_thresh"]} if old.get("hds_thresh") is not None else {}
    with contextlib.suppress(OSError):
        nic.set_rings(tcp_data_split="auto", **thresh)
    if nic.get_rings().get("tcp_data_split") != old.get("tcp_data_split"):
        nic.set_rings(tcp_data_split=old["tcp_data_split"], **thresh)


def bind_request(ifindex, fd, queues, page_size=None):
    """Spell a bind-rx.

    Parameters
    ----------
    ifindex, fd : int
        Interface and dmabuf.
    queues : iterable of int
        RX queues.
    page_size : int, optional
        rx-page-size, left out for the machine's own.

    Returns
    -------
    attrs : dict
        For ``bind_rx``.
    """
    more = {"rx-page-size": page_size} if page_size else {}
    return {"ifindex": ifindex, "fd": fd, "queues": [{"type": "rx", "id": queue} for queue in queues], **more}
