"""A machine on paper for the doctor: a lab host, with a folder that looks like its /proc, /sys and /dev.

Law.   The doctor is the real one and asks its real questions; only who answers is made up.
Reads. `devmemlab.linux` for the probes; proc(5), sysfs.
Omits. Anything that the doctor does not look at.
"""

import pathlib
import shutil
import tempfile

from devmemlab.host.ports import Manual
from devmemlab.lab.doctor import examine
from devmemlab.lab.lab import Lab

SWITCH = "/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0"
NIC, GPU = f"{SWITCH}/0000:18:00.0/0000:19:00.0", f"{SWITCH}/0000:18:01.0/0000:1a:00.0"
BRIDGE, NETWORK, DISPLAY = "0x060400", "0x020000", "0x030200"
FILES = {
    "/proc/sys/kernel/osrelease": "{release}\n", "/proc/sys/net/core/optmem_max": "131072\n",
    "/proc/self/status": "Name:\tx\nCapEff:\t000001ffffffffff\n", "/proc/self/uid_map": "         0          0 4294967295\n",
    "/proc/self/limits": "Limit  Soft  Hard  Units\nMax locked memory         unlimited            unlimited  bytes\n",
    "/boot/config-{release}": "CONFIG_NET_DEVMEM=y\nCONFIG_PAGE_POOL=y\nCONFIG_DMA_SHARED_BUFFER=y\nCONFIG_UDMABUF=m\n",
    "/sys/module/udmabuf/parameters/size_limit_mb": "64\n", "/usr/sbin/ethtool": "", "/usr/sbin/ip": "",
    "/sys/class/net/lo/ifindex": "1\n", "/sys/class/net/eth1/ifindex": "2\n", "/sys/class/iommu/.keep": "",
}
"""File -> what is in it; ``{release}`` is that of the kernel."""


class PaperMachine:
    """A lab host that the doctor takes for a real machine. A context manager.

    Parameters
    ----------
    kernel : str
        Profile of the host.
    rx_queues, mtu : int
        Of its card.

    Attributes
    ----------
    host : Host
        Configure it with ``host.sh("ethtool ...")``.
    root : pathlib.Path
        Where the doctor looks for /proc, /sys and /dev.
    """

    def __init__(self, kernel="6.18", rx_queues=1, mtu=1500):
        self.lab = Lab()
        self.host = self.lab.host("paper", ip="10.0.0.2", ifname="eth1", rx_queues=rx_queues, mtu=mtu, kernel=kernel,
                                  queues_max=8, rx_ring=64, sockets=4, port=Manual())
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="devmemlab-paper-"))
        release = f"{self.host.profile.release}-paper"
        for name, text in FILES.items():
            self.write(name.format(release=release), text.format(release=release))
        for folder in (SWITCH.rpartition("/")[0], SWITCH, NIC.rpartition("/")[0], GPU.rpartition("/")[0]):
            self._function(folder, BRIDGE, 4096)
        self._function(NIC, NETWORK, 64)
        self._function(GPU, DISPLAY, 64)
        (self.root / "sys/class/net/eth1/device").symlink_to(self.root / NIC.lstrip("/"))

    def _function(self, folder, kind, config_bytes):
        """Make a PCI function, with its link in /sys/bus."""
        for name, text in (("class", kind), ("vendor", "0x14e4"), ("numa_node", "0")):
            self.write(f"{folder}/{name}", text)
        (self.root / folder.lstrip("/") / "config").write_bytes(bytes(config_bytes))
        link = self.root / "sys/bus/pci/devices" / folder.rpartition("/")[2]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.root / folder.lstrip("/"))

    def write(self, name, text=""):
        """Make a file of the machine, for example the one that loading a module makes.

        Parameters
        ----------
        name : str
            From the root on: ``"/dev/udmabuf"``.
        text : str
            What is in it.
        """
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def link_facts(self, ifname):
        """Tell what rtnetlink tells of an interface.

        Parameters
        ----------
        ifname : str
            Its name.

        Returns
        -------
        facts : dict
            As `devmemlab.linux.rtnetlink.link_of` has them.
        """
        device = self.host.device(ifname)
        return {"up": bool(device.running), "mtu": int(device.ctl.mtu), "operstate": "up" if device.running else "down",
                "xdp": None}

    def __getattr__(self, name):
        # What the doctor asks the kernel, it asks the host.
        if name in ("socket", "dontneed", "netlink", "ethtool", "ifindex"):
            return getattr(self.host, name)
        raise AttributeError(name)

    def examine(self):
        """Call the doctor.

        Returns
        -------
        report : devmemlab.lab.doctor_report.Report
            Prints as a table.
        """
        return examine("eth1", self.root, self)

    def close(self):
        """End the host and take the folder away."""
        self.lab.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()
