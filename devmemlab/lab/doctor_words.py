"""What the doctor says: for every question its title, why it matters, and the command that fixes it.

Law.   A fix is a command that can be typed, or says in one sentence why there is none.
Reads. spec sections 3.3, 9, 10, 11; Linux Documentation/networking/devmem.rst.
Omits. What a vendor's firmware must be set to.
"""

from typing import NamedTuple

STOPS, HELPS, TELLS = "stops", "helps", "tells"
"""How much a missing piece matters: no devmem TCP without it; slower or poorer without it; only worth knowing."""
UNABLE = "no command helps: it takes another NIC, or a newer driver for this one"


class Word(NamedTuple):
    """What is said about one question.

    title : str
        In a few words.
    weight : str
        STOPS, HELPS or TELLS.
    why : str
        Why it matters.
    fix : str
        What to do; ``{ifname}`` is the interface.
    """

    title: str
    weight: str
    why: str
    fix: str


WORDS = {
    "system": Word("Linux", STOPS, "devmem TCP is a part of Linux",
                   "run this on a Linux machine; the lab itself works everywhere"),
    "release": Word("kernel release", STOPS, "receiving came with 6.12, sending with 6.16", "install a kernel of 6.12 or later"),
    "config": Word("kernel options", STOPS, "bind-rx is an empty shell without CONFIG_NET_DEVMEM",
                   "use a distribution's kernel that has it (Debian 13 does), or build with CONFIG_NET_DEVMEM=y"),
    "option": Word("SO_DEVMEM_DONTNEED", STOPS, "without it no buffer ever comes back", "install a kernel of 6.12 or later"),
    "family": Word("netlink family netdev", STOPS, "bind-rx is how a queue gets device memory",
                   "install a kernel of 6.12 or later"),
    "rights": Word("rights", STOPS, "bind-rx wants CAP_NET_ADMIN in the machine's own user namespace",
                   "sudo devmemlab doctor; in a container: --cap-add NET_ADMIN --network host, without a user namespace"),
    "container": Word("no container between", TELLS, "a container hides interfaces and devices of the machine",
                      "docker run --network host --cap-add NET_ADMIN --device /dev/udmabuf -v /sys:/sys:ro ..."),
    "exporter": Word("something to bind", STOPS, "a binding is of a dmabuf, and somebody must export one",
                     "sudo modprobe udmabuf (needs CONFIG_UDMABUF=m or y); in a container: --device /dev/udmabuf"),
    "optmem": Word("room for completions", HELPS, "every zerocopy send that is not yet reported takes some of it",
                   "sudo sysctl -w net.core.optmem_max=131072"),
    "memlock": Word("locked memory", HELPS, "zerocopy sends from host memory are charged to it (device memory is not)",
                    "ulimit -l unlimited, or LimitMEMLOCK=infinity in the service"),
    "tools": Word("tools", HELPS, "the commands below are given for them", "sudo apt-get install ethtool iproute2"),
    "interface": Word("network interface", STOPS, "a NIC does the work, and none is visible here",
                      "name one: devmemlab doctor IFNAME; in a container: --network host"),
    "queues": Word("queue management", STOPS, "a queue must be stopped and started alone to change its memory",
                   "use a NIC whose driver can do it: Broadcom 575xx (bnxt_en), Google gVNIC (gve), NVIDIA ConnectX-7 "
                   "(mlx5_core), Meta (fbnic)"),
    "link": Word("link", STOPS, "nothing arrives at an interface that is down", "sudo ip link set {ifname} up"),
    "channels": Word("RX queues", STOPS, "the bound queue takes device traffic only, so another must take the rest",
                     "sudo ethtool -L {ifname} combined 2"),
    "split": Word("header split", STOPS, "headers go to the host and payload to the device; bind-rx checks the stored setting",
                  "sudo ethtool -G {ifname} tcp-data-split on"),
    "thresh": Word("split threshold", STOPS, "a shorter payload would stay in host memory; bind-rx wants 0",
                   "sudo ethtool -G {ifname} hds-thresh 0"),
    "xdp": Word("no XDP program", STOPS, "a program would read payload that the CPU cannot; bind-rx answers EEXIST",
                "sudo ip link set {ifname} xdp off"),
    "rss": Word("a queue without RSS", STOPS, "other connections that land in the bound queue get EFAULT",
                "sudo ethtool -X {ifname} equal 1 (the highest queues are free then)"),
    "rules": Word("n-tuple rules", STOPS, "a rule is what brings the connection to the bound queue",
                  "sudo ethtool -K {ifname} ntuple on"),
    "bindings": Word("free queues", TELLS, "a queue has one memory provider at a time",
                     "end the process that holds it, or bind another queue"),
    "mtu": Word("MTU", HELPS, "each packet takes a page however short it is: 1448 octets of 4096 with MTU 1500",
                "sudo ip link set {ifname} mtu 9000 (and on every hop)"),
    "transmit": Word("sending from device memory", HELPS, "bind-tx needs a driver with netmem TX, and kernel 6.16",
                     "receiving works without; update kernel and driver"),
    "distance": Word("distance to accelerators", HELPS, "payload crosses what lies between NIC and GPU; the CPU's bridge is "
                     "slow or refuses", "put NIC and GPU below one PCIe switch, or choose another pair"),
    "iommu": Word("IOMMU", HELPS, "a translating IOMMU takes peer traffic through the CPU",
                  "kernel command line: iommu=pt (the device must be trusted)"),
    "acs": Word("ACS", HELPS, "redirected requests between NIC and GPU go up to the CPU and back",
                "switch ACS off in the firmware, or: sudo setpci -s BRIDGE ECAP_ACS+6.w=0"),
}
"""Key of a finding -> what is said about it."""
