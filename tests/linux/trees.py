"""Small machines for the probes: folders that look like /proc, /sys and /dev, and a kernel that answers from a table."""

import contextlib
import gzip

from devmemlab.base.errno import EBADF, EOPNOTSUPP
from devmemlab.host.genl.asking import NetlinkError
from devmemlab.host.genl.extack import Extack

PLAIN = {
    "/proc/sys/kernel/osrelease": "6.18.3-cloud\n", "/proc/sys/net/core/optmem_max": "131072\n",
    "/proc/self/status": "Name:\tx\nCapEff:\t000001ffffffffff\n", "/proc/self/uid_map": "         0          0 4294967295\n",
    "/proc/self/limits": "Limit  Soft  Hard  Units\nMax locked memory         unlimited            unlimited  bytes\n",
    "/boot/config-6.18.3-cloud": "CONFIG_NET_DEVMEM=y\nCONFIG_PAGE_POOL=y\nCONFIG_DMA_SHARED_BUFFER=y\nCONFIG_UDMABUF=m\n",
    "/dev/udmabuf": "", "/sys/module/udmabuf/parameters/size_limit_mb": "64\n", "/usr/sbin/ethtool": "", "/usr/sbin/ip": "",
    "/sys/class/net/lo/ifindex": "1\n", "/sys/class/net/eth1/ifindex": "2\n", "/sys/class/iommu/.keep": None,
}
"""File -> what is in it; None makes its folder only."""
SWITCH = "/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0"
NIC, GPU, OTHER = f"{SWITCH}/0000:18:00.0/0000:19:00.0", f"{SWITCH}/0000:18:01.0/0000:1a:00.0", (
    "/sys/devices/pci0000:97/0000:97:01.0/0000:98:00.0")


def write(root, files):
    """Write files below a root; None takes one away."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        if text is None:
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        octets = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(octets) if name.endswith(".gz") else octets)
    return root


def pci(root, folder, kind="0x020000", vendor="0x14e4", node="0", config=bytes(64)):
    """Make a PCI function, with its link in /sys/bus."""
    write(root, {f"{folder}/{name}": text for name, text in (
        ("class", kind), ("vendor", vendor), ("numa_node", node), ("config", config))})
    link = root / "sys/bus/pci/devices" / folder.rpartition("/")[2]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(root / folder.lstrip("/"))


def machine(root):
    """A machine where nothing is missing: a NIC and a GPU below one switch, another GPU far away."""
    write(root, PLAIN)
    for bridge in (SWITCH.rpartition("/")[0], SWITCH, NIC.rpartition("/")[0], GPU.rpartition("/")[0]):
        pci(root, bridge, "0x060400", config=bytes(4096))
    pci(root, NIC)
    pci(root, GPU, "0x030200", "0x10de")
    pci(root, OTHER, "0x120000", "0x1002", "1")
    (root / "sys/class/net/eth1/device").symlink_to(root / NIC.lstrip("/"))
    return root


class Nic:
    """The ethtool face of an interface that is ready."""

    def __init__(self, name):
        self.name, self.refuse = name, {}
        self.rings = {"tcp_data_split": "on", "hds_thresh": 0}
        self.channels = {"rx": 0, "tx": 0, "combined": 8, "rx_max": 0, "tx_max": 0, "combined_max": 16}
        self.features, self.fixed, self.table, self.driver = {"ntuple-filters": True}, [], [0, 1, 2, 3] * 32, "bnxt_en"

    def __getattr__(self, name):
        answers = {"get_rings": "rings", "get_channels": "channels", "get_features": "features", "fixed_features": "fixed",
                   "get_rxfh_indir": "table"}
        if name not in answers and name != "get_driver":
            raise AttributeError(name)

        def call():
            if name in self.refuse:
                raise self.refuse[name]
            return {"driver": self.driver} if name == "get_driver" else getattr(self, answers[name])
        return call


class Kernel:
    """A kernel that is ready; `answers` and `nic` are changed by tests."""

    def __init__(self):
        self.nic, self.link = Nic("eth1"), {"up": True, "mtu": 9000, "operstate": "up", "xdp": None}
        self.answers = {"dontneed": 0, "commands": (1, 5, 10, 13, 15), "bind_rx": EBADF, "bind_tx": EBADF, "queues": []}
        self.said = {}

    @contextlib.contextmanager
    def socket(self):
        yield "a socket"

    def dontneed(self, sock, tokens):
        if isinstance(self.answers["dontneed"], OSError):
            raise self.answers["dontneed"]
        return self.answers["dontneed"]

    def ifindex(self, name):
        if name not in ("lo", "eth1"):
            raise OSError(19, "No such device")
        return {"lo": 1, "eth1": 2}[name]

    def ethtool(self, name):
        return self.nic

    @contextlib.contextmanager
    def netlink(self, family):
        yield self

    def getfamily(self):
        if isinstance(self.answers["commands"], OSError):
            raise self.answers["commands"]
        return {"ops": {i: {"id": number} for i, number in enumerate(self.answers["commands"])}}

    def dump(self, command, attrs):
        return self.answers["queues"]

    def bind_rx(self, attrs):
        assert attrs["fd"] == 0xFFFFFFFF
        raise NetlinkError(self.answers["bind_rx"], Extack(msg=self.said.get("bind_rx")))

    def bind_tx(self, attrs):
        assert attrs["fd"] == 0xFFFFFFFF
        raise NetlinkError(self.answers["bind_tx"], Extack(msg=self.said.get("bind_tx")))


def unsupported():
    return OSError(EOPNOTSUPP, "Operation not supported")
