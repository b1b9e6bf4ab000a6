"""What a real kernel's refusal means, and what would provide the missing piece.

Law.   The errno and the kernel's sentence stay as they came; this only adds which option, release, driver or right is wanted.
Reads. spec sections 3.3, 9.3, 9.4, 10.1, 17.3, 21; drivers with queue management up to release 7.3.
Omits. Guesses where a refusal has several causes that cannot be told apart: all of them are named.
"""

from devmemlab.base.errno import (
    EBADF,
    EBUSY,
    EEXIST,
    EINVAL,
    ENODEV,
    ENOENT,
    EOPNOTSUPP,
    EPERM,
)

DRIVERS = {
    "bnxt_en": "Broadcom NetXtreme-E (BCM575xx and later), with tcp-data-split since 6.14",
    "gve": "Google gVNIC, DQO queue format",
    "mlx5_core": "NVIDIA ConnectX-7 and later, since 6.16",
    "fbnic": "Meta fbnic, since 6.18",
}
"""Drivers with queue management and unreadable page_pools in kernels up to 7.3 -> which cards and since when."""

ABLE = f"a driver with queue management ({', '.join(DRIVERS)})"
UDMABUF = ("/dev/udmabuf is not there: it needs a kernel with CONFIG_UDMABUF (sudo modprobe udmabuf), and in a container "
           "--device /dev/udmabuf; a driver's own dmabufs do as well")

NETDEV = {
    ("bind-rx", EPERM): "bind-rx needs CAP_NET_ADMIN in the first user namespace: run as root, outside a rootless container",
    ("bind-rx", EOPNOTSUPP): f"device memory needs CONFIG_NET_DEVMEM (kernel 6.12), {ABLE}, and a device that does DMA itself",
    ("bind-rx", ENODEV): "no interface with that number in this network namespace",
    ("bind-rx", EBADF): "fd is not open, or (6.12) this device has no queue management",
    ("bind-rx", EEXIST): "the queue is bound already, or an XDP program is attached: ip link set IFNAME xdp off",
    ("bind-rx", EBUSY): "an AF_XDP socket uses the queue",
    ("bind-rx", EINVAL): "a queue out of range, an fd that is no dmabuf, or header split that is not on with hds-thresh 0: "
                         "ethtool -G IFNAME tcp-data-split on hds-thresh 0",
    ("bind-tx", EOPNOTSUPP): "sending from device memory needs kernel 6.16 and a driver with netmem TX",
    ("bind-tx", ENODEV): "no interface with that number in this network namespace",
    ("bind-tx", EBADF): "fd is not open",
    ("queue-create", EOPNOTSUPP): "queue-create needs a kernel after 6.18 and a virtual device that leases queues (netkit)",
    ("page-pool-stats-get", EOPNOTSUPP): "page_pool statistics need CONFIG_PAGE_POOL_STATS",
    ("queue-get", ENOENT): "the interface is down: ip link set IFNAME up",
    ("napi-set", EPERM): "napi-set needs CAP_NET_ADMIN",
}
"""(command of the family netdev, errno) -> what it means."""

ETHTOOL = {
    EPERM: "changing an interface needs CAP_NET_ADMIN in its network namespace",
    EOPNOTSUPP: "the driver of this interface, or this kernel, has no such setting",
    ENODEV: "no such interface in this network namespace",
}
"""Errno of the family ethtool -> what it means."""


def netdev_advice(command, number, extack):
    """Explain a refusal of the family netdev.

    Parameters
    ----------
    command : str
        By its YAML name.
    number : int
        Errno.
    extack : Extack
        The kernel's own words.

    Returns
    -------
    advice : str
        Empty when the kernel's words are enough.
    """
    if extack.miss_type is not None:
        return f"attribute {extack.miss_type} is missing"
    if extack.msg and number == EINVAL:
        return ""
    return NETDEV.get((command, number), "")


def ethtool_advice(command, number, extack):
    """Explain a refusal of the family ethtool.

    Parameters
    ----------
    command : str
        By its YAML name.
    number : int
        Errno.
    extack : Extack
        The kernel's own words.

    Returns
    -------
    advice : str
        Empty when the kernel's words are enough.
    """
    if extack.msg and number != EPERM:
        return ""
    if command == "rings-set" and number == EOPNOTSUPP:
        return "tcp-data-split needs a driver that can split headers, hds-thresh also kernel 6.14"
    return ETHTOOL.get(number, "")
